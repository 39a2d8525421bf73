"""What can be wrong with a bulk run as a whole. One bad file is never an exception: it is a record.

Those are `ConfigurationError`s: nothing of theirs was sent, and a person has to change something first. The last two
are about one file, and end up in its record. Must not know policy.
"""

from __future__ import annotations

from asyncup.errors import ChecksumMismatch, ConfigurationError, SizeMismatch

__all__ = [
    "JournalInUse",
    "JournalMismatch",
    "JournalUnusable",
    "ManifestError",
    "PatternError",
    "UnexpectedMd5",
    "UnexpectedSize",
]


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


class UnexpectedSize(SizeMismatch):
    """The local file has another size than the manifest says. Nothing was sent."""


class UnexpectedMd5(ChecksumMismatch):
    """The local file has another MD5 than the manifest says. Nothing was sent."""
