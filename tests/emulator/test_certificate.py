"""Certificates for one run."""

import ssl
import sys
from pathlib import Path

import pytest

from asyncup.emulator.certificate import make_certificate


def test_the_authority_is_written_for_clients(tmp_path: Path) -> None:
    context, ca_file = make_certificate("127.0.0.1", tmp_path)
    assert isinstance(context, ssl.SSLContext)
    assert "BEGIN CERTIFICATE" in ca_file.read_text()
    assert ca_file.parent == tmp_path


def test_without_trustme_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(RuntimeError, match="pip install trustme"):
        make_certificate("127.0.0.1", tmp_path)
