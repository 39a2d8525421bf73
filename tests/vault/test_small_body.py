"""A payload between two pieces of text."""

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import SourceChanged
from asyncup.vault.small_body import FramedBody
from tests.fakes.memory_body import MemoryBody


@given(st.binary(max_size=30), st.binary(max_size=30), st.binary(max_size=30), st.integers(1, 7))
async def test_the_frame_and_the_bytes_come_in_order_and_again(
    before: bytes, content: bytes, behind: bytes, slice_size: int
) -> None:
    body = MemoryBody(content, slice_size)
    framed = FramedBody(before, body, behind)
    for attempt in (1, 2):
        slices = [bytes(view) async for view in framed.slices()]
        assert b"".join(slices) == before + content + behind
        assert all(len(piece) <= slice_size for piece in slices[1:-1])
        assert body.begun == attempt
    assert framed.length == len(before + content + behind)


async def test_the_bytes_are_not_copied() -> None:
    content = b"x" * 100
    views = [view async for view in FramedBody(b"<", MemoryBody(content), b">").slices()]
    assert views[1].obj is content


async def test_a_source_that_changes_is_said_between_two_slices() -> None:
    changed = SourceChanged("a", "b")
    framed = FramedBody(b"<", MemoryBody(b"abcdef", 2, fails_at=4, fails_with=changed), b">")
    seen = []

    async def take() -> None:
        async for view in framed.slices():
            seen.append(bytes(view))  # noqa: PERF401 - what came before the failure is wanted

    with pytest.raises(SourceChanged) as raised:
        await take()
    assert raised.value is changed
    assert seen == [b"<", b"ab", b"cd"]
