"""A whole run as a value, to JSON and back: what tables, bars and plots are made of. Must not know how they look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import Figures, Limit
from benchmarks.roofline.model import Costs
from benchmarks.statistics import Spread
from benchmarks.workloads import Link, Workload

__all__ = ["Measured", "Report"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A workload, its roofline, each client's figures, and who is missing and why."""

    workload: Workload
    limit: Limit | None
    figures: tuple[Figures, ...]
    missing: Mapping[str, str]

    def of(self, client: str) -> Figures | None:
        """Return one client's figures, if it was measured."""
        return next((figures for figures in self.figures if figures.client == client), None)


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the benchmarks.

    Attributes:
        command: what made it.
        machine: see `machine.facts`.
        md5_one: GB/s of MD5 in one thread.
        md5_all: GB/s of MD5 with a thread for each core.
        took_s: seconds of the whole run.
        measured: one for each workload.
    """

    command: str
    machine: Mapping[str, str]
    md5_one: float
    md5_all: float
    took_s: float
    measured: tuple[Measured, ...]

    def of(self, name: str) -> Measured | None:
        """Return a workload's figures, if it was measured."""
        return next((measured for measured in self.measured if measured.workload.name == name), None)

    def as_json(self) -> str:
        """Return the report as JSON, for a file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `as_json` has written."""
        document = json.loads(text)
        return cls(**document | {"measured": tuple(map(_measured, document["measured"]))})


def _measured(document: Mapping[str, Any]) -> Measured:
    workload, limit = dict(document["workload"]), document["limit"]
    workload["link"] = workload["link"] and Link(**workload["link"])
    for name in ("clients", "rotating"):
        workload[name] = tuple(workload[name])
    return Measured(
        Workload(**workload),
        limit and Limit(**limit | {"costs": Costs(**limit["costs"])}),
        tuple(map(_figures, document["figures"])),
        document["missing"],
    )


def _figures(document: Mapping[str, Any]) -> Figures:
    spreads = {name: document[name] and Spread(**document[name]) for name in ("rate", "ours_is")}
    return Figures(**{**document, **spreads})
