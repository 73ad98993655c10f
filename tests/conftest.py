"""Fixtures for all tests, and the one figure that is printed on every run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import pytest
from databases import ledger_directory, ledger_url, postgres_server, shared_url
from ledgers import clock, ledger, memory_ledger
from support import change_back

__all__ = [
    "clock",
    "ledger",
    "ledger_directory",
    "ledger_url",
    "memory_ledger",
    "postgres_server",
    "shared_url",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _sandboxes_begin_alike() -> Iterator[None]:
    yield
    change_back()


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Has a line printed when all tests are done: what a search for faults has tried, and found."""
    return lambda text: record_property("figure", text)


def pytest_configure(config: pytest.Config) -> None:
    """Keeps ledgers and caches of servers under test apart from the user's own, and an earlier run's."""
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        directory = tempfile.TemporaryDirectory(prefix="sendoso-mcp-test-")
        os.environ[variable] = directory.name
        config.add_cleanup(directory.cleanup)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    for text in sorted(
        str(value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "figure"
    ):
        terminalreporter.write_line(text)

    from benchmarks.definitions import LIMIT, totals

    definitions, with_output = totals()
    terminalreporter.write_line(
        f"tool definitions: {definitions:,} characters of at most {LIMIT:,}"
        f" ({with_output:,} with output schemas)"
    )
