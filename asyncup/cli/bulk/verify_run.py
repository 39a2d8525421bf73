"""`asyncup verify`: one line for every file, and which exit code that makes. Must not know how bytes are compared."""

from __future__ import annotations

import json as json_text
from collections import Counter
from collections.abc import AsyncIterable
from contextlib import aclosing

from asyncup import Vault
from asyncup.bulk.in_vault.verification import Check, Verified, verify
from asyncup.bulk.inputs.item import Input
from asyncup.bulk.run.inputs import RunSource
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.messages import one_line, say
from asyncup.cli.vault_opening import vault_from_settings
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import AsyncupError

__all__ = ["Verdict", "VerifyRun", "verified_line"]

_DISAGREE = frozenset({Check.DIFFERS, Check.MISSING})


class Verdict:
    """Adds up records, and says what they come to."""

    def __init__(self) -> None:
        self.counts: Counter[Check] = Counter()
        self._error: AsyncupError | None = None

    def add(self, record: Verified) -> None:
        """One more record."""
        self.counts[record.check] += 1
        self._error = self._error or record.error

    @property
    def exit_code(self) -> ExitCode:
        """What disagrees comes first, then what could not be asked, then what could not be compared."""
        if any(self.counts[check] for check in _DISAGREE):
            return ExitCode.VERIFICATION
        if self._error is not None:
            return exit_code_for(self._error)
        if self.counts[Check.BROKEN]:
            return ExitCode.SOME_FAILED
        return ExitCode.SOURCE_CHANGED if self.counts[Check.UNKNOWN] else ExitCode.OK

    def line(self) -> str:
        """Return the sums in words."""
        words = [f"{self.counts[check]:,} {check.value.lower()}" for check in Check if self.counts[check]]
        return f"verified {self.counts.total():,} files: {', '.join(words) or 'none'}"


class VerifyRun:
    """One `asyncup verify`."""

    def __init__(self, source: RunSource, *, vault: VaultOptions, every_byte: bool, quiet: bool, json: bool) -> None:
        self._source = source
        self._vault = vault
        self._every_byte = every_byte
        self._quiet = quiet
        self._json = json
        self._verdict = Verdict()

    async def run(self) -> int:
        """Compare everything, and return the exit code."""
        try:
            async with await vault_from_settings(self._vault) as vault, aclosing(self._source.inputs()) as inputs:
                await self._compare(inputs, vault)
        except AsyncupError as error:
            say(str(error))
            return exit_code_for(error)
        say(self._verdict.line())
        return self._verdict.exit_code

    def say_interrupted(self) -> None:
        """Say, after a signal, how far it came."""
        say(f"interrupted: {self._verdict.line()}")

    async def _compare(self, inputs: AsyncIterable[Input], vault: Vault) -> None:
        async with aclosing(verify(inputs, vault, every_byte=self._every_byte)) as records:
            async for record in records:
                self._verdict.add(record)
                if record.check is not Check.SAME or not self._quiet:
                    print(json_text.dumps(record.as_json()) if self._json else one_line(verified_line(record)))


def verified_line(record: Verified) -> str:
    """Return a record as a line for people."""
    row = "" if record.row is None else f"line {record.row}: "
    name = record.path or record.file
    return f"{record.check.value:<8} {row}{name}{': ' if record.reason else ''}{record.reason}"
