"""Lengths of time as people write and read them: `24h`, `7d`. Knows no use of them, and no clock."""

from __future__ import annotations

import re

__all__ = ["parse_duration", "show_duration"]

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
_UNITS_S = {"s": 1, "m": _MINUTE_S, "h": _HOUR_S, "d": _DAY_S, "w": 7 * _DAY_S}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})? *[smhdw] *)+")
_TERM = re.compile(r"([0-9.]+) *([smhdw])")


def parse_duration(text: str) -> float:
    """Return the seconds that `text` says: numbers with s, m, h, d or w, such as `24h`, `7d` or `1h30m`.

    Raises:
        ValueError: it says something else, or no time at all.
    """
    lowered = text.strip().lower()
    if not _DURATION.fullmatch(lowered):
        raise ValueError(f"{text!r} is not a length of time; write 90s, 30m, 24h or 7d")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _TERM.findall(lowered))
    if seconds <= 0:
        raise ValueError(f"{text!r} is no time at all; write 90s, 30m, 24h or 7d")
    return seconds


def show_duration(seconds: float) -> str:
    """Return a length of time in its two largest units, such as `2 d 3 h`, or `45 s`; rounded down."""
    left = max(0, int(seconds))
    for unit_s, unit, lesser_s, lesser in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if left >= unit_s:
            rest = left % unit_s // lesser_s
            return f"{left // unit_s} {unit}" + (f" {rest} {lesser}" if rest else "")
    return f"{left} s"
