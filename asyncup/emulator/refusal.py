"""What a Vault says no with: one exception that carries the error type and text of the answer.

Must not know HTTP: whether a refusal travels as 200 + FAILURE or as a raw status is `answers`' work.
"""


class Refusal(Exception):
    """The request is understood and not done. `error_type` is Vault's own word for why."""

    def __init__(self, error_type: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message
        self.retry_after_s = retry_after_s


class LoginRefusal(Refusal):
    """A refused login: its answer carries `errorType` beside `errors` (vault-api.md 3, documented)."""


def missing_parameter(name: str) -> Refusal:
    """The wording is Vault's own (vault-api.md 4)."""
    return Refusal("PARAMETER_REQUIRED", f"Missing required parameter [{name}]")
