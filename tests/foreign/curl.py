"""Running the curl commands of Veeva's documents: as they stand there, with our Vault, session and files put in."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.foreign.conftest import USER, Asked
from tests.foreign.shapes import LOGGED_IN, differences

__all__ = ["Curl"]

ENOUGH_S = 30


@dataclass(frozen=True)
class Curl:
    """Somebody at a command line, logged in to a Vault.

    Attributes:
        vault: the emulator, in the place of https://myvault.veevavault.com.
        auth: what stands behind "Authorization: ".
        folder: where files are, and where the command runs.
    """

    vault: Asked
    auth: str
    folder: Path

    @classmethod
    def logged_in(cls, vault: Asked, folder: Path) -> Curl:
        """Log in as the documents do."""
        nobody = cls(vault, "", folder)
        answer = nobody(
            """curl -X POST {VAULT}/api/v26.2/auth
            -H "Content-Type: application/x-www-form-urlencoded" -H "Accept: application/json"
            --data-urlencode "username={username}" --data-urlencode "password={password}" """,
            LOGGED_IN,
            username=USER.name,
            password=USER.password,
        )
        return cls(vault, answer["sessionId"], folder)

    def raw(self, command: str, **names: object) -> bytes:
        """Run a command and return its output. `{AUTH}`, `{VAULT}` and the given names are put in."""
        known = {"AUTH": self.auth, "VAULT": self.vault.emulator.url, **names}
        arguments = [argument.format(**known) for argument in shlex.split(command)]
        program, *rest = arguments
        assert program == "curl"
        # Beyond the documents: no progress bar, errors are said, no configuration file of whoever runs this.
        done = subprocess.run(
            [program, "--disable", "--silent", "--show-error", *rest],
            cwd=self.folder,
            capture_output=True,
            timeout=ENOUGH_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    def __call__(self, command: str, shape: object, **names: object) -> Any:  # noqa: ANN401 - any JSON
        """Run a command whose answer is JSON of a documented shape, and return that answer."""
        answer = json.loads(self.raw(command, **names))
        assert differences(answer, shape) == []
        return answer
