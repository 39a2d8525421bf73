"""Emulators in processes of their own, one with TLS and one without, for all tests of this folder."""

from __future__ import annotations

import itertools
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from asyncup import RetryPolicy, TokenLogin, Vault
from asyncup.cli.emulator_process import EmulatorProcess, emulator_process
from asyncup.vault import slice_size

TOKEN = "token-for-tests"
ENVIRONMENT = {"ASYNCUP_EMULATOR_TOKEN": TOKEN}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Emulator:
    """An emulator that runs somewhere else.

    Attributes:
        url: where.
        root: where it keeps what it is sent; None when it keeps nothing.
        authority: the file with the authority of its certificate; None without TLS.
    """

    url: str
    root: Path | None
    authority: Path | None
    folder: str = field(default_factory=lambda: f"/u1/{next(_numbers)}")

    def vault(self, retry: RetryPolicy | None = None) -> Vault:
        """Return a client for it."""
        trust = None if self.authority is None else ssl.create_default_context(cafile=self.authority)
        return Vault(self.url, TokenLogin(TOKEN), ssl_context=trust, retry=retry)

    def stored(self, path: str) -> bytes:
        """Return what is kept at a path."""
        assert self.root is not None
        return (self.root / "files" / path.strip("/")).read_bytes()

    def environment(self) -> dict[str, str]:
        """Return what a program of its own needs to find it."""
        trust = {} if self.authority is None else {"AUTHORITY": str(self.authority)}
        return {**os.environ, "VAULT_URL": self.url, "VAULT_TOKEN": TOKEN, **trust}


@pytest.fixture
def slices_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """How far slices grow is the machine's speed, and with it how many there are."""
    monkeypatch.setattr(slice_size, "LARGEST_SLICE", slice_size.SLICE)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """A thread with a loop of its own, for processes that outlive a test."""
    with start_blocking_portal() as portal:
        yield portal


def _running(portal: BlockingPortal, root: Path | None, *arguments: str) -> Iterator[Emulator]:
    where = ("--discard",) if root is None else ("--root", str(root))
    with portal.wrap_async_context_manager(emulator_process(*where, *arguments, environment=ENVIRONMENT)) as process:
        assert isinstance(process, EmulatorProcess)
        yield Emulator(process.url, root, process.authority)


@pytest.fixture(scope="session")
def plain(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator that keeps what it is sent."""
    yield from _running(portal, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def encrypted(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The same, with TLS."""
    yield from _running(portal, tmp_path_factory.mktemp("encrypted"), "--tls")


@pytest.fixture(scope="session")
def discarding(portal: BlockingPortal) -> Iterator[Emulator]:
    """An emulator that keeps nothing, and is quick therefore."""
    yield from _running(portal, None)


@pytest.fixture(params=["plain", "tls"])
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """An emulator that keeps what it is sent, without TLS and with it."""
    wire: Literal["plain", "tls"] = request.param
    emulator: Emulator = request.getfixturevalue("plain" if wire == "plain" else "encrypted")
    return emulator
