"""Checks what clients' config files say of this server: its command, and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sendoso_mcp.cli.clients import ConfigFile, Server, find_program, how_to_start, read_servers
from sendoso_mcp.cli.doctor.api import check_settings
from sendoso_mcp.cli.doctor.money import check_money_settings
from sendoso_mcp.cli.doctor.report import Check, Report, failed
from sendoso_mcp.errors import SettingsError


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
    keyed = bool(ours.get("SENDOSO_API_KEY", "").strip())
    # A key may come from elsewhere; what is here can still be wrong by itself.
    elsewhere = server.env_file or (file.terminal and environ.get("SENDOSO_API_KEY", "").strip())
    _, checks = check_settings(
        ours if keyed or not elsewhere else {**ours, "SENDOSO_API_KEY": "from-elsewhere"}
    )
    found = [check for check in checks if check.level == "FAIL"]
    for check in found:
        yield Check("FAIL", f"{where}, its env: {check.text}", check.advice)
    if not keyed and not server.env_file and not found:
        yield Check(
            "info",
            f"{where} has no SENDOSO_API_KEY in its env.",
            f"It uses the embedded sandbox, unless {file.client} passes on a key of its own environment.",
        )
    for check in check_money_settings(ours):
        yield Check("FAIL", f"{where}, its env: {check.text}", check.advice)


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


def report_client(report: Report, places: list[ConfigFile], environ: Mapping[str, str], cwd: Path) -> None:
    """Reports on the servers in all places where one client keeps them."""
    missing: list[str] = []
    for file in places:
        try:
            servers = read_servers(file, cwd=cwd)
        except SettingsError as error:
            report.add(failed(error))
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
