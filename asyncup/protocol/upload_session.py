"""The upload session's state machine: which part may be offered to Vault, and when the session may be committed.

Theory of operation. Vault takes part n only when it holds parts 1 to n-1, and the client never knows more about the
session than the last answer told. So the machine keeps one number, how many parts are acknowledged, and a state that
says what may happen next. What happened is an `Action`; the table below says where it leads; what is not in the table
is a bug of the caller and raises. `doubt` is entered whenever an answer is missing, and left only by what Vault lists.

    OPEN ── offer ──> OFFERED ── acknowledge ──> OPEN, or COMPLETE after the last part
                        │  └──── refuse ──────> OPEN (the same part may be offered again)
                        └─────── doubt ───────> DOUBTFUL ── list_parts ──> OPEN or COMPLETE
    COMPLETE ── commit ──> COMMITTING ── accept_commit ──> COMMITTED
                              ├── refuse ──> COMPLETE
                              └── doubt ───> COMMIT_DOUBTFUL ── accept_commit ──> COMMITTED, or refuse ──> COMPLETE
    any state but COMMITTED ── close ──> CLOSED

Sans-I/O: no payload, no clock. Documented: parts in numerical order, the same number overwrites.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence

from asyncup.errors import ChecksumMismatch, UploadSessionConflict
from asyncup.protocol.plan import Part, Plan
from asyncup.protocol.responses import HeldPart

__all__ = [
    "TRANSITIONS",
    "Action",
    "IllegalTransition",
    "State",
    "UploadSessionMachine",
    "compare_with_acknowledged",
    "held_part_size",
]


# Texts, because Python computes the hash of any other member in Python, and every step looks it up.


class State(enum.StrEnum):
    """What the client knows of the upload session."""

    OPEN = "the next part may be offered"
    OFFERED = "a part is on its way"
    DOUBTFUL = "whether Vault holds the part is not known"
    COMPLETE = "Vault holds every part"
    COMMITTING = "the commit is on its way"
    COMMIT_DOUBTFUL = "whether Vault committed is not known"
    COMMITTED = "Vault took the commit"
    CLOSED = "nothing more is done with the session"


class Action(enum.StrEnum):
    """What can happen to it."""

    OFFER = "offer"
    ACKNOWLEDGE = "acknowledge"
    REFUSE = "refuse"
    DOUBT = "doubt"
    LIST_PARTS = "list parts"
    COMMIT = "commit"
    ACCEPT_COMMIT = "accept commit"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Action], frozenset[State]] = {
    (State.OPEN, Action.OFFER): frozenset({State.OFFERED}),
    (State.OFFERED, Action.ACKNOWLEDGE): frozenset({State.OPEN, State.COMPLETE}),
    (State.OFFERED, Action.REFUSE): frozenset({State.OPEN}),
    (State.OFFERED, Action.DOUBT): frozenset({State.DOUBTFUL}),
    (State.DOUBTFUL, Action.LIST_PARTS): frozenset({State.OPEN, State.COMPLETE}),
    (State.COMPLETE, Action.COMMIT): frozenset({State.COMMITTING}),
    (State.COMMITTING, Action.ACCEPT_COMMIT): frozenset({State.COMMITTED}),
    (State.COMMITTING, Action.REFUSE): frozenset({State.COMPLETE}),
    (State.COMMITTING, Action.DOUBT): frozenset({State.COMMIT_DOUBTFUL}),
    (State.COMMIT_DOUBTFUL, Action.ACCEPT_COMMIT): frozenset({State.COMMITTED}),
    (State.COMMIT_DOUBTFUL, Action.REFUSE): frozenset({State.COMPLETE}),
    **{(state, Action.CLOSE): frozenset({State.CLOSED}) for state in State if state is not State.COMMITTED},
}
"""Every allowed step. Where two states are possible, the number of acknowledged parts decides."""


class IllegalTransition(RuntimeError):
    """The caller asked for a step that the table does not have: a bug in asyncup, not in Vault."""


def held_part_size(held: Sequence[HeldPart], size: int) -> int | None:
    """Return the part size of an upload session that holds these parts of a file of `size` bytes; None for none.

    Raises:
        UploadSessionConflict: the parts do not form the beginning of a file of that size.
    """
    if not held:
        return None
    part_size = held[0].size
    if part_size < 1 or part_size > size:
        raise UploadSessionConflict(
            f"the upload session's part 1 has {part_size} bytes, the file has {size}", hint=_NEW_SESSION
        )
    plan = Plan(size, part_size)
    _check_range(held, plan)
    return part_size


def compare_with_acknowledged(held: Sequence[HeldPart], plan: Plan, md5s: Sequence[str]) -> None:
    """Make sure that a session holds exactly the parts of a plan, each with the MD5 that was acknowledged.

    Raises:
        UploadSessionConflict: it does not; committing it would make another file.
    """
    _check_range(held, plan)
    if len(held) != plan.parts:
        raise UploadSessionConflict(
            f"the upload session holds {len(held)} parts, the file has {plan.parts}", hint=_SOMEBODY_ELSE
        )
    for part, md5 in zip(held, md5s, strict=True):
        # Where a list has no MD5s, the receipt, which had ours, is all that there is.
        if part.md5 not in (None, md5):
            raise UploadSessionConflict(
                f"the upload session's part {part.number} has MD5 {part.md5} now, {md5} was acknowledged",
                hint=_SOMEBODY_ELSE,
            )


class UploadSessionMachine:
    """One upload session, from the parts it holds at the beginning to its commit."""

    def __init__(self, plan: Plan, *, acknowledged: int = 0, leftover: Sequence[HeldPart] = ()) -> None:
        """Begin with a session that holds parts 1 to `acknowledged`, whose MD5s the caller has compared.

        `leftover` are the parts that it holds behind those, which are not trusted and will be sent again.
        """
        if not 0 <= acknowledged <= plan.parts:
            raise ValueError(f"{acknowledged} parts of {plan.parts} cannot be acknowledged")
        self.plan = plan
        self.acknowledged = acknowledged
        self._leftover = {part.number: part.md5 for part in leftover}
        self.state = self._open_or_complete()

    @property
    def next_part(self) -> Part | None:
        """The only part that may be offered, or None when Vault holds them all."""
        return self.plan.part(self.acknowledged + 1) if self.acknowledged < self.plan.parts else None

    @property
    def acknowledged_bytes(self) -> int:
        """Bytes of the file that Vault has confirmed."""
        return min(self.acknowledged * self.plan.part_size, self.plan.size)

    def offer(self, number: int) -> None:
        """A part is about to be sent. Only the next one may be.

        Raises:
            IllegalTransition: another part's turn, or another step's.
        """
        if number != self.acknowledged + 1:
            raise IllegalTransition(f"part {number} offered when {self.acknowledged} parts are acknowledged")
        self._step(Action.OFFER, State.OFFERED)

    def acknowledge(self, receipt: HeldPart, md5: str) -> None:
        """Vault answered that it holds the offered part. `md5` is ours, lower-case hex.

        Raises:
            ChecksumMismatch: it holds other bytes; the part counts as not acknowledged and may be offered again.
        """
        self._require(Action.ACKNOWLEDGE)
        part = self.plan.part(self.acknowledged + 1)
        if (receipt.number, receipt.size, receipt.md5) != (part.number, part.length, md5):
            self._step(Action.REFUSE, State.OPEN)
            raise ChecksumMismatch(
                f"Vault received part {receipt.number} with {receipt.size} bytes and MD5 {receipt.md5}, "
                f"sent was part {part.number} with {part.length} bytes and MD5 {md5}",
                hint="Something on the way to Vault changes bytes: tell the network administrators, and run it again",
            )
        self.acknowledged += 1
        self._step(Action.ACKNOWLEDGE, self._open_or_complete())

    def refuse(self) -> None:
        """Vault refused for certain, without doing what was asked."""
        self._step(Action.REFUSE, State.OPEN if self.state is State.OFFERED else State.COMPLETE)

    def doubt(self) -> None:
        """No answer, or none to rely on: Vault may have done what was asked."""
        self._step(Action.DOUBT, State.DOUBTFUL if self.state is State.OFFERED else State.COMMIT_DOUBTFUL)

    def list_parts(self, held: Sequence[HeldPart], md5: str, *, attempt: int = 1) -> bool:
        """Settle a doubt by what Vault lists. `md5` is ours for the doubtful part. Return True when Vault holds it.

        A part with another MD5 is somebody else's when it was offered once (`attempt` 1); when it was offered before,
        it may be what an earlier attempt left there, which the next one overwrites. Nor says it anything when it is
        what the session held at the beginning, or when the list has no MD5: then the part is sent again.

        Raises:
            UploadSessionConflict: the list is not what this upload alone would have made: somebody else writes.
        """
        self._require(Action.LIST_PARTS)
        part = self.plan.part(self.acknowledged + 1)
        _check_range(held, self.plan)
        if not self.acknowledged <= len(held) <= max([part.number, *self._leftover]):
            raise UploadSessionConflict(
                f"the upload session holds {len(held)} parts "
                f"where this upload sent {self.acknowledged} or {part.number}",
                hint=_SOMEBODY_ELSE,
            )
        listed = held[part.number - 1].md5 if len(held) >= part.number else None
        arrived = listed == md5
        explained = arrived or attempt > 1 or listed in (None, self._leftover.get(part.number))
        if not explained:
            raise UploadSessionConflict(
                f"the upload session's part {part.number} has MD5 {listed}, ours is {md5}", hint=_SOMEBODY_ELSE
            )
        self.acknowledged += arrived
        self._step(Action.LIST_PARTS, self._open_or_complete())
        return arrived

    def commit(self) -> None:
        """The commit is about to be sent; every part must be acknowledged."""
        self._step(Action.COMMIT, State.COMMITTING)

    def accept_commit(self) -> None:
        """Vault took the commit, or what it shows proves that it did."""
        self._step(Action.ACCEPT_COMMIT, State.COMMITTED)

    def close(self) -> None:
        """Nothing more is done with the session."""
        self._step(Action.CLOSE, State.CLOSED)

    def _open_or_complete(self) -> State:
        return State.COMPLETE if self.acknowledged == self.plan.parts else State.OPEN

    def _require(self, action: Action) -> frozenset[State]:
        allowed = TRANSITIONS.get((self.state, action))
        if allowed is None:
            raise IllegalTransition(f"cannot {action} when {self.state}")
        return allowed

    def _step(self, action: Action, state: State) -> None:
        if state not in self._require(action):
            raise IllegalTransition(f"{action} cannot lead from {self.state.name} to {state.name}")
        self.state = state


_NEW_SESSION = "Create a new upload session for this file"
_SOMEBODY_ELSE = "Somebody else writes to this upload session: create one of your own"


def _check_range(held: Iterable[HeldPart], plan: Plan) -> None:
    """Raise unless the held parts are 1, 2, 3 ... with the plan's lengths."""
    for expected, part in enumerate(held, start=1):
        if part.number != expected:
            raise UploadSessionConflict(
                f"the upload session holds part {part.number} where part {expected} was expected", hint=_NEW_SESSION
            )
        if expected > plan.parts or part.size != plan.part(expected).length:
            raise UploadSessionConflict(
                f"the upload session's part {expected} has {part.size} bytes, which does not fit this file",
                hint=_NEW_SESSION,
            )
