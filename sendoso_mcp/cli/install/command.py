"""The arguments of `sendoso-mcp install` and `uninstall`. What they do is imported when they are called."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.settings import VARIABLES

CLIENT_NAMES = ("claude-desktop", "claude-code", "cursor", "vscode")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|[?&]password=", re.IGNORECASE)


def add_install(commands: Any) -> None:
    """Adds both commands to the `subparsers` of the command line."""
    install = commands.add_parser("install", help="put this server into a client's config")
    install.description = (
        "Adds this server to the config of a client, or brings its entry there up to date, and keeps all "
        "else in the file as it is; a backup is put beside it. The API key is taken from SENDOSO_API_KEY "
        "or asked for, and never shown. VS Code asks for it by itself; the file of a project never holds it."
    )
    _where(install)
    install.add_argument(
        "--env",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="a variable for the server, such as SENDOSO_POLICY_FILE; may be repeated; not for the API key",
    )
    install.add_argument(
        "--print", action="store_true", help="only show what would be written; no key is shown"
    )
    install.set_defaults(run=_run, what="install")
    uninstall = commands.add_parser("uninstall", help="take this server out of a client's config")
    uninstall.description = (
        "Removes this server's entry from the config of a client. A backup is put beside it."
    )
    _where(uninstall)
    uninstall.add_argument("--print", action="store_true", help="only say what would be removed")
    uninstall.set_defaults(run=_run, what="uninstall", env=[])


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", choices=CLIENT_NAMES, help="whose config")
    parser.add_argument(
        "--project", action="store_true", help="the config of the project in this directory, not your own"
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        type=_name,
        help="the server's name there (default: the entry there is, or sendoso)",
    )


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise argparse.ArgumentTypeError("must be letters, digits, dots, dashes and underscores, at most 64")
    return text


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    # Neither may end up in a shell's history, nor in the list of processes. What was typed is not repeated.
    if name == "SENDOSO_API_KEY":
        raise argparse.ArgumentTypeError("is not for the API key: set SENDOSO_API_KEY, or be asked for it")
    if _PASSWORD.search(value):
        raise argparse.ArgumentTypeError(
            f"{name} has a password in it: put that into a file, such as ~/.pgpass"
        )
    known = [each.name for each in VARIABLES]
    if name.startswith("SENDOSO_") and name not in known:
        raise argparse.ArgumentTypeError(f"{name} is no setting; they are {', '.join(known)}")
    return name, value


def _run(arguments: argparse.Namespace) -> int:
    from sendoso_mcp.cli.install.install import (  # noqa: PLC0415 - a command pays for its own imports
        Request,
        Surroundings,
        install,
        uninstall,
    )
    from sendoso_mcp.cli.install.launch import here  # noqa: PLC0415 - see above

    try:
        home, cwd = Path.home(), Path.cwd()
    except (OSError, RuntimeError):
        raise SettingsError(
            "Your home directory, or the one you are in, cannot be found, so it is not known where the "
            "config is. Nothing was changed. Set HOME, go to a directory that exists, and run this again."
        ) from None
    request = Request(
        client=arguments.client,
        project=arguments.project,
        name=arguments.name,
        env=dict(arguments.env),
        show_only=arguments.print,
    )
    around = Surroundings(
        environ=os.environ,
        home=home,
        cwd=cwd,
        platform=sys.platform,
        launch=lambda: here(os.environ),
        ask=_ask if sys.stdin is not None and sys.stdin.isatty() else None,
        out=sys.stdout,
        told=sys.stderr if arguments.print else sys.stdout,
    )
    return (install if arguments.what == "install" else uninstall)(request, around)


def _ask(prompt: str) -> str:
    import getpass  # noqa: PLC0415 - see _run

    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""
