"""The consumer: offers the parts to Vault in strict order, one at a time, and settles every doubt before going on.

What may be sent next is the state machine's word (`protocol.upload_session`), what a failure means is `classify`'s;
this module waits, sends and compares. Must not know where a part's bytes come from.
"""

from __future__ import annotations

from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    LoginError,
    SourceError,
    UploadInterrupted,
    VaultError,
)
from asyncup.events import BytesWritten, PartAcknowledged, PartStarted, Stage
from asyncup.pipeline.drain import Lane
from asyncup.pipeline.emitter import Emitter
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.reader import ReadPart
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.content_md5 import ContentMd5Form, header_value
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import HeldPart
from asyncup.protocol.retry import Verdict, classify
from asyncup.protocol.upload_session import UploadSessionMachine
from asyncup.vault.client import Vault
from asyncup.vault.transport import Patience

__all__ = ["Sender"]

_WRONG_BYTES_ATTEMPTS = 5
"""A network that damages five times the same part does not mend by waiting, as one that is away does."""


class Sender:
    """Sends the parts of one file into one upload session.

    Args:
        vault: the Vault.
        session_id: the upload session.
        machine: what the session holds.
        path: the file's name, for events and errors.
        options: the caller's choices.
        clock: told what is being waited for.
        emit: told of every event.
        lane: what may end the upload between two parts.

    Attributes:
        attempts: how often the last part was offered.
        bytes_written: bytes handed to the network, repeated attempts included.
    """

    def __init__(
        self,
        vault: Vault,
        session_id: str,
        machine: UploadSessionMachine,
        *,
        path: str,
        options: UploadOptions,
        clock: StageClock,
        emit: Emitter,
        lane: Lane,
    ) -> None:
        self._vault = vault
        self._session_id = session_id
        self._machine = machine
        self._path = path
        self._options = options
        self._clock = clock
        self._emit = emit
        self._lane = lane
        self._patience = Patience(options.stall_timeout_s, options.answer_timeout_s)
        self._another_form = False
        self._form_sent = ContentMd5Form.OFF
        self._spared = 0
        self.attempts = 0
        self.bytes_written = 0

    async def send(self, item: ReadPart) -> str:
        """Send one part until Vault holds it with our MD5; return that MD5 in hex.

        Raises:
            UploadInterrupted: the lane is ending. A part that is on its way is waited for, another one is not begun.
            AsyncupError: it cannot be done; what Vault holds so far stays.
        """
        attempt = self._spared = 0
        item.digest.ask()
        while True:
            self.attempts = attempt = attempt + 1
            try:
                return await self._offer(item, attempt)
            except (SourceError, UploadInterrupted):
                raise
            except AsyncupError as error:
                error.locate(path=self._path, part=item.part.number, session_id=self._session_id)
                if not await self._arrived_after(error, item, attempt):
                    continue
            return self._acknowledged(item, await item.digest.wait())

    def _acknowledged(self, item: ReadPart, digest: bytes) -> str:
        self._emit(
            PartAcknowledged,
            self._path,
            item.part.number,
            item.part.length,
            digest.hex(),
            self._machine.acknowledged_bytes,
        )
        return digest.hex()

    async def _offer(self, item: ReadPart, attempt: int) -> str:
        policy = self._options.content_md5
        form = self._vault.content_md5.form_for(policy)
        self._form_sent = form
        header = None
        if form is not ContentMd5Form.OFF:
            header = header_value(await self._digest_of(item), form)
        with self._lane.in_flight():
            receipt = await self._put(item, attempt, form, header)
            digest = await self._digest_of(item)
            self._machine.acknowledge(receipt, digest.hex())
            self._vault.content_md5.accepted(policy, form)
            return self._acknowledged(item, digest)

    async def _put(self, item: ReadPart, attempt: int, form: ContentMd5Form, header: str | None) -> HeldPart:
        self._machine.offer(item.part.number)
        self._emit(PartStarted, self._path, item.part.number, item.part.length, attempt)
        self._clock.enter(Stage.WIRE)
        began_s = self._vault.calls.now()

        def started() -> None:
            nonlocal began_s
            began_s = self._vault.calls.now()
            self._clock.enter(Stage.WIRE)

        def sent() -> None:
            self._vault.part_rate.observe(item.part.length, self._vault.calls.now() - began_s)
            self._clock.enter(Stage.VAULT)

        def written(length: int) -> None:
            self.bytes_written += length
            self._emit(BytesWritten, self._path, item.part.number, length, self.bytes_written)

        try:
            return await self._vault.put_part(
                self._session_id,
                item.part.number,
                item.buffer,
                content_md5=header,
                patience=self._patience,
                on_started=started,
                on_written=written,
                on_sent=sent,
            )
        except VaultError as error:
            error.locate(attempts=attempt)
            self._doubt_header(error, form, attempt)
            raise
        finally:
            self._clock.enter(Stage.VAULT)

    async def _digest_of(self, item: ReadPart) -> bytes:
        if not item.digest.known:
            self._clock.enter(Stage.HASH)
        return await item.digest.wait()

    async def _arrived_after(self, error: AsyncupError, item: ReadPart, attempt: int) -> bool:
        """Settle a failed attempt: True when Vault holds the part after all, False when it is to be sent again.

        Raises:
            AsyncupError: neither; it cannot be done.
        """
        if isinstance(error, ChecksumMismatch):
            # The same number overwrites (documented): the wrong bytes do not stay.
            if attempt >= _WRONG_BYTES_ATTEMPTS:
                raise error.locate(attempts=attempt)
            await self._pause(error, item, attempt)
            return False
        verdict = classify(Operation.PUT_PART, error)
        if verdict is Verdict.RECONCILE:
            self._machine.doubt()
            md5 = (await self._digest_of(item)).hex()
            self._clock.enter(Stage.VAULT)
            held = await self._vault.list_parts(self._session_id)
            if self._machine.list_parts(held, md5, attempt=attempt):
                return True
            await self._pause(error, item, attempt)
            return False
        self._machine.refuse()
        form = self._form_sent
        if verdict is Verdict.RETRY:
            await self._pause(error, item, attempt)
            return False
        if isinstance(error, LoginError | AccessRefused) or not isinstance(error, VaultError):
            raise error
        # Which error an ended session is answered with is unknown, so the session itself is asked for.
        await self._vault.upload_session(self._session_id)
        if self._another_form:
            return False
        if form is not ContentMd5Form.OFF and attempt == 1:
            # Vault compares the header with what came: the refusal may be about a byte that was changed on the way.
            await self._pause(error, item, attempt)
            return False
        raise error

    def _doubt_header(self, error: VaultError, form: ContentMd5Form, attempt: int) -> None:
        """Note whether this refusal may be about the form of the Content-MD5 header, and another form is left.

        A fault of Vault's counts the second time: it may stumble over the header, too.
        """
        verdict = classify(Operation.PUT_PART, error)
        self._another_form = (
            (verdict is Verdict.GIVE_UP or (verdict is Verdict.RECONCILE and attempt > 1))
            and not isinstance(error, LoginError | AccessRefused)
            and self._vault.content_md5.refused(self._options.content_md5, form)
        )

    async def _pause(self, error: AsyncupError, item: ReadPart, attempt: int) -> None:
        self._clock.enter(Stage.VAULT)
        counted = await self._vault.calls.pause(
            Operation.PUT_PART,
            attempt - self._spared,
            error,
            policy=self._options.retry,
            path=self._path,
            part=item.part.number,
        )
        self._spared += not counted
