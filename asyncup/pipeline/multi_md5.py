"""MD5 of several messages at once on one core: RFC 1321's padding, and pieces of any length, around `_multi_md5`.

A message's own blocks depend on each other, and a core waits for that most of the time: the blocks of other messages
cost nothing beside it. Where the module was not built, or does not compute what hashlib does, `AT_ONCE` is 1. And if it
were wrong later, nothing wrong could come of it: Vault computes its own MD5 of what it gets, and both are compared.
Must not know parts, files or threads.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

try:
    from asyncup.pipeline import _multi_md5 as compiled
except ImportError:
    INSTRUCTIONS: tuple[str, ...] = ()
    """What can be asked of this processor, the fastest last. Nothing where the module was not built."""
    _MOST = 1
else:
    INSTRUCTIONS, _MOST = compiled.INSTRUCTIONS, compiled.MOST

__all__ = ["AT_ONCE", "INSTRUCTIONS", "HashlibMessage", "Message", "advance", "agrees_with_hashlib"]

_BLOCK = 64
_BEGIN = struct.pack("<4I", 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_NOTHING = memoryview(b"")


class Message:
    """A message, given in pieces, that is computed together with others by `advance`.

    Args:
        level: an index of `INSTRUCTIONS`; the fastest unless given.
    """

    def __init__(self, level: int = -1) -> None:
        self.level = level % max(1, len(INSTRUCTIONS))
        self.state = bytearray(_BEGIN)
        self.rest = _NOTHING
        self._tail = b""  # of the pieces before: less than a block
        self._length = 0

    @property
    def ready(self) -> int:
        """How many bytes wait for `advance`."""
        return len(self.rest)

    def give(self, piece: memoryview) -> None:
        """Add to the message, whose `ready` must be 0. The bytes must stay as they are until that is 0 again."""
        self._length += len(piece)
        if self._tail:
            missing = _BLOCK - len(self._tail)
            self._tail += piece[:missing]
            piece = piece[missing:]
            if len(self._tail) < _BLOCK:
                return
            self._compress(self._tail)
        whole = len(piece) - len(piece) % _BLOCK
        self.rest, self._tail = piece[:whole] or _NOTHING, bytes(piece[whole:])

    def digest(self) -> bytes:
        """Return the MD5 of all that was given, when nothing is ready any more. The last call."""
        zeros = -(len(self._tail) + 1 + 8) % _BLOCK
        self._compress(self._tail + b"\x80" + bytes(zeros) + struct.pack("<Q", self._length * 8 % 2**64))
        return bytes(self.state)

    def _compress(self, blocks: bytes) -> None:
        compiled.advance([self.state], [blocks], len(blocks), self.level)


class HashlibMessage(Message):
    """A message on its own: computed by hashlib, as it is given. Nothing of it waits for `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def give(self, piece: memoryview) -> None:
        """See `Message`."""
        self._md5.update(piece)

    def digest(self) -> bytes:
        """See `Message`."""
        return self._md5.digest()


def advance(messages: Sequence[Message], most: int) -> None:
    """Compute the bytes that all of some messages have ready, of each the same number.

    Args:
        messages: one to `AT_ONCE`, all of one level, none of which has nothing ready.
        most: bytes of each at most: a multiple of 64.
    """
    length = min(most, *(message.ready for message in messages))
    states, rests = [message.state for message in messages], [message.rest for message in messages]
    compiled.advance(states, rests, length, messages[0].level)
    for message in messages:
        message.rest = message.rest[length:] or _NOTHING  # a view of no bytes, too, would hold the memory


def agrees_with_hashlib(level: int) -> bool:
    """Return whether these instructions of this processor compute what hashlib does: of one message, and of many."""
    for count in range(1, _MOST + 1):
        contents = [bytes(range(number, number + 150)) for number in range(count)]
        messages = [Message(level) for _ in contents]
        for message, content in zip(messages, contents, strict=True):
            message.give(memoryview(content))
        advance(messages, 2 * _BLOCK)
        if [m.digest() for m in messages] != [hashlib.md5(c, usedforsecurity=False).digest() for c in contents]:
            return False
    return True


AT_ONCE: int = _MOST if INSTRUCTIONS and agrees_with_hashlib(len(INSTRUCTIONS) - 1) else 1
"""How many messages a core computes at once. 1: each is a `HashlibMessage`."""
