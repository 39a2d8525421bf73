"""Paths on file staging: one form inside, each user's own view outside.

Must not know the disk. Inside, a path is absolute from the staging root, starts with `/` and has
no trailing one; `/` alone is the root. Admins use that form; everybody else is rooted in `/u{id}`
(vault-api.md 7, documented).
"""

import unicodedata

from .config import User
from .refusal import Refusal
from .switches import Switches


def split(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def parent_of(path: str) -> str:
    return path.rsplit("/", 1)[0] or "/"


def name_of(path: str) -> str:
    return path.rsplit("/", 1)[1]


def is_inside(path: str, folder: str) -> bool:
    return folder in {"/", path} or path.startswith(folder + "/")


def resolve(given: str, user: User, switches: Switches) -> str:
    """The inner form of what a user wrote; the leading slash is optional (documented).

    Raises:
        Refusal: a name that cannot be one. Types and limits are guesses: none is documented.
    """
    if switches.backslash_separates:
        given = given.replace("\\", "/")
    segments = split(given)
    for name in segments:
        check_name(name, switches)
    path = ("" if user.is_admin else user.home) + "".join(f"/{name}" for name in segments)
    if len(path.encode()) > switches.path_max_bytes:
        raise Refusal("INVALID_DATA", f"The path is longer than {switches.path_max_bytes} bytes")
    return path or "/"


def check_name(name: str, switches: Switches) -> None:
    """Refuse what cannot name an item (guesses; only the 218 bytes are documented, and for FTP)."""
    if name in {"", ".", ".."} or "/" in name or any(ord(c) < ord(" ") for c in name):
        raise Refusal("INVALID_DATA", f"Invalid item name [{name!r}]")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise Refusal("INVALID_DATA", f"Invalid item name [{name!r}]") from None
    if length > switches.name_max_bytes:
        raise Refusal("INVALID_DATA", f"The name [{name}] is longer than {switches.name_max_bytes} bytes")


def as_seen_by(user: User, path: str) -> str:
    """The path in a user's own view."""
    if user.is_admin:
        return path
    return path.removeprefix(user.home) or "/"


def key(name: str, switches: Switches) -> str:
    """What two names must share to be the same item."""
    if switches.unicode_nfc:
        name = unicodedata.normalize("NFC", name)
    return name if switches.case_sensitive else name.casefold()
