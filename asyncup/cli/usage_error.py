"""Arguments that make no sense together. What one argument can tell alone, cyclopts refuses."""

__all__ = ["UsageError"]


class UsageError(Exception):
    """The command line makes no sense; `str()` is one line that says why."""
