"""Asking for jobs: one, many, their results, and cancelling (vault-api.md 1.5; 26.2 documents).

Must not know what jobs do.
"""

import csv
import json
from datetime import datetime
from typing import Any

from .answers import success
from .calls import Call, Fields, Handlers, Text
from .clock import iso
from .endpoints import JOBS, Endpoint
from .jobs import Job, ListToCsv
from .refusal import Refusal

PAGE_MAX, PAGE_DEFAULT = 200, 50
CANCEL_MAX = 500


async def job(call: Call) -> Fields:
    found = call.world.model.jobs.ask(_job_id(call.match.names["job_id"]), call.user, call.now)
    return {"responseMessage": "OK", "data": _details(found, call)}


async def results(call: Call) -> Text:
    """Behind the `results` link of a job that made a CSV."""
    found = call.world.model.jobs.find(_job_id(call.match.names["job_id"]), call.user)
    if not found.done or not isinstance(found.effect, ListToCsv):
        raise Refusal("INVALID_DATA", f"The job [{found.id}] has no results")
    return Text(found.result, "text/csv;charset=UTF-8")


async def histories(call: Call) -> Fields:
    return _many(call, call.world.model.jobs.all(call.user, ended=True), "histories")


async def monitors(call: Call) -> Fields:
    return _many(call, call.world.model.jobs.all(call.user, ended=False), "monitors")


async def cancel(call: Call) -> Fields:
    """Each job's own answer, in the order asked for; errors as one object, as documented."""
    rows: list[Fields] = []
    for text in await _asked_ids(call):
        try:
            cancelled = call.world.model.jobs.cancel(_job_id(text), call.user, call.now)
            await call.workers.clean_up_cancelled(cancelled)
            rows.append(success({"data": {"id": cancelled.id}}))
        except Refusal as refusal:
            error = {"type": refusal.error_type, "message": refusal.message}
            rows.append({"responseStatus": "FAILURE", "errors": error})
    return {"data": rows}


async def _asked_ids(call: Call) -> list[str]:
    text = (await call.request.read()).decode(errors="replace")
    if call.request.content_type == "text/csv":
        found = [row.get("job_id", "") for row in csv.DictReader(text.splitlines())]
    else:
        try:
            found = [str(row["job_id"]) for row in json.loads(text)]
        except (ValueError, TypeError, KeyError):
            raise Refusal("INVALID_DATA", "The body is not a list of job ids") from None
    if len(found) > CANCEL_MAX:
        raise Refusal("INVALID_DATA", f"At most {CANCEL_MAX} jobs per request")
    return found


def _details(job: Job, call: Call) -> Fields:
    """One job (documented). Dates of steps that it has not reached are absent (a guess)."""
    version = call.match.version
    data: Fields = {
        "id": job.id,
        "status": job.status(call.now),
        "method": job.method,
        "links": [_link("self", f"/api/{version}/{JOBS}/{job.id}", "application/json")],
        "created_by": job.created_by,
        "created_date": iso(job.created_at),
        **_run_dates(job, call.now),
    }
    if job.done and isinstance(job.effect, ListToCsv):
        href = f"/api/{version}/{JOBS}/{job.id}/results"
        data["links"].append(_link("results", href, "text/csv"))
    return data


def _link(rel: str, href: str, accept: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "method": "GET", "accept": accept}


def _run_dates(job: Job, now: float) -> dict[str, str]:
    started = {"run_start_date": iso(job.starts_at)} if now >= job.starts_at else {}
    ended = {"run_end_date": iso(job.ends_at)} if job.done else {}
    return {**started, **ended}


def _many(call: Call, jobs: list[Job], kind: str) -> Fields:
    limit = _number(call, "limit", PAGE_DEFAULT, PAGE_MAX)
    offset = _number(call, "offset", 0, None)
    chosen = [job for job in jobs if _is_asked_for(job, call)]
    base = f"/api/{call.match.version}/{JOBS}/{kind}?limit={limit}"
    details: dict[str, Any] = {"total": len(chosen), "limit": limit, "offset": offset}
    if offset + limit < len(chosen):
        # Without a host, other than with items: as in the documents' sample.
        details["next_page"] = f"{base}&offset={offset + limit}"
    return {
        "responseMessage": "OK",
        "url": f"{base}&offset={offset}",
        "responseDetails": details,
        "jobs": [_summary(job, call.now) for job in chosen[offset : offset + limit]],
    }


def _summary(job: Job, now: float) -> Fields:
    return {
        "job_id": job.id,
        "title": job.title,
        "status": job.status(now),
        "created_by": job.created_by,
        "created_date": iso(job.created_at),
        "modified_by": job.created_by,
        "modified_date": iso(job.ends_at if job.done else job.created_at),
        **_run_dates(job, now),
    }


def _is_asked_for(job: Job, call: Call) -> bool:
    """Filters by status and date; for ended jobs the date is that of the end (a guess)."""
    at = job.ends_at if job.done else job.created_at
    status = call.query("status")
    return (
        (status is None or status.upper() == job.status(call.now))
        and at >= _date(call, "start_date", at)
        and at <= _date(call, "end_date", at)
    )


def _date(call: Call, name: str, default: float) -> float:
    text = call.query(name)
    if text is None:
        return default
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refusal("INVALID_DATA", f"Invalid value for parameter [{name}]") from None


def _number(call: Call, name: str, default: int, most: int | None) -> int:
    text = call.query(name)
    if text is None:
        return default
    least = 0 if most is None else 1
    is_number = text.isascii() and text.isdigit()
    if not is_number or int(text) < least or (most is not None and int(text) > most):
        raise Refusal("INVALID_DATA", f"Invalid value for parameter [{name}]")
    return int(text)


def _job_id(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Refusal("INVALID_DATA", f"Invalid job id [{text}]")
    return int(text)


HANDLERS: Handlers = {
    Endpoint.JOB: job,
    Endpoint.JOB_RESULTS: results,
    Endpoint.JOB_HISTORIES: histories,
    Endpoint.JOB_MONITORS: monitors,
    Endpoint.CANCEL_JOBS: cancel,
}
