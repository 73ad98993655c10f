"""Reads all pages of the inventory: some at a time, slower when Sendoso asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from sendoso_mcp.api import Sendoso
from sendoso_mcp.calls import tell
from sendoso_mcp.errors import RateLimited, Timeout, one_error
from sendoso_mcp.models import InventoryItem, Page

PER_PAGE = 100
PARALLEL = 5
"""Pages that are asked for at the same time. All requests share the API's pace, so more would only queue."""

STALL = 60.0
"""Seconds without a new page after which reading is given up."""
PATIENCE = 300.0
"""The same while Sendoso limits requests: then waiting is what it asks for."""

_MAX_PAGES = 2_000
_LONGEST_PAUSE = 60.0
_SPEED_UP_AFTER = 10
"""Pages in a row without a refusal after which one more is read at the same time."""
_SECOND_LOOKS = 2

Put = Callable[[int, Page[InventoryItem]], Awaitable[None]]


class Reading:
    """One reading of all pages.

    Args:
        sendoso: where to read.
        put: takes each page with its number as soon as it is read, one at a time.
        pause: waits some seconds.
    """

    def __init__(self, sendoso: Sendoso, put: Put, pause: Callable[[float], Awaitable[None]]) -> None:
        self._sendoso = sendoso
        self._put = put
        self._pause = pause
        self._one = anyio.Lock()
        self._waiting: list[int] = []
        self._totals: dict[int, tuple[int | None, int | None]] = {}
        self._seen: set[str] = set()
        self._abreast = anyio.CapacityLimiter(PARALLEL)
        self._smooth = 0
        self._refusals = 0
        self._limited: RateLimited | None = None
        self.pages: int | None = None
        """How many pages there are, as far as it is known."""
        self.total: int | None = None
        """How many gifts there are, as Sendoso said last."""

    @property
    def seen(self) -> int:
        """How many gifts were read."""
        return len(self._seen)

    async def run(self) -> bool:
        """Reads; gives whether every gift was certainly met: what moved meanwhile may have slipped through.

        Raises:
            ApiError: a page cannot be read. What was read was put.
        """
        with anyio.CancelScope() as scope:
            self._scope = scope
            self._progress()
            first = await self._read(1)
            if first.total_pages is None:
                await self._to_the_end(first)
                return True
            self._waiting = list(range(self.pages or 1, 1, -1))
            await self._rest()
            for _ in range(_SECOND_LOOKS):
                if not (older := self._read_before_a_change()):
                    break
                self._waiting = sorted(older, reverse=True)
                await self._rest()
            return not self._read_before_a_change() and self.seen >= (self.total or 0)
        raise self._limited or Timeout(STALL)

    def _progress(self) -> None:
        self._scope.deadline = anyio.current_time() + STALL

    def _read_before_a_change(self) -> list[int]:
        """The pages that were read when the list had another length: gifts may have crossed their edges."""
        now = self.pages, self.total
        return [
            number for number, then in self._totals.items() if then != now and number <= (self.pages or 0)
        ]

    async def _rest(self) -> None:
        with one_error():
            async with anyio.create_task_group() as readers:
                for _ in range(PARALLEL):
                    readers.start_soon(self._work)

    async def _work(self) -> None:
        while self._waiting:
            async with self._abreast:
                # Others may have taken the rest, or the list may have become shorter, while this one waited.
                if self._waiting and (number := self._waiting.pop()) <= (self.pages or number):
                    await self._read(number)

    async def _read(self, number: int) -> Page[InventoryItem]:
        while True:
            try:
                page = await self._sendoso.list_inventory(page=number, per_page=PER_PAGE)
            except RateLimited as error:
                self._slow_down(error)
                asked = error.retry_after if error.retry_after is not None else 2.0**self._refusals
                wait = min(asked, _LONGEST_PAUSE)
                tell("warning", f"Sendoso limits how often it is asked; reading goes on in {wait:.0f} s.")
                await self._pause(wait)
            else:
                return await self._take(number, page)

    async def _take(self, number: int, page: Page[InventoryItem]) -> Page[InventoryItem]:
        self._smooth += 1
        self._refusals = 0
        if self._smooth >= _SPEED_UP_AFTER:
            self._abreast.total_tokens = min(PARALLEL, self._abreast.total_tokens + 1)
            self._smooth = 0
        async with self._one:
            await self._put(number, page)
        self._limited = None
        self._progress()
        self._note(number, page)
        return page

    def _slow_down(self, error: RateLimited) -> None:
        if self._limited is None:
            self._scope.deadline = anyio.current_time() + PATIENCE
        self._limited = error
        self._abreast.total_tokens = max(1, self._abreast.total_tokens // 2)
        self._smooth = 0
        self._refusals = min(self._refusals + 1, 6)

    def _note(self, number: int, page: Page[InventoryItem]) -> None:
        self._seen.update(item.id for item in page.items)
        if page.total_pages is None:
            return
        before, self.pages = self.pages, min(page.total_pages, _MAX_PAGES)
        self.total = page.total
        self._totals[number] = self.pages, page.total
        if before is not None and self.pages > before:
            # The list grew while it was read.
            self._waiting[:0] = range(self.pages, before, -1)

    async def _to_the_end(self, page: Page[InventoryItem]) -> None:
        """Without pagination in the answers: reads on until a page brings nothing new."""
        number = 1
        while page.items and number < _MAX_PAGES:
            number, before = number + 1, self.seen
            page = await self._read(number)
            if self.seen == before:
                return
