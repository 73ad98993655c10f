"""An entry of this server in a client's config: which one is meant, and what it shall say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sendoso_mcp.cli.clients import ConfigFile, Server, servers_in
from sendoso_mcp.cli.doctor.api import check_settings
from sendoso_mcp.cli.doctor.money import check_money_settings
from sendoso_mcp.cli.install.launch import Launch, server_arguments
from sendoso_mcp.cli.install.places import KEY, Client
from sendoso_mcp.cli.output import cell
from sendoso_mcp.errors import SettingsError

DEFAULT_NAME = "sendoso"
# What the client fills in, with no default: that may be a key itself.
_FILLED_IN = re.compile(r"\$\{(?:(?:env|input):)?[\w.-]+(?::-)?\}")
_NOTHING_CHANGED = "Nothing was changed."


def our_entry(file: ConfigFile, content: Mapping[str, Any], name: str | None) -> Server | None:
    """The entry to change: the one of this name, or else the only one that runs sendoso-mcp.

    Raises:
        SettingsError: the name is another server's, or it is not clear which entry is meant.
    """
    servers = {server.name: server for server in servers_in(content.get(file.key))}
    wanted = name or DEFAULT_NAME
    # An entry that is no object is nobody's server, but its name is taken all the same.
    if wanted in content.get(file.key, {}):
        server = servers.get(wanted)
        if server is not None and server.ours:
            return server
        if name is not None or not any(other.ours for other in servers.values()):
            raise SettingsError(
                f'{file.label} has another server under the name "{wanted}". {_NOTHING_CHANGED} Choose '
                "another name with --name."
            )
    if name is not None:
        return None
    ours = [server for server in servers.values() if server.ours]
    if len(ours) > 1:
        names = ", ".join(f'"{cell(server.name, longest=40)}"' for server in ours)
        raise SettingsError(
            f"{file.label} has several servers that run sendoso-mcp: {names}. {_NOTHING_CHANGED} Say which "
            "one with --name."
        )
    return ours[0] if ours else None


def check_shape(file: ConfigFile, content: Mapping[str, Any], name: str) -> None:
    """Whether everything in an entry can be read, and so be kept.

    Raises:
        SettingsError: its arguments or variables are not as the client wants them.
    """
    entry = content[file.key][name]
    args, env = entry.get("args"), entry.get("env")
    words = isinstance(args, list) and all(isinstance(word, str | int | float) for word in args)
    if not (args is None or words):
        wrong = '"args" is not a list of texts'
    elif not (env is None or isinstance(env, dict)):
        wrong = '"env" is not an object'
    else:
        return
    raise SettingsError(
        f"{file.label}: in our entry {wrong}. {_NOTHING_CHANGED} Correct it, and run this again."
    )


def fields(client: Client, launch: Launch, entry: Server | None, env: Mapping[str, str]) -> dict[str, Any]:
    """What the entry shall say, of its variables only those to set; the server's own arguments stay."""
    own = server_arguments(entry.command, entry.args) if entry else ()
    found: dict[str, Any] = {"type": "stdio"} if client.typed else {}
    found["command"] = launch.command
    if launch.args or own or (entry and entry.args):
        found["args"] = [*launch.args, *own]
    if env:
        found["env"] = dict(env)
    return found


def check(env: Mapping[str, str]) -> None:
    """Whether the server could start with these variables.

    Raises:
        SettingsError: the first thing that is wrong with them.
    """
    # What the client fills in is known to the client alone.
    ours = {
        name: "placeholder" if "${" in value else value
        for name, value in env.items()
        if name.startswith("SENDOSO_") and ("${" not in value or name == KEY)
    }
    _, found = check_settings(ours)
    for problem in (*found, *check_money_settings(ours)):
        if problem.level == "FAIL":
            raise SettingsError(f"{problem.text} {problem.advice} {_NOTHING_CHANGED}")


def masked(fields: Mapping[str, Any], env: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Any]:
    """The fields and all variables as they may be shown: no value but what was just typed or is no secret."""
    shown = {
        name: value if value == given.get(name) or _FILLED_IN.fullmatch(value) else "***"
        for name, value in env.items()
    }
    return {**fields, "env": shown} if shown else dict(fields)


def absolute(name: str, value: str, cwd: Path) -> str:
    """A file's whole path: a client starts the server in a directory of its own.

    Raises:
        SettingsError: it begins with the home directory of somebody who is not there.
    """
    if name != "SENDOSO_POLICY_FILE" or "${" in value or not value.strip():
        return value
    try:
        return str(cwd / Path(value).expanduser())
    except RuntimeError:
        raise SettingsError(
            f"{name}: there is no such user's home directory. Nothing was changed. Write the whole path."
        ) from None
