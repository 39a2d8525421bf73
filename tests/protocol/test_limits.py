"""The limits of an API version."""

import re

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import ConfigurationError
from asyncup.protocol.limits import DEFAULT_API_VERSION, LIMITS_2000_PARTS, LIMITS_9616_PARTS, Limits, limits_for

PRESETS = [LIMITS_2000_PARTS, LIMITS_9616_PARTS]


@pytest.mark.parametrize(
    ("version", "limits"),
    [
        ("v9.0", LIMITS_2000_PARTS),
        ("v23.3", LIMITS_2000_PARTS),
        ("v25.2", LIMITS_2000_PARTS),
        ("v26.1", LIMITS_2000_PARTS),
        ("v26.2", LIMITS_9616_PARTS),
        ("v26.10", LIMITS_9616_PARTS),
        ("v27.1", LIMITS_9616_PARTS),
        ("v100.0", LIMITS_9616_PARTS),
    ],
)
def test_a_version_has_its_documented_limits(version: str, limits: Limits) -> None:
    assert limits_for(version) is limits


def test_the_default_version_is_one() -> None:
    assert limits_for(DEFAULT_API_VERSION) is LIMITS_2000_PARTS


@given(st.text(max_size=12) | st.from_regex(r"v?\d{1,3}(\.\d{1,3})?\n?", fullmatch=True))
def test_what_is_not_written_like_a_version_is_refused(version: str) -> None:
    if re.fullmatch(r"v[0-9]+\.[0-9]+", version):
        assert limits_for(version) in PRESETS
    else:
        with pytest.raises(ConfigurationError) as refused:
            limits_for(version)
        assert "VEEVA_VAULT_API_VERSION" in str(refused.value)


@pytest.mark.parametrize("limits", PRESETS)
def test_presets_are_right_under_every_reading_of_the_documents(limits: Limits) -> None:
    # 5 MB and 50 MB, in powers of ten or of two: the smaller of the upper ones, the larger of the lower ones.
    assert limits.min_part_size == max(5 * 10**6, 5 * 2**20)
    assert limits.preferred_part_size == min(50 * 10**6, 50 * 2**20)
    assert limits.min_part_size < limits.preferred_part_size <= limits.max_part_size
    assert limits.max_item_size <= 50 * 10**6
    assert limits.max_file_size == 500 * 10**9
    assert limits.max_upload_sessions == 50
    assert limits.job_poll_interval_s == 10


def test_what_the_newer_documents_allow() -> None:
    assert (LIMITS_2000_PARTS.max_parts, LIMITS_2000_PARTS.max_part_size) == (2000, 50_000_000)
    assert (LIMITS_9616_PARTS.max_parts, LIMITS_9616_PARTS.max_part_size) == (9616, 52_000_000)


def test_the_newer_preset_reaches_the_largest_file_and_the_older_one_does_not() -> None:
    assert LIMITS_9616_PARTS.max_parts * LIMITS_9616_PARTS.max_part_size >= LIMITS_9616_PARTS.max_file_size
    assert LIMITS_2000_PARTS.max_parts * LIMITS_2000_PARTS.max_part_size == 100 * 10**9
