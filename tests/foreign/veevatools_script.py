"""Uploads with veevatools, and prints each answer that it got: a program of its own, for the foreign environment.

It finds the Vault, the login and a file to send in its environment. veevatools itself is as PyPI has it. It asks
Veeva's login server how a user logs in; here those requests are brought to the emulator, and nothing leaves the
machine.
"""

import hashlib
import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

LOGIN_SERVER = "https://login.veevavault.com"


def main() -> None:
    """Do everything that FileStagingService can do."""
    client = client_of(importlib.import_module("veevatools.veevavault.client"), os.environ["VAULT_URL"])
    login = client.authenticate(
        vaultURL=os.environ["VAULT_URL"],
        vaultUserName=os.environ["VAULT_USERNAME"],
        vaultPassword=os.environ["VAULT_PASSWORD"],
        if_return=True,
    )
    answers: dict[str, Any] = {
        "version": importlib.metadata.version("veevatools"),
        "module": sys.modules["veevatools"].__file__,
        "api_version": login["LatestAPIversion"],
        "login": {"sessionId": login["sessionId"], "vaultId": login["vaultId"]},
        "user": client.validate_session_user(),
    }
    staging = importlib.import_module("veevatools.veevavault.services.file_staging").FileStagingService(client)
    jobs = importlib.import_module("veevatools.veevavault.services.jobs").JobsService(client)
    use(staging, jobs, answers)
    answers["keep_alive"] = client.session_keep_alive()
    json.dump(answers, sys.stdout)


def client_of(module: Any, vault: str) -> Any:  # noqa: ANN401 - veevatools is not installed here
    """Return a client for which the emulator is Veeva's login server, too."""
    requests = importlib.import_module("requests")

    class ToEmulator(requests.adapters.HTTPAdapter):  # type: ignore[name-defined,misc]
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            request.url = request.url.replace(LOGIN_SERVER, vault)
            return super().send(request, *arguments, **options)

    client = module.VaultClient()
    client._session.mount(LOGIN_SERVER, ToEmulator())
    return client


def use(staging: Any, jobs: Any, answers: dict[str, Any]) -> None:  # noqa: ANN401
    """Call every method, in an order that makes sense, and keep what each returns."""
    file, part_size = Path(os.environ["FILE"]), int(os.environ["PART_SIZE"])
    content = file.read_bytes()
    parts = [content[begin : begin + part_size] for begin in range(0, len(content), part_size)]

    answers["folder"] = staging.create_folder_or_file("/u7/from veevatools", "folder")
    created = staging.create_resumable_upload_session("/u7/from veevatools/a.bin", len(content), overwrite=True)
    answers["session"], session = created, created["data"]["id"]
    answers["parts"] = [
        staging.upload_to_session(session, part, number, hashlib.md5(part, usedforsecurity=False).hexdigest())
        if number % 2
        else staging.upload_to_session(session, part, number)
        for number, part in enumerate(parts, start=1)
    ]
    answers["sessions"] = staging.list_upload_sessions()
    answers["details"] = staging.get_upload_session_details(session)
    answers["listed_parts"] = staging.list_file_parts_uploaded_to_session(session)
    answers["commit"] = staging.commit_upload_session(session)
    answers["job"] = jobs.retrieve_job_status(answers["commit"]["data"]["job_id"])
    answers["items"] = staging.list_items_at_path("/u7/from veevatools")
    answers["all_items"] = staging.list_items_at_path("/", recursive=True)
    whole = staging.download_item_content("u7/from veevatools/a.bin").content
    answers["downloaded_md5"] = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    answers["range"] = staging.download_item_content("u7/from veevatools/a.bin", (1, 4)).content.hex()

    answers["small"] = staging.create_folder_or_file("/u7/small.bin", "file", str(file), overwrite=True)
    answers["small_again"] = staging.create_folder_or_file("/u7/small.bin", "file", str(file))
    answers["moved"] = staging.update_folder_or_file("u7/small.bin", parent="/u7/from veevatools", name="moved.bin")
    answers["moved_job"] = jobs.retrieve_job_status(answers["moved"]["data"]["job_id"])
    answers["deleted"] = staging.delete_file_or_folder("u7/from veevatools", recursive=True)
    answers["deleted_job"] = jobs.retrieve_job_status(answers["deleted"]["data"]["job_id"])
    answers["histories"] = jobs.retrieve_job_histories(limit=1)

    aborted = staging.create_resumable_upload_session("/u7/b.bin", len(content))["data"]["id"]
    answers["gap"] = staging.upload_to_session(aborted, parts[0], 2)
    answers["abort"] = staging.abort_upload_session(aborted)
    answers["after_abort"] = staging.get_upload_session_details(aborted)


if __name__ == "__main__":
    main()
