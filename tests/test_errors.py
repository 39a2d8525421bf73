"""Errors: one tree, drawn in the module's docstring, and one line for a person that nobody else can break."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, strategies as st

from asyncup import errors
from asyncup.errors import (
    AsyncupError,
    DestinationError,
    JobFailed,
    LimitExceeded,
    LoginError,
    MalformedAnswer,
    Phase,
    SourceError,
    TransportError,
    VaultError,
)

CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, Exception)]
TEXT = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Zs"]), max_size=20)

# One of each kind, by what their constructors ask for.
MAKERS: dict[type[AsyncupError], Callable[[type[AsyncupError], str], AsyncupError]] = {
    AsyncupError: lambda kind, text: kind(text),
    DestinationError: lambda _, text: DestinationError(text, "ends in a slash"),
    LimitExceeded: lambda _, text: LimitExceeded("max_parts", 2, 1, text),
    SourceError: lambda kind, text: kind(text, text) if issubclass(kind, SourceError) else kind(text),
    TransportError: lambda kind, text: (
        kind("uploading a part", Phase.WRITE, text) if issubclass(kind, TransportError) else kind(text)
    ),
    VaultError: lambda kind, text: (
        kind("uploading a part", status=200, vault_message=text) if issubclass(kind, VaultError) else kind(text)
    ),
}


def make(kind: type[AsyncupError], text: str) -> AsyncupError:
    """An error of that kind whose message holds `text`."""
    maker = next(MAKERS[base] for base in kind.__mro__ if base in MAKERS)
    error = maker(kind, text)
    assert type(error) is kind
    return error


def test_every_class_is_in_the_drawing_where_it_belongs() -> None:
    drawing = re.findall(r"^    ((?:[│├└─ ]*))(\w+)(?:  .*)?$", errors.__doc__ or "", re.MULTILINE)
    parents: dict[str, str] = {}
    above: list[str] = []
    for lines, name in drawing:
        depth = len(lines) // 4
        del above[depth:]
        parents[name] = above[-1] if above else "Exception"
        above.append(name)
    assert parents == {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES}
    assert len(parents) > 20


def test_every_class_is_exported_and_says_what_it_is() -> None:
    assert {kind.__name__ for kind in CLASSES} | {"Phase"} == set(errors.__all__)
    for kind in CLASSES:
        assert kind.__doc__, kind


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_is_caught_by_the_root(kind: type[AsyncupError]) -> None:
    assert issubclass(kind, AsyncupError)


@pytest.mark.parametrize("kind", CLASSES)
@given(text=TEXT, path=st.none() | TEXT, hint=TEXT, attempts=st.none() | st.integers(1, 9))
@example(text="two\nlines", path="a\nfile\udcff", hint="", attempts=2)
@example(text="\x1b[31mred", path=None, hint="", attempts=None)
def test_the_words_are_one_line_that_can_be_printed(
    kind: type[AsyncupError], text: str, path: str | None, hint: str, attempts: int | None
) -> None:
    error = make(kind, text).locate(path=path, part=3, attempts=attempts)
    error.hint = error.hint or hint
    for line in (str(error), error.message, repr(error)):
        assert line.isprintable()
        line.encode("utf-8")
    assert "part 3" in str(error)
    assert ("(tried" in str(error)) == (attempts is not None and attempts > 1)


def test_an_innocent_text_is_not_changed() -> None:
    error = AsyncupError("video  \N{SNOWMAN}.mp4 is gone", hint="Look  again")
    assert str(error) == "video  \N{SNOWMAN}.mp4 is gone. Look  again"
    assert str(AsyncupError("a\tb\n\udcff")) == r"a\tb\n\udcff"


def test_where_it_happened_stands_in_front() -> None:
    error = AsyncupError("broke", hint="Try again").locate(path="a.bin", part=2, session_id="s", attempts=3)
    assert str(error) == "a.bin: part 2: broke (tried 3 times). Try again"
    assert (error.path, error.part, error.session_id, error.attempts) == ("a.bin", 2, "s", 3)
    assert str(AsyncupError("a.bin is gone").locate(path="a.bin")) == "a.bin is gone"
    assert str(AsyncupError("broke").locate(attempts=1)) == "broke"


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "path": st.sampled_from(["a", "b", ""]),
                "part": st.integers(1, 3),
                "session_id": st.sampled_from(["s", "t"]),
                "attempts": st.integers(1, 3),
            },
        )
    )
)
def test_what_an_inner_layer_said_is_kept(said: list[dict[str, str | int]]) -> None:
    error = AsyncupError("broke")
    for facts in said:
        assert error.locate(**facts) is error  # type: ignore[arg-type] # each has its type above
    for name in ("path", "part", "session_id", "attempts"):
        first = next((facts[name] for facts in said if name in facts), None)
        assert getattr(error, name) == first


def test_facts_are_attributes() -> None:
    limit = LimitExceeded("max_parts", 2001, 2000, "too many", hint="Choose larger parts")
    assert (limit.limit, limit.asked, limit.allowed) == ("max_parts", 2001, 2000)
    assert str(limit) == "too many [max_parts is 2000, asked for 2001]. Choose larger parts"
    broke = TransportError("uploading a part", Phase.ANSWER, "reset")
    assert (broke.operation, broke.phase, broke.reason) == ("uploading a part", Phase.ANSWER, "reset")
    assert str(broke) == "uploading a part: broke while waiting for the answer: reset"
    assert LoginError("x", status=200).expired is False
    assert JobFailed("x", status=200).job_id == 0
    assert MalformedAnswer("x", status=200).beginning == ""


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"status": 502}, "asking: Vault said HTTP 502"),
        ({"status": 502, "vault_message": "bad"}, "asking: Vault said HTTP 502: bad"),
        ({"status": 200, "error_type": "INVALID_DATA"}, "asking: Vault said INVALID_DATA"),
        (
            {"status": 200, "error_type": "INVALID_DATA", "vault_message": "bad", "execution_id": "e-1", "hint": "Do"},
            "asking: Vault said INVALID_DATA: bad [execution e-1]. Do",
        ),
    ],
)
def test_what_vault_said(facts: dict[str, object], words: str) -> None:
    error = VaultError("asking", **facts)  # type: ignore[arg-type] # each has its type above
    assert str(error) == words
    for name, value in facts.items():
        assert getattr(error, name) == value


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_another_process(kind: type[AsyncupError]) -> None:
    error = make(kind, "broke").locate(path="a.bin", part=2, attempts=3)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
