"""Carrying out scripted faults on a request and on its answer.

Must not know which fault strikes when; see `faults`. Those that change how a body is read or how a
job runs are asked for by the code that does it (`Call.struck_by`, `Call.body_shape`).
"""

from dataclasses import replace

import anyio

from . import answers
from .answers import Reply
from .calls import Bytes, Call
from .endpoints import NEEDS_NO_LOGIN
from .faults import Do, Fault
from .intake import drain
from .refusal import LoginRefusal, Refusal
from .sending import Outgoing

GARBAGE = "<html><head><title>Emulator</title></head><body><h1>It is not JSON</h1></body></html>"
HTML = "text/html;charset=UTF-8"
MORE_PROMISED = 1000
LOOK_S = 0.02


async def strike_before(fault: Fault, call: Call) -> Outgoing | None:
    """What happens before the request is handled; returns the answer if it never will be."""
    match fault.do:
        case Do.DELAY:
            await anyio.sleep(fault.seconds)
        case Do.EXPIRE_LOGIN:
            call.world.model.logins.expire(call.request.headers.get("Authorization", ""))
            await call.world.save_logins()
        case Do.LOSE_SESSION:
            upload_id = call.match.names.get("upload_id", "")
            if call.world.model.uploads.pop(upload_id, None) is not None:
                await call.world.forget_upload(upload_id)
        case Do.RESET_BEFORE | Do.RESET_DURING | Do.RESET_AFTER | Do.HANG:
            return await _never_answered(fault, call)
        case Do.STATUS | Do.REDIRECT | Do.REFUSE | Do.EXCEPTION:
            await drain(call.request.content)
            return Outgoing(_instead(fault, call))
        case _:
            pass
    return None


def strike_after(fault: Fault, outgoing: Outgoing) -> Outgoing:  # noqa: PLR0911 - a table
    """What happens to the answer of a request that was handled."""
    match fault.do:
        case Do.LOSE_ANSWER:
            return replace(outgoing, is_lost=True)
        case Do.STATUS_AFTER:
            return Outgoing(_with_headers(_plain(fault, 503), fault))
        case Do.GARBAGE:
            body = (fault.body or GARBAGE).encode()
            return Outgoing(Reply(fault.status or 200, body, HTML))
        case Do.SLOW_ANSWER:
            return replace(outgoing, trickles_over_s=fault.seconds)
        case Do.WRONG_LENGTH:
            return replace(outgoing, promised_more=MORE_PROMISED)
        case Do.CUT_ANSWER:
            return _cut(outgoing)
        case Do.FLIP_BYTE if isinstance(outgoing.content, Bytes):
            return replace(outgoing, flip_at=fault.at)
        case _:
            return outgoing


async def _never_answered(fault: Fault, call: Call) -> Outgoing:
    if fault.do is not Do.RESET_BEFORE:
        most = fault.at if fault.do is Do.RESET_DURING else None
        call.seen.body_bytes = await drain(call.request.content, most)
    while fault.do is Do.HANG and not _is_gone(call):  # noqa: ASYNC110 - nothing tells it
        await anyio.sleep(LOOK_S)
    return Outgoing(Reply(0, b"", ""), is_lost=True)


def _is_gone(call: Call) -> bool:
    return call.request.transport is None or call.request.transport.is_closing()


def _instead(fault: Fault, call: Call) -> Reply:
    """The answer to a request that is not done."""
    accept, endpoint = call.request.headers.get("Accept", ""), call.match.endpoint
    if fault.do is Do.REFUSE:
        call.seen.error_type = fault.error_type
        kind = LoginRefusal if endpoint in NEEDS_NO_LOGIN else Refusal
        refusal = kind(fault.error_type, fault.message)
        reply = answers.refused(refusal, call.world.switches, accept, endpoint)
        reply.status = fault.status or reply.status
    elif fault.do is Do.EXCEPTION:
        reply = answers.render(answers.broken(fault.message), accept, endpoint)
        reply.status = fault.status or reply.status
    else:
        reply = _plain(fault, 307 if fault.do is Do.REDIRECT else 503)
    return _with_headers(reply, fault)


def _plain(fault: Fault, usual_status: int) -> Reply:
    looks_like_json = fault.body.lstrip().startswith(("{", "["))
    kind = "application/json;charset=UTF-8" if looks_like_json else HTML
    return Reply(fault.status or usual_status, fault.body.encode(), kind)


def _with_headers(reply: Reply, fault: Fault) -> Reply:
    if fault.retry_after:
        reply.headers["Retry-After"] = fault.retry_after
    if fault.location:
        reply.headers["Location"] = fault.location
    if fault.downtime_minutes:
        minutes = str(fault.downtime_minutes)
        reply.headers["X-VaultAPI-DowntimeExpectedDurationMinutes"] = minutes
    return reply


def _cut(outgoing: Outgoing) -> Outgoing:
    content = outgoing.content
    if isinstance(content, Reply):
        return replace(outgoing, content=replace(content, body=content.body[: len(content.body) // 2]))
    end = (content.start + content.end) // 2
    missing = content.end - end
    return replace(outgoing, content=replace(content, end=end), promised_more=missing)
