"""What there is to see of a run, in a line and in numbers."""

import pytest

from asyncup.cli.bulk.run_view import plain_line, show_seconds
from tests.cli.bulk.views import view


def test_the_line_says_what_matters_most() -> None:
    assert plain_line(view()) == (
        "35 %, 34,567 of 100,000 files, 7.0 TB of 20.0 TB, 112.4 MB/s, 1 d 10 h left, 5 failed, 2 broken, 1 lanes, "
        "limited by the network"
    )
    quiet = view(counted=False, left_s=None, failed=0, broken=0, limited_by="", lanes=(), ending=True)
    assert plain_line(quiet) == "35 %, 34,567 of 100,000 files so far, 7.0 TB of 20.0 TB, 112.4 MB/s, 0 lanes, ending"


def test_the_share_is_of_bytes_or_of_files() -> None:
    assert view(bytes=0, bytes_done=0, files=4, files_done=1).share == 0.25
    assert view(bytes=0, bytes_done=0, files=0, files_done=0).share == 0.0
    assert view(bytes=1, bytes_done=2).share == 1.0


def test_calls_per_file_are_of_this_run() -> None:
    assert view(ended=4, calls=6).calls_per_file == 1.5
    assert view(ended=0).calls_per_file is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"),
        (86399, "23 h 59 min"), (200_000, "2 d 7 h"),
    ],
)  # fmt: skip
def test_times_are_shown_in_their_two_largest_units(seconds: float, words: str) -> None:
    assert show_seconds(seconds) == words
