"""What is used of each bucket, and what a person got before: sums over the ledger's rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.records import load, to_text
from sendoso_mcp.spending.ledger.states import ORDERED
from sendoso_mcp.spending.limits import DUPLICATE_WITHIN, SEND, YEAR, Bucket, Earlier, Usage, person_key
from sendoso_mcp.spending.quote import Quote

_ORDERED = ", ".join(f"'{state}'" for state in sorted(ORDERED))


def used(session: Session, bucket: Bucket) -> int:
    """What stands in a bucket: posted and held, in cents or sends."""
    if bucket == SEND:
        return 0
    sql, parameters = "SELECT coalesce(sum(amount), 0) FROM holds WHERE bucket = ?", [bucket.key]
    if bucket.since is not None:
        sql += " AND at >= ?"
        parameters.append(to_text(bucket.since))
    if bucket.unseen_at is None:
        return int(session.rows(sql, *parameters)[0][0])
    # Two sums, so that each finds its rows by an index.
    held = session.rows(f"{sql} AND settled_seq IS NULL", *parameters)[0][0]
    posted = session.rows(f"{sql} AND settled_seq > ?", *parameters, bucket.unseen_at)[0][0]
    return int(held) + int(posted)


def usage(session: Session, quote: Quote, buckets: Iterable[Bucket], now: datetime) -> Usage:
    """What a verdict has to know of the ledger."""
    recipient = quote.order.recipient
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
        used={bucket.key: used(session, bucket) for bucket in buckets},
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
