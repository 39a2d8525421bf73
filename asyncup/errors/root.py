"""The root of every exception asyncup raises: one line for a person, the facts as attributes, whole in another process.

Must not know the kinds of errors.
"""

from __future__ import annotations

from typing import Self

__all__ = ["AsyncupError"]


class AsyncupError(Exception):
    """The root of everything asyncup raises on purpose. `str()` is one line for a person.

    Attributes:
        message: what failed.
        hint: what to do now, or an empty string.
        path: the local file, as the caller named it, where one is concerned.
        part: the part's number, counted from 1, where one is concerned.
        session_id: the upload session, where one is left open or was asked for.
        attempts: how often it was tried, counted from 1, where it was tried more than once.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        message = _one_line(message)
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path: str | None = None
        self.part: int | None = None
        self.session_id: str | None = None
        self.attempts: int | None = None

    def locate(
        self,
        *,
        path: str | None = None,
        part: int | None = None,
        session_id: str | None = None,
        attempts: int | None = None,
    ) -> Self:
        """Add where it happened. What an inner layer has said already is kept. Returns the exception itself."""
        self.path = path if self.path is None else self.path
        self.part = part if self.part is None else self.part
        self.session_id = session_id if self.session_id is None else self.session_id
        self.attempts = attempts if self.attempts is None else self.attempts
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # The constructors take facts, and Python's own way back from a pickle calls them with the message.
        return _from_facts, (type(self), self.message, vars(self))

    def __str__(self) -> str:
        path = _one_line(self.path or "")
        where = [path] if path and not self.message.startswith(f"{path} ") else []
        if self.part is not None:
            where.append(f"part {self.part}")
        tried = f" (tried {self.attempts} times)" if self.attempts is not None and self.attempts > 1 else ""
        line = ": ".join([*where, self.message]) + tried
        return f"{line}. {_one_line(self.hint)}" if self.hint else line


def _from_facts(kind: type[AsyncupError], message: str, facts: dict[str, object]) -> AsyncupError:
    error = kind.__new__(kind, message)
    vars(error).update(facts)
    return error


def _one_line(text: str) -> str:
    """Escape what a terminal or a log would not show as part of one line: others choose file names and messages."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
