"""The team's gifts: read from Sendoso, kept, kept fresh, searched and priced."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from sendoso_mcp.api import Sendoso
from sendoso_mcp.calls import tell
from sendoso_mcp.catalog.cache_file import CacheFile
from sendoso_mcp.catalog.filters import Filters, Miss
from sendoso_mcp.catalog.load import Heard, Load, nobody
from sendoso_mcp.catalog.reading import PER_PAGE, Reading
from sendoso_mcp.errors import ApiError, BadArgument, SendosoError, SettingsError, Unauthorized
from sendoso_mcp.fields import check_id
from sendoso_mcp.models import InventoryItem, Page

if TYPE_CHECKING:
    # SQLite and the thesaurus wait until somebody searches.
    from sendoso_mcp.catalog.room import Room

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_AGE = 300.0
"""Seconds after which a search has the gifts read again, in the background. A price is never taken from
memory: see `find`."""
FIRST_ANSWER = 4.0
"""Seconds that a search waits for gifts to be read if they never were; then it answers with those it has."""

_KNOWN_UNKNOWN = 15.0
"""Seconds for which a gift that was not there is taken to be still not there."""
_JUST_READ = 2.0
"""Seconds for which a price that was read is as good as one read now."""
_TRY_AGAIN = 30.0
"""Seconds between tries to read again what cannot be read."""
_WORTH_TELLING = 3600.0
"""Seconds of age from which an answer says how old it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, and what it could not look at.

    Attributes:
        items: gifts, best first; where `total` is 0, the nearest ones.
        total: how many fit.
        misses: where `total` is 0, by what each of the `items` falls short.
        next_cursor: where the next part begins.
        partial: says that, and why, not every gift was looked at as it is now; None if every one was.
    """

    items: tuple[InventoryItem, ...]
    total: int
    misses: tuple[tuple[Miss, ...], ...]
    next_cursor: str | None
    partial: str | None


class Catalog:
    """The team's gifts. Loads belong to the process: whoever waits for one may go away.

    Args:
        sendoso: where gifts are read.
        tasks: what loads run in; cancelled when the process ends.
        cache: where gifts are kept from one start to the next; None: nowhere.
        heard: told how far a reading is while somebody waits for it, in their own task.
        now: seconds since 1970.
        pause: waits some seconds.
    """

    def __init__(
        self,
        sendoso: Sendoso,
        tasks: TaskGroup,
        *,
        cache: Callable[[str], CacheFile] | None = None,
        heard: Heard = nobody,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._sendoso = sendoso
        self._tasks = tasks
        self._cache = cache
        self._heard = heard
        self._now = now
        self._pause = pause
        self._opening = anyio.Lock()
        self._room: Room | None = None
        self._load: Load | None = None

    async def search(self, query: str, filters: Filters, *, limit: int, cursor: str | None = None) -> Answer:
        """Finds gifts; answers from what is there while all are read, and says so.

        Raises:
            BadArgument: the cursor is none, or that of another search.
            ApiError, SettingsError: no gift could be read, or Sendoso does not accept the key.
        """
        room = await self._open()
        load = self._refreshed(room)
        if load is not None and (room.complete_at is None or _is_final(load.error)):
            tell("info", "The catalogue is being read, and the search waits a while for it.")
            with anyio.move_on_after(FIRST_ANSWER):
                await load.wait(self._heard)
            if load.error is not None and (room.is_empty or _is_final(load.error)):
                raise load.error
        elif load is not None and room.complete_at is not None:
            age = _ago(self._now() - room.complete_at)
            tell("info", f"Answered with the gifts as Sendoso had them {age}; they are being read again.")
        found = await room.search(query, filters, limit=limit, cursor=cursor)
        return Answer(
            tuple(found.items),
            found.total,
            tuple(tuple(misses) for misses in found.misses),
            found.next_cursor,
            self._partial(room),
        )

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
        room = await self._open()
        place = await room.place(item_id)
        if place is not None and (item := await self._read_again(room, item_id, place.page)):
            return item
        # Never seen, or gone, or it slid further than a page. Who guesses ids does not make us read
        # everything each time.
        tell("info", "This gift was not where it was last seen, or never seen: all pages are looked through.")
        began_after = self._now() - (0 if place else _KNOWN_UNKNOWN)
        if (item := await self._met(room, item_id, began_after)) is not None:
            return item
        raise BadArgument(
            f"item_id: there is no gift {item_id} in the inventory. Use an id as a search for gifts gave it."
        )

    async def ids(self, part: str) -> list[str]:
        """The ids of gifts that contain a text, of those that were read.

        Raises:
            ApiError, SettingsError: no gift could be read.
        """
        await self.search("", Filters(), limit=1)
        return await (await self._open()).ids(part)

    async def _open(self) -> Room:
        async with self._opening:
            if self._room is None:
                self._room = await to_thread.run_sync(_open_room, self._cache)
            return self._room

    async def _read_again(self, room: Room, item_id: str, page: int) -> InventoryItem | None:
        """The gift as its page has it now, or one of the two beside it, if it slid over an edge."""
        for number in (page, page - 1, page + 1):
            if number < 1:
                continue
            read = await self._sendoso.list_inventory(page=number, per_page=PER_PAGE)
            await room.put(number, read.items, read_at=self._now())
            if item := _pick(read, item_id):
                return item
        return None

    async def _met(self, room: Room, item_id: str, began_after: float) -> InventoryItem | None:
        """The gift, if a load that began after that moment meets it."""
        load = self._load
        if load is None or load.began_at <= began_after:
            if load is not None and not load.done.is_set():
                await load.wait(self._heard)  # it began too early, and two at a time would only be slower
            load = self._load
            if load is None or load.began_at <= began_after:
                load = self._begin(room)
        load.wanted.setdefault(item_id, None)
        while True:
            page_read = load.page_read
            met = load.wanted[item_id]
            if met is not None and self._now() - met[1] <= _JUST_READ:
                return met[0]
            place = await room.place(item_id)
            # Met a while ago, before somebody wanted it?
            met_before = place is not None and place.reading == load.number
            if place and met_before and (item := await self._read_again(room, item_id, place.page)):
                return item
            if load.done.is_set():
                break
            await self._heard(load.standing)
            await page_read.wait()
        if load.error is not None:
            raise load.error
        return None

    def _refreshed(self, room: Room) -> Load | None:
        """The load under way, if one is needed; it is begun if need be."""
        load = self._load
        if load is not None and not load.done.is_set():
            return load
        now = self._now()
        if room.complete_at is not None and 0 <= now - room.complete_at < MAX_AGE:
            return None
        if load is not None and load.error is not None and not room.is_empty:
            if not _is_final(load.error) and 0 <= now - load.began_at < _TRY_AGAIN:
                return None
            # Whoever asks after a refused key waits for what Sendoso says of it now.
            refused = load.error if _is_final(load.error) else None
            load = self._begin(room)
            load.error = refused
            return load
        return self._begin(room)

    def _begin(self, room: Room) -> Load:
        async def put(number: int, page: Page[InventoryItem]) -> None:
            read_at = self._now()
            await room.put(number, page.items, read_at=read_at, reading=load.number)
            for item in page.items:
                if item.id in load.wanted:
                    load.wanted[item.id] = item, read_at
            load.tell_page()

        number = room.begin()
        load = self._load = Load(Reading(self._sendoso, put, self._pause), self._now(), number)
        self._tasks.start_soon(self._read_all, room, load)
        return load

    async def _read_all(self, room: Room, load: Load) -> None:
        error: Exception | None = None
        try:
            whole = await load.reading.run()
            await room.end(load.number, began_at=load.began_at, whole=whole)
        except (ApiError, SettingsError) as caught:
            error = caught
            log.info("the catalogue was not read to its end: %s", caught)
        except Exception as caught:
            # A defect must reach those who wait, not end the server.
            error = caught
            log.error("the catalogue was not read: %s", type(caught).__name__)
        finally:
            load.end(error)
        if error is None:
            await room.keep()

    def _partial(self, room: Room) -> str | None:
        load, parts = self._load, []
        reading = load is not None and not load.done.is_set()
        if room.complete_at is None and load is not None:
            seen = f"{load.reading.seen:,}"
            of = (
                f"{seen} of {load.reading.total:,}" if load.reading.total is not None else f"the first {seen}"
            )
            parts.append(f"Still loading: {of} gifts searched." if reading else f"Only {of} gifts searched.")
        elif room.complete_at is not None and (age := self._now() - room.complete_at) >= _WORTH_TELLING:
            parts.append(f"As Sendoso had it {_ago(age)}{'; being read again' if reading else ''}.")
        if load is not None and not reading and isinstance(load.error, SendosoError):
            parts.append(
                f"{'The rest' if room.complete_at is None else 'It'} could not be read: {load.error}"
            )
        return " ".join(parts) or None


def _open_room(cache: Callable[[str], CacheFile] | None) -> Room:
    from sendoso_mcp.catalog.room import open_room  # noqa: PLC0415 - lazy on purpose

    return open_room(cache)


def _is_final(error: Exception | None) -> bool:
    """Whether waiting does not mend it: then what was read with another key's rights is not shown either."""
    return isinstance(error, Unauthorized | SettingsError)


def _ago(seconds: float) -> str:
    if seconds < _WORTH_TELLING:
        minutes = max(1, round(seconds / 60))
        return f"{minutes} minute{'s' if minutes > 1 else ''} ago"
    hours = round(seconds / 3600)
    return f"{hours} hour{'s' if hours > 1 else ''} ago" if hours < 48 else f"{hours // 24} days ago"


def _pick(page: Page[InventoryItem], item_id: str) -> InventoryItem | None:
    return next((item for item in page.items if item.id == item_id), None)
