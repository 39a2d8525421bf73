"""asyncup as `python -O` runs it, under tests as they always run: `ASYNCUP_OPTIMIZED=1 python -m pytest`.

`python -O -m pytest` would prove nothing: it removes the tests' own asserts along with those of the code. So the tests
stay as they are, and only the modules of the package are compiled without `assert` and with `__debug__` false; programs
that tests start are started with PYTHONOPTIMIZE. What still passes does not depend on an assert. Every assert of the
package is looked at besides, by a rule of `tests/architecture.py`: none of them judges data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

__all__ = ["FLAG", "Optimizing", "optimize"]

FLAG = "ASYNCUP_OPTIMIZED"


class Optimizing(MetaPathFinder):
    """Finds the modules of one package, and has them compiled as `-O` does."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.compiled: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as usual, when it is one of the package's."""
        if name.partition(".")[0] != self._package:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(found.loader.name, found.loader.path)
            self.compiled.append(name)
        return found


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """Compile it here: the file beside it in `__pycache__` has its asserts."""
        code = compile(self.get_data(self.path), self.path, "exec", dont_inherit=True, optimize=1)
        assert isinstance(code, CodeType)
        return code


def optimize(package: str) -> Optimizing:
    """Have a package compiled without asserts, here and in processes that are started from here.

    Raises:
        RuntimeError: it is too late, some of it is imported already.
    """
    if package in sys.modules:
        raise RuntimeError(f"{package} is imported already, with its asserts")
    os.environ["PYTHONOPTIMIZE"] = "1"
    finder = Optimizing(package)
    sys.meta_path.insert(0, finder)
    return finder
