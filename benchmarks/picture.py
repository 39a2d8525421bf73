"""A picture of what a bulk run shows on a terminal, taken in the middle of one: `make picture`.

The run is real, against the emulator in a process of its own: large sparse files and some hundred small ones, over a
line whose every connection is slow, with one file that Vault refuses and one link that is no file. Only the name of
the source is made nicer.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import anyio
from rich.console import Console

from asyncup import TokenLogin, Vault
from asyncup.bulk.run.inputs import RunSource
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import BulkOptions
from asyncup.bulk.run.snapshot import RunSnapshot
from asyncup.cli.bulk.run_drawing import draw
from asyncup.cli.bulk.run_view import RunView
from asyncup.cli.bulk.run_views import RunViews
from asyncup.cli.emulator_process import emulator_process

_AFTER_S = 40.0
_WIDTH, _HEIGHT = 80, 24
_TOKEN = "picture"  # noqa: S105 - of an emulator that lives for a minute
_EMULATOR = (
    "--discard",
    "--switch",
    "bandwidth_bytes_s=6000000",
    "--switch",
    "burst_limit=10000",
    "--fault",
    "create_item,nth=120:refuse,error_type=INVALID_DATA,message=The%20name%20is%20not%20allowed",
)


def _make_source(folder: Path) -> None:
    for site in range(1, 9):
        (folder / f"site-{site:02}").mkdir(parents=True)
        for scan in range(1, 61):
            (folder / f"site-{site:02}" / f"form-{scan:03}.pdf").write_bytes(os.urandom(20_000 + 300 * scan))
        for scan in range(1, 4):
            with (folder / f"site-{site:02}" / f"scan-{scan:03}.tif").open("wb") as file:
                file.truncate(180_000_000 * scan + 1_000_000 * site)
    (folder / "site-01" / "latest").symlink_to("scan-003.tif")


async def _view_in_the_middle(source: Path, work: Path, after_s: float) -> RunView:
    views = RunViews(str(source), "/u1/studies")
    environment = {**os.environ, "ASYNCUP_EMULATOR_TOKEN": _TOKEN}
    async with (
        emulator_process(*_EMULATOR, environment=environment) as emulator,
        Vault(emulator.url, TokenLogin(_TOKEN)) as vault,
        open_run(
            RunSource(place=str(source), destination="/u1/studies").inputs(),
            vault=vault,
            journal=work / "journal",
            bulk=BulkOptions(memory=4_000_000_000),  # pages of sparse files, which take no memory
        ) as run,
        anyio.create_task_group() as beside,
    ):
        beside.start_soon(_take_all, run.results())
        await anyio.sleep(after_s)
        snapshot: RunSnapshot = run.snapshot()
        beside.cancel_scope.cancel()
    return replace(views.of(snapshot), source="/data/studies")


async def _take_all(results: AsyncIterable[object]) -> None:
    async for _ in results:
        pass


def picture(view: RunView) -> str:
    """Return a view as SVG, as a terminal of 80 columns shows it."""
    console = Console(width=_WIDTH, height=_HEIGHT, record=True, file=StringIO(), force_terminal=True)
    console.print(draw(view, height=_HEIGHT))
    return console.export_svg(title="asyncup migrate")


def main() -> None:
    """Take the picture, and write it to the file that is named."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _make_source(work / "studies")
        view = anyio.run(_view_in_the_middle, work / "studies", work, _AFTER_S)
    svg = picture(view)
    Path(sys.argv[1]).write_text(svg, encoding="utf-8")
    console = Console(width=_WIDTH, height=_HEIGHT)
    console.print(draw(view, height=_HEIGHT))


if __name__ == "__main__":
    main()
