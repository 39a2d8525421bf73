"""What an upload returns: facts about what is now in Vault. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncup.events import Stage

__all__ = ["UploadResult", "UploadedFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult:
    """Every byte of the file is in the upload session, each part with our MD5.

    Attributes:
        path: the local file.
        session_id: the upload session.
        destination: the path in Vault that the session is for; None when Vault does not say.
        size: the file's bytes.
        parts: how many parts it has.
        part_size: bytes of every part but the last.
        resumed_parts: how many of them Vault held before this call.
        md5s: each part's MD5, lower-case hex, in part order.
        bytes_written: bytes handed to the network in this call, repeated attempts included.
        elapsed_s: seconds that the call took.
        waits_s: the same seconds, split by what was waited for; they add up to `elapsed_s`.
        committed: True when the upload session was committed and its job succeeded.
        job_id: the job of the commit, when there was one.
    """

    path: str
    session_id: str
    destination: str | None
    size: int
    parts: int
    part_size: int
    resumed_parts: int
    md5s: tuple[str, ...]
    bytes_written: int
    elapsed_s: float
    waits_s: Mapping[Stage, float]
    committed: bool
    job_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """The file is visible in Vault's file staging.

    Attributes:
        path: the local file.
        destination: where it is in Vault.
        size: its bytes.
        session_id: the upload session that carried it, or None when one request was enough.
        parts: how many parts it had; 1 when one request was enough.
        part_size: bytes of every part but the last.
        resumed_parts: how many parts Vault held before this call.
        md5s: each part's MD5, lower-case hex, in part order.
        bytes_written: bytes handed to the network in this call, repeated attempts included.
        elapsed_s: seconds that the call took.
        waits_s: the same seconds, split by what was waited for; they add up to `elapsed_s`.
        job_id: the job of the commit, or None when there was none.
    """

    path: str
    destination: str
    size: int
    session_id: str | None
    parts: int
    part_size: int
    resumed_parts: int
    md5s: tuple[str, ...]
    bytes_written: int
    elapsed_s: float
    waits_s: Mapping[Stage, float]
    job_id: int | None
