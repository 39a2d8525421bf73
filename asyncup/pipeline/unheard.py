"""The hook of an upload that nobody listens to. Must not know any event.

What happens for every slice and every stage is not even made into an event then: whoever would make it looks for this.
"""

from __future__ import annotations

__all__ = ["unheard"]


def unheard(_: object) -> None:
    """Nobody listens."""
