"""The grammar of --bwlimit, and which rate holds when."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth, show_bandwidth
from asyncup.errors import ConfigurationError

MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - the clock on the wall
K, M = 1024, 1024**2


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10M", 10 * M),
        ("512k", 512 * K),
        ("1.5M", 1.5 * M),
        ("2MiB", 2 * M),
        ("2MB", 2_000_000),
        ("1g", 1024 * M),
        ("2048B", 2048),
        ("off", None),
        (" OFF ", None),
    ],
)
def test_a_single_rate_holds_always(text: str, rate: float | None) -> None:
    table = parse_bandwidth(text)
    assert {table.rate_at(MONDAY + timedelta(hours=hour)) for hour in range(24 * 7)} == {rate}


def test_a_timetable_by_day_night_and_weekend() -> None:
    table = parse_bandwidth("08:00,512K 19:00,10M Sat-00:00,off Sat-08:00,off Mon-00:00,1M")
    seen = [
        table.rate_at(MONDAY + timedelta(days=day, hours=hour, minutes=minute))
        for day, hour, minute in [
            (0, 0, 0),
            (0, 7, 59),
            (0, 8, 0),
            (0, 19, 0),
            (1, 3, 0),
            (5, 0, 0),
            (5, 9, 0),
            (6, 0, 0),
        ]
    ]
    assert seen == [M, M, 512 * K, 10 * M, 10 * M, None, None, 10 * M]


def test_before_the_first_entry_of_the_week_the_last_one_holds() -> None:
    table = parse_bandwidth("Wed-12:00,1M Fri-12:00,2M")
    assert table.rate_at(MONDAY) == 2 * M
    assert table.rate_at(MONDAY + timedelta(days=2, hours=12)) == M
    assert table.rate_at(MONDAY + timedelta(days=6, hours=23)) == 2 * M


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("10", "with its unit"),
        ("10X", "unit is unknown"),
        ("M", "with its unit"),
        ("-1M", "with its unit"),
        ("0M", "no use"),
        ("1B", "no use"),
        ("25:00,1M", "no time of day"),
        ("08:60,1M", "no time of day"),
        ("08:00,", "with its unit"),
        ("8,1M", "hour:minute,rate"),
        ("08:00,1M 10M", "hour:minute,rate"),
        ("Someday-08:00,1M", "whose day"),
        ("08:00,1M 08:00,2M", "twice"),
        ("Mon-08:00,1M mon-8:00,2M", "twice"),
        ("\u0661M", "with its unit"),
    ],
)
def test_what_makes_no_sense_is_named(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as wrong:
        parse_bandwidth(text)
    assert "Write a rate" in wrong.value.hint


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        table = parse_bandwidth(text)
    except ConfigurationError:
        return
    rate = table.rate_at(MONDAY)
    assert rate is None or rate >= 1024


@given(st.none() | st.integers(1024, 2**39).map(float))
def test_what_is_shown_can_be_read(rate: float | None) -> None:
    assert parse_bandwidth(show_bandwidth(rate)).rate_at(MONDAY) == rate
