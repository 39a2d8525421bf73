"""For whom a call is made: one upload, with its own policy and its own listener, or nobody in particular.

Kept in a context variable, so that calls deep inside an upload, and in the tasks that it starts, need not be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from asyncup.events import EventHook
from asyncup.protocol.retry import RetryPolicy
from asyncup.vault.transport import DEFAULT_PATIENCE, Patience

__all__ = ["Behalf", "current_behalf", "on_behalf"]


@dataclass(frozen=True, slots=True, eq=False)
class Behalf:
    """One upload: what its calls follow, and whom they tell. Two of them are never the same lane."""

    policy: RetryPolicy
    on_event: EventHook | None
    patience: Patience = DEFAULT_PATIENCE


_behalf: ContextVar[Behalf | None] = ContextVar("asyncup_behalf", default=None)


def current_behalf() -> Behalf | None:
    """Return for whom this task calls; None for nobody in particular."""
    return _behalf.get()


@contextmanager
def on_behalf(policy: RetryPolicy, on_event: EventHook | None, patience: Patience = DEFAULT_PATIENCE) -> Iterator[None]:
    """Let every call made inside, by this task and those it starts, follow one upload's choices and tell its hook."""
    token = _behalf.set(Behalf(policy, on_event, patience))
    try:
        yield
    finally:
        _behalf.reset(token)
