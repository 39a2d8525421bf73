"""Upload sessions as people and scripts read them: a table, lines or JSON. Pure: the time and the user are arguments.

Must not know where the upload sessions come from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from asyncup.cli.messages import one_line
from asyncup.cli.sizes import show_bytes
from asyncup.cli.vault_times import seconds_since, show_date, show_time_left
from asyncup.protocol.responses import HeldPart, UploadSession

__all__ = ["SessionView", "parts_table", "sessions_table", "still_for_s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One upload session, with what makes its facts readable.

    Attributes:
        session: as Vault describes it.
        mine: whether this user made it.
        now: the time.
    """

    session: UploadSession
    mine: bool
    now: datetime

    @property
    def percent(self) -> int | None:
        """How much of the file Vault holds, rounded down: 100 is all of it. None when Vault does not say."""
        size, uploaded = self.session.size, self.session.uploaded
        if size is None or uploaded is None:
            return None
        return 100 if uploaded >= size else uploaded * 100 // size

    @property
    def owner(self) -> str:
        """Whose it is."""
        owner = "-" if self.session.owner is None else str(self.session.owner)
        return f"{owner} (you)" if self.mine else owner

    def as_json(self) -> str:
        """Return the JSON object, on one line."""
        session = self.session
        return json.dumps(
            {
                "id": session.id,
                "path": session.path,
                "size": session.size,
                "uploaded": session.uploaded,
                "uploaded_percent": self.percent,
                "uploaded_parts": session.uploaded_parts,
                "owner": session.owner,
                "mine": self.mine,
                "created_date": session.created_date,
                "last_uploaded_date": session.last_uploaded_date,
                "expiration_date": session.expiration_date,
            }
        )

    def facts(self) -> list[tuple[str, str]]:
        """Return every fact with its name."""
        session = self.session
        return [
            ("id", session.id),
            ("path", session.path or "-"),
            ("size", _bytes(session.size)),
            ("uploaded", f"{_percent(self.percent)} ({_bytes(session.uploaded)})"),
            ("parts", _number(session.uploaded_parts)),
            ("owner", self.owner),
            ("created", show_date(session.created_date)),
            ("last part", show_date(session.last_uploaded_date)),
            ("expires in", show_time_left(session.expiration_date, self.now)),
        ]

    def as_line(self) -> str:
        """Return one line of fields with a tab between two, the id first and the path last."""
        session = self.session
        fields = [
            session.id,
            _bytes(session.size),
            _percent(self.percent),
            _number(session.uploaded_parts),
            self.owner,
            show_date(session.created_date),
            show_time_left(session.expiration_date, self.now),
            session.path or "-",
        ]
        return "\t".join(map(one_line, fields))


def still_for_s(session: UploadSession, now: datetime) -> float | None:
    """Return for how long nothing has been uploaded, or None when Vault does not say when it was made.

    What counts is the last part, not the creation: an upload of many hours that goes on is not a forgotten one.
    """
    created_s = seconds_since(session.created_date, now)
    if created_s is None:
        return None
    uploaded_s = seconds_since(session.last_uploaded_date, now)
    return created_s if uploaded_s is None else min(created_s, uploaded_s)


def sessions_table(views: Sequence[SessionView]) -> Table:
    """Return a table that is readable at 80 columns: two lines for each upload session, and ids that are whole."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("path, id", overflow="fold", ratio=1)
    table.add_column("size, sent", justify="right", no_wrap=True)
    table.add_column("parts", justify="right", no_wrap=True)
    table.add_column("owner", justify="right", no_wrap=True)
    table.add_column("created, expires", no_wrap=True)
    for view in views:
        session = view.session
        table.add_row(
            Text(one_line(session.path or "-")).append(f"\n{one_line(session.id)}", style="dim"),
            f"{_bytes(session.size)}\n{_percent(view.percent)}",
            _number(session.uploaded_parts),
            f"{_number(session.owner)}\n{'you' if view.mine else ''}",
            f"{show_date(session.created_date)}\nin {show_time_left(session.expiration_date, view.now)}",
        )
    return table


def parts_table(parts: Sequence[HeldPart]) -> Table:
    """Return a table of the parts that an upload session holds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("part", justify="right")
    table.add_column("bytes", justify="right")
    table.add_column("md5")
    for part in parts:
        table.add_row(str(part.number), str(part.size), one_line(part.md5 or "-"))
    return table


def _bytes(size: int | None) -> str:
    return "-" if size is None else show_bytes(size)


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)


def _percent(percent: int | None) -> str:
    return "-" if percent is None else f"{percent} %"
