r"""How a staging path is spelled on the emulator's own disk.

Must not know what is stored there. Plain names are kept as they are, so that a test finds the
bytes of `/u1/a.bin` at `<root>/files/u1/a.bin`. Odd ones are percent-encoded: `% \ : * ? " < > |`,
control characters, a final dot or space, and, unless the name is in Unicode's NFC form (some file
systems would change it), everything outside ASCII. Every spelling can be read back, and different
names never share one, except on file systems that ignore case.

A spelling that is too long for a file system is cut: each piece but the last is a folder whose name
ends in `%+`, with the next piece in it.
"""

import unicodedata
from pathlib import Path
from urllib.parse import unquote

from .paths import split

ODD = frozenset('%\\:*?"<>|') | {chr(code) for code in (*range(0x20), 0x7F)}
PIECE_BYTES = 240
CUT = "%+"


def disk_name(name: str) -> str:
    """How one staging name is spelled: one file name, or more with `/` between if it is cut."""
    composed = unicodedata.is_normalized("NFC", name)
    spelled = "".join(c if c not in ODD and (composed or c.isascii()) else _encoded(c) for c in name)
    if spelled.endswith((".", " ")):
        spelled = spelled[:-1] + _encoded(spelled[-1])
    return f"{CUT}/".join(_pieces(spelled))


def staging_path(spelled: str) -> str:
    """The staging path behind a path below the folder, with `/` between its names."""
    return "/" + unquote(spelled.replace(f"{CUT}/", ""), errors="strict")


def is_cut(file_name: str) -> bool:
    """Whether a file name is but the beginning of a spelling, and no item of its own."""
    return file_name.endswith(CUT)


def disk_path(folder: Path, path: str) -> Path:
    """Where a staging path is kept below a folder."""
    return folder.joinpath(*map(disk_name, split(path)))


def _pieces(spelled: str) -> list[str]:
    pieces, size = [""], 0
    for char in spelled:
        size += len(char.encode())
        if size > PIECE_BYTES:
            pieces.append("")
            size = len(char.encode())
        pieces[-1] += char
    return pieces


def _encoded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
