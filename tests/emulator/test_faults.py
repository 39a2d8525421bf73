"""Fault scripts: their text form, and which request they strike."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator import Do, Endpoint, Fault, FaultScript, parse_fault
from asyncup.emulator.fault_places import PLACES as PLACES_OF_FAULTS, can_happen

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLACES = [
    (do, endpoint, part)
    for do in Do
    for endpoint in ("any", "put_part", "commit")
    for part in (None, 3)
    if (endpoint == "any" or can_happen(do, endpoint)) and (part is None or endpoint != "commit")
]


def fault_at(place: tuple[Do, str, int | None], **settings: Any) -> Fault:  # noqa: ANN401 - a fault's own
    do, endpoint, part = place
    return Fault(do=do, endpoint=endpoint, part=part, **settings)


FAULTS = st.builds(
    fault_at,
    st.sampled_from(PLACES),
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
        "job:job-fails",
        "list_parts:flip-byte",
        "auth:expire-login",
        "create_session:lose-session",
        "commit:slow-read",
        "commit,part=3:status",
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


@pytest.mark.parametrize("do", Do)
def test_a_fault_at_any_endpoint_passes_over_those_where_it_changes_nothing(do: Do) -> None:
    places = [endpoint for endpoint in Endpoint if can_happen(do, endpoint)]
    assert places
    script = FaultScript([Fault(do=do, times=0)])
    assert [endpoint for endpoint in Endpoint if script.strike(endpoint, None)] == places
    for endpoint in Endpoint:
        if endpoint in places:
            Fault(do=do, endpoint=endpoint)
        else:
            with pytest.raises(ValueError, match="changes nothing"):
                Fault(do=do, endpoint=endpoint)


def test_what_is_said_of_places_is_said_of_faults() -> None:
    assert {*Do} > PLACES_OF_FAULTS.keys()


def test_what_never_struck_is_an_error() -> None:
    script = FaultScript()
    script.check_consumed()
    script.add(parse_fault("commit:reset-after"))
    with pytest.raises(AssertionError, match="commit:reset-after"):
        script.check_consumed()
