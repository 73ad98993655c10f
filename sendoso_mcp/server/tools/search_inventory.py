"""search_inventory: gifts by what they are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field

from sendoso_mcp.catalog import Answer as Found
from sendoso_mcp.catalog import Filters, Miss
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.hygiene import clean_line
from sendoso_mcp.models import InventoryItem, ItemType
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.arguments import Days, Limit, Query, Usd
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec

# Characters of a gift's name and description: the first pair with which ten gifts fit their budget is used.
_LENGTHS = ((80, 90), (80, 60), (80, 35), (60, 0), (40, 0))
_FOR_ONE = 225
"""Characters that a gift may take, so that ten fit 2,500 with what is around them."""


class Gift(BaseModel):
    """A gift in a list; `days` is how long shipping takes."""

    id: str
    name: str
    type: str | None = None
    price: float | None = None
    days: int | None = None
    about: str | None = None
    available: bool | None = None
    but: str | None = None

    @classmethod
    def of(cls, item: InventoryItem, misses: Sequence[Miss], name: int, about: int) -> Gift:
        """As the inventory has it, cut to so many characters. Only what is not available says so."""
        return cls(
            id=item.id,
            name=clean_line(item.name or item.id, longest=name),
            type=item.type,
            price=usd_number(item.price),
            days=item.shipping_time_days,
            about=clean_line(item.description, longest=about) if item.description and about else None,
            available=False if item.available is False else None,
            but=", ".join(misses) or None,
        )


class Gifts(Answer):
    """One page of gifts, best match first."""

    gifts: list[Gift]
    total: int
    next_cursor: str | None = None
    partial: str | None = None
    hint: str | None = None


async def search_inventory(
    ctx: Context[Services],
    *,
    query: Query = "",
    type: ItemType | None = None,
    min_price: Usd | None = None,
    max_price: Usd | None = None,
    max_shipping_days: Days | None = None,
    include_unavailable: bool = False,
    limit: Limit = 10,
    cursor: Annotated[str, Field(description="next_cursor of the last answer")] | None = None,
) -> Gifts:
    """Finds gifts."""
    if min_price is not None and max_price is not None and max_price < min_price:
        raise BadArgument(f"max_price ({max_price:g}) is below min_price ({min_price:g}).")
    filters = Filters(
        type=type,
        min_price=_decimal(min_price),
        max_price=_decimal(max_price),
        max_shipping_days=max_shipping_days,
        include_unavailable=include_unavailable,
    )
    found = await services_of(ctx).catalog.search(query, filters, limit=limit, cursor=cursor or None)
    return Gifts(
        gifts=_sized(found),
        total=found.total,
        next_cursor=found.next_cursor,
        partial=found.partial,
        hint=None if found.total else _NEAREST if found.items else _NOTHING,
    )


_NEAREST = "Nothing fits. These come nearest; `but` says by what each falls short."
_NOTHING = "Nothing fits, and nothing comes near. Leave a filter out."


def _sized(found: Found) -> list[Gift]:
    """The gifts, their texts cut so that a page of them stays small whatever Sendoso says about each."""
    gifts: list[Gift] = []
    for name, about in _LENGTHS:
        gifts = [
            Gift.of(item, misses, name, about)
            for item, misses in zip(found.items, found.misses or [()] * len(found.items), strict=True)
        ]
        if sum(len(gift.model_dump_json(exclude_none=True)) for gift in gifts) <= _FOR_ONE * len(gifts):
            break
    return gifts


def _decimal(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


SPEC = ToolSpec(
    fn=search_inventory,
    title="Search gifts",
    description=(
        "Finds gifts by what they are or whom they suit (coffee lover, new parents). Prices are USD list "
        "prices; shipping and fees come on top, so leave room for them. No query lists all, cheapest first."
    ),
)
