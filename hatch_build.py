"""Builds the one compiled module, `_multi_md5`, into the wheel; or beside its source, for an editable install.

Without a C compiler that has what it needs, the package is built without it, hashes with hashlib, and says so here.
`python hatch_build.py` builds it in place, for a checkout that is not installed.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

__all__ = ["MultiMd5BuildHook", "build_in_place"]

_MODULE = "asyncup.pipeline._multi_md5"
_FLAGS = ["-O3", "-g0", "-Wno-psabi"]  # no vector ever crosses a function's boundary, so how it would does not matter


def build_in_place(root: Path) -> Path | None:
    """Build the module beside its source, and return where; None when it cannot be built, which is said."""
    source = "/".join(_MODULE.split(".")) + ".c"
    extension = Extension(_MODULE, [source], extra_compile_args=_FLAGS, py_limited_api=True)
    command = build_ext(Distribution({"ext_modules": [extension], "package_dir": {"": str(root)}}))
    extension.sources = [str(root / source)]
    with tempfile.TemporaryDirectory(prefix="asyncup-build-") as folder:
        command.build_temp = command.build_lib = folder
        command.inplace = True
        command.ensure_finalized()
        built = root / str(command.get_ext_filename(_MODULE))
        built.unlink(missing_ok=True)  # an older one is of another source
        try:
            command.run()
        except (BaseError, CCompilerError, OSError) as error:
            print(f"asyncup is built without {_MODULE}, and will hash with hashlib: {error}", file=sys.stderr)
            return None
    return built


class MultiMd5BuildHook(BuildHookInterface[Any]):
    """What hatchling calls before it packs a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's
        """Build, and tell hatchling what kind of wheel that makes."""
        built = build_in_place(Path(self.root))
        if built is not None:
            build_data["artifacts"].append(str(built.relative_to(self.root)))
            build_data["pure_python"] = False
            build_data["tag"] = _tag()


def _tag() -> str:
    """Return the wheel's tag: one for every Python from 3.11 on, since only its stable interface is used."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"cp311-abi3-{platform}"


if __name__ == "__main__":
    sys.exit(build_in_place(Path(__file__).parent) is None)
