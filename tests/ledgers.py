"""Empty ledgers for tests, and the clock that they go by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sendoso_mcp.spending.ledger import Ledger

ACCOUNT = "test"
START = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)


class Clock:
    """The moment that a ledger takes for now."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        """Lets time pass, such as `minutes=5`."""
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """The clock of `ledger`."""
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger, on each database in turn."""
    ledger = Ledger(ledger_url, account=ACCOUNT, now=clock, patience=())
    yield ledger
    ledger.close()


@pytest.fixture
def memory_ledger() -> Iterator[Ledger]:
    """An empty ledger in memory that goes by the real time: for what is no matter of the database."""
    ledger = Ledger("sqlite://", account=ACCOUNT)
    yield ledger
    ledger.close()
