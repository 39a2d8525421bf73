"""Vault's times as people read them, in UTC as Vault writes them. Pure: the time is an argument."""

from __future__ import annotations

from datetime import datetime

from asyncup.cli.durations import show_duration
from asyncup.protocol.fields import moment

__all__ = ["seconds_since", "show_date", "show_time_left"]


def show_date(date: str | None) -> str:
    """Return a date of Vault's to the minute, `-` when there is none that can be read."""
    parsed = moment(date)
    return "-" if parsed is None else parsed.strftime("%Y-%m-%d %H:%M")


def seconds_since(date: str | None, now: datetime) -> float | None:
    """Return the seconds from a date of Vault's to `now`, below 0 when it is to come; None when it cannot be read."""
    parsed = moment(date)
    return None if parsed is None else (now - parsed).total_seconds()


def show_time_left(date: str | None, now: datetime) -> str:
    """Return how long it is until a date of Vault's."""
    since_s = seconds_since(date, now)
    if since_s is None:
        return "-"
    return "over" if since_s >= 0 else show_duration(-since_s)
