"""A started emulator and the plainest possible client for it: aiohttp, and nothing of asyncup's."""

import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from asyncup.emulator import EmulatorConfig, RunningEmulator, Switches, running_emulator

Whatever = Any
"""What an answer holds, or aiohttp takes."""
TOKEN = "T"
SMALL = {"part_min_bytes": 10, "part_max_bytes": 1000, "job_queued_s": 0.0, "job_duration_s": 0.0}
"""Switches that make a handful of bytes a part, and jobs that are done at once."""


class PlainVault:
    """Calls of one emulator, under any login."""

    def __init__(self, emulator: RunningEmulator, http: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.http = http
        self.authorization = TOKEN
        self.last_headers: dict[str, str] = {}
        self.last_status = 0

    async def text(self, method: str, path: str, **options: Whatever) -> str:
        url = path if path.startswith("http") else self.emulator.url + path
        headers = {"Authorization": self.authorization, **options.pop("headers", {})}
        async with self.http.request(method, url, headers=headers, **options) as answer:
            self.last_headers = {k.lower(): v for k, v in answer.headers.items()}
            self.last_status = answer.status
            return await answer.text()

    async def call(self, method: str, path: str, **options: Whatever) -> dict[str, Any]:
        if not path.startswith(("http", "/api", "/auth")):
            path = f"/api/v25.2/{path}"
        found: dict[str, Any] = json.loads(await self.text(method, path, **options))
        return found

    async def data(self, method: str, path: str, **options: Whatever) -> Whatever:
        found = await self.call(method, path, **options)
        assert found["responseStatus"] == "SUCCESS", found
        return found.get("data")

    async def error(self, method: str, path: str, **options: Whatever) -> str:
        """The type of the refusal."""
        found = await self.call(method, path, **options)
        assert found["responseStatus"] == "FAILURE", found
        kind: str = found["errors"][0]["type"]
        return kind

    async def create(self, path: str, size: int, **fields: str) -> str:
        form = {"path": path, "size": str(size), **fields}
        found = await self.data("POST", "services/file_staging/upload", data=form)
        upload_id: str = found["id"]
        return upload_id

    def put(self, upload_id: str, number: int, body: bytes, **headers: str) -> dict[str, Any]:
        """Arguments of `call` for a part."""
        return {
            "method": "PUT",
            "path": f"services/file_staging/upload/{upload_id}",
            # aiohttp warns of large bytes, because it sends them in one go.
            "data": body if len(body) < 1 << 20 else io.BytesIO(body),
            "headers": {"X-VaultAPI-FilePartNumber": str(number), **headers},
        }

    async def commit(self, upload_id: str) -> int:
        found = await self.data("POST", f"services/file_staging/upload/{upload_id}")
        job_id: int = found["job_id"]
        return job_id

    async def job_status(self, job_id: int) -> str:
        status: str = (await self.data("GET", f"services/jobs/{job_id}"))["status"]
        return status

    async def upload(self, path: str, body: bytes, part_size: int = 10, **fields: str) -> int:
        """A whole upload up to its commit; returns the job."""
        upload_id = await self.create(path, len(body), **fields)
        for number, start in enumerate(range(0, len(body), part_size), 1):
            part = body[start : start + part_size]
            found = await self.data(**self.put(upload_id, number, part))
            assert found["part_content_md5"] == md5(part)
        return await self.commit(upload_id)

    async def post_file(self, path: str, body: bytes, **fields: str) -> dict[str, Any]:
        form = aiohttp.FormData({"kind": "file", "path": path, **fields})
        form.add_field("file", body, filename="ignored.bin")
        return await self.call("POST", "services/file_staging/items", data=form)

    async def post_folder(self, path: str) -> dict[str, Any]:
        form = {"kind": "folder", "path": path}
        return await self.call("POST", "services/file_staging/items", data=form)

    async def names(self, item: str = "", **query: str) -> list[str]:
        found = await self.data("GET", f"services/file_staging/items/{item}", params=query)
        return [row["path"] for row in found]


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def switches(**changes: Whatever) -> Switches:
    return Switches(**{**SMALL, **changes})


@asynccontextmanager
async def plain_vault(**settings: Whatever) -> AsyncIterator[PlainVault]:
    """A client of an emulator that lives as long as the block."""
    settings = {"token": TOKEN, "switches": switches(), **settings}
    async with (
        running_emulator(EmulatorConfig(**settings)) as emulator,
        aiohttp.ClientSession() as http,
    ):
        # aiohttp would send an idempotent request again, and silently, when a kept connection breaks.
        http._retry_connection = False
        yield PlainVault(emulator, http)
