"""What the demo shows at its end: the MD5 comparison and the figures. Knows not how they came."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from asyncup import UploadedFile
from asyncup.cli.sizes import show_bytes, show_rate

__all__ = ["DemoResult", "peak_memory", "show_summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What a demo found.

    Attributes:
        uploaded: what `upload_file` returned.
        source_md5: of the file on disk, hex.
        vault_md5: of the file as it was read back, hex.
        sending_s: seconds from the plan to the last acknowledged part, without commit and job.
        buffers: the kinds of part buffer that were used, in order.
        peak_bytes: the most memory this process had until the upload ended; None if unknown.
    """

    uploaded: UploadedFile
    source_md5: str
    vault_md5: str
    sending_s: float
    buffers: tuple[str, ...]
    peak_bytes: int | None

    @property
    def equal(self) -> bool:
        """True when Vault holds the bytes of the file."""
        return self.source_md5 == self.vault_md5


def show_summary(result: DemoResult, console: Console | None = None) -> None:
    """Print the comparison and the figures on stdout."""
    console = console or Console(highlight=False)
    uploaded = result.uploaded
    verdict = "[bold green]equal[/]" if result.equal else "[bold red]NOT EQUAL[/]"
    stages = ", ".join(f"{stage.value} {seconds:.2f} s" for stage, seconds in uploaded.waits_s.items())
    table = Table.grid(padding=(0, 2))
    table.add_row("MD5 of the source", result.source_md5)
    table.add_row("MD5 read back", result.vault_md5)
    table.add_row("", verdict)
    table.add_row("Size", f"{show_bytes(uploaded.size)} in {uploaded.parts} parts")
    rate = show_rate(uploaded.size, result.sending_s)
    table.add_row("Throughput", f"{rate}, {result.sending_s:.2f} s for the parts")
    table.add_row("In all", f"{uploaded.elapsed_s:.2f} s, with the commit and Vault's own job")
    table.add_row("Time waited for", stages)
    table.add_row("Part buffers", ", then ".join(result.buffers) or "none: one request")
    peak = "not known on this system" if result.peak_bytes is None else show_bytes(result.peak_bytes)
    table.add_row("Peak memory", f"{peak} (this process, with Python and all libraries)")
    console.print()
    console.print(table)


def peak_memory() -> int | None:
    """Return the most bytes of memory this process has had, or None where the system is silent."""
    if sys.platform == "win32":
        peak = None
    else:
        import resource  # noqa: PLC0415 - not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak
