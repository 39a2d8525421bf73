"""Which files are taken: patterns as in .gitignore."""

import pytest

from asyncup.bulk.errors import PatternError
from asyncup.bulk.inputs.patterns import Patterns


@pytest.mark.parametrize(
    ("include", "exclude", "path", "taken"),
    [
        ((), (), "a/b.txt", True),
        (("*.pdf",), (), "a/b.pdf", True),
        (("*.pdf",), (), "a/b.txt", False),
        (("/a/",), (), "a/b/c.txt", True),
        (("/a/",), (), "b/a/c.txt", False),
        (("*.pdf",), ("draft-*",), "a/draft-1.pdf", False),
        ((), ("*.tmp", "!keep.tmp"), "a/keep.tmp", True),
        ((), ("*.tmp", "!keep.tmp"), "a/lose.tmp", False),
        ((), ("a/**/z",), "a/b/c/z", False),
        ((), ("# a remark", ""), "a", True),
    ],
)
def test_a_file(include: tuple[str, ...], exclude: tuple[str, ...], path: str, taken: bool) -> None:
    assert Patterns(include, exclude).takes_file(path) is taken


def test_a_folder() -> None:
    patterns = Patterns(["*.pdf"], ["build/", "/top"])
    assert patterns.enters_folder("a")
    assert not patterns.enters_folder("a/build")
    assert not patterns.enters_folder("top")
    assert patterns.enters_folder("a/top")
    assert patterns.takes_file("build.pdf")


@pytest.mark.parametrize("line", ["!", "\\", "a\\"])
def test_a_pattern_that_makes_no_sense(line: str) -> None:
    for included, excluded in (([line], []), ([], ["*.txt", line])):
        with pytest.raises(PatternError, match="no pattern") as raised:
            Patterns(included, excluded)
        assert repr(line) in str(raised.value)
