"""veevatools from PyPI, in an environment of its own, through every method of its FileStagingService."""

import hashlib
import json
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asyncup.emulator import Endpoint, profile
from tests.foreign import shapes
from tests.foreign.conftest import USER, Vaults
from tests.foreign.shapes import differences

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("veevatools_script.py")
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
NAMED = os.environ.get("ASYNCUP_FOREIGN_PYTHON")
"""Set by make: then the environment must be there."""

PYTHON = REPOSITORY / (NAMED or ".venv/foreign/bin/python")
MUST_RUN = bool(NAMED or os.environ.get("CI"))
PART_SIZE = 5_242_880
CONTENT = random.Random(3).randbytes(2 * PART_SIZE + 77)
ENOUGH_S = 60


@dataclass(frozen=True)
class Ran:
    """What the script printed, and what the emulator saw of it."""

    answers: dict[str, Any]
    endpoints: list[str]
    agents: list[str]
    refused: list[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the script once against an emulator whose jobs end at once."""
    if not PYTHON.exists():
        missing = f"{PYTHON} is missing; `make .venv/foreign/.installed` makes it"
        pytest.fail(missing) if MUST_RUN else pytest.skip(missing)
    file = tmp_path_factory.mktemp("veevatools") / "a.bin"
    file.write_bytes(CONTENT)
    with pytest.MonkeyPatch.context() as monkeypatch, Vaults(monkeypatch).start(profile("quick")) as vault:
        environment = {
            "VAULT_URL": vault.emulator.url,
            "VAULT_USERNAME": USER.name,
            "VAULT_PASSWORD": USER.password,
            "FILE": str(file),
            "PART_SIZE": str(PART_SIZE),
            # Whatever is not for the emulator ends here.
            "NO_PROXY": "127.0.0.1",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        done = subprocess.run(
            [PYTHON, "-I", SCRIPT], env=environment, capture_output=True, timeout=ENOUGH_S, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return Ran(json.loads(done.stdout), vault.endpoints, vault.agents, vault.refused)


def test_it_is_the_pinned_veevatools_of_the_foreign_environment(ran: Ran) -> None:
    assert f"veevatools=={ran.answers['version']}" in REQUIREMENTS.read_text().splitlines()
    assert Path(ran.answers["module"]).is_relative_to(PYTHON.parents[1])


def test_what_asked_was_requests_and_it_asked_for_everything(ran: Ran) -> None:
    """The proof that it ran against the emulator, from the discovery of the login to the abort, and with what."""
    assert len(ran.agents) == len(ran.endpoints)
    assert {agent.partition("/")[0] for agent in ran.agents} == {"python-requests"}
    assert ran.endpoints == [
        Endpoint.DISCOVERY, Endpoint.AUTH, Endpoint.VERSIONS, Endpoint.ME,
        Endpoint.CREATE_ITEM, Endpoint.CREATE_SESSION, *[Endpoint.PUT_PART] * 3,
        Endpoint.LIST_SESSIONS, Endpoint.SESSION_DETAILS, Endpoint.LIST_PARTS,
        Endpoint.COMMIT, Endpoint.JOB, Endpoint.LIST_ITEMS, Endpoint.LIST_ITEMS, Endpoint.DOWNLOAD, Endpoint.DOWNLOAD,
        Endpoint.CREATE_ITEM, Endpoint.CREATE_ITEM, Endpoint.MOVE_ITEM, Endpoint.JOB,
        Endpoint.DELETE_ITEM, Endpoint.JOB, Endpoint.JOB_HISTORIES,
        Endpoint.CREATE_SESSION, Endpoint.PUT_PART, Endpoint.ABORT, Endpoint.SESSION_DETAILS,
        Endpoint.KEEP_ALIVE,
    ]  # fmt: skip
    # The small file a second time, the gap in the parts, and the aborted session.
    assert len(ran.refused) == 3
    assert ran.refused[0] == "ITEM_NAME_EXISTS"


@pytest.mark.parametrize(
    ("step", "shape"),
    [
        ("folder", shapes.CREATED_FOLDER),
        ("session", shapes.SESSION),
        ("sessions", shapes.SESSIONS),
        ("details", shapes.SESSION),
        ("listed_parts", shapes.PARTS),
        ("commit", shapes.COMMITTED),
        ("job", shapes.JOB),
        ("items", shapes.ITEMS),
        ("all_items", shapes.ITEMS),
        ("small", shapes.CREATED_FILE),
        ("small_again", shapes.FAILED),
        ("moved", shapes.STARTED),
        ("moved_job", shapes.JOB),
        ("deleted", shapes.STARTED),
        ("deleted_job", shapes.JOB),
        ("histories", shapes.HISTORIES_GO_ON),
        ("gap", shapes.FAILED),
        ("abort", shapes.ABORTED),
        ("after_abort", shapes.FAILED),
        ("keep_alive", shapes.SUCCESS),
    ],
)
def test_its_answers_are_those_of_the_documents(ran: Ran, step: str, shape: object) -> None:
    assert differences(ran.answers[step], shape) == []


def test_it_speaks_the_newest_version_that_the_vault_lists(ran: Ran) -> None:
    assert ran.answers["api_version"] == "v26.2"
    assert ran.answers["user"]["users"][0]["user"]["user_name__v"] == USER.name


def test_its_file_arrived_whole(ran: Ran) -> None:
    parts = [CONTENT[begin : begin + PART_SIZE] for begin in range(0, len(CONTENT), PART_SIZE)]
    expected = [
        {
            "size": len(part),
            "part_number": number,
            "part_content_md5": hashlib.md5(part, usedforsecurity=False).hexdigest(),
        }
        for number, part in enumerate(parts, start=1)
    ]
    assert [answer["data"] for answer in ran.answers["parts"]] == expected
    assert ran.answers["listed_parts"]["data"] == expected
    assert ran.answers["details"]["data"]["uploaded"] == len(CONTENT)
    assert [row["path"] for row in ran.answers["items"]["data"]] == ["/u7/from veevatools/a.bin"]
    assert ran.answers["downloaded_md5"] == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert ran.answers["range"] == CONTENT[1:5].hex()
