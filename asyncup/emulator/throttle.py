"""Too many calls: the burst window of the Vault, and the stricter one for logins.

Must not know HTTP, and it waits for nobody: it says how long to hold an answer back. Windows are
fixed (vault-api.md 5, documented): they begin at multiples of their length.
"""

from dataclasses import dataclass

from .refusal import LoginRefusal, Refusal
from .switches import Switches

AUTH_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left for a caller after this call."""

    limit: int
    remaining: int
    delay_ms: int


class Throttle:
    """Counts the calls of one Vault."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._used: dict[tuple[str, str], tuple[int, int]] = {}

    def call(self, user_id: int, now: float) -> Allowance | None:
        """Count one call; None when this Vault has no burst limit.

        Raises:
            Refusal: the limit is spent, in a Vault of the old kind that refuses then.
        """
        switches = self._switches
        if switches.burst == "off":
            return None
        who = str(user_id) if switches.burst_scope == "user" else ""
        used = self._count("call", who, now, switches.burst_window_s)
        over = used > switches.burst_limit
        if over and switches.burst == "refuse":
            left = switches.burst_window_s - now % switches.burst_window_s
            raise Refusal("API_LIMIT_EXCEEDED", "The API limit of this Vault is exceeded", left)
        remaining = max(0, switches.burst_limit - used)
        return Allowance(switches.burst_limit, remaining, switches.burst_delay_ms if over else 0)

    def log_in(self, name: str, host: str, now: float) -> Allowance | None:
        """Count one login of a user name at a host; None when there is no limit.

        Held back beyond half of the limit, refused beyond all of it until the next minute
        (documented; the length of the delay is a guess).
        """
        limit = self._switches.auth_burst_limit
        if limit == 0:
            return None
        used = self._count("login", f"{name}@{host}", now, AUTH_WINDOW_S)
        if used > limit:
            left = AUTH_WINDOW_S - now % AUTH_WINDOW_S
            message = f"More than {limit} logins of [{name}] in a minute"
            raise LoginRefusal("API_LIMIT_EXCEEDED", message, left)
        delay_ms = self._switches.burst_delay_ms if 2 * used > limit else 0
        return Allowance(limit, limit - used, delay_ms)

    def _count(self, kind: str, who: str, now: float, window_s: float) -> int:
        window = int(now // window_s)
        last_window, used = self._used.get((kind, who), (window, 0))
        used = used + 1 if last_window == window else 1
        self._used[kind, who] = (window, used)
        return used
