"""Files to upload, which no test may leave mapped."""

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncup.pipeline import hash_ahead, unloaded_part, whole_file
from tests.pipeline.files import LocalFile
from tests.pipeline.leftovers import mappings_of

LINUX = sys.platform == "linux"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are hashed before they are loaded, though they and the memory are small here."""
    monkeypatch.setattr(unloaded_part, "WINDOW", 2**12)
    monkeypatch.setattr(hash_ahead, "_MAPPED_IN", 0)
    monkeypatch.setattr(hash_ahead, "_LEFT_FOR_PARTS", 0)


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are opened and read by several calls, as where the compiled module was not built."""
    monkeypatch.setattr(whole_file, "read_whole", lambda *_: None)
    monkeypatch.setattr(whole_file, "close_unchanged", lambda *_: False)


@pytest.fixture(params=["at once", "step by step"])
def either_way(request: pytest.FixtureRequest) -> None:
    """Small files are read as where the compiled module was built, and as where it was not."""
    if request.param == "step by step":
        request.getfixturevalue("step_by_step")
    elif whole_file.read_whole.__module__ == whole_file.__name__:
        pytest.skip("the compiled module was not built")


@pytest.fixture
def local_file(tmp_path: Path) -> Iterator[LocalFile]:
    """A file of 95 000 bytes in parts of 10 000: nine and a half, with the limits of the memory Vault."""
    file = LocalFile.write(tmp_path / "local.bin", random.Random(1).randbytes(95_000))
    yield file
    if LINUX:
        assert mappings_of(file.path) == 0


@pytest.fixture
def large_file(tmp_path: Path) -> Iterator[LocalFile]:
    """A file of 5 MiB and a bit, which is sent in several slices."""
    file = LocalFile.write(tmp_path / "large.bin", random.Random(2).randbytes(5 * 2**20 + 12_345))
    yield file
    if LINUX:
        assert mappings_of(file.path) == 0


@pytest.fixture
async def complaints() -> list[object]:
    """What the event loop complains of."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: said.append(complaint))
    return said
