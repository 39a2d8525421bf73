"""Which fault can happen at which endpoint: a pair that cannot is no fault that a script may name.

Without this, a scripted fault could strike, count as consumed, and change nothing: a test that proves nothing. Must
not know how a fault is carried out. What is not in the table can happen anywhere.
"""

from collections.abc import Mapping
from types import MappingProxyType

from .endpoints import NEEDS_NO_LOGIN, NEEDS_SESSION, Endpoint

_TAKES_FILE = frozenset({Endpoint.PUT_PART, Endpoint.CREATE_ITEM})
_TAKES_BODY = _TAKES_FILE | {
    Endpoint.AUTH,
    Endpoint.OAUTH,
    Endpoint.DISCOVERY,
    Endpoint.CREATE_TOKEN,
    Endpoint.CREATE_SESSION,
    Endpoint.MOVE_ITEM,
    Endpoint.CANCEL_JOBS,
}
_STARTS_JOB = frozenset({Endpoint.COMMIT, Endpoint.MOVE_ITEM, Endpoint.DELETE_ITEM, Endpoint.LIST_ITEMS})

PLACES: Mapping[str, frozenset[Endpoint]] = MappingProxyType(
    {
        "slow-read": _TAKES_FILE,
        "reset-during": _TAKES_BODY,
        "flip-byte": _TAKES_FILE | {Endpoint.DOWNLOAD},
        "flip-stored": _TAKES_FILE,
        "expire-login": frozenset(Endpoint) - NEEDS_NO_LOGIN - {Endpoint.UNKNOWN},
        "lose-session": NEEDS_SESSION,
        "job-fails": _STARTS_JOB,
        "job-slow": _STARTS_JOB,
    }
)
"""Where a fault changes anything, by its name; one that is not here can happen anywhere."""


def can_happen(do: str, endpoint: str) -> bool:
    """Tell whether a fault changes anything at an endpoint."""
    return do not in PLACES or endpoint in PLACES[do]
