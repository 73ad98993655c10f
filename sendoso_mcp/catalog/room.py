"""The shelf and its search behind one worker at a time, so that neither stops the event loop."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import anyio
from anyio import to_thread

from sendoso_mcp.catalog.cache_file import CacheFile
from sendoso_mcp.catalog.filters import Filters
from sendoso_mcp.catalog.search import Found, Searcher
from sendoso_mcp.catalog.shelf import FORMAT, Shelf
from sendoso_mcp.models import InventoryItem

log = logging.getLogger(__name__)
T = TypeVar("T")


class Place(NamedTuple):
    """Where a gift was last seen, when (seconds since 1970), and by which reading of all pages."""

    page: int
    read_at: float
    reading: int


class Room:
    """The gifts that were read. What may take long runs in a thread."""

    def __init__(self, shelf: Shelf, cache: CacheFile | None) -> None:
        self._shelf = shelf
        self._cache = cache
        self._searcher = Searcher(shelf)
        self._one = anyio.CapacityLimiter(1)

    @property
    def complete_at(self) -> float | None:
        """When the last complete reading began (seconds since 1970); None if there was none."""
        return self._shelf.complete_at

    @property
    def is_empty(self) -> bool:
        """Whether there is no gift."""
        return not self._shelf.facts

    def begin(self) -> int:
        """Starts a reading of all pages; gives its number."""
        return self._shelf.begin()

    async def put(
        self, number: int, items: Iterable[InventoryItem], *, read_at: float, reading: int = 0
    ) -> None:
        """Puts a page."""
        await self._alone(lambda: self._shelf.put(number, items, read_at=read_at, reading=reading))

    async def end(self, reading: int, *, began_at: float, whole: bool) -> None:
        """Ends a reading of all pages."""
        await self._alone(lambda: self._shelf.end(reading, began_at=began_at, whole=whole))

    async def keep(self) -> None:
        """Writes all to disk, for the next start."""
        if (cache := self._cache) is not None:
            try:
                # The image is made alone, written beside the searches.
                image = await self._alone(self._shelf.image)
            except (sqlite3.Error, AttributeError, OverflowError, MemoryError) as error:
                # Not every build of SQLite can give one.
                log.warning("the catalogue cannot be kept on disk (%s)", type(error).__name__)
            else:
                await to_thread.run_sync(cache.write, image)

    async def search(self, query: str, filters: Filters, *, limit: int, cursor: str | None) -> Found:
        """See `Searcher.search`."""
        return await self._alone(lambda: self._searcher.search(query, filters, limit=limit, cursor=cursor))

    async def place(self, item_id: str) -> Place | None:
        """Where a gift was last seen."""
        found = await self._alone(lambda: self._shelf.place(item_id))
        return None if found is None else Place(*found)

    async def ids(self, part: str) -> list[str]:
        """The ids that contain a text."""
        return await self._alone(lambda: self._shelf.ids(part))

    async def _alone(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._one)


def open_room(cache: Callable[[str], CacheFile] | None) -> Room:
    """The gifts that were kept, or none."""
    file = cache(FORMAT) if cache is not None else None
    image = file.read() if file is not None else None
    if image is not None:
        try:
            return Room(Shelf(image), file)
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
            log.info("the catalogue's cache cannot be used (%s), and will be made anew", type(error).__name__)
    return Room(Shelf(), file)
