"""curl, with the commands of the API's documents."""

import json
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncup.emulator import EmulatorConfig, running_emulator
from tests.emulator.plain_vault import md5

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")
FIVE_MIB = 5_242_880


async def curl(*arguments: str) -> dict[str, Any]:
    assert CURL is not None
    process = await anyio.run_process([CURL, "--silent", "--show-error", *arguments])
    found: dict[str, Any] = json.loads(process.stdout)
    return found


async def test_the_documented_commands(tmp_path: Path) -> None:
    parts = [bytes([number]) * size for number, size in [(1, FIVE_MIB), (2, FIVE_MIB), (3, 100)]]
    for number, part in enumerate(parts):
        (tmp_path / f"chunk-a{'abc'[number]}.").write_bytes(part)
    async with running_emulator() as emulator:
        api = f"{emulator.url}/api/v20.3"
        login = await curl(
            "-X", "POST", f"{api}/auth",
            "-H", "Content-Type: application/x-www-form-urlencoded",
            "-H", "Accept: application/json",
            "-d", "username=emulator@example.com&password=password",
        )  # fmt: skip
        session = f"Authorization: {login['sessionId']}"
        created = await curl(
            "-L", "-X", "POST", "-H", session, "-H", "Accept: application/json",
            "-H", "Content-Type: application/x-www-form-urlencoded",
            "-d", "path=/u1/my video.mp4", "-d", f"size={2 * FIVE_MIB + 100}",
            "-d", "overwrite=true", f"{api}/services/file_staging/upload",
        )  # fmt: skip
        upload = f"{api}/services/file_staging/upload/{created['data']['id']}"
        for number, part in enumerate(parts, 1):
            # The command of seeds/upload-to-a-session.txt, which sends Expect: 100-continue.
            answer = await curl(
                "-L", "-X", "PUT", "-H", session, "-H", "Accept: application/json",
                "-H", "Content-Type: application/octet-stream",
                "-H", f"Content-Length: {len(part)}",
                "-H", f"X-VaultAPI-FilePartNumber: {number}",
                "--data-binary", f"@{tmp_path}/chunk-a{'abc'[number - 1]}.", upload,
            )  # fmt: skip
            assert answer == {
                "responseStatus": "SUCCESS",
                "data": {
                    "size": len(part),
                    "part_number": number,
                    "part_content_md5": md5(part),
                },
            }
        listed = await curl("-L", "-X", "GET", "-H", session, f"{upload}/parts")
        assert [part["size"] for part in listed["data"]] == [FIVE_MIB, FIVE_MIB, 100]
        committed = await curl("-L", "-X", "POST", "-H", session, "-H", "Content-Type: application/json", upload)
        job = f"{api}/services/jobs/{committed['data']['job_id']}"
        while not emulator.stored("/u1/my video.mp4").exists():  # noqa: ASYNC110 - a real clock
            await anyio.sleep(0.02)
        assert (await curl("-H", session, job))["data"]["status"] == "SUCCESS"
        items = f"{api}/services/file_staging/items"
        found = await curl("-L", "-X", "GET", "-H", session, f"{items}/u1?recursive=true&limit=2")
        assert [row["path"] for row in found["data"]] == ["/u1/my video.mp4"]
        target = tmp_path / "downloaded"
        download = ["-L", "-H", session, f"{items}/content/u1/my%20video.mp4", "-o", str(target)]
        await anyio.run_process([CURL or "", "--silent", *download])
        assert target.read_bytes() == b"".join(parts)
        posted = await curl(
            "-L", "-X", "POST", "-H", session, "-F", "path=/u1/small.txt", "-F", "kind=file",
            "-F", "overwrite=true", "-F", f"file=@{tmp_path}/chunk-ac.", items,
        )  # fmt: skip
        assert posted["data"]["file_content_md5"] == md5(parts[2])
        moved = await curl(
            "-L", "-X", "PUT", "-H", session, "--data-urlencode", "name=it's small.txt",
            f"{items}/u1/small.txt",
        )  # fmt: skip
        assert moved["data"]["url"] == f"/api/v20.3/services/jobs/{moved['data']['job_id']}"


async def test_abort() -> None:
    async with running_emulator(EmulatorConfig(token="T")) as emulator:
        upload = f"{emulator.url}/api/v25.2/services/file_staging/upload"
        form = ["-d", "path=/u1/a", "-d", "size=100"]
        created = await curl("-X", "POST", "-H", "Authorization: T", *form, upload)
        path = f"{upload}/{created['data']['id']}"
        answer = await curl("-L", "-X", "DELETE", "-H", "Authorization: Bearer T", path)
        assert answer == {"responseStatus": "SUCCESS"}
        assert emulator.sessions == []
