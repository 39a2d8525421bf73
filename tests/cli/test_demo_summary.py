"""The demo's last words."""

import io
import sys

import pytest
from rich.console import Console

from asyncup import UploadedFile
from asyncup.cli.demo_summary import DemoResult, peak_memory, show_summary
from asyncup.events import Stage

UPLOADED = UploadedFile(
    path="demo.bin",
    destination="/u1/demo.bin",
    size=200_000_000,
    session_id="s1",
    parts=4,
    part_size=50_000_000,
    resumed_parts=0,
    md5s=("0" * 32,) * 4,
    bytes_written=200_000_000,
    elapsed_s=2.0,
    waits_s={Stage.DISK: 0.25, Stage.HASH: 0.5, Stage.WIRE: 1.0, Stage.VAULT: 0.25},
    job_id=1,
)


def shown(*, vault_md5: str = "a" * 32, peak_bytes: int | None = 123_000_000) -> str:
    result = DemoResult(
        uploaded=UPLOADED,
        source_md5="a" * 32,
        vault_md5=vault_md5,
        sending_s=0.8,
        buffers=("mapped", "copied"),
        peak_bytes=peak_bytes,
    )
    out = io.StringIO()
    show_summary(result, Console(file=out, width=100))
    return out.getvalue()


def test_a_stranger_sees_both_md5s_and_the_verdict() -> None:
    text = " ".join(shown().split())
    assert f"MD5 of the source {'a' * 32} MD5 read back {'a' * 32} equal" in text
    assert "NOT EQUAL" not in text


def test_a_difference_is_said_loudly() -> None:
    assert "NOT EQUAL" in shown(vault_md5="b" * 32)


def test_the_figures() -> None:
    text = shown()
    assert "200.0 MB in 4 parts" in text
    assert "250.0 MB/s, 0.80 s for the parts" in text
    assert "2.00 s, with the commit" in text
    assert "disk 0.25 s, hash 0.50 s, wire 1.00 s, vault 0.25 s" in text
    assert "mapped, then copied" in text
    assert "123.0 MB" in text
    assert "not known" in shown(peak_bytes=None)


@pytest.mark.skipif(sys.platform == "win32", reason="nobody tells there")
def test_the_peak_memory_is_in_bytes() -> None:
    peak = peak_memory()
    assert peak is not None
    assert 10_000_000 < peak < 10_000_000_000
