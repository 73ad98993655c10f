"""What a search costs, and how that grows.

The gifts are the embedded sandbox's, in this process, so that no network but the added delay is measured.
A cold search is the first of a catalogue that comes from the cache.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TextIO

import anyio

from benchmarks.peers import KEY
from benchmarks.search_quality import DIRECTORY, read_questions, sandbox_gifts
from benchmarks.table import Beside, Row, Size, duration, mebibytes
from sendoso_mcp.api import ASGIApp, connect
from sendoso_mcp.catalog import Answer, CacheFile, Catalog, Filters
from sendoso_mcp.catalog.search import Searcher
from sendoso_mcp.catalog.shelf import Shelf
from sendoso_mcp.models import InventoryItem
from sendoso_mcp.sandbox import create_sandbox

LARGE = 20_000
NETWORK = 0.020
"""Seconds that each request takes on the way."""
FIRST, LATER, RESTART = 6.0, 0.020, 0.100
"""Seconds: promised at 20,000 gifts for the first search, later ones, and the first after a restart."""
ANY = Filters()
COLD = ("coffee lover", "choclate trufles", "")


def delayed(app: ASGIApp, seconds: float) -> ASGIApp:
    """The app at the other end of a network."""

    async def far(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        await anyio.sleep(seconds)
        await app(scope, receive, send)

    return far


def timed(searcher: Searcher, query: str) -> float:
    """Seconds of a search."""
    started = time.perf_counter()
    searcher.search(query, ANY, limit=10)
    return time.perf_counter() - started


async def awaited(catalog: Catalog, query: str) -> tuple[float, Answer]:
    """Seconds of a search, and its answer."""
    started = time.perf_counter()
    answer = await catalog.search(query, ANY, limit=10)
    return time.perf_counter() - started, answer


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def queries() -> list[str]:
    """What sellers ask for, and nothing in particular."""
    return ["", *(question.text for question in read_questions(DIRECTORY / "tuned.txt"))]


def full_shelf(gifts: Sequence[InventoryItem]) -> Shelf:
    shelf = Shelf()
    for start in range(0, len(gifts), 100):
        shelf.put(start // 100 + 1, gifts[start : start + 100], read_at=0, reading=1)
    shelf.end(1, began_at=0, whole=True)
    return shelf


@contextmanager
def not_collected() -> Iterator[None]:
    """Python's garbage collection passes over what there is now: Sendoso's gifts are no server's objects."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def by_size(size: int, runs: int) -> Iterator[Row]:
    """Indexing, a cold search, and warm ones, of so many gifts."""
    gifts = sandbox_gifts(size)
    with not_collected():
        yield from _by_size(gifts, runs)


def _by_size(gifts: Sequence[InventoryItem], runs: int) -> Iterator[Row]:
    size = len(gifts)
    building, colds, warm, slow = [], [], [], []
    for _ in range(runs):
        begun = time.perf_counter()
        shelf = full_shelf(gifts)
        building.append(time.perf_counter() - begun)
        image = shelf.image()
        for query in COLD:
            fresh = Shelf(image)
            colds.append(timed(Searcher(fresh), query))
        searcher = Searcher(shelf)
        timed(searcher, "coffee")
        # Every query once: none is answered from the last rankings.
        seconds = [timed(searcher, query) for query in queries()]
        warm.append(median(seconds))
        slow.append(p99(seconds))
    asked = f"{runs} x {len(queries())}"
    yield Row(f"{size:,} gifts: indexing", median(building), duration, str(runs))
    yield Row(f"{size:,} gifts: cold search", median(colds), duration, f"{runs} x {len(COLD)}")
    yield Row(f"{size:,} gifts: warm search", median(warm), duration, asked)
    yield Row(f"{size:,} gifts: warm search, p99", median(slow), duration, asked)


def memory_of(size: int) -> Iterator[Row]:
    """Bytes that an index of so many gifts takes, SQLite's and Python's together."""
    gifts = sandbox_gifts(size)
    tracemalloc.start()
    shelf = full_shelf(gifts)
    objects = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    yield Row(f"{size:,} gifts: memory of the index", len(shelf.image()) + objects, mebibytes, "1")


@dataclass
class Far:
    """Seconds of one reading of a far catalogue and of the searches meanwhile and after."""

    first: float
    loaded: float
    later: list[float]
    restart: float


async def pages_in_turn(app: ASGIApp) -> float:
    """Seconds in which a program without a catalogue reads all gifts, a page after the other."""
    begun = time.perf_counter()
    sendoso = connect(base_url="http://sandbox", api_key=KEY, app=app)
    page = 1
    while (read := await sendoso.list_inventory(page=page)).total_pages not in (None, page):
        assert read.items
        page += 1
    await sendoso.aclose()
    return time.perf_counter() - begun


async def over_a_network(app: ASGIApp, directory: Path) -> Far:
    """Reads a far catalogue that no cache has, searches in it, and starts again with what the cache has."""
    cache = partial(CacheFile, directory / "catalogue-benchmark")
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        sendoso = connect(base_url="http://sandbox", api_key=KEY, app=app)
        stack.push_async_callback(sendoso.aclose)
        catalog = Catalog(sendoso, tasks, cache=cache)
        begun = time.perf_counter()
        first, _ = await awaited(catalog, "coffee lover")
        assert catalog._load is not None
        await catalog._load.done.wait()
        loaded = time.perf_counter() - begun
        later = [(await awaited(catalog, query))[0] for query in queries()]
        await (await catalog._open()).keep()
        restarts = []
        for _ in range(5):
            seconds, restarted = await awaited(Catalog(sendoso, tasks, cache=cache), "coffee lover")
            restarts.append(seconds)
            found = await catalog.search("coffee lover", ANY, limit=10)
            assert restarted.items == found.items
        tasks.cancel_scope.cancel()
    return Far(first, loaded, later, median(restarts))


async def _far(runs: int) -> Iterator[Row]:
    app = delayed(create_sandbox(items=LARGE).app, NETWORK)
    found, paged = [], []
    with not_collected():
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as directory:
                found.append(await over_a_network(app, Path(directory)))
            paged.append(await pages_in_turn(app))
    where = f"{LARGE:,} gifts, {NETWORK * 1000:.0f} ms"
    first, loaded, restart = (
        median(seconds)
        for seconds in zip(*((far.first, far.loaded, far.restart) for far in found), strict=True)
    )
    every, asked = str(runs), f"{runs} x {len(queries())}"
    beside = [Beside("page after page", median(paged))]
    return iter(
        (
            Row(f"{where}: first search", first, duration, every, beside, FIRST),
            Row(f"{where}: all are read", loaded, duration, every, beside),
            Row(f"{where}: later search", median(median(far.later) for far in found), duration, asked),
            Row(
                f"{where}: later, p99",
                median(p99(far.later) for far in found),
                duration,
                asked,
                most=LATER,
            ),
            Row(f"{where}: restarted", restart, duration, f"{runs} x 5", most=RESTART),
        )
    )


def measure(size: Size, log: TextIO) -> Iterator[Row]:  # noqa: ARG001 - it starts no server
    """What a search costs and how that grows; and what is promised at 20,000 gifts."""
    for gifts in size.gifts:
        yield from by_size(gifts, size.searches)
    yield from memory_of(size.gifts[1])
    yield from anyio.run(_far, size.searches)
