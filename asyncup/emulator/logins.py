"""Who may call: users, tokens, and the sessions that a login opens.

Must not know HTTP beyond the text of an `Authorization` header, nor time or randomness: instants
and new ids are arguments. "Login" here is always Vault's API session, never an upload session.
Error types are documented (vault-api.md 3 and 4) unless marked as guesses.
"""

from collections import Counter
from dataclasses import dataclass

from .config import EmulatorConfig, Standing, User
from .refusal import LoginRefusal, Refusal
from .switches import Switches

TOKENS_MAX = 25
"""API access tokens that one user may have (documented)."""
REFUSED_STANDINGS: dict[Standing, tuple[str, str]] = {
    "inactive": ("INACTIVE_USER", "The user is inactive"),
    "locked": ("USER_LOCKED_OUT", "The user is locked out"),
    "password-expired": ("PASSWORD_CHANGE_REQUIRED", "The password must be changed"),
    # A guess: it is known that such users cannot use a password, not what the answer is.
    "sso": ("USERNAME_OR_PASSWORD_INCORRECT", "The user logs in with single sign-on"),
}


@dataclass(slots=True)
class Login:
    id: str
    user_id: int
    opened_at: float
    last_used_at: float


def bare(authorization: str) -> str:
    """What an `Authorization` header carries: bare or `Bearer`, both are good (documented)."""
    given = authorization.strip()
    return given[7:].strip() if given[:7].lower() == "bearer " else given


class Logins:
    """The users of one Vault and the logins and tokens that are good at the moment."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._switches: Switches = config.switches
        self._users = {user.id: user for user in config.users}
        self._by_name = {user.name: user for user in config.users}
        self._fixed_tokens = config.all_tokens()
        self._idp_tokens = dict(config.idp_tokens)
        self._wrong_passwords: Counter[int] = Counter()
        self._refuse_once: set[str] = set()
        self.open_logins: dict[str, Login] = {}
        self.created_tokens: dict[str, tuple[int, float]] = {}
        """API access tokens made by a call: their user and when they run out."""

    def log_in(self, name: str, password: str, now: float, new_id: str) -> Login:
        if not password:
            raise LoginRefusal("NO_PASSWORD_PROVIDED", "No password was provided for the login call")
        user = self._by_name.get(name)
        if user is None:
            raise _wrong()
        limit = self._switches.lockout_after
        if limit and self._wrong_passwords[user.id] >= limit:
            raise LoginRefusal(*REFUSED_STANDINGS["locked"])
        if user.standing in REFUSED_STANDINGS:
            raise LoginRefusal(*REFUSED_STANDINGS[user.standing])
        if user.password != password:
            self._wrong_passwords[user.id] += 1
            raise _wrong()
        self._wrong_passwords[user.id] = 0
        return self._open(user, now, new_id)

    def log_in_by_idp(self, authorization: str, now: float, new_id: str) -> Login:
        """A login for what an identity provider issued (the refusal's type is a guess)."""
        user_id = self._idp_tokens.get(bare(authorization))
        if user_id is None:
            raise LoginRefusal("INSUFFICIENT_ACCESS", "The access token is not valid")
        return self._open(self._users[user_id], now, new_id)

    def who(self, authorization: str, now: float) -> User:
        """The caller behind an `Authorization` header; the call refreshes the login."""
        given = bare(authorization)
        user_id = self._user_of(given, now)
        if user_id is None or user_id not in self._users:
            raise Refusal("INVALID_SESSION_ID", "Invalid or expired session ID.")
        user = self._users[user_id]
        if user.standing == "no-api":
            # The text is documented: the login succeeds, every later call does not.
            raise Refusal(
                "INSUFFICIENT_ACCESS",
                f"User [{user.id}] not licensed for permission [VaultActions_API_Access].",
            )
        return user

    def end(self, authorization: str) -> None:
        self.open_logins.pop(bare(authorization), None)

    def expire(self, authorization: str) -> None:
        """For a scripted fault: the login is over; a token that runs out is refused once."""
        given = bare(authorization)
        if self.open_logins.pop(given, None) is None:
            self._refuse_once.add(given)

    def expire_all(self) -> None:
        self.open_logins.clear()

    def create_token(self, user: User, until: float, new_token: str) -> None:
        mine = [owner for owner, _ in self.created_tokens.values() if owner == user.id]
        if len(mine) >= TOKENS_MAX:
            # Documented limit, guessed type.
            raise Refusal("OPERATION_NOT_ALLOWED", f"At most {TOKENS_MAX} active tokens per user")
        self.created_tokens[new_token] = (user.id, until)

    def auth_type(self, name: str) -> str:
        user = self._by_name.get(name)
        return "sso" if user is not None and user.standing == "sso" else "password"

    def _open(self, user: User, now: float, new_id: str) -> Login:
        login = Login(new_id, user.id, now, now)
        self.open_logins[new_id] = login
        return login

    def _user_of(self, given: str, now: float) -> int | None:
        if given in self._refuse_once:
            self._refuse_once.discard(given)
            return None
        if given in self._fixed_tokens:
            return self._fixed_tokens[given]
        if given in self.created_tokens:
            owner, until = self.created_tokens[given]
            return owner if now < until else None
        login = self.open_logins.get(given)
        if login is None:
            return None
        idle, age = now - login.last_used_at, now - login.opened_at
        if idle >= self._switches.login_idle_s or age >= self._switches.login_max_s:
            del self.open_logins[given]
            return None
        login.last_used_at = now
        return login.user_id


def _wrong() -> LoginRefusal:
    return LoginRefusal(
        "USERNAME_OR_PASSWORD_INCORRECT",
        "Authentication failed: the user name or password is incorrect",
    )
