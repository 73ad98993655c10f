"""Fixtures for all tests, and the one figure that is printed on every run."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from benchmarks.definitions import LIMIT, totals

    definitions, with_output = totals()
    terminalreporter.write_line(
        f"tool definitions: {definitions:,} characters of at most {LIMIT:,}"
        f" ({with_output:,} with output schemas)"
    )
