"""Whose session is whose, as a table; the allowance; and the gate."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.budgets.session_slots import (
    PendingFile,
    SessionFate,
    SessionSlots,
    others_among,
    session_allowance,
    sort_out_sessions,
)
from asyncup.errors import ConfigurationError
from asyncup.protocol.responses import UploadSession

BEGAN = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
US, THEM = 7, 8
EARLIER, LATER = "2024-05-01T10:00:00.000Z", "2024-05-01T13:00:00.000Z"


def session(
    session_id: str = "s",
    *,
    path: str | None = "/a",
    size: int | None = 10,
    owner: int | None = US,
    created: str | None = LATER,
    uploaded: int = 0,
) -> UploadSession:
    return UploadSession(session_id, path, size, uploaded, 0, owner, created, None)


@pytest.mark.parametrize(
    ("listed", "pending", "fate"),
    [
        (session(), PendingFile("/a", 10, "s"), SessionFate.CONTINUE),
        (session(path="a/"), PendingFile("/a", 10, "s"), SessionFate.CONTINUE),
        (session(owner=None), PendingFile("/a", 10, "s"), SessionFate.CONTINUE),
        (session(size=11), PendingFile("/a", 10, "s"), SessionFate.ABORT),
        (session(path="/b"), PendingFile("/a", 10, "s"), SessionFate.ABORT),
        (session("ours"), PendingFile("/a", 10), SessionFate.ABORT),
        (session("ours", owner=THEM), PendingFile("/a", 10), SessionFate.LEAVE),
        (session(owner=THEM), PendingFile("/a", 10, "s"), SessionFate.LEAVE),
        (session("x"), PendingFile("/a", 10), SessionFate.CONTINUE),
        (session("x", owner=THEM), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", owner=None), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", size=9), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", path=None), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", created=EARLIER), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", created=None), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x", created="2024-05-01T13:00:00"), PendingFile("/a", 10), SessionFate.LEAVE),
        (session("x"), PendingFile("/a", 10, "s"), SessionFate.LEAVE),
    ],
)
def test_whose_session_is_whose(listed: UploadSession, pending: PendingFile, fate: SessionFate) -> None:
    [finding] = sort_out_sessions(
        [listed], pending=[pending], our_session_ids={"s", "ours"}, user_id=US, journal_began=BEGAN
    )
    assert finding.fate is fate
    assert finding.file == (pending if fate is SessionFate.CONTINUE else None)
    assert others_among([finding]) == (fate is SessionFate.LEAVE)


def test_without_knowing_who_we_are_only_the_journal_speaks() -> None:
    findings = sort_out_sessions(
        [session("x"), session("s")],
        pending=[PendingFile("/a", 10)],
        our_session_ids={"s"},
        user_id=None,
        journal_began=BEGAN,
    )
    assert {finding.session.id: finding.fate for finding in findings} == {
        "x": SessionFate.LEAVE,
        "s": SessionFate.ABORT,
    }


def test_of_two_lost_ones_the_fuller_is_continued() -> None:
    findings = sort_out_sessions(
        [session("x", uploaded=1), session("y", uploaded=5)],
        pending=[PendingFile("/a", 10)],
        our_session_ids=(),
        user_id=US,
        journal_began=BEGAN,
    )
    assert [(finding.session.id, finding.fate) for finding in findings] == [
        ("y", SessionFate.CONTINUE),
        ("x", SessionFate.LEAVE),
    ]


names = st.sampled_from("abc")
sessions = st.builds(
    session,
    st.sampled_from(["s1", "s2", "s3", "s4"]),
    path=st.none() | names,
    size=st.none() | st.integers(1, 2),
    owner=st.none() | st.sampled_from([US, THEM]),
    created=st.sampled_from([None, EARLIER, LATER, "yesterday"]),
)
files = st.builds(PendingFile, names, st.integers(1, 2), st.none() | st.sampled_from(["s1", "s2"]))


@given(
    listed=st.lists(sessions, unique_by=lambda one: one.id),
    pending=st.lists(files, unique_by=lambda file: (file.path, file.session_id or file.path)),
    ours=st.sets(st.sampled_from(["s1", "s2"])),
    user_id=st.none() | st.just(US),
)
def test_nobody_elses_session_is_ever_touched(
    listed: list[UploadSession], pending: list[PendingFile], ours: set[str], user_id: int | None
) -> None:
    ours |= {file.session_id for file in pending if file.session_id is not None}
    findings = sort_out_sessions(listed, pending=pending, our_session_ids=ours, user_id=user_id, journal_began=BEGAN)
    assert sorted(finding.session.id for finding in findings) == sorted(one.id for one in listed)
    for finding in findings:
        if finding.fate is SessionFate.ABORT:
            assert finding.session.id in ours
        if finding.fate is not SessionFate.LEAVE and user_id is not None:
            assert finding.session.owner in (None, US)
        if finding.fate is SessionFate.CONTINUE:
            assert finding.session.id in ours or finding.session.owner == user_id == US
    continued = [finding.file for finding in findings if finding.fate is SessionFate.CONTINUE]
    assert len(continued) == len(set(continued))


@pytest.mark.parametrize(
    ("share", "others", "allowed"),
    [(25, None, 25), (25, 0, 25), (25, 23, 25), (25, 30, 18), (25, 47, 1), (25, 50, 1), (60, None, 50), (1, 0, 1)],
)
def test_the_allowance_is_a_share_of_what_others_leave(share: int, others: int | None, allowed: int) -> None:
    assert session_allowance(share=share, of_all=50, held_by_others=others) == allowed


def test_a_run_without_a_session_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        session_allowance(share=0, of_all=50, held_by_others=None)


async def test_slots_are_handed_out_in_order_and_change_while_they_are_held() -> None:
    slots, order, leave = SessionSlots(2), list[int](), anyio.Event()

    async def lane(number: int) -> None:
        async with slots.hold():
            order.append(number)
            await leave.wait()

    async with anyio.create_task_group() as lanes:
        for number in range(5):
            lanes.start_soon(lane, number)
            await anyio.wait_all_tasks_blocked()
        assert (order, slots.held, slots.allowed) == ([0, 1], 2, 2)
        slots.change(3)
        await anyio.wait_all_tasks_blocked()
        assert order == [0, 1, 2]
        slots.change(1)
        assert slots.held == 3
        leave.set()
    assert order == [0, 1, 2, 3, 4]
    assert slots.held == 0


async def test_a_session_that_is_left_open_takes_a_slot() -> None:
    slots = SessionSlots(2)
    slots.left_open()
    assert slots.held == 1
    async with slots.hold():
        with anyio.move_on_after(0) as given_up:
            async with slots.hold():
                pass
        assert given_up.cancelled_caught
        assert slots.held == 2
    slots.left_open(-1)
    async with slots.hold(), slots.hold():
        assert slots.held == 2
