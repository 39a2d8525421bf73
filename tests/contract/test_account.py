"""Logging in, who we are, which versions there are (Veeva's reference, "Authentication")."""

import re

import pytest

from asyncup import TokenLogin, Vault
from asyncup.errors import LoginError
from tests.contract.place import Place
from tests.contract.targets import Target


async def test_the_user_and_the_versions_are_known(place: Place, target: Target) -> None:
    user = await place.vault.who_am_i()
    assert user.id == place.user_id
    assert user.name
    assert user.home == (f"/u{user.id}" if user.sees_root else "/")
    if place.emulator is not None:
        assert (user.id, user.name) == (target.user.id, target.user.name)
        assert user.sees_root == target.user.is_admin

    versions = await place.vault.api_versions()
    assert place.vault.calls.api_root.removeprefix("/api/") in versions
    assert all(re.fullmatch(r"v\d+\.\d+", version) for version in versions)
    assert all(url.endswith(f"/api/{version}") for version, url in versions.items())

    await place.vault.keep_alive()
    assert await place.vault.who_am_i() == user


async def test_a_token_that_nobody_gave_is_refused(place: Place) -> None:
    address = place.vault._address.base_url
    async with Vault(address, TokenLogin("nobody-gave-this-token"), ssl_context=place.ssl_context) as stranger:
        with pytest.raises(LoginError) as refused:
            await stranger.who_am_i()
        assert refused.value.expired
        with pytest.raises(LoginError):
            await stranger.list_items(place.folder)
