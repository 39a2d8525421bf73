"""Continuing an upload session: how many of the parts that it holds may be kept.

Theory. The server's state is the only truth; nothing is remembered locally. A session is continued behind the last
part whose MD5 is that of the local bytes, in these steps:

* The parts must be 1, 2, 3 ... with one size, which the session keeps (`upload_session.held_part_size`).
* A part that Vault lists without an MD5 proves nothing: it is sent again, and all behind it. The same number overwrites
  (documented), so what comes of it is right whatever was there.
* A part with other bytes that has parts *behind* it was acknowledged once: whoever sent the next one had compared its
  MD5. So it did not arrive damaged. The file was changed since, or is another one, or somebody else writes there:
  refused, because only a person can say which of the two is wanted.
* The *last* part may never have been acknowledged: its sender died, or was about to send it again. It is sent again.
  Not when it is the only one: then nothing shows that the session is this file's at all.

How much of that is looked at is the caller's choice, a `ResumeCheck`. Must not know files, hashing or requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from asyncup.errors import UploadSessionConflict
from asyncup.protocol.responses import HeldPart

__all__ = ["ResumeCheck", "may_be_damaged", "other_bytes", "parts_with_md5"]

ResumeCheck = Literal["all", "last", "none"]
"""Which held parts are compared with the file: every one; the last one, and every one when that one differs; none, so
that a file which was changed since is committed half old and half new."""


def parts_with_md5(held: Sequence[HeldPart]) -> Sequence[HeldPart]:
    """Return the parts before the first one that is listed without an MD5."""
    return held[: next((position for position, part in enumerate(held) if part.md5 is None), len(held))]


def may_be_damaged(part: HeldPart, held: Sequence[HeldPart]) -> bool:
    """Tell whether a part with other bytes than the file's may have arrived damaged, and so be sent again."""
    return 1 < part.number == len(held)


def other_bytes(part: HeldPart, md5: str) -> UploadSessionConflict:
    """Return the error for a held part that has other bytes than the file, whose MD5 is `md5`."""
    return UploadSessionConflict(
        f"the upload session holds other bytes in part {part.number}: MD5 {part.md5}, the file's is {md5}",
        hint="The file was changed since, or is another one: create a new upload session for it",
    ).locate(part=part.number)
