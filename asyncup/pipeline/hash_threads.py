"""How many threads hash parts, where the caller leaves that to asyncup. Pure rules: must not know threads.

One, where a thread hashes several parts together: it computes more than one connection takes, and the other cores are
for what else there is. Elsewhere a thread hashes one part, and more threads than cores is right by one: a thread that
waits for the interpreter's lock, or for memory, leaves no core idle then (on two cores three threads were 5 % faster
than two). What is beyond that, or faster than the line, or more than the memory holds parts for, would only take turns
away from the event loop and from other uploads.
"""

from __future__ import annotations

import math
import os

from asyncup.protocol.plan import Plan

__all__ = ["cores_to_use", "threads_while_comparing", "threads_while_sending"]

_MD5_BYTES_PER_S = 0.4e9
"""What a slow core hashes; today's do twice that. To take too little here costs a thread that mostly waits."""


def threads_while_sending(
    plan: Plan, memory_budget: int, *, cores: int, at_once: int, bytes_per_s: float | None
) -> int:
    """Return how many threads hash while parts are sent.

    Args:
        plan: the file's parts.
        memory_budget: bytes of part buffers at once. One part of them is being sent.
        cores: how many may be used.
        at_once: how many parts a thread hashes together.
        bytes_per_s: at which parts went to this Vault before; None when none did.
    """
    if at_once > 1:
        return 1
    most = min(cores + 1, plan.parts, _parts_in(memory_budget, plan) - 1)
    if bytes_per_s is not None:
        most = min(most, math.ceil(bytes_per_s / _MD5_BYTES_PER_S) + 1)
    return max(1, most)


def threads_while_comparing(plan: Plan, memory_budget: int, *, cores: int, at_once: int) -> int:
    """Return how many threads hash while nothing is sent. Arguments as in `threads_while_sending`."""
    if at_once > 1:
        return 1
    return max(1, min(cores + 1, plan.parts, _parts_in(memory_budget, plan)))


def cores_to_use() -> int:
    """Return how many cores this process may run on, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parts_in(memory_budget: int, plan: Plan) -> int:
    return memory_budget // plan.part_size
