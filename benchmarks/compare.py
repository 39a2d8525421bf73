"""Two revisions of asyncup in turn in one run: `python -m benchmarks.compare REV_A REV_B`.

Each revision is checked out into a worktree of its own; files, sink and clients are those of this repository, so that
only asyncup differs. `.` means this repository as it stands. Prints every pair, and the ratio of B's throughput to A's
with its spread; ends with 1 when B loses more than `--max-loss` of it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import REPOSITORY
from benchmarks.runner import Run, Runner
from benchmarks.statistics import Spread, paired_ratio
from benchmarks.workloads import FULL, OURS, QUICK, named

__all__ = ["main", "verdict"]

THIS = "."


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """Yield a folder from which `asyncup` of that revision, and nothing else of it, can be imported."""
    worktree, only = folder / "worktree", folder / "only"
    only.mkdir(parents=True)
    if revision == THIS:
        (only / "asyncup").symlink_to(REPOSITORY / "asyncup")
        yield only
        return
    git = [shutil.which("git") or "git", "-C", str(REPOSITORY), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(worktree), revision], check=True)
    try:
        build = worktree / "hatch_build.py"
        if build.exists():
            subprocess.run([sys.executable, str(build)], check=True)
        (only / "asyncup").symlink_to(worktree / "asyncup")
        yield only
    finally:
        subprocess.run([*git, "remove", "--force", str(worktree)], check=True)


def verdict(ratio: Spread, max_loss: float) -> tuple[str, int]:
    """Return what to say about the ratio of B to A, and the exit code."""
    lost = ratio.median < 1 - max_loss
    word = "B loses more than that" if lost else "within it"
    return f"B / A = {ratio}, {ratio.count} pairs; allowed loss {max_loss:.0%}: {word}", int(lost)


def main(arguments: list[str]) -> int:
    """Do what the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("a", metavar="REV_A")
    parser.add_argument("b", metavar="REV_B")
    parser.add_argument("--workload", default="plain", help="the first whose name begins so")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--max-loss", type=float, default=0.05, help="0.05 is 5 %%")
    chosen = parser.parse_args(arguments)
    workload = named((*QUICK, *FULL), chosen.workload)[0]
    with (
        tempfile.TemporaryDirectory(prefix="asyncup-compare-") as folder,
        checked_out(chosen.a, Path(folder, "a")) as a,
        checked_out(chosen.b, Path(folder, "b")) as b,
        Runner.opened(None, print) as runner,
    ):
        path = runner.source(workload)

        def run(pythonpath: Path) -> Run:
            return runner.run(OURS, workload, path, pythonpath=pythonpath)

        run(a), run(b)  # to warm up
        pairs = []
        for number in range(chosen.pairs):
            # Who goes first changes: what a run leaves behind (a warm cache, a busy disk) is not always the same one's.
            first, second = (a, b) if number % 2 == 0 else (b, a)
            took = {first: run(first), second: run(second)}
            pairs.append((took[a], took[b]))
            rates = [workload.total / one.seconds / 1e6 for one in pairs[-1]]
            print(f"A {rates[0]:.0f} MB/s  B {rates[1]:.0f} MB/s", flush=True)
    for name, of in (("CPU seconds", "cpu_s"), ("peak memory", "peak_rss_bytes")):
        print(f"{name}, B / A: {paired_ratio([getattr(y, of) for _, y in pairs], [getattr(x, of) for x, _ in pairs])}")
    said, code = verdict(paired_ratio([x.seconds for x, _ in pairs], [y.seconds for _, y in pairs]), chosen.max_loss)
    print(said)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
