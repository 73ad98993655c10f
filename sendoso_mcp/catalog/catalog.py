"""All pages of the inventory, read once and kept for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio

from sendoso_mcp.api import Sendoso
from sendoso_mcp.errors import BadArgument, SendosoError, Timeout, one_error
from sendoso_mcp.fields import check_id
from sendoso_mcp.models import InventoryItem, Page

PER_PAGE = 100
MAX_AGE = 300.0
"""Seconds for which a search answers from memory. A price is never taken from memory: see `find`."""

LOAD_DEADLINE = 60.0
"""Seconds for reading all pages."""

_KNOWN_UNKNOWN = 15.0
"""Seconds for which a gift that was not there is taken to be still not there."""
_JUST_READ = 2.0
"""Seconds for which a price that was read is as good as one read now."""
_MAX_PAGES = 2_000
_PARALLEL = 5


@dataclass(frozen=True, slots=True)
class _Loaded:
    items: tuple[InventoryItem, ...]
    page_of: dict[str, int]
    at: float


class _Loading:
    """A load that somebody leads and others wait for."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: SendosoError | None = None


class Catalog:
    """The team's gifts. Concurrent callers share one load."""

    def __init__(self, sendoso: Sendoso, *, now: Callable[[], float] = anyio.current_time) -> None:
        self._sendoso = sendoso
        self._now = now
        self._loaded: _Loaded | None = None
        self._loading: _Loading | None = None

    async def items(self) -> tuple[InventoryItem, ...]:
        """Every gift, at most `MAX_AGE` seconds old, in Sendoso's order.

        Raises:
            ApiError: Sendoso could not be read.
        """
        return (await self._load(begun_after=self._now() - MAX_AGE)).items

    async def find(self, item_id: str) -> InventoryItem:
        """One gift with its price and availability as they are now: its page is read again.

        Raises:
            BadArgument: there is no such gift.
            ApiError: Sendoso could not be read.
        """
        try:
            check_id(item_id)
        except ValueError as error:
            raise BadArgument(f"item_id: {error}.") from error
        if item := await self._read_again(item_id):
            return item
        # Never seen, or gifts were added or removed and it slid to another page. Who guesses ids does not
        # make us read everything each time.
        known = self._loaded is not None and item_id in self._loaded.page_of
        loaded = await self._load(begun_after=self._now() - (0 if known else _KNOWN_UNKNOWN))
        if self._now() - loaded.at > _JUST_READ:
            # It began a while ago: we joined it, or there is much to read.
            if item := await self._read_again(item_id):
                return item
            if item_id in loaded.page_of:  # and slid while we read
                loaded = await self._load(begun_after=self._now())
        if item := _pick(loaded.items, item_id):
            return item
        raise BadArgument(
            f"item_id: there is no gift {item_id} in the inventory. Use an id from search_inventory."
        )

    async def _read_again(self, item_id: str) -> InventoryItem | None:
        """The gift as its page has it now; None if its page is not known, or has it no more."""
        number = self._loaded.page_of.get(item_id) if self._loaded else None
        if number is None:
            return None
        return _pick((await self._sendoso.list_inventory(page=number, per_page=PER_PAGE)).items, item_id)

    async def _load(self, begun_after: float) -> _Loaded:
        """All pages, as read by a load that began after `begun_after`: one under way, or a new one."""
        while True:
            if self._loaded is not None and self._loaded.at > begun_after:
                return self._loaded
            if self._loading is None:
                return await self._lead()
            loading = self._loading
            await loading.done.wait()
            # Those who waited share a failure too; one after the other they would wait for ever.
            if loading.error is not None:
                raise loading.error

    async def _lead(self) -> _Loaded:
        loading = self._loading = _Loading()
        try:
            with anyio.move_on_after(LOAD_DEADLINE):
                self._loaded = await self._read_all()
                return self._loaded
            raise Timeout(LOAD_DEADLINE)
        except SendosoError as error:
            loading.error = error
            raise
        finally:
            # Also if the leader is cancelled: then one of those who wait takes over.
            self._loading = None
            loading.done.set()

    async def _read_all(self) -> _Loaded:
        started = self._now()
        first = await self._sendoso.list_inventory(page=1, per_page=PER_PAGE)
        pages = {1: first}
        if first.total_pages is not None:
            limiter = anyio.CapacityLimiter(_PARALLEL)

            async def read(number: int) -> None:
                async with limiter:
                    pages[number] = await self._sendoso.list_inventory(page=number, per_page=PER_PAGE)

            with one_error():
                await anyio.amap(read, range(2, min(first.total_pages, _MAX_PAGES) + 1))
        else:
            # No pagination in the answer: read on until a page brings nothing new.
            seen = {item.id for item in first.items}
            page: Page[InventoryItem] = first
            while page.items and len(pages) < _MAX_PAGES:
                page = await self._sendoso.list_inventory(page=len(pages) + 1, per_page=PER_PAGE)
                if seen.issuperset(item.id for item in page.items):
                    break
                seen.update(item.id for item in page.items)
                pages[len(pages) + 1] = page
        # An item that moved while we read may stand on two pages; the later page was read later.
        items: dict[str, InventoryItem] = {}
        page_of: dict[str, int] = {}
        for number, page in sorted(pages.items()):
            for item in page.items:
                items[item.id] = item
                page_of[item.id] = number
        return _Loaded(tuple(items.values()), page_of, started)


def _pick(items: tuple[InventoryItem, ...], item_id: str) -> InventoryItem | None:
    return next((item for item in items if item.id == item_id), None)
