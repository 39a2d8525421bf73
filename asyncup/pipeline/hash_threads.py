"""How many parts are hashed at once, where the caller leaves that to asyncup. Pure rules: must not know threads.

More threads than cores is right by one: a thread that waits for the interpreter's lock, or for memory, leaves no core
idle then (on two cores three threads were 5 % faster than two). What is beyond that, or faster than the line, or more
than the memory holds parts for, would only take turns away from the event loop and from other uploads.
"""

from __future__ import annotations

import math
import os

from asyncup.protocol.plan import Plan

__all__ = ["cores_to_use", "threads_while_comparing", "threads_while_sending"]

_MD5_BYTES_PER_S = 0.4e9
"""What a slow core hashes; today's do twice that. To take too little here costs a thread that mostly waits."""


def threads_while_sending(plan: Plan, memory_budget: int, *, cores: int, bytes_per_s: float | None) -> int:
    """Return how many parts are hashed at once while parts are sent.

    Args:
        plan: the file's parts.
        memory_budget: bytes of part buffers at once. One part of them is being sent.
        cores: how many may be used.
        bytes_per_s: at which parts went to this Vault before; None when none did.
    """
    most = min(cores + 1, plan.parts, _parts_in(memory_budget, plan) - 1)
    if bytes_per_s is not None:
        most = min(most, math.ceil(bytes_per_s / _MD5_BYTES_PER_S) + 1)
    return max(1, most)


def threads_while_comparing(plan: Plan, memory_budget: int, *, cores: int) -> int:
    """Return how many parts are hashed at once while nothing is sent. Arguments as in `threads_while_sending`."""
    return max(1, min(cores + 1, plan.parts, _parts_in(memory_budget, plan)))


def cores_to_use() -> int:
    """Return how many cores this process may run on, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parts_in(memory_budget: int, plan: Plan) -> int:
    return memory_budget // plan.part_size
