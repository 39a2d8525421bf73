"""Builds the compiled modules into the wheel; or beside their sources, for an editable install.

Without a C compiler that has what one needs, the package is built without it, goes another way, and says so here.
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

__all__ = ["CompiledModulesBuildHook", "build_in_place"]

_MODULES = {
    "asyncup.pipeline._multi_md5": "will hash with hashlib",
    "asyncup.pipeline._whole_file": "will read small files step by step",
}
"""And what is done without each."""

_FLAGS = ["-O3", "-g0", "-Wno-psabi"]  # no vector ever crosses a function's boundary, so how it would does not matter


def build_in_place(root: Path) -> list[Path]:
    """Build the modules beside their sources, and return where; one that cannot be built is missing, which is said."""
    return [built for module in _MODULES if (built := _build(root, module)) is not None]


def _build(root: Path, module: str) -> Path | None:
    source = "/".join(module.split(".")) + ".c"
    extension = Extension(module, [source], extra_compile_args=_FLAGS, py_limited_api=True)
    command = build_ext(Distribution({"ext_modules": [extension], "package_dir": {"": str(root)}}))
    extension.sources = [str(root / source)]
    with tempfile.TemporaryDirectory(prefix="asyncup-build-") as folder:
        command.build_temp = command.build_lib = folder
        command.inplace = True
        command.ensure_finalized()
        built = root / str(command.get_ext_filename(module))
        built.unlink(missing_ok=True)  # an older one is of another source
        try:
            command.run()
        except (BaseError, CCompilerError, OSError) as error:
            print(f"asyncup is built without {module}, and {_MODULES[module]}: {error}", file=sys.stderr)
            return None
    return built


class CompiledModulesBuildHook(BuildHookInterface[Any]):
    """What hatchling calls before it packs a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's
        """Build, and tell hatchling what kind of wheel that makes."""
        built = build_in_place(Path(self.root))
        if built:
            build_data["artifacts"] += [str(each.relative_to(self.root)) for each in built]
            build_data["pure_python"] = False
            build_data["tag"] = _tag()


def _tag() -> str:
    """Return the wheel's tag: one for every Python from 3.11 on, since only its stable interface is used."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"cp311-abi3-{platform}"


if __name__ == "__main__":
    sys.exit(len(build_in_place(Path(__file__).parent)) < len(_MODULES))
