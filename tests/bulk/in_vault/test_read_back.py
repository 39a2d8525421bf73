"""The MD5 of what Vault holds, read in ranges."""

import hashlib
import random

import anyio
import anyio.lowlevel
import pytest

from asyncup.bulk.in_vault import read_back
from asyncup.bulk.in_vault.read_back import md5_read_back
from asyncup.errors import Phase, TransportError

pytestmark = pytest.mark.anyio


class FakeVault:
    def __init__(self, content: bytes, *, fails_at: int | None = None) -> None:
        self.content = content
        self.fails_at = fails_at
        self.in_flight = 0
        self.most_in_flight = 0

    async def download(self, item: str, *, offset: int, length: int) -> bytes:
        assert item == "/u1/a"
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for _ in range(random.randrange(1, 5)):
            await anyio.lowlevel.checkpoint()
        self.in_flight -= 1
        if offset == self.fails_at:
            raise TransportError("downloading", Phase.ANSWER, "reset")
        assert offset + length <= len(self.content)
        return self.content[offset : offset + length]


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "_RANGE", 100)


@pytest.mark.parametrize("size", [1, 99, 100, 101, 400, 1234])
async def test_the_ranges_are_hashed_in_order(size: int) -> None:
    vault = FakeVault(random.randbytes(size))
    assert await md5_read_back(vault, "/u1/a", size) == md5_of(vault.content)
    assert 1 <= vault.most_in_flight <= 4
    assert (vault.most_in_flight > 1) == (size > 100)


async def test_a_range_that_cannot_be_read_raises_its_own_error() -> None:
    with pytest.raises(TransportError):
        await md5_read_back(FakeVault(bytes(1000), fails_at=500), "/u1/a", 1000)
