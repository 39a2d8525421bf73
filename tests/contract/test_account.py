"""Logging in, who we are, which versions there are (Veeva's reference, "Authentication")."""

import re

import pytest

from asyncup import TokenLogin, Vault
from asyncup.errors import LoginError
from tests.contract.place import Place
from tests.contract.targets import Target


async def test_the_user_is_known_by_id_and_name(place: Place, target: Target) -> None:
    user = await place.vault.who_am_i()
    assert user.id == place.user_id
    assert user.name
    assert user.home == (f"/u{user.id}" if user.sees_root else "/")
    if place.emulator is not None:
        assert (user.id, user.name) == (target.user.id, target.user.name)
        assert user.sees_root == target.user.is_admin


async def test_the_versions_have_the_one_that_is_spoken(place: Place) -> None:
    versions = await place.vault.api_versions()
    spoken = place.vault.calls.api_root.removeprefix("/api/")
    assert spoken in versions
    assert all(re.fullmatch(r"v\d+\.\d+", version) for version in versions)
    assert all(url.endswith(f"/api/{version}") for version, url in versions.items())


async def test_the_login_is_kept_alive(place: Place) -> None:
    await place.vault.keep_alive()
    assert (await place.vault.who_am_i()).id == place.user_id


async def test_a_token_that_nobody_gave_is_refused(place: Place) -> None:
    async with Vault(place.vault._address.base_url, TokenLogin("nobody-gave-this-token")) as stranger:
        with pytest.raises(LoginError) as refused:
            await stranger.who_am_i()
        assert refused.value.expired
        with pytest.raises(LoginError):
            await stranger.list_items(place.folder)
