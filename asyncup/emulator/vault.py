"""The pretend Vault's state and the rules that span more than one of its parts.

Must not know disks, HTTP, time or randomness: instants and new ids are arguments. Whoever calls it
stores what it decided: `api_uploads`, `api_items` and `workers`.
"""

from .clock import iso
from .config import EmulatorConfig, User
from .jobs import CommitUpload, Job, JobBook
from .logins import Logins
from .paging import Pages
from .paths import is_inside, name_of, parent_of, resolve
from .refusal import Refusal
from .staging import Staging
from .throttle import Throttle
from .uploads import UploadSession

STAGES = ("create", "commit", "job")


class VaultModel:
    """Everything one Vault remembers, without its bytes."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.switches = config.switches
        self.vault_id = config.vault_id
        self.logins = Logins(config)
        self.throttle = Throttle(config.switches)
        self.staging = Staging(config.switches)
        self.uploads: dict[str, UploadSession] = {}
        self.jobs = JobBook(config.switches)
        self.pages = Pages(config.switches)
        for user in config.users:
            self.staging.make_folders(user.home)

    # -- upload sessions --------------------------------------------------------------------

    def create_upload(
        self, user: User, path: str, size: int, *, overwrite: bool, now: float, new_id: str
    ) -> UploadSession:
        switches = self.switches
        inner = self.path(path, user)
        if path.endswith("/") or inner == self.path("", user):
            raise Refusal("INVALID_DATA", "The path has no file name")
        if size > switches.file_max_bytes:
            # Documented limit; the type is documented for documents of more than 4 GB.
            raise Refusal("EXCEEDS_FILE_MAX_SIZE", f"At most {switches.file_max_bytes} bytes")
        if size == 0 and switches.zero_size_session == "refused":
            raise Refusal("INVALID_DATA", "Invalid value for parameter [size]")
        self.check_place(inner, "create", overwrite=overwrite)
        self.check_quota(size)
        if len(self.uploads) >= switches.sessions_max:
            # Documented limit, of the whole Vault.
            raise Refusal(
                switches.type_sessions_full,
                f"The Vault already has {switches.sessions_max} active upload sessions",
            )
        expires_at = now + switches.session_life_s
        upload = UploadSession(new_id, inner, user.id, size, overwrite, now, expires_at, now)
        self.uploads[new_id] = upload
        return upload

    def find_upload(self, upload_id: str, user: User, *, owner_only: bool) -> UploadSession:
        """The session, if it is there and the caller may touch it (rights documented, 1.1)."""
        upload = self.uploads.get(upload_id)
        if upload is None:
            raise Refusal(
                self.switches.type_session_unknown,
                f"The upload session [{upload_id}] cannot be found",
            )
        if upload.owner != user.id and (owner_only or not user.is_admin):
            raise Refusal(self.switches.type_not_owner, "The upload session belongs to another user")
        return upload

    def uploads_for(self, user: User) -> list[UploadSession]:
        return [u for u in self.uploads.values() if u.owner == user.id or user.is_admin]

    def commit_upload(self, upload: UploadSession, now: float) -> Job:
        self.check_place(upload.path, "commit", overwrite=upload.overwrite)
        upload.commit(self.switches)
        effect = CommitUpload(upload.id, upload.path, upload.size, upload.overwrite)
        job = self.jobs.add(effect, "POST", upload.owner, now)
        if self.switches.session_after_commit == "gone":
            del self.uploads[upload.id]
        return job

    def abort_upload(self, upload: UploadSession) -> None:
        if upload.committed:
            raise Refusal(self.switches.type_commit, "The upload session is already committed")
        del self.uploads[upload.id]

    def expire(self, now: float) -> list[str]:
        """Drop the sessions whose life is over; returns their ids so that their parts can go."""
        over = [u.id for u in self.uploads.values() if now >= u.expires_at and not u.committed]
        for upload_id in over:
            del self.uploads[upload_id]
        return over

    def check_place(self, path: str, stage: str, *, overwrite: bool) -> None:
        """Parent and collision, from the stage that the switches name on."""
        parent, collision = self.switches.session_parent, self.switches.session_collision
        if parent != "made" and STAGES.index(stage) >= STAGES.index(parent):
            self.staging.need_parent(path)
        if STAGES.index(stage) >= STAGES.index(collision):
            self.staging.refuse_collision(path, overwrite=overwrite)

    def path(self, given: str, user: User) -> str:
        """The inner path of what a user wrote."""
        return self.staging.spelled(resolve(given, user, self.switches))

    # -- items --------------------------------------------------------------------------------

    def check_quota(self, more: int) -> None:
        """Whether there is a storage quota, and what a full one answers, is unknown."""
        quota = self.switches.storage_quota_bytes
        if quota and self.staging.total_bytes() + more > quota:
            raise Refusal("OPERATION_NOT_ALLOWED", f"The Vault stores at most {quota} bytes")

    def is_busy(self, path: str) -> bool:
        """Whether an unfinished job is about the item, something in it, or something above it."""
        return any(
            is_inside(path, touched) or is_inside(touched, path)
            for job in self.jobs.pending()
            for touched in job.touches()
        )

    def place_file(self, path: str, size: int, now: float, *, overwrite: bool) -> None:
        if self.switches.session_parent == "made":
            self.staging.make_folders(parent_of(path))
        self.staging.put_file(path, size, now, overwrite=overwrite)


def upload_facts(upload: UploadSession, shown_path: str, *, few: bool) -> dict[str, object]:
    """A session as answers show it (vault-api.md 1.3; the few fields: 9.9)."""
    facts: dict[str, object] = {
        "path": shown_path,
        "name": name_of(upload.path),
        "id": upload.id,
        "expiration_date": iso(upload.expires_at),
        "created_date": iso(upload.created_at),
        "last_uploaded_date": iso(upload.last_uploaded_at),
        "owner": upload.owner,
        "uploaded_parts": len(upload.parts),
        "size": upload.size,
        "uploaded": upload.uploaded,
        "overwrite": upload.overwrite,
    }
    if few:
        del facts["name"], facts["overwrite"]
    return facts
