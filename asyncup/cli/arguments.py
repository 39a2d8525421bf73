"""Types of arguments that more than one command has, as cyclopts reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token

from asyncup.cli.sizes import parse_bytes

__all__ = ["Bytes", "Flag"]


def _bytes(_: object, tokens: Sequence[Token]) -> int:
    return parse_bytes(tokens[0].value)


Bytes = Annotated[int, Parameter(converter=_bytes, n_tokens=1, metavar="BYTES")]
"""A number of bytes, such as `50MB`."""

Flag = Annotated[bool, Parameter(show_default=False)]
"""Something that is off unless it is named."""
