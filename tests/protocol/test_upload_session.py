"""The upload session's machine: every state with every event, and any order of events against a model of the server."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, example, given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from asyncup.errors import ChecksumMismatch, UploadSessionConflict
from asyncup.protocol.plan import Plan
from asyncup.protocol.responses import HeldPart
from asyncup.protocol.upload_session import (
    TRANSITIONS,
    Action,
    IllegalTransition,
    State,
    UploadSessionMachine,
    compare_with_acknowledged,
    held_part_size,
)

PLAN = Plan(size=25, part_size=10)
LENGTHS = [10, 10, 5]


def md5(number: int) -> str:
    """The made-up MD5 of the file's part."""
    return f"{number:032x}"


def held(count: int) -> list[HeldPart]:
    """The parts list of a session that holds that many."""
    return [HeldPart(number, LENGTHS[number - 1], md5(number)) for number in range(1, count + 1)]


def machine_in(state: State, *, acknowledged: int = 1) -> UploadSessionMachine:
    """Bring a machine into a state by allowed steps only."""
    machine = UploadSessionMachine(PLAN, acknowledged=acknowledged)
    if state in (State.COMPLETE, State.COMMITTING, State.COMMIT_DOUBTFUL, State.COMMITTED):
        machine = UploadSessionMachine(PLAN, acknowledged=3)
    if state in (State.OFFERED, State.DOUBTFUL):
        machine.offer(acknowledged + 1)
    if state in (State.COMMITTING, State.COMMIT_DOUBTFUL, State.COMMITTED):
        machine.commit()
    if state in (State.DOUBTFUL, State.COMMIT_DOUBTFUL):
        machine.doubt()
    if state is State.COMMITTED:
        machine.accept_commit()
    if state is State.CLOSED:
        machine.close()
    assert machine.state is state
    return machine


def acknowledge(machine: UploadSessionMachine) -> None:
    number = min(machine.acknowledged + 1, 3)
    machine.acknowledge(held(3)[number - 1], md5(number))


def list_parts(machine: UploadSessionMachine) -> None:
    number = min(machine.acknowledged + 1, 3)
    machine.list_parts(held(number), md5(number))


STEPS: dict[Action, Callable[[UploadSessionMachine], None]] = {
    Action.OFFER: lambda machine: machine.offer(machine.acknowledged + 1),
    Action.ACKNOWLEDGE: acknowledge,
    Action.REFUSE: UploadSessionMachine.refuse,
    Action.DOUBT: UploadSessionMachine.doubt,
    Action.LIST_PARTS: list_parts,
    Action.COMMIT: UploadSessionMachine.commit,
    Action.ACCEPT_COMMIT: UploadSessionMachine.accept_commit,
    Action.CLOSE: UploadSessionMachine.close,
}

# The table again, in the words of the module's drawing: a change of the one must be a change of the other.
DRAWING = """
    OPEN            OFFER          OFFERED
    OFFERED         ACKNOWLEDGE    OPEN COMPLETE
    OFFERED         REFUSE         OPEN
    OFFERED         DOUBT          DOUBTFUL
    DOUBTFUL        LIST_PARTS     OPEN COMPLETE
    COMPLETE        COMMIT         COMMITTING
    COMMITTING      ACCEPT_COMMIT  COMMITTED
    COMMITTING      REFUSE         COMPLETE
    COMMITTING      DOUBT          COMMIT_DOUBTFUL
    COMMIT_DOUBTFUL ACCEPT_COMMIT  COMMITTED
    COMMIT_DOUBTFUL REFUSE         COMPLETE
    OPEN            CLOSE          CLOSED
    OFFERED         CLOSE          CLOSED
    DOUBTFUL        CLOSE          CLOSED
    COMPLETE        CLOSE          CLOSED
    COMMITTING      CLOSE          CLOSED
    COMMIT_DOUBTFUL CLOSE          CLOSED
    CLOSED          CLOSE          CLOSED
"""


def test_the_table_is_the_drawing() -> None:
    rows = [line.split() for line in DRAWING.strip().splitlines()]
    drawn = {(State[row[0]], Action[row[1]]): frozenset(State[name] for name in row[2:]) for row in rows}
    assert drawn == TRANSITIONS


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("before_last", [False, True])
def test_every_state_with_every_action(state: State, action: Action, before_last: bool) -> None:
    machine = machine_in(state, acknowledged=2 if before_last else 1)
    acknowledged = machine.acknowledged
    allowed = TRANSITIONS.get((state, action))
    if allowed is None:
        with pytest.raises(IllegalTransition, match=f"{action.value}.* when {state.value}"):
            STEPS[action](machine)
        assert (machine.state, machine.acknowledged) == (state, acknowledged)
        return
    STEPS[action](machine)
    assert machine.state in allowed
    arrived = action in (Action.ACKNOWLEDGE, Action.LIST_PARTS)
    assert machine.acknowledged == acknowledged + arrived
    if len(allowed) > 1:
        assert machine.state is (State.COMPLETE if machine.acknowledged == 3 else State.OPEN)


@given(st.integers(-3, 6), st.integers(0, 3))
def test_only_the_next_part_is_on_offer(number: int, acknowledged: int) -> None:
    machine = UploadSessionMachine(PLAN, acknowledged=acknowledged)
    if number == acknowledged + 1 <= 3:
        machine.offer(number)
        assert machine.state is State.OFFERED
    else:
        state = machine.state
        with pytest.raises(IllegalTransition, match=f"part {number} offered when {acknowledged} |cannot offer when"):
            machine.offer(number)
        assert machine.state is state


@pytest.mark.parametrize("acknowledged", [-1, 4])
def test_a_session_cannot_begin_with_parts_that_there_are_not(acknowledged: int) -> None:
    with pytest.raises(ValueError, match="of 3 cannot be acknowledged"):
        UploadSessionMachine(PLAN, acknowledged=acknowledged)


@pytest.mark.parametrize(("acknowledged", "bytes_held"), [(0, 0), (1, 10), (2, 20), (3, 25)])
def test_acknowledged_bytes_are_those_of_the_parts(acknowledged: int, bytes_held: int) -> None:
    machine = UploadSessionMachine(PLAN, acknowledged=acknowledged)
    assert machine.acknowledged_bytes == bytes_held
    assert machine.next_part == (None if acknowledged == 3 else PLAN.part(acknowledged + 1))
    assert machine.state is (State.COMPLETE if acknowledged == 3 else State.OPEN)


def test_an_empty_plan_is_complete() -> None:
    machine = UploadSessionMachine(Plan(0, 10))
    assert (machine.state, machine.next_part, machine.acknowledged_bytes) == (State.COMPLETE, None, 0)


@given(
    number=st.integers(0, 3),
    size=st.integers(-1, 11),
    digest=st.sampled_from([md5(1), md5(2), "", "d41d8cd98f00b204e9800998ecf8427e"]),
)
def test_a_receipt_for_other_bytes_is_no_acknowledgement(number: int, size: int, digest: str) -> None:
    machine = machine_in(State.OFFERED)
    assume((number, size, digest) != (2, 10, md5(2)))
    with pytest.raises(ChecksumMismatch) as refused:
        machine.acknowledge(HeldPart(number, size, digest), md5(2))
    assert md5(2) in str(refused.value)
    assert "on the way to Vault" in refused.value.hint
    assert (machine.state, machine.acknowledged) == (State.OPEN, 1)
    machine.offer(2)


@given(
    st.lists(
        st.builds(HeldPart, st.integers(0, 4), st.sampled_from([0, 5, 10]), st.sampled_from([md5(1), md5(2), md5(3)])),
        max_size=4,
    )
    | st.integers(0, 3).map(held)
)
@example([HeldPart(1, 10, md5(1)), HeldPart(2, 10, md5(3))])
def test_a_doubt_is_settled_by_exactly_our_own_parts(listed: list[HeldPart]) -> None:
    machine = machine_in(State.DOUBTFUL)
    shape = [(part.number, part.size) for part in listed]
    if shape == [(1, 10)]:
        assert machine.list_parts(listed, md5(2)) is False
        assert (machine.state, machine.acknowledged) == (State.OPEN, 1)
    elif shape == [(1, 10), (2, 10)] and listed[1].md5 == md5(2):
        assert machine.list_parts(listed, md5(2)) is True
        assert (machine.state, machine.acknowledged) == (State.OPEN, 2)
    else:
        with pytest.raises(UploadSessionConflict) as conflict:
            machine.list_parts(listed, md5(2))
        assert conflict.value.hint
        assert (machine.state, machine.acknowledged) == (State.DOUBTFUL, 1)


def test_a_step_to_a_state_that_the_table_does_not_name_is_a_bug_of_the_machines_own() -> None:
    machine = machine_in(State.OPEN)
    with pytest.raises(IllegalTransition, match="OPEN to COMPLETE"):
        machine._step(Action.OFFER, State.COMPLETE)
    assert machine.state is State.OPEN


@pytest.mark.parametrize("attempt", [2, 3])
def test_what_an_earlier_attempt_left_is_overwritten_and_no_conflict(attempt: int) -> None:
    machine = machine_in(State.DOUBTFUL)
    left = [*held(1), HeldPart(2, 10, "f" * 32)]
    assert machine.list_parts(left, md5(2), attempt=attempt) is False
    assert (machine.state, machine.acknowledged) == (State.OPEN, 1)
    machine = machine_in(State.DOUBTFUL)
    assert machine.list_parts(held(2), md5(2), attempt=attempt) is True
    assert (machine.state, machine.acknowledged) == (State.OPEN, 2)


def test_a_part_with_other_bytes_after_the_first_attempt_is_somebody_elses() -> None:
    machine = machine_in(State.DOUBTFUL)
    with pytest.raises(UploadSessionConflict, match="part 2 has MD5 f"):
        machine.list_parts([*held(1), HeldPart(2, 10, "f" * 32)], md5(2))
    assert (machine.state, machine.acknowledged) == (State.DOUBTFUL, 1)


def machine_with_leftovers(*, acknowledged: int = 1) -> UploadSessionMachine:
    """A session that held all three parts; those behind `acknowledged` are not trusted. The next one is in doubt."""
    leftover = [replace(part, md5="e" * 32) for part in held(3)[acknowledged:]]
    machine = UploadSessionMachine(PLAN, acknowledged=acknowledged, leftover=leftover)
    machine.offer(acknowledged + 1)
    machine.doubt()
    return machine


@pytest.mark.parametrize("acknowledged", [0, 1, 2])
def test_what_the_session_held_at_the_beginning_is_no_conflict(acknowledged: int) -> None:
    doubtful = acknowledged + 1
    machine = machine_with_leftovers(acknowledged=acknowledged)
    before = [*held(acknowledged), *(replace(part, md5="e" * 32) for part in held(3)[acknowledged:])]
    assert machine.list_parts(before, md5(doubtful)) is False
    assert machine.acknowledged == acknowledged

    machine = machine_with_leftovers(acknowledged=acknowledged)
    arrived = [*held(doubtful), *before[doubtful:]]
    assert machine.list_parts(arrived, md5(doubtful)) is True
    assert machine.acknowledged == doubtful

    machine = machine_with_leftovers(acknowledged=acknowledged)
    with pytest.raises(UploadSessionConflict, match="has MD5 f"):
        machine.list_parts(
            [*held(acknowledged), replace(held(3)[acknowledged], md5="f" * 32), *before[doubtful:]], md5(doubtful)
        )


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_part_that_is_listed_without_md5_is_sent_again(attempt: int) -> None:
    machine = machine_in(State.DOUBTFUL)
    assert machine.list_parts([*held(1), HeldPart(2, 10, None)], md5(2), attempt=attempt) is False
    assert (machine.state, machine.acknowledged) == (State.OPEN, 1)


def test_before_a_commit_a_list_without_md5s_leaves_it_to_the_receipts() -> None:
    listed = [replace(part, md5=None) for part in held(3)]
    compare_with_acknowledged(listed, PLAN, [md5(1), md5(2), md5(3)])
    with pytest.raises(UploadSessionConflict):
        compare_with_acknowledged(listed[:2], PLAN, [md5(1), md5(2), md5(3)])
    with pytest.raises(UploadSessionConflict):
        compare_with_acknowledged([*listed[:2], HeldPart(3, 6, None)], PLAN, [md5(1), md5(2), md5(3)])


ODD_LISTS = {
    "a part too many": [*held(3), HeldPart(4, 10, md5(4))],
    "a gap": [held(3)[0], held(3)[2]],
    "not from the beginning": held(3)[1:],
    "twice the same": [held(1)[0], held(1)[0]],
    "a part too short": [HeldPart(1, 9, md5(1)), HeldPart(2, 10, md5(2))],
    "a part too long": [HeldPart(1, 10, md5(1)), HeldPart(2, 11, md5(2))],
    "a last part of full size": [*held(2), HeldPart(3, 10, md5(3))],
}


@pytest.mark.parametrize("name", ODD_LISTS)
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_list_that_is_not_this_files_is_a_conflict(name: str, attempt: int) -> None:
    listed = ODD_LISTS[name]
    machine = machine_in(State.DOUBTFUL)
    with pytest.raises(UploadSessionConflict):
        machine.list_parts(listed, md5(2), attempt=attempt)
    assert (machine.state, machine.acknowledged) == (State.DOUBTFUL, 1)
    with pytest.raises(UploadSessionConflict):
        compare_with_acknowledged(listed, PLAN, [md5(1), md5(2), md5(3)])
    with pytest.raises(UploadSessionConflict):
        held_part_size(listed, PLAN.size)


# Which part size a session has

SIZES = st.integers(0, 60)


@given(size=st.integers(1, 60), part_size=st.integers(1, 60), data=st.data())
def test_the_beginning_of_a_file_tells_its_part_size(size: int, part_size: int, data: st.DataObject) -> None:
    plan = Plan(size, min(part_size, size))
    count = data.draw(st.integers(1, plan.parts))
    listed = [HeldPart(part.number, part.length, md5(part.number)) for part in plan.parts_from(1)][:count]
    assert held_part_size(listed, size) == plan.part_size


def test_a_session_without_parts_tells_nothing() -> None:
    assert held_part_size([], 25) is None


@given(st.lists(st.builds(HeldPart, st.integers(0, 4), st.integers(-1, 12), st.just(md5(1))), min_size=1), SIZES)
def test_what_is_not_the_beginning_of_the_file_is_a_conflict(listed: list[HeldPart], size: int) -> None:
    try:
        part_size = held_part_size(listed, size)
    except UploadSessionConflict as conflict:
        assert "Create a new upload session" in conflict.hint  # noqa: PT017 - one of two endings
        return
    assert part_size is not None
    expected = [(part.number, part.length) for part in Plan(size, part_size).parts_from(1)]
    assert [(part.number, part.size) for part in listed] == expected[: len(listed)]


@given(
    st.integers(0, 3).map(held)
    | st.lists(
        st.builds(HeldPart, st.integers(1, 3), st.sampled_from([5, 10]), st.sampled_from([md5(1), md5(2), md5(3)])),
        max_size=4,
    )
)
def test_before_a_commit_the_session_holds_exactly_what_was_acknowledged(listed: list[HeldPart]) -> None:
    md5s = [md5(1), md5(2), md5(3)]
    if listed == held(3):
        compare_with_acknowledged(listed, PLAN, md5s)
    else:
        with pytest.raises(UploadSessionConflict) as conflict:
            compare_with_acknowledged(listed, PLAN, md5s)
        assert conflict.value.hint


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_part_with_other_bytes_is_noticed_wherever_it_is(number: int) -> None:
    listed = held(3)
    listed[number - 1] = HeldPart(number, LENGTHS[number - 1], "f" * 32)
    with pytest.raises(UploadSessionConflict, match=f"part {number} has MD5 f") as conflict:
        compare_with_acknowledged(listed, PLAN, [md5(1), md5(2), md5(3)])
    assert "someb" in conflict.value.hint.lower()


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_caller_that_does_not_know_what_was_acknowledged_is_not_believed(count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        compare_with_acknowledged(held(3), PLAN, [md5(number) for number in (1, 2, 3, 3)][:count])


# Any order of events, against a server that loses, delays, repeats and spoils what it is sent


@dataclass
class Server:
    """What Vault does with parts: keeps them in order, overwrites a number that it has, commits a whole file."""

    sizes: dict[int, int] = field(default_factory=dict)
    md5s: dict[int, str] = field(default_factory=dict)
    committed: bool = False

    def put(self, number: int, size: int, digest: str) -> HeldPart | None:
        if self.committed or number > len(self.sizes) + 1:
            return None
        self.sizes[number], self.md5s[number] = size, digest
        return HeldPart(number, size, digest)

    def list(self) -> list[HeldPart]:
        return [HeldPart(number, self.sizes[number], self.md5s[number]) for number in sorted(self.sizes)]


class Upload(RuleBasedStateMachine):
    """One uploader that does what the machine allows, and the network's and the server's moods."""

    @initialize(size=st.integers(1, 60), part_size=st.integers(1, 30), resumed=st.integers(0, 60))
    def begin(self, size: int, part_size: int, resumed: int) -> None:
        self.plan = Plan(size, part_size)
        resumed = min(resumed, self.plan.parts)
        self.server = Server()
        for part in list(self.plan.parts_from(1))[:resumed]:
            self.server.put(part.number, part.length, md5(part.number))
        self.machine = UploadSessionMachine(self.plan, acknowledged=resumed)
        self.highest = resumed
        self.answer: HeldPart | None = None
        self.late: list[tuple[int, int, str]] = []
        self.given_up = False

    def next_number(self) -> int:
        part = self.machine.next_part
        assert part is not None
        return part.number

    def in_state(self, *states: State) -> bool:
        return hasattr(self, "machine") and not self.given_up and self.machine.state in states

    @precondition(lambda self: self.in_state(State.OPEN))
    @rule(mood=st.sampled_from(["whole", "flipped", "short", "lost", "delayed"]))
    def offer(self, mood: str) -> None:
        part = self.plan.part(self.next_number())
        # Promise 2: part n+1 is never on offer before n is acknowledged.
        assert part.number == self.machine.acknowledged + 1
        assert [held.md5 for held in self.server.list()][: part.number - 1] == [md5(n) for n in range(1, part.number)]
        self.machine.offer(part.number)
        size, digest = part.length, md5(part.number)
        if mood == "flipped":
            digest = "f" * 32
        if mood == "short":
            size -= 1
        if mood == "delayed":
            self.late.append((part.number, size, digest))
        self.answer = self.server.put(part.number, size, digest) if mood not in ("lost", "delayed") else None

    @precondition(lambda self: self.in_state(State.OFFERED))
    @rule(lose_answer=st.booleans())
    def answer_comes_or_not(self, lose_answer: bool) -> None:
        if lose_answer or self.answer is None:
            self.machine.doubt()
            return
        ours = md5(self.next_number())
        acknowledged = self.machine.acknowledged
        try:
            self.machine.acknowledge(self.answer, ours)
        except ChecksumMismatch:
            assert self.machine.acknowledged == acknowledged

    @precondition(lambda self: self.in_state(State.OFFERED))
    @rule()
    def vault_refuses_for_certain(self) -> None:
        if self.answer is None:
            self.machine.refuse()

    @precondition(lambda self: self.late)
    @rule()
    def a_delayed_part_arrives(self) -> None:
        # A PUT that the client gave up may be taken late, as long as it is the next part or an earlier one.
        self.server.put(*self.late.pop(0))

    @precondition(lambda self: self.in_state(State.DOUBTFUL))
    @rule()
    def ask_for_the_parts(self) -> None:
        number = self.next_number()
        listed = self.server.list()
        try:
            arrived = self.machine.list_parts(listed, md5(number))
        except UploadSessionConflict:
            # Only when the server holds something else than what was sent whole.
            whole = [(part.length, md5(part.number)) for part in self.plan.parts_from(1)][: len(listed)]
            assert [(part.size, part.md5) for part in listed] != whole
            self.given_up = True
        else:
            assert arrived == (len(listed) == number)

    @precondition(lambda self: self.in_state(State.COMPLETE))
    @rule(answered=st.booleans(), taken=st.booleans())
    def commit(self, answered: bool, taken: bool) -> None:
        # Promise 1: a commit is only sent when every byte is acknowledged with our MD5.
        assert self.machine.acknowledged_bytes == self.plan.size
        self.machine.commit()
        if taken:
            self.server.committed = True
        if not answered:
            self.machine.doubt()
        if self.server.committed:
            self.machine.accept_commit()
        else:
            self.machine.refuse()

    @rule(action=st.sampled_from(Action))
    def a_bug_of_ours_changes_nothing(self, action: Action) -> None:
        if (self.machine.state, action) in TRANSITIONS:
            return
        before = self.machine.state, self.machine.acknowledged
        number = min(self.machine.acknowledged + 1, self.plan.parts)
        part = self.plan.part(number)
        receipt = HeldPart(number, part.length, md5(number))
        steps: dict[Action, Callable[[], object]] = {
            Action.OFFER: lambda: self.machine.offer(number),
            Action.ACKNOWLEDGE: lambda: self.machine.acknowledge(receipt, md5(number)),
            Action.REFUSE: self.machine.refuse,
            Action.DOUBT: self.machine.doubt,
            Action.LIST_PARTS: lambda: self.machine.list_parts(self.server.list(), md5(number)),
            Action.COMMIT: self.machine.commit,
            Action.ACCEPT_COMMIT: self.machine.accept_commit,
            Action.CLOSE: self.machine.close,
        }
        with pytest.raises(IllegalTransition):
            steps[action]()
        assert (self.machine.state, self.machine.acknowledged) == before

    @rule()
    def the_next_but_one_is_never_on_offer(self) -> None:
        before = self.machine.state
        with pytest.raises(IllegalTransition):
            self.machine.offer(self.machine.acknowledged + 2)
        assert self.machine.state is before

    @invariant()
    def acknowledged_never_falls_and_never_passes_the_file(self) -> None:
        if not hasattr(self, "machine"):
            return
        assert self.highest <= self.machine.acknowledged <= self.plan.parts
        self.highest = self.machine.acknowledged
        assert 0 <= self.machine.acknowledged_bytes <= self.plan.size
        whole = self.machine.acknowledged == self.plan.parts
        assert (self.machine.acknowledged_bytes == self.plan.size) == whole

    @invariant()
    def a_commit_is_only_possible_when_all_is_there(self) -> None:
        if hasattr(self, "machine") and (self.machine.state, Action.COMMIT) in TRANSITIONS:
            assert self.machine.acknowledged == self.plan.parts


test_upload = Upload.TestCase
