"""Pages and their cursors."""

from itertools import count

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator import Switches
from asyncup.emulator.paging import Pages
from asyncup.emulator.refusal import Refusal


@given(st.integers(0, 20), st.integers(1, 7))
def test_the_pages_are_the_rows(total: int, limit: int) -> None:
    pages, rows, ids = Pages(Switches()), [{"n": n} for n in range(total)], count()
    page, cursor = pages.first(rows, limit, 0.0, f"c{next(ids)}")
    found = list(page)
    while cursor is not None:
        assert len(page) == limit
        page, cursor = pages.next(cursor, limit, 1.0, f"c{next(ids)}")
        found += page
    assert found == rows


def test_a_cursor_may_be_asked_again_for_half_an_hour_from_the_first_query() -> None:
    pages = Pages(Switches())
    _, first = pages.first([{"n": n} for n in range(3)], 1, 0.0, "a")
    assert first == "a"
    assert pages.next("a", 1, 1700.0, "b") == pages.next("a", 1, 1700.0, "b") == ([{"n": 1}], "b")
    assert pages.next("b", 1, 1800.0, "c") == ([{"n": 2}], None)
    for cursor in ("b", "unknown"):
        with pytest.raises(Refusal, match="cursor"):
            pages.next(cursor, 1, 1800.1, "d")


@pytest.mark.parametrize("given", ["0", "1001", "x", "", "-1"])
def test_limits_out_of_range(given: str) -> None:
    with pytest.raises(Refusal, match="limit"):
        Pages(Switches()).limit(given)


def test_limits_in_range() -> None:
    pages = Pages(Switches())
    assert [pages.limit(given) for given in (None, "1", "1000")] == [1000, 1, 1000]
