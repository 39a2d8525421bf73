"""The arguments of `asyncup upload`, checked against each other."""

import shlex
import sys

import pytest

from asyncup import UploadOptions
from asyncup.cli.upload_request import (
    Target,
    UploadRequest,
    checked_grace_s,
    continuing_command,
    targets_of,
)
from asyncup.cli.usage_error import UsageError


def targets(*arguments: str, session_id: str | None = None) -> tuple[Target, ...]:
    return targets_of(arguments, session_id=session_id, commit=False, overwrite=False)


def test_one_file_has_its_path_in_vault_for_destination() -> None:
    assert targets("dir/a.bin", "/u1/b.bin") == (Target("dir/a.bin", destination="/u1/b.bin"),)


@pytest.mark.parametrize(("file", "destination"), [("a.bin", ""), ("/", "/u1/"), ("", "/u1/")])
def test_a_destination_without_a_name_is_left_to_the_library_to_refuse(file: str, destination: str) -> None:
    assert targets(file, destination) == (Target(file, destination=destination),)


@pytest.mark.parametrize(("folder", "path"), [("/u1/", "/u1/a.bin"), ("/", "/a.bin"), ("u1/b/", "u1/b/a.bin")])
def test_one_file_goes_into_what_ends_in_a_slash(folder: str, path: str) -> None:
    assert targets("dir/a.bin", folder) == (Target("dir/a.bin", destination=path),)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_grace_time_is_a_number_of_seconds(seconds: float) -> None:
    assert checked_grace_s(0.0) == 0.0
    with pytest.raises(UsageError, match="--grace"):
        checked_grace_s(seconds)


@pytest.mark.parametrize("folder", ["/u1", "/u1/"])
def test_several_files_go_into_a_folder_under_their_own_names(folder: str) -> None:
    assert targets("dir/a.bin", "b.bin", folder) == (
        Target("dir/a.bin", destination="/u1/a.bin"),
        Target("b.bin", destination="/u1/b.bin"),
    )


def test_a_session_takes_one_file() -> None:
    assert targets("a.bin", session_id="s1") == (Target("a.bin", session_id="s1"),)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ([], {}, "at least one FILE and a DESTINATION"),
        (["a.bin"], {}, "at least one FILE and a DESTINATION"),
        ([], {"session_id": "s1"}, "exactly one FILE"),
        (["a.bin", "/u1/a.bin"], {"session_id": "s1"}, "exactly one FILE"),
        (["a.bin"], {"session_id": "s1", "overwrite": True}, "--overwrite"),
        (["a.bin"], {"session_id": "s1", "restart": True}, "--restart"),
        (["a.bin"], {"session_id": ""}, "needs the id"),
        (["a.bin", "/u1/a.bin"], {"commit": True}, "--commit goes with --session-id"),
        (["x/a.bin", "y/a.bin", "/u1"], {}, "several files would become /u1/a.bin"),
    ],
)
def test_contradictions_are_refused(arguments: list[str], options: dict[str, object], words: str) -> None:
    given = {"session_id": None, "commit": False, "overwrite": False} | options
    with pytest.raises(UsageError, match=words):
        targets_of(arguments, **given)  # type: ignore[arg-type]


def test_what_is_not_given_has_the_default_of_the_library() -> None:
    assert UploadRequest(targets=()).options() == UploadOptions()
    options = UploadRequest(
        targets=(),
        part_size=7,
        memory=8,
        content_md5="hex",
        resume_check="last",
        source_changes="warn",
        page_cache="drop",
    ).options()
    assert options == UploadOptions(
        part_size=7,
        memory_budget=8,
        content_md5="hex",
        resume_check="last",
        source_changes="warn",
        page_cache="drop",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="quotes as a POSIX shell does")
@pytest.mark.parametrize(
    ("request_", "target", "command"),
    [
        (
            UploadRequest(targets=(), part_size=7, overwrite=True),
            Target("my video.mp4", destination="/u1/v.mp4"),
            "asyncup upload --session-id s1 --commit 'my video.mp4'",
        ),
        (
            UploadRequest(targets=()),
            Target("a", session_id="s1"),
            "asyncup upload --session-id s1 a",
        ),
        (
            UploadRequest(targets=(), commit=True, memory=8, content_md5="hex", quiet=True, json=True),
            Target("-a", session_id="s1"),
            "asyncup upload --session-id s1 --commit --memory 8 --content-md5 hex --quiet --json -- -a",
        ),
        (
            UploadRequest(
                targets=(), restart=True, resume_check="none", source_changes="warn", page_cache="drop", grace_s=0.5
            ),
            Target("a", destination="/u1/a"),
            (
                "asyncup upload --session-id s1 --commit --resume-check none --source-changes warn --page-cache drop"
                " --grace 0.5 a"
            ),
        ),
    ],
)
def test_the_command_that_continues(request_: UploadRequest, target: Target, command: str) -> None:
    assert continuing_command(request_, target, "s1") == command
    assert shlex.split(command)[-1] == target.path
