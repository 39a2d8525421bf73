"""Reading fields of JSON that may be anything: a value of the right type, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["moment", "rows", "text", "whole"]

_MOST_DIGITS = 18
"""More digits are no size, number or id of Vault's, and turning endless ones into a number takes long."""


def rows(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def whole(value: object) -> int | None:
    """Return a whole number. Vault sends JSON numbers (seen); one in quotes is understood too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    return None


def moment(value: str | None) -> datetime | None:
    """Return the time that an ISO 8601 text means, in UTC when it does not say (Vault's always do: documented)."""
    try:
        parsed = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
