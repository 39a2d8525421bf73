"""Checks of the Vault itself: versions, login, permissions, and how much of its limits is left."""

from __future__ import annotations

from contextlib import aclosing
from email.utils import parsedate_to_datetime

from asyncup import RetryPolicy, Vault
from asyncup.cli.doctor.finding import Finding, fine, skipped, warned
from asyncup.cli.doctor.judgements import judge_budget, judge_clock, judge_slots, judge_versions
from asyncup.cli.doctor.visit import RecordingTransport, Visit
from asyncup.errors import LoginError
from asyncup.protocol.answers import Answer
from asyncup.protocol.pacing import read_rate_facts
from asyncup.vault.aiohttp_transport import AiohttpTransport

__all__ = [
    "ahead_s",
    "look_at_budget",
    "look_at_clock",
    "look_at_login",
    "look_at_permissions",
    "look_at_slots",
    "look_at_versions",
]

_TWICE = RetryPolicy(max_attempts=2, first_contact_attempts=2, retry_after_cap_s=10.0)
"""A hiccup is no illness; whoever waits for a diagnosis does not wait six minutes."""


async def look_at_versions(visit: Visit) -> Finding:
    """Ask which API versions there are. This makes the login, if there is one to be made."""
    settings, known = visit.needed_settings(), visit.login
    assert known is not None  # noqa: S101 - the check before has found it
    visit.transport = RecordingTransport(AiohttpTransport(visit.needed_address().base_url))
    visit.vault = Vault(
        settings.dns.value,
        known.login,
        api_version=settings.api_version.value,
        retry=_TWICE,
        transport=visit.transport,
    )
    try:
        offered = await visit.vault.api_versions()
    except LoginError:
        # The next check says so. A refused password is not sent again: the client remembers.
        return skipped("Vault tells them only to who is logged in")
    return judge_versions(settings.api_version.value, offered)


async def look_at_login(visit: Visit) -> Finding:
    """Ask who we are."""
    user = await visit.needed_vault().who_am_i()
    visit.user = user
    transport = visit.transport
    took = f" ({transport.turnaround_s * 1000:.0f} ms)" if transport and transport.turnaround_s is not None else ""
    profile = f", profile {user.security_profile}" if user.security_profile else ""
    return fine(f"{user.name or 'user'} ({user.id}){profile}, home folder {user.home}{took}")


async def look_at_permissions(visit: Visit) -> Finding:
    """List the user's own folder: needs the permission for file staging."""
    user = visit.needed_user()
    async with aclosing(visit.needed_vault().each_item(user.home)) as items:
        async for item in items:
            return fine(f"{user.home} can be listed; it holds {item.path} and so on")
    return fine(f"{user.home} can be listed; it holds nothing")


async def look_at_budget(visit: Visit) -> Finding:
    """Read what the last answer said of the calls that are left."""
    answer = _last_answer(visit)
    return judge_budget(read_rate_facts(answer.headers))


async def look_at_slots(visit: Visit) -> Finding:
    """Count the open upload sessions."""
    vault, user = visit.needed_vault(), visit.needed_user()
    sessions = await vault.list_upload_sessions()
    return judge_slots(
        [session.owner for session in sessions],
        user_id=user.id,
        sees_all=user.sees_root,
        limit=vault.limits.max_upload_sessions,
    )


async def look_at_clock(visit: Visit) -> Finding:
    """Compare this clock with the one that stamped the last answer."""
    answer = _last_answer(visit)
    ahead = ahead_s(answer)
    if ahead is None and answer.headers.get("date"):
        return warned("the answer's date cannot be read", "Is there a proxy in between?")
    return judge_clock(ahead)


def ahead_s(answer: Answer) -> float | None:
    """Return by how many seconds this machine was ahead of the answer's `Date`; None where there is none."""
    try:
        return answer.now_s - parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _last_answer(visit: Visit) -> Answer:
    assert visit.transport is not None  # noqa: S101 - the checks before have used it
    assert visit.transport.last is not None  # noqa: S101 - and had an answer
    return visit.transport.last
