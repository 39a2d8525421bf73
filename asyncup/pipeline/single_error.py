"""One exception out of a group: a caller of `upload` catches `AsyncupError`, never an `ExceptionGroup`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asyncup.errors import AsyncupError

__all__ = ["forget_session", "naming_session", "raise_single_error"]


@contextmanager
def raise_single_error(path: str) -> Iterator[None]:
    """Raise the one exception of a group that tells what went wrong, and say which file it was about.

    A bug, or an exception of the caller's event hook, comes before an `AsyncupError`: it must not be hidden.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error = _most_telling(list(_leaves(group)))
        if isinstance(error, AsyncupError):
            error.locate(path=path)
        try:
            # Without the group around it, but with what the error itself names as its cause.
            raise error from error.__cause__
        finally:
            # Its traceback holds this frame: a circle, in which buffers would wait for the garbage collector.
            del error
    except AsyncupError as error:
        error.locate(path=path)
        raise


@contextmanager
def naming_session(session_id: str) -> Iterator[None]:
    """Say on every exception that passes which upload session it leaves open."""
    try:
        yield
    except BaseExceptionGroup as group:
        for error in _leaves(group):
            if isinstance(error, AsyncupError):
                error.locate(session_id=session_id)
        raise
    except AsyncupError as error:
        error.locate(session_id=session_id)
        raise


def forget_session(group: BaseExceptionGroup[BaseException]) -> None:
    """Take back from every exception what `naming_session` said: the upload session is no more."""
    for error in _leaves(group):
        if isinstance(error, AsyncupError):
            error.session_id = None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _most_telling(errors: list[BaseException]) -> BaseException:
    unexpected = [error for error in errors if not isinstance(error, AsyncupError)]
    return (unexpected or errors)[0]
