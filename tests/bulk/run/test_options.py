"""Options of a bulk run that cannot work are refused at once."""

from typing import Any

import pytest

from asyncup.bulk.run.options import MOST_LANES, BulkOptions
from asyncup.errors import ConfigurationError


@pytest.mark.parametrize(
    "wrong",
    [
        {"lanes": 0},
        {"lanes": MOST_LANES + 1},
        {"start_lanes": 0},
        {"session_share": 0},
        {"memory": 0},
        {"large_from": 0},
        {"file_attempts": 0},
        {"job_within_s": float("nan")},
        {"skip": "sometimes"},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        BulkOptions(**wrong)


def test_the_defaults_are_fine() -> None:
    assert BulkOptions().lanes <= MOST_LANES
