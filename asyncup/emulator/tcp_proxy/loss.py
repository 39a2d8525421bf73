"""Which connections a bad line loses, and when: random, seeded, in bursts.

Must not know sockets or the time.
"""

import math
import random
from dataclasses import dataclass

SHORT = 0.02
"""The share of the usual life that a connection has when it is made during a burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How a line loses connections: each is reset at a random moment of its life.

    Attributes:
        seed: of the random numbers.
        mean_bytes: carried by a connection in its life, both directions together; None is no end.
        mean_s: of a connection's life; None is no end.
        mean_burst: connections lost together, those made next among them; 1 is each one alone.
    """

    seed: int
    mean_bytes: float | None = None
    mean_s: float | None = None
    mean_burst: float = 1.0

    def __post_init__(self) -> None:
        means = [mean for mean in (self.mean_bytes, self.mean_s) if mean is not None]
        if not all(mean > 0 for mean in means) or not self.mean_burst >= 1:
            raise ValueError(f"impossible numbers in {self}")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """What a connection has before it; infinite when it is not to be lost."""

    life_bytes: float
    life_s: float


ENDLESS = Lifetime(math.inf, math.inf)


class Losses:
    """Draws lots."""

    def __init__(self, loss: Loss | None) -> None:
        self._loss = loss
        self._random = random.Random(loss.seed if loss else 0)  # noqa: S311 - no secret
        self._left_of_burst = 0

    def lifetime(self) -> Lifetime:
        """The life of a connection that is made now."""
        if self._loss is None:
            return ENDLESS
        scale = 1.0
        if self._left_of_burst:
            self._left_of_burst -= 1
            scale = SHORT
        return Lifetime(self._drawn(self._loss.mean_bytes, scale), self._drawn(self._loss.mean_s, scale))

    def others(self, alive: int) -> int:
        """How many of those alive die with one whose time has come; the burst may go on after them."""
        if self._loss is None or self._left_of_burst:
            return 0
        size = 0
        while self._random.random() > 1 / self._loss.mean_burst:  # so that its mean is mean_burst - 1
            size += 1
        at_once = min(size, alive)
        self._left_of_burst = size - at_once
        return at_once

    def pick(self, among: int) -> int:
        """The place of one of so many."""
        return self._random.randrange(among)

    def _drawn(self, mean: float | None, scale: float) -> float:
        return math.inf if mean is None else self._random.expovariate(1 / (mean * scale))
