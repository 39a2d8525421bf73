"""The files of a soak: sizes and contents that a seed decides. Must not know who uploads them."""

from __future__ import annotations

import filecmp
import random
from dataclasses import dataclass
from pathlib import Path

KIB, MB = 1024, 1_000_000
SIZES = ((0.72, 1, 64 * KIB), (0.18, 64 * KIB, MB), (0.09, MB, 4 * MB), (0.01, 4 * MB, 60 * MB))
"""Shares of all files, each with its least and its largest size; 1 byte and 60 MB are always among them."""
FOLDERS = 20
PATTERN_BYTES = 4 * MB


@dataclass(frozen=True)
class SoakFile:
    """A file and where it goes."""

    path: Path
    destination: str
    size: int


def make_files(folder: Path, count: int, rng: random.Random) -> list[SoakFile]:
    """Write them. Every one has bytes of its own, from an offset of its own in a random pattern."""
    pattern = rng.randbytes(PATTERN_BYTES)
    folder.mkdir()
    files = []
    for number in range(count):
        size = _size(number, rng)
        path = folder / f"{number}.bin"
        with path.open("wb") as file:
            file.write(rng.randbytes(min(size, 16)))
            left = size - file.tell()
            start = rng.randrange(PATTERN_BYTES)
            while left > 0:
                left -= file.write(pattern[start : start + left])
                start = rng.randrange(PATTERN_BYTES)
        files.append(SoakFile(path, f"/u1/soak/{number % FOLDERS}/{number}.bin", size))
    rng.shuffle(files)
    return files


def _size(number: int, rng: random.Random) -> int:
    if number < 2:
        return (1, 60 * MB)[number]
    _, least, largest = rng.choices(SIZES, [share for share, _, _ in SIZES])[0]
    return rng.randint(least, largest)


def complaints(files: list[SoakFile], stored: Path) -> list[str]:
    """What is wrong below the folder where the Vault keeps its files: other bytes, missing files, files too many."""
    wrong = []
    for file in files:
        there = stored / file.destination.strip("/")
        if not there.exists():
            wrong.append(f"{file.destination} is not there")
        elif not filecmp.cmp(file.path, there, shallow=False):
            wrong.append(f"{file.destination} has other bytes")
    expected = {file.destination for file in files}
    found = {f"/{path.relative_to(stored).as_posix()}" for path in (stored / "u1/soak").rglob("*") if path.is_file()}
    return wrong + [f"{path} was never uploaded" for path in sorted(found - expected)]
