"""Types of arguments that more than one command has, as cyclopts reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token

from asyncup.cli.durations import parse_duration
from asyncup.cli.sizes import parse_bytes

__all__ = ["Bytes", "Duration", "Flag"]


def _bytes(_: object, tokens: Sequence[Token]) -> int:
    return parse_bytes(tokens[0].value)


def _seconds(_: object, tokens: Sequence[Token]) -> float:
    return parse_duration(tokens[0].value)


Bytes = Annotated[int, Parameter(converter=_bytes, n_tokens=1, metavar="BYTES")]
"""A number of bytes, such as `50MB`."""

Duration = Annotated[float, Parameter(converter=_seconds, n_tokens=1, metavar="TIME")]
"""Seconds, written such as `24h` or `7d`."""

Flag = Annotated[bool, Parameter(show_default=False)]
"""Something that is off unless it is named."""
