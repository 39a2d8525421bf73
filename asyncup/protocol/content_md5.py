"""The `Content-MD5` request header, whose form Veeva names nowhere.

The reference page lists the header and says nothing of its encoding; RFC 1864 means base64, while the answer's
`part_content_md5` is lower-case hex (documented sample). So "auto" tries base64, then hex, then none, and what a Vault
took once is remembered for it. Must not know how a refusal looks on the wire: the caller says that one happened.
"""

from __future__ import annotations

import base64
import enum
from typing import Literal, assert_never

__all__ = ["ContentMd5Form", "ContentMd5Memory", "ContentMd5Policy", "header_value"]

ContentMd5Policy = Literal["auto", "base64", "hex", "off"]


class ContentMd5Form(enum.Enum):
    """How the header is written; OFF sends none."""

    BASE64 = "base64"
    HEX = "hex"
    OFF = "off"


_NEXT = {ContentMd5Form.BASE64: ContentMd5Form.HEX, ContentMd5Form.HEX: ContentMd5Form.OFF}


def header_value(digest: bytes, form: ContentMd5Form) -> str | None:
    """Return the header's value for a 16-byte MD5 digest, or None when none is sent."""
    match form:
        case ContentMd5Form.BASE64:
            return base64.b64encode(digest).decode("ascii")
        case ContentMd5Form.HEX:
            return digest.hex()
        case ContentMd5Form.OFF:
            return None
    assert_never(form)


class ContentMd5Memory:
    """What one Vault is known to take. One instance per Vault, shared by all its uploads."""

    def __init__(self) -> None:
        self._form = ContentMd5Form.BASE64
        self._proven = False

    def form_for(self, policy: ContentMd5Policy) -> ContentMd5Form:
        """Return the form to send under `policy`."""
        return self._form if policy == "auto" else ContentMd5Form(policy)

    def accepted(self, policy: ContentMd5Policy, form: ContentMd5Form) -> None:
        """Note that a part sent with `form` was acknowledged with our MD5: that form is settled."""
        if policy == "auto" and form is self._form:
            self._proven = True

    def refused(self, policy: ContentMd5Policy, form: ContentMd5Form) -> bool:
        """Note that a part sent with `form` was refused. Return True when another form is worth a try.

        Under "auto", a form that was accepted before is not doubted: then the refusal has another reason. When other
        uploads moved on to another form in the meantime, that one is worth a try.
        """
        if policy != "auto":
            return False
        if form is not self._form:
            return True
        if self._proven:
            return False
        if form not in _NEXT:
            # Without a header it is refused, too: the header was not the reason.
            self._form = ContentMd5Form.BASE64
            return False
        self._form = _NEXT[form]
        return True
