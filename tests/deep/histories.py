"""Histories made by chance, of orders whose answers were lost and of sends that look like them.

It is known who made which send. The same number always makes the same history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from sendoso_mcp.models import ItemRef, RecipientRef, Send
from sendoso_mcp.spending.reconcile import CLOCKS, LATE, Attempt, days_to_read, new_mark

MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
MILLISECOND, MICROSECOND = timedelta(milliseconds=1), timedelta(microseconds=1)
PEOPLE = {id_: RecipientRef(id=id_) for id_ in ("rcp_1", "rcp_2")} | {None: None}
GIFTS = {id_: ItemRef(id=id_) for id_ in ("itm_1", "itm_2")} | {None: None}

Facts = dict[str, str | None]


def chance(rng: Random, share: float) -> bool:
    return rng.random() < share


@dataclass(frozen=True, slots=True)
class Upstream:
    """How this history's Sendoso tells the time: to what unit, cut or rounded, how far ahead of our clock."""

    unit: timedelta
    rounds: bool
    ahead: timedelta
    time_zone: timedelta

    def told(self, at: datetime) -> datetime:
        since = at + self.ahead - MIDNIGHT + (self.unit / 2 if self.rounds else timedelta())
        return MIDNIGHT + since // self.unit * self.unit


@dataclass(frozen=True, slots=True)
class Made:
    """A send as it truly is. `maker` is our intent, or None for somebody else."""

    id: str
    maker: str | None
    at: datetime
    facts: Facts
    hidden: frozenset[str] = frozenset()
    status: str = "pending"

    @property
    def told(self) -> Facts:
        """The facts that Sendoso tells."""
        return {name: None if name in self.hidden else fact for name, fact in self.facts.items()}

    def is_like(self, facts: Facts) -> bool:
        """Whether nothing that is told of it is other than these facts."""
        told = self.told
        unknown = {name for name in ("person", "gift", "crm_type") if told[name] is None}
        return all(name in unknown or told[name] == fact for name, fact in facts.items())

    def as_told(self, upstream: Upstream, rng: Random) -> Send:
        facts = self.told
        words = facts["words"]
        if words is not None and chance(rng, 0.2):
            words = rng.choice((words.replace("\n", "\r\n"), words + "\n", f" {words} "))
        return Send(
            id=self.id,
            status=self.status,
            recipient=PEOPLE[facts["person"]],
            item=GIFTS[facts["gift"]],
            message=words if words is not None else rng.choice((None, "")),
            created_at=None if "at" in self.hidden else upstream.told(self.at),
            crm_id=facts["crm_id"],
            crm_type=facts["crm_type"],
        )


@dataclass(slots=True)
class History:
    """What the guard would read, and the truth about it."""

    upstream: Upstream
    unsettled: list[Attempt] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    owned: set[str] = field(default_factory=set)
    listed: list[Send] = field(default_factory=list)

    def made_by(self, attempt: Attempt) -> list[Made]:
        return [one for one in self.made if one.maker == attempt.intent_id]


def facts_of(attempt: Attempt) -> Facts:
    """The facts by which its send is known."""
    facts: Facts = {"person": attempt.recipient_id, "gift": attempt.item_id}
    if attempt.mark is not None:
        return facts | {"crm_id": attempt.mark}
    return facts | {"words": attempt.message, "crm_id": attempt.crm_id, "crm_type": attempt.crm_type}


def facts_sent(attempt: Attempt) -> Facts:
    return {"words": attempt.message, "crm_type": attempt.crm_type} | facts_of(attempt)


CHANGES: tuple[Facts, ...] = (
    {"person": "rcp_2"},
    {"gift": "itm_2"},
    {"words": "Well done!"},
    {"words": None},
    {"crm_id": "004"},
    {"crm_id": None},
    {"crm_type": "lead"},
    {"crm_id": new_mark("of another ledger")},
)


def an_upstream(rng: Random) -> Upstream:
    return Upstream(
        unit=rng.choice((MILLISECOND, MILLISECOND, SECOND, MICROSECOND)),
        rounds=chance(rng, 0.3),
        # One in four is off, by less than `CLOCKS`.
        ahead=rng.uniform(-25, 5) * SECOND if chance(rng, 0.25) else timedelta(),
        time_zone=timedelta(hours=rng.randint(-12, 14)),
    )


def latency(rng: Random) -> timedelta:
    """From the first byte to the send: 1 ms to 30 s, or, if Sendoso hangs, longer than we wait."""
    seconds = (
        rng.uniform(30, 100) if chance(rng, 0.05) else math.exp(rng.uniform(math.log(0.001), math.log(30)))
    )
    return seconds * SECOND


def an_attempt(rng: Random, number: int, near: datetime, *, marks: bool) -> Attempt:
    """Nearly always the same wish; some are made at nearly the same time."""
    crm_id, crm_type = rng.choice(((None, None), (None, None), ("003", "contact"), ("003", None)))
    begun_at = near + rng.choice((0, 0.3, 1, 15, 45, 200, 3000)) * SECOND + rng.randrange(10**6) * MICROSECOND
    return Attempt(
        intent_id=f"int_{number}",
        recipient_id="rcp_1",
        item_id="itm_1",
        message=rng.choice(("Dear Ann,\nthanks!",) * 8 + (None, "Well done!")),
        crm_id=crm_id,
        crm_type=crm_type,
        scheduled_date=None,
        mark=new_mark(f"int_{number}") if marks and crm_id is None else None,
        begun_at=begun_at,
        ended_by=begun_at + rng.choice((30, 30, 40)) * SECOND,
    )


def somebody_elses(rng: Random, number: int, ours: Attempt, *, may_copy: bool) -> Made:
    """A send by others that looks like ours, or nearly, made around the same time.

    Our mark is in it only if ours arrived and somebody copied that send: until then nobody else knows it.
    """
    copies = may_copy and chance(rng, 0.1)
    facts = facts_sent(ours if copies else replace(ours, mark=None))
    if chance(rng, 0.7):
        facts |= rng.choice(CHANGES)
    away = rng.choice((-3, -1, -0.3, -0.01, 0.01, 0.3, 1, rng.uniform(0, 30), rng.uniform(-300, 300)))
    return Made(f"theirs_{number}", None, ours.begun_at + away * SECOND, facts)


def with_blemishes(rng: Random, one: Made) -> Made:
    """Now and then something is not told, or the gift is not coming."""
    if not chance(rng, 0.1):
        return one
    if chance(rng, 0.3):
        return replace(one, status=rng.choice(("cancelled", "failed")))
    return replace(one, hidden=frozenset({rng.choice(("person", "gift", "crm_type", "at"))}))


def nobody_could_tell(one: Made, attempt: Attempt, upstream: Upstream) -> bool:
    """Whether a send that is not ours is told just as ours would be, also in its time."""
    at = one.at + upstream.ahead
    return (
        attempt.mark is None
        and "at" not in one.hidden
        and one.told == facts_of(attempt)
        and attempt.begun_at <= at <= attempt.ended_by + 2 * SECOND
    )


def a_history(number: int) -> History:
    rng = Random(number)  # noqa: S311 - it makes the same history again
    history = History(an_upstream(rng))
    near = MIDNIGHT + rng.choice((-2 * MINUTE, timedelta(hours=15), timedelta(hours=23, minutes=58)))
    attempts, marks = [], chance(rng, 0.4)
    for intent in range(rng.choice((1, 1, 2, 2, 3, 4))):
        attempt = an_attempt(rng, intent, near, marks=marks)
        attempts.append(attempt)
        # A proxy that asks twice makes two sends of one order.
        arrived = rng.choices((0, 1, 2), (35, 60, 5))[0]
        for copy in range(arrived):
            at = attempt.begun_at + latency(rng)
            made = Made(f"ours_{intent}_{copy}", attempt.intent_id, at, facts_sent(attempt))
            history.made.append(with_blemishes(rng, made))
        if intent == 0 or chance(rng, 0.6):
            history.unsettled.append(attempt)
        elif arrived:
            history.owned.add(f"ours_{intent}_0")
    for other in range(rng.choice((0, 0, 0, 1, 1, 2, 4, 12))):
        ours = rng.choice(attempts)
        made = somebody_elses(rng, other, ours, may_copy=bool(history.made_by(ours)))
        history.made.append(with_blemishes(rng, made))
    _make_decidable(history)
    _list(history, rng)
    return history


def _make_decidable(history: History) -> None:
    """Marks the lost orders that could not be told from somebody else's; else the look-alike has to go.

    The second send of an order that is settled with the first is as good as somebody else's.
    """
    makers = {attempt.intent_id for attempt in history.unsettled}
    for one in tuple(history.made):
        if one.maker in makers or one.id in history.owned:
            continue
        for place, attempt in enumerate(history.unsettled):
            if history.made_by(attempt) or not nobody_could_tell(one, attempt, history.upstream):
                continue
            if attempt.crm_id is None:
                history.unsettled[place] = replace(attempt, mark=new_mark(attempt.intent_id))
            elif one in history.made:
                history.made.remove(one)


def _list(history: History, rng: Random) -> None:
    """All pages for the days that are asked for, in any order; some sends are on two of them."""
    spans = [days_to_read(attempt) for attempt in history.unsettled]
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    for one in history.made:
        if first <= (history.upstream.told(one.at) + history.upstream.time_zone).date() <= last:
            told = one.as_told(history.upstream, rng)
            history.listed += [told, told] if chance(rng, 0.1) else [told]
    rng.shuffle(history.listed)
    rng.shuffle(history.unsettled)


def is_clear(history: History, attempt: Attempt) -> bool:
    """Whether an order arrived once, clocks agree, and nothing that looks like it is anywhere near."""
    ours = history.made_by(attempt)
    if history.upstream.ahead or len(ours) != 1:
        return False
    [one] = ours
    told = history.upstream.told(one.at)
    unit = history.upstream.unit if told.microsecond else SECOND
    if one.hidden or one.status != "pending" or not 1.5 * unit <= one.at - attempt.begun_at <= 30 * SECOND:
        return False
    facts, early, late = facts_of(attempt), attempt.begun_at - CLOCKS, attempt.ended_by + LATE
    look_alikes = (
        other
        for other in history.made
        if other.id not in history.owned and other is not one and other.is_like(facts)
        if attempt.mark or "at" in other.hidden or early - 2 * SECOND < other.at < late + 2 * SECOND
    )
    rivals = (
        other
        for other in history.unsettled
        if other is not attempt and one.is_like(facts_of(other))
        if abs(other.begun_at - attempt.begun_at) < 5 * MINUTE
    )
    return not any(look_alikes) and not any(rivals)
