"""The seven endpoints of resumable upload sessions (vault-api.md 1.2).

Must not know the rules of parts; see `uploads`. What one call changes on disk and in the model is
changed under the session's lock, disk first, so that nothing is listed that is not there.
"""

from .calls import Call, Fields, Handlers
from .endpoints import UPLOAD, Endpoint
from .faults import Do
from .forms import read_form
from .intake import body_pieces, check_md5, drain, expected_md5, take_in
from .listed_pages import listed_page
from .paths import as_seen_by
from .refusal import Refusal, missing_parameter
from .started_jobs import start_job
from .store import Sink
from .uploads import Part, UploadSession
from .vault import upload_facts

PART_NUMBER = "X-VaultAPI-FilePartNumber"


async def create_session(call: Call) -> Fields:
    form, world = await read_form(call.request), call.world
    path, size = form.need("path"), form.number("size")
    upload = world.model.create_upload(
        call.user,
        path,
        size,
        overwrite=form.flag("overwrite"),
        now=call.now,
        new_id=world.new_upload_id(),
    )
    call.seen.upload_id = upload.id
    await world.save_upload(upload)
    return {"data": _facts(call, upload)}


async def list_sessions(call: Call) -> Fields:
    few = call.world.switches.session_fields == "few"
    uploads = call.world.model.uploads_for(call.user)
    return {"data": [_facts(call, upload, few=few) for upload in uploads]}


async def session_details(call: Call) -> Fields:
    few = call.world.switches.session_fields == "few"
    return {"data": _facts(call, _find(call, owner_only=False), few=few)}


async def put_part(call: Call) -> Fields:
    """Take one part. What its headers say is judged before its bytes are in, and again after."""
    world, request, seen, switches = call.world, call.request, call.seen, call.world.switches
    number = part_number(request.headers.get(PART_NUMBER), switches.type_part_number)
    if switches.upload_range == "refused" and "Range" in request.headers:
        raise Refusal("INVALID_DATA", "The Range header is not supported")
    upload = _find(call, owner_only=True)
    if request.content_length is not None and switches.parts_checked == "before-body":
        upload.admit(number, request.content_length, switches)
    expected = expected_md5(request.headers.get("Content-MD5"), switches)
    shape = call.body_shape()
    # A digest that is only answered back would hide a byte that a fault has changed.
    sink = await world.store.sink(expected if shape.flip_at is None else None)
    try:
        pieces = body_pieces(request.content)
        seen.body_bytes = size = await take_in(pieces, sink, switches.part_max_bytes, shape)
        world.bytes_received += size
        part = Part(number, size, await sink.finish())
        if call.struck_by(Do.FLIP_STORED) is None:
            check_md5(expected, part.md5, switches)
        await _hold(call, upload, part, sink)
    finally:
        await sink.drop()
    return {"data": _part_facts(part)}


async def _hold(call: Call, upload: UploadSession, part: Part, sink: Sink) -> None:
    world = call.world
    async with world.upload_lock(upload.id):
        # It may have been aborted or committed, or have expired, while the bytes came in.
        world.model.find_upload(upload.id, call.user, owner_only=True)
        upload.admit(part.number, part.size, world.switches)
        await world.store.keep_part(sink, upload.id, part, world.now())
        upload.hold(part, world.now(), world.switches)


async def commit(call: Call) -> Fields:
    await drain(call.request.content)
    upload = _find(call, owner_only=True)
    async with call.world.upload_lock(upload.id):
        job = call.world.model.commit_upload(upload, call.now)
    await start_job(call, job)
    data: Fields = {"job_id": job.id}
    if call.world.switches.commit_url:
        data["url"] = f"/api/{call.match.version}/services/jobs/{job.id}"
    return {"data": data}


async def abort(call: Call) -> Fields:
    upload = _find(call, owner_only=False)
    call.world.model.abort_upload(upload)
    await call.world.forget_upload(upload.id)
    return {}


async def list_parts(call: Call) -> Fields:
    upload = _find(call, owner_only=False)
    rows = [_part_facts(part) for part in upload.in_order()]
    return listed_page(call, lambda: rows, f"{UPLOAD}/{upload.id}/parts", {})


def part_number(header: str | None, error_type: str) -> int:
    if header is None:
        raise missing_parameter(PART_NUMBER)
    text = header.strip()
    if not (text.isascii() and text.isdigit()):
        raise Refusal(error_type, f"Invalid value for header [{PART_NUMBER}]")
    return int(text)


def _find(call: Call, *, owner_only: bool) -> UploadSession:
    upload_id = call.match.names["upload_id"]
    return call.world.model.find_upload(upload_id, call.user, owner_only=owner_only)


def _facts(call: Call, upload: UploadSession, *, few: bool = False) -> Fields:
    return upload_facts(upload, as_seen_by(call.user, upload.path), few=few)


def _part_facts(part: Part) -> Fields:
    return {"size": part.size, "part_number": part.number, "part_content_md5": part.md5}


HANDLERS: Handlers = {
    Endpoint.CREATE_SESSION: create_session,
    Endpoint.LIST_SESSIONS: list_sessions,
    Endpoint.SESSION_DETAILS: session_details,
    Endpoint.PUT_PART: put_part,
    Endpoint.COMMIT: commit,
    Endpoint.ABORT: abort,
    Endpoint.LIST_PARTS: list_parts,
}
