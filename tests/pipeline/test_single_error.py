"""One exception out of any nest of groups, and none of what it knows lost."""

import traceback

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import AsyncupError, Phase, SourceChanged, SourceUnreadable, VaultUnreachable
from asyncup.pipeline.single_error import forget_session, naming_session, raise_single_error


def nested(leaves: list[Exception], shape: list[int]) -> ExceptionGroup[Exception]:
    """Put errors, in their order, into groups within groups."""
    group: Exception | None = None
    rest = list(leaves)
    for size in shape:
        taken, rest = rest[:size], rest[size:]
        if taken or group:
            group = ExceptionGroup("tasks", [*([group] if group else []), *taken])
    return ExceptionGroup("tasks", [*([group] if group else []), *rest] or leaves)


@given(st.integers(1, 6), st.integers(0, 5), st.lists(st.integers(0, 3), max_size=5))
def test_a_bug_or_the_callers_own_comes_before_ours(ours: int, at: int, shape: list[int]) -> None:
    errors: list[Exception] = [AsyncupError(f"error {number}") for number in range(ours)]
    bug = ZeroDivisionError()
    errors.insert(at, bug)
    with pytest.raises(ZeroDivisionError) as raised, raise_single_error("file"):
        raise nested(errors, shape)
    assert raised.value is bug


@given(st.integers(1, 6), st.lists(st.integers(0, 3), max_size=5))
def test_the_first_of_ours_is_raised_and_says_which_file(ours: int, shape: list[int]) -> None:
    errors: list[Exception] = [AsyncupError(f"error {number}") for number in range(ours)]
    with pytest.raises(AsyncupError) as raised, raise_single_error("file"):
        raise nested(errors, shape)
    assert raised.value is errors[0]
    assert raised.value.path == "file"


def test_an_error_that_is_alone_says_which_file_too() -> None:
    error = VaultUnreachable("asking", Phase.CONNECT, "away")
    with pytest.raises(VaultUnreachable) as raised, raise_single_error("file"):
        raise error
    assert raised.value is error
    assert error.path == "file"


def test_a_path_that_is_known_is_kept() -> None:
    with pytest.raises(SourceChanged) as raised, raise_single_error("file"):
        raise SourceChanged("./file", "./file changed")
    assert raised.value.path == "./file"


@pytest.mark.parametrize("in_a_group", [True, False])
def test_the_cause_is_kept(*, in_a_group: bool) -> None:
    """What the operating system said is in the cause: a report of a failed upload needs it."""

    def fail() -> None:
        raise SourceUnreadable("file", "file cannot be read") from OSError("the disk is broken")

    def fail_in_a_group() -> None:
        try:
            fail()
        except SourceUnreadable as error:
            raise ExceptionGroup("tasks", [error]) from None

    with pytest.raises(SourceUnreadable) as raised, raise_single_error("file"):
        fail_in_a_group() if in_a_group else fail()
    assert isinstance(raised.value.__cause__, OSError)
    shown = "".join(traceback.format_exception(raised.value))
    assert "the disk is broken" in shown
    assert "ExceptionGroup" not in shown


def test_other_exceptions_pass() -> None:
    for kind in (KeyboardInterrupt, GeneratorExit, ValueError):
        with pytest.raises(kind), raise_single_error("file"):
            raise kind


def test_nothing_is_raised_when_nothing_was() -> None:
    with raise_single_error("file"):
        pass


@pytest.mark.parametrize("in_a_group", [True, False])
def test_what_an_exception_came_out_of_is_kept_and_no_group_added(*, in_a_group: bool) -> None:
    """A group holds on to tracebacks, and so to the buffers of an upload that is over."""

    class TheCallers(Exception):
        pass

    def fail() -> None:
        try:
            dict[str, int]()["theirs"]
        except KeyError:
            raise TheCallers  # noqa: B904 - the implicit context is what is looked at

    def fail_in_a_group() -> None:
        try:
            fail()
        except TheCallers as error:
            raise ExceptionGroup("tasks", [error]) from None

    with pytest.raises(TheCallers) as raised, raise_single_error("file"):
        fail_in_a_group() if in_a_group else fail()
    assert isinstance(raised.value.__context__, KeyError)
    assert not raised.value.__suppress_context__
    assert "theirs" in "".join(traceback.format_exception(raised.value))


MIXED = st.lists(st.sampled_from([AsyncupError, ValueError, KeyError]), min_size=1, max_size=6)


@given(MIXED, st.lists(st.integers(0, 3), max_size=5))
def test_every_one_of_ours_names_the_session_until_it_is_no_more(
    kinds: list[type[Exception]], shape: list[int]
) -> None:
    errors = [kind("failed") for kind in kinds]
    with pytest.raises(ExceptionGroup) as raised, naming_session("session 1"):
        raise nested(errors, shape)
    ours = [error for error in errors if isinstance(error, AsyncupError)]
    assert [error.session_id for error in ours] == ["session 1"] * len(ours)
    forget_session(raised.value)
    assert [error.session_id for error in ours] == [None] * len(ours)
    assert not any(hasattr(error, "session_id") for error in errors if error not in ours)


def test_an_error_that_is_alone_names_the_session_too() -> None:
    error = AsyncupError("failed")
    with pytest.raises(AsyncupError) as raised, naming_session("session 1"):
        raise error
    assert raised.value is error
    assert error.session_id == "session 1"
    with pytest.raises(AsyncupError), naming_session("session 2"):
        raise error
    assert error.session_id == "session 1", "what is known is kept"
