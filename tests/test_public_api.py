"""What users may rely on: names, signatures, docstrings, and what importing asyncup does not do."""

import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types

import pytest

import asyncup

MOST_NAMES = 20


def test_there_are_few_names_and_all_are_there() -> None:
    assert len(asyncup.__all__) == len(set(asyncup.__all__)) <= MOST_NAMES
    for name in asyncup.__all__:
        assert getattr(asyncup, name) is not None


def test_nothing_else_is_public() -> None:
    # In a process that imported asyncup and nothing more: here, tests have imported its inner packages.
    seen = set(_run("import asyncup; print(*(name for name in dir(asyncup) if name[0] != '_'))").split())
    inner_packages = {"pipeline", "protocol", "vault"}
    assert seen - inner_packages == set(asyncup.__all__)
    assert inner_packages <= seen


@pytest.mark.parametrize("name", asyncup.__all__)
def test_every_name_says_what_it_is_for(name: str) -> None:
    value = getattr(asyncup, name)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}("), "the dataclass's own docstring says nothing"
    if inspect.isclass(value):
        for method_name, method in inspect.getmembers(value, inspect.isfunction):
            if not method_name.startswith("_"):
                assert method.__doc__, f"{name}.{method_name}"


@pytest.mark.parametrize("name", asyncup.__all__)
def test_a_name_comes_from_asyncup(name: str) -> None:
    value = getattr(asyncup, name)
    where = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
    assert where.startswith("asyncup.")


# A change here is a change for every user: it belongs into CHANGELOG.md.
SIGNATURES = {
    "upload": (
        "(path: 'str | os.PathLike[str]', session_id: 'str', *, vault: 'Vault | None' = None, commit: 'bool' = False, "
        "options: 'UploadOptions | None' = None, memory: 'MemoryBudget | None' = None, "
        "on_event: 'EventHook | None' = None, drain: 'Drain | None' = None) -> 'UploadResult'"
    ),
    "upload_file": (
        "(path: 'str | os.PathLike[str]', destination: 'str', *, vault: 'Vault | None' = None, "
        "overwrite: 'bool' = False, resume: 'Resume' = 'never', options: 'UploadOptions | None' = None, "
        "memory: 'MemoryBudget | None' = None, on_event: 'EventHook | None' = None, "
        "drain: 'Drain | None' = None) -> 'UploadedFile'"
    ),
    "upload_many": (
        "(items: 'RunInputs', *, vault: 'Vault', journal: 'str | os.PathLike[str]', key: 'RunKey | None' = None, "
        "options: 'UploadOptions | None' = None, bulk: 'BulkOptions | None' = None, "
        "memory: 'MemoryBudget | None' = None, on_event: 'RunHook | None' = None, "
        "drain: 'Drain | None' = None) -> 'AsyncGenerator[FileResult]'"
    ),
    "Vault": (
        "(address: 'str', login: 'Login', *, api_version: 'str' = 'v25.2', limits: 'Limits | None' = None, "
        "client_id: 'str' = 'asyncup', retry: 'RetryPolicy | None' = None, "
        "ssl_context: 'ssl.SSLContext | None' = None, congestion_control: 'str | None' = None, "
        "on_event: 'EventHook | None' = None, "
        "transport: 'Transport | None' = None) -> 'None'"
    ),
    "Vault.from_environment": "(*, on_event: 'EventHook | None' = None) -> 'Self'",
    "TokenLogin": "(token: 'str') -> None",
    "PasswordLogin": "(username: 'str', password: 'str') -> None",
    "OAuthLogin": (
        "(profile_id: 'str', token: 'str | Callable[[], Awaitable[str]]', client_id: 'str | None' = None, "
        "login_server: 'str' = 'https://login.veevavault.com') -> None"
    ),
    "RetryPolicy": (
        "(max_attempts: 'int' = 20, first_contact_attempts: 'int' = 3, base_s: 'float' = 0.5, cap_s: 'float' = 60.0, "
        "retry_after_cap_s: 'float' = 300.0, shared_retries: 'float' = 20.0, shared_retries_per_s: 'float' = 1.0, "
        "breaker_failures: 'int' = 10, breaker_after_s: 'float' = 30.0, outage_s: 'float' = 900.0) -> None"
    ),
    "MemoryBudget": "(total: 'int') -> 'None'",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_pinned(name: str) -> None:
    value: object = asyncup
    for step in name.split("."):
        value = getattr(value, step)
    assert callable(value)
    assert str(inspect.signature(value)) == SIGNATURES[name]


def test_every_callable_name_is_pinned_or_pure_data() -> None:
    pinned = {name.partition(".")[0] for name in SIGNATURES}
    for name in set(asyncup.__all__) - pinned:
        value = getattr(asyncup, name)
        data = isinstance(value, types.ModuleType) or hasattr(value, "__dataclass_fields__")
        assert data or issubclass(value, asyncup.AsyncupError), name


@pytest.mark.parametrize("name", ["UploadOptions", "UploadResult", "UploadedFile"])
def test_data_is_frozen_and_keyword_only(name: str) -> None:
    kind = getattr(asyncup, name)
    assert kind.__dataclass_params__.frozen
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(kind).parameters.values())


def test_every_value_of_the_inner_layers_is_frozen_too() -> None:
    names = [info.name for info in pkgutil.walk_packages(asyncup.__path__, "asyncup.")]
    below = ("asyncup.protocol.", "asyncup.vault.", "asyncup.events.", "asyncup.errors.")
    inner = [name for name in names if name.startswith(below) or name.count(".") == 1]
    modules = [importlib.import_module(name) for name in inner if not name.endswith("__main__")]
    values = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and dataclasses.is_dataclass(kind)
    }
    assert len(values) > 30
    for kind in values:
        assert vars(kind)["__dataclass_params__"].frozen, kind
        assert "__slots__" in vars(kind), kind


def test_every_option_has_a_default() -> None:
    assert asyncup.UploadOptions() == asyncup.UploadOptions()
    assert all(p.default is not p.empty for p in inspect.signature(asyncup.UploadOptions).parameters.values())


OTHER_PEOPLES = ["uvloop", "rich", "cyclopts", "matplotlib", "pytest", "asyncup.emulator", "asyncup.cli"]


def test_importing_it_brings_in_nothing_of_the_command_line() -> None:
    loaded = set(_run("import asyncup, sys; print(*sys.modules)").split())
    assert "asyncup.vault.client" in loaded
    assert not loaded & set(OTHER_PEOPLES)


def test_importing_it_brings_in_bulk_runs_only_for_who_asks_for_them() -> None:
    asked = "import asyncup, sys; asyncup.{}; print(*sys.modules)"
    without, with_it = (set(_run(asked.format(name)).split()) for name in ("upload_file", "upload_many"))
    assert "asyncup.bulk.upload_many" in with_it
    assert not any(name.startswith("asyncup.bulk") for name in without)
    assert len(with_it - without) > 50, "it would not be worth it"
    assert not hasattr(asyncup, "upload_all")


def test_importing_it_starts_nothing() -> None:
    program = (
        "import asyncio, threading, signal, socket, warnings\n"
        "handlers = [signal.getsignal(s) for s in signal.valid_signals()]\n"
        "policy = type(asyncio.get_event_loop_policy())\n"
        "import asyncup\n"
        "assert handlers == [signal.getsignal(s) for s in signal.valid_signals()]\n"
        "assert policy is type(asyncio.get_event_loop_policy())\n"
        "print(threading.active_count())"
    )
    assert _run(program).strip() == "1"


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True, timeout=60, cwd=_ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_ROOT = str(asyncup.__file__).rpartition("/asyncup/")[0]
