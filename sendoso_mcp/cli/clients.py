"""Where MCP clients keep their config files, and which servers these start."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sendoso_mcp.cli.starting import is_ours, last_part, program_at
from sendoso_mcp.errors import SettingsError

_DESKTOP_FILE = "claude_desktop_config.json"
# A string comes first in each, so that nothing inside one is taken for a comment or a comma.
_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\\n])*")|,(?=\s*[}\]])')
# A program that is worth naming. Whatever else stands in "command" might be a key in the wrong place.
_PROGRAM = re.compile(
    r"(sendoso[-_]mcp|uvx?|pipx|pythonw?[\d.]*|py|docker|podman|npx|node|bash|sh|zsh|cmd|env|wsl)"
    r"(\.exe|\.cmd)?"
)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One place where a client looks for servers; the file need not exist."""

    client: str
    path: Path
    shown: str
    """The path as a person reads it: from `~` or `.` on."""
    key: str = "mcpServers"
    """The object in the file that holds the servers."""
    comments: bool = False
    """Whether the client accepts comments and trailing commas."""
    terminal: bool = False
    """Whether the client runs in a terminal, and so finds programs the way the terminal does."""
    per_project: bool = False
    """Whether the file also holds servers for single projects, under `projects`."""
    instead_reads: str = ""
    """Another file, as a person reads its path, that the installed client reads in place of this one."""
    project: bool = False
    """Whether it belongs to the project in the working directory, and so perhaps to a team."""

    @property
    def label(self) -> str:
        """How a line about the file begins."""
        return f"{self.client}: {self.shown}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as a config file describes it; what is missing or of another type is empty."""

    name: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    env_file: bool
    """Whether more variables come from a file."""

    @property
    def ours(self) -> bool:
        """Whether it runs sendoso-mcp, directly or through a launcher such as uvx or python."""
        return is_ours(self.command) or program_at(self.args) is not None

    @property
    def shown_command(self) -> str:
        """The command where it is safe to show, else words for it."""
        safe = "=" not in self.command and _PROGRAM.fullmatch(last_part(self.command))
        return self.command if safe else "its command"


def config_files(
    environ: Mapping[str, str], *, home: Path, cwd: Path, platform: str
) -> tuple[ConfigFile, ...]:
    """Every place where the clients we know look for servers; the files of one client follow each other.

    Args:
        environ: for where Windows and Linux keep the settings of programs.
        home: the person's home directory.
        cwd: where the files of a project are looked for.
        platform: as in `sys.platform`.
    """

    def shown(path: Path) -> str:
        return str("~" / path.relative_to(home)) if path.is_relative_to(home) else str(path)

    def here(*parts: str) -> tuple[Path, str]:
        return cwd.joinpath(*parts), f".{os.sep}{Path(*parts)}"

    settings = _settings_directory(environ, home, platform)
    code = settings / "Code" / "User" / "mcp.json"
    claude = Path(environ.get("CLAUDE_CONFIG_DIR") or home) / ".claude.json"
    cursor = home / ".cursor" / "mcp.json"
    files = [
        *_claude_desktop(environ, settings, home, platform, shown),
        ConfigFile("Claude Code", claude, shown(claude), terminal=True, per_project=True),
        ConfigFile("Claude Code", *here(".mcp.json"), terminal=True, project=True),
        ConfigFile("Cursor", cursor, shown(cursor)),
        ConfigFile("Cursor", *here(".cursor", "mcp.json"), project=True),
        ConfigFile("VS Code", code, shown(code), key="servers", comments=True),
        ConfigFile("VS Code", *here(".vscode", "mcp.json"), key="servers", comments=True, project=True),
    ]
    # In the home directory Cursor's two places are one file.
    return tuple({file.path: file for file in reversed(files)}.values())[::-1]


def read_servers(file: ConfigFile, *, cwd: Path) -> tuple[Server, ...] | None:
    """The servers that a config file names for work in `cwd`; None where there is no such file.

    Raises:
        SettingsError: the file cannot be read or is not what the client expects. The text quotes
            nothing from inside the file.
    """
    try:
        # Editors on Windows put a byte order mark first.
        text = file.path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise SettingsError(f"{file.label} is not UTF-8 text. Save it again as UTF-8.") from None
    except OSError as error:
        raise SettingsError(
            f"{file.label} cannot be read ({type(error).__name__}). Check what it is and who may read it."
        ) from None
    content = parse(file, text)
    found = [*servers_in(content.get(file.key))]
    if file.per_project:
        found += _project_servers(content.get("projects"), cwd)
    return tuple(found)


def parse(file: ConfigFile, text: str) -> Mapping[str, Any]:
    """What a config file's text (without a byte order mark) says.

    Raises:
        SettingsError: it is not what the client expects. The message quotes nothing from inside the file.
    """
    content = _json(file, text)
    other = "mcpServers" if file.key == "servers" else "servers"
    if any(server.ours for server in servers_in(content.get(other))):
        raise SettingsError(
            f'{file.label} has sendoso-mcp under "{other}", which {file.client} does not read. '
            f'Move it under "{file.key}".'
        )
    if not isinstance(content.get(file.key, {}), dict):
        raise SettingsError(
            f'{file.label}: "{file.key}" is not an object. It maps the name of each server to its command.'
        )
    return content


def find_program(server: Server, *, environ: Mapping[str, str], cwd: Path) -> str | None:
    """The program that the server's command is, for a client in `cwd` with the environment `environ`."""
    bare = last_part(server.command) == server.command
    # Joining leaves an absolute path as it is.
    return shutil.which(
        server.command if bare else str(cwd / server.command),
        path=server.env.get("PATH") or environ.get("PATH", ""),
    )


def how_to_start(command: str) -> str:
    """What to put in the place of a command that is no program."""
    if re.search(r"\s", command) and not re.search(r"[/\\]", command):
        return 'Put only the program into "command", its arguments into "args", and variables into "env".'
    ours = Path(sys.executable).parent / ("sendoso-mcp.exe" if sys.platform == "win32" else "sendoso-mcp")
    if is_ours(command) and ours.is_file():
        return f'Set "command" to {ours}'
    return 'Install it, or set "command" to the absolute path of a program that exists.'


def _settings_directory(environ: Mapping[str, str], home: Path, platform: str) -> Path:
    match platform:
        case "darwin":
            return home / "Library" / "Application Support"
        case "win32":
            return Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        case _:
            return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _claude_desktop(
    environ: Mapping[str, str], settings: Path, home: Path, platform: str, shown: Callable[[Path], str]
) -> Iterator[ConfigFile]:
    documented = settings / "Claude" / _DESKTOP_FILE
    instead = ""
    if platform == "win32":
        # The app from the Microsoft Store sees a private copy of %APPDATA% and misses the documented file:
        # https://github.com/anthropics/claude-code/issues/26073
        packages = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Packages"
        for package in sorted(packages.glob("Claude_*")):
            path = package / "LocalCache" / "Roaming" / "Claude" / _DESKTOP_FILE
            instead = shown(path)
            yield ConfigFile("Claude Desktop", path, instead)
    yield ConfigFile("Claude Desktop", documented, shown(documented), instead_reads=instead)


def _json(file: ConfigFile, text: str) -> Mapping[str, Any]:
    if file.comments:
        text = _COMMENT.sub(_keep_lines, text)
        text = _TRAILING_COMMA.sub(lambda match: match[1] or " ", text)
        if not text.strip():
            return {}
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{file.label} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}). "
            f"Correct it: {file.client} cannot use any server in it as it is."
        ) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{file.label} cannot be read as JSON ({type(error).__name__}). "
            "Look for a number or a nesting that is far too long."
        ) from None
    if not isinstance(content, dict):
        raise SettingsError(f'{file.label} is not a JSON object. It looks like {{"{file.key}": {{...}}}}.')
    return content


def _keep_lines(match: re.Match[str]) -> str:
    """A string as it is; for a comment a blank and its line ends, so that errors name the right line."""
    return match[1] or " " + "\n" * match[0].count("\n")


def servers_in(entries: Any) -> Iterator[Server]:
    """The servers that an object of a config file names; nothing where it is no object."""
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict):
            command, args, env = entry.get("command"), entry.get("args"), entry.get("env")
            yield Server(
                name=name,
                command=command if isinstance(command, str) else "",
                args=tuple(str(arg) for arg in args) if isinstance(args, list) else (),
                env=_variables(env),
                env_file="envFile" in entry,
            )


def _variables(env: Any) -> dict[str, str]:
    """What an entry sets; a variable that is null is not set."""
    given = env.items() if isinstance(env, dict) else ()
    return {name: str(value) for name, value in given if value is not None}


def _project_servers(projects: Any, cwd: Path) -> Iterator[Server]:
    """Servers of the project that `cwd` is in; on Windows the paths are kept with either slash."""
    around = {directory.as_posix() for directory in (cwd, *cwd.parents)}
    for directory, project in projects.items() if isinstance(projects, dict) else ():
        if directory.replace("\\", "/") in around and isinstance(project, dict):
            yield from servers_in(project.get("mcpServers"))
