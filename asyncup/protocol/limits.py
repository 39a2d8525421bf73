"""Vault's numbers, each with its source, in one frozen value.

Must not know who uses a limit or what happens when it is passed: see `plan`.

Sources. *Part*: Veeva's reference page "Upload to a Session" (23.3 says 2000 parts of 5 to 50 MB, 26.2 says 9616
parts of up to 52 MB). *Overview*: "Resumable Upload Sessions" of the same versions. "MB" is not defined by Veeva: its
samples use 5 242 880 bytes (5 MiB) and its own browser tool sends 52 428 800 (50 MiB), yet 9616 parts reach 500 GB
only with decimal megabytes. A part between 5 242 880 and 50 000 000 bytes is right under every reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from asyncup.errors import ConfigurationError

__all__ = ["DEFAULT_API_VERSION", "LIMITS_2000_PARTS", "LIMITS_9616_PARTS", "Limits", "limits_for"]

DEFAULT_API_VERSION = "v25.2"
"""The newest version that a recorded run against a real Vault is known of (seen)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a Vault allows. Sizes are bytes.

    Attributes:
        min_part_size: every part but the last has at least this. Documented (part): "5MB".
        preferred_part_size: the largest part that is right under every reading of "50MB". Derived.
        max_part_size: the largest part that the version's documents allow. Documented (part).
        max_parts: parts in one upload session. Documented (part).
        max_file_size: the largest `size` of an upload session. Documented (create): "500GB".
        max_item_size: the largest file in one POST to items. Documented (create item): "50MB".
        max_upload_sessions: open at once in the whole Vault. Documented (overview).
        job_poll_interval_s: least seconds between two questions for one job. Documented (retrieve job status).
    """

    min_part_size: int = 5_242_880
    preferred_part_size: int = 50_000_000
    max_part_size: int = 50_000_000
    max_parts: int = 2000
    max_file_size: int = 500_000_000_000
    max_item_size: int = 50_000_000
    max_upload_sessions: int = 50
    job_poll_interval_s: float = 10.0


LIMITS_2000_PARTS = Limits()
"""Documented for API versions up to 25.2, and still assumed by Veeva's own client for 26.1."""

LIMITS_9616_PARTS = Limits(max_parts=9616, max_part_size=52_000_000)
"""Documented for API version 26.2."""

_VERSION = re.compile(r"v([0-9]+)\.([0-9]+)")


def limits_for(api_version: str) -> Limits:
    """Return the documented limits of an API version such as "v25.2".

    Raises:
        ConfigurationError: the version is not written like that.
    """
    match = _VERSION.fullmatch(api_version)
    if match is None:
        raise ConfigurationError(
            f"API version {api_version!r} is not written like v25.2", hint="Set VEEVA_VAULT_API_VERSION"
        )
    return LIMITS_9616_PARTS if (int(match[1]), int(match[2])) >= (26, 2) else LIMITS_2000_PARTS
