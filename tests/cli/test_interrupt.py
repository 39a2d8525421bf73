"""The first signal cancels the work, the second ends the process."""

import os
import signal
import sys

import anyio
import pytest

from asyncup.cli import interrupt
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.interrupt import run_interruptible

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends itself POSIX signals")


@pytest.fixture(autouse=True)
def _handlers_as_before() -> object:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Work:
    """Sends this process a signal, and waits to be cancelled."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cleaned_up = False
        self.said: list[str] = []

    async def __call__(self) -> int:
        try:
            os.kill(os.getpid(), self.number)
            await anyio.sleep(20)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                self.cleaned_up = True
        return 99

    def on_interrupt(self) -> None:
        assert self.cleaned_up
        self.said.append("resumable")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_cancels_the_work_and_decides_the_code(number: int, code: ExitCode) -> None:
    work = Work(number)
    assert run_interruptible(work, work.on_interrupt) == code
    assert work.said == ["resumable"]


def test_without_a_signal_the_code_is_that_of_the_work() -> None:
    async def work() -> int:
        return 7

    assert run_interruptible(work, pytest.fail) == 7


def test_work_that_was_done_in_time_is_done() -> None:
    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.05)
        return 0

    assert run_interruptible(work, pytest.fail) == 0


def test_an_exception_comes_out_as_it_is() -> None:
    async def work() -> int:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        run_interruptible(work, pytest.fail)


class Draining:
    """Work that sends itself a signal, and ends by itself when it is asked to."""

    def __init__(self, *, obeys: bool) -> None:
        self.obeys = obeys
        self.asked: anyio.Event | None = None
        self.said: list[str] = []

    async def __call__(self) -> int | None:
        self.asked = anyio.Event()
        os.kill(os.getpid(), signal.SIGINT)
        await self.asked.wait()
        if not self.obeys:
            await anyio.sleep_forever()
        self.said.append("ended by itself")
        return None

    def drain(self) -> None:
        assert self.asked is not None
        self.asked.set()

    def on_interrupt(self) -> None:
        self.said.append("resumable")


def test_work_that_can_end_by_itself_is_asked_to() -> None:
    work = Draining(obeys=True)
    assert run_interruptible(work, work.on_interrupt, drain=work.drain, grace_s=600) == ExitCode.INTERRUPTED
    assert work.said == ["ended by itself", "resumable"]


def test_when_the_grace_time_is_over_it_is_cancelled() -> None:
    work = Draining(obeys=False)
    assert run_interruptible(work, work.on_interrupt, drain=work.drain, grace_s=0.01) == ExitCode.INTERRUPTED
    assert work.said == ["resumable"]


def test_without_a_grace_time_it_is_not_asked() -> None:
    work = Draining(obeys=True)
    assert run_interruptible(work, work.on_interrupt, drain=pytest.fail, grace_s=0) == ExitCode.INTERRUPTED
    assert work.said == ["resumable"]


def test_what_is_done_in_the_grace_time_is_done() -> None:
    asked: list[anyio.Event] = []

    async def work() -> int:
        asked.append(anyio.Event())
        os.kill(os.getpid(), signal.SIGTERM)
        await asked[0].wait()
        return 7

    def drain() -> None:
        asked[0].set()

    assert run_interruptible(work, pytest.fail, drain=drain, grace_s=600) == 7


def test_a_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await anyio.sleep(20)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
        return 0

    run_interruptible(work, lambda: None)
    assert ended == [ExitCode.TERMINATED]


def test_the_interrupt_of_a_loop_that_cannot_listen_is_an_interrupt_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raises(_: object) -> int:
        raise KeyboardInterrupt

    said: list[str] = []
    monkeypatch.setattr(interrupt, "run_in_event_loop", raises)
    work = Work(signal.SIGINT)
    code = run_interruptible(work, lambda: said.append("resumable"))
    assert (code, said) == (ExitCode.INTERRUPTED, ["resumable"])
