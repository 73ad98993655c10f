"""The trail: one row for each transition, each with the hash of the one before.

A row holds the whole record of its intent as it then was: its approval, its order, its holds. So the trail
says not only what happened, but also whether a row anywhere in the ledger was changed behind its back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import deeds
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.deeds import beginning
from sendoso_mcp.spending.ledger.hashing import canonical, digest_of, hash_of_row
from sendoso_mcp.spending.ledger.records import to_text, to_time
from sendoso_mcp.spending.ledger.states import BEFORE_ORDER, NEW, TRANSITIONS, State
from sendoso_mcp.spending.policy import version_of

_TABLES = {
    "intent": (
        "intents",
        "id",
        "id, principal, idempotency_key, follows, state, reason, digest, quote, quote_digest, asks, "
        "policy_version, person, recipient_id, recipient_name, recipient_email, item_id, item_name, "
        "price_cents, proposed_at, expires_at, changed_at",
    ),
    "grants": (
        "grants",
        "intent_id",
        "intent_id, quote_digest, rung, approver, granted_at",
    ),
    "approvals": (
        "approvals",
        "intent_id",
        "intent_id, quote_digest, policy_version, principal, rung, approver, consumed_at",
    ),
    "attempts": (
        "attempts",
        "intent_id",
        "intent_id, token, instance, mark, begun_at, ended_by, held_cents, send_id, send_status, cost_cents, "
        "over_limits, settled_at",
    ),
    "holds": (
        "holds",
        "intent_id",
        "intent_id, bucket, used_before, granted, most, amount, kind, at, settled_seq",
    ),
}
_ROW = "seq, at, intent_id, from_state, to_state, actor, detail, record, previous, hash"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail. `record` is the intent with its approval, order and holds, as rows by column."""

    seq: int
    at: datetime
    intent_id: str
    from_state: str
    to_state: State
    actor: str
    detail: dict[str, Any]
    record: dict[str, list[dict[str, Any]]]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the ledger is not what its trail says."""

    where: str
    what: str


def append(
    session: Session,
    at: datetime,
    intent_id: str,
    way: tuple[str, State],
    *,
    actor: str,
    detail: Mapping[str, Any],
) -> int:
    """Writes down a transition (`way`: from, to) whose effects are made already; gives its place."""
    ((seq, previous),) = session.rows("SELECT seq, hash FROM chain WHERE id = 1")
    if not seq:
        previous = beginning(session)
    row = (
        seq + 1,
        to_text(at),
        intent_id,
        str(way[0]),
        str(way[1]),
        actor,
        canonical(dict(detail)),
        canonical(_record(session, intent_id, way[1])),
        previous,
    )
    digest = hash_of_row(row)
    marks = ", ".join("?" * 10)
    session.execute(f"INSERT INTO audit ({_ROW}) VALUES ({marks})", *row, digest)  # noqa: S608 - literals
    session.execute("UPDATE chain SET seq = ?, hash = ? WHERE id = 1", seq + 1, digest)
    return int(seq) + 1


def entries(session: Session) -> Iterator[Entry]:
    """The whole trail, oldest first.

    Raises:
        LedgerUnavailable: a row cannot be read; `verify` says more.
    """
    for row in _rows(session):
        seq, at, intent_id, before, after, actor, detail, record, previous, digest = row
        try:
            yield Entry(
                seq,
                to_time(at),
                str(intent_id),
                str(before),
                State(after),
                str(actor),
                dict(json.loads(detail)),
                dict(json.loads(record)),
                previous,
                digest,
            )
        except (ValueError, TypeError) as error:
            raise LedgerUnavailable(f"audit row {seq} cannot be read") from error


def verify(session: Session) -> tuple[int, str] | Break:
    """Recomputes the chain and compares it with every table.

    Returns:
        How many rows the trail has and the hash of the last (with that of what people did besides, if they
        did anything), or the first broken place. Whoever can write
        the ledger can also write a new trail from some row on: only a hash that was noted elsewhere shows it.
    """
    count, previous = 0, ""
    latest: dict[str, str] = {}
    for row in _rows(session):
        count += 1
        where = f"audit row {row[0]}"
        if row[0] != count:
            return Break(where, f"row {count} is missing")
        digest = hash_of_row(row[:9])
        if row[9] != digest:
            return Break(where, "its content is not what its hash was made of")
        if count == 1 and row[8] != beginning(session):
            return Break("meta", "it does not name the account that the trail began with")
        if count > 1 and row[8] != previous:
            return Break(where, "it does not follow the row before it")
        previous = digest
        latest[row[2]] = row[7]
    if session.rows("SELECT count(*) FROM audit") != [(count,)]:
        return Break("audit", "it has a row that stands nowhere in it")
    if session.rows("SELECT id, seq, hash FROM chain") != [(1, count, previous)]:
        return Break("chain", f"it does not end at audit row {count}")
    broken = _compare_records(session, latest) or _compare_the_rest(session)
    return broken or (count, deeds.head(session, previous))


def _compare_records(session: Session, latest: dict[str, str]) -> Break | None:
    for name, (table, id_column, _) in _TABLES.items():
        for (intent_id,) in session.rows(f"SELECT DISTINCT {id_column} FROM {table}"):  # noqa: S608 - literals
            if intent_id not in latest:
                return Break(f"{name} of {intent_id}", "no audit row speaks of it")
    for intent_id, record in latest.items():
        now = _record(session, intent_id)
        then = json.loads(record)
        for name in _TABLES:
            if now[name] != then.get(name, []):  # a table that is newer than the row
                return Break(f"{name} of {intent_id}", "it is not what its last audit row says")
    return None


def _compare_the_rest(session: Session) -> Break | None:
    """The tables that no row of the trail speaks of."""
    if what := deeds.broken(session):
        return Break("deeds", what)
    known: dict[str, tuple[set[Any], str]] = {
        "state": ({(state,) for state in (NEW, *State)}, "SELECT state FROM states"),
        "transition": (set(TRANSITIONS), "SELECT from_state, to_state FROM transitions"),
    }
    for name, (expected, sql) in known.items():
        for row in sorted(expected ^ set(session.rows(sql)), key=repr):
            return Break(f"{name} {' to '.join(map(str, row))}", "this version has others")
    policies: dict[Any, Any] = dict(session.rows("SELECT version, document FROM policies ORDER BY version"))
    for version, document in policies.items():
        if _version_of(document) != version:
            return Break(f"policy {version}", "its text is not the one that has this version")
    for (version,) in session.rows("SELECT DISTINCT policy_version FROM intents ORDER BY policy_version"):
        if version not in policies:
            return Break(f"policy {version}", "it is missing")
    granted = set(session.rows("SELECT bucket, count(*), sum(amount) FROM holds GROUP BY bucket"))
    counted = set(session.rows("SELECT key, grants, total FROM buckets WHERE grants <> 0 OR total <> 0"))
    for key, *_ in sorted(granted ^ counted, key=repr):
        return Break(f"bucket {key}", "it does not count what the holds say")
    return None


def _rows(session: Session) -> Iterator[tuple[Any, ...]]:
    last = 0
    while True:
        found = session.rows(f"SELECT {_ROW} FROM audit WHERE seq > ? ORDER BY seq LIMIT 500", last)  # noqa: S608 - literals
        if not found:
            return
        yield from found
        last = found[-1][0]


def _record(session: Session, intent_id: str, state: State | None = None) -> dict[str, list[dict[str, Any]]]:
    """What every table says of an intent; those that have nothing before an order are not asked earlier."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, (table, id_column, columns) in _TABLES.items():
        if state in BEFORE_ORDER and name != "intent" and (name, state) != ("grants", State.APPROVED):
            found[name] = []
            continue
        sql = f"SELECT {columns} FROM {table} WHERE {id_column} = ?"  # noqa: S608 - literals
        names = columns.split(", ")
        rows = (_short(dict(zip(names, row, strict=True))) for row in session.rows(sql, intent_id))
        found[name] = sorted(rows, key=canonical)
    return found


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its quote, which never changes and is the longest text by far, as a hash."""
    if "quote" in row:
        row["quote"] = digest_of(str(row["quote"]))
    return row


def _version_of(document: object) -> str:
    try:
        return version_of(str(document))
    except UnicodeEncodeError:
        return ""
