"""Names that people give: understood, or refused without repeating what may be secret."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import ConfigurationError
from asyncup.protocol.address import VaultAddress, check_client_id, parse_address

ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs", "Cc"]), max_size=20)
LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?", fullmatch=True)


@given(st.lists(LABEL, min_size=2, max_size=4).map(".".join), st.sampled_from(["", "/", " ", "/ "]))
def test_a_dns_name_is_spoken_to_over_tls(name: str, behind: str) -> None:
    assert parse_address(f" {name}{behind}") == VaultAddress(f"https://{name.lower()}", name.lower())


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("HTTPS://localhost", "https://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("https://127.0.0.1", "https://127.0.0.1"),
        ("https://vault.example.com:8443", "https://vault.example.com:8443"),
        ("http://127.0.0.1:0", "http://127.0.0.1:0"),
    ],
)
def test_a_url_is_taken_as_it_is(address: str, base_url: str) -> None:
    assert parse_address(address) == VaultAddress(base_url, None)


def test_the_url_of_a_vault_is_as_safe_as_its_name() -> None:
    # The name is what a login is compared with: without it, files may go into another company's Vault.
    for name in ("MyVault.veevavault.com", "m1.veevavault.com", "3x.veevavault.com"):
        assert parse_address(f"https://{name}/") == parse_address(name)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "   ",
        "myvault",
        "my vault.veevavault.com",
        "-a.example.com",
        "a-.example.com",
        "a..example.com",
        "myvault.veevavault.com/api",
        "myvault.veevavault.com:443",
        "https://myvault.veevavault.com/api/v25.2",
        "https://myvault.veevavault.com?x=1",
        "https://myvault.veevavault.com#x",
        "ftp://myvault.veevavault.com",
        "https://",
        "https://user@myvault.veevavault.com",
        "https://:password@myvault.veevavault.com",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "http://a b",
        "http://a\x01b",
        "http://a\\b",
        "http://m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen.example",
        "http://\udcff.example",
    ],
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_address(address)
    assert "myvault.veevavault.com" in refused.value.hint
    assert str(refused.value).startswith(repr(address.rpartition("@")[2])), "what was given is shown, without a login"


@given(ANY_TEXT | ANY_TEXT.map("http://{}".format) | ANY_TEXT.map("https://h{}".format))
@example("http://h:0")
def test_any_text_is_understood_or_refused(address: str) -> None:
    try:
        understood = parse_address(address)
    except ConfigurationError:
        return
    assert re.fullmatch(r"https?://[!-~]+", understood.base_url)
    url = urlsplit(understood.base_url)
    assert url.hostname
    assert (url.path, url.query, url.fragment, url.username) == ("", "", "", None)
    assert parse_address(understood.base_url) == understood


@given(st.text("/?#@:%[] .", max_size=3), st.sampled_from(["@host.example", "@host.example:80", "@host/x", "@"]))
def test_credentials_in_an_address_are_refused_and_not_repeated(behind: str, host: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_address(f"https://user:s3cret{behind}{host}")
    assert all("s3cret" not in f"{error} {error.args}" for error in chain(refused.value))


def test_an_address_with_two_at_signs_shows_only_what_is_behind_the_last() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_address("https://user@corp.example:s3cret@host.example")
    assert "s3cret" not in str(refused.value)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and all that a traceback would print with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@given(ANY_TEXT | st.from_regex(r"[A-Za-z0-9._-]{0,101}\n?", fullmatch=True))
@example("x" * 100)
@example("x" * 101)
@example("name\n")
def test_a_client_id_is_what_the_documents_allow(client_id: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    if 1 <= len(client_id) <= 100 and set(client_id) <= allowed:
        assert check_client_id(client_id) == client_id
    else:
        with pytest.raises(ConfigurationError):
            check_client_id(client_id)
