"""Runs workloads: clients in turn, each in a process of its own, against a sink in a process of its own.

Must not know what the figures mean.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clients import CLIENTS, REPOSITORY, missing
from benchmarks.files import evict, make_file, make_files
from benchmarks.job import Job
from benchmarks.own_process import until_left
from benchmarks.sink.process import Sink, running_sink
from benchmarks.workloads import Link, Workload

__all__ = ["ClientFailed", "Run", "Runner", "Series"]

_WITHIN_S = 600.0
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class ClientFailed(Exception):
    """A client did not do its job; `str()` has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One client's one run. `round` counts from 1; what ran in the same round can be compared as a pair."""

    client: str
    round: int
    seconds: float
    cpu_s: float
    sink_cpu_s: float
    peak_rss_bytes: int


@dataclass(slots=True)
class Series:
    """All runs of a workload, and who could not run and why."""

    workload: Workload
    runs: list[Run] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def of(self, client: str) -> list[Run]:
        """Return a client's runs, in order."""
        return [run for run in self.runs if run.client == client]


class Runner:
    """Runs clients on files that it makes. Use `opened`.

    Args:
        folder: where files are made.
        say: told of every step.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._numbers = itertools.count()
        self._warm: set[Path] = set()
        self._sinks = ExitStack()
        self._sink_by_delay: dict[float, Sink] = {}
        self._line_by_link: dict[tuple[Link, bool], str] = {}

    @classmethod
    @contextmanager
    def opened(cls, folder: Path | None, say: Callable[[str], None]) -> Iterator[Runner]:
        """Return a runner, whose files and sinks are gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="asyncup-bench-", dir=folder) as own:
            runner = cls(Path(own), say)
            with runner._sinks:
                yield runner

    def series(self, workload: Workload) -> Series:
        """Run a workload: one run to warm up, then its rounds, each with all clients in turn.

        Every run is a new process, so what one run can warm is the page cache: one client does it for all, and one
        workload for the others with the same file. Over a link nothing is warmed up: it is slower than everything that
        a first run could be slow at.
        """
        series = Series(workload)
        wanted = (*workload.clients, *workload.rotating)
        series.missing = {name: why for name in wanted if (why := missing(name)) is not None}
        always = [name for name in workload.clients if name not in series.missing]
        rotating = [name for name in workload.rotating if name not in series.missing]
        path = self.source(workload)
        warm = workload.link is not None or path in self._warm
        for round_ in range(1 if warm else 0, workload.rounds + 1):
            now = [*always, *rotating[round_ - 1 :: workload.rounds]] if round_ else always[:1]
            for client in now:
                run = self.run(client, workload, path, round_)
                if round_:
                    series.runs.append(run)
                    self._say(f"{workload.name}: {client}: {workload.total / run.seconds / 1e9:.2f} GB/s")
        self._warm.add(path)
        return series

    def run(
        self,
        client: str,
        workload: Workload,
        path: Path,
        round_: int = 1,
        *,
        trace: str = "",
        pythonpath: Path | None = None,
    ) -> Run:
        """Run one client once.

        Args:
            client: its name.
            workload: what it is to do.
            path: from `source`.
            round_: the round that the run belongs to.
            trace: where asyncup writes its events.
            pythonpath: where asyncup is imported from, in place of this repository.

        Raises:
            ClientFailed: it did not do its job.
        """
        sink = self._sink(workload)
        if workload.cold:
            evict(path)
            self._warm.discard(path)
        does = CLIENTS[client]
        job = Job(
            url=self._url(sink, workload),
            session_id=f"bench-{workload.size}-{next(self._numbers)}",
            path=str(path),
            size=workload.size,
            part_size=workload.part_size,
            md5=workload.md5 if does.hashes is None else does.hashes,
            authority=str(sink.authority) if workload.tls else "",
            lanes=workload.lanes,
            threads=1 if client == "MD5, 1 thread" else 0,
            trace=trace,
            send_buffer=does.send_buffer,
        )
        before = sink.cpu_s()
        took = self._start(client, job, pythonpath)
        return Run(client, round_, took["seconds"], took["cpu_s"], sink.cpu_s() - before, int(took["peak_rss_bytes"]))

    def _start(self, name: str, job: Job, pythonpath: Path | None) -> Mapping[str, float]:
        client = CLIENTS[name]
        paths = [str(path) for path in (pythonpath, REPOSITORY) if path is not None]
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        environment |= dict.fromkeys(_TRUST, job.authority) if job.authority else {}
        command = [client.python, "-m", client.module, job.as_json()]
        ended = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False, timeout=_WITHIN_S
        )
        if ended.returncode:
            raise ClientFailed(f"{name} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        took: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
        return took

    def source(self, workload: Workload) -> Path:
        """Return the file, or the folder of files, of a workload; the same for those of one size."""
        kind = "sparse" if workload.sparse else "random"
        path = self._folder / f"{workload.size}-{kind}-{workload.files}"
        if path.exists():
            return path
        if workload.files > 1:
            make_files(path, workload.files, workload.size)
        else:
            make_file(path, workload.size, sparse=workload.sparse)
        return path

    def _sink(self, workload: Workload) -> Sink:
        delay_s = 0.0 if workload.link is None else workload.link.server_s
        if delay_s not in self._sink_by_delay:
            self._sink_by_delay[delay_s] = self._sinks.enter_context(running_sink(answer_delay_s=delay_s))
        return self._sink_by_delay[delay_s]

    def _url(self, sink: Sink, workload: Workload) -> str:
        direct, link = sink.url(tls=workload.tls), workload.link
        if link is None:
            return direct
        if (link, workload.tls) not in self._line_by_link:
            scheme, _, server = direct.partition("://")
            told = self._sinks.enter_context(
                until_left(
                    "asyncup.emulator.tcp_proxy",
                    *("--to", server),
                    *("--round-trip-ms", f"{link.round_trip_s * 1e3:g}"),
                    *("--bandwidth", f"{link.bytes_per_s / 1e6:g}MB/s"),
                )
            )
            self._line_by_link[link, workload.tls] = f"{scheme}://{told.rpartition(' ')[2]}"
        return self._line_by_link[link, workload.tls]
