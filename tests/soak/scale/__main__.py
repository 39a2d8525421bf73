"""`make scale`: bulk runs as large as promised, and a table. Exit code 1: a promise is not kept.

Arguments name the parts to run; all by default. ASYNCUP_SCALE_FILES, _ROWS and _LARGE make it smaller.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from tests.soak.scale.manifest_rows import manifest_rows
from tests.soak.scale.runs import Measured
from tests.soak.scale.shaped_link import killed, lanes_found
from tests.soak.scale.small_files import small_files

FILES = int(os.environ.get("ASYNCUP_SCALE_FILES", "100000"))
ROWS = int(os.environ.get("ASYNCUP_SCALE_ROWS", "1000000"))
LARGE = int(os.environ.get("ASYNCUP_SCALE_LARGE", "200"))
SEED = int(os.environ.get("ASYNCUP_SOAK_SEED", "0")) or secrets.randbelow(10**9)
FIRST_LANES = (1, 4, 32)

PARTS: dict[str, Callable[[Path], Awaitable[Measured]]] = {
    "small": lambda folder: small_files(folder, FILES),
    "link": lambda folder: lanes_found(folder, LARGE, FIRST_LANES),
    "kills": lambda folder: killed(folder, LARGE, SEED),
    "rows": lambda folder: manifest_rows(folder, ROWS),
}


async def run(names: list[str]) -> int:
    wrong: list[str] = []
    for name in names:
        print(f"scale: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="asyncup-scale-") as folder:
            measured = await PARTS[name](Path(folder))
        for row, value in measured.rows:
            print(f"  {row:<46}{value}", flush=True)
        wrong += measured.wrong
    for complaint in wrong:
        print(f"WRONG: {complaint}")
    print("nothing is wrong" if not wrong else f"{len(wrong)} things are wrong (seed {SEED})")
    return 1 if wrong else 0


def main() -> int:
    names = sys.argv[1:] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"there is no {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    return anyio.run(run, names, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    sys.exit(main())
