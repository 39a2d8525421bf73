"""The comparison with the documents sees every kind of difference."""

import copy
from typing import Any

import pytest

from tests.foreign.shapes import COMMITTED, ITEMS, LOGGED_IN, PARTS, VERSIONS, differences

GOOD: list[tuple[object, dict[str, Any]]] = [
    (COMMITTED, {"responseStatus": "SUCCESS", "data": {"job_id": 100954}}),
    (
        PARTS,
        {
            "responseStatus": "SUCCESS",
            "data": [{"size": 5, "part_number": 1, "part_content_md5": "d6762077325b9ec3b75ada3b269e17d3"}],
        },
    ),
    (
        ITEMS,
        {
            "responseStatus": "SUCCESS",
            "data": [
                {"kind": "folder", "path": "/a", "name": "a"},
                {
                    "kind": "file",
                    "path": "/a/b",
                    "name": "b",
                    "size": 5,
                    "modified_date": "2020-10-07T16:28:38.000Z",
                },
            ],
        },
    ),
    (VERSIONS, {"responseStatus": "SUCCESS", "values": {"v26.2": "https://v/api/v26.2"}}),
]
OTHERS: tuple[object, ...] = (None, [], {}, True, 1.5, "", "\n")


@pytest.mark.parametrize(("shape", "answer"), GOOD)
def test_the_samples_have_their_shapes(shape: object, answer: dict[str, Any]) -> None:
    assert differences(answer, shape) == []


@pytest.mark.parametrize(("shape", "answer"), GOOD)
def test_every_field_that_is_missing_changed_or_added_is_seen(shape: object, answer: dict[str, Any]) -> None:
    places = list(objects(answer))
    assert places
    for number, place in enumerate(places):
        for name in place:
            for other in OTHERS:
                changed = copy.deepcopy(answer)
                list(objects(changed))[number][name] = other
                assert differences(changed, shape) != [], (name, other)
            changed = copy.deepcopy(answer)
            del list(objects(changed))[number][name]
            assert differences(changed, shape) != [], name
        changed = copy.deepcopy(answer)
        list(objects(changed))[number]["more"] = 1
        assert differences(changed, shape) != []


def test_an_answer_that_is_no_object_is_seen() -> None:
    for answer in OTHERS:
        assert differences(answer, LOGGED_IN) != []


def objects(value: object) -> Any:  # noqa: ANN401 - an iterator of whatever is in JSON
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    if isinstance(value, list):
        for inner in value:
            yield from objects(inner)
