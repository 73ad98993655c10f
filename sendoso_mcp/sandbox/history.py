"""What the team sent over the past year, relative to when the sandbox starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from sendoso_mcp.models import SHIPPED_TYPES, CrmType
from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.clock import midnight, quarter
from sendoso_mcp.sandbox.costs import cost_of
from sendoso_mcp.sandbox.dice import dice
from sendoso_mcp.sandbox.journey import PlacedSend
from sendoso_mcp.sandbox.people import Person

# A report on this week, month or quarter has content from the first day of it.
_THIS_WEEK, _THIS_MONTH, _THIS_QUARTER, _BEFORE = 6, 8, 26, 100
_QUARTERS_SPEND = Decimal(7000)

_COLLEAGUES = ("Maya Lindgren", "Dev Kapoor", "Rosa Delgado", "Theo Brandt")
_MESSAGES = (
    "Congratulations on the promotion, {name}! Well deserved.",
    "Thank you for your time on Thursday, {name}. Coffee is on us before the next call.",
    "Happy birthday, {name}! Have a wonderful year.",
    "Welcome aboard, {name}! We are delighted to work with you and the team at {company}.",
    "Three years together, {name}. Thank you for trusting us with {company}.",
    "Thanks for speaking at our event, {name}; the audience is still talking about it.",
    "Congratulations on the launch, {name}! Treat yourself to something nice.",
    "Enjoyed meeting you at the conference, {name}. Let's continue the conversation soon.",
    "Thank you for the referral, {name}. It made our week.",
    "Get well soon, {name}. Everyone here is thinking of you.",
    "Happy holidays to you and everyone at {company}, {name}!",
    "Sorry for the rocky rollout, {name}. Thank you for your patience with us.",
    "To celebrate a signed contract: thank you, {name}!",
    "Congratulations on the new arrival, {name}! Wishing your family sleep and joy.",
)
_CRM_PREFIX = {
    CrmType.CONTACT: "003",
    CrmType.LEAD: "00Q",
    CrmType.ACCOUNT: "001",
    CrmType.OPPORTUNITY: "006",
}
_CRM_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"


def make_history(
    people: Sequence[Person], gifts: Sequence[Gift], now: datetime, seed: int
) -> list[PlacedSend]:
    """Past sends, oldest first; the current quarter's leave most of the budget."""
    rng = dice(seed, "history")
    today = now.date()
    quarter_start = midnight(quarter(today)[0])
    month_start = midnight(today.replace(day=1))
    week_start = max(quarter_start, midnight(today - timedelta(days=today.weekday())))
    moments = [_moment(rng, week_start, now) for _ in range(_THIS_WEEK)]
    moments += [_moment(rng, month_start, now) for _ in range(_THIS_MONTH)]
    moments += [_moment(rng, quarter_start, now) for _ in range(_THIS_QUARTER)]
    recent = len(moments)
    moments += [_moment(rng, now - timedelta(days=365), quarter_start) for _ in range(_BEFORE)]

    with_address = [person for person in people if person.can_get_parcels]
    sends: list[PlacedSend] = []
    spent = Decimal(0)
    for number, moment in enumerate(moments):
        if number < recent:
            aim = (_QUARTERS_SPEND - spent) / (recent - number) * Decimal(rng.uniform(0.3, 1.7))
            gift = _nearest(aim, rng.choices(gifts, k=40))
        else:
            gift = rng.choice(gifts)
        person = rng.choice(with_address if gift.type in SHIPPED_TYPES else people)
        send = _fate(_send(rng, person, gift, moment), number, rng, now)
        if send.is_charged(now):
            spent += send.cost
        sends.append(send)
    return sorted(sends, key=lambda send: send.created_at)


def _nearest(cost: Decimal, gifts: Sequence[Gift]) -> Gift:
    return min(gifts, key=lambda gift: abs(cost_of(gift) - cost))


def _send(rng: Random, person: Person, gift: Gift, moment: datetime) -> PlacedSend:
    message = rng.choice(_MESSAGES).format(name=person.first_name, company=person.company)
    crm_type = rng.choice(list(CrmType)) if rng.random() < 0.6 else None
    return PlacedSend(
        id=f"send_{rng.getrandbits(40):010x}",
        person=person,
        gift=gift,
        cost=cost_of(gift),
        created_at=moment,
        ordered_by=rng.choice(_COLLEAGUES),
        message=message if rng.random() < 0.9 else None,
        crm_type=crm_type,
        crm_id=crm_type and _CRM_PREFIX[crm_type] + "".join(rng.choices(_CRM_ALPHABET, k=12)),
    )


def _fate(send: PlacedSend, number: int, rng: Random, now: datetime) -> PlacedSend:
    """Lets two wait for a day to come, some fail, and some be cancelled in time."""
    if number in (0, 1):
        return replace(send, scheduled_date=now.date() + timedelta(days=rng.randint(3, 21)))
    if number % 23 == 11:
        return replace(send, fails=True)
    cancelled_at = send.created_at + timedelta(minutes=rng.randint(1, 25))
    if number % 19 == 7 and cancelled_at <= now:
        return replace(send, cancelled_at=cancelled_at)
    return send


def _moment(rng: Random, start: datetime, end: datetime) -> datetime:
    """Some instant between the two, in office hours where there are any."""
    moment = start
    for _ in range(20):
        moment = start + (end - start) * rng.random()
        if moment.weekday() < 5 and 14 <= moment.hour < 23:
            break
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
