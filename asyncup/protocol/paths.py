"""Paths in file staging: what a caller may ask for, and how it is written into a URL.

Documented (about paths): a leading slash is optional on input and always there in answers. Seen: each segment of a URL
path is percent-encoded, while form fields carry the path as it is; folder paths come with or without a trailing slash.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, urlsplit

from asyncup.errors import ConfigurationError, DestinationError

__all__ = [
    "file_destination",
    "is_inside",
    "join",
    "name_of",
    "next_page_target",
    "parent_of",
    "same_path",
    "url_path",
    "url_segment",
]


def file_destination(destination: str) -> str:
    """Return `destination` as an absolute staging path that names a file.

    Raises:
        DestinationError: it is empty, ends in a slash, or holds an empty, `.` or `..` segment, a control character or
            a backslash. Vault takes the last for a slash (seen in other clients): the file would be somewhere else.
    """
    if not destination.strip("/"):
        raise DestinationError(destination, "has no file name")
    if destination.endswith("/"):
        raise DestinationError(destination, "ends in a slash, so it has no file name")
    if any(ord(character) < ord(" ") or character == "\x7f" for character in destination):
        raise DestinationError(destination, "holds a control character")
    if "\\" in destination:
        raise DestinationError(destination, "holds a backslash, which Vault takes for a slash")
    segments = destination.removeprefix("/").split("/")
    _refuse_segments(destination, segments, "", ".", "..")
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


def is_inside(path: str, folder: str) -> bool:
    """Tell whether a staging path is below a folder.

    Whether Vault tells upper from lower case, and one Unicode form from another, is unknown: neither counts here.
    """
    return _folded(path).startswith(_folded(folder).rstrip("/") + "/") and not same_path(path, folder)


def url_path(path: str) -> str:
    """Return a staging path for use inside a URL: every segment percent-encoded, without outer slashes.

    Raises:
        DestinationError: a segment is `.` or `..`, which would lead to another endpoint or another user's folder, or
            is not Unicode.
    """
    segments = path.strip("/").split("/")
    _refuse_segments(path, segments, ".", "..")
    return "/".join(quote(segment, safe="") for segment in segments)


def url_segment(text: str) -> str:
    """Return an id as one segment of a URL: it cannot lead to another endpoint.

    Raises:
        ConfigurationError: it is empty, `.` or `..`, which no encoding keeps apart from the path's own.
    """
    if text in ("", ".", ".."):
        raise ConfigurationError(f"{text!r} cannot be an id in Vault")
    return quote(text, safe="", errors="replace")


def next_page_target(next_page: str, api_root: str) -> str:
    """Return the path and query of `next_page`, to be asked of the Vault that gave it.

    Three shapes are seen: a full URL, `/api/vX/...`, and a path relative to the version. Only path and query are
    taken from a full URL: the login is never carried to another host. `api_root` is such as "/api/v25.2".

    Raises:
        ValueError: it is no URL.
    """
    parts = urlsplit(next_page)
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    if not path.startswith("/api/"):
        path = f"{api_root}{path}"
    return f"{path}?{parts.query}" if parts.query else path


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", "/" + path.strip("/")).casefold()


def _refuse_segments(path: str, segments: list[str], *odd_ones: str) -> None:
    for odd in odd_ones:
        if odd in segments:
            raise DestinationError(path, f"holds the segment {odd!r}")
    try:
        path.encode()
    except UnicodeEncodeError:
        # A file name on disk that is not UTF-8 comes as such text.
        raise DestinationError(path, "is not Unicode") from None
