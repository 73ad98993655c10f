"""A PostgreSQL server that goes away, comes back, or never was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import PostgresServer, postgres
from ledger_kit import answer, ask, confirm, eventually, order, unavailable, wish
from ledgers import ACCOUNT

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import Break, Intent, Ledger, Reserved
from sendoso_mcp.spending.ledger import postgres as in_postgres
from sendoso_mcp.spending.ledger.database import Lost


def test_a_server_that_is_not_there_is_said_to_be_so_without_its_address(ledger_directory: Path) -> None:
    url = f"postgresql://ann:pa55word@/gifts?host={ledger_directory}"
    ledger = Ledger(url, account=ACCOUNT, patience=(0, 0))
    text = unavailable(ledger.position)
    assert "its database cannot be reached" in text
    assert "nothing is ordered without it" in text
    assert "pa55word" not in text
    assert str(ledger_directory) not in text
    ledger.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


def after_trouble(ledger: Ledger, sent: Intent, question: Intent) -> None:
    assert ledger.known(sent.id) == sent
    assert isinstance(answer(ledger, wish(key="b"), question), Reserved)
    assert not isinstance(ledger.verify(), Break)


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_a_server_that_restarts_is_waited_for(own_server: PostgresServer, ends: str) -> None:
    url = own_server.uri()
    ledger, other = (Ledger(url, account=ACCOUNT, patience=(0.02,) * 200) for _ in range(2))
    sent = confirm(ledger, order(ledger, wish(key="a")))
    question = ask(ledger, wish(key="b"))
    getattr(own_server, ends)()
    own_server.start()
    after_trouble(ledger, sent, question)
    # Its last write showed others that it still runs.
    assert not other.orphaned(ledger.known(question.id))
    ledger.close()
    eventually(lambda: other.orphaned(other.known(question.id)))
    other.close()


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_a_server_that_goes_away_in_mid_transaction_loses_nothing(
    own_server: PostgresServer, ends: str
) -> None:
    ledger = Ledger(own_server.uri(), account=ACCOUNT, patience=(0.02,) * 200)
    sent = confirm(ledger, order(ledger, wish(key="a")))
    question = ask(ledger, wish(key="b"))
    length = ledger.position()

    def transaction_over_a_restart() -> None:
        with ledger._used().write("test") as session:
            session.execute("UPDATE intents SET state = 'denied'")
            getattr(own_server, ends)()
            own_server.start()
            session.execute("DELETE FROM holds")

    with pytest.raises(Lost):
        transaction_over_a_restart()
    assert ledger.position() == length
    after_trouble(ledger, sent, question)
    ledger.close()


def test_a_server_that_stays_away_is_said_to_be_gone(own_server: PostgresServer) -> None:
    ledger = Ledger(own_server.uri(), account=ACCOUNT, patience=(0.01,))
    question = ask(ledger, wish(key="b"))
    own_server.kill()
    try:
        assert "cannot be reached" in unavailable(lambda: answer(ledger, wish(key="b"), question))
    finally:
        own_server.start()
    assert isinstance(answer(ledger, wish(key="b"), question), Reserved)
    ledger.close()


def test_a_connection_that_the_server_does_not_know_to_be_dead_holds_nobody_up(
    own_server: PostgresServer,
) -> None:
    """The network ate it: the server still keeps its lock when the process comes back with another one."""
    ledger = Ledger(own_server.uri(), account=ACCOUNT, patience=())
    question = ask(ledger, wish())
    database: Any = ledger._used()
    lost, database._alive = database._alive, database._connect()
    database._alive.close()
    assert isinstance(answer(ledger, wish(), question), Reserved)
    lost.close()
    ledger.close()


def test_who_stops_in_the_middle_of_a_transaction_stops_nobody_else(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that went to sleep with the ledger's lock in its hand."""
    monkeypatch.setattr(in_postgres, "_BUSY", 0.1)
    url = own_server.uri()
    sleeper, ledger = (Ledger(url, account=ACCOUNT, patience=()) for _ in range(2))
    question = ask(ledger, wish())

    def others_go_on() -> bool:
        try:
            return isinstance(answer(ledger, wish(), question), Reserved)
        except LedgerUnavailable:
            return False

    def sleep_in_mid_transaction() -> None:
        with sleeper._used().write("test") as session:
            session.execute("UPDATE intents SET state = 'denied'")
            eventually(others_go_on)
            session.execute("DELETE FROM holds")

    with pytest.raises((LedgerUnavailable, Lost)):
        sleep_in_mid_transaction()
    assert len(ledger.unsettled()) == 1
    assert not isinstance(ledger.verify(), Break)
    for each in (sleeper, ledger):
        each.close()
