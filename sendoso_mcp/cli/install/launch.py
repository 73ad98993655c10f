"""Which command starts this server from anywhere: what a client's config must hold."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sendoso_mcp.cli.starting import is_ours, last_part, names_us, program_at
from sendoso_mcp.errors import SettingsError

_NAME = "sendoso-mcp"
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=")
_CACHES = frozenset({".cache", "cache", "caches"})


@dataclass(frozen=True, slots=True)
class Launch:
    """A command with its whole path, and its arguments up to those that are the server's own."""

    command: str
    args: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The command line as a person reads it."""
        return " ".join((self.command, *self.args))


def find_launch(environ: Mapping[str, str], *, prefix: Path, executable: Path, platform: str) -> Launch:
    """How a client starts the server that runs here.

    Where uvx or pipx run it from their cache, its own path will not last: then the client runs the same
    launcher. Otherwise it is the installed command, or this Python where there is none.

    Args:
        environ: for where uv is (it says so in `UV`), and `PATH`.
        prefix: as `sys.prefix`.
        executable: as `sys.executable`.
        platform: as `sys.platform`.

    Raises:
        SettingsError: it runs from a cache, and what started it cannot be found.
    """
    if _is_cached(prefix):
        return _launcher(environ, pipx="pipx" in {part.casefold() for part in prefix.parts})
    program = executable.parent / (f"{_NAME}.exe" if platform == "win32" else _NAME)
    if program.is_file():
        return Launch(str(program.absolute()))
    return Launch(str(executable.absolute()), ("-m", "sendoso_mcp"))


def server_arguments(command: str, args: Sequence[str]) -> tuple[str, ...]:
    """What of an entry's arguments is for the server, after those of what starts it.

    Raises:
        SettingsError: it cannot be told, as in a shell's line; whoever replaced the entry would lose them.
    """
    if is_ours(command):
        # Some write the whole line into "command".
        program, *inside = last_part(command).split()
        clear, own = names_us(program) and not _ASSIGNS.match(command), (*inside, *args)
    else:
        number = program_at(args)
        clear = number is None or not any(map(str.isspace, args[number]))
        own = () if number is None else tuple(args[number + 1 :])
    if not clear:
        raise SettingsError(
            "The entry starts this server in a way that cannot be changed without losing some of it. "
            "Nothing was changed. Change it by hand, or take it out with `sendoso-mcp uninstall` first."
        )
    return own


def _is_cached(prefix: Path) -> bool:
    """Whether an environment is in a cache, which is emptied now and then.

    A cache says so by a file (https://bford.info/cachedir/), as uv's does, or by its name. uv puts that
    file into every environment that it makes, so the environment itself is not looked at.
    """
    around = prefix.parents
    named = any(directory.name.casefold() in _CACHES for directory in around)
    return named or any((directory / "CACHEDIR.TAG").is_file() for directory in around)


def _launcher(environ: Mapping[str, str], *, pipx: bool) -> Launch:
    path = environ.get("PATH", "")
    source = _source()
    if not pipx:
        # uv tells its children where it is; uvx is beside it.
        uv = environ.get("UV", "")
        beside = str(Path(uv).parent) if uv else None
        if program := (beside and shutil.which("uvx", path=beside)) or shutil.which("uvx", path=path):
            return Launch(_whole(program), ("--from", source, _NAME) if source else (_NAME,))
    if program := shutil.which("pipx", path=path):
        return Launch(_whole(program), ("run", "--spec", source, _NAME) if source else ("run", _NAME))
    raise SettingsError(
        "sendoso-mcp runs from a cache that will be emptied, so its path must not go into a client's config, "
        "and neither uvx nor pipx was found to start it again. Install it (uv tool install or pipx install), "
        "and run this again. Nothing was changed."
    )


def _whole(program: str) -> str:
    return str(Path(program).absolute())


def _source() -> str:
    """The file or address it was installed from, where that was not a package index (PEP 610)."""
    try:
        origin = json.loads(metadata.distribution(_NAME).read_text("direct_url.json") or "{}")
        url, repository = str(origin.get("url", "")), origin.get("vcs_info")
        if repository:
            return f"{repository['vcs']}+{url}@{repository['commit_id']}"
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else url


def here(environ: Mapping[str, str]) -> Launch:
    """`find_launch` for this very process.

    Raises:
        SettingsError: see there.
    """
    return find_launch(
        environ, prefix=Path(sys.prefix), executable=Path(sys.executable), platform=sys.platform
    )
