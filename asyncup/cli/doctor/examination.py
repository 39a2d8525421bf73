"""Makes the checks in their order, and lets none of them end the visit. Must not know what they look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from asyncup.cli.doctor.finding import Checked, Finding, Status, failed, skipped
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.errors import AsyncupError

__all__ = ["Check", "code_of", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: one or two words.
        look: looks, and says what it saw. What it raises is a failure.
        needs: the checks without which this one makes no sense.
    """

    name: str
    look: Callable[[Visit], Awaitable[Finding]]
    needs: tuple[str, ...] = ()


async def examine(checks: Iterable[Check], visit: Visit) -> AsyncIterator[Checked]:
    """Yield what each check says, in order."""
    unusable: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in unusable]
        finding = skipped(f"needs {', '.join(missing)}") if missing else await _looked(check, visit)
        if finding.status is Status.FAIL or missing:
            unusable.add(check.name)
        yield Checked(check.name, finding)


def code_of(results: Sequence[Checked]) -> ExitCode:
    """Return the code of the first failure, or that of none."""
    failures = (checked.finding.code for checked in results if checked.finding.status is Status.FAIL)
    return next(failures, ExitCode.OK)


async def _looked(check: Check, visit: Visit) -> Finding:
    try:
        return await check.look(visit)
    except AsyncupError as error:
        hint, error.hint = error.hint, ""
        return failed(str(error), hint, exit_code_for(error))
    except OSError as error:
        return failed(f"{error.strerror or error}", "", ExitCode.VAULT_AWAY)
    except Exception as error:  # noqa: BLE001 - the other checks may tell more than a traceback
        return failed(
            f"{type(error).__name__}: {error}", "This is a mistake in asyncup: please report it", ExitCode.BUG
        )
