"""What the database itself refuses, whatever the code above it does."""

# ruff: noqa: S608 - every name in this SQL is one of ours

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ledger_kit import (
    BROKEN_RULES,
    ask,
    confirm,
    order,
    refused_by_the_database,
    rows,
    settle,
    transaction,
    wish,
)

from sendoso_mcp.spending.ledger import NOTHING_ORDERED, Ledger, State, audit
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.states import NEW, TRANSITIONS

WAYS = [(before, after) for before in (NEW, *State) for after in State]


def copy(session: Session, table: str, **changed: Any) -> None:
    """Inserts the one row of a table once more, with some columns changed."""
    columns = {
        "intents": "id, principal, idempotency_key, follows, state, reason, digest, quote, quote_digest, "
        "asks, policy_version, person, recipient_id, recipient_name, recipient_email, item_id, item_name, "
        "price_cents, proposed_at, expires_at, changed_at",
        "approvals": "intent_id, quote_digest, policy_version, principal, rung, approver, consumed_at",
        "attempts": "intent_id, token, instance, mark, begun_at, ended_by, held_cents, send_id, send_status, "
        "cost_cents, over_limits, settled_at",
    }[table]
    (row,) = session.rows(f"SELECT {columns} FROM {table}")
    values = dict(zip(columns.split(", "), row, strict=True)) | changed
    marks = ", ".join("?" * len(values))
    session.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())


def test_every_way_from_state_to_state_that_is_one_can_be_gone_and_no_other(ledger: Ledger) -> None:
    intent = ask(ledger, wish())
    gone = set()
    with transaction(ledger) as session:
        for before, after in WAYS:
            session.execute("SAVEPOINT here")
            with suppress(*BROKEN_RULES):
                audit.append(session, ledger.now(), intent.id, (before, after), actor="test", detail={})
                gone.add((before, after))
            session.execute("ROLLBACK TO SAVEPOINT here")
    assert gone == TRANSITIONS
    assert len(WAYS) - len(gone) > 150


def test_a_change_of_state_and_its_row_in_the_trail_stand_or_fall_together(ledger: Ledger) -> None:
    intent, length = ask(ledger, wish()), ledger.position()
    for after in set(State) - {after for before, after in TRANSITIONS if before is intent.state}:
        with refused_by_the_database(), transaction(ledger) as session:
            Book(session, ledger.now()).move(intent, after, "test")
    assert ledger.known(intent.id).state is State.AWAITING_APPROVAL
    assert ledger.position() == length == len(list(ledger.trail()))


def test_no_way_leads_out_of_an_end(ledger: Ledger) -> None:
    ends = set(State) - {before for before, _ in TRANSITIONS}
    assert ends == NOTHING_ORDERED | {State.DECLINED, State.CANCELLED}


def test_a_state_that_is_none_is_refused(ledger: Ledger) -> None:
    intent = ask(ledger, wish())
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute("UPDATE intents SET state = 'sent_twice' WHERE id = ?", intent.id)


@pytest.mark.parametrize("state", sorted(set(State) - NOTHING_ORDERED))
def test_one_key_has_one_intent_that_is_not_over(ledger: Ledger, state: State) -> None:
    ask(ledger, wish(key="k"))
    with refused_by_the_database(), transaction(ledger) as session:
        copy(session, "intents", id="other", state=str(state))
    assert rows(ledger, "SELECT count(*) FROM intents") == [(1,)]


@pytest.mark.parametrize(
    "changed",
    [
        *({"state": str(state)} for state in sorted(NOTHING_ORDERED)),
        {"principal": "bob"},
        {"idempotency_key": "k2"},
        {"idempotency_key": None},
    ],
    ids=str,
)
def test_what_is_over_or_has_another_key_is_no_second_intent(ledger: Ledger, changed: dict[str, Any]) -> None:
    ask(ledger, wish(key="k"))
    with transaction(ledger) as session:
        copy(session, "intents", id="other", **changed)
    assert rows(ledger, "SELECT count(*) FROM intents") == [(2,)]


@pytest.mark.parametrize(
    "changed",
    [
        {"policy_version": "nothing"},
        {"follows": "nothing"},
        {"state": "nothing"},
        {"price_cents": -1},
        {"principal": None},
    ],
    ids=str,
)
def test_an_intent_that_cannot_be_is_refused(ledger: Ledger, changed: dict[str, Any]) -> None:
    ask(ledger, wish())
    with refused_by_the_database(), transaction(ledger) as session:
        copy(session, "intents", **({"id": "other"} | changed))


def test_a_second_order_for_one_intent_is_refused(ledger: Ledger) -> None:
    order(ledger)
    with refused_by_the_database(), transaction(ledger) as session:
        copy(session, "attempts", **{"token": "another"})


def test_a_second_yes_for_one_intent_is_refused(ledger: Ledger) -> None:
    order(ledger)
    with refused_by_the_database(), transaction(ledger) as session:
        copy(session, "approvals", approver="somebody else")


@pytest.mark.parametrize(
    "changed",
    [{"intent_id": "nobody"}, {"token": None}, {"held_cents": -1}, {"cost_cents": -1}, {"ended_by": None}],
    ids=str,
)
def test_an_order_that_cannot_be_is_refused(ledger: Ledger, changed: dict[str, Any]) -> None:
    order(ledger)
    other = ask(ledger, wish())
    with refused_by_the_database(), transaction(ledger) as session:
        copy(session, "attempts", **({"intent_id": other.id, "token": "another"} | changed))


@pytest.mark.parametrize("column", ["token", "mark", "send_id"])
def test_no_two_orders_have_the_same_token_mark_or_send(ledger: Ledger, column: str) -> None:
    first, second = order(ledger, wish(key="a")), order(ledger, wish(key="b"))
    with transaction(ledger) as session:
        session.execute(f"UPDATE attempts SET {column} = 'same' WHERE intent_id = ?", first.id)
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute(f"UPDATE attempts SET {column} = 'same' WHERE intent_id = ?", second.id)


@pytest.mark.parametrize(
    "change",
    [
        "most = used_before + granted - 1",
        "granted = 2001, amount = 2001, most = 2000",
        "used_before = 1, most = granted",
        "used_before = -1",
        "granted = -1, amount = -1",
        "amount = granted + 1",  # a hold that is not settled is what was granted
        "amount = 0",
        "settled_seq = 7",
        "kind = 'released'",  # with its money still in it
        "kind = 'forgotten'",
        "kind = 'posted', amount = -1",
        "bucket = 'nowhere'",
        "intent_id = 'nobody'",
        "at = NULL",
    ],
)
def test_a_hold_that_cannot_be_is_refused(ledger: Ledger, change: str) -> None:
    order(ledger)
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute(f"UPDATE holds SET {change} WHERE bucket LIKE 'day:%'")


def test_a_hold_at_its_limit_is_no_breach(ledger: Ledger) -> None:
    order(ledger)
    with transaction(ledger) as session:
        session.execute("UPDATE holds SET used_before = 1, most = granted + 1 WHERE bucket LIKE 'day:%'")


def test_a_cost_over_the_limit_can_be_written_down(ledger: Ledger) -> None:
    """It is spent: only what is granted has to keep to the limit."""
    order(ledger)
    with transaction(ledger) as session:
        session.execute("UPDATE holds SET kind = 'posted', amount = 99999, settled_seq = 9, most = granted")
    assert set(rows(ledger, "SELECT kind, amount FROM holds")) == {("posted", 99_999)}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM intents",
        "DELETE FROM attempts",
        "DELETE FROM policies",
        "DELETE FROM buckets",
        "DELETE FROM states",
        "DELETE FROM transitions",
        "INSERT INTO chain (id, seq, hash) VALUES (2, 0, '')",
        "INSERT INTO chain (id, seq, hash) VALUES (1, 0, '')",
        "UPDATE audit SET intent_id = 'nobody'",
        "UPDATE audit SET to_state = from_state",
    ],
)
def test_what_other_rows_rest_on_cannot_be_taken_away(ledger: Ledger, statement: str) -> None:
    confirm(ledger, order(ledger))
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute(statement)


def test_two_rows_of_the_trail_cannot_have_one_place(ledger: Ledger) -> None:
    settle(ledger, order(ledger), State.UNKNOWN)
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute("UPDATE audit SET seq = 1 WHERE seq = 2")
