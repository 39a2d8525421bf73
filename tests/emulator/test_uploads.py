"""The rules of parts, as tables and against a second model of them."""

import pytest
from hypothesis import given, settings, strategies as st

from asyncup.emulator.refusal import Refusal
from asyncup.emulator.switches import Switches
from asyncup.emulator.uploads import Part, UploadSession

SWITCHES = Switches(part_min_bytes=5, part_max_bytes=10, part_count_max=4)
LATE = Switches(part_min_bytes=5, part_max_bytes=10, part_count_max=4, unequal_parts="at-commit")


def session(size: int, *sizes: int, switches: Switches = SWITCHES) -> UploadSession:
    upload = UploadSession("id", "/u1/a", 1, size, False, 0.0, 1000.0, 0.0)
    for number, part_size in enumerate(sizes, 1):
        upload.hold(Part(number, part_size, f"{number:032x}"), float(number), switches)
    return upload


@pytest.mark.parametrize(
    ("held", "number", "size"),
    [
        ((), 1, 5),
        ((), 1, 10),
        ((5,), 2, 5),
        ((5,), 1, 7),  # overwritten while nothing follows it
        ((5, 5), 2, 5),
        ((5, 5), 1, 5),
        ((5, 5), 3, 2),  # the last one is free: smaller
        ((5,), 2, 7),  # larger
        ((5, 7), 2, 5),  # a last one that is overwritten is not the last any more
    ],
)
def test_parts_that_are_taken(held: tuple[int, ...], number: int, size: int) -> None:
    upload = session(12, *held)
    upload.hold(Part(number, size, "f" * 32), 9.0, SWITCHES)
    assert upload.parts[number].size == size
    assert upload.uploaded == sum(part.size for part in upload.parts.values())
    assert upload.last_uploaded_at == 9.0


@pytest.mark.parametrize(
    ("held", "number", "size", "error_type"),
    [
        ((), 0, 5, "INVALID_DATA"),
        ((5, 5), 5, 5, "INVALID_DATA"),  # more than part_count_max
        ((), 2, 5, "OPERATION_NOT_ALLOWED"),
        ((5,), 3, 5, "OPERATION_NOT_ALLOWED"),
        ((), 1, 4, "INVALID_DATA"),
        ((), 1, 11, "INVALID_DATA"),
        ((5,), 2, 6, "INVALID_DATA"),
        ((5, 5), 1, 6, "INVALID_DATA"),
        ((5, 5), 3, 3, "OPERATION_NOT_ALLOWED"),  # more than declared
        ((5, 5, 2), 4, 0, "OPERATION_NOT_ALLOWED"),  # nothing is missing any more
    ],
)
def test_parts_that_are_refused(held: tuple[int, ...], number: int, size: int, error_type: str) -> None:
    upload = session(12, *held)
    with pytest.raises(Refusal) as refusal:
        upload.hold(Part(number, size, "f" * 32), 9.0, SWITCHES)
    assert refusal.value.error_type == error_type
    assert [part.size for part in upload.in_order()] == list(held)


def test_too_many_bytes_are_refused_in_vaults_own_words() -> None:
    with pytest.raises(Refusal, match="Unable to upload additional file parts/bytes"):
        session(6, 5).admit(2, 2, SWITCHES)


def test_a_committed_session_takes_nothing_more() -> None:
    upload = session(7, 5, 2)
    upload.commit(SWITCHES)
    with pytest.raises(Refusal):
        upload.admit(2, 2, SWITCHES)
    with pytest.raises(Refusal):
        upload.commit(SWITCHES)


def test_commit_needs_every_byte() -> None:
    with pytest.raises(Refusal, match="5 of 7 bytes"):
        session(7, 5).commit(SWITCHES)


@pytest.mark.parametrize("sizes", [(4, 8), (5, 6, 1)])
def test_unequal_parts_may_be_found_at_commit_only(sizes: tuple[int, ...]) -> None:
    upload = session(12, *sizes, switches=LATE)
    with pytest.raises(Refusal):
        upload.commit(LATE)


def test_the_life_may_be_extended_by_parts() -> None:
    extended = Switches(part_min_bytes=5, session_life_s=100, session_life_extended=True)
    assert session(12, 5, switches=extended).expires_at == 101.0
    assert session(12, 5).expires_at == 1000.0


@settings(max_examples=200)
@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12)), max_size=12),
)
def test_whatever_comes_the_parts_fit_together(size: int, asked: list[tuple[int, int]]) -> None:
    upload = session(size)
    for number, part_size in asked:
        try:
            upload.hold(Part(number, part_size, "0" * 32), 0.0, SWITCHES)
        except Refusal:
            continue
    parts = upload.in_order()
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert upload.uploaded == sum(part.size for part in parts) <= size
    assert len({part.size for part in parts[:-1]}) <= 1
    assert all(SWITCHES.part_min_bytes <= part.size for part in parts[:-1])
    if upload.uploaded == size:
        upload.commit(SWITCHES)
    elif parts:
        assert parts[-1].size == parts[0].size >= SWITCHES.part_min_bytes
