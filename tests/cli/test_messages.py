"""Result lines, JSON and error lines."""

import json

import pytest

from asyncup.cli.messages import Outcome, one_line, say, show_outcome

OUTCOME = Outcome(
    path="video.mp4",
    destination="/u1/video.mp4",
    session_id="s1",
    size=12_000_000,
    parts=3,
    part_size=5_000_000,
    resumed_parts=1,
    elapsed_s=2.00049,
    md5s=("a" * 32, "b" * 32, "c" * 32),
    committed=True,
)
UNCOMMITTED = Outcome(
    path="a", destination=None, session_id="s1", size=1, parts=1, part_size=1,
    resumed_parts=0, elapsed_s=1.0, md5s=("a" * 32,), committed=False,
)  # fmt: skip


def test_the_json_object_has_exactly_the_promised_keys_in_order() -> None:
    assert list(json.loads(OUTCOME.as_json()).items()) == [
        ("path", "video.mp4"),
        ("destination", "/u1/video.mp4"),
        ("session_id", "s1"),
        ("size", 12_000_000),
        ("parts", 3),
        ("part_size", 5_000_000),
        ("resumed_parts", 1),
        ("elapsed_s", 2.0),
        ("md5s", ["a" * 32, "b" * 32, "c" * 32]),
    ]
    assert "\n" not in OUTCOME.as_json()


def test_the_line_says_where_how_much_and_how_fast() -> None:
    assert OUTCOME.as_line() == (
        "video.mp4 -> /u1/video.mp4: 12.0 MB in 2.0 s (6.0 MB/s), 3 parts, 1 of them were in Vault already"
    )
    assert UNCOMMITTED.as_line() == ("a -> upload session s1: 1 B in 1.0 s (0.0 MB/s), 1 part, not committed")


@pytest.mark.parametrize(
    ("as_json", "quiet", "out"),
    [
        (True, False, OUTCOME.as_json() + "\n"),
        (True, True, OUTCOME.as_json() + "\n"),
        (False, False, OUTCOME.as_line() + "\n"),
        (False, True, ""),
    ],
)
def test_quiet_leaves_out_lines_and_never_json(
    as_json: bool, quiet: bool, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_outcome(OUTCOME, as_json=as_json, quiet=quiet)
    assert capsys.readouterr() == (out, "")


def test_an_error_is_one_line_with_the_name_of_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("two\nlines\x1b[31m")
    assert capsys.readouterr() == ("", "asyncup: two\\nlines\\x1b[31m\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Zürich 東京.mp4", "Zürich 東京.mp4"), ("a\udc80b", "a\\udc80b"), ("a\tb", "a\\tb")],
)
def test_only_what_cannot_be_printed_is_escaped(text: str, shown: str) -> None:
    assert one_line(text) == shown
