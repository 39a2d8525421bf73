"""What came of a call, as a value, for properties that look at both endings."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def outcome_of(call: Callable[[], T], refusal: type[E]) -> T | E:
    """Return what `call` returns, or the exception of that kind that it raises; any other one is raised."""
    try:
        return call()
    except refusal as error:
        return error
