"""What held an upload up most, in a sentence, and what would help, by the model. Pure.

The stage times of all lanes are added. Waiting for Vault is one turnaround for each part, so larger parts have fewer of
them; and while one file waits, another can send, so more lanes hide it, until something else is always busy. Must not
know how the times were taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncup.cli.sizes import show_bytes, show_rate
from asyncup.events import Stage

__all__ = ["StageTimes", "bottleneck"]

_WORTH_SAYING = 1.05
"""A gain below this is within the noise of a measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """What was measured.

    Attributes:
        size: bytes of one file.
        files: how many files of that size.
        lanes: how many were on their way at once.
        part_size: bytes of every part but the last.
        largest_part_size: the largest that Vault allows under every reading of its limits.
        elapsed_s: seconds from the first part's beginning to the last acknowledgement.
        waits_s: seconds of each stage, those of all files together.
    """

    size: int
    files: int
    lanes: int
    part_size: int
    largest_part_size: int
    elapsed_s: float
    waits_s: dict[Stage, float]

    @property
    def total_s(self) -> float:
        """The seconds of all stages."""
        return sum(self.waits_s.values())


def bottleneck(times: StageTimes) -> str:
    """Return the sentence."""
    if times.total_s <= 0:
        return "nothing was waited for"
    stage = max(times.waits_s, key=lambda one: times.waits_s[one])
    share = f"{times.waits_s[stage] / times.total_s:.0%} of the time".replace("%", " %")
    return f"{_NAMES[stage]}: {share}; {_remedy(stage, times)}"


_NAMES = {
    Stage.DISK: "reading the file",
    Stage.HASH: "MD5 on this machine",
    Stage.WIRE: "the network",
    Stage.VAULT: "server turnaround",
}


def _remedy(stage: Stage, times: StageTimes) -> str:
    match stage:
        case Stage.VAULT:
            return _for_turnaround(times)
        case Stage.WIRE:
            rate = show_rate(times.size * times.files * times.lanes, times.waits_s[stage])
            return f"it took the parts at {rate}, and only a faster one would help"
        case Stage.HASH:
            return f"faster cores, or more memory for parts, would give up to {_without(stage, times):.1f}x"
        case Stage.DISK:
            return f"a faster disk, or more memory for parts, would give up to {_without(stage, times):.1f}x"


def _for_turnaround(times: StageTimes) -> str:
    parts, fewest = (
        -(-times.size // size) for size in (times.part_size, max(times.part_size, times.largest_part_size))
    )
    saved_s = times.waits_s[Stage.VAULT] * (1 - fewest / parts)
    gain = times.total_s / (times.total_s - saved_s)
    if gain >= _WORTH_SAYING:
        return f"larger parts would give {gain:.1f}x ({show_bytes(times.largest_part_size)} each)"
    # While one lane waits, others are busy: with enough of them only the busiest of the other stages is left.
    busiest_s = max(seconds for stage, seconds in times.waits_s.items() if stage is not Stage.VAULT)
    if busiest_s <= 0:
        return "more files at once would hide it"
    # Lanes that overlapped already have had a part of that gain.
    gain = times.elapsed_s / busiest_s
    if gain < _WORTH_SAYING:
        return "the lanes hide it already"
    return f"more files at once would hide it, and give up to {gain:.1f}x in all"


def _without(stage: Stage, times: StageTimes) -> float:
    rest_s = times.total_s - times.waits_s[stage]
    return times.total_s / rest_s if rest_s > 0 else float("inf")
