"""Checks everything that a server needs, and says what to do about what is missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO
from urllib.parse import urlsplit

import anyio

from sendoso_mcp.cli.clients import (
    ConfigFile,
    Server,
    config_files,
    find_program,
    how_to_start,
    read_servers,
)
from sendoso_mcp.errors import NotConnected, SendosoError, SettingsError, Timeout
from sendoso_mcp.settings import Settings, read_settings

if TYPE_CHECKING:
    # At run time it is imported by the checks: with a broken httpx the doctor still has to come.
    from sendoso_mcp.api import Timing

_PACKAGES = ("mcp", "httpx", "pydantic")
_OLDEST_PYTHON = (3, 11)
_COLOURS = {"ok": "\x1b[32m", "info": "\x1b[36m", "FAIL": "\x1b[1;31m"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; `advice` is what to do about it, where there is something to do."""

    level: Literal["ok", "info", "FAIL"]
    text: str
    advice: str = ""


async def doctor(environ: Mapping[str, str], *, home: Path, cwd: Path, platform: str, out: TextIO) -> int:
    """Runs every check that makes sense after the ones before it, and writes a line on each to `out`.

    No line shows the API key. Raises nothing: a check that breaks is a failure like any other.

    Args:
        environ: the environment, with the settings.
        home: the person's home directory.
        cwd: where clients' config files of a project are looked for.
        platform: as in `sys.platform`.
        out: where the lines go; they are coloured if it is a terminal and NO_COLOR is not set.

    Returns:
        The exit status: 0 where nothing failed, else 1.
    """
    report = _Report(out, environ, platform)
    report.add(check_python(sys.version_info[:3]), *map(check_package, _PACKAGES))
    with report.section("API", "Check HTTPS_PROXY, SSL_CERT_FILE and SENDOSO_BASE_URL, if they are set."):
        settings, checks = check_settings(environ)
        report.add(*checks)
        if settings is not None and settings.api_key:
            report.add(*await check_api(settings.base_url, settings.api_key))
    with report.section("Clients"):
        files = config_files(environ, home=home, cwd=cwd, platform=platform)
        for client, places in groupby(files, key=lambda file: file.client):
            with report.section(client):
                _report_client(report, list(places), environ, cwd)
    return report.end()


def check_python(version: tuple[int, int, int]) -> Check:
    """Whether this Python is new enough."""
    text = f"Python {'.'.join(map(str, version))}"
    if version < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        return Check("FAIL", f"{text} is too old.", f"Install sendoso-mcp with Python {oldest} or newer.")
    return Check("ok", text)


def check_package(name: str) -> Check:
    """Whether a package that the server needs is installed and can be imported."""
    try:
        importlib.import_module(name)
        return Check("ok", f"{name} {metadata.version(name)}")
    except Exception as error:
        # Anything may go wrong in somebody else's import, and all of it means the same.
        return Check(
            "FAIL", f"{name} cannot be imported ({type(error).__name__}).", "Install sendoso-mcp again."
        )


def check_settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Check]]:
    """Whether the environment, the key and the address can be used as written; the settings if they can."""
    from sendoso_mcp.api import check_credentials  # noqa: PLC0415 - see TYPE_CHECKING

    try:
        settings = read_settings(environ)
        if settings.api_key is None:
            text = "No SENDOSO_API_KEY: the embedded sandbox is used; nothing is really sent or charged."
            return settings, [Check("info", text)]
        check_credentials(settings.base_url, settings.api_key)
    except SettingsError as error:
        return None, [_failed(error), Check("info", "API: not checked, since the settings cannot be used")]
    return settings, [
        Check("ok", f"SENDOSO_API_KEY is set ({len(settings.api_key)} characters)"),
        # Only the host: people paste keys into paths and passwords.
        Check("ok", f"The API is at {urlsplit(settings.base_url).hostname}"),
    ]


async def check_api(
    base_url: str, api_key: str, *, timing: Timing | None = None, deadline: float = 10
) -> list[Check]:
    """Whether Sendoso answers, and lets this key read the team's budget and the inventory.

    Args:
        base_url: where the API is.
        api_key: a key that `check_settings` finds usable.
        timing: for one call; by default short, since a person waits.
        deadline: seconds for all calls together.
    """
    from sendoso_mcp import api  # noqa: PLC0415 - see TYPE_CHECKING

    # Three attempts to connect and the waits between them stay below the deadline of a call, so that a
    # silent host is reported as one that cannot be reached.
    timing = timing or api.Timing(connect=2.5, read=8, read_deadline=8.5, backoff=0.1, longest_wait=2)
    checks: list[Check] = []
    sendoso = api.connect(base_url=base_url, api_key=api_key, timing=timing)
    try:
        with anyio.move_on_after(deadline) as scope:
            try:
                budget = await sendoso.get_budget()
                left = "" if budget.remaining is None else f" ({budget.remaining:,.2f} USD left)"
                checks.append(Check("ok", f"The API answers: the team's budget can be read{left}"))
            except SendosoError as error:
                checks.append(_failed(error))
                if isinstance(error, NotConnected | Timeout):
                    return checks
            try:
                total = (await sendoso.list_inventory(page=1, per_page=1)).total
                gifts = "" if total is None else f" ({total:,} gifts)"
                checks.append(Check("ok", f"The API answers: the inventory can be read{gifts}"))
            except SendosoError as error:
                # A refused key or a wrong address is one problem, however often it is met.
                if _failed(error) not in checks:
                    checks.append(_failed(error))
        if scope.cancelled_caught:
            checks.append(_failed(Timeout(deadline)))
    finally:
        await sendoso.aclose()
    return checks


def check_server(
    file: ConfigFile, server: Server, *, environ: Mapping[str, str], cwd: Path
) -> Iterator[Check]:
    """Whether a client can start the server that its config file describes, and with usable settings."""
    where = f'{file.label}, server "{server.name[:40]}"'
    yield _check_command(file, server, where, environ, cwd)
    ours = {name: value for name, value in server.env.items() if name.startswith("SENDOSO_")}
    # Some clients fill in variables such as ${env:NAME} or ${input:key}; only they know with what.
    if any("${" in value for value in ours.values()):
        return
    if ours.get("SENDOSO_API_KEY", "").strip():
        _, checks = check_settings(ours)
        for check in checks:
            if check.level == "FAIL":
                yield Check("FAIL", f"{where}, its env: {check.text}", check.advice)
    elif not server.env_file:
        yield Check(
            "info",
            f"{where} has no SENDOSO_API_KEY in its env.",
            f"It uses the embedded sandbox, unless {file.client} passes on a key of its own environment.",
        )


def _check_command(
    file: ConfigFile, server: Server, where: str, environ: Mapping[str, str], cwd: Path
) -> Check:
    if not server.command:
        return Check("FAIL", f"{where} has no command.", 'Add "command": the absolute path of sendoso-mcp.')
    if "${" in server.command:
        return Check("info", f"{where}: its command has variables in it; not checked")
    program = find_program(server, environ=environ, cwd=cwd)
    if program is None:
        return Check(
            "FAIL",
            f"{where}: {server.shown_command} is not a program on this machine.",
            how_to_start(server.command),
        )
    if file.terminal or Path(server.command).is_absolute():
        return Check("ok", f"{where}: its command exists")
    return Check(
        "info",
        f"{where}: its command exists, but {file.client} may not find it.",
        f'Desktop programs start with almost no PATH. Set "command" to {program}',
    )


def _report_client(report: _Report, places: list[ConfigFile], environ: Mapping[str, str], cwd: Path) -> None:
    missing: list[str] = []
    for file in places:
        try:
            servers = read_servers(file, cwd=cwd)
        except SettingsError as error:
            report.add(_failed(error))
            continue
        if servers is None:
            missing.append(file.shown)
            continue
        ours = [server for server in servers if server.ours]
        if not ours:
            report.add(Check("info", f"{file.label} has no server that runs sendoso-mcp"))
        for server in ours:
            report.add(*check_server(file, server, environ=environ, cwd=cwd))
        if ours and file.instead_reads:
            advice = f"If the server does not appear in it, add it to {file.instead_reads}"
            text = f"{file.label} may not be read by the app from the Microsoft Store."
            report.add(Check("info", text, advice))
    if len(missing) == len(places):
        report.add(Check("info", f"{places[0].client}: no config file at {' or '.join(missing)}"))


def _failed(error: SendosoError) -> Check:
    """The first sentence says what is wrong, the others what to do."""
    text, _, advice = str(error).partition(". ")
    otherwise = (
        "Correct it, and restart the server."
        if isinstance(error, SettingsError)
        else "Check the network and SENDOSO_BASE_URL, and try again in a few minutes."
    )
    return Check("FAIL", f"{text.removesuffix('.')}.", advice or otherwise)


class _Report:
    """Writes checks as they come, and counts the failures."""

    def __init__(self, out: TextIO, environ: Mapping[str, str], platform: str) -> None:
        self._out = out
        self._problems = 0
        # Older Windows consoles print the codes as they are.
        plain = environ.get("NO_COLOR") or (platform == "win32" and "WT_SESSION" not in environ)
        self._colour = out.isatty() and not plain
        self._key = environ.get("SENDOSO_API_KEY", "").strip()

    @contextmanager
    def section(
        self, what: str, advice: str = "This is a defect of sendoso-mcp; please report it with this line."
    ) -> Iterator[None]:
        """Makes a failure of what nobody foresaw, so that the next check can run."""
        try:
            yield
        except Exception as error:
            # Only the class: the text of such an error may hold anything, also the key.
            self.add(Check("FAIL", f"{what}: unexpected {type(error).__name__}.", advice))

    def add(self, *checks: Check) -> None:
        """Writes checks."""
        for check in checks:
            self._problems += check.level == "FAIL"
            level = f"{check.level:<4}"
            if self._colour:
                level = f"{_COLOURS[check.level]}{level}\x1b[0m"
            self._line(f"{level}  ", check.text)
            if check.advice:
                self._line("      ", check.advice)

    def end(self) -> int:
        """Writes the summary; returns the exit status."""
        self._line("", "")
        many = "problem" if self._problems == 1 else "problems"
        self._line("", f"{self._problems} {many}." if self._problems else "All good.")
        return 1 if self._problems else 0

    def _line(self, head: str, text: str) -> None:
        # Names and paths come from files that others wrote.
        if len(self._key) >= 8:  # a shorter one is never accepted, and could be a part of any word
            text = text.replace(self._key, "[key]")
        text = "".join(character if character.isprintable() else "?" for character in text)
        encoding = self._out.encoding or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        # Whoever read the lines may have seen enough, as `head` does; the exit status still counts.
        with suppress(BrokenPipeError):
            print(f"{head}{text}".rstrip(), file=self._out, flush=True)
