"""A served sandbox, and commands that are ended whatever a test does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from processes import Start, count, starter


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command; ends it after the test."""
    with starter() as start:
        yield start


@pytest.fixture(scope="module")
def sendoso() -> Iterator[str]:
    """The address of a served sandbox."""
    with starter() as start:
        yield start("sandbox", "--port", "0").url()


@pytest.fixture
def orders(sendoso: str) -> Callable[[], int]:
    """Counts the orders at the served sandbox."""
    return lambda: count(sendoso)
