"""How much bandwidth is allowed when: the grammar of `--bwlimit`, and what it says of a moment. Pure.

    limit     = rate | entry { space entry }
    entry     = [ day "-" ] hour ":" minute "," rate          an entry holds until the next one, round the week
    rate      = "off" | number unit                           bytes per second
    unit      = "B" | "K" | "M" | "G"                         K, M, G are powers of 1024, as rclone's are,
              | "KiB" | "MiB" | "GiB" | "KB" | "MB" | "GB"    and so are KiB ...; KB ... are powers of 1000
    day       = "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun"

`10M` always; `08:00,512K 19:00,10M Sat-00:00,off Mon-00:00,10M` by day, by night and at the weekend. An entry without a
day is for every day; one with a day wins over it at the same minute. Times are local, as the clock on the wall.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from asyncup.errors import ConfigurationError

__all__ = ["Timetable", "parse_bandwidth", "show_bandwidth"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_HOURS, _MINUTES = 24, 60
_LEAST_RATE = 1024
"""Less would not carry one part in the hours that Vault and proxies keep a connection."""

_FACTORS = {"b": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kmg", start=1)
    for suffix, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_RATE = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?)(?P<unit>[a-z]+)", re.IGNORECASE | re.ASCII)
_ENTRY = re.compile(
    r"(?:(?P<day>[a-z]+)-)?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}),(?P<rate>.*)", re.IGNORECASE | re.ASCII
)
_HINT = "Write a rate such as 10M, 512K or off, or a timetable such as '08:00,512K 19:00,10M Sat-00:00,off'"


@dataclass(frozen=True, slots=True)
class Timetable:
    """Rates in bytes per second (None is no limit), each from a minute of the week on, Monday first.

    Attributes:
        text: what it was made from.
        changes: minutes of the week in order, and the rate from there on.
    """

    text: str
    changes: tuple[tuple[int, float | None], ...]

    def rate_at(self, when: datetime) -> float | None:
        """Return the bytes per second that are allowed at a moment; None is no limit."""
        minute = when.weekday() * _DAY_MINUTES + when.hour * _MINUTES + when.minute
        index = bisect.bisect_right(self.changes, minute, key=lambda change: change[0])
        return self.changes[index - 1][1]  # before the first of the week, the last of it holds


def parse_bandwidth(text: str) -> Timetable:
    """Read what follows `--bwlimit`.

    Raises:
        ConfigurationError: it is neither a rate nor a timetable.
    """
    words = text.split()
    if not words:
        raise _wrong(text, "is empty")
    if len(words) == 1 and "," not in words[0]:
        return Timetable(text, ((0, _rate(text, words[0])),))
    daily: dict[int, float | None] = {}
    weekly: dict[int, float | None] = {}
    for word in words:
        day, minute, rate = _entry(text, word)
        entries, key = (daily, minute) if day is None else (weekly, day * _DAY_MINUTES + minute)
        if key in entries:
            raise _wrong(text, f"names the time of {word!r} twice")
        entries[key] = rate
    every_day = {day * _DAY_MINUTES + minute: rate for day in range(len(_DAYS)) for minute, rate in daily.items()}
    return Timetable(text, tuple(sorted((every_day | weekly).items(), key=lambda change: change[0])))


def show_bandwidth(rate: float | None) -> str:
    """Return a rate as `parse_bandwidth` reads it."""
    if rate is None:
        return "off"
    for unit in ("G", "M", "K"):
        factor = _FACTORS[unit.lower()]
        if rate % factor == 0:
            return f"{rate / factor:.0f}{unit}"
    return f"{rate:.0f}B"


def _entry(text: str, word: str) -> tuple[int | None, int, float | None]:
    match = _ENTRY.fullmatch(word)
    if match is None:
        raise _wrong(text, f"has {word!r} where 'hour:minute,rate' is expected")
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour >= _HOURS or minute >= _MINUTES:
        raise _wrong(text, f"has {word!r}, which is no time of day")
    day = None
    if match["day"] is not None:
        name = match["day"].lower()
        if name not in _DAYS:
            raise _wrong(text, f"has {word!r}, whose day is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun")
        day = _DAYS.index(name)
    return day, hour * _MINUTES + minute, _rate(text, match["rate"])


def _rate(text: str, word: str) -> float | None:
    if word.lower() == "off":
        return None
    match = _RATE.fullmatch(word)
    if match is None:
        raise _wrong(text, f"has {word!r} where a rate with its unit is expected")
    factor = _FACTORS.get(match["unit"].lower())
    if factor is None:
        raise _wrong(text, f"has {word!r}, whose unit is unknown")
    rate = Fraction(match["number"]) * factor
    if rate < _LEAST_RATE:
        raise _wrong(text, f"has {word!r}: less than {_LEAST_RATE} bytes per second is no use")
    return float(rate)


def _wrong(text: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"the bandwidth limit {text!r} {what}", hint=_HINT)
