"""Vault's dates, with the time as an argument."""

from datetime import UTC, datetime

import pytest

from asyncup.cli.vault_times import seconds_since, show_date, show_time_left

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "shown", "since_s", "left"),
    [
        ("2026-05-01T12:00:00.000Z", "2026-05-01 12:00", 86_400, "over"),
        ("2026-05-04T15:30:59.999Z", "2026-05-04 15:30", -185_459.999, "2 d 3 h"),
        ("2026-05-02T12:00:00", "2026-05-02 12:00", 0, "over"),
        ("yesterday", "-", None, "-"),
        (None, "-", None, "-"),
    ],
)
def test_a_date(date: str | None, shown: str, since_s: float | None, left: str) -> None:
    assert show_date(date) == shown
    assert seconds_since(date, NOW) == since_s
    assert show_time_left(date, NOW) == left
