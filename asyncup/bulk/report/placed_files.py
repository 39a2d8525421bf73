"""The files that a run brought to Vault or found there, from its `results.jsonl`: what is to be verified afterwards.

Must not know how they are verified.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from typing import Any

from asyncup.bulk.inputs.in_thread import in_thread
from asyncup.bulk.inputs.item import Input, UploadItem
from asyncup.bulk.inputs.jsonl_manifest import json_object
from asyncup.bulk.inputs.text_lines import LineReader, open_lines
from asyncup.bulk.report.results import PLACED

__all__ = ["read_placed"]


def read_placed(path: str | os.PathLike[str]) -> AsyncGenerator[Input]:
    """Yield what a `results.jsonl` of ours says is in Vault; close it when it is not read to the end."""
    return in_thread(_placed(path))


def _placed(path: str | os.PathLike[str]) -> Generator[Input]:
    with open_lines(path) as file:
        for line in LineReader(file):
            result = json_object(line)
            if result["state"] in PLACED:
                yield _item(result)


def _item(result: dict[str, Any]) -> UploadItem:
    md5s = result["md5s"]
    # The MD5s of several parts are not that of the file.
    md5 = md5s[0] if len(md5s) == 1 else result["md5"]
    return UploadItem(file=result["file"], path=result["path"], size=result["size"], md5=md5, row=result["row"])
