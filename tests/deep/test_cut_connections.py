"""The connection to PostgreSQL breaks at each statement of an order's life, or before its answer."""

from __future__ import annotations

import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import psycopg
import pytest
from databases import PostgresServer
from depth import deep

from deep.ledger_model import Person, Rules
from deep.wishes import dispatch_of, policy_of, usd, wish_of
from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger import Approval, Break, Ledger, Outcome, Reserved, State, Wish
from sendoso_mcp.spending.limits import day_bucket

POLICY = policy_of(Rules("asks always", per_day=10**7, per_year=10**7))
WHOLE = ["proposed", "awaiting_approval", "reserved", "dispatching", "confirmed", "cancelled"]
NEVER_GIVEN = [*WHOLE[:4], "not_sent"]
execute = psycopg.Connection.execute

T = TypeVar("T")


class Scissors:
    """Cuts a connection once: at a statement that the server never gets, or whose answer never comes."""

    def __init__(self, at: int | None = None, *, answer_only: bool = False) -> None:
        self.at, self.answer_only, self.statements = at, answer_only, 0

    def __call__(self, connection: psycopg.Connection[Any], *args: Any, **options: Any) -> Any:
        self.statements += 1
        if self.statements != self.at:
            return execute(connection, *args, **options)
        if self.answer_only:
            execute(connection, *args, **options)
        theirs = socket.socket(fileno=connection.fileno())
        theirs.shutdown(socket.SHUT_RDWR)
        theirs.detach()
        return execute(connection, "SELECT 1")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        def cut(*args: Any, **options: Any) -> Any:
            return self(*args, **options)

        with mock.patch.object(psycopg.Connection, "execute", cut):
            yield


def a_life(ledger: Ledger, wish: Wish, token: str) -> None:
    """An order from the wish to its cancel. Whoever calls the ledger calls again if it could not be used."""
    question = persistent(lambda: ledger.ask(wish, ledger.judge(wish)))
    yes = Approval(wish.quote.digest, "chat_form", "person")
    try:
        reserved = ledger.reserve(wish, dispatch_of(token), question=question.id, approval=yes)
    except LedgerUnavailable:
        # As the dispatcher does: it has not given the order, and will not.
        never_given = Outcome(State.NOT_SENT, "dispatch", reason="never_given")
        persistent(lambda: ledger.settle_order(token, never_given))
        return
    assert isinstance(reserved, Reserved)
    send = Send(id=f"send_{token}", status="pending", cost=usd(1_000))
    persistent(lambda: ledger.settle(question.id, Outcome(State.CONFIRMED, "dispatch", send=send)))
    persistent(lambda: ledger.cancelled(send.id, "person"))


def persistent(call: Callable[[], T]) -> T:
    try:
        return call()
    except LedgerUnavailable:
        return call()


@pytest.mark.parametrize("patience", [(), (0.0, 0.0)], ids=["given up at once", "tried again"])
def test_an_order_survives_a_cut_at_every_statement(
    patience: tuple[float, ...], postgres_server: PostgresServer, figure: Callable[[str], None]
) -> None:
    url, lives, once = postgres_server.uri(), Counter[str](), Scissors()
    ledger, onlooker = (Ledger(url, account="test", patience=patience) for _ in range(2))

    def live(scissors: Scissors) -> list[str]:
        """What became of it, by the trail."""
        key = secrets.token_hex(8)
        # A life that is given up leaves its question open, and nobody may have more than fifty.
        person = Person(f"rcp_{key}", f"{key}@acme.test", "")
        wish = wish_of(person, "itm_mug", 1_000, policy=POLICY, key=key, who=f"ann {key}")
        with scissors.at_work():
            a_life(ledger, wish, token=secrets.token_hex(8))
        rows = onlooker.read(
            lambda book: book.session.rows(
                "SELECT a.to_state, i.id FROM audit a JOIN intents i ON i.id = a.intent_id "
                "WHERE i.idempotency_key = ? ORDER BY a.seq",
                key,
            )
        )
        assert len({intent for _, intent in rows}) == 1
        return [state for state, _ in rows]

    live(Scissors())  # the first also opens the ledger
    assert live(once) == WHOLE
    for at in range(1, once.statements + 1, deep(9, 1)):
        for answer_only in (False, True):
            story = live(Scissors(at, answer_only=answer_only))
            assert story == WHOLE or (not patience and story in (NEVER_GIVEN, WHOLE[:2])), (at, answer_only)
            lives[story[-1]] += 1
    day = day_bucket(onlooker.now())
    assert onlooker.used([day]).of(day) == 0
    assert not onlooker.unsettled()
    assert not isinstance(onlooker.verify(), Break)
    ledger.close()
    onlooker.close()
    figure(
        f"connections cut: {lives.total()} lives of an order, {once.statements} statements each,"
        f" {'tried again' if patience else 'given up'}: {lives['cancelled']} went on,"
        f" {lives['not_sent']} reserved and not given, {lives['awaiting_approval']} not reserved,"
        " 0 lost, 0 twice"
    )
