"""What people did that is about no single intent: a PIN set, an envelope opened, a cancellation allowed.

A second chain beside the trail, whose rows are about intents: only added to, each row with the hash of the
one before, so that `audit --verify` sees one that was changed, slipped in or taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.hashing import hash_of_row
from sendoso_mcp.spending.ledger.records import to_text, to_time
from sendoso_mcp.spending.limits import ENVELOPES

PIN_SET = "pin_set"
ENVELOPE_OPENED, ENVELOPE_REVOKED = "envelope_opened", "envelope_revoked"
RECIPIENT_MADE = "recipient_made"
"""By the assistant: the person who opened an envelope never saw who that is, or where they live."""
CANCELLATION = "cancellation_"
"""Followed by the state that it came to."""
ANSWER_IGNORED = "answer_ignored"
"""To a question about cancelling: it came sooner than a person can read."""

_ROW = "seq, at, actor, what, subject, document, ends_at, previous, hash"


@dataclass(frozen=True, slots=True)
class Deed:
    """One of them; `subject` is what it was done to, `document` what was decided, as JSON or a hash.

    `previous` and `hash` are those of the row.
    """

    seq: int
    at: datetime
    actor: str
    what: str
    subject: str
    document: str
    previous: str
    hash: str


def record(
    session: Session,
    at: datetime,
    actor: str,
    what: str,
    *,
    subject: str = "",
    document: str = "",
    ends_at: datetime | None = None,
) -> None:
    """Writes a deed down; it has no effect after `ends_at`, if that is given."""
    ((seq, previous),) = session.rows("SELECT deeds, deeds_hash FROM chain WHERE id = 1")
    if not seq:
        previous = beginning(session)
    row = (
        int(seq) + 1,
        to_text(at),
        actor,
        what,
        subject,
        document,
        "" if ends_at is None else to_text(ends_at),
        previous,
    )
    digest = hash_of_row(row)
    marks = ", ".join("?" * 9)
    session.execute(f"INSERT INTO deeds ({_ROW}) VALUES ({marks})", *row, digest)  # noqa: S608 - literals
    session.execute("UPDATE chain SET deeds = ?, deeds_hash = ? WHERE id = 1", row[0], digest)


def was_done(session: Session, what: str, subject: str) -> bool:
    """Whether there is such a deed."""
    return bool(session.rows("SELECT 1 FROM deeds WHERE what = ? AND subject = ? LIMIT 1", what, subject))


def all_deeds(session: Session) -> Iterator[Deed]:
    """Every deed, oldest first."""
    for seq, at, actor, what, subject, document, _, previous, digest in _rows(session):
        yield Deed(seq, to_time(at), actor, what, subject, document, previous, digest)


def in_force(session: Session, what: str, undone_by: str, now: datetime) -> list[str]:
    """The documents of the deeds of one kind that have not ended and that no deed of another kind undid."""
    found = session.rows(
        "SELECT document FROM deeds d WHERE d.what = ? AND d.ends_at > ? AND NOT EXISTS "
        "(SELECT 1 FROM deeds u WHERE u.what = ? AND u.subject = d.subject) ORDER BY d.ends_at, d.seq",
        what,
        to_text(now),
        undone_by,
    )
    return [str(document) for (document,) in found]


def broken(session: Session) -> str:
    """Where the chain is broken, and how; empty if it is whole."""
    count, previous = 0, ""
    for row in _rows(session):
        count += 1
        if row[0] != count:
            return f"row {count} is missing"
        if row[8] != hash_of_row(row[:8]):
            return f"the content of row {count} is not what its hash was made of"
        if row[7] != (previous or beginning(session)):
            return f"row {count} does not follow the row before it"
        previous = row[8]
    if session.rows("SELECT deeds, deeds_hash FROM chain") != [(count, previous)]:
        return f"it does not end at row {count}"
    return _states_that_no_deed_made(session)


def _states_that_no_deed_made(session: Session) -> str:
    """What the other tables say that people did, and no deed does."""
    latest: dict[str, str] = {}
    opened: set[str] = set()
    pin = ""
    for deed in all_deeds(session):
        if deed.what.startswith(CANCELLATION):
            latest[deed.subject] = f"{deed.what.removeprefix(CANCELLATION)} {deed.document}"
        elif deed.what == ENVELOPE_OPENED:
            opened.add(f"{ENVELOPES}{deed.subject}")
        elif deed.what == PIN_SET:
            pin = deed.document
    for (key,) in session.rows("SELECT key FROM buckets ORDER BY key"):
        if str(key).startswith(ENVELOPES) and key not in opened:
            return f"nobody opened {key}"
    rows = session.rows(
        "SELECT id, state, principal, send_id, facts, asked_at, expires_at FROM cancellations"
    )
    states = {str(row[0]): f"{row[1]} {hash_of_row(row[2:])}" for row in rows}
    for key in sorted(latest.keys() | states.keys()):
        if latest.get(key) != states.get(key):
            return f"cancellation {key} is not what was done to it"
    rows = session.rows("SELECT id, pin_hash FROM approver ORDER BY id")
    stored = [(id_, hash_of_row((pin_hash,))) for id_, pin_hash in rows]
    return "" if stored == ([(1, pin)] if pin else []) else "the approver's PIN is not the one that was set"


def beginning(session: Session) -> str:
    """What the first row of a chain follows: whose sends the ledger holds."""
    found = session.rows("SELECT value FROM meta WHERE key = 'account'")
    return hash_of_row(tuple(found[0])) if found else ""


def head(session: Session, trail: str) -> str:
    """One hash for both chains, to be noted elsewhere; the trail's own as long as this one is empty."""
    ((count, digest),) = session.rows("SELECT deeds, deeds_hash FROM chain WHERE id = 1")
    return hash_of_row((trail, digest)) if count else trail


def _rows(session: Session) -> list[tuple[Any, ...]]:
    return list(session.rows(f"SELECT {_ROW} FROM deeds ORDER BY seq"))  # noqa: S608 - literals
