"""What is used of each bucket, and what a person got before: read or summed from the ledger's rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from sendoso_mcp.errors import LedgerUnavailable, SettingsError
from sendoso_mcp.hygiene import quoted
from sendoso_mcp.models import TeamBudget
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import deeds
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.records import load, to_text
from sendoso_mcp.spending.ledger.states import ORDERED, State
from sendoso_mcp.spending.limits import (
    DUPLICATE_WITHIN,
    SEND,
    SENDS,
    YEAR,
    Bucket,
    Earlier,
    Usage,
    envelope_hold,
    person_key,
)
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote

_FIRST = f"SELECT intent_id FROM holds WHERE bucket = '{SENDS}' AND kind <> 'released' ORDER BY at LIMIT 1"  # noqa: S608 - a literal
_QUOTE_OF_THE_FIRST = f"(SELECT quote FROM intents WHERE id = ({_FIRST}))"  # noqa: S608 - a literal
"""That of the first order that was not refused. Every order stands in this bucket, by time."""
DECLINED_FOR = timedelta(minutes=10)
"""How long a no to a wish without a key stands: long enough that an assistant which goes on trying gives up,
and short enough that somebody who changes their mind can wait. With a key a no stands for good."""
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
    return _used(session, buckets)[0]


def _used(session: Session, buckets: Iterable[Bucket], also: str = "") -> tuple[dict[str, int], str | None]:
    """What stands in each bucket, and a text that is asked for on the same way to the database."""
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
    if not sums and not also:
        return found, None
    (row,) = session.rows(f"SELECT {', '.join([*sums.values(), also or 'NULL'])}", *parameters)
    found |= {key: int(value) for key, value in zip(sums, row[:-1], strict=True)}
    return found, row[-1]


def usage(session: Session, quote: Quote, policy: Policy, buckets: Iterable[Bucket], now: datetime) -> Usage:
    """What a verdict has to know of the ledger.

    Raises:
        SettingsError: it holds the sends of another team.
    """
    recipient = quote.order.recipient
    made = deeds.was_done(session, deeds.RECIPIENT_MADE, person_key(recipient))
    # Of those whom the assistant added, nobody would see the name and address. And a no to this very gift is
    # newer than the yes in advance: whoever goes on with a key must have a person asked.
    asked = made or _said_no(session, quote, now)
    opened = [] if asked else [one for one in envelopes(session, now) if one.admits(quote, policy, now)]
    wanted = [*buckets, *(envelope_hold(envelope).bucket for envelope in opened)]
    known, first = _used(session, wanted, also=_QUOTE_OF_THE_FIRST)
    _refuse_another_team(first, quote.budget)
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


def _refuse_another_team(first: str | None, budget: TeamBudget) -> None:
    """Two teams on one ledger would use up each other's limits, and look for each other's lost orders.

    They are told apart by their ids alone, as a name may be changed; where one has none, by nothing.
    """
    if first is None or budget.team_id is None:
        return
    try:
        owner = TeamBudget.model_validate(json.loads(first)["budget"])
    except (ValueError, TypeError, LookupError) as error:
        raise LedgerUnavailable("one of its rows cannot be read") from error
    if owner.team_id is None or owner.team_id == budget.team_id:
        return
    named = quoted(owner.team_name or owner.team_id)
    raise SettingsError(
        f"The ledger holds the sends of the team {named}, and SENDOSO_API_KEY is of another one, "
        f"{quoted(budget.team_name or budget.team_id)}. A person must give each team its own "
        "SENDOSO_LEDGER_URL and restart the server."
    )


def moment_ago(now: datetime) -> tuple[str, str]:
    """Between which moments a no still stands that is not for good."""
    # One that lies further ahead was written by a clock that ran ahead: it silences nobody.
    return to_text(now - DECLINED_FOR), to_text(now + DECLINED_FOR)


def _said_no(session: Session, quote: Quote, now: datetime) -> bool:
    """Whether somebody said no to this very gift a moment ago, with a key or without."""
    sql = (
        "SELECT 1 FROM intents WHERE person = ? AND state = ? AND digest = ? AND changed_at > ? "
        "AND changed_at < ? LIMIT 1"
    )
    who, what = person_key(quote.order.recipient), quote.request.digest
    return bool(session.rows(sql, who, str(State.DECLINED), what, *moment_ago(now)))
