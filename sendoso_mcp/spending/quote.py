"""What is to be sent, and what it costs, as known at one moment."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sendoso_mcp.models import EMAILED_TYPES, CrmType, Order, TeamBudget


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A gift somebody wants sent, by ids; nothing about it has been looked up."""

    recipient_id: str
    item_id: str
    message: str | None = None
    scheduled_date: date | None = None
    crm_id: str | None = None
    crm_type: CrmType | None = None

    @property
    def digest(self) -> str:
        """The same for the same wish, and for no other."""
        return _digest(
            self.recipient_id, self.item_id, self.message, self.scheduled_date, self.crm_id, self.crm_type
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """A request with everything looked up."""

    request: SendRequest
    order: Order
    budget: TeamBudget
    position: int = 0
    """Where the ledger stood before the budget was read: what it settled later is not in the budget yet."""

    @property
    def price(self) -> Decimal | None:
        """List price in USD; Sendoso adds shipping and fees. None where Sendoso gives none."""
        return self.order.item.price

    @property
    def ships_to(self) -> str | None:
        """Where a gift is shipped, on one line; None for the types that go by email."""
        if self.order.item.type in EMAILED_TYPES:
            return None
        address = self.order.recipient.address
        return address.line if address else ""

    @property
    def budget_after(self) -> Decimal | None:
        """What the team would have left in USD, before shipping and fees; None if that is not known."""
        if self.price is None or self.budget.remaining is None:
            return None
        return self.budget.remaining - self.price

    @property
    def digest(self) -> str:
        """What a person says yes to: this gift, to this person, at this price, in these words."""
        recipient, item = self.order.recipient, self.order.item
        return _digest(
            self.request.digest,
            recipient.name,
            recipient.email,
            recipient.company,
            self.ships_to,
            item.name,
            item.type,
            item.price,
        )


def _digest(*parts: object) -> str:
    text = json.dumps([None if part is None else str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()
