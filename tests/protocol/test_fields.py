"""Fields of any JSON: a value of the right type, or nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, strategies as st

from asyncup.protocol.fields import moment, rows, text, whole
from tests.protocol.json_answers import JSON, ROW


@given(JSON | ROW)
@example("9" * 5000)
@example(10**5000)
@example(True)
@example(1.0)
def test_any_value_is_of_the_type_or_nothing(value: object) -> None:
    number = whole(value)
    assert number is None or type(number) is int
    if isinstance(value, int) and not isinstance(value, bool):
        assert number == value
    words = text(value)
    assert words is None or (isinstance(value, str) and words == value != "")
    found = rows(value)
    assert all(isinstance(row, dict) for row in found)
    assert len(found) == (sum(isinstance(row, dict) for row in value) if isinstance(value, list) else 0)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (-5, -5),
        ("5", 5),
        ("005", 5),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("-5", None),
        (" 5", None),
        ("5.0", None),
        pytest.param("\u0665", None, id="another digit"),
        ("", None),
        (True, None),
        (False, None),
        (5.0, None),
        (None, None),
        ([5], None),
    ],
    ids=repr,
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole(value) == number


@pytest.mark.parametrize(("value", "words"), [("a", "a"), ("", None), (5, None), (None, None), (["a"], None)])
def test_texts(value: object, words: str | None) -> None:
    assert text(value) == words


def test_rows_keep_their_order_and_leave_out_what_is_none() -> None:
    assert rows([{"a": 1}, 5, None, {"b": 2}, []]) == [{"a": 1}, {"b": 2}]
    assert rows({"a": 1}) == []


@given(st.none() | st.text(max_size=30) | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(str))
def test_any_text_is_a_moment_or_nothing(value: str | None) -> None:
    when = moment(value)
    assert when is None or when.tzinfo is not None


def test_moments_are_compared_as_times_and_not_as_texts() -> None:
    same = ["2026-05-01T10:00:00.000Z", "2026-05-01T10:00:00Z", "2026-05-01T12:00:00+02:00", "2026-05-01T10:00:00"]
    assert {moment(value) for value in same} == {datetime(2026, 5, 1, 10, tzinfo=UTC)}
    assert moment("") is moment(None) is moment("soon") is None
