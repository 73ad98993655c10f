"""What those hear who wait while the catalogue is read."""

from __future__ import annotations

from functools import partial

import anyio
import anyio.lowlevel
import pytest
from catalog_kit import Clock, Make, Shelf, all_at_once, gifts, items, settled

from sendoso_mcp.catalog import Standing
from sendoso_mcp.catalog.catalog import FIRST_ANSWER, MAX_AGE
from sendoso_mcp.errors import BadArgument

pytestmark = pytest.mark.anyio


class Ears:
    """Remembers what one who waits was told."""

    def __init__(self) -> None:
        self.heard: list[Standing] = []

    async def __call__(self, standing: Standing) -> None:
        await anyio.lowlevel.checkpoint()
        self.heard.append(standing)

    @property
    def seen(self) -> list[int]:
        return [standing.seen for standing in self.heard]


async def one_after_another(page: int) -> None:
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("paginated", [True, False])
async def test_a_search_that_waits_hears_of_each_page(catalog_of: Make, paginated: bool) -> None:
    ears, shelf = Ears(), Shelf(gifts(430), paginated=paginated)
    shelf.while_reading = one_after_another
    assert len(await items(catalog_of(shelf, heard=ears))) == 430
    assert ears.seen[0] == 0
    assert ears.seen[-1] == 430
    assert ears.seen == sorted(ears.seen)
    assert len(set(ears.seen)) == 6
    assert {standing.number for standing in ears.heard} == {1}
    # How many there are is known from the first page on, where Sendoso says so.
    assert {standing.total for standing in ears.heard if standing.seen} == {430 if paginated else None}


async def test_whoever_comes_later_hears_how_far_it_is_already(catalog_of: Make) -> None:
    ears, shelf, second_page, go_on = Ears(), Shelf(gifts(200)), anyio.Event(), anyio.Event()

    async def hold_the_second_page(page: int) -> None:
        if page == 2:
            second_page.set()
            await go_on.wait()

    shelf.while_reading = hold_the_second_page
    catalog = catalog_of(shelf, heard=ears)
    async with anyio.create_task_group() as callers:
        callers.start_soon(items, catalog)
        await second_page.wait()
        await anyio.wait_all_tasks_blocked()
        del ears.heard[:]
        callers.start_soon(items, catalog)
        await anyio.wait_all_tasks_blocked()
        assert ears.heard == [Standing(1, 100, 200)]
        go_on.set()


async def test_a_gift_that_is_looked_for_everywhere_lets_hear_how_far(catalog_of: Make) -> None:
    ears, shelf = Ears(), Shelf(gifts(300))
    shelf.while_reading = one_after_another
    catalog = catalog_of(shelf, heard=ears)
    with pytest.raises(BadArgument, match="no gift itm_none"):
        await catalog.find("itm_none")
    assert ears.seen[0] == 0
    assert ears.seen[-1] == 300
    del ears.heard[:]
    # What is met on the way ends the wait.
    assert (await catalog.find("itm_0150")).id == "itm_0150"
    assert ears.heard == []


async def test_who_has_gifts_to_answer_with_hears_nothing(catalog_of: Make) -> None:
    ears, shelf, clock = Ears(), Shelf(gifts(50)), Clock()
    catalog = catalog_of(shelf, clock, heard=ears)
    await items(catalog)
    del ears.heard[:]
    await items(catalog)
    clock.time += MAX_AGE
    await items(catalog)
    await settled(catalog)
    assert shelf.pages == [1, 1]
    assert ears.heard == []


async def test_one_who_hears_slowly_holds_up_nobody_else(
    catalog_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.catalog.catalog.FIRST_ANSWER", 0.05)

    async def deaf(standing: Standing) -> None:
        await anyio.sleep_forever()

    catalog = catalog_of(Shelf(gifts(500)), heard=deaf)
    with anyio.fail_after(FIRST_ANSWER):
        # Not even itself: what could be read until then is its answer.
        assert len(await items(catalog)) == 500
        await settled(catalog)


async def test_callers_at_the_same_time_hear_of_the_same_reading(catalog_of: Make) -> None:
    ears = Ears()
    catalog = catalog_of(Shelf(gifts(250)), heard=ears)
    assert await all_at_once([partial(items, catalog)] * 5) == []
    assert ears.seen.count(0) == 5
    assert {standing.number for standing in ears.heard} == {1}
