"""Making the folders that a file needs: top-down, each once per Vault, whoever else makes them at the same time.

Vault does not create parents (seen: "The parent folder [...] cannot be found"); whether an upload session needs them is
unknown, so they are made for every upload. Must not know files or uploads.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import anyio

from asyncup.errors import ItemExists, LoginError, VaultError
from asyncup.protocol.paths import is_inside, same_path
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import Verdict, classify

__all__ = ["Folders"]

_HOME = re.compile(r"u\d+")
"""A user's folder at the root of file staging exists already, and is not for us to make (documented)."""


class Folders:
    """What is known of a Vault's folders.

    Args:
        create: makes one folder whose parent exists; raises `ItemExists` when it is there.
    """

    def __init__(self, create: Callable[[str], Awaitable[None]]) -> None:
        self._create = create
        self._known: set[str] = set()
        self._making = anyio.Lock()

    async def ensure(self, folder: str) -> None:
        """Make `folder` and its parents where they are missing.

        A refusal to make one is not raised: the folder may be there all the same, out of sight of this user. When it
        is not, the upload that follows is refused, and says so.

        Raises:
            AsyncupError: Vault is away, or the login is not accepted.
        """
        if folder in self._known:
            return
        async with self._making:
            path = ""
            for name in folder.strip("/").split("/"):
                path = f"{path}/{name}"
                if path in self._known or not name:
                    continue
                if path.count("/") > 1 or not _HOME.fullmatch(name):
                    await self._make(path)
                self._known.add(path)

    def forget(self, item: str) -> None:
        """Something was moved or deleted: what was known of it, and of all below it, may not be true any more."""
        self._known = {path for path in self._known if not same_path(path, item) and not is_inside(path, item)}

    async def _make(self, path: str) -> None:
        try:
            await self._create(path)
        except ItemExists:
            return
        except LoginError:
            raise
        except VaultError as error:
            if classify(Operation.CREATE_FOLDER, error) is not Verdict.GIVE_UP:
                raise
