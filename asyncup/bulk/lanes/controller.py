"""How many files are sent at once: a pure controller that learns the number from what comes of it.

Theory. A lane is busy with the wire for part of the time, and waits for Vault, the disk or a job for the rest. With N
lanes, work per second X grows with N until some resource is full (the link, a rate limit, the disk), and stays level
from there on: a closed queueing network. What is wanted is the knee and a little more, because lanes do not arrive
evenly. Too many lanes cost only memory, upload sessions and other people's patience; too few cost the whole run, so
every doubt is decided for more.

*Gain.* Two levels (N, X) are compared by their elasticity, d log X / d log N: near 1 the lanes are free of each other,
near 0 they queue. No rate, latency or kind of file enters into it.

*Little's law.* The best work per second that one lane has shown (alone, when it can be seen) times N is what N lanes
would do without queueing. So X divided by it is the number of lanes in service at once; the rest queue. This is the
gradient of latency-based limiters, measured where it matters. `needed` is twice that and two more, which fills a shared
link to more than 0.95 even where lanes keep step with each other. Above it, more lanes are only kept when the gain is
nearly proportional: on a link shared with another run, more lanes mean a larger share, and two runs that fight for
shares would both end at their maximum.

*Ramp.* Doubling, epoch by epoch, while it pays. It ends with the first epoch that gains little, at the number that
Little's law names between the last two. *Steady.* From then on, at growing intervals, a few more and a few fewer are
tried for an epoch; fewer are kept only when nothing at all is lost against the best that was seen (a record that
fades, so that a noisy link or many small losses cannot add up to a collapse). Whenever X itself falls, more are tried
at once: either a lane does less than it did, and more are needed, or there is less to be had, and the record ends.

*Trouble.* When calls fail because the Vault is away or busy, the lanes shrink by half or by a third per epoch, never
below two (one lane that pauses for a minute would not notice the end of an outage). After an outage a new ramp begins;
after refusals by a busy Vault lanes grow by one at a time above two thirds of the number that was refused.
A few single failures are a bad network, not a busy Vault, and change nothing.

*Bounds.* `--lanes`, memory and upload sessions cap the number at any time, and so does the burst limit once somebody
else uses the Vault too (`burst_share`): lanes in proportion to the calls that remain for us. While there is less to do
than there are lanes, nothing is learned.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field, replace

from asyncup.bulk.lanes.burst_share import BurstShare
from asyncup.bulk.lanes.sample import Bounds, Epoch, LaneSample, Level

__all__ = ["DEFAULT_START", "Bounds", "ControllerState", "LaneSample", "Phase", "decide", "start"]

DEFAULT_START = 4

_FEWEST = 2
_HEADROOM, _SPARE = 2.0, 2
_SURE = 0.8
"""Below this share of the lanes that Little's law names, more are tried without patience."""
_LEAST_HEADROOM, _LEAST_SPARE = 1.2, 1
_FREE_RAMP = 4
"""Fewer lanes than this finish so few calls in an epoch that chance decides what it shows."""
_RAMP_GAIN = 0.6
"""Elasticity that keeps the ramp going, and that more lanes than Little's law names must show."""
_MORE_GAIN = 0.0
_LEAST_GAIN = 0.2
_FEWER_LOSS = 0.03
_DROP = 0.15
"""How far X may fall below the record before that is no noise any more."""
_FADE = 0.02
_LANE_FADE = 0.005
_LONG_TRIAL = 2
"""Fewer lanes are given so many epochs to show a loss."""
_TELLING_CALLS = 8
"""One lane's record is taken from epochs with so many calls: in fewer, chance decides."""
_QUEUEING = 1.15
"""A lane that once did so many times what it does now shows that the lanes queue."""
_SOON = 2
_GROW, _GROW_AFTER_FALL, _SHRINK = 1.3, 1.5, 0.75
_FIRST_PATIENCE, _LONGEST_PATIENCE = 4, 16
_TROUBLE_SHARE, _AWAY_SHARE = 0.1, 0.5
_FEW_FAILURES = 2
_IDLE_SHARE = 0.85
_CLEAN_EPOCHS = 30


class Phase(enum.Enum):
    """What the present epoch is for."""

    RAMP = "ramp"
    STEADY = "steady"
    MORE = "trying more"
    FEWER = "trying fewer"


@dataclass(frozen=True, slots=True)
class ControllerState:
    """What the controller remembers. `start` makes one.

    Attributes:
        lanes: how many it wants, before bounds and the burst limit.
        phase: what the present epoch is for.
        epoch: what was measured in it.
        level: the last level that was settled on; None before the first.
        record: the best work per second of late; fades.
        lane_record: the best work per second of one lane of late; fades.
        patience: epochs between two tries.
        waited: epochs since the last try.
        threshold: above it lanes grow one by one, because more were refused.
        clean: epochs without trouble.
        burst: what is known of the burst limit.
    """

    lanes: int
    phase: Phase = Phase.RAMP
    epoch: Epoch = field(default_factory=Epoch)
    level: Level | None = None
    record: float = 0.0
    lane_record: float = 0.0
    patience: int = _FIRST_PATIENCE
    waited: int = 0
    tried_fewer: bool = False
    threshold: float = math.inf
    clean: int = 0
    burst: BurstShare = field(default_factory=BurstShare)

    def needed(self, work_per_s: float) -> float:
        """Return the lanes that Little's law names for this much work."""
        return _HEADROOM * work_per_s / self.lane_record + _SPARE if self.lane_record else math.inf


def start(lanes: int = DEFAULT_START) -> ControllerState:
    """Return the state to begin with."""
    return ControllerState(max(1, lanes))


def decide(state: ControllerState, sample: LaneSample, bounds: Bounds) -> tuple[ControllerState, int]:
    """Take one sample in; return the new state and how many lanes there should be now.

    Lanes above that number may end their file first: what counts is how many were busy.
    """
    cap = bounds.cap
    state = replace(
        state, burst=state.burst.observe(sample), epoch=state.epoch.add(sample), lanes=min(state.lanes, cap)
    )
    if _in_trouble(state.epoch):
        state = _back_off(state, sample.at_s)
    elif state.epoch.is_enough(_LONG_TRIAL if state.phase is Phase.FEWER else 1):
        state = _judge(state, sample.at_s, cap)
    state = replace(state, lanes=max(1, min(state.lanes, cap)))
    return state, min(state.lanes, _allowed_by_burst(state, sample))


def _judge(state: ControllerState, now_s: float, cap: int) -> ControllerState:
    level = state.epoch.level
    one_lane = level.lane_work_per_s if state.epoch.calls >= _TELLING_CALLS else 0.0
    state = replace(
        state,
        clean=state.clean + 1,
        threshold=math.inf if state.clean >= _CLEAN_EPOCHS else state.threshold,
        record=max(state.record * (1 - _FADE), level.work_per_s),
        lane_record=max(state.lane_record * (1 - _LANE_FADE), one_lane),
    )
    if level.lanes < _IDLE_SHARE * state.lanes and level.lanes < state.lanes - 1:
        return replace(state, epoch=state.epoch.next())
    if state.phase is Phase.RAMP:
        return _ramp(state, level, now_s, cap)
    if state.phase is Phase.MORE:
        return _after_more(state, level, now_s)
    if state.phase is Phase.FEWER:
        return _after_fewer(state, level, now_s)
    return _steady(state, level, now_s, cap)


def _ramp(state: ControllerState, level: Level, now_s: float, cap: int) -> ControllerState:
    before = state.level
    pays = before is None or state.lanes <= _FREE_RAMP or _elasticity(before, level) >= _RAMP_GAIN
    if pays and state.lanes < cap and state.lanes < state.threshold:
        return _move(replace(state, level=level), Phase.RAMP, min(max(2 * state.lanes, _FREE_RAMP), cap), now_s)
    if pays or before is None:
        return _settle(state, level, state.lanes, now_s)
    needed = math.ceil(min(state.needed(level.work_per_s), state.lanes))
    lanes = min(max(needed, round(before.lanes)), state.lanes)
    return _settle(state, level, lanes, now_s)


def _steady(state: ControllerState, level: Level, now_s: float, cap: int) -> ControllerState:
    before = state.level or level
    other_times = abs(level.work_per_s - before.work_per_s) > _DROP * before.work_per_s
    known = level if other_times else Level(level.lanes, (before.work_per_s + level.work_per_s) / 2)
    state = replace(state, level=known, waited=state.waited + 1, epoch=state.epoch.next())
    fell = _has_fallen(state, known)
    named = min(cap, state.threshold, _SURE * state.needed(known.work_per_s))
    surely_more = _queueing_seen(state, known) and state.lanes < named
    too_few = fell or surely_more
    if state.waited < (_SOON if too_few else state.patience):
        return state
    more = too_few or state.tried_fewer or state.lanes <= 1
    state = replace(state, tried_fewer=not more)
    if more and state.lanes < cap:
        grown = state.lanes * (_GROW_AFTER_FALL if fell else _GROW)
        step = 1 if state.lanes >= state.threshold else max(1, math.ceil(grown) - state.lanes)
        return _move(state, Phase.MORE, state.lanes + step, now_s)
    if fell:
        # Nothing can be added: this is what there is now.
        return replace(state, record=known.work_per_s, waited=0)
    fewer = max(math.floor(state.lanes * _SHRINK), _least(state, known))
    if fewer < state.lanes:
        return _move(state, Phase.FEWER, fewer, now_s)
    return replace(state, waited=0)


def _least(state: ControllerState, level: Level) -> int:
    """Return the fewest lanes worth trying: what Little's law names, where queueing has been seen at all."""
    if not _queueing_seen(state, level):
        return 1
    return math.ceil(_LEAST_HEADROOM * level.work_per_s / state.lane_record + _LEAST_SPARE)


def _queueing_seen(state: ControllerState, level: Level) -> bool:
    return state.lane_record >= _QUEUEING * level.lane_work_per_s > 0


def _after_more(state: ControllerState, level: Level, now_s: float) -> ControllerState:
    before = state.level or level
    gain = _elasticity(before, level)
    if gain > 0 and _has_fallen(state, before):
        # One lane does less than it did. How much it would do now without queueing is what the gain says.
        lane_record = min(state.lane_record, level.lane_work_per_s / max(gain, _LEAST_GAIN))
        state = replace(state, lane_record=lane_record)
    if gain >= _RAMP_GAIN:
        # The lanes do not queue: what one lane did in better times says nothing of these.
        state = replace(state, lane_record=level.lane_work_per_s, patience=_FIRST_PATIENCE)
        return _move(replace(state, level=level), Phase.RAMP, state.lanes, now_s)
    if gain >= _MORE_GAIN and state.lanes <= state.needed(level.work_per_s):
        return _settle(replace(state, patience=_FIRST_PATIENCE), level, state.lanes, now_s)
    # What was there before is all there is, also where the record says that there was more once.
    return _return(replace(state, record=max(before.work_per_s, level.work_per_s)), before, now_s)


def _has_fallen(state: ControllerState, level: Level) -> bool:
    return level.work_per_s < (1 - _DROP) * state.record


def _after_fewer(state: ControllerState, level: Level, now_s: float) -> ControllerState:
    before = state.level or level
    if level.work_per_s >= (1 - _FEWER_LOSS) * state.record:
        return _settle(replace(state, patience=_FIRST_PATIENCE), level, state.lanes, now_s)
    return _return(state, before, now_s)


def _return(state: ControllerState, before: Level, now_s: float) -> ControllerState:
    patience = min(2 * state.patience, _LONGEST_PATIENCE)
    return _settle(replace(state, patience=patience), before, max(1, round(before.lanes)), now_s)


def _settle(state: ControllerState, level: Level, lanes: int, now_s: float) -> ControllerState:
    return _move(replace(state, level=level, waited=0), Phase.STEADY, lanes, now_s)


def _move(state: ControllerState, phase: Phase, lanes: int, now_s: float) -> ControllerState:
    epoch = state.epoch.next() if lanes == state.lanes else state.epoch.after_change(now_s)
    return replace(state, phase=phase, lanes=lanes, epoch=epoch)


def _in_trouble(epoch: Epoch) -> bool:
    return epoch.trouble > _FEW_FAILURES and epoch.trouble_share >= _TROUBLE_SHARE


def _back_off(state: ControllerState, now_s: float) -> ControllerState:
    away = state.epoch.trouble_share >= _AWAY_SHARE
    lanes = max(_FEWEST, math.floor(state.lanes * (1 / 2 if away else 2 / 3)))
    lanes = min(lanes, state.lanes)
    return replace(
        state,
        phase=Phase.RAMP if away else Phase.STEADY,
        lanes=lanes,
        epoch=state.epoch.after_change(now_s),
        level=None,
        record=0.0,
        threshold=state.threshold if away else lanes,
        clean=0,
        waited=0,
        patience=_FIRST_PATIENCE,
        tried_fewer=True,
    )


def _elasticity(before: Level, after: Level) -> float:
    if min(before.work_per_s, after.work_per_s, before.lanes, after.lanes) <= 0:
        return 1.0 if after.work_per_s > before.work_per_s else 0.0
    grown = math.log(after.lanes / before.lanes)
    return math.log(after.work_per_s / before.work_per_s) / grown if abs(grown) > 1e-6 else 0.0  # noqa: PLR2004


def _allowed_by_burst(state: ControllerState, sample: LaneSample) -> int:
    allowed = state.burst.calls_per_s(sample.at_s, sample.burst_limit)
    if allowed is None or state.burst.ours_per_s <= allowed:
        return state.lanes
    return max(1, math.floor(sample.busy_lanes * allowed / state.burst.ours_per_s))
