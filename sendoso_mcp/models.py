"""Sendoso's own nouns, as the whole house speaks of them.

The facts (fields, enums, limits) are those of Sendoso's API contract, v2. Reading is lenient: what the
contract does not name is ignored, and a field that is missing, null or malformed is None, because an
unexpected value beside a gift must never hide that the gift was ordered. Ids are the exception.
Amounts are `Decimal` US dollars, rounded to cents. Times are aware and in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

CENT = Decimal("0.01")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

T = TypeVar("T")


def check_id(value: str) -> str:
    """An id as Sendoso makes them: letters, digits, `_` and `-`, at most 128.

    Raises:
        ValueError: for anything else; an id becomes part of a URL path, so nothing else may pass.
    """
    if not _ID.fullmatch(value):
        raise ValueError("not an id: use the id exactly as another tool returned it, such as send_9f82abc")
    return value


def to_cents(value: Decimal) -> Decimal:
    """Rounds an amount in US dollars to whole cents, half up."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def _lenient(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _number_to_text(value: Any) -> Any:
    # A JSON number arrives as a float; its shortest text is what Sendoso wrote.
    return str(value) if isinstance(value, float) else value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment that UTC's calendar does not have") from None


Id = Annotated[str, AfterValidator(check_id)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_number_to_text),
    Field(ge=0, lt=Decimal("1e9"), allow_inf_nan=False),
    AfterValidator(to_cents),
]
Lenient = WrapValidator(_lenient)
Text = Annotated[str | None, Lenient]
Money = Annotated[Amount | None, Lenient]
Day = Annotated[date | None, Lenient]
Instant = Annotated[Annotated[datetime, AfterValidator(_in_utc)] | None, Lenient]
Count = Annotated[int | None, Field(ge=0), Lenient]


class SendStatus(StrEnum):
    """Where a send is on its way."""

    PENDING = "pending"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


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


class Recipient(Noun):
    """A person in Sendoso's address book."""

    id: Id
    first_name: Text = None
    last_name: Text = None
    email: Text = None
    company: Text = None
    title: Text = None
    address: Annotated[Address | None, Lenient] = None
    created_at: Instant = None

    @property
    def name(self) -> str:
        """First and last name as far as they are known; may be empty."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


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
    type: Text = None
    price: Money = None
    image_url: Text = None
    available: Annotated[bool | None, Lenient] = None
    shipping_time_days: Count = None


class RecipientRef(Noun):
    """The recipient as a send names them."""

    id: Text = None
    first_name: Text = None
    last_name: Text = None
    email: Text = None

    @property
    def name(self) -> str:
        """First and last name as far as they are known; may be empty."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class ItemRef(Noun):
    """The gift as a send names it."""

    id: Text = None
    name: Text = None
    type: Text = None


class Send(Noun):
    """A gift that was ordered. `cost` is what it costs the team in USD, shipping and fees included."""

    id: Id
    status: Text = None
    recipient: Annotated[RecipientRef | None, Lenient] = None
    item: Annotated[ItemRef | None, Lenient] = None
    message: Text = None
    tracking_number: Text = None
    tracking_url: Text = None
    estimated_delivery: Day = None
    cost: Money = None
    created_at: Instant = None
    updated_at: Instant = None
    crm_id: Text = None
    crm_type: Text = None
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
    remaining: Money = None
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
