"""What can be wrong with a bulk run as a whole. One bad file is never an exception: it is a record.

All of them are `ConfigurationError`s: nothing of theirs was sent, and a person has to change something first. Must not
know policy.
"""

from __future__ import annotations

from asyncup.errors import ConfigurationError

__all__ = ["JournalInUse", "JournalMismatch", "JournalUnusable", "ManifestError", "PatternError"]


class ManifestError(ConfigurationError):
    """The manifest as a whole cannot be read: it is missing, or its first line does not name the columns."""


class PatternError(ConfigurationError):
    """A pattern of files to take or to leave out makes no sense."""


class JournalUnusable(ConfigurationError):
    """The file is no journal of ours, is newer than this program, or cannot be read or written."""


class JournalInUse(ConfigurationError):
    """Another run has the journal open."""


class JournalMismatch(ConfigurationError):
    """The journal tells of another run: of another source, another destination, or other rows."""
