"""The table of switches: complete, and readable from text."""

from dataclasses import fields, replace

import pytest

from asyncup.emulator import PROFILES, Switches, parse_switch, profile, switch_table


def test_every_switch_is_in_the_table_with_its_mark_and_default() -> None:
    rows = {name: (values, text) for name, values, text in switch_table()}
    assert list(rows) == [field.name for field in fields(Switches)]
    for field in fields(Switches):
        values, text = rows[field.name]
        assert values.split(" | ")[0] == str(field.default)
        assert text[0] in "DCU"
    assert rows["content_md5"][0] == "hex+base64 | hex | base64 | refused | ignored"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sessions_max=3", 3),
        ("session_life_s=0.5", 0.5),
        ("folder_slash=false", False),
        ("content_md5=hex", "hex"),
        ("login_lands_on=other.example.com", "other.example.com"),
    ],
)
def test_a_switch_from_text(text: str, value: object) -> None:
    changed = replace(Switches(), **parse_switch(text))
    assert getattr(changed, text.partition("=")[0]) == value


@pytest.mark.parametrize(
    "text", ["", "sessions_max", "nonsense=1", "sessions_max=x", "folder_slash=1", "content_md5=x"]
)
def test_what_is_no_switch(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        parse_switch(text)


def test_every_profile_differs_from_the_default_and_no_two_are_alike() -> None:
    assert profile("default") == Switches()
    assert len(set(PROFILES.values())) == len(PROFILES)
    with pytest.raises(ValueError, match="there are: default"):
        profile("nonsense")


def test_every_unknown_behaviour_with_a_choice_is_in_some_profile() -> None:
    """A switch between forms that no profile turns would never be tried on a client."""
    tried = {
        field.name
        for switches in PROFILES.values()
        for field in fields(Switches)
        if getattr(switches, field.name) != field.default
    }
    # These are for one test each: no client can be right under both values without being told.
    single = {"upload_range", "burst_scope", "burst_counts_staging", "job_visible_to"}
    chosen = {name for name, values, text in switch_table() if " | " in values and text[0] == "U"}
    assert chosen - tried <= single
