"""How a send travels: where it is, as a pure function of the send and the time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sendoso_mcp.models import SHIPPED_TYPES, CrmType, SendStatus
from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.clock import midnight
from sendoso_mcp.sandbox.people import Person

CANCELLABLE_FOR = timedelta(minutes=30)
EMAILED_IN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PlacedSend:
    """A gift that was ordered. `fails` is its fate, which shows only when it would have left."""

    id: str
    person: Person
    gift: Gift
    cost: Decimal
    created_at: datetime
    ordered_by: str
    message: str | None = None
    scheduled_date: date | None = None
    crm_id: str | None = None
    crm_type: CrmType | None = None
    fails: bool = False
    cancelled_at: datetime | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether a parcel travels, rather than an email."""
        return self.gift.type in SHIPPED_TYPES

    @property
    def processing_at(self) -> datetime:
        """When it can no longer be cancelled."""
        begins = self.created_at
        if self.scheduled_date is not None:
            begins = max(begins, midnight(self.scheduled_date))
        return begins + CANCELLABLE_FOR

    @property
    def delivered_at(self) -> datetime:
        """When it arrives, if nothing goes wrong."""
        if not self.is_shipped:
            return self.processing_at + EMAILED_IN
        return self.processing_at + timedelta(days=self.gift.shipping_time_days or 1)

    @property
    def leaves_at(self) -> datetime:
        """When it leaves the house: packing takes a quarter of the shipping time, an email leaves at once."""
        if not self.is_shipped:
            return self.delivered_at
        return self.processing_at + (self.delivered_at - self.processing_at) / 4

    def is_charged(self, now: datetime) -> bool:
        """Whether it counts as spent: neither cancelled nor failed."""
        return self.cancelled_at is None and not (self.fails and now >= self.leaves_at)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a send is at one instant, and since when."""

    status: SendStatus
    updated_at: datetime
    tracking_number: str | None = None
    estimated_delivery: date | None = None

    @property
    def tracking_url(self) -> str | None:
        """Where the parcel can be followed."""
        return f"https://track.example.com/{self.tracking_number}" if self.tracking_number else None


def progress(send: PlacedSend, now: datetime) -> Progress:
    """Where the send is at `now`."""
    if send.cancelled_at is not None:
        return Progress(SendStatus.CANCELLED, send.cancelled_at)
    if now < send.processing_at:
        return Progress(SendStatus.PENDING, send.created_at)
    if send.fails and now >= send.leaves_at:
        return Progress(SendStatus.FAILED, send.leaves_at)
    arrives = send.delivered_at.date()
    if now < send.leaves_at:
        return Progress(SendStatus.PROCESSING, send.processing_at, None, arrives)
    tracking = _tracking_number(send.id) if send.is_shipped else None
    if now < send.delivered_at:
        return Progress(SendStatus.SHIPPED, send.leaves_at, tracking, arrives)
    return Progress(SendStatus.DELIVERED, send.delivered_at, tracking, arrives)


def _tracking_number(send_id: str) -> str:
    digits = int(hashlib.sha256(send_id.encode()).hexdigest(), 16) % 10**14
    return f"NW{digits:014d}US"
