"""Sessions in any state against a model: what is kept, what is sent again, what is refused.

The model is the rules in other words, on bytes instead of MD5s, and knows nothing of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings, strategies as st

from asyncup import upload
from asyncup.errors import AsyncupError, LimitExceeded, UploadSessionConflict
from asyncup.protocol.resume import ResumeCheck
from tests.fakes.memory_vault import SMALL, Endpoint, MemoryVault, lost_after, lost_before
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, outcome, succeeded

PATH = "/u1/local.bin"
CONTENT = bytes(range(256)) * 180  # 46 080 bytes: five parts of 10 000
CHECKS: tuple[ResumeCheck, ...] = ("all", "last", "none")


def flip(part: bytes) -> bytes:
    return bytes([part[0] ^ 1]) + part[1:]


@dataclass(frozen=True)
class Left:
    """What an upload session holds.

    Attributes:
        part_size: of its parts, which may be somebody else's choice.
        count: how many parts there are.
        flipped: numbers of those with another first byte than the file's.
        missing: numbers of those that are not there after all.
        short: numbers of those that lack their last byte.
        unlisted: numbers that are listed without an MD5.
    """

    part_size: int = PART_SIZE
    count: int = 0
    flipped: frozenset[int] = field(default=frozenset())
    missing: frozenset[int] = field(default=frozenset())
    short: frozenset[int] = field(default=frozenset())
    unlisted: frozenset[int] = field(default=frozenset())

    def parts(self) -> dict[int, bytes]:
        """The bytes by number."""
        pieces = [CONTENT[at : at + self.part_size] for at in range(0, len(CONTENT), self.part_size)]
        held = dict(enumerate(pieces[: self.count], start=1))
        for number in self.flipped & held.keys():
            held[number] = flip(held[number])
        for number in self.short & held.keys():
            held[number] = held[number][:-1]
        for number in self.missing:
            held.pop(number, None)
        return held


def model(left: Left, check: ResumeCheck) -> int | type[AsyncupError]:
    """How many parts are kept, or the refusal."""
    held = left.parts()
    if not held:
        return 0
    size = len(held.get(1, b""))
    mine = {number: CONTENT[(number - 1) * size : number * size] for number in range(1, len(held) + 1)}
    if {n: len(part) for n, part in held.items()} != {n: len(part) for n, part in mine.items()}:
        return UploadSessionConflict
    if len(CONTENT) > size * SMALL.max_parts:
        return LimitExceeded
    return kept_by_their_bytes(left, held, mine, check)


def kept_by_their_bytes(
    left: Left, held: dict[int, bytes], mine: dict[int, bytes], check: ResumeCheck
) -> int | type[AsyncupError]:
    """The same, of parts with the right numbers and sizes."""
    last = len(held)
    vouched = min([number for number in left.unlisted if number in held], default=last + 1) - 1
    same = {number: held[number] == mine[number] for number in range(1, vouched + 1)}
    if check == "none" or not vouched or (check == "last" and same[vouched]):
        return vouched
    wrong = [number for number in same if not same[number]]
    if not wrong:
        return vouched
    return last - 1 if wrong == [last] and last > 1 else UploadSessionConflict


def some_of(most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.just(frozenset[int]()) | st.frozensets(st.integers(1, most), max_size=3)


LEFT = st.builds(
    Left,
    part_size=st.sampled_from([PART_SIZE, 2000, 9_999]) | st.integers(1000, 10_000) | st.integers(900, 921),
    count=st.integers(0, 6) | st.integers(0, 46),
    flipped=some_of(6),
    missing=some_of(6) | st.just(frozenset[int]()),
    short=st.just(frozenset[int]()) | some_of(6),
    unlisted=some_of(6),
)


async def check_against_the_model(file: LocalFile, left: Left, check: ResumeCheck) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, len(CONTENT))
    held = memory.sessions[session_id].parts = left.parts()
    memory.unlisted_md5s = set(left.unlisted)
    before = dict(held)
    options = replace(OPTIONS, resume_check=check, part_size=None)
    async with memory.vault() as vault:
        # Who took such parts goes on taking them, whatever the client believes of the least size ("5MB").
        least = min(map(len, held.values()), default=SMALL.min_part_size)
        memory.limits = replace(SMALL, min_part_size=min(SMALL.min_part_size, least))
        result = await outcome(upload(file.path, session_id, vault=vault, options=options, commit=True))
    expected = model(left, check)
    if not isinstance(expected, int):
        assert type(result) is expected
        assert result.session_id == session_id
        assert memory.effects == []
        assert memory.sessions[session_id].parts == before
        return
    done = succeeded(result)
    kept = b"".join(before[number] for number in range(1, expected + 1))
    assert memory.items == {PATH: kept + CONTENT[len(kept) :]}
    assert done.resumed_parts == expected
    assert not before or done.part_size == len(before[1])
    assert memory.effects.count(Endpoint.PUT_PART) == done.parts - expected
    assert done.bytes_written == len(CONTENT) - len(kept)
    assert check != "all" or memory.items == {PATH: CONTENT}
    memory.assert_clean()


@settings(max_examples=settings().max_examples * 2)
@given(left=LEFT, check=st.sampled_from(CHECKS))
@example(left=Left(count=3, unlisted=frozenset({1, 2, 3})), check="all")
@example(left=Left(count=5, flipped=frozenset({5})), check="last")
@example(left=Left(count=5, flipped=frozenset({2, 5})), check="last")
@example(left=Left(part_size=920, count=10), check="all")
@example(left=Left(part_size=1000, count=1, short=frozenset({1})), check="all")
async def test_what_is_kept_is_what_the_model_keeps(
    tmp_path_factory: pytest.TempPathFactory, left: Left, check: ResumeCheck
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "model.bin", CONTENT)
    await check_against_the_model(file, left, check)


@pytest.mark.parametrize("check", CHECKS)
async def test_a_flipped_part_at_each_place_of_each_length(
    tmp_path_factory: pytest.TempPathFactory, check: ResumeCheck
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "model.bin", CONTENT)
    refused = 0
    for count in range(6):
        for flipped in range(count + 1):
            left = Left(count=count, flipped=frozenset({flipped}))
            await check_against_the_model(file, left, check)
            refused += model(left, check) is UploadSessionConflict
    assert refused == {"all": 11, "last": 1, "none": 0}[check]


@pytest.mark.parametrize("fault", [lost_before, lost_after])
@pytest.mark.parametrize("left", [Left(count=3, flipped=frozenset({3})), Left(count=3, unlisted=frozenset({2}))])
async def test_a_doubt_about_a_part_that_is_sent_again_is_no_conflict(
    tmp_path_factory: pytest.TempPathFactory, left: Left, fault: type
) -> None:
    """What Vault lists then is what was there before, and not somebody else's."""
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "model.bin", CONTENT)
    memory = MemoryVault()
    session_id = memory.open_session(PATH, len(CONTENT))
    memory.sessions[session_id].parts = left.parts()
    memory.unlisted_md5s = set(left.unlisted)
    memory.fail(Endpoint.PUT_PART, fault())
    async with memory.vault() as vault:
        result = await outcome(upload(file.path, session_id, vault=vault, options=OPTIONS, commit=True))
    succeeded(result)
    assert memory.items == {PATH: CONTENT}
    memory.assert_clean()
