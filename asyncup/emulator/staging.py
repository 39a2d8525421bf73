"""The tree of folders and files on file staging: what exists, and what may be put where.

Must not know bytes, HTTP or time: sizes and instants are arguments. Paths are in `paths`' inner
form. Folder creation is not recursive, and its error text is a real Vault's (vault-api.md 2.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .paths import is_inside, key, name_of, parent_of, split
from .refusal import Refusal
from .switches import Switches


@dataclass(slots=True)
class File:
    name: str
    size: int
    modified_at: float


@dataclass(slots=True)
class Folder:
    name: str
    items: dict[str, "Folder | File"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a listing. Folders have neither size nor date (documented)."""

    path: str
    name: str
    file: File | None


class Staging:
    """All items of one Vault."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._root = Folder("")

    def find(self, path: str) -> Folder | File | None:
        at: Folder | File = self._root
        for name in split(path):
            if not isinstance(at, Folder):
                return None
            found = at.items.get(key(name, self._switches))
            if found is None:
                return None
            at = found
        return at

    def spelled(self, path: str) -> str:
        """The path with the spelling of those items of it that exist.

        Where case or normalisation do not matter, it may be asked for in another one.
        """
        at: Folder | File | None = self._root
        names = split(path)
        for index, name in enumerate(names):
            at = at.items.get(key(name, self._switches)) if isinstance(at, Folder) else None
            if at is None:
                break
            names[index] = at.name
        return "/" + "/".join(names)

    def need(self, path: str) -> Folder | File:
        found = self.find(path)
        if found is None:
            # The answer for an item that is not there is unknown (vault-api.md 2.1).
            raise Refusal(self._switches.type_item_missing, f"The item [{path}] cannot be found")
        return found

    def need_parent(self, path: str) -> Folder:
        parent = self.find(parent_of(path))
        if not isinstance(parent, Folder):
            # The text is a real Vault's, the type beside it is unknown.
            shown = parent_of(path).rstrip("/") + "/"
            raise Refusal(self._switches.type_item_missing, f"The parent folder [{shown}] cannot be found")
        return parent

    def refuse_collision(self, path: str, *, overwrite: bool) -> None:
        """Raise ITEM_NAME_EXISTS (documented); a folder is never overwritten by a file (a guess)."""
        there = self.find(path)
        if there is not None and (not overwrite or isinstance(there, Folder)):
            raise Refusal("ITEM_NAME_EXISTS", f"An item named [{name_of(path)}] already exists")

    def make_folder(self, path: str) -> None:
        parent = self.need_parent(path)
        self.refuse_collision(path, overwrite=False)
        self._put(parent, Folder(name_of(path)))

    def make_folders(self, path: str) -> None:
        """Make the folder and all above it, whichever are missing."""
        at = ""
        for name in split(path):
            at += f"/{name}"
            if self.find(at) is None:
                self.make_folder(at)

    def put_file(self, path: str, size: int, now: float, *, overwrite: bool) -> None:
        parent = self.need_parent(path)
        self.refuse_collision(path, overwrite=overwrite)
        self._put(parent, File(name_of(path), size, now))

    def refuse_move(self, source: str, target: str) -> None:
        self.need(source)
        if is_inside(target, source) and target != source:
            raise Refusal("INVALID_DATA", "A folder cannot be moved into itself")
        self.need_parent(target)
        if self.find(target) is not self.find(source):
            self.refuse_collision(target, overwrite=False)

    def move(self, source: str, target: str) -> None:
        item = self.need(source)
        del self.need_parent(source).items[key(name_of(source), self._switches)]
        item.name = name_of(target)
        self._put(self.need_parent(target), item)

    def refuse_delete(self, path: str, *, recursive: bool) -> None:
        item = self.need(path)
        if path == "/":
            raise Refusal("OPERATION_NOT_ALLOWED", "The root folder cannot be deleted")
        if isinstance(item, Folder) and item.items and not recursive:
            # Documented rule, guessed type.
            raise Refusal("OPERATION_NOT_ALLOWED", f"The folder [{path}] is not empty")

    def delete(self, path: str) -> None:
        del self.need_parent(path).items[key(name_of(path), self._switches)]

    def rows(self, path: str, *, recursive: bool) -> Iterator[Row]:
        """What is in a folder, by name, each folder before what is in it.

        A path that is a file gives that file (a guess).
        """
        waiting = self._first_rows(path)
        while waiting:
            at, item = waiting.pop()
            if isinstance(item, File):
                yield Row(at, item.name, item)
                continue
            if not recursive or self._switches.recursive_folders:
                yield Row(at, item.name, None)
            if recursive:
                waiting.extend(_children(at, item))

    def _first_rows(self, path: str) -> list[tuple[str, Folder | File]]:
        """The items a listing starts from, the last one first."""
        siblings: list[tuple[str, Folder | File]] = []
        if self._switches.list_match == "prefix" and path != "/":
            around = _children(parent_of(path), self.need_parent(path))
            siblings = [(at, item) for at, item in around if at.startswith(path) and at != path]
        item = self.find(path) if siblings else self.need(path)
        if isinstance(item, Folder):
            return siblings + _children(path, item)
        return [*siblings, (path, item)] if item else siblings

    def total_bytes(self) -> int:
        """What all files together have."""
        return sum(row.file.size for row in self.rows("/", recursive=True) if row.file)

    def _put(self, parent: Folder, item: Folder | File) -> None:
        parent.items[key(item.name, self._switches)] = item


def _children(path: str, folder: Folder) -> list[tuple[str, Folder | File]]:
    """What is in a folder with its paths, in falling order of names: a stack to pop from."""
    base = path.rstrip("/")
    items = sorted(folder.items.items(), reverse=True)
    return [(f"{base}/{item.name}", item) for _, item in items]
