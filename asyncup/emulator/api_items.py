"""The five endpoints of items: list, download, create, move or rename, delete (vault-api.md 2).

Must not know what may be put where; see `staging`. What one call changes on disk and in the model
is changed under the staging lock.
"""

import re

from .calls import Bytes, Call, Fields, Handlers
from .endpoints import ITEMS, Endpoint
from .faults import Do
from .forms import Form, read_form
from .intake import check_md5, expected_md5
from .jobs import DeleteItem, Effect, ListToCsv, MoveItem
from .listed_pages import listed_page
from .listing import row_facts
from .paging import Rows
from .paths import as_seen_by, check_name, name_of, parent_of
from .refusal import Refusal, missing_parameter
from .staging import File
from .started_jobs import as_job
from .store import Sink

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


async def list_items(call: Call) -> Fields:
    path, recursive = _item(call), call.query_flag("recursive")
    if (call.query("format_result") or "").lower() == "csv":
        call.world.model.staging.need(path)
        return await as_job(call, ListToCsv(path, recursive, call.user.id))
    where = ITEMS
    if call.world.switches.next_page_item:
        # The path as the caller has encoded it.
        where = call.request.rel_url.raw_path.split(f"/{call.match.version}/", 1)[1]
    more = {"recursive": "true"} if recursive else {}
    return listed_page(call, lambda: _rows(call, path, recursive=recursive), where, more)


def _rows(call: Call, path: str, *, recursive: bool) -> Rows:
    staging, switches = call.world.model.staging, call.world.switches
    if switches.list_missing == "empty" and switches.list_match == "folder" and staging.find(path) is None:
        return []
    return [row_facts(row, call.user, switches) for row in staging.rows(path, recursive=recursive)]


async def download(call: Call) -> Bytes:
    """A file's bytes, or the inclusive range of them that was asked for (documented, 2.2)."""
    path = _item(call)
    file = call.world.model.staging.need(path)
    if not isinstance(file, File):
        raise Refusal("INVALID_DATA", f"The item [{path}] is not a file")
    if not call.world.store.keeps_bytes:
        raise Refusal("OPERATION_NOT_ALLOWED", "This emulator was started to keep no bytes")
    start, end, asked = 0, file.size - 1, call.request.headers.get("Range")
    if asked is not None:
        start, end = _range(asked, file.size)
    where = call.world.store.location(path)
    return Bytes(where, file.name, start, end, file.size, asked is not None)


def _range(asked: str, size: int) -> tuple[int, int]:
    """First and last byte. That a range has at most 50 MB is documented, what happens then is not."""
    found = RANGE.fullmatch(asked.strip())
    start = int(found[1]) if found else size
    end = min(int(found[2]), size - 1) if found and found[2] else size - 1
    if start > end:
        raise Refusal("INVALID_DATA", f"Invalid range [{asked}] of {size} bytes")
    return start, end


async def create_item(call: Call) -> Fields:
    """A folder, or a file of at most 50 MB, one per request (documented, 2.3)."""
    world, switches, shape = call.world, call.world.switches, call.body_shape()
    expected = expected_md5(call.request.headers.get("Content-MD5"), switches)
    sink = await world.store.sink(expected if shape.flip_at is None else None)
    try:
        form = await read_form(call.request, sink, switches.item_max_bytes, shape)
        kind = form.need("kind").strip().lower()
        path = world.model.path(form.need("path"), call.user)
        if kind == "folder":
            return await _create_folder(call, path)
        if kind != "file":
            raise Refusal("INVALID_DATA", "Invalid value for parameter [kind]")
        md5 = await sink.finish()
        if call.struck_by(Do.FLIP_STORED) is None:
            check_md5(expected, md5, switches)
        return await _create_file(call, path, form, sink, md5)
    finally:
        await sink.drop()


async def _create_folder(call: Call, path: str) -> Fields:
    async with call.world.staging_lock:
        call.world.model.staging.make_folder(path)
        await call.world.store.make_folder(path)
    shown = as_seen_by(call.user, path)
    return {"data": {"kind": "folder", "path": shown + "/", "name": name_of(path)}}


async def _create_file(call: Call, path: str, form: Form, sink: Sink, md5: str) -> Fields:
    world, size = call.world, form.file_size
    if size is None:
        raise missing_parameter("file")
    call.seen.body_bytes = size
    world.bytes_received += size
    if size > world.switches.item_max_bytes:
        # Documented limit; the type is documented for documents of more than 4 GB.
        raise Refusal("EXCEEDS_FILE_MAX_SIZE", f"A file has at most {world.switches.item_max_bytes} bytes")
    overwrite = form.flag("overwrite")
    async with world.staging_lock:
        world.model.check_quota(size)
        world.model.staging.need_parent(path)
        world.model.staging.refuse_collision(path, overwrite=overwrite)
        await world.store.keep_file(sink, path, call.now)
        world.model.staging.put_file(path, size, call.now, overwrite=overwrite)
    facts = {"kind": "file", "path": as_seen_by(call.user, path), "name": name_of(path)}
    return {"data": {**facts, "size": size, "file_content_md5": md5}}


async def move_item(call: Call) -> Fields:
    """Move, rename, or both (documented: at least one of `parent` and `name`)."""
    form, switches, source = await read_form(call.request), call.world.switches, _item(call)
    parent, name = form.fields.get("parent"), form.fields.get("name")
    if not parent and not name:
        raise missing_parameter("parent")
    folder = call.world.model.path(parent, call.user) if parent else parent_of(source)
    new_name = name or name_of(source)
    check_name(new_name, switches)
    target = f"{folder.rstrip('/')}/{new_name}"
    call.world.model.staging.refuse_move(source, target)
    return await _change(call, MoveItem(source, target), source)


async def delete_item(call: Call) -> Fields:
    path, recursive = _item(call), call.query_flag("recursive")
    call.world.model.staging.refuse_delete(path, recursive=recursive)
    return await _change(call, DeleteItem(path, recursive), path)


async def _change(call: Call, effect: Effect, path: str) -> Fields:
    """Start the job, unless another one is at the item.

    What a real Vault answered then had status 200 and no job id (vault-api.md 2.4, seen live);
    the rest of that answer is not known.
    """
    if path == call.world.model.path("", call.user):
        raise Refusal("OPERATION_NOT_ALLOWED", "The root folder cannot be changed")
    busy = call.world.switches.busy_item
    if busy != "allowed" and call.world.model.is_busy(path):
        if busy == "refused":
            raise Refusal("OPERATION_IN_PROGRESS", f"The item [{path}] is being changed")
        return {"data": {}}
    return await as_job(call, effect)


def _item(call: Call) -> str:
    return call.world.model.path(call.match.names["item"], call.user)


HANDLERS: Handlers = {
    Endpoint.LIST_ITEMS: list_items,
    Endpoint.DOWNLOAD: download,
    Endpoint.CREATE_ITEM: create_item,
    Endpoint.MOVE_ITEM: move_item,
    Endpoint.DELETE_ITEM: delete_item,
}
