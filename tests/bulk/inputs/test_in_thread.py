"""A blocking generator as an async iterator: bounded, off the loop, and closed."""

import threading
from collections.abc import Generator
from contextlib import aclosing

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.in_thread import MOST_AT_ONCE, in_thread


@given(st.integers(0, 3 * MOST_AT_ONCE))
async def test_every_row_once_and_in_order(rows: int) -> None:
    assert [row async for row in in_thread(n for n in range(rows))] == list(range(rows))


@pytest.mark.parametrize("taken", [1, 100, 5000])
async def test_it_runs_ahead_by_no_more_than_a_batch(taken: int) -> None:
    made = 0
    closed = threading.Event()

    def rows() -> Generator[int]:
        nonlocal made
        try:
            while True:
                made += 1
                yield made
        finally:
            closed.set()

    async with aclosing(in_thread(rows())) as found:
        for _ in range(taken):
            await anext(found)
        assert taken <= made <= 2 * taken + MOST_AT_ONCE
        assert not closed.is_set()
    assert closed.is_set()


async def test_rows_before_an_error_come_first() -> None:
    def rows() -> Generator[int]:
        yield from range(10)
        raise ManifestError("the disk failed")

    found = in_thread(rows())
    assert [await anext(found) for _ in range(10)] == list(range(10))
    with pytest.raises(ManifestError):
        await anext(found)
