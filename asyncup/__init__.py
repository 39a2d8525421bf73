"""asyncup: files into Veeva Vault's upload sessions, fast and safely, from asyncio.

    await upload(path, session_id)                           # credentials from the environment
    async with Vault("myvault.veevavault.com", TokenLogin(token)) as vault:
        await upload_file(path, "/u42/video.mp4", vault=vault)
        async for result in upload_many(pairs, vault=vault, journal="weekend.journal"): ...

Glossary. *File*: a local file. *Plan*: how it is cut into *parts* of one size, numbered from 1. *Upload session*:
Vault's container for the parts of one file, created with the file's size and committed when all are there. *Login*: who
we are for Vault. *Attempt*: one try at one thing, counted from 1. *Job*: what Vault runs after a commit to make the
file appear. *Lane*: one file being uploaded beside others. *Manifest*: the list of files of a bulk run; *journal*: what
became of each.
"""

import typing as _typing

from asyncup import errors, events
from asyncup.errors import (
    AsyncupError,
    ConfigurationError,
    IntegrityError,
    SourceError,
    TransportError,
    VaultError,
)
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.results import UploadedFile, UploadResult
from asyncup.pipeline.upload import upload
from asyncup.pipeline.upload_file import upload_file
from asyncup.protocol.retry import RetryPolicy
from asyncup.vault.client import Vault
from asyncup.vault.login import OAuthLogin, PasswordLogin, TokenLogin

if _typing.TYPE_CHECKING:
    from asyncup.bulk.upload_many import upload_many

__all__ = [  # noqa: RUF022 - grouped by what they are for
    # what it does
    "upload",
    "upload_file",
    "upload_many",
    # where to
    "Vault",
    "TokenLogin",
    "PasswordLogin",
    "OAuthLogin",
    # how
    "UploadOptions",
    "RetryPolicy",
    "MemoryBudget",
    # what comes back
    "UploadResult",
    "UploadedFile",
    "events",
    # what goes wrong
    "errors",
    "AsyncupError",
    "ConfigurationError",
    "SourceError",
    "TransportError",
    "VaultError",
    "IntegrityError",
]


if not _typing.TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        """Import `upload_many` when it is asked for: with its journal and manifests it is a quarter of all imports."""
        if name != "upload_many":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from asyncup.bulk.upload_many import upload_many  # noqa: PLC0415 - see above

        return globals().setdefault(name, upload_many)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
