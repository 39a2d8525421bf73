"""Any events, in any order, with anything in them, thrown at the state machine: what it promises is true all the same.

`test_upload_session` has a model of a Vault behind it, so its events hang together; here nothing does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hypothesis import given, strategies as st

from asyncup.errors import ChecksumMismatch, UploadSessionConflict
from asyncup.protocol.plan import Plan
from asyncup.protocol.responses import HeldPart
from asyncup.protocol.upload_session import TRANSITIONS, Action, IllegalTransition, State, UploadSessionMachine

PLAN = Plan(25, 10)
OURS = tuple(f"{number:032x}" for number in (1, 2, 3))
"""MD5s of the three parts of 10, 10 and 5 bytes."""

RIGHT = [HeldPart(number, PLAN.part(number).length, OURS[number - 1]) for number in (1, 2, 3)]
HELD = st.sampled_from(RIGHT) | st.builds(
    HeldPart, st.integers(-1, 5), st.sampled_from([0, 5, 9, 10, 11]), st.sampled_from([*OURS, "f" * 32])
)
LISTS = st.integers(0, 3).map(lambda many: RIGHT[:many]) | st.lists(HELD, max_size=5)
SIMPLE = (Action.REFUSE, Action.DOUBT, Action.COMMIT, Action.ACCEPT_COMMIT)
LIKELY = st.sampled_from(
    [
        *[(Action.OFFER, "next")] * 4,
        *((action, about) for action in (Action.ACKNOWLEDGE, Action.LIST_PARTS) for about in ("right", "flipped")),
        *((action, None) for action in SIMPLE),
    ]
)
"""What a client meets; nothing else would be reached if these were as seldom as the rest."""

WILD = st.one_of(
    st.tuples(st.just(Action.OFFER), st.integers(-1, 5)),
    st.tuples(st.just(Action.ACKNOWLEDGE), HELD),
    st.tuples(st.just(Action.LIST_PARTS), st.tuples(LISTS, st.integers(1, 3))),
)
SELDOM = st.just((Action.CLOSE, None))
"""It is the end."""

EVENTS = st.lists(
    st.integers(0, 39).flatmap(lambda dice: SELDOM if dice == 39 else WILD if dice > 33 else LIKELY),
    min_size=5,
    max_size=40,
)
Event = tuple[Action, object]


class Watched:
    """The machine, and what it was ever shown."""

    def __init__(self, acknowledged: int) -> None:
        self.machine = UploadSessionMachine(PLAN, acknowledged=acknowledged)
        self.proven = set(range(1, acknowledged + 1))
        """Numbers of parts for which Vault has shown our MD5 and the part's size."""

    def happens(self, action: Action, about: object) -> None:
        """Let one thing happen, and check what must be true of it."""
        machine, number = self.machine, self.machine.acknowledged + 1
        md5 = OURS[min(number, 3) - 1]
        before = (machine.state, machine.acknowledged)
        about = self._in_full(action, about, number)
        self._is_shown(action, about)
        try:
            self._steps(about, md5)[action]()
        except IllegalTransition:
            assert (machine.state, machine.acknowledged) == before
        except (ChecksumMismatch, UploadSessionConflict):
            assert machine.acknowledged == before[1]
            assert machine.state in {before[0], State.OPEN}
        else:
            assert machine.state in TRANSITIONS[before[0], action]
            self._was_allowed(action, about, before[1])

    def _in_full(self, action: Action, about: object, number: int) -> object:
        """Return what an event is about, when a word says it: the part whose turn it is, as it should be or not."""
        if about == "next":
            return number
        part = RIGHT[min(number, 3) - 1]
        if about == "flipped":
            part = replace(part, md5="f" * 32)
        if about in ("right", "flipped"):
            return part if action is Action.ACKNOWLEDGE else ([*RIGHT[: number - 1], part], 1)
        return about

    def _steps(self, about: object, md5: str) -> dict[Action, Callable[[], object]]:
        machine = self.machine
        held, attempt = about if isinstance(about, tuple) else ([], 1)
        receipt = about if isinstance(about, HeldPart) else RIGHT[0]
        return {
            Action.OFFER: lambda: machine.offer(about if isinstance(about, int) else 0),
            Action.ACKNOWLEDGE: lambda: machine.acknowledge(receipt, md5),
            Action.LIST_PARTS: lambda: machine.list_parts(held, md5, attempt=attempt),
            Action.REFUSE: machine.refuse,
            Action.DOUBT: machine.doubt,
            Action.COMMIT: machine.commit,
            Action.ACCEPT_COMMIT: machine.accept_commit,
            Action.CLOSE: machine.close,
        }

    def _is_shown(self, action: Action, about: object) -> None:
        if action is Action.ACKNOWLEDGE and self.machine.state is State.OFFERED and about in RIGHT:
            self.proven.add(RIGHT.index(about) + 1)
        if action is Action.LIST_PARTS and self.machine.state is State.DOUBTFUL and isinstance(about, tuple):
            self.proven |= {part.number for part in about[0] if part in RIGHT}

    def _was_allowed(self, action: Action, about: object, acknowledged: int) -> None:
        if action is Action.OFFER:
            assert about == acknowledged + 1 == self.machine.acknowledged + 1
            assert self.proven >= set(range(1, acknowledged + 1)), "every part before it is in Vault, with our MD5"
        if action is Action.COMMIT:
            assert self.proven >= {1, 2, 3}


@given(st.integers(0, 3), EVENTS)
def test_nothing_is_offered_before_what_comes_before_it_is_proven(acknowledged: int, events: list[Event]) -> None:
    watched = Watched(acknowledged)
    highest = acknowledged
    for action, about in events:
        watched.happens(action, about)
        machine = watched.machine
        assert highest <= machine.acknowledged <= 3
        assert watched.proven >= set(range(1, machine.acknowledged + 1))
        assert machine.acknowledged_bytes == min(10 * machine.acknowledged, 25)
        assert machine.next_part == (None if machine.acknowledged == 3 else PLAN.part(machine.acknowledged + 1))
        highest = machine.acknowledged


@given(EVENTS)
def test_what_is_closed_or_committed_stays_so(events: list[Event]) -> None:
    for end in (State.CLOSED, State.COMMITTED):
        watched = Watched(3)
        if end is State.CLOSED:
            watched.machine.close()
        else:
            watched.machine.commit()
            watched.machine.accept_commit()
        for action, about in events:
            with suppress(KeyError):
                watched.happens(action, about)
            assert watched.machine.state is end
            assert watched.machine.acknowledged == 3
