"""Lengths of time: what people write is read, what is shown can be read again, and what is neither is refused."""

import pytest
from hypothesis import given, strategies as st

from asyncup.cli.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600),
        ("1h30m", 5400), ("1.5h", 5400), (" 1 D 2 H ", 93_600), ("0d1s", 1),
    ],
)  # fmt: skip
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "1y", "-1h", "0h", "1h-", "one day", "1..5h", "1e9h", "∞", "1h\n2"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s, 30m, 24h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"),
        (86_399, "23 h 59 min"), (86_400, "1 d"), (259_199, "2 d 23 h"), (86_400 * 400, "400 d"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_shown_in_two_units(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@given(st.integers(min_value=1, max_value=10**9))
def test_what_is_shown_is_read_as_at_most_one_lesser_unit_less(seconds: int) -> None:
    shown = show_duration(seconds)
    again = parse_duration(shown.replace("min", "m"))
    assert 0 <= seconds - again < 3600
    assert show_duration(again) == shown
