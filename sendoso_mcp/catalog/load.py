"""One reading of all gifts as those see it who wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from sendoso_mcp.catalog.reading import Reading
from sendoso_mcp.models import InventoryItem


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a reading is.

    Attributes:
        number: which reading it is; each begins anew.
        seen: how many gifts were read, never fewer than before.
        total: how many there are, as far as that is known.
    """

    number: int
    seen: int
    total: int | None


Heard = Callable[[Standing], Awaitable[None]]
"""Told how far a reading is, in the task of whoever waits for it: at once, and after every page."""


async def nobody(standing: Standing) -> None:
    """Where nobody wants to hear it."""


@dataclass
class Load:
    """A reading of all pages that is under way, or was the last."""

    reading: Reading
    began_at: float
    number: int
    done: anyio.Event = field(default_factory=anyio.Event)
    page_read: anyio.Event = field(default_factory=anyio.Event)
    wanted: dict[str, tuple[InventoryItem, float] | None] = field(default_factory=dict)
    """Gifts that somebody wants the price of, as soon as they are met, and when that was."""
    error: Exception | None = None

    @property
    def standing(self) -> Standing:
        """How far it is."""
        return Standing(self.number, self.reading.seen, self.reading.total)

    async def wait(self, heard: Heard) -> None:
        """Returns when it is done."""
        while not self.done.is_set():
            # Taken before anybody is told: what is read meanwhile must not be missed.
            page_read = self.page_read
            await heard(self.standing)
            await page_read.wait()

    def tell_page(self) -> None:
        """Wakes those who wait for a page."""
        self.page_read.set()
        self.page_read = anyio.Event()

    def end(self, error: Exception | None) -> None:
        """Wakes all who wait."""
        self.error = error
        self.done.set()
        self.page_read.set()
