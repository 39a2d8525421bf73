"""Logins and tokens, with time as an argument."""

from dataclasses import replace
from typing import Literal

import pytest

from asyncup.emulator import EmulatorConfig, Switches, User
from asyncup.emulator.logins import Logins
from asyncup.emulator.refusal import LoginRefusal, Refusal

ANNA = User("anna", "secret", 7)
CONFIG = EmulatorConfig(token="T", users=(ANNA,), idp_tokens={"IDP": 7})


def logins(**changes: object) -> Logins:
    return Logins(replace(CONFIG, switches=Switches(**changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("authorization", ["S", "Bearer S", " bearer S ", "T", "Bearer T"])
def test_bare_and_bearer_are_both_good(authorization: str) -> None:
    found = logins()
    found.log_in("anna", "secret", 0.0, "S")
    assert found.who(authorization, 1.0) == ANNA


@pytest.mark.parametrize("authorization", ["", "Bearer", "X", "Basic S"])
def test_anything_else_is_no_session(authorization: str) -> None:
    with pytest.raises(Refusal, match=r"INVALID_SESSION_ID: Invalid or expired session ID\."):
        logins().who(authorization, 1.0)


@pytest.mark.parametrize(
    ("name", "password", "error_type"),
    [
        ("anna", "", "NO_PASSWORD_PROVIDED"),
        ("anna", "wrong", "USERNAME_OR_PASSWORD_INCORRECT"),
        ("nobody", "secret", "USERNAME_OR_PASSWORD_INCORRECT"),
    ],
)
def test_refused_logins(name: str, password: str, error_type: str) -> None:
    with pytest.raises(LoginRefusal) as refusal:
        logins().log_in(name, password, 0.0, "S")
    assert refusal.value.error_type == error_type


@pytest.mark.parametrize(
    ("standing", "error_type"),
    [
        ("inactive", "INACTIVE_USER"),
        ("locked", "USER_LOCKED_OUT"),
        ("password-expired", "PASSWORD_CHANGE_REQUIRED"),
        ("sso", "USERNAME_OR_PASSWORD_INCORRECT"),
    ],
)
def test_users_who_may_not(standing: Literal["inactive", "locked", "password-expired", "sso"], error_type: str) -> None:
    found = Logins(replace(CONFIG, users=(replace(ANNA, standing=standing),)))
    with pytest.raises(LoginRefusal) as refusal:
        found.log_in("anna", "secret", 0.0, "S")
    assert refusal.value.error_type == error_type


def test_a_user_without_the_right_logs_in_and_is_refused_everything_else() -> None:
    found = Logins(replace(CONFIG, users=(replace(ANNA, standing="no-api"),)))
    found.log_in("anna", "secret", 0.0, "S")
    with pytest.raises(Refusal, match=r"User \[7\] not licensed"):
        found.who("S", 1.0)


def test_wrong_passwords_lock_a_user_out() -> None:
    found = logins(lockout_after=2)
    for _ in range(2):
        with pytest.raises(LoginRefusal, match="INCORRECT"):
            found.log_in("anna", "wrong", 0.0, "S")
    with pytest.raises(LoginRefusal, match="USER_LOCKED_OUT"):
        found.log_in("anna", "secret", 0.0, "S")


def test_a_login_ends_when_idle_and_every_call_refreshes_it() -> None:
    found = logins(login_idle_s=10)
    found.log_in("anna", "secret", 0.0, "S")
    for now in (9.0, 18.0, 27.0):
        assert found.who("S", now) == ANNA
    with pytest.raises(Refusal):
        found.who("S", 37.0)


def test_a_login_ends_for_good_after_its_longest_life() -> None:
    found = logins(login_idle_s=10, login_max_s=15)
    found.log_in("anna", "secret", 0.0, "S")
    found.who("S", 9.0)
    with pytest.raises(Refusal):
        found.who("S", 15.0)


def test_an_ended_login_is_over_and_a_token_is_not() -> None:
    found = logins()
    found.log_in("anna", "secret", 0.0, "S")
    found.end("Bearer S")
    found.end("T")
    with pytest.raises(Refusal):
        found.who("S", 1.0)
    assert found.who("T", 1.0) == ANNA


def test_a_scripted_expiry_ends_a_login_and_refuses_a_token_once() -> None:
    found = logins()
    found.log_in("anna", "secret", 0.0, "S")
    for given in ("S", "T"):
        found.expire(given)
        with pytest.raises(Refusal):
            found.who(given, 1.0)
    with pytest.raises(Refusal):
        found.who("S", 1.0)
    assert found.who("T", 1.0) == ANNA


def test_what_an_identity_provider_issued() -> None:
    found = logins()
    assert found.log_in_by_idp("Bearer IDP", 0.0, "S").user_id == 7
    with pytest.raises(LoginRefusal):
        found.log_in_by_idp("Bearer other", 0.0, "S")


def test_created_tokens_run_out_and_are_25_at_most() -> None:
    found = logins()
    for number in range(25):
        found.create_token(ANNA, 100.0, f"t{number}")
    assert found.who("t3", 99.0) == ANNA
    with pytest.raises(Refusal):
        found.who("t3", 100.0)
    with pytest.raises(Refusal, match="25"):
        found.create_token(ANNA, 100.0, "t26")
