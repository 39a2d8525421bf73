"""From an HTTP request to an answer: the order in which everything is looked at.

Must not know endpoints beyond their names, nor rules: it finds the handler, finds the caller, and
turns what comes back, or what is refused, into an answer.

The order is: path, scripted fault, caller, rate limit, handler. A refusal that came before the body
was read waits for the body, because that is what a gateway in front of Vault would do; whether a
real one does is a switch.
"""

import logging
import re
from types import MappingProxyType

from aiohttp import ClientPayloadError, web

from . import answers, api_access, api_items, api_jobs, api_uploads
from .answers import Reply
from .calls import Bytes, Call, Handler, Text
from .endpoints import NEEDS_NO_LOGIN, Endpoint, match
from .fault_effects import strike_after, strike_before
from .intake import drain
from .refusal import Refusal
from .sending import Outgoing, continue_expected, reset, send
from .workers import Workers
from .world import SeenRequest, World

LOG = logging.getLogger("asyncup.emulator")
HANDLERS: MappingProxyType[Endpoint, Handler] = MappingProxyType(
    {**api_access.HANDLERS, **api_uploads.HANDLERS, **api_items.HANDLERS, **api_jobs.HANDLERS}
)
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
CLIENT_LEFT = (ConnectionError, ClientPayloadError, web.RequestPayloadError)


class VaultServer:
    """Answers the requests of one pretend Vault."""

    def __init__(self, world: World, workers: Workers) -> None:
        self._world = world
        self._workers = workers

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, now = request.rel_url.raw_path, self._world.now()
        seen = SeenRequest(Endpoint.UNKNOWN, request.method, path, now)
        call = Call(self._world, self._workers, request, seen, now)
        try:
            outgoing = await self._outgoing(call)
            if call.fault is not None:
                outgoing = strike_after(call.fault, outgoing)
            return await send(call, outgoing)
        except CLIENT_LEFT:
            return reset(request)
        finally:
            self._world.note(seen)

    async def _outgoing(self, call: Call) -> Outgoing:
        """The answer, whatever happens: what is refused and what breaks are answers too."""
        accept, switches = call.request.headers.get("Accept", ""), self._world.switches
        try:
            return await self._done(call, accept)
        except Refusal as refusal:
            call.seen.error_type = refusal.error_type
            if switches.refusal_sent == "after-body":
                await drain(call.request.content)
            return Outgoing(answers.refused(refusal, switches, accept, call.match.endpoint))
        except CLIENT_LEFT:
            raise
        except Exception as error:
            LOG.exception("the emulator failed on %s %s", call.request.method, call.seen.path)
            call.seen.error_type = "UNEXPECTED_ERROR"
            fields = answers.broken(f"The emulator failed: {type(error).__name__}: {error}")
            status = 500 if switches.status_style == "http" else 200
            return Outgoing(answers.render(fields, accept, call.match.endpoint, status=status))

    async def _done(self, call: Call, accept: str) -> Outgoing:
        call.match = match(call.request.method, call.seen.path)
        self._look_at(call)
        call.fault = self._world.faults.strike(call.match.endpoint, call.seen.part)
        if call.fault is not None:
            call.seen.fault = str(call.fault)
            instead = await strike_before(call.fault, call)
            if instead is not None:
                return instead
        await continue_expected(call.request)
        await self._workers.settle()
        await self._world.expire()
        call.now = self._world.now()
        self._admit(call)
        result = await HANDLERS[call.match.endpoint](call)
        if isinstance(result, Text):
            return Outgoing(Reply(200, result.text.encode(), result.content_type))
        if isinstance(result, Bytes):
            return Outgoing(result)
        return Outgoing(answers.render(answers.success(result), accept, call.match.endpoint))

    def _look_at(self, call: Call) -> None:
        """Note what the log of seen requests and the fault script go by."""
        seen, headers = call.seen, call.request.headers
        seen.endpoint = call.match.endpoint
        seen.upload_id = call.match.names.get("upload_id")
        seen.content_md5 = headers.get("Content-MD5")
        # The query wins over the header (documented).
        client_id = call.query("client_id") or headers.get("X-VaultAPI-ClientID") or ""
        seen.client_id = client_id if CLIENT_ID.fullmatch(client_id) else None
        number = headers.get(api_uploads.PART_NUMBER, "").strip()
        if call.match.endpoint is Endpoint.PUT_PART and number.isascii() and number.isdigit():
            seen.part = int(number)

    def _admit(self, call: Call) -> None:
        """Who is calling, and is it not too often?"""
        model = self._world.model
        if call.match.endpoint not in NEEDS_NO_LOGIN:
            authorization = call.request.headers.get("Authorization", "")
            call.user = model.logins.who(authorization, call.now)
            call.seen.user = call.user.id
        if self._world.switches.client_id_needed and call.seen.client_id is None:
            # That a Vault can reject calls without one is documented, how it does is not.
            raise Refusal("INSUFFICIENT_ACCESS", "The client id is missing or not allowed")
        if not call.match.is_file_staging or self._world.switches.burst_counts_staging:
            call.allowance = model.throttle.call(call.user.id, call.now)
