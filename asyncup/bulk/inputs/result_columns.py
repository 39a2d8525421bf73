"""The shape of a result line, known to its writer and to the readers that take results as a manifest. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["RESULT_COLUMNS", "RESULT_MARK", "RESULT_VERSION", "told_by_result"]

RESULT_MARK: Final = "asyncup"
"""The first key of a result line, which no further column of a manifest has: its value is `RESULT_VERSION`."""

RESULT_VERSION: Final = "result 1"

RESULT_COLUMNS: Final = (
    RESULT_MARK,
    "row",
    "state",
    "file",
    "path",
    "size",
    "expected_size",
    "md5",
    "overwrite",
    "md5s",
    "parts",
    "attempts",
    "seconds",
    "calls",
    "bytes_written",
    "session_id",
    "leftover",
    "mtime_ns",
    "job_id",
    "error_type",
    "error",
)
"""The columns of `results.csv`, before the further ones; and the keys of `results.jsonl`, before `columns`."""


def told_by_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says about the input: `size` is what was found then, `expected_size` what was asked for."""
    return {
        "file": result.get("file"),
        "path": result.get("path"),
        "size": result.get("expected_size"),
        "md5": result.get("md5"),
        "overwrite": result.get("overwrite"),
    }
