"""Sendoso's own nouns, as the whole house speaks of them.

The facts (fields, enums, limits) are those of Sendoso's API contract, v2. What the contract does not name is
ignored, and what cannot be read is None (see `sendoso_mcp.fields`). Amounts are US dollars, times UTC.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from sendoso_mcp.fields import Balance, Count, Day, Id, Instant, Lenient, Link, Money, Text, Word

T = TypeVar("T")


class SendStatus(StrEnum):
    """Where a send is on its way."""

    PENDING = "pending"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


NOT_COMING = frozenset(
    {SendStatus.FAILED, SendStatus.CANCELLED, "canceled", "rejected", "declined", "refused", "error"}
)
"""Statuses, the contract's and likely others, of a gift that is not coming: no new send can have one."""


class ItemType(StrEnum):
    """The five kinds of gift."""

    PHYSICAL = "physical"
    EGIFT = "egift"
    SWAG = "swag"
    DIRECT_MAIL = "direct_mail"
    CHARITY = "charity"


class CrmType(StrEnum):
    """What a CRM id refers to."""

    CONTACT = "contact"
    LEAD = "lead"
    ACCOUNT = "account"
    OPPORTUNITY = "opportunity"


class GroupBy(StrEnum):
    """How a report adds up sends."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    USER = "user"
    TEAM = "team"


SHIPPED_TYPES = frozenset({ItemType.PHYSICAL, ItemType.SWAG, ItemType.DIRECT_MAIL})
"""The types that go to a postal address."""
EMAILED_TYPES = frozenset({ItemType.EGIFT, ItemType.CHARITY})
"""The types that go to an email address, at once."""


class Noun(BaseModel):
    """A thing Sendoso knows: immutable, and deaf to fields it has no name for."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Address(Noun):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street1: Text = None
    street2: Text = None
    city: Text = None
    state: Text = None
    postal_code: Text = None
    country: Text = None

    @property
    def line(self) -> str:
        """The address on one line, as far as it is known; may be empty."""
        parts = (self.street1, self.street2, self.city, self.state, self.postal_code, self.country)
        return ", ".join(part for part in parts if part)


class _Named(Noun):
    """Somebody with a name, as far as it is known."""

    first_name: Text = None
    last_name: Text = None
    email: Text = None

    @property
    def name(self) -> str:
        """First and last name as far as they are known; may be empty."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class Recipient(_Named):
    """A person in Sendoso's address book."""

    id: Id
    company: Text = None
    title: Text = None
    address: Annotated[Address | None, Lenient] = None
    created_at: Instant = None


class NewRecipient(Noun):
    """A person to be added to the address book."""

    first_name: str
    last_name: str
    email: str
    company: str | None = None
    title: str | None = None
    address: Address | None = None


class InventoryItem(Noun):
    """A gift that the team can send. `price` is the list price in USD, without shipping or fees."""

    id: Id
    name: Text = None
    description: Text = None
    type: Word = None
    price: Money = None
    image_url: Link = None
    available: Annotated[bool | None, Lenient] = None
    shipping_time_days: Count = None


class RecipientRef(_Named):
    """The recipient as a send names them."""

    id: Text = None


class ItemRef(Noun):
    """The gift as a send names it."""

    id: Text = None
    name: Text = None
    type: Word = None


class Send(Noun):
    """A gift that was ordered. `cost` is what it costs the team in USD, shipping and fees included."""

    id: Id
    status: Word = None
    recipient: Annotated[RecipientRef | None, Lenient] = None
    item: Annotated[ItemRef | None, Lenient] = None
    message: Text = None
    tracking_number: Text = None
    tracking_url: Link = None
    estimated_delivery: Day = None
    cost: Money = None
    created_at: Instant = None
    updated_at: Instant = None
    crm_id: Text = None
    crm_type: Word = None
    team_id: Text = None


class Order(Noun):
    """A gift to be ordered: who gets what, with which words, when.

    It carries the whole recipient and item, since another dialect of the API wants them written out.
    """

    recipient: Recipient
    item: InventoryItem
    message: str | None = None
    scheduled_date: date | None = None
    crm_id: str | None = None
    crm_type: CrmType | None = None


class TeamBudget(Noun):
    """The team's budget for the current period, in USD."""

    team_id: Text = None
    team_name: Text = None
    total: Money = None
    spent: Money = None
    remaining: Balance = None
    period_start: Day = None
    period_end: Day = None


class ReportTotals(Noun):
    """Sums over a report's whole period; spend in USD."""

    sends: Count = None
    delivered: Count = None
    failed: Count = None
    total_spend: Money = None


class ReportRow(Noun):
    """One group of a report; `period` is the group's label (a day, a user, ...); spend in USD."""

    period: Text = None
    sends: Count = None
    delivered: Count = None
    spend: Money = None


class SendsReport(Noun):
    """Sends of a period, added up."""

    start_date: Day = None
    end_date: Day = None
    totals: ReportTotals = ReportTotals()
    rows: tuple[ReportRow, ...] = ()


class Page(Noun, Generic[T]):
    """One page of a list; `total` and `total_pages` are None where Sendoso did not say."""

    items: tuple[T, ...]
    page: int = 1
    per_page: int | None = None
    total: int | None = None
    total_pages: int | None = None

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one; where Sendoso did not say, whether this one is full."""
        if self.total_pages is not None:
            return self.page < self.total_pages
        if self.total is not None and self.per_page:
            return self.page * self.per_page < self.total
        return bool(self.items) and self.per_page is not None and len(self.items) >= self.per_page
