"""What a `Progress` shows after the events of an upload."""

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from asyncup import events
from asyncup.cli.progress import Progress
from asyncup.events import BufferKind, Event, Stage

PATH = "video.mp4"


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(size: int = 1000, *, resumed: int = 0) -> events.UploadStarted:
    return events.UploadStarted(
        path=PATH,
        session_id="s1",
        size=size,
        parts=10,
        part_size=100,
        resumed_parts=resumed,
        resumed_bytes=100 * resumed,
        buffers=BufferKind.MAPPED,
    )


def acknowledged(part: int, total: int) -> events.PartAcknowledged:
    return events.PartAcknowledged(PATH, part, 100, "0" * 32, total)


def fed(given_events: Iterable[Event], clock: FakeClock | None = None) -> Progress:
    progress = Progress(PATH, clock=clock or FakeClock())
    for event in given_events:
        progress(event)
    return progress


def test_before_the_plan_is_made_it_says_what_is_waited_for() -> None:
    view = fed([]).view()
    assert (view.size, view.acknowledged, view.share) == (None, 0, 0.0)
    assert view.line() == "video.mp4: waiting for Vault"


def test_the_line_has_bytes_percentage_rate_part_and_what_is_waited_for() -> None:
    clock = FakeClock()
    progress = fed([started(1_000_000_000)], clock)
    clock.now += 2
    progress(events.PartStarted(PATH, 4, 100, 1))
    progress(events.StageEntered(PATH, Stage.WIRE))
    progress(acknowledged(3, 300_000_000))
    assert progress.view().line() == ("video.mp4: 300.0 MB of 1.0 GB, 30 %, 150.0 MB/s, part 4 of 10, waiting for wire")


def test_resumed_bytes_count_for_the_share_and_not_for_the_rate() -> None:
    clock = FakeClock()
    progress = fed([started(resumed=5)], clock)
    clock.now += 1
    progress(acknowledged(6, 600))
    view = progress.view()
    assert (view.acknowledged, view.share, view.rate) == (600, 0.6, 100.0)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = FakeClock()
    progress = fed([started(100_000)], clock)
    for second in range(1, 101):
        clock.now += 1
        progress(acknowledged(second, second * 10 if second <= 50 else 500 + (second - 50) * 100))
    assert progress.view().rate == pytest.approx(100.0)
    clock.now += 85
    assert progress.view().rate == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("stage", "words"),
    [(Stage.DISK, "disk"), (Stage.HASH, "hash"), (Stage.WIRE, "wire"), (Stage.VAULT, "Vault")],
)
def test_every_stage_has_its_word(stage: Stage, words: str) -> None:
    assert fed([started(), events.StageEntered(PATH, stage)]).view().waits_for == words


def test_a_retry_is_shown_until_the_part_is_on_its_way_again() -> None:
    progress = fed([started(), events.RetryScheduled("uploading a part", 1, 2.5, "reset", PATH, 3)])
    assert progress.view().waits_for == "attempt 2, in 2.5 s, after: reset"
    progress(events.PartStarted(PATH, 3, 100, 2))
    assert progress.view().waits_for == "Vault"


def test_a_job_is_shown_with_its_status() -> None:
    progress = fed([started(), events.JobStatusSeen(PATH, 12, "RUNNING")])
    assert progress.view().waits_for == "Vault's job 12: RUNNING"
    assert progress.job_id == 12


def test_the_time_of_sending_ends_with_the_last_part() -> None:
    clock = FakeClock()
    progress = fed([started()], clock)
    clock.now += 3
    progress(acknowledged(10, 1000))
    clock.now += 5
    progress(events.JobStatusSeen(PATH, 12, "SUCCESS"))
    assert progress.sending_s == 3


def test_the_session_is_known_as_long_as_it_can_be_resumed() -> None:
    progress = fed([events.UploadSessionOpened(PATH, "s1", created=True)])
    assert progress.session_id == "s1"
    progress(events.UploadFinished(PATH, 1000, 1.0, 0.1, 0.2, 0.3, 0.4))
    assert progress.session_id is None


def test_the_kinds_of_buffers_are_kept_in_order() -> None:
    changed = events.BuffersChanged(PATH, BufferKind.COPIED, 0, 0.1)
    assert fed([started(), changed]).buffers == [BufferKind.MAPPED, BufferKind.COPIED]


@given(st.lists(st.integers(min_value=1, max_value=100), max_size=40))
def test_the_share_never_falls_and_never_passes_the_whole(lengths: list[int]) -> None:
    total = sum(lengths)
    progress = fed([started(total)])
    shares = [progress.view().share]
    sent = 0
    for number, length in enumerate(lengths, start=1):
        sent += length
        progress(events.BytesWritten(PATH, number, length, sent * 3))
        progress(acknowledged(number, sent))
        shares.append(progress.view().share)
    assert shares == sorted(shares)
    assert shares[-1] == (1.0 if total else 0.0)


# -- what is said beside the progress


def opened(*, created: bool) -> events.UploadSessionOpened:
    return events.UploadSessionOpened(PATH, "s1", created=created)


@pytest.mark.parametrize(
    ("finds_sessions", "created", "said"),
    [
        (True, False, [f"{PATH}: continuing upload session s1: 3 of 10 parts are in Vault already"]),
        (True, True, []),
        (False, False, []),
    ],
)
def test_a_session_that_the_user_did_not_name_is_told(finds_sessions: bool, created: bool, said: list[str]) -> None:
    progress = Progress(PATH, finds_sessions=finds_sessions)
    progress(opened(created=created))
    assert list(progress.notices()) == []
    progress(started(resumed=3))
    assert list(progress.notices()) == said
    assert list(progress.notices()) == [], "once"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (events.UnfinishedSessionSeen(PATH, "s7", aborted=True), ["aborted", "s7"]),
        (events.UnfinishedSessionSeen(PATH, "s7", aborted=False), ["s7", "left alone", "--restart"]),
        (events.SourceTouched(PATH, "its attributes were changed"), ["its attributes were changed; going on"]),
    ],
)
def test_what_is_out_of_the_ordinary_is_told(event: Event, words: list[str]) -> None:
    progress = Progress(PATH)
    progress(event)
    [line] = progress.notices()
    assert line.startswith(f"{PATH}: ")
    assert all(word in line for word in words)
