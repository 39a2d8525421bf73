"""JSON values as the text of CSV cells. Must not know which."""

from __future__ import annotations

import json

__all__ = ["cell_text"]


def cell_text(value: object) -> str:
    """Return a value as text: nothing for null, true and false as JSON writes them, lists of texts with spaces."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return value
        case list() if all(isinstance(one, str) for one in value):
            return " ".join(value)
        case _:
            return json.dumps(value)
