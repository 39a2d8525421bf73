"""Numbers of bytes as people write and read them: `5242880`, `8MiB`. Knows no use of them."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["parse_bytes", "parse_rate", "show_bytes", "show_rate"]

_KILO = 1000
_DECIMAL = ("KB", "MB", "GB", "TB")
_UNITS = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", _KILO), ("iB", 1024))
    for power, letter in enumerate("KMGT", start=1)
}
_FACTORS = {unit.lower(): factor for unit, factor in _UNITS.items()}
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) *(?P<unit>[a-zA-Z]*)")


def parse_bytes(text: str) -> int:
    """Return the bytes that `text` says: a number, alone or with B, KB to TB, KiB to TiB.

    Raises:
        ValueError: it says something else, no whole number of bytes, or none at all.
    """
    match = _SIZE.fullmatch(text.strip())
    factor = _FACTORS.get(match["unit"].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a number of bytes; write 5242880, 50MB or 8MiB")
    size = Fraction(match["number"]) * factor
    if size.denominator != 1 or size < 1:
        raise ValueError(f"{text!r} is not a whole number of bytes greater than 0")
    return int(size)


def parse_rate(text: str) -> int:
    """Return the bytes per second that `text` says, such as `10MB/s`; the `/s` may be left out.

    Raises:
        ValueError: it says something else, or nothing at all.
    """
    try:
        return parse_bytes(re.sub(r" */ *s$", "", text.strip()))
    except ValueError:
        raise ValueError(f"{text!r} is not a rate; write 10MB/s or 8MiB/s") from None


def show_bytes(size: int) -> str:
    """Return `size` in decimal units (as Vault's limits are), such as `268.4 MB`."""
    if size < _KILO:
        return f"{size} B"
    power = next((p for p in range(1, len(_DECIMAL)) if round(size / _KILO**p, 1) < _KILO), len(_DECIMAL))
    return f"{size / _KILO**power:.1f} {_DECIMAL[power - 1]}"


def show_rate(size: int, seconds: float) -> str:
    """Return `size` bytes in `seconds` as megabytes per second."""
    return f"{size / seconds / 1e6:.1f} MB/s" if seconds > 0 else "- MB/s"
