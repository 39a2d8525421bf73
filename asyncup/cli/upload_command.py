"""`asyncup upload`, as cyclopts sees it: options in, an `UploadRequest` on. Must not know uploading."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from asyncup.cli.arguments import Bytes, Flag
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.upload_request import (
    GRACE_S,
    ContentMd5,
    ResumeCheck,
    SourceChanges,
    UploadRequest,
    checked_grace_s,
    targets_of,
)
from asyncup.cli.upload_run import UploadRun
from asyncup.cli.vault_options import VaultOptions
from asyncup.pipeline.options import PageCachePolicy

__all__ = ["upload"]


def upload(  # noqa: PLR0913 - every option of the command is one
    *arguments: Annotated[str, Parameter(name="FILE... DESTINATION")],
    session_id: Annotated[str | None, Parameter(metavar="ID")] = None,
    commit: Flag = False,
    overwrite: Flag = False,
    part_size: Bytes | None = None,
    memory: Bytes | None = None,
    content_md5: ContentMd5 = "auto",
    restart: Flag = False,
    resume_check: ResumeCheck = "all",
    source_changes: SourceChanges = "fail",
    page_cache: PageCachePolicy = "keep",
    grace: Annotated[float, Parameter(metavar="SECONDS")] = GRACE_S,
    quiet: Flag = False,
    json: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """Upload files, or what is missing of one.

    Args:
        arguments: One FILE and its path in Vault, such as `/u42/video.mp4`; or FILEs and the folder
            in Vault that takes them, which ends in `/` when there is one FILE; or, with
            `--session-id`, one FILE alone.
        session_id: Upload what is missing of FILE into this upload session.
        commit: Commit that upload session, and wait until the file is in Vault.
        overwrite: Replace what is at the destination.
        part_size: Bytes of a part, such as `50MB` or `8MiB`; by default what suits the file best.
        memory: Bytes of the file that are in memory at once, 256 MiB by default.
        content_md5: How each part's MD5 is sent (what comes back is compared in any case).
        restart: Abort the upload session that an earlier run has left for this file and DESTINATION.
            Without it, that one is continued when it holds the beginning of FILE.
        resume_check: Which of the parts that are in Vault already are compared with FILE by their
            MD5: `all`; the `last`, and all if that one differs; or `none`.
        source_changes: What to do when FILE is changed on the way: `fail`; or `warn`, as long as
            its size stays the same and its bytes prove to be the same at the end.
        page_cache: Whether FILE may stay in the page cache (`keep`) or makes room (`drop`).
        grace: Seconds that the part on its way has after the first Ctrl-C or SIGTERM; 0 cuts it.
        quiet: No progress and no result lines, only errors.
        json: Print one JSON object per uploaded file.
        vault: Which Vault.
    """
    run = UploadRun(
        UploadRequest(
            targets=targets_of(arguments, session_id=session_id, commit=commit, overwrite=overwrite, restart=restart),
            commit=commit,
            overwrite=overwrite,
            part_size=part_size,
            memory=memory,
            content_md5=content_md5,
            restart=restart,
            resume_check=resume_check,
            source_changes=source_changes,
            page_cache=page_cache,
            grace_s=checked_grace_s(grace),
            quiet=quiet,
            json=json,
            vault=vault or VaultOptions(),
        )
    )
    return run_interruptible(run.run, run.say_what_is_left, drain=run.drain, grace_s=run.grace_s)
