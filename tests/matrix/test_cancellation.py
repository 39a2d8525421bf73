"""The same over real sockets: cancelled at many of its awaits, an upload leaves a session that becomes the file.

`tests/pipeline/test_every_await.py` has every await, against a Vault in memory.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncup import upload, upload_file
from asyncup.emulator import Do, Endpoint, Fault, RunningEmulator
from tests.fakes.await_counter import AwaitCounter
from tests.matrix.cases import Case, Place, Shape
from tests.matrix.trial import DESTINATION, ENOUGH_S, content_of, matrix_emulator, matrix_vault, options_for

STRIDE = 7
"""Every how-manieth await of client and emulator: a prime, so that no rhythm of the upload's own hides some of them."""


async def cancelled_at(shape: Shape, path: Path, root: Path, moment: int) -> bool:
    """Cancel an upload at its await number `moment`, and make it good. False when it ended before."""
    case = Case(shape, Place(Endpoint.COMMIT), Fault(do=Do.DELAY))
    async with matrix_emulator(root) as emulator:
        async with matrix_vault(emulator) as vault:
            with (
                anyio.CancelScope() as scope,
                anyio.fail_after(ENOUGH_S),
                AwaitCounter(at=moment, act=scope.cancel) as counter,
            ):
                await upload_file(path, DESTINATION, vault=vault, options=options_for(case))
        await make_good(case, path, emulator)
    return counter.count >= moment


async def make_good(case: Case, path: Path, emulator: RunningEmulator) -> None:
    content = content_of(case.shape)
    stored = emulator.stored(DESTINATION)
    await emulator.advance(3600.0)  # a job that was started is done
    sessions = emulator.sessions
    assert len(sessions) <= 1
    if stored.exists():
        assert not sessions
        assert stored.read_bytes() == content
        return
    async with matrix_vault(emulator) as vault:
        if sessions:
            await upload(path, sessions[0].id, vault=vault, options=options_for(case), commit=True)
        else:
            # Overwriting: a request that was left alone may still be under way in the emulator.
            await upload_file(path, DESTINATION, vault=vault, options=options_for(case), overwrite=True)
    assert stored.read_bytes() == content
    assert emulator.sessions == []
    parts = [seen.part for seen in emulator.requests(Endpoint.PUT_PART) if seen.error_type is None and seen.status]
    assert len(parts) - len(set(parts)) <= 1, "at most the part in flight is sent again"


@pytest.mark.both_loops
@pytest.mark.parametrize("shape", ["small", "many"])
async def test_an_upload_can_be_cancelled_while_sockets_are_at_work(shape: Shape, memory_folder: Path) -> None:
    path = memory_folder / "local.bin"
    path.write_bytes(content_of(shape))
    moment = 1
    while await cancelled_at(shape, path, memory_folder / str(moment), moment):
        moment += STRIDE
    assert moment > 6 * STRIDE
