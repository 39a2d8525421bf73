"""Paths: each user's view of the one tree."""

import pytest

from asyncup.emulator import Switches, User
from asyncup.emulator.paths import as_seen_by, is_inside, resolve
from asyncup.emulator.refusal import Refusal

ADMIN = User(id=1, role="admin")
MEMBER = User(id=42, role="member")


@pytest.mark.parametrize(
    ("user", "given", "inner", "shown"),
    [
        (ADMIN, "/u42/a.bin", "/u42/a.bin", "/u42/a.bin"),
        (ADMIN, "u42//a.bin/", "/u42/a.bin", "/u42/a.bin"),
        (ADMIN, "", "/", "/"),
        (ADMIN, "a\\b", "/a/b", "/a/b"),
        (MEMBER, "/a.bin", "/u42/a.bin", "/a.bin"),
        (MEMBER, "/", "/u42", "/"),
        (MEMBER, "/u42/x", "/u42/u42/x", "/u42/x"),
    ],
)
def test_views(user: User, given: str, inner: str, shown: str) -> None:
    assert resolve(given, user, Switches()) == inner
    assert as_seen_by(user, inner) == shown


def test_a_backslash_may_be_an_ordinary_character() -> None:
    assert resolve("a\\b", ADMIN, Switches(backslash_separates=False)) == "/a\\b"


@pytest.mark.parametrize("given", ["/a/../b", "/.", "/a\nb", "/\ud800", "/" + "x" * 219])
def test_what_cannot_be_a_name(given: str) -> None:
    with pytest.raises(Refusal, match="INVALID_DATA"):
        resolve(given, ADMIN, Switches())


def test_a_path_may_be_too_long() -> None:
    with pytest.raises(Refusal, match="longer than 20 bytes"):
        resolve("/" + "a/" * 15, ADMIN, Switches(path_max_bytes=20))


def test_inside() -> None:
    assert is_inside("/a/b", "/a")
    assert is_inside("/a", "/")
    assert is_inside("/a", "/a")
    assert not is_inside("/ab", "/a")
