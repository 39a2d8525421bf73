"""One exception out of a group: a caller of `upload` catches `AsyncupError`, never an `ExceptionGroup`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from asyncup.errors import AsyncupError

__all__ = ["forget_session", "naming_session", "only_error", "raise_as_it_was", "raise_single_error"]


@contextmanager
def raise_single_error(path: str) -> Iterator[None]:
    """Raise the one exception of a group that tells what went wrong, and say which file it was about.

    A bug, or an exception of the caller's event hook, comes before an `AsyncupError`: it must not be hidden.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        raise_as_it_was(_located(_told_by(group), path))
    except AsyncupError as error:
        error.locate(path=path)
        raise


@contextmanager
def only_error() -> Iterator[None]:
    """Raise the one exception of a group that tells what went wrong, so that it can be caught by its kind."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise_as_it_was(_told_by(group))


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


def raise_as_it_was(error: BaseException) -> NoReturn:
    """Raise an exception out of a group, and leave no trace of the group on it.

    The groups that it came through hold tracebacks, which hold buffers, for as long as somebody keeps the exception.
    """
    context, hidden = error.__context__, error.__suppress_context__
    try:
        raise error
    finally:
        error.__context__, error.__suppress_context__ = context, hidden
        # Its traceback holds this frame: a circle, which only the garbage collector would break.
        del error, context


def _located(error: BaseException, path: str) -> BaseException:
    return error.locate(path=path) if isinstance(error, AsyncupError) else error


def _told_by(group: BaseExceptionGroup[BaseException]) -> BaseException:
    told = _most_telling(list(_leaves(group)))
    _forget_tracebacks(group)
    return told


def _forget_tracebacks(group: BaseExceptionGroup[BaseException]) -> None:
    """Let go of the frames that a group came through, and of those that were cancelled for it, which hold buffers.

    `contextlib` keeps an exception in a frame that is in its traceback: only the garbage collector would break that.
    """
    left: list[BaseException] = [group]
    while left:
        each = left.pop()
        each.__traceback__ = None
        if isinstance(each, BaseExceptionGroup):
            left += [inner for inner in each.exceptions if isinstance(inner, BaseExceptionGroup)]
        if isinstance(each.__context__, BaseExceptionGroup | asyncio.CancelledError):
            left.append(each.__context__)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _most_telling(errors: list[BaseException]) -> BaseException:
    unexpected = [error for error in errors if not isinstance(error, AsyncupError)]
    return (unexpected or errors)[0]
