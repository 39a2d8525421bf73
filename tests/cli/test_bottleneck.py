"""The sentence that names what held an upload up, from made-up stage times."""

import pytest
from hypothesis import given, strategies as st

from asyncup.cli.bottleneck import StageTimes, bottleneck
from asyncup.events import Stage

MB = 10**6


def times(disk: float = 0.0, hash_: float = 0.0, wire: float = 0.0, vault: float = 0.0, **changes: int) -> StageTimes:
    waits = {Stage.DISK: disk, Stage.HASH: hash_, Stage.WIRE: wire, Stage.VAULT: vault}
    facts = {"size": 1000 * MB, "files": 1, "lanes": 1, "part_size": 50 * MB, "largest_part_size": 50 * MB} | changes
    return StageTimes(elapsed_s=sum(waits.values()) / facts["lanes"], waits_s=waits, **facts)


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (
            times(disk=1, wire=37, vault=62, part_size=10 * MB, largest_part_size=50 * MB),
            "server turnaround: 62 % of the time; larger parts would give 2.0x (50.0 MB each)",
        ),
        (
            times(wire=38, vault=62),
            "server turnaround: 62 % of the time; more files at once would hide it, and give up to 2.6x in all",
        ),
        (
            # Two lanes: 50 seconds for 48 of the network's.
            times(wire=48, vault=52, lanes=2, files=4),
            "server turnaround: 52 % of the time; the lanes hide it already",
        ),
        (times(vault=5), "server turnaround: 100 % of the time; more files at once would hide it"),
        (
            times(disk=1, wire=8, vault=1),
            "the network: 80 % of the time; it took the parts at 125.0 MB/s, and only a faster one would help",
        ),
        (
            times(wire=16, vault=4, lanes=2, files=2),
            "the network: 80 % of the time; it took the parts at 250.0 MB/s, and only a faster one would help",
        ),
        (
            times(hash_=3, wire=1),
            "MD5 on this machine: 75 % of the time; faster cores, or more memory for parts, would give up to 4.0x",
        ),
        (
            times(disk=6, hash_=2, wire=1, vault=1),
            "reading the file: 60 % of the time; a faster disk, or more memory for parts, would give up to 2.5x",
        ),
        (times(), "nothing was waited for"),
    ],
)
def test_the_sentence_says_what_held_it_up_and_what_helps(measured: StageTimes, sentence: str) -> None:
    assert bottleneck(measured) == sentence


seconds = st.floats(0, 1000)


@given(seconds, seconds, seconds, seconds, st.integers(1, 8), st.integers(1, 10**12))
def test_there_is_a_sentence_for_everything(
    disk: float, hash_: float, wire: float, vault: float, lanes: int, size: int
) -> None:
    sentence = bottleneck(times(disk, hash_, wire, vault, lanes=lanes, files=lanes, size=size, part_size=5 * MB))
    assert "nan" not in sentence
    assert "\n" not in sentence
