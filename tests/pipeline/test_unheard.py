"""An upload that nobody listens to: what happens for every slice and every stage is not made into an event."""

from __future__ import annotations

import pytest

from asyncup import upload
from asyncup.events import BytesWritten, Event, StageEntered
from asyncup.pipeline import preparation as preparation_module, sender as sender_module
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS


@pytest.mark.parametrize("heard", [True, False])
async def test_no_event_is_made_for_nobody(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, *, heard: bool
) -> None:
    made: list[Event] = []

    def remember_bytes(path: str, part: int, length: int, total: int) -> BytesWritten:
        made.append(event := BytesWritten(path, part, length, total))
        return event

    def remember_stage(path: str, stage: object) -> StageEntered:
        made.append(event := StageEntered(path, stage))  # type: ignore[arg-type] # it is what it was called with
        return event

    monkeypatch.setattr(sender_module, "BytesWritten", remember_bytes)
    monkeypatch.setattr(preparation_module, "StageEntered", remember_stage)
    memory, seen = MemoryVault(), list[Event]()
    session_id = memory.open_session("/u1/local.bin", len(local_file.content))
    result = await upload(
        local_file.path, session_id, vault=memory.vault(), options=OPTIONS, on_event=seen.append if heard else None
    )
    assert result.bytes_written == len(local_file.content)
    assert memory.sessions[session_id].content == local_file.content
    assert made == [event for event in seen if isinstance(event, BytesWritten | StageEntered)]
    assert bool(made) is heard
