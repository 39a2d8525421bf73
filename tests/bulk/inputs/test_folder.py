"""A folder as input: every file is an item, and nothing that is none is passed over in silence."""

import os
import socket
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import given, strategies as st

from asyncup.bulk.inputs import folder as folder_module
from asyncup.bulk.inputs.folder import folder_files, walk_folder
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.bulk.inputs.patterns import Patterns
from asyncup.errors import SourceNotAFile, SourceNotFound, SourceUnreadable
from asyncup.pipeline.source import SourceIdentity
from tests.pipeline.leftovers import open_files


def plant(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(file.encode())


def paths(inputs: list[Input]) -> list[str]:
    assert all(isinstance(found, UploadItem) for found in inputs), inputs
    return [found.path for found in inputs if isinstance(found, UploadItem)]


def only_broken(inputs: list[Input]) -> BrokenInput:
    [broken] = [found for found in inputs if isinstance(found, BrokenInput)]
    return broken


def test_every_file_in_order(tmp_path: Path) -> None:
    plant(tmp_path, "b/2", "b/1", "a/z/1", "z", "B", "c")
    inputs = list(folder_files(tmp_path, "u1/in/"))
    assert paths(inputs) == [f"/u1/in/{name}" for name in ("B", "c", "z", "a/z/1", "b/1", "b/2")]
    first = inputs[0]
    assert isinstance(first, UploadItem)
    assert first.file == str(tmp_path / "B")
    assert first.identity == SourceIdentity.of((tmp_path / "B").stat())
    assert (first.row, first.size) == (None, None)


def test_names_of_a_large_folder_are_sorted_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "SORTED_AT_ONCE", 4)
    plant(tmp_path, *(f"f{n}" for n in range(10)), "sub1/x", "sub0/x")
    found = paths(list(folder_files(tmp_path, "/")))
    assert found[-2:] == ["/sub0/x", "/sub1/x"]
    assert sorted(found[:-2]) == [f"/f{n}" for n in range(10)]


@given(st.sets(st.lists(st.sampled_from(["a", "b.txt", "c d", "é"]), min_size=1, max_size=4).map(tuple)))
def test_the_walk_finds_what_was_planted(tmp_path_factory: pytest.TempPathFactory, trees: set[tuple[str, ...]]) -> None:
    files = {tree for tree in trees if not any(other[: len(tree)] == tree for other in trees - {tree})}
    root = tmp_path_factory.mktemp("tree")
    plant(root, *("/".join(file) for file in files))
    assert sorted(paths(list(folder_files(root, "/t")))) == sorted(f"/t/{'/'.join(file)}" for file in files)


def test_patterns(tmp_path: Path) -> None:
    plant(tmp_path, "a.pdf", "a.txt", "build/a.pdf", "sub/b.pdf", "sub/draft.pdf")
    patterns = Patterns(["*.pdf"], ["build/", "draft.*"])
    assert paths(list(folder_files(tmp_path, "/", patterns=patterns))) == ["/a.pdf", "/sub/b.pdf"]


def test_what_is_left_out_is_not_complained_about(tmp_path: Path) -> None:
    plant(tmp_path, "a.pdf")
    (tmp_path / "link.txt").symlink_to("a.pdf")
    (tmp_path / "lost.txt").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    for follow_links in (False, True):
        inputs = folder_files(tmp_path, "/", patterns=Patterns(["*.pdf"]), follow_links=follow_links)
        assert paths(list(inputs)) == ["/a.pdf"]


def test_links_are_told_of(tmp_path: Path) -> None:
    plant(tmp_path, "real/a")
    for target in ("real/a", "real", "nowhere"):
        link = tmp_path / "link"
        link.symlink_to(target)
        broken = only_broken(list(folder_files(tmp_path, "/")))
        assert (broken.trouble, broken.name) == (Trouble.SYMBOLIC_LINK, str(link))
        assert "symbolic link" in broken.reason
        link.unlink()


def test_links_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "in/real/a")
    plant(tmp_path, "out/b")
    (tmp_path / "in/file").symlink_to("real/a")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    (tmp_path / "in/again").symlink_to(tmp_path / "out")
    found = paths(list(folder_files(tmp_path / "in", "/", follow_links=True)))
    assert found == ["/file", "/again/b", "/folder/b", "/real/a"]


def test_a_link_in_a_circle(tmp_path: Path) -> None:
    plant(tmp_path, "a/b/c")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    inputs = list(folder_files(tmp_path, "/", follow_links=True))
    assert len(inputs) == 2
    assert only_broken(inputs).trouble is Trouble.SYMBOLIC_LINK
    (tmp_path / "a/b/up").unlink()
    (tmp_path / "a/b/up").symlink_to("up")
    broken = only_broken(list(folder_files(tmp_path, "/", follow_links=True)))
    assert broken.trouble is Trouble.UNREADABLE


def test_special_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        pipe, sock = folder_files(tmp_path, "/")
    assert isinstance(pipe, BrokenInput)
    assert isinstance(sock, BrokenInput)
    assert {pipe.trouble, sock.trouble} == {Trouble.SPECIAL_FILE}
    assert "pipe" in pipe.reason
    assert "socket" in sock.reason


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a/1", "shut/1", "z/1")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    inputs = list(folder_files(tmp_path, "/"))
    broken = only_broken(inputs)
    assert (broken.trouble, broken.name) == (Trouble.UNREADABLE, str(tmp_path / "shut"))
    assert "Permission denied" in broken.reason
    assert len(inputs) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.txt").touch()
    (tmp_path / "dir\udce9").mkdir()
    (tmp_path / "dir\udce9" / "x").touch()
    inputs = list(folder_files(tmp_path, "/"))
    assert [(b.trouble, b.name) for b in inputs if isinstance(b, BrokenInput)] == [
        (Trouble.NAME_NOT_UNICODE, f"{tmp_path}/caf\\udce9.txt"),
        (Trouble.NAME_NOT_UNICODE, f"{tmp_path}/dir\\udce9/x"),
    ]


def test_a_name_that_vault_cannot_take(tmp_path: Path) -> None:
    (tmp_path / "two\nlines").touch()
    broken = only_broken(list(folder_files(tmp_path, "/")))
    assert (broken.trouble, broken.name) == (Trouble.DESTINATION, f"{tmp_path}/two\\nlines")


def test_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "file")
    with pytest.raises(SourceNotFound):
        next(folder_files(tmp_path / "missing", "/"))
    with pytest.raises(SourceNotFound):
        next(folder_files("a\0b", "/"))
    with pytest.raises(SourceNotAFile):
        next(folder_files(tmp_path / "file", "/"))

    def refuse(path: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceUnreadable):
        next(folder_files(tmp_path, "/"))


async def test_it_is_walked_off_the_loop_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SORTED_AT_ONCE", 1)
    plant(tmp_path, *(f"d{n}/f{m}" for n in range(20) for m in range(20)), "f0", "f1")
    before = open_files()
    async with aclosing(walk_folder(tmp_path, "/")) as inputs:
        await anext(inputs)
        assert open_files() != before
    assert open_files() == before
    with blockbuster_ctx():
        assert len([found async for found in walk_folder(tmp_path, "/")]) == 402
