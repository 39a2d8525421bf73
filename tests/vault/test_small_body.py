"""A payload between two pieces of text."""

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import SourceChanged
from asyncup.vault import small_body as small_body_module
from asyncup.vault.small_body import FramedBody
from tests.fakes.memory_body import MemoryBody


@given(st.binary(max_size=30), st.binary(max_size=30), st.binary(max_size=30), st.integers(1, 7), st.booleans())
async def test_the_frame_and_the_bytes_come_in_order_and_again(
    before: bytes,
    content: bytes,
    behind: bytes,
    slice_size: int,
    joined: bool,
) -> None:
    body = MemoryBody(content, slice_size)
    framed = FramedBody(before, body, behind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_body_module, "_JOINED", 1000 if joined else 0)
        for attempt in (1, 2):
            slices = [bytes(view) async for view in framed.slices()]
            assert b"".join(slices) == before + content + behind
            assert len(slices) == 1 if joined else all(len(piece) <= slice_size for piece in slices[1:-1])
            assert body.begun == attempt
    assert framed.length == len(before + content + behind)


@pytest.fixture
def nothing_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_body_module, "_JOINED", 0)


@pytest.mark.parametrize(("length", "pieces"), [(0, 1), (2**16 - 2, 1), (2**16 - 1, 3)])
async def test_a_small_payload_goes_out_in_one_piece(length: int, pieces: int) -> None:
    content = bytes(length)
    views = [bytes(view) async for view in FramedBody(b"<", MemoryBody(content, 2**20), b">").slices()]
    assert len(views) == pieces
    assert b"".join(views) == b"<" + content + b">"


@pytest.mark.usefixtures("nothing_joined")
async def test_the_bytes_are_not_copied() -> None:
    content = b"x" * 100
    views = [view async for view in FramedBody(b"<", MemoryBody(content), b">").slices()]
    assert views[1].obj is content


@pytest.mark.parametrize("joined", [False, True])
async def test_a_source_that_changes_is_said_between_two_slices(
    monkeypatch: pytest.MonkeyPatch, *, joined: bool
) -> None:
    if not joined:
        monkeypatch.setattr(small_body_module, "_JOINED", 0)
    changed = SourceChanged("a", "b")
    framed = FramedBody(b"<", MemoryBody(b"abcdef", 2, fails_at=4, fails_with=changed), b">")
    seen = []

    async def take() -> None:
        async for view in framed.slices():
            seen.append(bytes(view))  # noqa: PERF401 - what came before the failure is wanted

    with pytest.raises(SourceChanged) as raised:
        await take()
    assert raised.value is changed
    assert seen == ([] if joined else [b"<", b"ab", b"cd"])
