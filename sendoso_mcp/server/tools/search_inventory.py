"""search_inventory: gifts by what they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field

from sendoso_mcp.catalog import Filters, search
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.hygiene import clean_line
from sendoso_mcp.models import InventoryItem, ItemType
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.arguments import Limit, Query, Usd
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class Gift(BaseModel):
    """A gift in a list; `days` is how long shipping takes."""

    id: str
    name: str
    type: str | None = None
    price: float | None = None
    days: int | None = None
    about: str | None = None
    available: bool | None = None

    @classmethod
    def of(cls, item: InventoryItem) -> Gift:
        """As the inventory has it, its description cut to a line. Only what is not available says so."""
        return cls(
            id=item.id,
            name=clean_line(item.name or item.id, longest=80),
            type=item.type,
            price=usd_number(item.price),
            days=item.shipping_time_days,
            about=clean_line(item.description, longest=90) if item.description else None,
            available=False if item.available is False else None,
        )


class Gifts(Answer):
    """One page of gifts, best match first."""

    gifts: list[Gift]
    total: int
    next_cursor: str | None = None
    hint: str | None = None


async def search_inventory(
    ctx: Context[Services],
    *,
    query: Query = "",
    type: ItemType | None = None,
    min_price: Usd | None = None,
    max_price: Usd | None = None,
    max_shipping_days: Annotated[int, Field(ge=0, le=365)] | None = None,
    include_unavailable: bool = False,
    limit: Limit = 10,
    cursor: Annotated[str, Field(description="next_cursor of the last answer")] | None = None,
) -> Gifts:
    """Finds gifts."""
    if min_price is not None and max_price is not None and max_price < min_price:
        raise BadArgument(f"max_price ({max_price:g}) is below min_price ({min_price:g}).")
    offset = _offset(cursor)
    filters = Filters(
        type=type,
        min_price=_decimal(min_price),
        max_price=_decimal(max_price),
        max_shipping_days=max_shipping_days,
        include_unavailable=include_unavailable,
    )
    found = search(await services_of(ctx).catalog.items(), query, filters, offset=offset, limit=limit)
    end = offset + len(found.items)
    return Gifts(
        gifts=[Gift.of(item) for item in found.items],
        total=found.total,
        next_cursor=str(end) if found.items and end < found.total else None,
        hint=None if found.total else "Nothing matches. Try fewer or other words, or leave a filter out.",
    )


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 7):
        raise BadArgument("cursor: use next_cursor of the last answer as it is, or leave it out.")
    return int(cursor)


def _decimal(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


SPEC = ToolSpec(
    fn=search_inventory,
    title="Search gifts",
    description=(
        "Finds gifts by words in their name or description. Prices are USD list prices; shipping and "
        "fees come on top, so leave room for them. No query lists all, cheapest first."
    ),
)
