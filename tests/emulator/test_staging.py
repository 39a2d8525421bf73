"""The tree of items, without any disk."""

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator.refusal import Refusal
from asyncup.emulator.staging import File, Staging
from asyncup.emulator.switches import Switches


def tree(*files: str, switches: Switches | None = None) -> Staging:
    staging = Staging(switches or Switches())
    for path in files:
        staging.make_folders(path.rsplit("/", 1)[0])
        staging.put_file(path, 3, 1.0, overwrite=False)
    return staging


def paths(staging: Staging, path: str = "/", *, recursive: bool = True) -> list[str]:
    return [row.path for row in staging.rows(path, recursive=recursive)]


def test_rows_are_by_name_and_folders_come_before_what_is_in_them() -> None:
    staging = tree("/b/z", "/b/a/x", "/a")
    assert paths(staging) == ["/a", "/b", "/b/a", "/b/a/x", "/b/z"]
    assert paths(staging, recursive=False) == ["/a", "/b"]
    assert paths(staging, "/b", recursive=False) == ["/b/a", "/b/z"]
    assert paths(staging, "/a") == ["/a"]


def test_a_recursive_listing_may_have_no_folder_rows() -> None:
    staging = tree("/b/z", switches=Switches(recursive_folders=False))
    assert paths(staging) == ["/b/z"]
    assert paths(staging, recursive=False) == ["/b"]


def test_a_listing_may_match_like_a_prefix() -> None:
    staging = tree("/Cholecap/a", "/Cholecap-References/b", switches=Switches(list_match="prefix"))
    assert paths(staging, "/Cholecap", recursive=False) == ["/Cholecap/a", "/Cholecap-References"]
    assert paths(staging, "/Chole") == ["/Cholecap", "/Cholecap/a", "/Cholecap-References", "/Cholecap-References/b"]
    assert paths(staging, "/Cholecap/a") == ["/Cholecap/a"]
    with pytest.raises(Refusal, match="cannot be found"):
        paths(staging, "/Other")
    assert paths(staging, "/", recursive=False) == ["/Cholecap", "/Cholecap-References"]


def test_folders_are_not_made_recursively_and_vaults_words_say_so() -> None:
    with pytest.raises(Refusal, match=r"The parent folder \[/u123/wave1/\] cannot be found"):
        tree("/u123/x").make_folder("/u123/wave1/sub")


def test_a_file_is_no_parent() -> None:
    staging = tree("/a")
    assert staging.find("/a/b") is None
    for path in ("/a/b", "/a/b/c"):
        with pytest.raises(Refusal, match="parent folder"):
            staging.make_folder(path)


def test_existing_names() -> None:
    staging = tree("/a/file")
    with pytest.raises(Refusal, match="ITEM_NAME_EXISTS"):
        staging.make_folder("/a")
    with pytest.raises(Refusal, match="ITEM_NAME_EXISTS"):
        staging.put_file("/a/file", 1, 1.0, overwrite=False)
    with pytest.raises(Refusal, match="ITEM_NAME_EXISTS"):
        staging.put_file("/a", 1, 1.0, overwrite=True)
    staging.put_file("/a/file", 1, 2.0, overwrite=True)
    assert staging.find("/a/file") == File("file", 1, 2.0)


def test_names_may_be_one_whatever_their_case_or_normalisation() -> None:
    staging = tree("/Caf\u00e9", switches=Switches(case_sensitive=False, unicode_nfc=True))
    assert staging.find("/cafe\u0301") is staging.find("/CAF\u00c9")
    assert tree("/a").find("/A") is None


def test_moving() -> None:
    staging = tree("/a/b/file", "/c/x")
    staging.refuse_move("/a/b", "/c/d")
    staging.move("/a/b", "/c/d")
    assert paths(staging) == ["/a", "/c", "/c/d", "/c/d/file", "/c/x"]
    for source, target in [("/c", "/c/d/e"), ("/c/x", "/c/d"), ("/gone", "/y"), ("/a", "/no/a")]:
        with pytest.raises(Refusal):
            staging.refuse_move(source, target)


def test_a_name_may_change_its_case_only() -> None:
    staging = tree("/a", switches=Switches(case_sensitive=False))
    staging.refuse_move("/a", "/A")
    staging.move("/a", "/A")
    assert paths(staging) == ["/A"]


def test_deleting() -> None:
    staging = tree("/a/b")
    with pytest.raises(Refusal, match="not empty"):
        staging.refuse_delete("/a", recursive=False)
    with pytest.raises(Refusal, match="root"):
        staging.refuse_delete("/", recursive=True)
    staging.refuse_delete("/a", recursive=True)
    staging.delete("/a")
    assert paths(staging) == []


def test_a_deep_tree_is_no_problem() -> None:
    deep = "/d" * 1200
    staging = tree(deep + "/file")
    assert paths(staging)[-1] == deep + "/file"
    assert staging.total_bytes() == 3


@given(st.sets(st.text("ab/", min_size=1, max_size=8).filter(lambda t: t.strip("/")), max_size=8))
def test_everything_put_is_listed_once_below_its_folder(names: set[str]) -> None:
    staging = Staging(Switches())
    for name in names:
        staging.make_folders(name)
    listed = paths(staging)
    assert len(listed) == len(set(listed))
    for path in listed:
        assert path in paths(staging, path.rsplit("/", 1)[0] or "/", recursive=False)
        assert staging.find(path) is not None
