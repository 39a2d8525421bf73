"""Upload every file of a folder, one after the other; a file that fails does not stop the others.

Configured by the environment: VEEVA_VAULT_DNS and VEEVA_VAULT_TOKEN (or VEEVA_VAULT_USERNAME and
VEEVA_VAULT_PASSWORD) name the Vault, SOURCE_FOLDER and VAULT_FOLDER say from where to where. Run it
again after a failure: what is in Vault already is skipped.
"""

import asyncio
import os
import sys
from pathlib import Path

from asyncup import AsyncupError, Vault, upload_file
from asyncup.errors import ItemExists, LoginError, VaultUnreachable


async def migrate(files: list[Path], folder: str) -> int:
    """Upload the files into the folder. Returns how many failed."""
    failed = 0
    async with Vault.from_environment() as vault:
        for file in files:
            try:
                done = await upload_file(file, f"{folder}/{file.name}", vault=vault)
            except ItemExists:
                print(f"skipped  {file}: it is there already")
            except (LoginError, VaultUnreachable):
                raise  # the next file would fail in the same way
            except AsyncupError as error:
                failed += 1
                print(f"failed   {error}")
            else:
                print(f"uploaded {file}: {done.size} bytes in {done.elapsed_s:.1f} s")
    return failed


def main() -> None:
    """Migrate, and end with 1 when a file failed."""
    source, folder = Path(os.environ["SOURCE_FOLDER"]), os.environ["VAULT_FOLDER"].rstrip("/")
    files = sorted(path for path in source.iterdir() if not path.is_dir())
    try:
        failed = asyncio.run(migrate(files, folder))
    except AsyncupError as error:
        sys.exit(f"stopped: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
