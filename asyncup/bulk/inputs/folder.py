"""A folder as the input of a bulk run: every file below it is an item, whatever else is there is said to be broken.

It is walked in worker threads, no further than it is asked for. Within a folder names are taken in their order, files
before folders, so that two walks of the same tree are the same; a folder of very many files is sorted in runs, so that
its names never fill the memory. Must not know the journal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from itertools import islice

from asyncup.bulk.inputs.in_thread import in_thread
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.bulk.inputs.patterns import Patterns
from asyncup.bulk.inputs.row import printable
from asyncup.errors import DestinationError, SourceNotAFile, SourceNotFound, SourceUnreadable
from asyncup.pipeline.source import SourceIdentity
from asyncup.protocol.paths import file_destination, join

__all__ = ["SORTED_AT_ONCE", "folder_files", "walk_folder"]

SORTED_AT_ONCE = 20_000
"""Entries of one folder that are sorted together: about 6 MB."""

_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def walk_folder(
    folder: str | os.PathLike[str],
    destination: str,
    *,
    patterns: Patterns | None = None,
    follow_links: bool = False,
) -> AsyncGenerator[Input]:
    """Yield an input for everything below a folder; close it when it is not read to the end.

    Args:
        folder: the local folder.
        destination: the folder in Vault that gets its contents.
        patterns: what to take; None takes everything. What they leave out is no input.
        follow_links: take what a symbolic link points to. Otherwise each is a `BrokenInput`.

    Raises:
        SourceError: there is no such folder, or it cannot be read.
    """
    return in_thread(folder_files(folder, destination, patterns=patterns, follow_links=follow_links))


def folder_files(
    folder: str | os.PathLike[str],
    destination: str,
    *,
    patterns: Patterns | None = None,
    follow_links: bool = False,
) -> Generator[Input]:
    """Yield what `walk_folder` yields; blocks."""
    root = os.path.abspath(os.fspath(folder))  # noqa: PTH100 - names that are not Unicode stay as they are
    walk = _Walk(root, destination, patterns or Patterns(), follow_links)
    try:
        status = os.stat(root)  # noqa: PTH116
        os.scandir(root).close()
    except (FileNotFoundError, ValueError) as error:
        raise SourceNotFound(root, f"{root} does not exist", hint="Check the path") from error
    except NotADirectoryError as error:
        raise SourceNotAFile(root, f"{root} is not a folder", hint="Name a folder, or a manifest") from error
    except OSError as error:
        raise SourceUnreadable(
            root, f"{root} cannot be read: {error.strerror}", hint="Check its permissions"
        ) from error
    yield from walk.below(_Folder(root, "", (_place(status),)))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on the way down.

    Attributes:
        local: its path here.
        inside: its path below the root, empty or with a slash at its end.
        places: device and inode of it and of all folders above it.
    """

    local: str
    inside: str
    places: tuple[tuple[int, int], ...]


class _Walk:
    def __init__(self, root: str, destination: str, patterns: Patterns, follow_links: bool) -> None:  # noqa: FBT001 - one caller
        self._root = root
        self._destination = destination
        self._patterns = patterns
        self._follow_links = follow_links

    def below(self, root: _Folder) -> Generator[Input]:
        """Yield everything below a folder."""
        stack = [(root, _entries_of(root.local))]
        while stack:
            folder, entries = stack[-1]
            try:
                entry = next(entries, None)
            except OSError as error:
                entry = None
                yield _broken(folder.local, Trouble.UNREADABLE, f"the folder cannot be read: {error.strerror}")
            if entry is None:
                stack.pop()
                continue
            found = self._look_at(entry, folder, folder.inside + entry.name)
            if isinstance(found, _Folder):
                stack.append((found, _entries_of(found.local)))
            elif found is not None:
                yield found

    def _look_at(self, entry: os.DirEntry[str], folder: _Folder, inside: str) -> Input | _Folder | None:
        """Return what an entry is: an input, a folder to go into, or nothing that was asked for."""
        matched = inside.encode("utf-8", "backslashreplace").decode()
        try:
            status = entry.stat(follow_symlinks=self._follow_links)
        except OSError as error:
            if not self._patterns.takes_file(matched):
                return None
            what = "the link leads nowhere" if entry.is_symlink() else "it cannot be looked at"
            return _broken(entry.path, Trouble.UNREADABLE, f"{what}: {error.strerror}")
        if stat.S_ISDIR(status.st_mode):
            return self._folder(entry.path, folder, inside, status) if self._patterns.enters_folder(matched) else None
        return self._file(entry.path, inside, status) if self._patterns.takes_file(matched) else None

    def _folder(self, path: str, above: _Folder, inside: str, status: os.stat_result) -> BrokenInput | _Folder:
        if status.st_ino and _place(status) in above.places:  # Windows says 0 here
            return _broken(path, Trouble.SYMBOLIC_LINK, "the link leads back to a folder above it")
        return _Folder(path, f"{inside}/", (*above.places, _place(status)))

    def _file(self, file: str, inside: str, status: os.stat_result) -> Input:
        if stat.S_ISLNK(status.st_mode):
            return _broken(file, Trouble.SYMBOLIC_LINK, "it is a symbolic link, and those are not followed")
        if not stat.S_ISREG(status.st_mode):
            kind = next((words for is_kind, words in _SPECIAL if is_kind(status.st_mode)), "something special")
            return _broken(file, Trouble.SPECIAL_FILE, f"it is {kind}, not a regular file")
        return self._item(file, inside, status)

    def _item(self, file: str, inside: str, status: os.stat_result) -> Input:
        try:
            path = file_destination(join(self._destination, inside))
        except DestinationError as error:
            trouble = Trouble.DESTINATION if _is_unicode(inside) else Trouble.NAME_NOT_UNICODE
            return _broken(file, trouble, error.message)
        return UploadItem(file=file, path=path, identity=SourceIdentity.of(status))


def _entries_of(folder: str) -> Generator[os.DirEntry[str]]:
    """Yield what is in a folder: files by name, then folders by name. It is open until its files are through."""
    folders: list[os.DirEntry[str]] = []
    with os.scandir(folder) as found:
        while run := list(islice(found, SORTED_AT_ONCE)):
            run.sort(key=_name_of)
            folders += (entry for entry in run if _leads_to_folder(entry))
            yield from (entry for entry in run if not _leads_to_folder(entry))
    yield from sorted(folders, key=_name_of)


def _name_of(entry: os.DirEntry[str]) -> str:
    return entry.name


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _place(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _broken(file: str, trouble: Trouble, reason: str) -> BrokenInput:
    return BrokenInput(name=_name(file), trouble=trouble, reason=printable(reason))


def _name(file: str) -> str:
    """Return a file's name for people: never cut, because it is what tells one record from another."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in file)
