"""What the ledger knows of a wish for a gift, and how rows become that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.hashing import canonical, digest_of
from sendoso_mcp.spending.ledger.states import State
from sendoso_mcp.spending.limits import usd
from sendoso_mcp.spending.quote import Quote


@cache
def _quotes() -> TypeAdapter[Quote]:
    # Made when the first one is read or written: 3 ms that a start need not pay.
    return TypeAdapter(Quote)


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's yes to one question.

    Attributes:
        quote_digest: what they said yes to.
        rung: how they were asked, such as `chat_form`.
        approver: who they are, as far as that is known.
    """

    quote_digest: str
    rung: str
    approver: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """The one order that was given for an intent, and what is known of it.

    `token` is known to the process that gives the order and to nobody else.
    """

    token: str
    instance: str
    mark: str | None
    begun_at: datetime
    ended_by: datetime
    held: Decimal
    send_id: str | None
    send_status: str | None
    cost: Decimal | None
    over_limits: tuple[str, ...] = ()
    """The buckets that had more in them than their limit once the real cost was known."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish for a gift, from the first look at it to its end.

    `quote_text` is the quote as JSON: what was shown to the person, or would have been.
    """

    id: str
    principal: str
    key: str | None
    state: State
    reason: str
    digest: str
    quote_text: str
    quote_digest: str
    asks: frozenset[str]
    policy_version: str
    person: str
    proposed_at: datetime
    expires_at: datetime
    changed_at: datetime
    attempt: Attempt | None

    @property
    def seal(self) -> str:
        """Names everything that a yes to this question is a yes to."""
        return digest_of(canonical([self.id, self.quote_digest, self.policy_version, sorted(self.asks)]))

    @property
    def quote(self) -> Quote:
        """The quote as it was."""
        return _quotes().validate_json(self.quote_text)


def dump_quote(quote: Quote) -> str:
    """A quote as JSON."""
    return _quotes().dump_json(quote).decode()


def to_text(at: datetime) -> str:
    """A moment as the tables have it: UTC, always as wide, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def to_time(text: str) -> datetime:
    """The moment that `to_text` wrote."""
    return datetime.fromisoformat(text)


_COLUMNS = (
    "i.id, i.principal, i.idempotency_key, i.state, i.reason, i.digest, i.quote, i.quote_digest, i.asks, "
    "i.policy_version, i.person, i.proposed_at, i.expires_at, i.changed_at, a.token, a.instance, a.mark, "
    "a.begun_at, a.ended_by, a.held_cents, a.send_id, a.send_status, a.cost_cents, a.over_limits"
)


def load(session: Session, where: str, *parameters: object) -> list[Intent]:
    """The intents (`i`, with their attempts `a`) that an SQL condition of ours names, and its order.

    Raises:
        LedgerUnavailable: one of them was changed into what none of ours is; `verify` says which.
    """
    sql = f"SELECT {_COLUMNS} FROM intents i LEFT JOIN attempts a ON a.intent_id = i.id WHERE {where}"  # noqa: S608 - `where` is a literal of this package
    try:
        return [_intent(row) for row in session.rows(sql, *parameters)]
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise LedgerUnavailable("one of its rows cannot be read") from error


def load_one(session: Session, intent_id: str) -> Intent | None:
    """One intent."""
    return next(iter(load(session, "i.id = ?", intent_id)), None)


def _intent(row: tuple[Any, ...]) -> Intent:
    (id_, principal, key, state, reason, digest, quote, quote_digest, asks, policy, person, *rest) = row
    (proposed_at, expires_at, changed_at, token, instance, mark, begun_at, ended_by, held, *sent) = rest
    send_id, send_status, cost, over_limits = sent
    attempt = token and Attempt(
        token=token,
        instance=instance,
        mark=mark,
        begun_at=to_time(begun_at),
        ended_by=to_time(ended_by),
        held=usd(held),
        send_id=send_id,
        send_status=send_status,
        cost=None if cost is None else usd(cost),
        over_limits=tuple((over_limits or "").split()),
    )
    return Intent(
        id=id_,
        principal=principal,
        key=key,
        state=State(state),
        reason=reason,
        digest=digest,
        quote_text=quote,
        quote_digest=quote_digest,
        asks=frozenset(json.loads(asks)),
        policy_version=policy,
        person=person,
        proposed_at=to_time(proposed_at),
        expires_at=to_time(expires_at),
        changed_at=to_time(changed_at),
        attempt=attempt or None,
    )
