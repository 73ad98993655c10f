"""What the team sent over the past year, up to the day on which the sandbox starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from sendoso_mcp.models import SHIPPED_TYPES, CrmType
from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.clock import midnight
from sendoso_mcp.sandbox.costs import cost_of
from sendoso_mcp.sandbox.dice import dice
from sendoso_mcp.sandbox.journey import PlacedSend
from sendoso_mcp.sandbox.occasions import OCCASIONS, Occasion
from sendoso_mcp.sandbox.pace import make_moments
from sendoso_mcp.sandbox.people import Person

_REST = timedelta(days=45)
"""Nobody gets two gifts within it."""
_WAITING = 2
"""How many of the latest wait for a birthday to come."""
_TRAVELLING = 8
"""How many before them take a while, so that something is on its way."""
_A_WHILE = 7
"""Days."""

_COLLEAGUES = ("Maya Lindgren", "Dev Kapoor", "Rosa Delgado", "Theo Brandt")
_CRM_PREFIX = {
    CrmType.CONTACT: "003",
    CrmType.LEAD: "00Q",
    CrmType.ACCOUNT: "001",
    CrmType.OPPORTUNITY: "006",
}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_CRM_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"


def make_history(
    people: Sequence[Person], gifts: Sequence[Gift], now: datetime, seed: int
) -> list[PlacedSend]:
    """Past sends, oldest first. They end as the day of `now` begins, so that all of a day has one past."""
    rng = dice(seed, "history")
    today = midnight(now.date())
    moments = make_moments(rng, today)
    team = _Team(people, gifts, rng)
    sends = []
    for number, moment in enumerate(moments):
        to_come = len(moments) - number
        if to_come > _WAITING:
            days = _A_WHILE if to_come <= _WAITING + _TRAVELLING else 0
            sends.append(_fate(team.send(moment, OCCASIONS.values(), days), number, rng, today))
        else:
            birthday = today.date() + timedelta(days=rng.randint(3, 21))
            sends.append(replace(team.send(moment, [OCCASIONS["birthday"]]), scheduled_date=birthday))
    return sends


class _Team:
    """Sends gifts, with an eye on who had what and when."""

    def __init__(self, people: Sequence[Person], gifts: Sequence[Gift], rng: Random) -> None:
        self._people = people
        self._gifts = gifts
        self._stock = {
            occasion.name: [gift for gift in gifts if gift.name in occasion.gifts]
            for occasion in OCCASIONS.values()
        }
        self._rng = rng
        self._sent_by: dict[datetime, str] = {}
        self._last: dict[str, datetime] = {}
        self._had: defaultdict[str, set[str]] = defaultdict(set)
        # The promotion of the first in the book is left to whoever tries the sandbox.
        self._had[people[0].id].add("promotion")

    def send(self, moment: datetime, occasions: Collection[Occasion], days: int = 0) -> PlacedSend:
        """One more gift, for one of these occasions, that takes at least so many days to arrive."""
        rng = self._rng
        person, gift, message = self._choose(moment, occasions, days)
        self._last[person.id] = moment
        crm_type = rng.choice(list(CrmType)) if rng.random() < 0.6 else None
        return PlacedSend(
            id=f"send_{rng.getrandbits(40):010x}",
            person=person,
            gift=gift,
            cost=cost_of(gift),
            created_at=moment,
            # What was sent at one instant was one colleague's batch.
            ordered_by=self._sent_by.setdefault(moment, rng.choice(_COLLEAGUES)),
            message=message if rng.random() < 0.9 else None,
            crm_type=crm_type,
            crm_id=crm_type and _CRM_PREFIX[crm_type] + "".join(rng.choices(_CRM_ALPHABET, k=12)),
        )

    def _choose(
        self, moment: datetime, occasions: Collection[Occasion], days: int
    ) -> tuple[Person, Gift, str]:
        rng = self._rng
        rested = [one for one in self._people if self._last.get(one.id, _LONG_AGO) + _REST <= moment]
        rng.shuffle(rested)
        for person in rested:
            had = self._had[person.id]
            fitting = [
                (occasion, gifts)
                for occasion in occasions
                if occasion.suits(moment.date(), had)
                and (gifts := _can_get(person, self._stock[occasion.name], days))
            ]
            if fitting:
                shares = [occasion.share for occasion, _ in fitting]
                ((occasion, gifts),) = rng.choices(fitting, shares)
                had.add(occasion.name)
                # The team is generous: what costs twice as much is chosen four times as often.
                (gift,) = rng.choices(gifts, [float(gift.price) ** 2 for gift in gifts])
                message = rng.choice(occasion.messages)
                return person, gift, message.format(name=person.first_name, company=person.company)
        # A small catalogue may hold nothing that goes with an occasion.
        person = next(one for one in rested if _can_get(one, self._gifts))
        gift = rng.choice(_can_get(person, self._gifts))
        return person, gift, f"With thanks from all of us, {person.first_name}."


def _can_get(person: Person, gifts: Sequence[Gift], days: int = 0) -> list[Gift]:
    return [
        gift
        for gift in gifts
        if (person.can_get_parcels or gift.type not in SHIPPED_TYPES)
        and (gift.shipping_time_days or 0) >= days
    ]


def _fate(send: PlacedSend, number: int, rng: Random, today: datetime) -> PlacedSend:
    """Lets some fail, and some be cancelled in time, before today."""
    if number % 29 == 11 and send.leaves_at <= today:
        return replace(send, fails=True)
    cancelled_at = send.created_at + timedelta(minutes=rng.randint(1, 25))
    if number % 31 == 5 and cancelled_at <= today:
        return replace(send, cancelled_at=cancelled_at)
    return send
