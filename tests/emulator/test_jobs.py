"""Jobs in time, and who may ask how often."""

import pytest

from asyncup.emulator import Switches, User
from asyncup.emulator.jobs import DeleteItem, Job, JobBook, ListToCsv, MoveItem
from asyncup.emulator.refusal import Refusal

OWNER, OTHER = User("a", "p", 1, "member"), User("b", "p", 2, "member")


def book(**changes: object) -> tuple[JobBook, Job]:
    switches = Switches(job_queued_s=1.0, job_duration_s=3.0, **changes)  # type: ignore[arg-type]
    jobs = JobBook(switches)
    return jobs, jobs.add(DeleteItem("/a", recursive=False), "DELETE", OWNER.id, 100.0)


def test_queued_then_running_until_it_is_done() -> None:
    _, job = book()
    assert [job.status(now) for now in (100.0, 100.9, 101.0, 103.0)] == [
        "QUEUED", "QUEUED", "RUNNING", "RUNNING",
    ]  # fmt: skip
    job.outcome = "SUCCESS"
    assert job.status(103.0) == "RUNNING"
    job.end("SUCCESS")
    assert job.status(103.0) == "SUCCESS"


def test_asking_twice_within_10_seconds_is_too_often() -> None:
    jobs, job = book()
    jobs.ask(job.id, OWNER, 100.0)
    with pytest.raises(Refusal, match="API_LIMIT_EXCEEDED"):
        jobs.ask(job.id, OWNER, 109.9)
    assert jobs.ask(job.id, OWNER, 110.0) is job


def test_the_limit_is_for_each_job() -> None:
    jobs, job = book()
    other = jobs.add(MoveItem("/a", "/b"), "PUT", OWNER.id, 100.0)
    assert {jobs.ask(each.id, OWNER, 100.0).id for each in (job, other)} == {job.id, other.id}


def test_the_limit_may_be_off() -> None:
    jobs, job = book(job_poll_min_s=0)
    assert jobs.ask(job.id, OWNER, 100.0) is jobs.ask(job.id, OWNER, 100.0)


def test_others_may_or_may_not_see_a_job() -> None:
    jobs, job = book()
    assert jobs.find(job.id, OTHER) is job
    jobs, job = book(job_visible_to="owner")
    assert jobs.find(job.id, OWNER) is jobs.find(job.id, User()) is job
    with pytest.raises(Refusal):
        jobs.find(job.id, OTHER)
    with pytest.raises(Refusal):
        jobs.find(job.id + 1, OWNER)


def test_only_a_queued_job_can_be_cancelled() -> None:
    jobs, job = book()
    with pytest.raises(Refusal, match=r"is not found in QUEUED or QUEUEING state"):
        jobs.cancel(job.id, OWNER, 102.0)
    jobs.cancel(job.id, OWNER, 100.5)
    assert job.status(200.0) == "CANCELLED"
    with pytest.raises(Refusal):
        jobs.cancel(job.id, OWNER, 100.6)


def test_ended_and_pending() -> None:
    jobs, job = book()
    newer = jobs.add(ListToCsv("/", recursive=True, viewer=1), "GET", OTHER.id, 100.0)
    assert jobs.all(OWNER, ended=False) == [newer, job]
    newer.end("SUCCESS")
    assert jobs.all(OWNER, ended=True) == [newer]
    assert list(jobs.pending()) == [job]


def test_what_a_job_changes() -> None:
    jobs, job = book()
    assert job.touches() == ("/a",)
    assert jobs.add(MoveItem("/a", "/b"), "PUT", 1, 0.0).touches() == ("/a", "/b")
    assert jobs.add(ListToCsv("/", recursive=True, viewer=1), "GET", 1, 0.0).touches() == ()


def test_ids_go_on_after_a_restart() -> None:
    jobs, job = book()
    job.id = 200_000
    jobs.restore(job)
    assert jobs.add(MoveItem("/a", "/b"), "PUT", 1, 0.0).id == 200_001
