"""The trail: what it says, and that no row of the ledger can be changed behind its back unseen."""

# ruff: noqa: S608 - every name in this SQL is one of ours

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_kit import answer, ask, confirm, dispatch, envelope, order, settle, transaction, wish
from ledgers import ACCOUNT, Clock
from spending_kit import budget, policy, quote

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import Break, Decisions, Ledger, State

PLACES = {
    "audit": "audit",
    "intents": "intent",
    "attempts": "attempts",
    "approvals": "approvals",
    "holds": "holds",
    "policies": "policy",
    "buckets": "bucket",
    "chain": "chain",
    "transitions": "transition",
    "states": "state",
    "grants": "grants",
    "approver": "deeds",
    "cancellations": "deeds",
    "deeds": "deeds",
}
"""How `verify` names the place where a table is not what the trail says."""


def fill(ledger: Ledger) -> None:
    """Something of every kind: sent, cancelled, refused, declined, denied, unknown, unanswered."""
    confirm(ledger, order(ledger, wish(key="a")), cost="21.50", send_id="send_1")
    confirm(ledger, order(ledger, wish(key="b")), send_id="send_2")
    ledger.cancelled("send_2", "bob")
    settle(ledger, order(ledger, wish(key="c")), State.REJECTED, reason="BudgetExceeded")
    settle(ledger, order(ledger, wish(key="d")), State.UNKNOWN, reason="Timeout")
    ledger.decline(ask(ledger, wish(key="e")).id, "ann")
    poor = wish(quote(left=budget(1)), key="f", policy=policy(limits={"per_day": 90}))
    ledger.deny(poor, ledger.judge(poor))
    ask(ledger, wish(key="c"))
    generous = policy(approval={"ask_above": 50})
    ledger.reserve(wish(key="g", policy=generous), dispatch(), question=None, approval=None)
    decisions = Decisions(ledger)
    decisions.set_pin("a hash", "ann")
    question = ask(ledger, wish(key="h"))
    decisions.approve(question.id, question.seal, rung="outside_chat", approver="bob")
    asked = decisions.ask_to_cancel("ann", "send_1", (("To", "Ann"),), timedelta(hours=1))
    decisions.approve(asked.id, asked.seal, rung="outside_chat", approver="bob")
    opened = envelope(ledger.now())
    decisions.open_envelope(opened)
    decisions.revoke_envelope(opened.id, "bob")
    decisions.ask_to_cancel("ann", "send_2", (("To", "Ann"),), timedelta(hours=1))


def test_a_trail_says_who_did_what_when_and_why(ledger: Ledger, clock: Clock) -> None:
    question = ask(ledger, wish(key="k"))
    clock.go(minutes=1)
    answer(ledger, wish(key="k"), question)
    clock.go(seconds=2)
    confirm(ledger, question, cost="21.50", send_id="send_1")
    told = [
        (e.seq, e.from_state, e.to_state, e.actor, (e.at - clock.now).total_seconds()) for e in ledger.trail()
    ]
    assert told == [
        (1, "new", "proposed", "ann", -62),
        (2, "proposed", "awaiting_approval", "ann", -62),
        (3, "awaiting_approval", "reserved", "ann", -2),
        (4, "reserved", "dispatching", "ann", -2),
        (5, "dispatching", "confirmed", "test", 0),
    ]
    last = list(ledger.trail())[-1]
    assert last.intent_id == question.id
    assert last.detail == {"send_id": "send_1", "cost": "21.50", "overrun": "1.50", "over_limits": []}
    (attempt,) = last.record["attempts"]
    assert (attempt["send_id"], attempt["cost_cents"]) == ("send_1", 2150)
    assert {hold["kind"] for hold in last.record["holds"]} == {"posted"}
    assert last.record["approvals"][0]["approver"] == "Ann at her desk"


def test_a_whole_trail_verifies_and_names_its_end(ledger: Ledger) -> None:
    empty = ledger.verify()
    assert not isinstance(empty, Break)
    assert empty[0] == 0
    fill(ledger)
    count, digest = whole(ledger)
    assert count == ledger.position() == len(list(ledger.trail()))
    ask(ledger, wish(key="z"))
    more, other = whole(ledger)
    assert more == count + 2
    assert other != digest


def whole(ledger: Ledger) -> tuple[int, str]:
    result = ledger.verify()
    assert not isinstance(result, Break), result
    return result


def broken(ledger: Ledger) -> str:
    result = ledger.verify()
    assert isinstance(result, Break), "not seen"
    return result.where


def test_a_long_trail_is_read_in_parts(memory_ledger: Ledger) -> None:
    for number in range(170):
        memory_ledger.decline(ask(memory_ledger, wish(key=str(number))).id, "ann")
    assert whole(memory_ledger)[0] == 510
    with transaction(memory_ledger) as session:
        session.execute("UPDATE audit SET actor = 'eve' WHERE seq = 505")
    assert broken(memory_ledger) == "audit row 505"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 3", "audit row 3"),
        ("UPDATE audit SET detail = '[]' WHERE seq IN (4, 7)", "audit row 4"),
        ("DELETE FROM audit WHERE seq = 2", "audit row 3"),
        ("DELETE FROM audit WHERE seq > 5", "chain"),
        ("UPDATE chain SET hash = ''", "chain"),
        ("UPDATE holds SET used_before = 7 WHERE bucket LIKE 'day:%'", "holds of "),
        ("UPDATE attempts SET cost_cents = 1 WHERE send_id = 'send_1'", "attempts of "),
        ("UPDATE approvals SET approver = 'eve'", "approvals of "),
        ("UPDATE intents SET recipient_email = 'eve@acme.test'", "intent of "),
        ("UPDATE policies SET document = '{}'", "policy "),
        ("UPDATE buckets SET grants = grants + 1 WHERE grants > 0", "bucket "),
        ("UPDATE buckets SET total = total + 1 WHERE key LIKE 'day:%'", "bucket day:"),
        ("INSERT INTO buckets (key, grants, total) VALUES ('day:2030-01-01', 0, 5)", "bucket day:2030"),
        ("INSERT INTO transitions (from_state, to_state) VALUES ('cancelled', 'reserved')", "transition "),
        ("INSERT INTO states (state) VALUES ('sent_twice')", "state "),
        ("UPDATE grants SET approver = 'eve'", "grants of "),
        ("UPDATE grants SET quote_digest = 'other'", "grants of "),
        ("DELETE FROM grants", "grants of "),
        ("UPDATE cancellations SET state = 'approved' WHERE state = 'awaiting'", "deeds"),
        ("UPDATE cancellations SET send_id = 'send_3' WHERE state = 'approved'", "deeds"),
        ("DELETE FROM cancellations WHERE state = 'approved'", "deeds"),
        ("UPDATE approver SET pin_hash = 'another'", "deeds"),
        ("DELETE FROM approver", "deeds"),
        ("UPDATE deeds SET document = '{}' WHERE what = 'envelope_opened'", "deeds"),
        ("UPDATE deeds SET ends_at = '2099' WHERE what = 'envelope_opened'", "deeds"),
        ("DELETE FROM deeds WHERE what = 'envelope_revoked'", "deeds"),
        ("DELETE FROM deeds WHERE seq > 1", "deeds"),
        ("DELETE FROM deeds", "deeds"),
        ("UPDATE chain SET deeds_hash = ''", "deeds"),
    ],
)
def test_a_change_behind_the_ledger_s_back_is_found_on_every_database(
    ledger: Ledger, change: str, where: str
) -> None:
    fill(ledger)
    with transaction(ledger) as session:
        session.execute(change)
    assert broken(ledger).startswith(where)


FREES_HOLDS = {
    "sqlite": [
        "CREATE TRIGGER eve AFTER INSERT ON holds BEGIN UPDATE buckets SET total = 0; END",
        "CREATE VIEW eve AS SELECT 1",
    ],
    "postgresql": [
        "CREATE FUNCTION eve() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER eve BEFORE INSERT ON holds FOR EACH ROW EXECUTE FUNCTION eve()",
    ],
}


def test_what_acts_by_itself_in_the_tables_is_found_and_refused(shared_url: str) -> None:
    ledger = Ledger(shared_url, account=ACCOUNT, patience=(), now=Clock())
    fill(ledger)
    with transaction(ledger) as session:
        for statement in FREES_HOLDS[shared_url.partition(":")[0]]:
            session.execute(statement)
    assert broken(ledger) == "tables"
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="eve to it"):
        ledger.position()
    reader = Ledger(shared_url, account=None, read_only=True, patience=())
    with pytest.raises(LedgerUnavailable, match="eve to it"):
        reader.verify()


def test_the_head_that_is_noted_elsewhere_is_that_of_both_chains(ledger: Ledger) -> None:
    fill(ledger)
    noted = whole(ledger)
    Decisions(ledger).set_pin("another hash", "eve")
    assert whole(ledger)[0] == noted[0]
    assert whole(ledger)[1] != noted[1]


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX one_intent_a_key",
        "CREATE TABLE eve (id TEXT)",
        "ALTER TABLE holds ADD COLUMN eve TEXT",
    ],
)
def test_tables_that_are_not_as_they_were_made_are_found(memory_ledger: Ledger, change: str) -> None:
    with transaction(memory_ledger) as session:
        session.execute(change)
    assert broken(memory_ledger) == "tables"


# From here on with the bytes of a SQLite file, which anybody with the right to write it can change.


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("filled") / "ledger.sqlite3"
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT, now=Clock())
    fill(ledger)
    ledger.close()
    return file.read_bytes()


def tables(data: bytes) -> Iterator[tuple[str, list[str], int]]:
    """Every table with its columns and the number of its rows."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(data)
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            yield table, columns, count


def verified(data: bytes, directory: Path, statement: str, *parameters: Any) -> str | None:
    """Where the ledger is broken after a change by somebody who keeps to no rule; None if nothing is seen."""
    file = directory / "changed.sqlite3"
    file.write_bytes(data)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement, parameters).rowcount == 1, statement
    ledger = Ledger(f"sqlite:///{file}", account=None, read_only=True, now=Clock())
    result = ledger.verify()
    ledger.close()
    return result.where if isinstance(result, Break) else None


def flipped(value: Any) -> Any:
    """A value of which one byte is another."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ 1
    return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"


def test_every_table_is_known_to_the_trail(filled: bytes) -> None:
    assert {table for table, _, _ in tables(filled)} == PLACES.keys() | {"meta"}
    assert all(count for _, _, count in tables(filled))


@pytest.mark.parametrize("table", sorted(PLACES))
def test_one_byte_of_any_column_is_found(filled: bytes, ledger_directory: Path, table: str) -> None:
    (columns, count) = next((columns, count) for name, columns, count in tables(filled) if name == table)
    for column in columns:
        if column.endswith(("failures", "next_try_at")):
            continue  # these only say when the next try at the PIN counts
        for row in sorted({0, count // 2, count - 1}):
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.deserialize(filled)
                sql = f"SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 1 OFFSET ?"
                rowid, value = connection.execute(sql, (row,)).fetchone()
            # `OR REPLACE`: it may take the place of another row, which is then gone as well.
            change = f"UPDATE OR REPLACE {table} SET {column} = ? WHERE rowid = ?"
            where = verified(filled, ledger_directory, change, flipped(value), rowid)
            assert where is not None, (column, value)
            place = "audit" if table == "audit" and column != "seq" else PLACES[table]
            place = "deeds" if column.startswith("deeds") else place
            assert where.startswith(place), (column, where)
            if place == "audit" and column not in ("seq", "previous"):
                assert where == f"audit row {rowid}"


@pytest.mark.parametrize("table", sorted(PLACES))
def test_a_row_that_is_gone_is_found(filled: bytes, ledger_directory: Path, table: str) -> None:
    count = next(count for name, _, count in tables(filled) if name == table)
    for row in range(count):
        which = f"SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {row}"
        change = f"DELETE FROM {table} WHERE rowid = ({which})"
        where = verified(filled, ledger_directory, change)
        last = table == "audit" and row == count - 1
        assert where is not None, row
        assert where.startswith("chain" if last else PLACES[table]), (row, where)


@pytest.mark.parametrize("table", sorted(PLACES))
def test_a_row_that_was_slipped_in_is_found(filled: bytes, ledger_directory: Path, table: str) -> None:
    columns = next(columns for name, columns, _ in tables(filled) if name == table)
    # A copy of the first row under another name, and without the ones that must differ.
    other = {"seq": "-1", "id": "'eve'", "key": "'eve'", "version": "'eve'", "state": "'eve'"}
    other |= {"to_state": "'eve'", "intent_id": "'eve'", "token": "'eve'", "send_id": "'eve'"}
    unique = {
        "chain": {"id": "2"},
        "approver": {"id": "2"},
        "audit": {"seq": "-1"},
        "intents": {"id": "'eve'", "idempotency_key": "NULL"},
    }
    changed = unique.get(table, other)
    values = ", ".join(changed.get(column, column) for column in columns)
    change = f"INSERT INTO {table} SELECT {values} FROM {table} ORDER BY rowid LIMIT 1"
    where = verified(filled, ledger_directory, change)
    assert where is not None
    assert where.startswith(PLACES[table])


def test_two_rows_that_changed_places_are_found(filled: bytes, ledger_directory: Path) -> None:
    change = "UPDATE audit SET actor = 'eve', hash = (SELECT hash FROM audit WHERE seq = 5) WHERE seq = 4"
    assert verified(filled, ledger_directory, change) == "audit row 4"


def test_text_that_is_none_any_more_is_found(filled: bytes, ledger_directory: Path) -> None:
    change = "UPDATE intents SET item_name = CAST(x'4d75ff' AS TEXT) WHERE rowid = 1"
    where = verified(filled, ledger_directory, change)
    assert where is not None
    assert where.startswith("intent of ")


def test_another_account_s_name_on_it_is_found(filled: bytes, ledger_directory: Path) -> None:
    assert verified(filled, ledger_directory, "UPDATE meta SET value = 'eve' WHERE key = 'account'") == "meta"
