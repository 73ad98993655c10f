"""What a person decides outside the chat: their yes, their no, their PIN, and what they allow in advance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import deeds
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.hashing import hash_of_row
from sendoso_mcp.spending.ledger.records import Intent, load, load_one, to_text, to_time
from sendoso_mcp.spending.ledger.states import OPEN, State
from sendoso_mcp.spending.ledger.usage import envelopes, used
from sendoso_mcp.spending.limits import envelope_hold

_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN))
_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=15)


class Granted(StrEnum):
    """What came of a person's decision."""

    DONE = "done"
    CHANGED = "changed"
    """The facts are not those under the seal that was given."""
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Try:
    """One try at the approver's PIN: what it is compared with, or how long (seconds) none is looked at.

    `pin_hash` is empty where no PIN is set, or where it is too soon.
    """

    pin_hash: str = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An open envelope, and how much of it is used."""

    envelope: Envelope
    used: int


def waiting(book: Book, principal: str | None = None) -> list[Intent]:
    """The questions that a person can answer, or whose yes was not used yet; the oldest first."""
    where = f"i.state IN ({_OPEN}) AND i.expires_at > ?"
    parameters = [to_text(book.now)]
    if principal is not None:
        where += " AND i.principal = ?"
        parameters.append(principal)
    return load(book.session, f"{where} ORDER BY i.proposed_at, i.id", *parameters)


def grant(book: Book, intent_id: str, seal: str, *, rung: str, approver: str) -> Granted:
    """A person's yes to what is under a seal; it waits until the wish is made again."""
    intent = load_one(book.session, intent_id)
    if intent is None:
        return Granted.UNKNOWN
    if intent.state is not State.AWAITING_APPROVAL or book.now >= intent.expires_at:
        return Granted.CLOSED
    if intent.seal != seal:
        return Granted.CHANGED
    book.session.execute(
        "INSERT INTO grants (intent_id, quote_digest, rung, approver, granted_at) VALUES (?, ?, ?, ?, ?)",
        intent.id,
        intent.quote_digest,
        rung,
        approver,
        to_text(book.now),
    )
    book.move(intent, State.APPROVED, approver, detail={"rung": rung})
    return Granted.DONE


def reject(book: Book, intent_id: str, seal: str, actor: str) -> Granted:
    """A person's no, or their taking back of a yes that was not used yet."""
    intent = load_one(book.session, intent_id)
    if intent is None:
        return Granted.UNKNOWN
    if intent.state not in OPEN or book.now >= intent.expires_at:
        return Granted.CLOSED
    if intent.seal != seal:
        return Granted.CHANGED
    taken_back = intent.state is State.APPROVED
    book.move(intent, State.DECLINED, actor, reason="yes_taken_back" if taken_back else "person_declined")
    return Granted.DONE


class Door(StrEnum):
    """Where a PIN is tried. Each has a wait of its own: who only reaches the page cannot close the other."""

    PAGE = ""
    TERMINAL = "terminal_"


def begin_try(book: Book, door: Door) -> Try:
    """Counts a try at the PIN before it is looked at, so that none is free when the process is killed.

    Each failure doubles the wait before the next try at the same door, up to a quarter of an hour.
    """
    failures, next_try_at = f"{door}failures", f"{door}next_try_at"
    sql = f"SELECT pin_hash, {failures}, {next_try_at} FROM approver"  # noqa: S608 - literals
    for pin_hash, failed, at in book.session.rows(sql):
        left = (to_time(at) - book.now).total_seconds() if at else 0.0
        # One that lies further ahead was written by a clock that ran ahead: it locks nobody out.
        if 0 < left <= _LONGEST_WAIT.total_seconds():
            return Try(wait=left)
        wait = min(_WAIT * 2 ** min(int(failed), 20), _LONGEST_WAIT)
        book.session.execute(
            f"UPDATE approver SET {failures} = {failures} + 1, {next_try_at} = ?",  # noqa: S608 - literals
            to_text(book.now + wait),
        )
        return Try(str(pin_hash), wait.total_seconds())
    return Try()


def end_try(book: Book, door: Door) -> None:
    """Forgets the failures at a door: the PIN was right."""
    book.session.execute(
        f"UPDATE approver SET {door}failures = 0, {door}next_try_at = ?",  # noqa: S608 - literals
        to_text(book.now),
    )


def has_pin(book: Book) -> bool:
    """Whether an approver's PIN is set."""
    return bool(book.session.rows("SELECT 1 FROM approver"))


def set_pin(book: Book, pin_hash: str, actor: str) -> None:
    """Sets the approver's PIN, of which only a salted hash is known here."""
    book.session.execute(
        "INSERT INTO approver (id, pin_hash, failures, next_try_at) VALUES (1, ?, 0, ?) "
        "ON CONFLICT (id) DO UPDATE SET pin_hash = excluded.pin_hash, failures = 0, "
        "next_try_at = excluded.next_try_at, terminal_failures = 0, terminal_next_try_at = ''",
        pin_hash,
        to_text(book.now),
    )
    deeds.record(book.session, book.now, actor, deeds.PIN_SET, document=hash_of_row((pin_hash,)))


def open_envelope(book: Book, envelope: Envelope) -> None:
    """Opens an envelope. Idempotent."""
    if any(other.id == envelope.id for other in envelopes(book.session, book.now)):
        return
    deeds.record(
        book.session,
        book.now,
        envelope.opened_by,
        deeds.ENVELOPE_OPENED,
        subject=envelope.id,
        document=envelope.document,
        ends_at=envelope.until,
    )


def recipient_made(book: Book, person: str, actor: str) -> None:
    """Notes, before it is done, that an assistant makes a recipient: no envelope is for them. Idempotent.

    Args:
        book: the open transaction.
        person: their `person_key`.
        actor: who asks for it.
    """
    if not deeds.was_done(book.session, deeds.RECIPIENT_MADE, person):
        deeds.record(book.session, book.now, actor, deeds.RECIPIENT_MADE, subject=person)


def revoke_envelope(book: Book, envelope_id: str, actor: str) -> bool:
    """Closes an open envelope for good; whether there was one."""
    if not any(envelope.id == envelope_id for envelope in envelopes(book.session, book.now)):
        return False
    deeds.record(book.session, book.now, actor, deeds.ENVELOPE_REVOKED, subject=envelope_id)
    return True


def opened(book: Book) -> list[Opened]:
    """The open envelopes, the one that ends first first."""
    found = envelopes(book.session, book.now)
    places = {envelope.id: envelope_hold(envelope).bucket for envelope in found}
    known = used(book.session, places.values())
    return [Opened(envelope, known[places[envelope.id].key]) for envelope in found]
