"""What a caller may choose about one upload. Values only; who uses which is said at each field.

Must not know: HTTP, files, the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from asyncup.errors import ConfigurationError
from asyncup.protocol.content_md5 import ContentMd5Policy
from asyncup.protocol.resume import ResumeCheck
from asyncup.protocol.retry import RetryPolicy

__all__ = ["BufferPolicy", "PageCachePolicy", "SourceChanges", "UploadOptions"]

BufferPolicy = Literal["auto", "copied"]
PageCachePolicy = Literal["keep", "drop"]
SourceChanges = Literal["fail", "warn"]
"""What becomes of an upload whose file is changed meanwhile without a change of its size."""

_DEFAULT_MEMORY = 256 * 1024 * 1024
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "content_md5": get_args(ContentMd5Policy),
    "buffers": get_args(BufferPolicy),
    "page_cache": get_args(PageCachePolicy),
    "resume_check": get_args(ResumeCheck),
    "source_changes": get_args(SourceChanges),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """How one upload is done. Every default is safe; every field can be given alone.

    Attributes:
        part_size: bytes of every part but the last. None (default) lets the plan choose once per upload session, from
            the file's size, Vault's limits, `memory_budget`, and the rate of the parts that went to this Vault before.
            An upload session that already holds parts keeps theirs, whatever is said here.
        least_parts: into how many parts a file is cut at least, where parts may be so small and the plan chooses their
            size. None (default) is one for a file alone, which costs fewest calls, and four in a bulk run: there,
            other lanes use the line while one waits for an answer, and a part is what a lane loses when it dies.
        memory_budget: bytes of part buffers in memory at once, 256 MiB by default: of the largest parts, one that is
            sent, three that come next, and windows of sixteen others that are hashed before they are loaded. That
            takes 64 MiB for each thread that hashes, 100 MB beside it, a budget that no other upload shares, a file in
            the page cache, and the kernel's promise that nobody writes to it. Elsewhere the parts in memory are hashed
            together, and more of it lets more be. A budget smaller than one part holds one.
        hash_threads: how many threads hash. None (default) is one where each hashes several parts together, as asyncup
            does where it was built with a C compiler. Elsewhere a thread hashes one part, and None is one more than
            there are cores, unless the file has fewer parts, the line is slower than that, or the memory budget holds
            fewer: at most 4 of the largest parts by default.
        content_md5: the form of the `Content-MD5` header: "auto" (default) tries base64, then hex, then none, and
            remembers per Vault what it takes; "base64", "hex" or "off" settle it. Whatever is sent, the MD5 that
            Vault returns for each part is compared with ours.
        buffers: "auto" (default) maps the file's own pages while the kernel promises that nobody writes to it, and
            copies otherwise; "copied" always copies. Choose that where processes may be frozen for longer than the
            kernel keeps its promise (45 s as Linux comes) while others shrink the file: a paused container.
        page_cache: "keep" (default) leaves the file in the system's page cache, as any reader does; "drop" gives each
            part's pages back once Vault has it, so that a migration does not push out what a busy server works with.
            That goes for pages that others had read before, too; and has no effect where the system cannot do it.
        retry: how often and how long after a failure the same thing is tried again.
        stall_timeout_s: seconds without one byte taken by the network, 30 by default, after which an attempt is given
            up and Vault is asked what it holds.
        answer_timeout_s: the most seconds to wait for the answer once everything is sent, 300 by default. Once Vault's
            own pace is known it is less: a few times what answers take, and not below 30.
        small_file_max: `upload_file` sends files up to this size in one request without an upload session; None
            (default) takes the largest that Vault allows (50 MB), 0 only empty files, which no upload session can
            carry.
        job_timeout_s: seconds to wait for Vault's job after a commit, an hour by default.
        resume_check: which parts that an upload session holds already are compared with the file before it is
            continued: "all" (default), several at once; "last" only the last one, and all when that one differs;
            "none" trusts their numbers and sizes, so that a file that was changed since is not noticed.
        source_changes: "fail" (default) ends the upload when anything of the file changes meanwhile; "warn" goes on
            while its size stays the same, tells it, and at the end reads the file once more and compares every part,
            so that touching it or setting permissions does no harm.
        create_folders: `upload_file` makes the destination's missing folders first, True by default.
    """

    part_size: int | None = None
    least_parts: int | None = None
    memory_budget: int = _DEFAULT_MEMORY
    hash_threads: int | None = None
    content_md5: ContentMd5Policy = "auto"
    buffers: BufferPolicy = "auto"
    page_cache: PageCachePolicy = "keep"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    stall_timeout_s: float = 30.0
    answer_timeout_s: float = 300.0
    small_file_max: int | None = None
    create_folders: bool = True
    job_timeout_s: float = 3600.0
    resume_check: ResumeCheck = "all"
    source_changes: SourceChanges = "fail"

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: a number is not positive, or a choice is unknown.
        """
        for name in (
            "part_size",
            "least_parts",
            "memory_budget",
            "hash_threads",
            "stall_timeout_s",
            "answer_timeout_s",
            "job_timeout_s",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:  # NaN neither
                raise ConfigurationError(f"{name} must be greater than 0, not {value}")
        if self.small_file_max is not None and self.small_file_max < 0:
            raise ConfigurationError(f"small_file_max must not be negative, not {self.small_file_max}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
                raise ConfigurationError(f"{name} must be {allowed}, not {getattr(self, name)!r}")
