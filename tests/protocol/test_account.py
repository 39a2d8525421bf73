"""What Vault says of the login and of itself."""

import pytest
from hypothesis import given

from asyncup.errors import LoginError, MalformedAnswer, VaultError
from asyncup.protocol.account import User, read_api_versions, read_user
from asyncup.protocol.answers import Answer
from tests.protocol.json_answers import ANSWERS, failure, success
from tests.protocol.outcome import outcome_of


@given(ANSWERS)
def test_any_answer_is_a_user_or_our_exception(answer: Answer) -> None:
    user = outcome_of(lambda: read_user(answer), VaultError)
    if isinstance(user, User):
        assert type(user.id) is int
        assert user.name is None or user.name
        assert user.home.startswith("/")


@given(ANSWERS)
def test_any_answer_is_versions_or_our_exception(answer: Answer) -> None:
    versions = outcome_of(lambda: read_api_versions(answer), VaultError)
    if not isinstance(versions, VaultError):
        assert all(type(name) is type(url) is str for name, url in versions.items())


@pytest.mark.parametrize(
    ("profile", "sees_root", "home"),
    [
        ("vault_owner__v", True, "/u42"),
        ("system_admin__v", True, "/u42"),
        ("document_user__v", False, "/"),
        (None, False, "/"),
    ],
)
def test_a_users_home_depends_on_what_the_user_sees(profile: str | None, sees_root: bool, home: str) -> None:
    row = {"id": 42, "user_name__v": "me@example.com", "security_profile__v": profile}
    user = read_user(success(users=[{"user": row}]))
    assert user == User(42, "me@example.com", profile)
    assert (user.sees_root, user.home) == (sees_root, home)


@pytest.mark.parametrize("users", [None, [], {}, [{}], [{"user": {}}], [{"user": {"id": True}}], [{"user": 42}]])
def test_an_answer_without_a_user_is_malformed(users: object) -> None:
    with pytest.raises(MalformedAnswer, match="no user"):
        read_user(success(users=users))


def test_the_versions_with_their_urls() -> None:
    versions = {"v25.1": "https://v/api/v25.1", "v25.2": "https://v/api/v25.2", "odd": 5}
    assert read_api_versions(success(values=versions)) == {name: url for name, url in versions.items() if url != 5}
    with pytest.raises(MalformedAnswer, match="no versions"):
        read_api_versions(success(values=[]))


def test_a_refusal_stays_one() -> None:
    for read in (read_user, read_api_versions):
        with pytest.raises(LoginError):
            read(failure("INVALID_SESSION_ID"))
