"""Servers to talk to, and the record of what was seen: `make test-interop`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from processes import Start, starter

from delivery.clients import SEEN, papers
from interop.record import Record


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command; ends it after the test."""
    with starter() as start:
        yield start


@pytest.fixture
def server(start: Start) -> str:
    """The address of a server over HTTP, on an embedded sandbox that nobody else has touched."""
    return start("--transport", "streamable-http", "--port", "0").url()


@pytest.fixture(scope="session")
def record() -> Iterator[Record]:
    """Holds what is seen against what was recorded, or with UPDATE_CLIENTS=1 records it."""
    record = Record(SEEN, update=bool(os.environ.get("UPDATE_CLIENTS")))
    yield record
    if record.update:
        record.write()
        for path, text in papers().items():
            path.write_text(text, encoding="utf-8")
