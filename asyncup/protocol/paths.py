"""Paths in file staging: what a caller may ask for, and how it is written into a URL.

Documented (about paths): a leading slash is optional on input and always there in answers. Seen: each segment of a URL
path is percent-encoded, while form fields carry the path as it is; folder paths come with or without a trailing slash.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from asyncup.errors import DestinationError

__all__ = ["file_destination", "join", "name_of", "next_page_target", "parent_of", "same_path", "url_path"]


def file_destination(destination: str) -> str:
    """Return `destination` as an absolute staging path that names a file.

    Raises:
        DestinationError: it is empty, ends in a slash, or holds an empty, `.` or `..` segment or a control character.
    """
    if not destination.strip("/"):
        raise DestinationError(destination, "has no file name")
    if destination.endswith("/"):
        raise DestinationError(destination, "ends in a slash, so it has no file name")
    if any(ord(character) < ord(" ") or character == "\x7f" for character in destination):
        raise DestinationError(destination, "holds a control character")
    segments = destination.removeprefix("/").split("/")
    for odd in ("", ".", ".."):
        if odd in segments:
            raise DestinationError(destination, f"holds the segment {odd!r}")
    return "/" + "/".join(segments)


def join(folder: str, name: str) -> str:
    """Return the path of `name` in `folder`."""
    return f"{folder.rstrip('/')}/{name}"


def name_of(path: str) -> str:
    """Return the last segment."""
    return path.rstrip("/").rpartition("/")[2]


def parent_of(path: str) -> str:
    """Return the folder that holds `path`, "/" for the root."""
    return path.rstrip("/").rpartition("/")[0] or "/"


def same_path(one: str, other: str) -> bool:
    """Tell whether two staging paths are the same, leading and trailing slashes aside."""
    return one.strip("/") == other.strip("/")


def url_path(path: str) -> str:
    """Return a staging path for use inside a URL: every segment percent-encoded, without outer slashes."""
    return "/".join(quote(segment, safe="") for segment in path.strip("/").split("/"))


def next_page_target(next_page: str, api_root: str) -> str:
    """Return the path and query of `next_page`, to be asked of the Vault that gave it.

    Three shapes are seen: a full URL, `/api/vX/...`, and a path relative to the version. Only path and query are
    taken from a full URL: the login is never carried to another host. `api_root` is such as "/api/v25.2".
    """
    parts = urlsplit(next_page)
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    if not path.startswith("/api/"):
        path = f"{api_root}{path}"
    return f"{path}?{parts.query}" if parts.query else path
