"""Medians and spreads of few and noisy measurements. Pure.

Machines are noisy and drift, so two things are compared in pairs that ran one after the other: what the machine did to
one of a pair it did to the other, too. The spread is the range from the first to the third quartile, which one outlier
does not change.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "paired_ratio", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, its quartiles, and of how many values."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least one value.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no values")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the spread of the ratios `above / below` of values measured in turn.

    Raises:
        ValueError: there are not as many of the one as of the other, or none.
    """
    if len(above) != len(below):
        raise ValueError(f"{len(above)} and {len(below)} values are no pairs")
    return spread([a / b for a, b in zip(above, below, strict=True)])
