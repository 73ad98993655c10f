"""What is used of each bucket, and what a person got before: read or summed from the ledger's rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import deeds
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.records import load, to_text
from sendoso_mcp.spending.ledger.states import ORDERED
from sendoso_mcp.spending.limits import (
    DUPLICATE_WITHIN,
    SEND,
    YEAR,
    Bucket,
    Earlier,
    Usage,
    envelope_hold,
    person_key,
)
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote

_ORDERED = ", ".join(f"'{state}'" for state in sorted(ORDERED))


def envelopes(session: Session, now: datetime) -> list[Envelope]:
    """The envelopes that are open, the one that ends first first.

    Raises:
        LedgerUnavailable: one cannot be read; `verify` says more.
    """
    found = deeds.in_force(session, deeds.ENVELOPE_OPENED, deeds.ENVELOPE_REVOKED, now)
    try:
        return [Envelope.model_validate_json(document) for document in found]
    except ValueError as error:
        raise LedgerUnavailable("an envelope in it cannot be read") from error


def used(session: Session, buckets: Iterable[Bucket]) -> dict[str, int]:
    """What stands in each bucket, by its key: posted and held, in cents or sends."""
    found: dict[str, int] = {}
    sums: dict[str, str] = {}
    parameters: list[object] = []

    def add(bucket: Bucket, condition: str = "", *more: object) -> str:
        parameters.append(bucket.key)
        sql = "SELECT coalesce(sum(amount), 0) FROM holds WHERE bucket = ?"
        if bucket.since is not None:
            sql += " AND at >= ?"
            parameters.append(to_text(bucket.since))
        parameters.extend(more)
        return f"({sql}{condition})"

    for bucket in buckets:
        found[bucket.key] = 0
        if bucket.unseen_at is not None:
            # Two sums, so that each finds its rows by an index.
            held = add(bucket, " AND settled_seq IS NULL")
            sums[bucket.key] = f"{held} + {add(bucket, ' AND settled_seq > ?', bucket.unseen_at)}"
        elif bucket.since is not None:
            sums[bucket.key] = add(bucket)
        elif bucket != SEND:
            sums[bucket.key] = "coalesce((SELECT total FROM buckets WHERE key = ?), 0)"
            parameters.append(bucket.key)
    if sums:
        (row,) = session.rows(f"SELECT {', '.join(sums.values())}", *parameters)
        found |= {key: int(value) for key, value in zip(sums, row, strict=True)}
    return found


def usage(session: Session, quote: Quote, policy: Policy, buckets: Iterable[Bucket], now: datetime) -> Usage:
    """What a verdict has to know of the ledger."""
    recipient = quote.order.recipient
    made = deeds.was_done(session, deeds.RECIPIENT_MADE, person_key(recipient))
    # Of those whom the assistant added, nobody would see the name and address.
    opened = [] if made else [one for one in envelopes(session, now) if one.admits(quote, policy, now)]
    known = used(session, [*buckets, *(envelope_hold(envelope).bucket for envelope in opened)])
    left = [one for one in opened if known[envelope_hold(one).bucket.key] < one.sends]
    found = load(
        session,
        f"i.person = ? AND i.state IN ({_ORDERED}) AND a.begun_at >= ? "
        "AND (i.item_id = ? OR a.begun_at >= ?) ORDER BY a.begun_at DESC, i.id LIMIT 5",
        person_key(recipient),
        to_text(now - YEAR),
        quote.request.item_id,
        to_text(now - DUPLICATE_WITHIN),
    )
    return Usage(
        used=known,
        envelope=next(iter(left), None),
        made_by_assistant=made,
        earlier=tuple(
            Earlier(
                intent_id=intent.id,
                item_id=intent.quote.request.item_id,
                at=intent.attempt.begun_at,
                send_id=intent.attempt.send_id,
            )
            for intent in found
            if intent.attempt is not None
        ),
    )
