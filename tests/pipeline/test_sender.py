"""The consumer: strict order and right bytes whatever fails, and what it learns of a Vault on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given, strategies as st

from asyncup import MemoryBudget, PasswordLogin, TokenLogin, UploadOptions
from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    LoginError,
    TlsRefused,
    TransportError,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultError,
)
from asyncup.events import BufferKind, PartStarted, RetryScheduled, UploadStarted
from asyncup.pipeline.buffers import Buffers, open_buffers
from asyncup.pipeline.drain import Lane
from asyncup.pipeline.emitter import Emitter
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.reader import ReadPart
from asyncup.pipeline.sender import Sender
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.answers import Answer
from asyncup.protocol.content_md5 import ContentMd5Policy
from asyncup.protocol.plan import Plan
from asyncup.protocol.upload_session import State, UploadSessionMachine
from asyncup.vault.calls import on_behalf
from asyncup.vault.client import Vault
from tests.fakes.memory_vault import (
    PASSWORD,
    USER,
    Endpoint,
    Fault,
    HeldSession,
    MemoryVault,
    broken_off,
    do,
    flipped,
    login_expires,
    lost_after,
    lost_before,
    raw,
    refused,
    tls_refused,
    unreachable,
)
from tests.pipeline.files import LocalFile, md5
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


@dataclass
class Sending:
    """A sender at work."""

    memory: MemoryVault
    vault: Vault
    file: LocalFile
    session_id: str
    machine: UploadSessionMachine
    sender: Sender
    buffers: Buffers
    hasher: Hasher
    witness: Witness

    @property
    def session(self) -> HeldSession:
        return self.memory.sessions[self.session_id]

    async def send(self, number: int) -> str:
        part = self.machine.plan.part(number)
        buffer = await self.buffers.load(part)
        md5 = await self.sender.send(ReadPart(part, buffer, self.hasher.start(buffer)))
        self.buffers.release(buffer, reusable=True)
        return md5

    async def send_all(self, first: int = 1) -> list[str]:
        return [await self.send(number) for number in range(first, self.machine.plan.parts + 1)]


@asynccontextmanager
async def sending(
    file: LocalFile,
    memory: MemoryVault | None = None,
    *,
    options: UploadOptions = OPTIONS,
    login: TokenLogin | PasswordLogin | None = None,
    vault: Vault | None = None,
) -> AsyncIterator[Sending]:
    memory = memory or MemoryVault()
    vault = vault or memory.vault(login, retry=options.retry)
    plan = Plan(len(file.content), PART_SIZE)
    session_id = memory.open_session(PATH, plan.size)
    machine = UploadSessionMachine(plan)
    witness = Witness()
    witness(UploadStarted(str(file.path), session_id, plan.size, plan.parts, PART_SIZE, 0, 0, BufferKind.COPIED))
    sender = Sender(
        vault,
        session_id,
        machine,
        path=str(file.path),
        options=options,
        clock=StageClock(lambda: 0.0, lambda _: None),
        emit=Emitter(witness),
        lane=Lane(anyio.CancelScope()),
    )
    async with (
        open_source(file.path) as source,
        open_buffers(source, MemoryBudget(2 * PART_SIZE), may_map=False, on_copying=lambda *_: None) as buffers,
        anyio.create_task_group() as tasks,
    ):
        with Hasher(tasks, 1, lambda *_: None) as hasher, on_behalf(options.retry, witness):
            yield Sending(memory, vault, file, session_id, machine, sender, buffers, hasher, witness)
    witness.assert_consistent()
    assert memory.violations == []


async def test_every_part_is_acknowledged_in_order(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        md5s = await play.send_all()
        assert md5s == [local_file.md5(number, PART_SIZE) for number in range(1, PARTS + 1)]
        assert play.session.content == local_file.content
        assert play.machine.state is State.COMPLETE
        assert play.sender.bytes_written == len(local_file.content)
        assert play.memory.effects == [Endpoint.PUT_PART] * PARTS
        play.memory.assert_clean()


@pytest.mark.parametrize("policy", ["auto", "off"])
async def test_a_digest_is_asked_for_before_its_part_is_sent(local_file: LocalFile, policy: ContentMd5Policy) -> None:
    """Without a header, too, so that the part is hashed while it is sent."""
    held: list[int] = []

    def on_asked(digest: PendingDigest) -> None:
        held.append(len(play.session.parts))
        digest.settle(md5(local_file.part(1, PART_SIZE)))

    async with sending(local_file, options=replace(OPTIONS, content_md5=policy)) as play:
        part = play.machine.plan.part(1)
        buffer = await play.buffers.load(part)
        await play.sender.send(ReadPart(part, buffer, PendingDigest(on_asked)))
        play.buffers.release(buffer, reusable=True)
        assert list(play.session.parts) == [1]
    assert held == [0]


# -- faults

FAULTS: Mapping[str, Callable[[], Fault]] = {
    "lost before": lost_before,
    "lost after": lost_after,
    "broken off at once": lambda: broken_off(after=0),
    "broken off": lambda: broken_off(after=PART_SIZE // 2),
    "unreachable": unreachable,
    "busy": lambda: refused("API_LIMIT_EXCEEDED"),
    "in progress": lambda: refused("OPERATION_IN_PROGRESS"),
    "fault": lambda: refused("UNEXPECTED_ERROR"),
    "fault but done": lambda: raw(500, "", done=True),
    "a proxy's page": lambda: raw(502, "<html>bad gateway</html>"),
    "a page with 200": lambda: raw(200, "<html>please log in</html>"),
    "a page with 200, done": lambda: raw(200, "<html>please log in</html>", done=True),
    "too many": lambda: raw(429, "", headers={"retry-after": "7"}),
    "away": lambda: raw(503, ""),
    "kept wrongly": lambda: flipped("store"),
}


@given(
    put=st.lists(st.sampled_from(sorted(FAULTS)) | st.none(), max_size=20),
    listing=st.lists(st.sampled_from(["lost before", "away", "a proxy's page", "busy"]) | st.none(), max_size=8),
    policy=st.sampled_from(["auto", "off", "hex", "base64"]),
)
async def test_whatever_fails_the_order_is_kept_and_the_bytes_are_right(
    tmp_path_factory: pytest.TempPathFactory,
    put: list[str | None],
    listing: list[str | None],
    policy: ContentMd5Policy,
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "sent.bin", bytes(range(250)) * 140)
    memory = MemoryVault()
    for endpoint, names in ((Endpoint.PUT_PART, put), (Endpoint.LIST_PARTS, listing)):
        for nth, name in enumerate(names, start=1):
            if name is not None:
                memory.fail(endpoint, FAULTS[name](), nth=nth)
    async with sending(file, memory, options=replace(OPTIONS, content_md5=policy)) as play:
        result = await outcome(play.send_all())
        acknowledged = play.machine.acknowledged
        assert [play.session.parts[number] for number in range(1, acknowledged + 1)] == file.parts(PART_SIZE)[
            :acknowledged
        ]
        if isinstance(result, AsyncupError):
            assert acknowledged < 4
            assert result.part == acknowledged + 1 or result.part is None
            assert result.path == str(file.path) or result.path is None
        else:
            assert play.session.content == file.content
    attempts = [event.attempt for event in play.witness.of(PartStarted)]
    assert max(attempts) <= ATTEMPTS


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_one_fault_is_survived(local_file: LocalFile, name: str) -> None:
    async with sending(local_file) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, FAULTS[name]())
        await play.send_all(2)
        assert play.session.content == local_file.content
    play.memory.assert_clean()


@pytest.mark.parametrize("name", ["lost after", "fault but done", "a page with 200, done"])
async def test_what_arrived_is_not_sent_again(local_file: LocalFile, name: str) -> None:
    async with sending(local_file) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, FAULTS[name]())
        await play.send(2)
        assert play.memory.count(Endpoint.PUT_PART) == 2
        assert play.memory.count(Endpoint.LIST_PARTS) == 1
        assert play.sender.bytes_written == 2 * PART_SIZE
        assert play.memory.waited == []


@pytest.mark.parametrize(("name", "asks"), [("lost before", 1), ("unreachable", 0), ("busy", 0), ("away", 0)])
async def test_vault_is_asked_only_when_there_is_a_doubt(local_file: LocalFile, name: str, asks: int) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, FAULTS[name]())
        await play.send(1)
        assert play.memory.count(Endpoint.PUT_PART) == 2
        assert play.memory.count(Endpoint.LIST_PARTS) == asks
        (retry,) = play.witness.of(RetryScheduled)
        assert (retry.attempt, retry.part, retry.path) == (1, 1, str(local_file.path))


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"lost after", "fault but done", "a page with 200, done"}))
async def test_a_fault_without_end_is_given_up(local_file: LocalFile, name: str) -> None:
    options = replace(OPTIONS, content_md5="off")
    async with sending(local_file, options=options) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, *[FAULTS[name]() for _ in range(ATTEMPTS)])
        error = await outcome(play.send(2))
        assert isinstance(error, AsyncupError)
        assert error.attempts == ATTEMPTS
        assert (error.path, error.part, error.session_id) == (str(local_file.path), 2, play.session_id)
        assert play.session.parts.keys() - {2} == {1}, "what is there stays"
    play.memory.assert_clean()


async def test_attempts_are_counted_anew_for_every_part(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        for number in range(1, PARTS + 1):
            play.memory.fail(Endpoint.PUT_PART, *[unreachable() for _ in range(ATTEMPTS - 1)])
            await play.send(number)
        assert play.session.content == local_file.content
    play.memory.assert_clean()


class BrokeAsleep(TransportError):
    """An exchange during which this machine slept."""

    slept = True


async def test_a_machine_that_sleeps_often_loses_no_attempt(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        await play.send(1)
        asleep = Fault(error=BrokeAsleep)
        lost = Fault(done=False, error=BrokeAsleep)
        play.memory.fail(Endpoint.PUT_PART, *[lost] * 3 * ATTEMPTS, *[lost_before()] * (ATTEMPTS - 1))
        await play.send(2)
        play.memory.fail(Endpoint.PUT_PART, asleep)
        await play.send(3)
        assert play.session.content == local_file.content[: 3 * PART_SIZE]
        assert play.memory.count(Endpoint.PUT_PART) == 2 + 4 * ATTEMPTS, "what arrived all the same is not sent again"
        play.memory.fail(Endpoint.PUT_PART, *[lost] * ATTEMPTS, *[lost_before()] * ATTEMPTS)
        error = await outcome(play.send(4))
        assert isinstance(error, TransportError)
        assert error.attempts == ATTEMPTS
    play.memory.assert_clean()


async def test_a_retry_after_is_obeyed(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, raw(429, "", headers={"retry-after": "7"}))
        await play.send(1)
        assert sum(play.memory.waited) >= 7


async def test_tls_that_is_refused_is_not_tried_again(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, tls_refused())
        assert isinstance(await outcome(play.send(1)), TlsRefused)
        assert play.memory.count(Endpoint.PUT_PART) == 1


# -- other bytes than ours


async def test_other_bytes_are_sent_again_and_do_not_stay(local_file: LocalFile) -> None:
    async with sending(local_file, options=replace(OPTIONS, content_md5="off")) as play:
        play.memory.fail(Endpoint.PUT_PART, flipped("wire"), flipped("store"))
        assert await play.send(1) == local_file.md5(1, PART_SIZE)
        assert play.session.parts[1] == local_file.part(1, PART_SIZE)
        assert play.memory.effects == [Endpoint.PUT_PART] * 3, "the wrong ones were kept, for a while"
    play.memory.assert_clean()


async def test_other_bytes_again_and_again_are_told(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, *[flipped("store")] * ATTEMPTS)
        error = await outcome(play.send(1))
        assert type(error) is ChecksumMismatch
        assert (error.attempts, error.part) == (ATTEMPTS, 1)
        assert local_file.md5(1, PART_SIZE) in str(error)
        assert play.machine.acknowledged == 0
    play.memory.assert_clean()


async def test_a_network_that_damages_every_part_is_given_up_sooner_than_one_that_is_away(
    local_file: LocalFile,
) -> None:
    patient = replace(OPTIONS, retry=replace(OPTIONS.retry, max_attempts=9, first_contact_attempts=9))
    async with sending(local_file, options=patient) as play:
        play.memory.fail(Endpoint.PUT_PART, *[unreachable()] * 8)
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, *[flipped("store")] * 5)
        error = await outcome(play.send(2))
        assert type(error) is ChecksumMismatch
        assert (error.attempts, error.part) == (5, 2)
        assert play.memory.effects.count(Endpoint.PUT_PART) == 1 + 5
        assert play.machine.acknowledged == 1
    play.memory.assert_clean()


@pytest.mark.parametrize("wrong", ["number", "size"])
async def test_a_receipt_for_something_else_is_no_success(local_file: LocalFile, wrong: str) -> None:
    number, size = (2, PART_SIZE) if wrong == "number" else (1, PART_SIZE - 1)
    receipt = (
        f'{{"responseStatus": "SUCCESS", "data": {{"part_number": {number}, "size": {size}, '
        f'"part_content_md5": "{local_file.md5(1, PART_SIZE)}"}}}}'
    )
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, *[raw(200, receipt)] * ATTEMPTS)
        assert type(await outcome(play.send(1))) is ChecksumMismatch
    play.memory.assert_clean()


# -- somebody else


def _put(first: int, *contents: bytes) -> Callable[[MemoryVault], None]:
    def put(memory: MemoryVault) -> None:
        (session,) = memory.sessions.values()
        session.parts.update(enumerate(contents, start=first))

    return put


def _take_away(number: int) -> Callable[[MemoryVault], None]:
    def take_away(memory: MemoryVault) -> None:
        (session,) = memory.sessions.values()
        del session.parts[number]

    return take_away


SOMEBODY_ELSE: Mapping[str, Callable[[MemoryVault], None]] = {
    "other bytes": _put(2, b"x" * PART_SIZE),
    "another size": _put(2, b"x" * 5000),
    "a part further on": _put(2, b"x" * PART_SIZE, b"y" * PART_SIZE),
    "a part with a gap": _put(3, b"x" * PART_SIZE),
    "an acknowledged part is gone": _take_away(1),
}


@pytest.mark.parametrize("name", sorted(SOMEBODY_ELSE))
async def test_somebody_else_at_the_same_session_is_noticed(local_file: LocalFile, name: str) -> None:
    async with sending(local_file) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, lost_before())
        play.memory.fail(Endpoint.LIST_PARTS, do(SOMEBODY_ELSE[name]))
        error = await outcome(play.send(2))
        assert type(error) is UploadSessionConflict
        assert play.machine.acknowledged == 1
        assert play.memory.count(Endpoint.PUT_PART) == 2, "nothing is sent on top of it"
    play.memory.assert_clean()


@pytest.mark.parametrize("gone_error", ["INVALID_DATA", "OPERATION_NOT_ALLOWED", "MALFORMED_URL"])
async def test_a_session_that_has_ended_is_told(local_file: LocalFile, gone_error: str) -> None:
    async with sending(local_file, MemoryVault(gone_error=gone_error)) as play:
        await play.send(1)
        play.memory.sessions.clear()
        error = await outcome(play.send(2))
        assert type(error) is UploadSessionNotFound
        assert error.session_id == play.session_id


# -- logins


async def test_a_login_that_expires_is_renewed_and_the_part_sent_again(local_file: LocalFile) -> None:
    async with sending(local_file, login=PasswordLogin(USER, PASSWORD)) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, login_expires())
        await play.send_all(2)
        assert play.session.content == local_file.content
        assert play.memory.count(Endpoint.LOG_IN) == 2
        assert play.sender.bytes_written == len(local_file.content) + PART_SIZE
    play.memory.assert_clean()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(login_expires(), LoginError), (refused("INSUFFICIENT_ACCESS"), AccessRefused), (raw(403, ""), AccessRefused)],
    ids=["token", "access", "forbidden"],
)
async def test_a_refusal_of_the_user_is_no_doubt_of_the_header(
    local_file: LocalFile, fault: Fault, kind: type[VaultError]
) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, fault)
        assert type(await outcome(play.send(1))) is kind
        assert play.memory.count(Endpoint.PUT_PART) == 1
        assert play.vault.content_md5.form_for("auto").value == "base64"


# -- the form of the Content-MD5 header


def _json(status: int, response_status: str, error_type: str) -> Callable[[], Answer]:
    body = f'{{"responseStatus": "{response_status}", "errors": [{{"type": "{error_type}", "message": "no"}}]}}'
    return lambda: Answer(status, {"content-type": "application/json"}, body.encode())


REFUSALS: dict[str, Callable[[], Answer]] = {
    "FAILURE": _json(200, "FAILURE", "INVALID_DATA"),
    "FAILURE of an unknown type": _json(200, "FAILURE", "CONTENT_MD5_MISMATCH"),
    "400 with a body": _json(400, "FAILURE", "INVALID_DATA"),
    "400": lambda: Answer(400, {}, b"Bad Request"),
    "415": lambda: Answer(415, {}, b""),
}
"""How a Vault may refuse a header that it does not understand."""
FAULTS_ABOUT_THE_HEADER: dict[str, Callable[[], Answer]] = {
    "EXCEPTION": _json(200, "EXCEPTION", "UNEXPECTED_ERROR"),
    "500": lambda: Answer(500, {}, b"<html>oops</html>"),
    "501": lambda: Answer(501, {}, b""),
    "a page with 200": lambda: Answer(200, {}, b"<html>oops</html>"),
}
"""How it may stumble over one: the first time, that may be a fault of another kind."""


class PickyVault(MemoryVault):
    """Refuses the Content-MD5 headers that it does not understand, in a way of its own; None is understood always."""

    def __init__(self, understood: str, refusal: Callable[[], Answer]) -> None:
        super().__init__()
        self.understood = understood
        self.refusal = refusal
        self.refusals = 0
        self.forms: list[str] = []

    def _put_part(self, session: HeldSession, headers: Mapping[str, str], payload: bytes) -> Answer:
        value = headers.get("content-md5")
        form = "off" if value is None else "hex" if len(value) == 32 else "base64"
        self.forms.append(form)
        if form not in ("off", self.understood):
            self.refusals += 1
            return self.refusal()
        return super()._put_part(session, headers, payload)


@pytest.mark.parametrize("refusal", sorted(REFUSALS | FAULTS_ABOUT_THE_HEADER))
@pytest.mark.parametrize("understood", ["base64", "hex", "off"])
async def test_the_form_that_a_vault_understands_is_found_and_remembered(
    local_file: LocalFile, understood: str, refusal: str
) -> None:
    memory = PickyVault(understood, (REFUSALS | FAULTS_ABOUT_THE_HEADER)[refusal])
    async with sending(local_file, memory) as play:
        await play.send_all()
        assert play.session.content == local_file.content
        vault = play.vault
    assert memory.forms[-PARTS:] == [understood] * PARTS
    assert (memory.refusals == 0) == (understood == "base64")
    wrong_forms = ["base64", "hex", "off"].index(understood)
    assert memory.refusals == wrong_forms + (wrong_forms > 0 and refusal in FAULTS_ABOUT_THE_HEADER)
    refusals = memory.refusals
    async with sending(local_file, memory, vault=vault) as play:
        await play.send_all()
        assert memory.sessions[play.session_id].content == local_file.content
    assert memory.refusals == refusals, "it is known now"


@pytest.mark.parametrize("policy", ["base64", "hex"])
async def test_a_form_that_was_asked_for_is_not_changed(local_file: LocalFile, policy: ContentMd5Policy) -> None:
    memory = PickyVault("off", REFUSALS["FAILURE"])
    async with sending(local_file, memory, options=replace(OPTIONS, content_md5=policy)) as play:
        assert type(await outcome(play.send(1))) is VaultError
    assert set(memory.forms) == {policy}


async def test_no_header_is_sent_when_none_is_wanted(local_file: LocalFile) -> None:
    memory = PickyVault("off", REFUSALS["FAILURE"])
    async with sending(local_file, memory, options=replace(OPTIONS, content_md5="off")) as play:
        await play.send_all()
        assert play.session.content == local_file.content
    assert set(memory.forms) == {"off"}
    assert memory.refusals == 0


@pytest.mark.parametrize("policy", ["auto", "base64", "hex"])
async def test_a_byte_that_was_changed_on_the_way_is_sent_again(
    local_file: LocalFile, policy: ContentMd5Policy
) -> None:
    """Vault compares the header with what came, and refuses; the same refusal may be about the form, too."""
    async with sending(local_file, options=replace(OPTIONS, content_md5=policy)) as play:
        for number in range(1, PARTS + 1):
            play.memory.fail(Endpoint.PUT_PART, flipped("wire"))
            await play.send(number)
        assert play.session.content == local_file.content
        assert play.memory.effects == [Endpoint.PUT_PART] * PARTS, "the changed ones were never kept"
    play.memory.assert_clean()


async def test_a_proven_form_is_not_given_up_for_another_refusal(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        await play.send(1)
        play.memory.fail(Endpoint.PUT_PART, refused("INVALID_DATA"), refused("INVALID_DATA"))
        error = await outcome(play.send(2))
        assert type(error) is VaultError
        assert error.error_type == "INVALID_DATA"
        assert play.memory.count(Endpoint.PUT_PART) == 3
        assert play.vault.content_md5.form_for("auto").value == "base64"


async def test_a_vault_that_refuses_whatever_the_header_is_not_learned_from(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, *[refused("INVALID_DATA")] * 3)
        assert type(await outcome(play.send(1))) is VaultError
        assert play.memory.count(Endpoint.PUT_PART) == 3, "one for each form, and none"
        assert play.vault.content_md5.form_for("auto").value == "base64"


@pytest.mark.parametrize(
    ("name", "times"),
    [("fault", 1), ("a proxy's page", 1), ("a page with 200", 1), ("away", ATTEMPTS - 1), ("busy", ATTEMPTS - 1)],
)
async def test_a_passing_fault_says_nothing_about_the_header(local_file: LocalFile, name: str, times: int) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, *[FAULTS[name]() for _ in range(times)])
        await play.send(1)
        assert play.vault.content_md5.form_for("auto").value == "base64"
    play.memory.assert_clean()


@pytest.mark.parametrize("understood", ["hex", "off"])
async def test_several_uploads_learn_together(local_file: LocalFile, tmp_path: Path, understood: str) -> None:
    memory = PickyVault(understood, REFUSALS["FAILURE"])
    vault = memory.vault()
    results: list[list[str]] = []

    async def send_all() -> None:
        async with sending(local_file, memory, vault=vault) as play:
            results.append(succeeded(await outcome(play.send_all())))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send_all)
    assert len(results) == 5
    assert all(session.content == local_file.content for session in memory.sessions.values())
    assert memory.forms[-PARTS:] == [understood] * PARTS


async def test_a_broken_connection_says_nothing_about_the_header(local_file: LocalFile) -> None:
    async with sending(local_file) as play:
        play.memory.fail(Endpoint.PUT_PART, *[lost_before()] * (ATTEMPTS - 1))
        await play.send(1)
        assert play.vault.content_md5.form_for("auto").value == "base64"
        assert all("Content-MD5" in seen.headers for seen in play.memory.seen if seen.endpoint is Endpoint.PUT_PART)
    assert TransportError is not None
