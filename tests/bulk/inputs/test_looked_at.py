"""Batches for the journal, of files that were looked at."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble
from asyncup.bulk.inputs.looked_at import looked_at
from asyncup.pipeline.source import SourceIdentity
from tests.bulk.journals import identity, item


async def given(inputs: list[Input]) -> AsyncIterator[Input]:
    for one in inputs:
        yield one


async def test_files_are_looked_at_off_the_loop(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    known = item(1, identity=identity(7))
    there = item(2, file=str(tmp_path / "a"), identity=None)
    others = [item(3, file=str(tmp_path), identity=None), item(4, identity=None), item(5, file="a\0", identity=None)]
    broken = BrokenInput(name="x", trouble=Trouble.QUOTES, reason="x", row=6)
    with blockbuster_ctx():
        found = [one async for batch in looked_at(given([known, there, *others, broken])) for one in batch]
    assert found == [known, replace(there, identity=SourceIdentity.of((tmp_path / "a").stat())), *others, broken]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 11), (4, [1, 2, 4, 4]), (99, [1, 2, 4, 4])])
async def test_batches_grow(most: int, sizes: list[int]) -> None:
    inputs: list[Input] = [item(n) for n in range(11)]
    batches = [batch async for batch in looked_at(given(inputs), most=most)]
    assert [len(batch) for batch in batches] == sizes
    assert [one for batch in batches for one in batch] == inputs
