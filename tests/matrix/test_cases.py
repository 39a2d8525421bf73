"""The matrix has no hole: every kind of fault, every request that an upload makes, every part that matters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from asyncup.emulator import Do, Endpoint
from asyncup.emulator.fault_places import can_happen
from tests.matrix.cases import PARTS, PLACES, Case, Place, Shape, cases
from tests.matrix.trial import requests_of

ALL = [case for do in Do for endless in (False, True) for case in cases(do, endless=endless)]


def test_no_case_is_there_twice() -> None:
    assert max(Counter(map(str, ALL)).values()) == 1
    assert len(ALL) > 1000


@pytest.mark.parametrize("shape", PLACES)
async def test_every_request_that_an_upload_makes_is_a_place(shape: Shape, memory_folder: Path) -> None:
    """Also those that are made only after something else went wrong."""
    places = {place.endpoint for places in PLACES.values() for place in places}
    for number, after in enumerate(dict.fromkeys(place.after for place in PLACES[shape])):
        asked = await requests_of(shape, after, memory_folder / str(number))
        assert {endpoint for endpoint, _ in asked} <= places
        assert {place.endpoint for place in PLACES[shape] if place.after == after} <= {each for each, _ in asked}


def test_every_kind_of_fault_is_tried_wherever_it_can_happen() -> None:
    everywhere = {place.endpoint for places in PLACES.values() for place in places}
    for endless in (False, True):
        tried = {(case.fault.do, case.place.endpoint) for case in ALL if case.is_endless is endless}
        assert tried == {(do, endpoint) for do in Do for endpoint in everywhere if can_happen(do, endpoint)}
        assert {do for do, _ in tried} == {*Do}


@pytest.mark.parametrize("content_md5", ["auto", "off", "base64"])
def test_a_byte_is_changed_in_the_first_a_middle_and_the_last_part_and_in_a_small_file(content_md5: str) -> None:
    for do in (Do.FLIP_BYTE, Do.FLIP_STORED):
        found = {
            (case.shape, case.place.part)
            for case in ALL
            if case.fault.do is do and case.content_md5 == content_md5 and case.place.endpoint != Endpoint.DOWNLOAD
        }
        assert found >= {("small", None), ("single", 1), ("many", 1), ("many", 3), ("many", PARTS)}


def test_a_case_says_what_it_is() -> None:
    place = Place(Endpoint.PUT_PART, part=3)
    [case] = [case for case in cases(Do.HANG, endless=False) if (case.shape, case.place) == ("many", place)]
    assert isinstance(case, Case)
    assert str(case) == "many, put_part 3: put_part,part=3:hang"
