"""Small files and large ones in lanes of their own, so that neither waits for the other. Pure.

A small file is one POST and needs no upload session; a large one holds a session and a lane for long. One queue would
let either starve the other: a thousand tiny files behind ten huge ones, or a huge one that begins when everything else
is done and then runs alone. So the lanes that are allowed are split by the time that each class still needs, which
lets both end together, with a floor for each. No lane is left idle while there is a file it may take.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["ClassLoad", "LaneClass", "LaneSplit", "next_class", "split_lanes"]

_FLOOR = 4
"""Each class that has files gets at least one of so many lanes."""

_SMALL_GUESS_S, _LARGE_GUESS_S = 1.0, 10.0
"""Seconds of one lane for one file, before one of the class was sent. Small ones were seen to take 0.5 to 1.1 s."""


class LaneClass(enum.Enum):
    """Which files a lane takes."""

    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLoad:
    """What one class has before it.

    Attributes:
        files: that wait or are being sent; of a stream of unknown length, those that are known.
        file_s: seconds that one lane needs for one of them, measured of late; None before the first.
    """

    files: int
    file_s: float | None = None


@dataclass(frozen=True, slots=True)
class LaneSplit:
    """How many lanes each class gets."""

    small: int
    large: int


def split_lanes(lanes: int, *, small: ClassLoad, large: ClassLoad, session_slots: int) -> LaneSplit:
    """Split `lanes` between small files and large ones.

    With a single lane and files of both kinds, the small ones come first: they end soon.

    Args:
        lanes: how many there may be in all.
        small: the small files' load.
        large: the large files' load.
        session_slots: upload sessions that may be held; large files get no more lanes than that.
    """
    most_small, most_large = min(lanes, small.files), min(lanes, large.files, session_slots)
    small_s = small.files * (small.file_s or _SMALL_GUESS_S)
    large_s = large.files * (large.file_s or _LARGE_GUESS_S)
    if not most_small or not most_large:
        return LaneSplit(most_small, most_large)
    floor = max(1, lanes // _FLOOR)
    for_large = round(lanes * large_s / (small_s + large_s))
    for_large = min(max(for_large, floor), lanes - floor, most_large)
    for_small = min(lanes - for_large, most_small)
    # What the small files cannot use goes back to the large ones.
    return LaneSplit(for_small, min(lanes - for_small, most_large))


def next_class(split: LaneSplit, *, small_busy: int, large_busy: int) -> LaneClass | None:
    """Return the class from which the next file is to be taken, or None when every lane is in use.

    A lane keeps its file to the end, so a class may hold more than its share for a while: then the other one waits
    until the sum allows it.
    """
    if small_busy + large_busy >= split.small + split.large:
        return None
    lacking_small, lacking_large = split.small - small_busy, split.large - large_busy
    return LaneClass.LARGE if lacking_large >= lacking_small else LaneClass.SMALL
