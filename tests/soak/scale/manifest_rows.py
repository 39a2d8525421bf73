"""Memory against the length of the manifest: a run holds what is on its way, and never a list of all.

Must not know how long a run takes.
"""

from __future__ import annotations

from pathlib import Path

from tests.soak.scale.client import Errand
from tests.soak.scale.runs import MIB, Measured, quick_emulator, run_client, write_manifest

FEW_ROWS = 10_000
MOST_GROWTH_BYTES = 30 * MIB
ROWS_PER_FOLDER = 1000


async def manifest_rows(folder: Path, rows: int) -> Measured:
    """Send one small file to so many places, after it was sent to ten thousand."""
    measured = Measured("manifest rows")
    source = folder / "one.bin"
    source.write_bytes(b"one small file")
    peaks = []
    for count in (FEW_ROWS, rows):
        manifest = folder / f"{count}.csv"
        write_manifest(manifest, [(source, f"/{count}/{row // ROWS_PER_FOLDER}/{row}.bin") for row in range(count)])
        async with quick_emulator(None) as emulator:
            errand = Errand(emulator.url, str(manifest), str(folder / f"{count}.journal"))
            ended, _ = await run_client(errand, folder / f"{count}.out")
        peaks.append(ended.peak_rss_bytes)
        measured.note(f"{count} rows", f"{ended.seconds:.0f} s, peak RSS {ended.peak_rss_bytes / MIB:.0f} MiB")
        measured.demand(ended.states == {"DONE": count}, f"not all arrived: {ended.states}")
    growth = peaks[1] - peaks[0]
    measured.note("growth", f"{growth / MIB:.0f} MiB (at most {MOST_GROWTH_BYTES // MIB})")
    measured.demand(growth <= MOST_GROWTH_BYTES, f"peak RSS grew by {growth / MIB:.0f} MiB")
    return measured
