"""Checks everything that a server needs, and says what to do about what is missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import TextIO

from sendoso_mcp.cli.clients import config_files
from sendoso_mcp.cli.doctor.api import check_api, check_settings
from sendoso_mcp.cli.doctor.configs import report_client
from sendoso_mcp.cli.doctor.money import check_ledger, check_policy
from sendoso_mcp.cli.doctor.report import Check, Report

_PACKAGES = ("mcp", "httpx", "pydantic")
_OLDEST_PYTHON = (3, 11)


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
    report = Report(out, environ, platform)
    report.add(check_python(sys.version_info[:3]), *map(check_package, _PACKAGES))
    settings = None
    with report.section("API", "Check HTTPS_PROXY, SSL_CERT_FILE and SENDOSO_BASE_URL, if they are set."):
        settings, checks = check_settings(environ)
        report.add(*checks)
        if settings is not None and settings.api_key:
            report.add(*await check_api(settings.base_url, settings.api_key))
    if settings is None:
        report.add(Check("info", "Policy, ledger: not checked, since the settings cannot be used"))
    else:
        with report.section("Policy"):
            report.add(*check_policy(settings.policy_file))
        with report.section("Ledger"):
            report.add(*check_ledger(settings))
    with report.section("Clients"):
        files = config_files(environ, home=home, cwd=cwd, platform=platform)
        for client, places in groupby(files, key=lambda file: file.client):
            with report.section(client):
                report_client(report, list(places), environ, cwd)
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
