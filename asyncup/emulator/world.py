"""What every endpoint works with: the model, the store, the clock, the faults, and what was seen.

Must not know HTTP. One `World` is one running Vault, with what it needs to outlive its process.
"""

import secrets
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path

import anyio

from .clock import Clock, SystemClock
from .config import EmulatorConfig, User
from .faults import FaultScript
from .jobs import Job
from .records import Records, job_record, logins_record, upload_record
from .store import DiskStore, Store
from .uploads import UploadSession
from .vault import VaultModel

SEEN_KEPT = 100_000


@dataclass(slots=True)
class SeenRequest:
    """One request as it came in, and how it ended."""

    endpoint: str
    """The endpoint's name, or `unknown`."""
    method: str
    path: str
    at: float
    user: int | None = None
    upload_id: str | None = None
    part: int | None = None
    content_md5: str | None = None
    client_id: str | None = None
    body_bytes: int = 0
    """Bytes of a part or file that were taken in."""
    status: int | None = None
    """The HTTP status of the answer; None while there is none, or if none was sent."""
    error_type: str | None = None
    fault: str | None = None
    """The scripted fault that struck, in its text form."""
    delayed_ms: int = 0


class World:
    """One Vault at work. `root` is where it keeps everything; None keeps nothing."""

    def __init__(self, config: EmulatorConfig, root: Path | None) -> None:
        self.config = config
        self.root = root
        self.switches = config.switches
        self.clock: Clock = config.clock or SystemClock()
        self.model = VaultModel(config)
        self.store = Store() if root is None else DiskStore(root)
        self.records = Records(None if root is None else root / "records")
        self.faults = FaultScript(config.faults)
        self.seen: deque[SeenRequest] = deque(maxlen=SEEN_KEPT)
        self.counts: Counter[str] = Counter()
        self.bytes_received = 0
        self.staging_lock = anyio.Lock()
        """Held by whatever changes items both on disk and in the model."""
        self._upload_locks: dict[str, anyio.Lock] = {}

    def now(self) -> float:
        return self.clock.now()

    def user(self, user_id: int) -> User:
        """The user of that id; the first one if it was in an earlier configuration."""
        users = self.config.users
        return next((user for user in users if user.id == user_id), users[0])

    def new_id(self) -> str:
        return secrets.token_hex(16)

    def new_upload_id(self) -> str:
        """32 hex digits (seen live in 2025), or the form of the documents' samples (1.3)."""
        if self.switches.session_id_style == "hex":
            return secrets.token_hex(16)
        return f".{secrets.token_urlsafe(48)}--"

    def upload_lock(self, upload_id: str) -> anyio.Lock:
        """Held by whatever changes one upload session both on disk and in the model."""
        return self._upload_locks.setdefault(upload_id, anyio.Lock())

    def note(self, seen: SeenRequest) -> None:
        self.seen.append(seen)
        self.counts[seen.endpoint] += 1

    async def save_upload(self, upload: UploadSession) -> None:
        await self.records.save("sessions", upload.id, lambda: upload_record(upload))

    async def save_job(self, job: Job) -> None:
        await self.records.save("jobs", str(job.id), lambda: job_record(job))

    async def save_logins(self) -> None:
        await self.records.save("logins", "all", lambda: logins_record(self.model.logins))

    async def forget_upload(self, upload_id: str) -> None:
        """Remove what a session has on disk; the model has dropped it already.

        A part that is just being kept is waited for, or else it would come after the end.
        """
        async with self.upload_lock(upload_id):
            await self.records.remove("sessions", upload_id)
            await self.store.forget_upload(upload_id)
        self._upload_locks.pop(upload_id, None)

    async def expire(self) -> None:
        """Drop what has outlived its time; called before each request is answered."""
        for upload_id in self.model.expire(self.now()):
            await self.forget_upload(upload_id)
