"""The facts that a figure is worthless without: machine, system, versions, revision. Names no host and no user."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import ssl
import subprocess
from pathlib import Path

from benchmarks.clients import REPOSITORY

__all__ = ["facts", "one_line"]

_PACKAGES = ("aiohttp", "uvloop", "anyio")


def facts() -> dict[str, str]:
    """Return what is known about this machine and this revision."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": ssl.OPENSSL_VERSION,
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "revision": revision(),
    }


def one_line(known: dict[str, str]) -> str:
    """Return the facts for a caption."""
    packages = ", ".join(f"{name} {known[name]}" for name in _PACKAGES if name in known)
    return (
        f"{known['processor']}, {known['cores']} cores, {known['memory']}, {known['system']}, {known['python']}, "
        f"{known['openssl']}, {packages}; revision {known['revision']}"
    )


def revision() -> str:
    """Return git's name of what is measured, with `-dirty` when it is not committed."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--exclude", "*"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def _processor() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine()


def _memory() -> str:
    total = _field(Path("/proc/meminfo"), "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.0f} GiB" if total else "memory unknown"


def _field(path: Path, name: str) -> str | None:
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
