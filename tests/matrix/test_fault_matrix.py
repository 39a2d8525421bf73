"""Every fault at every operation: the right bytes, or one typed error and nothing left that cannot be made good."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import pytest

from asyncup.emulator import Do
from tests.matrix.cases import Case, cases
from tests.matrix.report import PROPERTY
from tests.matrix.trial import Ending, Judgement, tried

AT_ONCE = 12
"""Cases that share the event loop, so that those that wait cost little."""


@pytest.mark.parametrize("endless", [False, True], ids=["once", "for-ever"])
@pytest.mark.parametrize("do", Do)
async def test_every_fault_at_every_operation(
    do: Do, endless: bool, memory_folder: Path, request: pytest.FixtureRequest
) -> None:
    judgements: list[Judgement] = []
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def judge(case: Case, folder: Path) -> None:
        async with limit:
            judgements.append(await tried(case, folder))

    async with anyio.create_task_group() as tasks:
        for number, case in enumerate(cases(do, endless=endless)):
            tasks.start_soon(judge, case, memory_folder / str(number))
    endings: Counter[str] = Counter(judgement.ending.name for judgement in judgements)
    request.node.user_properties.append((PROPERTY, dict(endings)))
    assert endings
    complaints = [judgement.complaint for judgement in judgements if judgement.complaint]
    assert complaints == [], "\n".join(complaints)
    assert not endings[Ending.WRONG.name]
