"""Taking in bodies."""

import base64
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator import Switches
from asyncup.emulator.intake import BATCH_BYTES, Shape, check_md5, expected_md5, take_in
from asyncup.emulator.refusal import Refusal
from asyncup.emulator.store import Sink
from tests.emulator.plain_vault import md5


class Kept(Sink):
    """Keeps what it takes."""

    def __init__(self, known_md5: str | None = None) -> None:
        super().__init__(known_md5)
        self.batches: list[bytes] = []

    async def take(self, pieces: Sequence[bytes]) -> None:
        await super().take(pieces)
        self.batches.append(b"".join(pieces))


class FullDisk(Sink):
    async def take(self, pieces: Sequence[bytes]) -> None:
        raise OSError(28, "No space left on device")


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_pieces_are_handed_on_in_batches() -> None:
    sink, piece = Kept(), bytes(1 << 20)
    total = await take_in(pieces_of(*[piece] * 9, b"end"), sink, 1 << 30)
    assert total == 9 * (1 << 20) + 3
    assert [len(batch) for batch in sink.batches] == [BATCH_BYTES, BATCH_BYTES, (1 << 20) + 3]
    assert await sink.finish() == md5(piece * 9 + b"end")


async def test_too_much_is_counted_and_not_kept() -> None:
    sink = Kept()
    assert await take_in(pieces_of(b"123", b"456", b"789"), sink, 6) == 9
    assert sink.batches == [b"123456"]


async def test_a_known_digest_saves_taking() -> None:
    sink = Kept("0" * 32)
    assert await take_in(pieces_of(b"123", b"456"), sink, 3) == 6
    assert sink.batches == []
    assert await sink.finish() == "0" * 32


async def test_a_full_disk_ends_the_body() -> None:
    with pytest.raises(OSError, match="No space"):
        await take_in(pieces_of(*[bytes(BATCH_BYTES)] * 5), FullDisk(), 1 << 30)


async def test_a_client_that_goes_away_ends_the_body() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"1"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await take_in(pieces(), Kept(), 10)


async def test_a_byte_that_arrives_wrong() -> None:
    for at, expected in [(0, b"\xce23456"), (3, b"123\xcb56"), (5, b"12345\xc9"), (6, b"123456")]:
        sink = Kept()
        await take_in(pieces_of(b"123", b"456"), sink, 10, Shape(flip_at=at))
        assert b"".join(sink.batches) == expected


@given(st.binary(min_size=16, max_size=16))
def test_both_forms_of_a_digest(digest: bytes) -> None:
    forms = [digest.hex(), digest.hex().upper(), base64.b64encode(digest).decode() + " "]
    assert {expected_md5(form, Switches()) for form in forms} == {digest.hex()}


def test_no_digest() -> None:
    assert expected_md5(None, Switches()) is None
    assert expected_md5("nonsense", Switches(content_md5="ignored")) is None
    check_md5(None, "0" * 32, Switches())


@pytest.mark.parametrize("given", ["", "x" * 32, "AAAA", "0" * 31, "=" * 24, "\ud800" * 32])
def test_what_is_no_digest(given: str) -> None:
    with pytest.raises(Refusal, match="Content-MD5"):
        expected_md5(given, Switches())
