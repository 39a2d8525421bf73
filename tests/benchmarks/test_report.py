"""Reports go to JSON and come back."""

import json
from dataclasses import replace

from benchmarks.report import Report
from benchmarks.workloads import Link
from tests.benchmarks.reports import measured, report


def test_a_report_comes_back_as_it_went() -> None:
    over_a_link = replace(measured(), workload=replace(measured().workload, link=Link(0.02, 50e6)), limit=None)
    made = report(over_a_link)
    assert Report.from_json(made.as_json()) == made


def test_its_json_has_the_machine_and_the_revision() -> None:
    document = json.loads(report().as_json())
    assert document["machine"]["revision"] == "abc1234"
    assert document["measured"][0]["missing"] == {"httpx": "httpx is not installed"}
