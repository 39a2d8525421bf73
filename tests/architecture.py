"""The walls of asyncup, first as data, then as pure functions from parsed modules to complaints.

Layers point down, the core does no I/O, modules are small, names are plain. test_architecture.py
holds asyncup to these rules, and the rules to examples that break them.
"""

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

# A layer is a folder or module directly under asyncup/; "" is asyncup/__init__.py, the public face.
# Each may import what stands beside it, and itself.
LAYERS = {
    "errors": set[str](),
    "events": set[str](),
    "protocol": {"errors", "events"},
    "vault": {"errors", "events", "protocol"},
    "pipeline": {"errors", "events", "protocol", "vault"},
    "bulk": {"errors", "events", "protocol", "vault", "pipeline"},
    "": {"errors", "events", "protocol", "vault", "pipeline", "bulk"},
    # A second reading of the API: sharing nothing is what makes it worth having.
    "emulator": set[str](),
    "cli": {"errors", "events", "protocol", "vault", "pipeline", "bulk", "", "emulator"},
    "__main__": {"cli"},
}
# The floors of the largest layer, from the ground up: each imports floors below it, and itself.
FLOORS = {
    "bulk": "errors inputs journal budgets jobs in_vault lanes report dry_run run upload_many".split(),  # noqa: SIM905
}
# Where a package may be used at all; whoever else needs what it does goes through that place.
ONLY_IN = {
    "aiohttp": (
        "asyncup.vault.aiohttp_transport",
        "asyncup.vault.aiohttp_connector",
        "asyncup.vault.payloads",
        "asyncup.emulator",
    ),
    "cyclopts": ("asyncup.cli",),
    "rich": ("asyncup.cli",),
    "uvloop": ("asyncup.cli", "asyncup.emulator.tcp_proxy.__main__"),
}
# All that protocol/ may import besides asyncup: nothing waits, reads, draws lots or tells time ...
PURE = """
    __future__ abc base64 binascii bisect collections contextlib.suppress dataclasses datetime
    email.utils.parsedate_to_datetime enum fractions functools heapq http.HTTPMethod http.HTTPStatus
    itertools json math operator pathlib.PurePosixPath re string types typing unicodedata urllib.parse
""".split()  # noqa: SIM905 - as a list it takes a line for each
# ... without these built-in functions, and without the clock of datetime.
IMPURE_FUNCTIONS = {"__import__", "eval", "exec", "input", "open", "print"}
IMPURE_METHODS = {"now", "today", "utcnow"}
MODULE_LINES = 320
FUNCTION_LINES = 60
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "misc", "util", "utils"}
# The folders that must be there, or else a rule might keep watch over nothing.
EXPECTED = ("", "errors", "events", "protocol", "vault", "pipeline", "bulk", "emulator", "cli")


@dataclass(frozen=True)
class Import:
    """One imported name: the target a.b.c of `from a.b import c`, or a.b of `import a.b`."""

    target: str
    line: int

    def is_under(self, *places: str) -> bool:
        """Whether the target is one of the places or something inside it."""
        return is_under(self.target, *places)


@dataclass(frozen=True)
class Module:
    """A parsed module."""

    name: str
    path: Path
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source, filename=str(self.path))

    @property
    def layer(self) -> str:
        """The folder or module of asyncup that it belongs to."""
        return layer_of(self.name)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import, also those inside a function: hiding one there does not turn it round."""
        return tuple(found for node in ast.walk(self.tree) for found in self._imports_of(node))

    def _imports_of(self, node: ast.AST) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            origin = self._origin_of(node)
            for alias in node.names:
                yield Import(f"{origin}.{alias.name}", node.lineno)

    def _origin_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        inside = self.name.split(".") + (["__init__"] if self.path.stem == "__init__" else [])
        return ".".join([*inside[: -node.level], *([node.module] if node.module else [])])

    def complaint(self, line: int, text: str) -> str:
        """A complaint that an editor can jump to."""
        return f"{self.path}:{line}: {text}"


def read_modules(package: Path) -> list[Module]:
    """Every module of the package in that folder."""
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(name, path, path.read_text(encoding="utf-8")))
    return modules


def is_under(name: str, *places: str) -> bool:
    """Whether the dotted name is one of the places or something inside it."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def layer_of(name: str) -> str:
    """The second part of a dotted name."""
    return name.split(".")[1] if "." in name else ""


def resolve(target: str, known: Container[str]) -> str:
    """The module in which an imported name lives: asyncup.vault for asyncup.vault.Login."""
    while target not in known and "." in target:
        target = target.rpartition(".")[0]
    return target


def inner_imports(modules: list[Module]) -> Iterator[tuple[Module, Import, str]]:
    """Every import of asyncup by asyncup, with the module that it reaches."""
    known = {module.name for module in modules}
    for module in modules:
        for found in module.imports:
            if found.is_under("asyncup"):
                yield module, found, resolve(found.target, known)


def layers_point_down(modules: list[Module]) -> list[str]:
    """A layer imports only what LAYERS lets it, and every module is in a layer."""
    return [
        module.complaint(1, f"{module.layer!r} is not a layer") for module in modules if module.layer not in LAYERS
    ] + [
        module.complaint(found.line, f"{module.layer!r} may not import {found.target}")
        for module, found, reached in inner_imports(modules)
        if layer_of(reached) not in {module.layer} | LAYERS.get(module.layer, set())
    ]


def floors_point_down(modules: list[Module]) -> list[str]:
    """Within a layer that has floors, imports point down as well, and every module is on a floor."""
    complaints: list[str] = []
    for layer, floors in FLOORS.items():
        inside = f"asyncup.{layer}."
        height = {floor: index for index, floor in enumerate(floors)}
        complaints += [
            module.complaint(1, f"{module.name} is on no floor of {layer}")
            for module in modules
            if module.name.startswith(inside) and floor_of(module.name) not in height
        ]
        complaints += [
            module.complaint(found.line, f"{floor_of(module.name)!r} may not import {found.target}")
            for module, found, reached in inner_imports(modules)
            if module.name.startswith(inside) and reached.startswith(inside)
            if height.get(floor_of(reached), 0) > height.get(floor_of(module.name), 0)
        ]
    return complaints


def floor_of(name: str) -> str:
    """The folder or module of its layer that a module belongs to."""
    return name.split(".")[2]


def imports_have_no_cycle(modules: list[Module]) -> list[str]:
    """No module imports itself by way of others."""
    graph: dict[str, set[str]] = {}
    for module, _, reached in inner_imports(modules):
        graph.setdefault(module.name, set()).add(reached)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        return ["import cycle: " + " <- ".join(cycle.args[1])]
    return []


def packages_stay_in_their_place(modules: list[Module]) -> list[str]:
    """aiohttp behind the transport, the event loop and the terminal with the command line."""
    return [
        module.complaint(found.line, f"{package} is for {' and '.join(places)} only")
        for module in modules
        for found in module.imports
        for package, places in ONLY_IN.items()
        if found.is_under(package) and not is_under(module.name, *places)
    ]


def protocol_is_sans_io(modules: list[Module]) -> list[str]:
    """protocol/ has no async, and nothing that could do I/O, tell time or draw lots."""
    return [
        module.complaint(line, text)
        for module in modules
        if module.layer == "protocol"
        for line, text in impurities(module)
    ]


def impurities(module: Module) -> Iterator[tuple[int, str]]:
    """What a pure module should not do, as lines and texts."""
    for found in module.imports:
        if not found.is_under("asyncup", *PURE):
            yield found.line, f"{found.target} is not on the list of pure imports"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"{node.name} is async"
        elif isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in IMPURE_FUNCTIONS:
                    yield node.lineno, f"calls {name}()"
                case ast.Attribute(attr=name) if name in IMPURE_METHODS:
                    yield node.lineno, f"calls .{name}()"


def functions_of(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from def to the end, the docstring among them."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def nothing_is_too_long(modules: list[Module]) -> list[str]:
    """A module that needs a table of contents is two modules; so is a function that scrolls."""
    return [
        module.complaint(MODULE_LINES, f"a module of {lines} lines")
        for module in modules
        if (lines := len(module.source.splitlines())) > MODULE_LINES
    ] + [
        module.complaint(function.lineno, f"{function.name} has {lines} lines")
        for module in modules
        for function in functions_of(module)
        if (lines := length_of(function)) > FUNCTION_LINES
    ]


def modules_say_what_they_are_for(modules: list[Module]) -> list[str]:
    """Every module opens with a docstring."""
    return [
        module.complaint(1, "a module without a docstring") for module in modules if not ast.get_docstring(module.tree)
    ]


def names_say_something(modules: list[Module]) -> list[str]:
    """No drawer for leftovers."""
    return [
        module.complaint(1, f"{part!r} says nothing: name the concept")
        for module in modules
        for part in module.name.split(".")
        if part.strip("_") in NAMES_THAT_SAY_NOTHING
    ]


def asserts_judge_no_data(modules: list[Module]) -> list[str]:
    """`python -O` removes every assert, so it may only tell a type checker what is true by construction."""
    return [
        module.complaint(node.lineno, f"asserts {ast.unparse(node.test)}: raise instead")
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assert) and not narrows_a_type(node.test)
    ] + [
        module.complaint(node.lineno, "does something else without -O")
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "__debug__"
    ]


def narrows_a_type(test: ast.expr) -> bool:
    """Whether it says `is not None`, `isinstance(...)`, or the opposite of the second."""
    match test:
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
        case (
            ast.Call(func=ast.Name(id="isinstance"))
            | ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="isinstance")))
        ):
            return True
        case _:
            return False


def missing_layers(modules: list[Module]) -> list[str]:
    """The expected layers of which there is no module with a line of code."""
    seen = {module.layer for module in modules if module.source.strip()}
    return [layer for layer in EXPECTED if layer not in seen]


def event_loops_in(modules: list[Module]) -> list[str]:
    """Where tests of pure code are async, or reach for something that is."""
    return [
        module.complaint(function.lineno, f"{function.name} is async")
        for module in modules
        for function in functions_of(module)
        if isinstance(function, ast.AsyncFunctionDef)
    ] + [
        module.complaint(found.line, f"imports {found.target}")
        for module in modules
        for found in module.imports
        if found.is_under("asyncio", "anyio", "aiohttp", "aiofiles", "uvloop")
    ]


RULES = (
    layers_point_down,
    floors_point_down,
    imports_have_no_cycle,
    packages_stay_in_their_place,
    protocol_is_sans_io,
    nothing_is_too_long,
    modules_say_what_they_are_for,
    names_say_something,
    asserts_judge_no_data,
)
