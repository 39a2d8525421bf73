"""Events are made for who listens: nobody hears of an upload that nobody listens to, and nothing is made for that."""

from __future__ import annotations

import pytest

from asyncup import upload
from asyncup.events import BytesWritten, Event, Stage, StageEntered
from asyncup.pipeline import preparation as preparation_module, sender as sender_module
from asyncup.pipeline.emitter import Emitter
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS


def test_an_event_is_made_and_told() -> None:
    heard: list[Event] = []
    Emitter(heard.append)(BytesWritten, "f", 1, length=2, total=3)
    assert heard == [BytesWritten("f", 1, 2, 3)]


def test_what_the_hook_raises_is_raised() -> None:
    def fail(_: Event) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        Emitter(fail)(StageEntered, "f", Stage.WIRE)


@pytest.mark.parametrize("heard", [True, False])
async def test_no_event_is_made_for_nobody(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, *, heard: bool
) -> None:
    made: list[Event] = []

    def remember_bytes(path: str, part: int, length: int, total: int) -> BytesWritten:
        made.append(event := BytesWritten(path, part, length, total))
        return event

    def remember_stage(path: str, stage: Stage) -> StageEntered:
        made.append(event := StageEntered(path, stage))
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
