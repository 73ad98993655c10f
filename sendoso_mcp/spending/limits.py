"""Which limits a send has to keep, and what of each is used: the buckets that money is held in.

A bucket is a name under which the ledger adds up what sends cost or how many there were. One send stands in
several: the day's, the month's, the recipient's. Buckets count whole cents, or sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sendoso_mcp.fields import CENT
from sendoso_mcp.models import Recipient
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.mailboxes import normalised_email
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote

YEAR = timedelta(days=365)
HOUR = timedelta(hours=1)
SENDS, TEAM, ENVELOPES = "sends", "team", "envelope:"
"""All sends; what the team's budget does not show yet; how the name of an envelope's begins."""
DUPLICATE_WITHIN = timedelta(hours=24)
"""A second gift for the same person within this time is pointed out, whatever it is."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is added up together.

    Attributes:
        key: its name in the ledger.
        since: only what was reserved at or after this moment counts; None: everything under the key.
        unseen_at: only what was not settled yet when the ledger stood at this position counts (the team's
            budget, as Sendoso told it, has the rest in it); None: settled or not.
    """

    key: str
    since: datetime | None = None
    unseen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be in a bucket; `name` is policy's key, such as `per_day`, or `team_budget`."""

    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What one send adds to a bucket (cents, or one send), and every limit on that bucket."""

    bucket: Bucket
    adds: int
    limits: tuple[Limit, ...] = ()

    @property
    def most(self) -> int | None:
        """The strictest of the limits; None if there is none."""
        return min((limit.most for limit in self.limits), default=None)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A gift that the same person got, or may be getting, through this ledger."""

    intent_id: str
    item_id: str
    at: datetime
    send_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the ledger says at one moment: what is used of each bucket by key, and earlier gifts."""

    used: Mapping[str, int] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()
    envelope: Envelope | None = None
    """One that a person opened in advance, and that this send fits in."""
    made_by_assistant: bool = False
    """Whether the assistant added a recipient with this email: their name and address are its own words."""

    def of(self, bucket: Bucket) -> int:
        """What is used of a bucket."""
        return self.used.get(bucket.key, 0)


def person_key(recipient: Recipient) -> str:
    """Who a recipient is to the limits: their normalised email, else their id at Sendoso."""
    email = normalised_email(recipient.email or "")
    return f"id:{recipient.id}" if email == "@" else email


SEND = Bucket("send")
"""One send by itself: never added up."""


def day_bucket(now: datetime) -> Bucket:
    """The UTC day."""
    return Bucket(f"day:{now.astimezone(UTC):%Y-%m-%d}")


def month_bucket(now: datetime) -> Bucket:
    """The UTC calendar month."""
    return Bucket(f"month:{now.astimezone(UTC):%Y-%m}")


def hour_bucket(now: datetime) -> Bucket:
    """The last sixty minutes; counts sends."""
    return Bucket(SENDS, since=now - HOUR)


def standing_holds(
    policy: Policy, remaining: Decimal | None, position: int, now: datetime, *, cost: int = 0
) -> tuple[Hold, ...]:
    """The buckets that every send stands in, whoever gets it.

    Args:
        policy: the limits.
        remaining: what Sendoso says is left in the team's budget, in USD.
        position: where the ledger stood before Sendoso said so.
        now: the moment.
        cost: what a send adds, in cents.
    """
    limits = policy.limits
    left = None if remaining is None else remaining - limits.keep_in_budget
    sends = () if limits.sends_per_hour is None else (Limit("sends_per_hour", limits.sends_per_hour),)
    return (
        Hold(day_bucket(now), cost, _given([_limit("per_day", limits.per_day)])),
        Hold(month_bucket(now), cost, _given([_limit("per_month", limits.per_month)])),
        Hold(hour_bucket(now), 1, sends),
        Hold(Bucket(TEAM, unseen_at=position), cost, _given([_limit("team_budget", left)])),
    )


def holds_for(quote: Quote, policy: Policy, now: datetime) -> tuple[Hold, ...]:
    """Every bucket that this send stands in, with the limits that policy puts on it.

    Buckets without a limit are in it too, so that a limit that is set tomorrow knows of today's sends.
    """
    limits, person = policy.limits, quote.order.recipient
    cost = 0 if quote.price is None else cents(policy.to_hold(quote.price))
    rules = policy.rules_for(person.email)
    per_send = [_limit("per_send", limits.per_send)]
    per_send += [_limit(f"rules.{rule.name}.per_send", rule.per_send) for rule in rules]
    per_year = [_limit("per_recipient_per_year", limits.per_recipient_per_year)]
    per_year += [
        _limit(f"rules.{rule.name}.per_recipient_per_year", rule.per_recipient_per_year) for rule in rules
    ]
    year = Bucket(f"recipient:{person_key(person)}", since=now - YEAR)
    return (
        Hold(SEND, cost, _given(per_send)),
        Hold(year, cost, _given(per_year)),
        *standing_holds(policy, quote.budget.remaining, quote.position, now, cost=cost),
    )


def envelope_hold(envelope: Envelope) -> Hold:
    """The place that one send takes in an envelope."""
    return Hold(Bucket(f"{ENVELOPES}{envelope.id}"), 1, (Limit("envelope", envelope.sends),))


def _limit(name: str, most: Decimal | None) -> Limit | None:
    return None if most is None else Limit(name, cents(most))


def _given(limits: Iterable[Limit | None]) -> tuple[Limit, ...]:
    return tuple(limit for limit in limits if limit is not None)


def cents(amount: Decimal) -> int:
    """An amount in US dollars as whole cents."""
    return int(amount.quantize(CENT) * 100)


def usd(amount: int) -> Decimal:
    """Whole cents as US dollars."""
    return (Decimal(amount) / 100).quantize(CENT)
