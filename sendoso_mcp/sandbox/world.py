"""The state of the sandbox and the rules it keeps.

Nothing here waits for anything, so on one event loop every method is a transaction: between the look at
the budget and the new send no other request gets a word in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from sendoso_mcp.models import SHIPPED_TYPES, CrmType, GroupBy, ItemType, SendStatus
from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.clock import Clock, quarter
from sendoso_mcp.sandbox.costs import cost_of
from sendoso_mcp.sandbox.dice import dice
from sendoso_mcp.sandbox.journey import PlacedSend, Progress, progress
from sendoso_mcp.sandbox.people import Person, PostalAddress
from sendoso_mcp.sandbox.refusals import BudgetSpent, Invalid, TooLate, Unknown
from sendoso_mcp.sandbox.reports import Report, report

FURTHEST_SCHEDULE = timedelta(days=731)
API_USER = "API key"


@dataclass(frozen=True, slots=True)
class Team:
    """Who pays: its budget is for one calendar quarter and does not carry over."""

    id: str = "team_sales_west"
    name: str = "Sales West"
    total_budget: Decimal = Decimal("25000.00")


@dataclass(frozen=True, slots=True)
class Budget:
    """What the team has spent of its budget for a quarter."""

    team: Team
    spent: Decimal
    start: date
    end: date

    @property
    def remaining(self) -> Decimal:
        """What is left to spend."""
        return self.team.total_budget - self.spent


class World:
    """Gifts, people, sends and the team's money."""

    def __init__(
        self,
        *,
        clock: Clock,
        gifts: Sequence[Gift],
        people: Iterable[Person],
        history: Iterable[PlacedSend],
        team: Team,
        seed: int,
    ) -> None:
        self.team = team
        self._clock = clock
        self._gifts = {gift.id: gift for gift in gifts}
        self._shelves = {type_: [gift for gift in gifts if gift.type is type_] for type_ in ItemType}
        self._all_gifts = gifts
        self._people = {person.id: person for person in people}
        self._sends = {send.id: send for send in history}
        # A ledger outlives the sandbox it was kept for, so another start must not deal the same ids again.
        self._ids = dice(seed, f"ids:{clock.now().isoformat()}")

    def now(self) -> datetime:
        """The time, no finer than the answers tell it."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def gifts(self, type_: ItemType | None = None) -> Sequence[Gift]:
        """The inventory, in its fixed order."""
        return self._all_gifts if type_ is None else self._shelves[type_]

    def people(self, search: str = "") -> list[Person]:
        """The address book, in the order it grew."""
        return [person for person in self._people.values() if person.matches(search)]

    def person(self, person_id: str) -> Person:
        """One person.

        Raises:
            Unknown: if there is none by this id.
        """
        try:
            return self._people[person_id]
        except KeyError:
            raise Unknown("Recipient not found") from None

    def add_person(
        self,
        *,
        first_name: str,
        last_name: str,
        email: str,
        company: str | None = None,
        title: str | None = None,
        address: PostalAddress | None = None,
    ) -> Person:
        """Puts somebody into the address book.

        Raises:
            Invalid: if the email address belongs to somebody in it.
        """
        if any(person.email.casefold() == email.casefold() for person in self._people.values()):
            raise Invalid({"email": ["has already been taken"]})
        person = Person(
            self._new_id("rcpt"), first_name, last_name, email, self.now(), company, title, address
        )
        self._people[person.id] = person
        return person

    def sends(
        self, status: SendStatus | None = None, start: date | None = None, end: date | None = None
    ) -> list[tuple[PlacedSend, Progress]]:
        """Sends and where they are now, newest first."""
        now = self.now()
        found = ((send, progress(send, now)) for send in self._created(start, end))
        return [(send, where) for send, where in found if status in (None, where.status)][::-1]

    def send(self, send_id: str) -> tuple[PlacedSend, Progress]:
        """One send and where it is now.

        Raises:
            Unknown: if there is none by this id.
        """
        if send_id not in self._sends:
            raise Unknown("Send not found")
        send = self._sends[send_id]
        return send, progress(send, self.now())

    def place(
        self,
        *,
        recipient_id: str,
        item_id: str,
        message: str | None = None,
        scheduled_date: date | None = None,
        crm_id: str | None = None,
        crm_type: CrmType | None = None,
    ) -> tuple[PlacedSend, Progress]:
        """Orders a gift; asked twice, it orders two.

        Raises:
            Invalid: if this gift cannot go to this person on this day.
            BudgetSpent: if it costs more than the team has left.
        """
        now = self.now()
        person, gift = self._match(recipient_id, item_id, scheduled_date, now.date())
        cost = cost_of(gift)
        if cost > self.budget().remaining:
            raise BudgetSpent("Insufficient team budget")
        send = PlacedSend(
            id=self._new_id("send"),
            person=person,
            gift=gift,
            cost=cost,
            created_at=now,
            ordered_by=API_USER,
            message=message,
            scheduled_date=scheduled_date,
            crm_id=crm_id,
            crm_type=crm_type,
        )
        self._sends[send.id] = send
        return send, progress(send, now)

    def cancel(self, send_id: str) -> tuple[PlacedSend, Progress]:
        """Calls a pending send back.

        Raises:
            Unknown: if there is none by this id.
            TooLate: if it is not pending any more.
        """
        send, where = self.send(send_id)
        if where.status is not SendStatus.PENDING:
            raise TooLate(f"Send cannot be cancelled: it is {where.status}")
        now = self.now()
        cancelled = replace(send, cancelled_at=now)
        self._sends[send_id] = cancelled
        return cancelled, progress(cancelled, now)

    def budget(self) -> Budget:
        """The team's budget for the current quarter."""
        now = self.now()
        start, end = quarter(now.date())
        charged = (send.cost for send in self._created(start, end) if send.is_charged(now))
        return Budget(self.team, sum(charged, Decimal("0.00")), start, end)

    def report(self, start: date, end: date, by: GroupBy) -> Report:
        """The sends of some days, added up."""
        sends = self._created(start, end)
        return report(sends, start=start, end=end, by=by, team_name=self.team.name, now=self.now())

    def _created(self, start: date | None, end: date | None) -> Iterator[PlacedSend]:
        for send in self._sends.values():
            day = send.created_at.date()
            if (start is None or start <= day) and (end is None or day <= end):
                yield send

    def _match(
        self, recipient_id: str, item_id: str, scheduled_date: date | None, today: date
    ) -> tuple[Person, Gift]:
        person, gift = self._people.get(recipient_id), self._gifts.get(item_id)
        errors: dict[str, list[str]] = {}
        if person is None:
            errors["recipient_id"] = ["does not exist"]
        if gift is None:
            errors["item_id"] = ["does not exist"]
        elif not gift.available:
            errors["item_id"] = ["is not available"]
        elif gift.type in SHIPPED_TYPES and person is not None and not person.can_get_parcels:
            errors["address"] = ["is required to ship this item"]
        if scheduled_date is not None and scheduled_date < today:
            errors["scheduled_date"] = ["can't be in the past"]
        elif scheduled_date is not None and scheduled_date - today > FURTHEST_SCHEDULE:
            errors["scheduled_date"] = ["is too far ahead"]
        if errors or person is None or gift is None:
            raise Invalid(errors)
        return person, gift

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{self._ids.getrandbits(48):012x}"
