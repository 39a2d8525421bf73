"""How a file is cut into parts: one size for all parts, the last one what is left.

Pure arithmetic. Must not know whether a part was sent, nor where its bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asyncup.errors import LimitExceeded
from asyncup.protocol.limits import Limits

__all__ = ["Part", "Plan", "choose_part_size", "make_plan"]

PARTS_IN_MEMORY = 4
"""One part on the wire, three being read or hashed: with fewer, one of them waits for another."""

LONGEST_PART_S = 30
"""Seconds of sending that a broken connection may cost; on any line a turnaround is short beside them."""

_PAGE = 4096
"""Part sizes are whole pages where there is a choice, so that a mapped part begins at a page of the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """A range of the file. `number` counts from 1, as Vault's header does."""

    number: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset behind the part's last byte."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Plan:
    """A file of `size` bytes in parts of `part_size`. A file of no bytes has no parts."""

    size: int
    part_size: int

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.size // self.part_size)

    def part(self, number: int) -> Part:
        """Return part `number`, counted from 1.

        Raises:
            ValueError: the plan has no such part.
        """
        if not 1 <= number <= self.parts:
            raise ValueError(f"no part {number} in a plan of {self.parts}")
        offset = (number - 1) * self.part_size
        return Part(number, offset, min(self.part_size, self.size - offset))

    def parts_from(self, number: int) -> Iterator[Part]:
        """Yield part `number` and all behind it, in order."""
        return (self.part(n) for n in range(number, self.parts + 1))


def choose_part_size(
    size: int, limits: Limits, *, memory_budget: int, least_parts: int = 1, bytes_per_s: float | None = None
) -> int:
    """Return the best part size for a new upload session of a file of `size` bytes.

    Every part costs one turnaround, so a part is as large as is right under every reading of Vault's limits, as long
    as `PARTS_IN_MEMORY` of them fit into the memory budget, and the file has `least_parts` of them. At `bytes_per_s`,
    where that is known, it takes half a minute at most: a broken connection costs the part that was on its way. Larger
    only when the smallest part size or the session's part count demands it.

    Raises:
        LimitExceeded: no part size is allowed for a file of this size.
    """
    _refuse_too_large(size, limits)
    wanted = min(limits.preferred_part_size, limits.max_part_size, memory_budget // PARTS_IN_MEMORY)
    if least_parts > 1:
        wanted = min(wanted, -(-size // (least_parts * _PAGE)) * _PAGE)
    if bytes_per_s is not None:
        wanted = min(wanted, int(bytes_per_s * LONGEST_PART_S))
    wanted = max(wanted - wanted % _PAGE, limits.min_part_size)
    fewest = -(-size // limits.max_parts)
    return max(wanted, fewest)


def make_plan(
    size: int,
    limits: Limits,
    *,
    memory_budget: int,
    part_size: int | None = None,
    least_parts: int = 1,
    bytes_per_s: float | None = None,
) -> Plan:
    """Plan a new upload session. `part_size` is the caller's choice, None leaves it to `choose_part_size`.

    Raises:
        LimitExceeded: the file, or the part size that was asked for, is not allowed; the message says which limit.
    """
    if part_size is None:
        chosen = choose_part_size(
            size, limits, memory_budget=memory_budget, least_parts=least_parts, bytes_per_s=bytes_per_s
        )
        return Plan(size, chosen)
    _refuse_too_large(size, limits)
    if part_size > limits.max_part_size:
        raise LimitExceeded(
            "max_part_size", part_size, limits.max_part_size, "the part size is too large", hint="Choose smaller parts"
        )
    if part_size < max(1, min(limits.min_part_size, size)):
        raise LimitExceeded(
            "min_part_size",
            part_size,
            limits.min_part_size,
            "the part size is too small",
            hint=f"Choose parts of at least {limits.min_part_size} bytes",
        )
    plan = Plan(size, part_size)
    if plan.parts > limits.max_parts:
        raise LimitExceeded(
            "max_parts", plan.parts, limits.max_parts, "the file has too many parts", hint="Choose larger parts"
        )
    return plan


def _refuse_too_large(size: int, limits: Limits) -> None:
    if size > limits.max_file_size:
        raise LimitExceeded(
            "max_file_size",
            size,
            limits.max_file_size,
            "the file is larger than an upload session may be",
            hint="Split the file, or ask Veeva for another way",
        )
    if size > limits.max_parts * limits.max_part_size:
        raise LimitExceeded(
            "max_parts",
            -(-size // limits.max_part_size),
            limits.max_parts,
            "the file needs more parts than an upload session may have",
            hint="API version v26.2 allows 9616 parts: set VEEVA_VAULT_API_VERSION if your Vault has it",
        )
