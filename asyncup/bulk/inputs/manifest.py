"""A manifest: a file that lists what is to be sent, one input per row, in CSV or JSON Lines.

It is read in worker threads, no further than it is asked for, and never as a whole: a manifest of a million rows takes
the memory of a small one. Must not know the journal.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.csv_manifest import read_csv
from asyncup.bulk.inputs.in_thread import in_thread
from asyncup.bulk.inputs.item import Input
from asyncup.bulk.inputs.jsonl_manifest import read_jsonl
from asyncup.bulk.inputs.text_lines import LineReader, open_lines

__all__ = ["manifest_rows", "read_manifest"]

_JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
_CSV = frozenset({".csv", ".txt"})


def read_manifest(path: str | os.PathLike[str], *, destination: str = "/") -> AsyncGenerator[Input]:
    """Yield an input for every row; close it when it is not read to the end.

    Args:
        path: `....csv`, or JSON Lines as `....jsonl` or `....ndjson`. A relative `file` in it is in its folder.
        destination: the folder in Vault that a `path` without a leading slash is in.

    Raises:
        ManifestError: it cannot be read, or is none. Raised when the first row is asked for; later only when the disk
            fails.
    """
    return in_thread(manifest_rows(path, destination=destination))


def manifest_rows(path: str | os.PathLike[str], *, destination: str = "/") -> Generator[Input]:
    """Yield what `read_manifest` yields; blocks."""
    place = Path(path)
    name, kind = os.fspath(path), place.suffix.lower()
    if kind not in _JSON_LINES | _CSV:
        raise ManifestError(f"{name} is neither .csv nor .jsonl", hint="Name the manifest for what it holds")
    folder = os.fspath(place.absolute().parent)
    with open_lines(path) as file:
        lines = LineReader(file)
        try:
            if kind in _CSV:
                yield from read_csv(lines, name=name, folder=folder, destination=destination)
            else:
                yield from read_jsonl(lines, folder=folder, destination=destination)
        except OSError as error:
            raise ManifestError(f"{name} cannot be read: {error.strerror}", hint="Check the disk") from error
