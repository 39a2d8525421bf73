"""What fills the options that the command line leaves open. Must not know the commands.

First `ASYNCUP_COMMAND_OPTION` variables, then the command's table in `asyncup.toml`.
"""

from __future__ import annotations

from collections.abc import Callable

from cyclopts import App
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict, Env

from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_opening import own_config
from asyncup.errors import ConfigurationError

__all__ = ["command_defaults"]

Source = Callable[[App, tuple[str, ...], ArgumentCollection], None]


def command_defaults(program: App) -> tuple[Source, ...]:
    """Return, for cyclopts, what fills the options that the command line leaves open, one after the other."""

    def from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        try:
            file = own_config()
            if file is None:
                return
            file.refuse_unknown_commands(name for name in program if not name.startswith("-"))
        except ConfigurationError as error:
            raise UsageError(str(error)) from error
        Dict(dict(file.commands), source=file.path)(app, commands, arguments)

    return Env("ASYNCUP_", show=False), from_file
