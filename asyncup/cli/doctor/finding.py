"""What a check says in the end. Must not know checks or terminals."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass

from asyncup.cli.exit_codes import ExitCode

__all__ = ["Checked", "Finding", "Status", "failed", "fine", "skipped", "warned"]


class Status(enum.Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result.

    Attributes:
        status: how bad it is.
        seen: what was seen, in a sentence or two. Never a secret.
        advice: what to do; empty where there is nothing to do.
        code: what the process ends with when this is the first failure.
    """

    status: Status
    seen: str
    advice: str = ""
    code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, with the name of its check."""

    name: str
    finding: Finding

    def as_json(self) -> str:
        """Return the JSON object, on one line."""
        finding = self.finding
        return json.dumps(
            {
                "check": self.name,
                "status": finding.status.value,
                "seen": finding.seen,
                "advice": finding.advice,
                "code": int(finding.code),
            }
        )


def fine(seen: str, advice: str = "") -> Finding:
    """Return a finding of nothing wrong."""
    return Finding(Status.OK, seen, advice)


def warned(seen: str, advice: str) -> Finding:
    """Return a finding that lets uploads work, but not as well as they could."""
    return Finding(Status.WARN, seen, advice)


def failed(seen: str, advice: str, code: ExitCode) -> Finding:
    """Return a finding with which uploads cannot work."""
    return Finding(Status.FAIL, seen, advice, code)


def skipped(why: str) -> Finding:
    """Return the finding of a check that could not be made, or was not wanted."""
    return Finding(Status.SKIPPED, why)
