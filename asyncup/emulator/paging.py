"""Pages of a long answer: cut once, handed out by cursor.

Must not know HTTP, time or randomness. The rows are cut when the first page is asked for, so what
changes later does not shift the pages; a cursor works 30 min from then (documented, 1.6).
"""

from dataclasses import dataclass
from typing import Any

from .refusal import Refusal
from .switches import Switches

Rows = list[dict[str, Any]]


@dataclass(slots=True)
class _Rest:
    rows: Rows
    start: int
    opened_at: float


class Pages:
    """The unread rests of long answers."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._rests: dict[str, _Rest] = {}

    def first(self, rows: Rows, limit: int, now: float, new_cursor: str) -> tuple[Rows, str | None]:
        self._forget_old(now)
        return self._cut(_Rest(rows, 0, now), limit, new_cursor)

    def next(self, cursor: str, limit: int, now: float, new_cursor: str) -> tuple[Rows, str | None]:
        """The page behind a cursor, which may be asked for again (a retry must not lose rows)."""
        rest = self._rests.get(cursor)
        if rest is None or now - rest.opened_at > self._switches.cursor_life_s:
            # Documented life, guessed type.
            raise Refusal("INVALID_DATA", "The cursor is invalid or has expired")
        return self._cut(rest, limit, new_cursor)

    def limit(self, given: str | None) -> int:
        """The `limit` parameter; out of its range is refused (a guess)."""
        most = self._switches.page_rows_max
        if given is None:
            return most
        if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= most:
            raise Refusal("INVALID_DATA", f"The limit must be between 1 and {most}")
        return int(given)

    def _cut(self, rest: _Rest, limit: int, new_cursor: str) -> tuple[Rows, str | None]:
        end = rest.start + limit
        page = rest.rows[rest.start : end]
        if end >= len(rest.rows):
            return page, None
        self._rests[new_cursor] = _Rest(rest.rows, end, rest.opened_at)
        return page, new_cursor

    def _forget_old(self, now: float) -> None:
        oldest = now - self._switches.cursor_life_s
        for cursor in [c for c, rest in self._rests.items() if rest.opened_at < oldest]:
            del self._rests[cursor]
