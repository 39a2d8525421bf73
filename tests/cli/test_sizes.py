"""Numbers of bytes as people write and read them."""

import pytest
from hypothesis import given, strategies as st

from asyncup.cli.sizes import parse_bytes, parse_rate, show_bytes, show_rate


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5242880", 5_242_880),
        ("50MB", 50_000_000),
        ("8MiB", 8_388_608),
        ("8 mib", 8_388_608),
        (" 1B ", 1),
        ("1.5KB", 1500),
        ("0.5KiB", 512),
        ("2GiB", 2_147_483_648),
        ("1TB", 10**12),
    ],
)
def test_sizes_that_people_write(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "-1", "0", "0MB", "1.5", "0.1KiB", "5 M B", "5M", "1e6", "٣", "5XB", "5,000"]
)
def test_anything_else_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        parse_bytes(text)


@given(st.integers(min_value=1))
def test_a_plain_integer_is_itself(size: int) -> None:
    assert parse_bytes(str(size)) == size


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (268_435_456, "268.4 MB"),
        (999_960_000, "1.0 GB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes_are_shown_in_decimal_units(size: int, shown: str) -> None:
    assert show_bytes(size) == shown


def test_a_rate_needs_time() -> None:
    assert show_rate(3_000_000, 2.0) == "1.5 MB/s"
    assert show_rate(3_000_000, 0.0) == "- MB/s"


@pytest.mark.parametrize(
    ("text", "rate"), [("10MB/s", 10_000_000), ("10 MB / s", 10_000_000), ("8MiB", 8_388_608), ("1000", 1000)]
)
def test_rates_that_people_write(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "/s", "10MB/min", "10Mbit/s", "10MB//s", "0MB/s", "s"])
def test_any_other_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 10MB/s"):
        parse_rate(text)
