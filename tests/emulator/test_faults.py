"""Fault scripts: their text form, and which request they strike."""

from dataclasses import fields

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator import Do, Fault, FaultScript, parse_fault

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FAULTS = st.builds(
    Fault,
    do=st.sampled_from(Do),
    endpoint=st.sampled_from(["any", "put_part", "commit"]),
    part=st.none() | st.integers(1, 9),
    nth=st.integers(1, 9),
    times=st.integers(0, 9),
    status=st.integers(0, 599),
    error_type=TEXTS,
    message=TEXTS,
    seconds=st.floats(0, 9),
    at=st.integers(0, 9),
    rate=st.integers(1, 9),
    body=TEXTS,
    location=TEXTS,
    retry_after=TEXTS,
    downtime_minutes=st.integers(0, 9),
)


@given(FAULTS)
def test_the_text_form_is_read_back(fault: Fault) -> None:
    assert parse_fault(str(fault)) == fault


def test_the_documented_example() -> None:
    fault = parse_fault("put_part,part=3,nth=2:status,status=503,retry-after=1")
    assert fault == Fault(do=Do.STATUS, endpoint="put_part", part=3, nth=2, status=503, retry_after="1")
    assert str(fault) == "put_part,part=3,nth=2:status,status=503,retry_after=1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "put_part",
        "put_part:nonsense",
        "put_part,part:status",
        "put_part,part=x:status",
        "any:status,nonsense=1",
        "any:status,do=delay",
        "putpart:status",
        "any,nth=0:status",
        "any:slow-read,rate=0",
    ],
)
def test_what_is_no_fault(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_every_kind_of_fault_says_what_it_does() -> None:
    assert len(Do) > 20
    assert {field.name for field in fields(Fault)} >= {"do", "endpoint", "part", "nth"}


def test_the_nth_match_is_struck() -> None:
    script = FaultScript([Fault(do=Do.STATUS, endpoint="put_part", part=2, nth=2)])
    asked = [("put_part", 1), ("commit", None), ("put_part", 2), ("put_part", 2), ("put_part", 2)]
    struck = [script.strike(endpoint, part) is not None for endpoint, part in asked]
    assert struck == [False, False, False, True, False]


def test_faults_count_on_their_own_and_the_first_due_strikes() -> None:
    first, second = Fault(do=Do.STATUS, nth=2), Fault(do=Do.DELAY, nth=1, times=3)
    script = FaultScript([first, second])
    assert [script.strike("any", None) for _ in range(4)] == [second, first, second, None]
    assert script.struck == [second, first, second]
    assert script.left == [second]


def test_for_ever() -> None:
    fault = Fault(do=Do.DELAY, nth=2, times=0)
    script = FaultScript([fault])
    assert [script.strike("job", None) for _ in range(4)] == [None, fault, fault, fault]
    script.check_consumed()


def test_what_never_struck_is_an_error() -> None:
    script = FaultScript()
    script.check_consumed()
    script.add(parse_fault("commit:reset-after"))
    with pytest.raises(AssertionError, match="commit:reset-after"):
        script.check_consumed()
