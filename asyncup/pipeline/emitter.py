"""Tells a hook what happens in an upload. Must not know what any event means."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from asyncup.events import Event, EventHook

__all__ = ["Emitter"]

P = ParamSpec("P")


class Emitter:
    """Makes events for a hook; for nobody, none: a small file has a dozen of them, and a part one for every slice.

    Args:
        hook: whoever listens, if anybody does.
    """

    def __init__(self, hook: EventHook | None) -> None:
        self._hook = hook

    def __call__(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell that a `kind` of event has happened, which is made of the arguments."""
        if self._hook is not None:
            self._hook(kind(*args, **kwargs))
