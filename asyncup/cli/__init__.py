"""The command line: arguments, progress, exit codes, signals, event loop. No logic of uploading.

Everything that an upload does is behind `asyncup`'s public API, and what it reports comes as
events; this package turns arguments into calls and events, results and errors into words. It is the
only one that installs an event loop, and the only one that may start the emulator.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    try:
        # Here, so that Ctrl-C during the imports is as quiet as later.
        from asyncup.cli.app import run  # noqa: PLC0415

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        from asyncup.cli.exit_codes import ExitCode  # noqa: PLC0415

        code = ExitCode.INTERRUPTED
    sys.exit(code)
