"""When jobs are asked about: soon at first, in rounds together, and never twice in 10 s by themselves."""

from hypothesis import given, strategies as st

from asyncup.bulk.jobs.schedule import JobSchedule


def test_one_job_is_asked_about_after_a_second_and_then_every_ten() -> None:
    schedule = JobSchedule(10.0)
    assert schedule.next_s() is None
    schedule.add(7, 100.0)
    asked = []
    for _ in range(3):
        now_s = schedule.next_s()
        assert now_s is not None
        assert schedule.due(now_s) == [7]
        assert schedule.may_ask(7, now_s)
        schedule.asked(7, now_s)
        asked.append(now_s)
    assert asked == [101.0, 111.0, 121.0]
    assert not schedule.may_ask(7, 130.9)


def test_many_jobs_are_looked_for_together() -> None:
    schedule = JobSchedule(10.0)
    schedule.add(1, 100.0)
    schedule.add(2, 100.5)
    assert schedule.due(100.9) == []
    assert schedule.due(101.0) == [1, 2]
    schedule.looked(101.0)
    assert schedule.next_s() == 106.0
    schedule.add(3, 105.5)
    assert schedule.due(106.0) == [1, 2, 3]
    schedule.remove(2)
    schedule.remove(2)
    assert len(schedule) == 2
    assert schedule.overdue(6.0, 106.0) == [1]


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "round"]), st.integers(1, 5)), max_size=60))
def test_no_job_is_ever_asked_about_twice_within_its_interval(steps: list[tuple[str, int]]) -> None:
    schedule, now_s, asked = JobSchedule(10.0), 0.0, dict[int, float]()
    for step, job_id in steps:
        now_s += 0.7
        if step == "add":
            schedule.add(job_id, now_s)
        elif step == "remove":
            schedule.remove(job_id)
        else:
            next_s = schedule.next_s()
            now_s = max(now_s, next_s or 0.0)
            for due in schedule.due(now_s):
                if schedule.may_ask(due, now_s):
                    assert now_s >= asked.get(due, -10.0) + 10.0
                    schedule.asked(due, now_s)
                    asked[due] = now_s
            schedule.looked(now_s)
