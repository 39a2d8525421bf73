"""asyncup keeps the rules of architecture.py, and each rule reports small trees that break it.

A rule that looks at nothing finds nothing wrong: so every test of the real tree proves that it saw
the tree.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.architecture import (
    EXPECTED,
    FUNCTION_LINES,
    MODULE_LINES,
    ONLY_IN,
    RULES,
    Module,
    asserts_judge_no_data,
    event_loops_in,
    floors_point_down,
    functions_of,
    imports_have_no_cycle,
    inner_imports,
    layer_of,
    layers_point_down,
    missing_layers,
    modules_say_what_they_are_for,
    names_say_something,
    nothing_is_too_long,
    packages_stay_in_their_place,
    protocol_is_sans_io,
    read_modules,
)

REPOSITORY = Path(__file__).parent.parent

Rule: TypeAlias = Callable[[list[Module]], list[str]]
Sources: TypeAlias = dict[str, str]


@pytest.fixture(scope="module")
def asyncup() -> list[Module]:
    """The real modules, all layers of them."""
    modules = read_modules(REPOSITORY / "asyncup")
    assert missing_layers(modules) == []
    return modules


@pytest.mark.parametrize("rule", RULES)
def test_asyncup_keeps(rule: Rule, asyncup: list[Module]) -> None:
    assert rule(asyncup) == []


def test_the_layers_are_joined_by_imports(asyncup: list[Module]) -> None:
    joined = {(module.layer, layer_of(reached)) for module, _, reached in inner_imports(asyncup)}
    assert joined >= {
        ("cli", ""),
        ("", "pipeline"),
        ("pipeline", "vault"),
        ("vault", "protocol"),
        ("protocol", "errors"),
    }


@pytest.mark.parametrize("package", ONLY_IN)
def test_each_confined_package_is_used_where_it_may_be(package: str, asyncup: list[Module]) -> None:
    users = {module.name for module in asyncup for found in module.imports if found.is_under(package)}
    for place in ONLY_IN[package]:
        assert any(user == place or user.startswith(f"{place}.") for user in users)


def test_there_are_asserts_to_look_at(asyncup: list[Module]) -> None:
    assert any(isinstance(node, ast.Assert) for module in asyncup for node in ast.walk(module.tree))


def test_there_are_functions_to_measure(asyncup: list[Module]) -> None:
    assert sum(1 for module in asyncup for _ in functions_of(module)) > len(asyncup)


def test_the_tests_of_the_protocol_need_no_event_loop() -> None:
    modules = read_modules(REPOSITORY / "tests" / "protocol")
    assert any(function.name.startswith("test_") for m in modules for function in functions_of(m))
    assert event_loops_in(modules) == []


# The rules themselves, on small trees.

GOOD: Sources = {
    "__init__.py": "from asyncup.pipeline import upload",
    "__main__.py": "from asyncup.cli import main",
    "errors.py": "class AsyncupError(Exception): ...",
    "events.py": "from dataclasses import dataclass",
    "protocol/__init__.py": "",
    "protocol/plan.py": "import math\nfrom asyncup.errors import AsyncupError",
    "vault/login.py": "assert x is not None\nassert not isinstance(x, int)\nassert isinstance(x, str)",
    "protocol/retry.py": "from datetime import datetime\nfrom . import plan\nclock.open()",
    "vault/__init__.py": "from asyncup.vault.client import Vault",
    "vault/client.py": "import asyncup.protocol.plan\nfrom asyncup.vault import transport",
    "vault/transport.py": "import anyio",
    "vault/aiohttp_transport.py": "import aiohttp.web\nfrom .transport import Transport",
    "pipeline/__init__.py": "from .upload import upload",
    "pipeline/upload.py": "from ..vault import Vault\nimport os, time\nasync def upload(): ...",
    "bulk/__init__.py": "",
    "bulk/inputs/item.py": "from dataclasses import dataclass",
    "bulk/journal/entry.py": "from asyncup.bulk.inputs.item import Item",
    "bulk/run/events.py": "from ..journal import entry",
    "emulator/__init__.py": "from aiohttp import web\nfrom .model import State",
    "emulator/model.py": "State = 1",
    "cli/__init__.py": "import uvloop, rich, cyclopts\nfrom asyncup import upload",
    "cli/demo.py": "import asyncup.emulator, asyncup.cli",
}
# What breaks the rule: the module that is added or replaced, its text, a part of the complaint.
BAD: dict[Rule, list[tuple[str, str, str]]] = {
    layers_point_down: [
        ("errors.py", "import asyncup.events", "'errors' may not import asyncup.events"),
        ("events.py", "from asyncup import errors", "'events' may not import"),
        ("protocol/plan.py", "from asyncup.vault import client", "'protocol' may not"),
        ("protocol/plan.py", "from ..vault.client import Vault", "'protocol' may not"),
        ("vault/client.py", "def f():\n from ..pipeline import upload", ":3: 'vault'"),
        ("vault/client.py", "from asyncup import upload", "'vault' may not import"),
        ("vault/client.py", "from .. import upload", "'vault' may not import"),
        ("pipeline/upload.py", "import asyncup.cli as c", "'pipeline' may not"),
        ("__init__.py", "from asyncup import emulator", "'' may not import"),
        ("emulator/model.py", "from asyncup.errors import *", "'emulator' may not"),
        ("pipeline/upload.py", "import asyncup.emulator", "'pipeline' may not"),
        ("extra.py", "", "'extra' is not a layer"),
    ],
    floors_point_down: [
        ("bulk/journal/entry.py", "from asyncup.bulk.run import events", "'journal' may not import"),
        ("bulk/inputs/item.py", "def f():\n from ..journal.entry import Entry", ":3: 'inputs' may not"),
        ("bulk/extra.py", "", "asyncup.bulk.extra is on no floor of bulk"),
    ],
    imports_have_no_cycle: [
        ("vault/transport.py", "from asyncup.vault import client", "cycle"),
        ("vault/transport.py", "def f():\n from . import client", "cycle"),
        ("protocol/plan.py", "from .retry import f", "cycle"),
    ],
    packages_stay_in_their_place: [
        ("vault/client.py", "import aiohttp", "aiohttp is for"),
        ("vault/client.py", "from aiohttp.web import f", "aiohttp is for"),
        ("cli/__init__.py", "import aiohttp", "aiohttp is for"),
        ("pipeline/upload.py", "import uvloop", "uvloop is for"),
        ("emulator/model.py", "import uvloop", "uvloop is for"),
        ("pipeline/upload.py", "from rich import print", "rich is for"),
    ],
    protocol_is_sans_io: [
        ("protocol/plan.py", "import asyncio", "asyncio is not on the list"),
        ("protocol/plan.py", "from time import monotonic", "time.monotonic is not"),
        ("protocol/plan.py", "from pathlib import Path", "pathlib.Path is not"),
        ("protocol/plan.py", "import random", "random is not"),
        ("protocol/plan.py", "import anyio.abc", "anyio.abc is not"),
        ("protocol/plan.py", "from http import client", "http.client is not"),
        ("protocol/plan.py", "class C:\n async def f(self): ...", ":3: f is async"),
        ("protocol/plan.py", "x = datetime.now()", "calls .now()"),
        ("protocol/plan.py", "x = open('y')", "calls open()"),
    ],
    nothing_is_too_long: [
        ("vault/client.py", "\n" * MODULE_LINES, f"{MODULE_LINES + 1} lines"),
        (
            "vault/client.py",
            "class C:\n async def f():" + "\n  x" * FUNCTION_LINES,
            f":3: f has {FUNCTION_LINES + 1} lines",
        ),
    ],
    names_say_something: [
        ("vault/utils.py", "", "'utils' says nothing"),
        ("vault/_helpers/of_parts.py", "", "'_helpers' says nothing"),
    ],
    asserts_judge_no_data: [
        ("vault/client.py", "assert md5 == ours", ":2: asserts md5 == ours: raise instead"),
        ("vault/client.py", "def f():\n assert x is None", ":3: asserts x is None"),
        ("vault/client.py", "assert check(x), isinstance(x, str)", "asserts check(x)"),
        ("vault/client.py", "assert x is not None and y", "asserts x is not None and y"),
        ("vault/client.py", "if __debug__:\n check()", "without -O"),
    ],
}


def write_package(folder: Path, sources: Sources) -> list[Module]:
    package = folder / "asyncup"
    for path, source in sources.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(f'"""What it is for."""\n{source}')
    return read_modules(package)


def test_a_good_tree_keeps_every_rule(tmp_path: Path) -> None:
    modules = write_package(tmp_path, GOOD)
    assert missing_layers(modules) == []
    assert [complaint for rule in RULES for complaint in rule(modules)] == []


@pytest.mark.parametrize(
    ("rule", "path", "source", "complaint"),
    [
        pytest.param(rule, *example, id=f"{rule.__name__}-{number}")
        for rule, examples in BAD.items()
        for number, example in enumerate(examples)
    ],
)
def test_a_broken_rule_is_reported_once(rule: Rule, path: str, source: str, complaint: str, tmp_path: Path) -> None:
    [reported] = rule(write_package(tmp_path, GOOD | {path: source}))
    assert complaint in reported


def test_a_module_without_a_docstring_is_reported(tmp_path: Path) -> None:
    (tmp_path / "asyncup").mkdir()
    (tmp_path / "asyncup" / "errors.py").write_text("x = 1")
    [reported] = modules_say_what_they_are_for(read_modules(tmp_path / "asyncup"))
    assert "without a docstring" in reported


def test_the_limits_themselves_are_allowed(tmp_path: Path) -> None:
    function = "def f():" + "\n x" * (FUNCTION_LINES - 1)
    padding = "\n" * (MODULE_LINES - FUNCTION_LINES - 1)
    [module] = write_package(tmp_path, {"errors.py": padding + function})
    assert len(module.source.splitlines()) == MODULE_LINES
    assert nothing_is_too_long([module]) == []


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert {*BAD, modules_say_what_they_are_for} == set(RULES)


@pytest.mark.parametrize("absent", EXPECTED)
def test_an_absent_layer_is_missed(absent: str, tmp_path: Path) -> None:
    sources = {path: text for path, text in GOOD.items() if layer_at(path) != absent}
    assert missing_layers(write_package(tmp_path, sources)) == [absent]


def layer_at(path: str) -> str:
    return layer_of(f"asyncup/{path}".removesuffix(".py").removesuffix("/__init__").replace("/", "."))


def test_an_empty_tree_misses_every_layer(tmp_path: Path) -> None:
    assert missing_layers(read_modules(tmp_path)) == list(EXPECTED)


@pytest.mark.parametrize("source", ["async def test_f(): ...", "import anyio", "from asyncio import run"])
def test_an_event_loop_among_the_protocols_tests_is_reported(source: str, tmp_path: Path) -> None:
    assert len(event_loops_in(write_package(tmp_path, {"test_plan.py": source}))) == 1
