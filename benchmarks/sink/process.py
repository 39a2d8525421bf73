"""Starts the sink in a process of its own, and asks it how much CPU it has used. Must not know how it works."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.own_process import until_left

__all__ = ["Sink", "running_sink"]


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink.

    Attributes:
        plain_url: where it speaks HTTP.
        tls_url: where it speaks HTTPS.
        authority: the file with the authority that a client must trust.
    """

    plain_url: str
    tls_url: str
    authority: Path

    def url(self, *, tls: bool) -> str:
        """Return where to connect."""
        return self.tls_url if tls else self.plain_url

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used so far."""
        connection = http.client.HTTPConnection(self.plain_url.removeprefix("http://"))
        with contextlib.closing(connection):
            connection.request("GET", "/sink/usage")
            return float(json.load(connection.getresponse())["cpu_s"])


@contextmanager
def running_sink(*, check_md5: bool = False, answer_delay_s: float = 0.0) -> Iterator[Sink]:
    """Run a sink while inside.

    Args:
        check_md5: compute every part's MD5, and refuse a part that has another one than its Content-MD5.
        answer_delay_s: seconds between a part's last byte and its answer.
    """
    settings = json.dumps({"check_md5": check_md5, "answer_delay_s": answer_delay_s})
    with until_left("benchmarks.sink", settings) as line:
        told = json.loads(line)
        yield Sink(f"http://127.0.0.1:{told['plain']}", f"https://127.0.0.1:{told['tls']}", Path(told["authority"]))
