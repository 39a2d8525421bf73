"""`asyncup upload`: one file after the other, each with its progress, and its result or error line.

Must not know how arguments are parsed, how progress looks, or anything of uploading that the public
API does.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncup import Vault, upload, upload_file
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.messages import Outcome, say, show_outcome
from asyncup.cli.progress import Progress
from asyncup.cli.progress_display import showing
from asyncup.cli.upload_request import Target, UploadRequest, continuing_command
from asyncup.cli.vault_opening import vault_from_settings
from asyncup.errors import (
    AsyncupError,
    LoginError,
    SourceChanged,
    SourceUnreadable,
    TlsRefused,
    UploadInterrupted,
    VaultUnreachable,
)
from asyncup.events import Event
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.open_source import open_source
from asyncup.protocol.paths import file_destination

__all__ = ["UploadRun"]

_RESUMABLE = frozenset({ExitCode.VAULT_AWAY, ExitCode.ACCESS, ExitCode.REFUSED})
"""After these the parts in Vault are good, and the rest can follow once the cause is gone."""

_ABOUT_THE_VAULT = (LoginError, TlsRefused, VaultUnreachable)
"""Failures that the next file would meet too. Repeating them can lock a user out."""


class UploadRun:
    """One `asyncup upload`. `run` does it; `drain` and `say_what_is_left` are for a signal."""

    def __init__(self, request: UploadRequest) -> None:
        self._request = request
        self._target: Target | None = request.targets[0]
        self._progress = Progress(request.targets[0].path)
        self._later = request.targets[1:]
        self._drain = Drain()
        self._shown = ExitCode.OK
        self.grace_s = request.grace_s

    async def run(self) -> int | None:
        """Upload every file, and return the exit code; None when `drain` ended it before."""
        try:
            async with await vault_from_settings(self._request.vault, on_event=self._on_event) as vault:
                codes = await self._upload_all(vault)
        except UploadInterrupted:
            return None
        except AsyncupError as error:
            # Not about one file: no Vault was named, or no credentials.
            say(str(error))
            return exit_code_for(error)
        if len(self._request.targets) == 1:
            return codes[0]
        if set(codes) <= {ExitCode.OK, ExitCode.RESULTS_LOST}:
            return self._shown
        return ExitCode.SOME_FAILED

    async def _upload_all(self, vault: Vault) -> list[ExitCode]:
        """Upload every file, and return how each one ended."""
        codes = []
        usable = []
        for target in self._request.targets:
            error = await _local_error(target)
            if error is None:
                usable.append(target)
            else:
                codes.append(self._failed(error, target))
        for done, target in enumerate(usable, start=1):
            if self._drain.requested:
                raise UploadInterrupted("interrupted between two files")
            self._target, self._progress = target, Progress(target.path, finds_sessions=target.session_id is None)
            self._later = tuple(usable[done:])
            error = await self._upload(vault, target)
            self._target = None
            codes.append(self._shown if error is None else self._failed(error, target))
            if isinstance(error, _ABOUT_THE_VAULT) and self._later:
                say(f"stopped: {_names(self._later)} would fail in the same way")
                break
        return codes

    def drain(self) -> None:
        """Ask the upload to end: a part that is on its way may arrive."""
        self._drain.request()
        if self._progress.session_id is not None and self._progress.job_id is None:
            say(f"interrupted: waiting up to {self.grace_s:g} s for the part on its way; again ends at once")

    def say_what_is_left(self) -> None:
        """Say, after a signal, what Vault holds of the file on its way, and how to go on."""
        if self._target is not None:
            self._say_what_is_left_of(self._target, self._progress)
        if self._later:
            say(f"interrupted: not begun: {_names(self._later)}")

    def _say_what_is_left_of(self, target: Target, progress: Progress) -> None:
        if progress.job_id is not None:
            say(f"interrupted: {target.path}: Vault has every byte and finishes it by itself (job {progress.job_id})")
        elif progress.session_id is None:
            say(f"interrupted: {target.path}: no upload session is open; run the same command again")
        else:
            view = progress.view()
            say(
                f"interrupted: {target.path}: the upload session is resumable, with "
                f"{view.acknowledged} of {view.size or 'its'} bytes in Vault; continue with: "
                + continuing_command(self._request, target, progress.session_id)
            )

    def _on_event(self, event: Event) -> None:
        self._progress(event)

    async def _upload(self, vault: Vault, target: Target) -> AsyncupError | None:
        """Upload one file and show its result. Returns the error when it failed."""
        try:
            with showing(self._progress, quiet=self._request.quiet):
                outcome = await self._outcome(vault, target)
        except UploadInterrupted:
            raise
        except AsyncupError as error:
            return error
        if not show_outcome(outcome, as_json=self._request.json, quiet=self._request.quiet):
            self._shown = ExitCode.RESULTS_LOST
        return None

    async def _outcome(self, vault: Vault, target: Target) -> Outcome:
        request, options = self._request, self._request.options()
        if target.destination is not None:
            file = await upload_file(
                target.path,
                target.destination,
                vault=vault,
                overwrite=request.overwrite,
                resume="restart" if request.restart else "continue",
                options=options,
                on_event=self._progress,
                drain=self._drain,
            )
            return Outcome(
                path=target.path,
                destination=file.destination,
                session_id=file.session_id,
                size=file.size,
                parts=file.parts,
                part_size=file.part_size,
                resumed_parts=file.resumed_parts,
                elapsed_s=file.elapsed_s,
                md5s=file.md5s,
                committed=True,
            )
        assert target.session_id is not None  # noqa: S101 - a target has one of the two
        result = await upload(
            target.path,
            target.session_id,
            vault=vault,
            commit=request.commit,
            options=options,
            on_event=self._progress,
            drain=self._drain,
        )
        return Outcome(
            path=target.path,
            destination=result.destination,
            session_id=result.session_id,
            size=result.size,
            parts=result.parts,
            part_size=result.part_size,
            resumed_parts=result.resumed_parts,
            elapsed_s=result.elapsed_s,
            md5s=result.md5s,
            committed=result.committed,
        )

    def _failed(self, error: AsyncupError, target: Target) -> ExitCode:
        """Say what went wrong, with the command that continues where one can, and return the code."""
        code = exit_code_for(error)
        line = str(error.locate(path=target.path))
        if not line.startswith(target.path):
            line = f"{target.path}: {line}"
        if error.session_id is not None and (code in _RESUMABLE or _the_file_may_be_good_again(error)):
            line += f". Continue with: {continuing_command(self._request, target, error.session_id)}"
        say(line)
        return code


async def _local_error(target: Target) -> AsyncupError | None:
    """Return what this machine alone knows to be wrong: it is said before any file is sent."""
    try:
        if target.destination is not None:
            file_destination(target.destination)
        async with open_source(target.path):
            return None
    except AsyncupError as error:
        return error


def _the_file_may_be_good_again(error: AsyncupError) -> bool:
    """A disk comes back, and permissions are no bytes. What changed nevertheless, the comparison finds."""
    return isinstance(error, SourceUnreadable) or (isinstance(error, SourceChanged) and error.attributes_only)


def _names(targets: Sequence[Target]) -> str:
    return ", ".join(target.path for target in targets)
