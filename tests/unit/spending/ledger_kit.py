"""Wishes and what becomes of them, for the tests of the ledger."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from spending_kit import quote

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.models import Send
from sendoso_mcp.spending.dispatch import ORDER_TAKES
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import (
    CHAT_FORM,
    Approval,
    Dispatch,
    Intent,
    Ledger,
    Outcome,
    Past,
    Refusal,
    Reserved,
    State,
    Wish,
)
from sendoso_mcp.spending.ledger.database import Database, Lost, Row, Session
from sendoso_mcp.spending.limits import Bucket
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote

BROKEN_RULES = (sqlite3.IntegrityError, psycopg.IntegrityError)


def wish(
    to: Quote | None = None, *, key: str | None = None, policy: Policy | None = None, principal: str = "ann"
) -> Wish:
    """A gift of 20 USD for Ann with 100 USD left to spend and no other limit, save for what is given."""
    return Wish(quote=to or quote(), policy=policy or Policy(), principal=principal, key=key)


def ask(ledger: Ledger, for_: Wish, *, answering: bool = False) -> Intent:
    """The question about a wish, or the intent that is past asking."""
    return ledger.ask(for_, ledger.judge(for_), answering=answering)


def yes(question: Intent, *, rung: str = CHAT_FORM, digest: str | None = None) -> Approval:
    """A person's yes."""
    return Approval(digest or question.quote_digest, rung, "Ann at her desk")


def dispatch(token: str | None = None, mark: str | None = None) -> Dispatch:
    """An order that is about to be given."""
    return Dispatch(token or secrets.token_hex(8), ORDER_TAKES, mark)


def answer(
    ledger: Ledger, for_: Wish, question: Intent, *, by: str | None = None
) -> Reserved | Past | Refusal:
    """Says yes to a question and has its order written down; `by` is the token of who will give it."""
    return ledger.reserve(for_, dispatch(by), question=question.id, approval=yes(question))


def envelope(now: datetime, **facts: Any) -> Envelope:
    """A yes in advance to three gifts of up to 20 USD at Acme, for a day, save for what is given."""
    told = {
        "name": "Leads",
        "sends": 3,
        "each": 20,
        "domains": ("acme.test",),
        "until": now + timedelta(days=1),
        "opened_at": now,
        "opened_by": "bob",
    }
    return Envelope.model_validate(told | facts)


def order(ledger: Ledger, for_: Wish | None = None) -> Intent:
    """A wish that was asked about, approved, and whose order is written down."""
    for_ = for_ or wish()
    reserved = answer(ledger, for_, ask(ledger, for_))
    assert isinstance(reserved, Reserved), reserved
    return reserved.intent


def settle(
    ledger: Ledger, intent: Intent, state: State, *, send: Send | None = None, reason: str = ""
) -> Intent:
    """Writes down what came of an order."""
    return ledger.settle(intent.id, Outcome(state, "test", send=send, reason=reason))


def confirm(ledger: Ledger, intent: Intent, *, cost: Any = None, send_id: str | None = None) -> Intent:
    """Writes down that it was sent."""
    send = Send(
        id=send_id or f"send_{intent.id}", status="pending", cost=None if cost is None else Decimal(str(cost))
    )
    return settle(ledger, intent, State.CONFIRMED, send=send)


def used(ledger: Ledger, key: str, *, since: datetime | None = None, unseen_at: int | None = None) -> int:
    """What stands in a bucket: cents, or sends."""
    bucket = Bucket(key, since, unseen_at)
    return ledger.used([bucket]).of(bucket)


@contextmanager
def transaction(ledger: Ledger) -> Iterator[Session]:
    """A transaction behind the ledger's back: past its rules, not past the database's."""
    with ledger._used().write("test") as session:
        yield session


def rows(ledger: Ledger, sql: str, *parameters: object) -> list[Row]:
    """What a table says."""
    with ledger._used().read() as session:
        return list(session.rows(sql, *parameters))


@contextmanager
def refused_by_the_database() -> Iterator[None]:
    """Around what breaks a rule that the database itself keeps."""
    with pytest.raises(BROKEN_RULES):
        yield


def unavailable(call: Callable[[], object]) -> str:
    """What is said when a ledger cannot be used."""
    with pytest.raises(LedgerUnavailable) as caught:
        call()
    return str(caught.value)


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until something holds: PostgreSQL takes a moment to see that a connection is gone."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "never held"


class Fragile:
    """A database whose answers are lost: `lose` says at which writes, and whether before the commit or after.

    While it is `gone` it cannot be used at all.
    """

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.instance = inner.instance
        self.lose: list[str | None] = []
        self.gone = False

    @classmethod
    def of(cls, ledger: Ledger) -> Fragile:
        """Makes a ledger's database fragile; the ledger tries everything twice."""
        ledger._patience = (0,)
        fragile = cls(ledger._used())
        ledger._database = fragile
        return fragile

    @contextmanager
    def write(self, what: str) -> Iterator[Session]:
        self._here()
        lost = self.lose.pop(0) if self.lose else None
        with self.inner.write(what) as session:
            yield session
            if lost == "before":
                raise Lost
        if lost == "after":
            raise Lost

    def read(self) -> AbstractContextManager[Session]:
        self._here()
        return self.inner.read()

    def read_at_once(self) -> AbstractContextManager[Session]:
        self._here()
        return self.inner.read_at_once()

    def _here(self) -> None:
        if self.gone:
            raise LedgerUnavailable("the disk is full")

    def has_table(self, session: Session, name: str) -> bool:
        return self.inner.has_table(session, name)

    def is_alive(self, instance: str) -> bool:
        return self.inner.is_alive(instance)

    def turn(self, per_second: int) -> float:
        return self.inner.turn(per_second)

    def turn_at_once(self, per_second: int) -> float | None:
        return self.inner.turn_at_once(per_second)

    def writable(self, session: Session) -> bool:
        return self.inner.writable(session)

    def triggers(self, session: Session) -> Sequence[str]:
        return self.inner.triggers(session)

    def altered(self, session: Session, make: Callable[[Session], None]) -> str:
        return self.inner.altered(session, make)

    def damage(self, session: Session) -> str:
        return self.inner.damage(session)

    def close(self) -> None:
        self.inner.close()
