"""Which files of a folder are taken: patterns as in .gitignore, to include and to exclude.

Must not know the disk: a path is text, relative to the folder, with `/` between its segments.
"""

from __future__ import annotations

from collections.abc import Sequence

import pathspec

from asyncup.bulk.errors import PatternError

__all__ = ["Patterns"]


class Patterns:
    """What to take. As in .gitignore, the last pattern that matches counts, and `!` takes back.

    Args:
        include: only files that these match are taken; every file when there are none.
        exclude: of those, files and whole folders that these match are left out.

    Raises:
        PatternError: one of them makes no sense.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _compiled(include) if include else None
        self._exclude = _compiled(exclude)

    def takes_file(self, path: str) -> bool:
        """Tell whether a file is taken, when the folders above it are."""
        return (self._include is None or self._include.match_file(path)) and not self._exclude.match_file(path)

    def takes(self, path: str) -> bool:
        """Tell whether a file is taken that is found by walking down to it."""
        segments = path.encode("utf-8", "backslashreplace").decode().split("/")
        above = ("/".join(segments[:end]) for end in range(1, len(segments)))
        return all(map(self.enters_folder, above)) and self.takes_file("/".join(segments))

    def enters_folder(self, path: str) -> bool:
        """Tell whether there can be anything to take in a folder: as in git, nothing comes back out of an excluded one.

        An include pattern says nothing of folders: `*.pdf` finds its files in every one.
        """
        return not self._exclude.match_file(path + "/")


def _compiled(lines: Sequence[str]) -> pathspec.GitIgnoreSpec:
    for line in lines:
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            raise PatternError(f"{line!r} is no pattern of files: {error}", hint="Write it as in .gitignore") from error
    return pathspec.GitIgnoreSpec.from_lines(lines)
