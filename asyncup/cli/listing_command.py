"""`asyncup ls`: what a folder in file staging holds, as it comes from Vault, page by page.

Nothing is collected and nothing is sorted: a folder may hold millions of items. Must not know how an item is written
down.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from asyncup import Vault
from asyncup.cli.arguments import Flag
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.listing_view import item_as_json, item_as_line, item_as_long_line
from asyncup.cli.vault_opening import run_with_vault
from asyncup.cli.vault_options import VaultOptions

__all__ = ["ls"]


def ls(
    path: str = "/",
    /,
    *,
    recursive: Annotated[bool, Parameter(alias="-r", show_default=False)] = False,
    long: Annotated[bool, Parameter(alias="-l", show_default=False)] = False,
    limit: Annotated[int | None, Parameter(alias="-n", validator=Number(gte=1), metavar="N")] = None,
    json: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """List what a folder in file staging holds, in Vault's order, as it comes.

    Args:
        path: The folder. By default the root as you see it: of file staging for administrators, your own folder
            for everybody else.
        recursive: Also what its folders hold.
        long: With sizes and dates (UTC).
        limit: End after that many items, and ask Vault for no more pages.
        json: Print one JSON object per item.
        vault: Which Vault.
    """
    show = item_as_json if json else item_as_long_line if long else item_as_line

    async def work(client: Vault) -> int:
        shown = 0
        async with aclosing(client.each_item(path, recursive=recursive)) as items:
            async for item in items:
                print(show(item))
                shown += 1
                if shown == limit:
                    break
        return ExitCode.OK

    return run_with_vault(vault or VaultOptions(), work)
