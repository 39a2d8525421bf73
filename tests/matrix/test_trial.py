"""The judge finds a liar: whatever a client might do wrong is told, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncup.emulator import Do, Endpoint, Fault
from asyncup.errors import AsyncupError
from asyncup.pipeline import commit as commit_module
from asyncup.pipeline.sender import Sender
from asyncup.protocol.upload_session import UploadSessionMachine
from asyncup.vault.aiohttp_transport import AiohttpTransport
from tests.matrix import trial
from tests.matrix.cases import Case, Place, Shape, cases
from tests.matrix.trial import Ending, tried

Sabotage = Callable[[pytest.MonkeyPatch], None]


def case_of(do: Do, shape: Shape, endpoint: Endpoint, part: int | None = None, *, endless: bool = False) -> Case:
    return next(
        case
        for case in cases(do, endless=endless)
        if (case.shape, case.place.endpoint, case.place.part) == (shape, endpoint, part)
    )


def believe_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that compares no MD5, like all those that there are."""

    def acknowledge(self: UploadSessionMachine, receipt: object, md5: str) -> None:
        self.acknowledged += 1
        self.state = self._open_or_complete()

    monkeypatch.setattr(UploadSessionMachine, "acknowledge", acknowledge)
    monkeypatch.setattr(commit_module, "compare_with_acknowledged", lambda *_: None)


def raise_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(*_: object) -> str:
        raise ValueError("a bug")

    monkeypatch.setattr(Sender, "send", send)


def hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "ENOUGH_S", 0.5)
    monkeypatch.setattr(AiohttpTransport, "send", lambda *_: anyio.sleep_forever())


def forget_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsyncupError, "locate", locate_but_for_session)


def locate_but_for_session(error: AsyncupError, **where: Any) -> AsyncupError:  # noqa: ANN401 - as `locate`
    where.pop("session_id", None)
    for name, value in where.items():
        setattr(error, name, value if getattr(error, name) is None else getattr(error, name))
    return error


def ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes a small file for uploaded without sending it."""

    async def send_small_file(*_: object, **__: object) -> tuple[str, int]:
        return "", 0

    monkeypatch.setattr("asyncup.pipeline.upload_file.send_small_file", send_small_file)


LIARS: dict[str, tuple[Case, Sabotage, Ending, str]] = {
    "believes": (
        case_of(Do.FLIP_STORED, "many", Endpoint.PUT_PART, 3),
        believe_everything,
        Ending.WRONG,
        "success, but other bytes are in Vault",
    ),
    "bug": (case_of(Do.STATUS, "single", Endpoint.COMMIT), raise_something_else, Ending.WRONG, "no error of ours"),
    "forgets": (
        case_of(Do.REFUSE, "single", Endpoint.COMMIT, endless=True),
        forget_the_session,
        Ending.WRONG,
        "left without a name",
    ),
    "hangs": (case_of(Do.STATUS, "single", Endpoint.COMMIT), hang, Ending.HUNG, "hung"),
    "does nothing": (case_of(Do.DELAY, "small", Endpoint.CREATE_ITEM), ask_for_nothing, Ending.WRONG, "other bytes"),
    "no such part": (
        Case("single", Place(Endpoint.PUT_PART, part=9), Fault(do=Do.DELAY, endpoint="put_part", part=9)),
        lambda _: None,
        Ending.WRONG,
        "never struck",
    ),
}


@pytest.mark.parametrize("liar", LIARS)
async def test_a_liar_is_found(liar: str, memory_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, sabotage, ending, complaint = LIARS[liar]
    sabotage(monkeypatch)
    judgement = await tried(case, memory_folder / "case")
    assert judgement.ending is ending
    assert str(case) in judgement.complaint
    assert complaint in judgement.complaint


@pytest.mark.parametrize("shape", ["small", "single", "many", "resumed"])
async def test_a_byte_that_vault_always_keeps_wrongly_is_never_a_success(shape: Shape, memory_folder: Path) -> None:
    """Whichever part it is in, with and without Content-MD5."""
    tries = [case for do in (Do.FLIP_BYTE, Do.FLIP_STORED) for case in cases(do, endless=True) if case.changes_bytes]
    tries = [case for case in tries if case.shape == shape and not is_folder(case.place)]
    assert len(tries) >= 6
    for number, case in enumerate(tries):
        judgement = await tried(case, memory_folder / str(number))
        assert judgement.ending is Ending.TYPED, judgement.complaint


def is_folder(place: Place) -> bool:
    return place.endpoint is Endpoint.CREATE_ITEM and place.nth == 1
