"""The program: its commands and their help, and what becomes of mistakes in the arguments.

A command's module is imported only when the command is called. Must not know what commands do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper

from cyclopts import App, CycloptsError, Parameter

from asyncup.cli.command_defaults import command_defaults
from asyncup.cli.exit_codes import ExitCode, exit_codes_help
from asyncup.cli.messages import flushed, say
from asyncup.cli.usage_error import UsageError

__all__ = ["run"]

_UPLOAD_HELP = """Upload files, or what is missing of one.

Every part is compared with Vault by its MD5. When interrupted, it says how to go on. Progress goes
to stderr, results go to stdout.
"""
_UPLOAD_USAGE = """Usage: asyncup upload [OPTIONS] FILE DESTINATION
       asyncup upload [OPTIONS] FILE... FOLDER
       asyncup upload [OPTIONS] FILE --session-id ID [--commit]
"""
_EXIT_CODES = exit_codes_help()
_DEMO_HELP = """See it work on this machine: upload to a pretend Vault, read back, compare."""
_BENCH_HELP = """Measure uploads to your Vault, or to a pretend one, and name what holds them up."""
_EMULATOR_HELP = """Run a pretend Vault, for tests and trials."""
_MIGRATE_HELP = """Send a folder, or what a manifest lists: millions of files, resumable at any moment."""
_RETRY_HELP = """Send again what a bulk run did not bring to Vault, from its results.jsonl."""
_VERIFY_HELP = """Compare what a manifest or folder says with what is in Vault, by size or by every byte."""
_STATUS_HELP = """Show how far a bulk run is, from its journal, also while it runs."""
_TUNE_HELP = """Change a bulk run while it runs: lanes, memory, bandwidth."""
_LS_HELP = """List what a folder in file staging holds, in Vault's order, as it comes."""
_SESSIONS_HELP = """List, show and abort the upload sessions that are open in the Vault."""
_DOCTOR_HELP = """Say what is wrong between here and the Vault, and what to do."""
_LOGIN_HELP = """Ask for a password or token, try it, and keep it in the keyring with `--save`."""
_LOGOUT_HELP = """Remove what `login --save` keeps in the keyring."""
_HELP = """Upload files to Veeva Vault's file staging: fast, verified, resumable.

The Vault and the credentials come from the environment: `VEEVA_VAULT_DNS` (a DNS name, or a full
URL), `VEEVA_VAULT_TOKEN`, or `VEEVA_VAULT_USERNAME` and `VEEVA_VAULT_PASSWORD`, and
`VEEVA_VAULT_API_VERSION` (v25.2 when it is not set). What is no secret may also stand in
`asyncup.toml`, in the current folder or in your configuration folder, by Vault (`--profile`), and
secrets in the keyring of the operating system (`asyncup login --save`).
"""


def _version() -> str:
    try:
        return f"asyncup {version('asyncup')}"
    except PackageNotFoundError:
        return "asyncup, run from a folder where it is not installed"


app = App(
    name="asyncup",
    help=_HELP,
    help_format="markdown",
    help_epilogue=_EXIT_CODES,
    version=_version,
    default_parameter=Parameter(negative=()),
)
app.command(
    "asyncup.cli.upload_command:upload",
    help=_UPLOAD_HELP,
    usage=_UPLOAD_USAGE,
    help_epilogue=_EXIT_CODES,
)
app.command("asyncup.cli.bulk.migrate_command:migrate", help=_MIGRATE_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.bulk.migrate_command:retry", help=_RETRY_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.bulk.verify_command:verify", help=_VERIFY_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.bulk.status_command:status", help=_STATUS_HELP, help_epilogue="")
app.command("asyncup.cli.bulk.tune_command:tune", help=_TUNE_HELP, help_epilogue="")
app.command("asyncup.cli.listing_command:ls", help=_LS_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.sessions_command:app", name="sessions", help=_SESSIONS_HELP)
app.command("asyncup.cli.doctor_command:doctor", help=_DOCTOR_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.login_command:login", help=_LOGIN_HELP, help_epilogue=_EXIT_CODES)
app.command("asyncup.cli.login_command:logout", help=_LOGOUT_HELP, help_epilogue="")
app.command("asyncup.cli.demo:demo", help=_DEMO_HELP, help_epilogue="")
app.command("asyncup.cli.bench_command:bench", help=_BENCH_HELP, help_epilogue="")
app.command("asyncup.cli.emulator_command:app", name="emulator", help=_EMULATOR_HELP)
app.config = command_defaults(app)


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file name may hold what the stream cannot encode
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, UsageError) as error:
        say(f"{error} (see asyncup --help)")
        return ExitCode.USAGE
    except (BrokenPipeError, SystemExit):
        # Whoever read the help, or what a command prints, has seen enough; rich makes an exit of that by itself.
        flushed()
        return ExitCode.RESULTS_LOST
    if not flushed():
        return ExitCode.RESULTS_LOST
    return code if isinstance(code, int) else ExitCode.OK  # --help and --version return nothing
