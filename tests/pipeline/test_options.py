"""Choices that cannot work are refused when they are made."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asyncup import ConfigurationError, UploadOptions

POSITIVE = ["part_size", "memory_budget", "hash_threads", "stall_timeout_s", "answer_timeout_s", "job_timeout_s"]


@pytest.mark.parametrize("name", POSITIVE)
@given(value=st.integers(max_value=0) | st.floats(max_value=0, allow_infinity=True))
def test_a_number_that_must_be_positive(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=name):
        UploadOptions(**{name: value})  # type: ignore[arg-type]  # what no type checker would let pass


@pytest.mark.parametrize("name", POSITIVE)
def test_no_number_at_all(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        UploadOptions(**{name: float("nan")})  # type: ignore[arg-type]  # what no type checker would let pass


@given(st.integers(max_value=-1))
def test_a_small_file_has_no_negative_size(value: int) -> None:
    with pytest.raises(ConfigurationError, match="small_file_max"):
        UploadOptions(small_file_max=value)


@pytest.mark.parametrize(
    ("name", "values"), [("content_md5", {"auto", "base64", "hex", "off"}), ("buffers", {"auto", "copied"})]
)
@given(value=st.text())
def test_a_choice_that_nobody_offers(name: str, values: set[str], value: str) -> None:
    if value in values:
        return
    with pytest.raises(ConfigurationError, match=name):
        UploadOptions(**{name: value})  # type: ignore[arg-type]  # what a person may type


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "part_size": st.none() | st.integers(1, 10**9),
            "memory_budget": st.integers(1, 10**10),
            "hash_threads": st.none() | st.integers(1, 64),
            "content_md5": st.sampled_from(["auto", "base64", "hex", "off"]),
            "buffers": st.sampled_from(["auto", "copied"]),
            "stall_timeout_s": st.floats(0.001, 1e6),
            "answer_timeout_s": st.floats(0.001, 1e6) | st.just(float("inf")),
            "small_file_max": st.none() | st.integers(0, 10**9),
        },
    )
)
def test_everything_else_is_taken_as_it_is(chosen: dict[str, Any]) -> None:
    options = UploadOptions(**chosen)
    assert {name: getattr(options, name) for name in chosen} == chosen


def test_every_field_has_a_default_and_none_can_be_changed() -> None:
    options = UploadOptions()
    for field in dataclasses.fields(options):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, field.name, 1)


@pytest.mark.parametrize("name", ["content_md5", "buffers", "resume_check", "source_changes"])
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be .* or .*, not 'x'"):
        UploadOptions(**{name: "x"})  # type: ignore[arg-type]
