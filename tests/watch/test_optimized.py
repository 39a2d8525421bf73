"""A package that is compiled as `-O` does has no assert left, and the test that imports it has its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import asyncup
from tests.watch.optimized import FLAG, optimize

SOURCE = """
def judge(data):
    assert data, "no data"
    return __debug__
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "package_with_asserts"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(SOURCE)
    (tmp_path / name / "inner.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONOPTIMIZE", os.environ.get("PYTHONOPTIMIZE", ""))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield name
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]


def modules_of(package: str) -> list[ModuleType]:
    return [import_module(package), import_module(f"{package}.inner")]


def test_usually_an_assert_is_one(package: str) -> None:
    for module in modules_of(package):
        with pytest.raises(AssertionError):
            module.judge([])
        assert module.judge([1]) is True


def test_an_optimized_package_has_none(package: str) -> None:
    optimize(package)
    for module in modules_of(package):
        assert module.judge([]) is False
    assert os.environ["PYTHONOPTIMIZE"] == "1"
    with pytest.raises(AssertionError):
        assert not package


def test_it_can_be_too_late(package: str) -> None:
    modules_of(package)
    with pytest.raises(RuntimeError, match="already"):
        optimize(package)


def test_all_of_asyncup_is_as_it_was_asked_for() -> None:
    # The modules that are C have no asserts to be removed.
    compiled = {"asyncup.pipeline._multi_md5", "asyncup.pipeline._whole_file"}
    modules = [module for name, module in sys.modules.items() if name.startswith("asyncup") and name not in compiled]
    loaders = {type(module.__loader__).__module__ for module in modules}
    assert asyncup.__loader__ is not None
    assert (loaders == {"tests.watch.optimized"}) is (os.environ.get(FLAG) == "1")
