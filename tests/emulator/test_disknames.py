"""Every staging name has a spelling on disk, of its own, that can be read back."""

from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from asyncup.emulator.disknames import disk_name, disk_path, is_cut, staging_path

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda name: name not in {".", ".."}
)


@pytest.mark.parametrize("name", ["a.bin", "Ünï çode.pdf", "it's & (1), #2 + 50 €", ".hidden", "日本"])
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert disk_name(name) == name


def test_plain_paths_are_where_anybody_would_look() -> None:
    assert disk_path(Path("/root/files"), "/u1/a/b.bin") == Path("/root/files/u1/a/b.bin")


@given(st.lists(NAMES, min_size=1, max_size=3))
@example(["%" * 218])
@example(["e\u0301" * 72, "x. ."])
@example(["a%+", "b"])
def test_a_path_is_read_back(names: list[str]) -> None:
    path = "/" + "/".join(names)
    spelled = disk_path(Path("/r"), path)
    assert staging_path(spelled.relative_to("/r").as_posix()) == path
    assert all(len(piece.encode()) <= 255 for piece in spelled.parts)
    assert not is_cut(spelled.name)


@given(NAMES, NAMES)
def test_two_names_never_share_a_spelling(one: str, other: str) -> None:
    assert (disk_name(one) == disk_name(other)) == (one == other)
