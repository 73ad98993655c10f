"""What a send costs: list price plus shipping and fees."""

from __future__ import annotations

from decimal import Decimal

from sendoso_mcp.fields import to_cents
from sendoso_mcp.models import ItemType
from sendoso_mcp.sandbox.catalogue import Gift

SHIPPING_AND_FEES = {
    ItemType.EGIFT: Decimal("3.00"),
    ItemType.PHYSICAL: Decimal("9.95"),
    ItemType.SWAG: Decimal("7.25"),
    ItemType.DIRECT_MAIL: Decimal("4.50"),
    ItemType.CHARITY: Decimal("0.00"),
}


def cost_of(gift: Gift) -> Decimal:
    """What the team pays to send it."""
    return to_cents(gift.price + SHIPPING_AND_FEES[gift.type])
