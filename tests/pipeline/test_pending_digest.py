"""A digest is waited for, asked for once, and known for good."""

import anyio
import pytest

from asyncup.errors import SourceChanged
from asyncup.pipeline.pending_digest import PendingDigest

DIGEST = b"0123456789abcdef"


async def test_waiting_is_woken_when_the_digest_is_there() -> None:
    pending = PendingDigest()
    assert not pending.known
    digests: list[bytes] = []

    async def wait() -> None:
        digests.append(await pending.wait())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert digests == []
        pending.settle(DIGEST)
    assert digests == [DIGEST] * 2


async def test_why_there_is_none_is_raised_to_everyone() -> None:
    pending = PendingDigest()
    pending.settle(SourceChanged("file", "file changed"))
    assert pending.known
    for _ in range(2):
        with pytest.raises(SourceChanged, match="file changed"):
            await pending.wait()


def test_a_digest_that_is_known_takes_no_turn_of_the_event_loop() -> None:
    pending = PendingDigest()
    pending.settle(DIGEST)
    with pytest.raises(StopIteration) as at_once:
        pending.wait().send(None)
    assert at_once.value.value == DIGEST


@pytest.mark.parametrize("known", [True, False])
def test_it_is_told_once_that_it_is_asked_for_before_it_is_waited_for(*, known: bool) -> None:
    asked: list[tuple[PendingDigest, bool]] = []
    pending = PendingDigest(lambda which: asked.append((which, which.known)))
    if known:
        pending.settle(DIGEST)
    assert asked == []
    pending.ask()
    pending.ask()
    pending.settle(DIGEST)
    with pytest.raises(StopIteration):
        pending.wait().send(None)
    assert asked == [(pending, known)]


async def test_waiting_asks() -> None:
    pending = PendingDigest(lambda which: which.settle(DIGEST))
    assert await pending.wait() == DIGEST
