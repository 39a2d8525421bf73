"""The proxy that the environment names."""

import pytest

from asyncup.vault.proxy import environment_proxy

NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without a proxy."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


VAULT = "https://myvault.veevavault.com"


@pytest.mark.parametrize(
    ("named", "proxy"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://user:pw@proxy.example", "http://user:pw@proxy.example"),
        ("user:pw@proxy.example", "http://user:pw@proxy.example"),
        ("https://proxy.example", "https://proxy.example"),
    ],
)
def test_a_proxy_is_named_by_the_scheme_of_the_vault(named: str, proxy: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", named)
    assert environment_proxy(VAULT) == proxy
    assert environment_proxy("http://myvault.veevavault.com") is None
    environment.setenv("http_proxy", named)
    assert environment_proxy("http://myvault.veevavault.com") == proxy


def test_without_one_the_connection_is_direct(environment: pytest.MonkeyPatch) -> None:
    assert environment_proxy(VAULT) is None
    environment.setenv("https_proxy", "")
    assert environment_proxy(VAULT) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("myvault.veevavault.com", VAULT, True),
        (".veevavault.com", VAULT, True),
        ("veevavault.com", VAULT, True),
        ("*", VAULT, True),
        ("example.com, myvault.veevavault.com", VAULT, True),
        ("vault.com", VAULT, False),
        ("other.veevavault.com", VAULT, False),
        ("127.0.0.1", "https://127.0.0.1:9000", True),
        ("127.0.0.1:9000", "https://127.0.0.1:9000", True),
        ("127.0.0.1:9001", "https://127.0.0.1:9000", False),
        ("", VAULT, False),
    ],
)
def test_what_is_to_be_reached_directly(no_proxy: str, url: str, direct: bool, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", "http://proxy.example:3128")
    environment.setenv("no_proxy", no_proxy)
    assert (environment_proxy(url) is None) == direct
