"""MD5 of several messages at once is hashlib's: of any bytes in any pieces, beside any others."""

import hashlib
import mmap
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline.multi_md5 import AT_ONCE, INSTRUCTIONS, HashlibMessage, Message, advance, agrees_with_hashlib
from tests.pipeline.files import md5

if INSTRUCTIONS:
    from asyncup.pipeline import _multi_md5

needs_it = pytest.mark.skipif(not INSTRUCTIONS, reason="built without a C compiler")
LEVELS = pytest.mark.parametrize("level", range(len(INSTRUCTIONS)), ids=INSTRUCTIONS)
PIECES = st.lists(st.binary(max_size=300), max_size=6)


def test_it_is_there_where_it_can_be_built() -> None:
    """Else every other test of it would be left out, and nobody would hear of it."""
    if sys.platform == "win32" or not shutil.which("cc"):
        pytest.skip("no C compiler of the kind that it needs")
    assert INSTRUCTIONS
    assert INSTRUCTIONS[0] == "portable"
    assert AT_ONCE == 16


def hash_all(contents: list[list[bytes]], messages: list[Message], most: int) -> list[bytes]:
    """Give each message its pieces, and compute them together, as the hasher does."""
    digests: dict[int, bytes] = {}
    left = {
        number: (message, iter(pieces)) for number, (message, pieces) in enumerate(zip(messages, contents, strict=True))
    }
    while left:
        for number, (message, pieces) in list(left.items()):
            while not message.ready:
                piece = next(pieces, None)
                if piece is None:
                    digests[number] = message.digest()
                    del left[number]
                    break
                message.give(memoryview(piece))
        if left:
            advance([message for message, _ in left.values()], most)
    return [digests[number] for number in range(len(messages))]


@needs_it
@LEVELS
@given(contents=st.lists(PIECES, min_size=1, max_size=AT_ONCE), blocks=st.integers(1, 5))
def test_any_messages_in_any_pieces(level: int, contents: list[list[bytes]], blocks: int) -> None:
    digests = hash_all(contents, [Message(level) for _ in contents], 64 * blocks)
    assert digests == [md5(b"".join(pieces)) for pieces in contents]


@needs_it
@LEVELS
@pytest.mark.parametrize("count", range(1, AT_ONCE + 1))
def test_any_number_of_messages(level: int, count: int) -> None:
    contents = [[bytes((number + at) % 251 for at in range(10_000 + number))] for number in range(count)]
    assert hash_all(contents, [Message(level) for _ in contents], 2**20) == [md5(piece) for (piece,) in contents]


@needs_it
@pytest.mark.parametrize("length", [*range(130), 2**29, 2**29 + 1])
def test_any_length(length: int) -> None:
    """Also one whose bits are no 32-bit number. Memory that nobody wrote to takes no room."""
    with mmap.mmap(-1, max(length, 1)) as zeros, memoryview(zeros)[:length] as content:
        message = Message()
        message.give(content)
        if message.ready:
            advance([message], 2**40)
        assert message.ready == 0
        assert message.digest() == hashlib.md5(content, usedforsecurity=False).digest()


@given(PIECES)
def test_alone_by_hashlib(pieces: list[bytes]) -> None:
    message = HashlibMessage()
    for piece in pieces:
        message.give(memoryview(piece))
        assert message.ready == 0
    assert message.digest() == md5(b"".join(pieces))


@needs_it
@LEVELS
def test_what_does_not_compute_md5_is_noticed(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert agrees_with_hashlib(level)
    right = _multi_md5.advance

    def wrong(states: list[bytearray], rests: list[memoryview], length: int, level: int) -> None:
        right(states, rests, length, level)
        if len(states) == AT_ONCE:
            states[-1][0] ^= 1

    monkeypatch.setattr(_multi_md5, "advance", wrong)
    assert not agrees_with_hashlib(level)


@pytest.mark.parametrize(
    "module", ["None", "Namespace(INSTRUCTIONS=('wrong',), MOST=16, advance=lambda *_: None)"], ids=["none", "wrong"]
)
def test_without_a_module_that_computes_md5_each_part_is_hashed_by_hashlib(module: str) -> None:
    program = f"""
import sys
from argparse import Namespace
sys.modules["asyncup.pipeline._multi_md5"] = {module}
from asyncup.pipeline import multi_md5
print(multi_md5.AT_ONCE)
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"1\n"


@needs_it
@pytest.mark.parametrize(
    ("digests", "messages", "length", "level", "error"),
    [
        pytest.param([bytearray(16)], [bytes(64)], 63, 0, ValueError, id="no whole block"),
        pytest.param([bytearray(16)], [bytes(64)], -64, 0, ValueError, id="less than nothing"),
        pytest.param([bytearray(16)], [bytes(64)], 128, 0, ValueError, id="more than there is"),
        pytest.param([bytearray(16)] * 2, [bytes(128), bytes(64)], 128, 0, ValueError, id="more than one has"),
        pytest.param([bytearray(15)], [bytes(64)], 64, 0, ValueError, id="half a digest"),
        pytest.param([bytes(16)], [bytes(64)], 64, 0, BufferError, id="a digest that cannot change"),
        pytest.param([bytearray(16)], ["text"], 64, 0, TypeError, id="no bytes"),
        pytest.param([bytearray(16)], [bytes(64)] * 2, 64, 0, ValueError, id="one digest, two messages"),
        pytest.param([], [], 64, 0, ValueError, id="none"),
        pytest.param([bytearray(16)] * 17, [bytes(64)] * 17, 64, 0, ValueError, id="too many"),
        pytest.param((bytearray(16),), [bytes(64)], 64, 0, TypeError, id="no list"),
        pytest.param([bytearray(16)], [bytes(64)], 64, -1, ValueError, id="no such level"),
        pytest.param([bytearray(16)], [bytes(64)], 64, len(INSTRUCTIONS), ValueError, id="not on this processor"),
    ],
)
def test_what_makes_no_sense_is_refused(
    digests: list[bytearray], messages: list[bytes], length: int, level: int, error: type[Exception]
) -> None:
    before = [bytes(digest) for digest in digests]
    with pytest.raises(error):
        _multi_md5.advance(digests, messages, length, level)
    assert [bytes(digest) for digest in digests] == before
    for digest in digests:
        if isinstance(digest, bytearray):
            digest.append(0)  # nothing holds it any more


@needs_it
def test_nothing_to_compute_changes_nothing() -> None:
    digest = bytearray(range(16))
    _multi_md5.advance([digest], [b""], 0, 0)
    assert digest == bytes(range(16))
