"""Uploads of a file that changes, into a Vault that errs, over a network that lies, by a client that is cut off.

hypothesis chooses what happens, in any order; after every step the promises of the design are compared with a model
that knows only: which bytes were ever offered for a path, and which upload sessions the client has named.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from asyncup import AsyncupError, MemoryBudget, PasswordLogin, Vault, upload, upload_file
from asyncup.errors import IntegrityError, SourceChanged
from asyncup.events import BytesWritten, Event, PartAcknowledged, PartRead, UploadStarted
from tests.fakes.await_counter import AwaitCounter
from tests.fakes.memory_vault import PASSWORD, USER, Endpoint, HeldSession, MemoryVault
from tests.pipeline.files import ENOUGH_S
from tests.pipeline.leftovers import mappings_of, other_tasks, threads_at_work
from tests.pipeline.test_faults import FAULTS
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, outcome

SIZES = (300, 9_999, 25_000)
"""One request; one part; three."""

PATHS = ("/u1/a.bin", "/u1/b.bin")
# Not the list of upload sessions: when that is refused after a creation whose answer is lost, nobody can know a name.
FAULTY = [
    *[(Endpoint.CREATE_SESSION, 1)] * 3,
    *((Endpoint.PUT_PART, nth) for nth in (1, 2, 3)),
    *[(Endpoint.COMMIT, 1)] * 2,
    (Endpoint.CREATE_ITEM, 1),
    (Endpoint.SESSION_DETAILS, 1),
    (Endpoint.LIST_PARTS, 1),
    (Endpoint.LIST_PARTS, 2),
    (Endpoint.LIST_ITEMS, 1),
    (Endpoint.JOB_STATUS, 1),
]
DOUBTS = ("lost after", "500 but done", "half an answer", "an empty success", "flipped on the wire", "kept wrongly")
WHICH = st.integers(0, 11)
"""One of what there is. What is drawn must not depend on how fast threads were, so it is no choice among sessions."""

TROUBLE = st.lists(
    st.tuples(
        st.sampled_from(FAULTY),
        st.sampled_from(DOUBTS) | st.sampled_from(sorted(FAULTS)),
        st.sampled_from([1, 1, 2 * ATTEMPTS]),
    ),
    max_size=3,
    unique_by=lambda trouble: trouble[0][0],
)
"""At which request, what, and how many times."""

Trouble = Sequence[tuple[tuple[Endpoint, int], str, int]]
Work = Callable[[Vault, dict[str, Any]], Awaitable[Any]]
MOMENTS: tuple[type[Event], ...] = (UploadStarted, PartRead, BytesWritten, PartAcknowledged)


class Uploads(RuleBasedStateMachine):
    """One local file, one Vault, and a client that is a new process at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name, "local.bin")
        self.memory = MemoryVault()
        self.memory.folders |= {"/u1"}
        self.offered: dict[str, set[bytes]] = {path: set() for path in PATHS}
        self.named: set[str] = set()
        self.paths: dict[str, str] = {}
        self.contents = 0

    def teardown(self) -> None:
        self.every_session_that_fits_becomes_the_file()
        self.runner.close()
        self.folder.cleanup()

    # What the client does

    @initialize()
    def the_file_is_written(self) -> None:
        self.the_file_is_another_one(25_000)

    @rule(size=st.sampled_from(SIZES))
    def the_file_is_another_one(self, size: int) -> None:
        self.contents += 1
        self.file.write_bytes(random.Random(self.contents).randbytes(size))

    @rule(path=st.sampled_from(PATHS), overwrite=st.booleans(), trouble=TROUBLE)
    def a_file_is_uploaded(self, path: str, overwrite: bool, trouble: Trouble) -> None:
        self._run(self._new(path, overwrite=overwrite), path, trouble)

    @rule(trouble=TROUBLE, which=WHICH)
    def an_upload_is_continued(self, trouble: Trouble, which: int) -> None:
        session = self._session(which)
        if session is None:
            return
        session_id, path = session.id, session.path
        before = len(self.memory.effects)
        result = self._run(self._continuing(session_id), path, trouble)
        if not trouble and not isinstance(result, AsyncupError):
            # Promise 5: what Vault held with the right bytes is not sent again.
            sent = self.memory.effects[before:].count(Endpoint.PUT_PART)
            assert sent <= result.parts - result.resumed_parts

    @rule(path=st.sampled_from(PATHS), parts=st.integers(0, 2))
    def a_session_is_begun(self, path: str, parts: int) -> None:
        content = self.file.read_bytes()
        if len(content) > parts * PART_SIZE:
            held = [content[n * PART_SIZE : (n + 1) * PART_SIZE] for n in range(parts)]
            self.named.add(self.memory.open_session(path, len(content), *held, overwrite=True))

    @rule(which=WHICH, trouble=TROUBLE)
    def an_upload_is_continued_without_a_commit(self, which: int, trouble: Trouble) -> None:
        session, content = self._session(which), self.file.read_bytes()
        if session is None:
            return
        result = self._run(self._continuing(session.id, commit=False), session.path, trouble, is_whole=False)
        if not isinstance(result, AsyncupError):
            assert self.memory.sessions[session.id].content == content

    @rule(path=st.sampled_from(PATHS), await_number=st.integers(1, 150))
    def an_upload_is_cancelled(self, path: str, await_number: int) -> None:
        async def cancelled() -> None:
            with anyio.CancelScope() as scope, AwaitCounter(at=await_number, act=scope.cancel):
                await self._attempt(self._new(path))

        self.offered[path].add(self.file.read_bytes())
        self._loop(cancelled)
        # Of a creation that was cut off in the middle, nobody knows the name.
        self.named |= set(self.memory.sessions)

    @rule(which=WHICH)
    def two_upload_into_one_session(self, which: int) -> None:
        session = self._session(which)
        if session is None:
            return
        session_id, path = session.id, session.path
        content = self.file.read_bytes()
        self.offered[path].add(content)
        work = self._continuing(session_id)

        async def both() -> list[object]:
            return list(await asyncio.gather(self._attempt(work), self._attempt(work)))

        for result in self._loop(both):
            self._judge(result, path, content)
        # Two that write at once, and one that goes on when the other has closed, are what was wanted here.
        wanted = ("at once", "after aclose")
        self.memory.violations = [each for each in self.memory.violations if not any(why in each for why in wanted)]

    @rule(path=st.sampled_from(PATHS), moment=st.sampled_from(MOMENTS), nth=st.integers(1, 3), truncate=st.booleans())
    def the_file_changes_while_it_is_uploaded(self, path: str, moment: type[Event], nth: int, truncate: bool) -> None:
        before, left = self.file.read_bytes(), [nth]

        def change(event: Event) -> None:
            if isinstance(event, moment):
                left[0] -= 1
                if left[0] == 0:
                    self.file.write_bytes(b"" if truncate else before[::-1])

        result = self._run(self._new(path), path, (), change)
        if left[0] <= 0:
            # Promise 6.
            assert isinstance(result, SourceChanged)
        if truncate or not self.file.stat().st_size:
            self.the_file_is_another_one(25_000)

    # What others do

    @rule()
    def every_login_ends(self) -> None:
        self.memory.expire_logins()

    @rule(hours=st.integers(1, 5))
    def time_passes(self, hours: int) -> None:
        self.memory.now_s += hours * 3600

    @rule(which=WHICH)
    def somebody_overwrites_a_part(self, which: int) -> None:
        session = self._session(which)
        if session is not None and session.parts:
            number = 1 + which % len(session.parts)
            session.parts[number] = session.parts[number][::-1]

    @rule(which=WHICH)
    def somebody_aborts_a_session(self, which: int) -> None:
        session = self._session(which)
        if session is not None:
            del self.memory.sessions[session.id]

    # What must be true

    @invariant()
    def no_rule_of_vault_is_broken(self) -> None:
        # Promise 2 among them: a part is never offered before the one in front of it is there.
        assert self.memory.violations == []
        assert self.memory.in_flight == 0

    @invariant()
    def only_bytes_that_were_offered_are_in_vault(self) -> None:
        for path, content in self.memory.items.items():
            assert content in self.offered[path], "a mixture of two files, or of a file and a fault"

    @invariant()
    def every_open_session_has_been_named(self) -> None:
        assert set(self.memory.sessions) <= self.named

    def every_session_that_fits_becomes_the_file(self) -> None:
        """Promise 5: in the end, whatever is open is continued, or refused because it holds other bytes."""
        for session_id, session in sorted(self.memory.sessions.items()):
            result = self._run(self._continuing(session_id), session.path)
            if isinstance(result, AsyncupError):
                assert isinstance(result, IntegrityError), result

    # How it is done

    def _session(self, which: int) -> HeldSession | None:
        open_ones = sorted(self.memory.sessions.values(), key=lambda session: session.id)
        return open_ones[which % len(open_ones)] if open_ones else None

    def _new(self, path: str, *, overwrite: bool = True) -> Work:
        return lambda vault, how: upload_file(self.file, path, vault=vault, overwrite=overwrite, **how)

    def _continuing(self, session_id: str, *, commit: bool = True) -> Work:
        return lambda vault, how: upload(self.file, session_id, vault=vault, commit=commit, **how)

    def _run(
        self,
        work: Work,
        path: str,
        trouble: Trouble = (),
        on_event: Callable[[Event], None] = lambda _: None,
        *,
        is_whole: bool = True,
    ) -> Any:  # noqa: ANN401 - a result or an error
        """Upload in a new client, with trouble; check what must be true of any upload, and return how it ended."""
        content = self.file.read_bytes()
        self.offered[path].add(content)
        for (endpoint, nth), name, times in trouble:
            # A part that is kept wrongly is overwritten; a small file is there, wrong, beside an error that says so.
            if name not in ("flipped on the wire", "kept wrongly") or endpoint is Endpoint.PUT_PART:
                self.memory.fail(endpoint, *[FAULTS[name]() for _ in range(times)], nth=nth)
        result = self._loop(lambda: self._attempt(work, on_event))
        if is_whole or isinstance(result, AsyncupError):
            self._judge(result, path, content)
        return result

    async def _attempt(
        self,
        work: Work,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> object:
        memory, budget = self.memory, MemoryBudget(2 * PART_SIZE)
        memory.closed = False
        async with memory.vault(PasswordLogin(USER, PASSWORD), retry=OPTIONS.retry) as vault:
            how = {"options": OPTIONS, "memory": budget, "on_event": on_event}
            result = await outcome(work(vault, how))
            memory.closed = False  # another client may still use it
        assert budget.taken == 0
        return result

    def _judge(self, result: object, path: str, content: bytes) -> None:
        if isinstance(result, AsyncupError):
            if result.session_id is not None:
                self.named.add(result.session_id)
        else:
            # Promise 1.
            assert self.memory.items.get(path) == content

    def _loop(self, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever it returns
        async def guarded() -> Any:  # noqa: ANN401
            tasks = other_tasks()
            with anyio.fail_after(ENOUGH_S):
                result = await work()
            # Promise 9.
            assert other_tasks() <= tasks
            assert threads_at_work() == 0
            return result

        try:
            return self.runner.run(guarded())
        finally:
            self.memory._faults.clear()
            self.memory.closed = False
            self.memory.now_s += 3600  # whatever job is under way ends
            self.memory._run_jobs()
            if mappings_of(self.file):
                gc.collect()  # the traceback of what was cancelled
            assert mappings_of(self.file) == 0


# Fifteen steps can be read as they are; making them fewer would take longer than a test may.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
Uploads.TestCase.settings = settings(stateful_step_count=15, phases=PHASES)
test_uploads = Uploads.TestCase
