"""Items in words."""

import json

import pytest

from asyncup.cli.listing_view import item_as_json, item_as_line, item_as_long_line
from asyncup.protocol.responses import Item

FILE = Item("file", "/u1/a b.bin", 268_435_456, None, "2026-05-01T10:00:00.000Z")
FOLDER = Item("folder", "/u1/sub", None, None)


@pytest.mark.parametrize(
    ("item", "line", "long_line"),
    [
        (FILE, "/u1/a b.bin", " 268.4 MB  2026-05-01 10:00  /u1/a b.bin"),
        (FOLDER, "/u1/sub/", "        -  -                 /u1/sub/"),
        (Item("folder", "/u1/sub/", None, None), "/u1/sub/", "        -  -                 /u1/sub/"),
        (Item("file", "/u1/\x1b[2J\n", 0, None), "/u1/\\x1b[2J\\n", "      0 B  -                 /u1/\\x1b[2J\\n"),
    ],
)
def test_lines(item: Item, line: str, long_line: str) -> None:
    assert item_as_line(item) == line
    assert item_as_long_line(item) == long_line


def test_json() -> None:
    assert json.loads(item_as_json(FILE)) == {
        "kind": "file",
        "path": "/u1/a b.bin",
        "size": 268_435_456,
        "modified_date": "2026-05-01T10:00:00.000Z",
    }
    assert json.loads(item_as_json(FOLDER))["size"] is None
