"""Several parts in one thread: hashed together, shared out among threads, and put off only until they are wanted."""

import threading
import weakref
from collections.abc import Sequence

import anyio
import pytest

from asyncup.pipeline import multi_md5
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.multi_md5 import AT_ONCE
from asyncup.pipeline.part_hashing import HashingStopped
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.protocol.plan import Part
from tests.pipeline.files import ENOUGH_S, md5
from tests.pipeline.pieces import Pieces

needs_it = pytest.mark.skipif(AT_ONCE == 1, reason="built without a C compiler")


class Groups:
    """How many parts each call computed together, and in which thread."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self._advance = multi_md5.advance
        patch.setattr(multi_md5, "advance", self._noting)

    def _noting(self, messages: Sequence[multi_md5.Message], most: int) -> None:
        self.sizes.append(len(messages))
        self.threads.add(threading.get_ident())
        self._advance(messages, most)


BLOCK = bytes(64)


@needs_it
@pytest.mark.parametrize("parts", [1, 2, 16, 17])
async def test_parts_are_hashed_together_up_to_the_most(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, may_begin = Groups(monkeypatch), threading.Event()

    def wait(_: int) -> None:
        assert may_begin.wait(ENOUGH_S)

    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: None, at_once=AT_ONCE) as hasher:
            pending = [hasher.start(Pieces(BLOCK, BLOCK, number=number, before=wait)) for number in range(parts)]
            hasher.all_started()
            may_begin.set()
            assert [await each.wait() for each in pending] == [md5(2 * BLOCK)] * parts
    assert max(groups.sizes) == min(parts, AT_ONCE)
    assert len(groups.threads) == 1


@needs_it
async def test_threads_share_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, both_there, mine = Groups(monkeypatch), threading.Barrier(2), threading.local()

    def meet(_: int) -> None:
        if not hasattr(mine, "met"):
            mine.met = True
            both_there.wait(ENOUGH_S)

    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 2, lambda *_: None, at_once=AT_ONCE) as hasher:
            pending = [hasher.start(Pieces(BLOCK, number=number, before=meet)) for number in range(8)]
            hasher.all_started()
            for each in pending:
                await each.wait()
    assert max(groups.sizes) <= 4
    assert len(groups.threads) == 2


@needs_it
async def test_a_part_that_is_put_off_is_begun_when_it_is_asked_for() -> None:
    hashed: list[Part] = []
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda part, _: hashed.append(part), at_once=AT_ONCE) as hasher:
            first, second = Pieces(b"1", number=1), Pieces(b"2", number=2)
            pending = [hasher.start(first), hasher.start(second)]
            assert await pending[1].wait() == md5(b"2")
            assert await pending[0].wait() == md5(b"1")
    assert hashed == [first.part, second.part]


@needs_it
async def test_parts_that_were_put_off_are_stopped_and_held_no_longer() -> None:
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: None, at_once=AT_ONCE) as hasher:
            await hasher.start(Pieces(b"1")).wait()
            hasher.start(Pieces(b"2"))
            put_off = Pieces(b"3")
            pending = hasher.start(put_off)
            await anyio.wait_all_tasks_blocked()
            assert put_off.given == 0
        with pytest.raises(HashingStopped):
            await pending.wait()
        assert put_off.given == 0
        watched = weakref.ref(put_off)
        del put_off
        assert watched() is None


@needs_it
async def test_when_computing_fails_every_part_has_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    compute, may_begin = multi_md5.advance, threading.Event()

    def wait(_: int) -> None:
        assert may_begin.wait(ENOUGH_S)

    def fail(messages: Sequence[multi_md5.Message], most: int) -> None:
        if len(messages) == 3:
            raise MemoryError
        compute(messages, most)

    monkeypatch.setattr(multi_md5, "advance", fail)
    pending: list[PendingDigest] = []

    async def hash_three() -> None:
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, 1, lambda *_: None, at_once=AT_ONCE) as hasher:
                pending.extend(hasher.start(Pieces(BLOCK, BLOCK, before=wait)) for _ in range(3))
                hasher.all_started()
                may_begin.set()
                await anyio.sleep_forever()

    with anyio.fail_after(ENOUGH_S), pytest.raises(ExceptionGroup) as raised:
        await hash_three()
    assert raised.group_contains(MemoryError)
    assert len(pending) == 3
    for each in pending:
        with pytest.raises(MemoryError):
            await each.wait()
