"""What the catalogue's tests share: an inventory that can be changed while it is read, and a clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import anyio

from sendoso_mcp.catalog import Catalog, Filters
from sendoso_mcp.models import InventoryItem, Page


class Make(Protocol):
    """Makes a catalogue whose loads end with the test."""

    def __call__(self, shelf: Shelf, clock: Callable[[], float] = ..., **options: Any) -> Catalog: ...


def gift(item_id: str, price: float = 10) -> InventoryItem:
    return InventoryItem.model_validate({"id": item_id, "name": f"Gift {item_id}", "price": price})


def gifts(count: int) -> list[InventoryItem]:
    return [gift(f"itm_{number:04}") for number in range(count)]


async def nothing(page: int) -> None:
    """Every read yields once, as a real one does."""
    await anyio.lowlevel.checkpoint()


class Shelf:
    """Sendoso's inventory, and nothing else of it."""

    def __init__(self, items: list[InventoryItem], *, cap: int = 100, paginated: bool = True) -> None:
        self.items = items
        self.cap = cap
        self.paginated = paginated
        self.pages: list[int] = []
        self.asked_per_page: set[int] = set()
        self.running = 0
        self.most_at_once = 0
        self.while_reading: Callable[[int], Awaitable[None]] = nothing

    async def list_inventory(
        self, *, type: None = None, page: int = 1, per_page: int = 25
    ) -> Page[InventoryItem]:
        assert type is None
        self.pages.append(page)
        self.asked_per_page.add(per_page)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.while_reading(page)
        finally:
            self.running -= 1
        size = min(per_page, self.cap)
        total = len(self.items)
        start = (page - 1) * size
        return Page[InventoryItem](
            items=tuple(self.items[start : start + size]),
            page=page,
            per_page=size if self.paginated else per_page,
            total=total if self.paginated else None,
            total_pages=-(-total // size) if self.paginated else None,
        )


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


async def all_at_once(calls: Sequence[Callable[[], Awaitable[object]]]) -> list[Exception]:
    """Makes the calls at the same time; gives the errors they end with."""
    errors: list[Exception] = []

    async def make(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except Exception as error:
            errors.append(error)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as callers:
            for call in calls:
                callers.start_soon(make, call)
    return errors


async def items(catalog: Catalog) -> Sequence[InventoryItem]:
    """Every gift, by price and id."""
    return (await catalog.search("", Filters(include_unavailable=True), limit=100_000)).items


async def ids(catalog: Catalog) -> list[str]:
    return [item.id for item in await items(catalog)]


async def settled(catalog: Catalog) -> None:
    """Waits for the load under way."""
    with anyio.fail_after(5):
        if catalog._load is not None:
            await catalog._load.done.wait()
