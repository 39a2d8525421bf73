"""One exception out of a group: a caller of `upload` catches `AsyncupError`, never an `ExceptionGroup`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asyncup.errors import AsyncupError

__all__ = ["raise_single_error"]


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
        # Without the group around it, but with what the error itself names as its cause.
        raise error from error.__cause__
    except AsyncupError as error:
        error.locate(path=path)
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _most_telling(errors: list[BaseException]) -> BaseException:
    unexpected = [error for error in errors if not isinstance(error, AsyncupError)]
    return (unexpected or errors)[0]
