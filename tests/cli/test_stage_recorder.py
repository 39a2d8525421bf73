"""Stage times out of events, with a clock that the test sets."""

from asyncup.cli.stage_recorder import StageRecorder
from asyncup.events import BufferKind, Event, PartAcknowledged, Stage, StageEntered, UploadStarted


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def started() -> Event:
    return UploadStarted("f", "s", 20, 2, 10, 0, 0, BufferKind.COPIED)


def acknowledged(part: int) -> Event:
    return PartAcknowledged("f", part, 10, "", part * 10)


def play(recorder: StageRecorder, clock: Clock, upload: int, *steps: tuple[float, Event]) -> None:
    hook = recorder.hook(upload)
    for at_s, event in steps:
        clock.now_s = at_s
        hook(event)


def test_the_stages_between_the_plan_and_the_last_acknowledgement_add_up() -> None:
    recorder = StageRecorder(clock := Clock())
    play(
        recorder,
        clock,
        1,
        (0.0, StageEntered("f", Stage.VAULT)),
        (5.0, started()),  # what was before does not count
        (5.5, StageEntered("f", Stage.DISK)),
        (6.0, StageEntered("f", Stage.HASH)),
        (7.0, StageEntered("f", Stage.WIRE)),
        (9.0, StageEntered("f", Stage.VAULT)),
        (12.0, acknowledged(1)),
        (12.0, StageEntered("f", Stage.WIRE)),
        (13.0, acknowledged(2)),
        (13.0, StageEntered("f", Stage.VAULT)),
        (99.0, StageEntered("f", Stage.DISK)),  # nor does what comes after
    )
    assert recorder.waits_s == {Stage.DISK: 0.5, Stage.HASH: 1.0, Stage.WIRE: 3.0, Stage.VAULT: 3.5}
    assert recorder.elapsed_s == sum(recorder.waits_s.values()) == 8.0
    assert recorder.part_size == 10


def test_uploads_at_once_are_added() -> None:
    recorder = StageRecorder(clock := Clock())
    play(recorder, clock, 1, (0.0, started()), (1.0, StageEntered("f", Stage.WIRE)))
    play(recorder, clock, 2, (2.0, started()), (2.0, StageEntered("f", Stage.WIRE)))
    play(recorder, clock, 1, (4.0, acknowledged(1)))
    play(recorder, clock, 2, (6.0, acknowledged(1)))
    assert recorder.waits_s == {Stage.DISK: 0, Stage.HASH: 0, Stage.WIRE: 3.0 + 4.0, Stage.VAULT: 1.0}
    assert recorder.elapsed_s == 6.0


def test_nothing_seen_is_no_time() -> None:
    assert StageRecorder(Clock()).elapsed_s == 0.0
