"""Which certificates are trusted: the checks are always on, and the operating system's store is always the one."""

import ssl
import sys

import pytest
import truststore

from asyncup.vault.trust import system_trust


def places(cafile: str | None, capath: str | None) -> ssl.DefaultVerifyPaths:
    # The stubs do not know that the first two may be None.
    return ssl.DefaultVerifyPaths(cafile, capath, "", "", "", "")  # type: ignore[arg-type]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("known", [places("/a.pem", None), places(None, "/certs"), places(None, None)], ids=str)
def test_the_store_is_the_systems_and_the_checks_are_on(
    platform: str, known: ssl.DefaultVerifyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        patch.setattr(ssl, "get_default_verify_paths", lambda: known)
        context = system_trust()
    by_openssl = platform == "linux" and (known.cafile or known.capath)
    assert isinstance(context, truststore.SSLContext) == (not by_openssl)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_here_it_is_one_that_can_be_used() -> None:
    assert system_trust().verify_mode is ssl.CERT_REQUIRED
