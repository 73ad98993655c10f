from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import anyio
import pytest

from sendoso_mcp.api import Sendoso
from sendoso_mcp.catalog import Catalog
from sendoso_mcp.catalog.catalog import MAX_AGE
from sendoso_mcp.errors import BadArgument, ServerFault, Timeout
from sendoso_mcp.models import InventoryItem, Page

pytestmark = pytest.mark.anyio


def gift(item_id: str, price: float = 10) -> InventoryItem:
    return InventoryItem.model_validate({"id": item_id, "name": f"Gift {item_id}", "price": price})


def gifts(count: int) -> list[InventoryItem]:
    return [gift(f"itm_{number:04}") for number in range(count)]


async def _nothing(page: int) -> None:
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
        self.while_reading: Callable[[int], Awaitable[None]] = _nothing

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


def catalog_of(shelf: Shelf, clock: Callable[[], float] = anyio.current_time) -> Catalog:
    return Catalog(cast(Sendoso, shelf), now=clock)


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


async def ids(catalog: Catalog) -> list[str]:
    return [item.id for item in await catalog.items()]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("paginated", [True, False])
async def test_every_gift_is_read_in_sendosos_order(count: int, paginated: bool) -> None:
    shelf = Shelf(gifts(count), paginated=paginated)
    assert await ids(catalog_of(shelf)) == [item.id for item in shelf.items]
    assert shelf.asked_per_page == {100}


async def test_no_page_is_read_twice() -> None:
    shelf = Shelf(gifts(730))
    await catalog_of(shelf).items()
    assert sorted(shelf.pages) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_pages_after_the_first_are_read_at_the_same_time_but_not_too_many() -> None:
    shelf = Shelf(gifts(1200))
    five = anyio.Event()

    async def wait_for_five(page: int) -> None:
        if page > 1:
            if shelf.running == 5:
                five.set()
            await five.wait()

    shelf.while_reading = wait_for_five
    with anyio.fail_after(5):
        assert len(await catalog_of(shelf).items()) == 1200
    assert shelf.pages[0] == 1
    assert shelf.most_at_once == 5


async def test_pages_that_come_back_in_any_order_keep_sendosos_order() -> None:
    shelf = Shelf(gifts(500))
    later = anyio.Event()

    async def second_comes_last(page: int) -> None:
        if page == 2:
            await later.wait()
        elif page == 5:
            later.set()

    shelf.while_reading = second_comes_last
    with anyio.fail_after(5):
        assert await ids(catalog_of(shelf)) == [item.id for item in shelf.items]


@pytest.mark.parametrize("paginated", [True, False])
async def test_a_smaller_page_than_asked_for_loses_nothing(paginated: bool) -> None:
    shelf = Shelf(gifts(60), cap=25, paginated=paginated)
    assert await ids(catalog_of(shelf)) == [item.id for item in shelf.items]
    # Without pagination only an empty page shows the end.
    assert sorted(shelf.pages) == ([1, 2, 3] if paginated else [1, 2, 3, 4])


async def test_a_list_that_ignores_the_page_number_comes_to_an_end() -> None:
    shelf = Shelf(gifts(3), paginated=False)
    whole = await shelf.list_inventory(page=1)

    async def always_the_same(*, page: int, per_page: int) -> Page[InventoryItem]:
        shelf.pages.append(page)
        return whole

    shelf.pages.clear()
    shelf.list_inventory = always_the_same  # type: ignore[method-assign, assignment]
    with anyio.fail_after(5):
        assert len(await catalog_of(shelf).items()) == 3
    assert shelf.pages == [1, 2]


@pytest.mark.parametrize("paginated", [True, False])
async def test_a_gift_that_moves_to_the_next_page_while_reading_is_kept_once_as_it_was_last(
    paginated: bool,
) -> None:
    shelf = Shelf([gift("a"), gift("b", 10), gift("c")], cap=2, paginated=paginated)

    async def insert_after_the_first_page(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        if page == 2 and len(shelf.items) == 3:
            shelf.items[:] = [gift("new"), gift("a"), gift("b", 12), gift("c")]

    shelf.while_reading = insert_after_the_first_page
    items = await catalog_of(shelf).items()
    assert [item.id for item in items] == ["a", "b", "c"]
    assert [str(item.price) for item in items] == ["10.00", "12.00", "10.00"]


@pytest.mark.parametrize("paginated", [True, False])
async def test_callers_at_the_same_time_share_one_load(paginated: bool) -> None:
    shelf = Shelf(gifts(250), paginated=paginated)
    assert await all_at_once([catalog_of(shelf).items] * 50) == []
    assert sorted(shelf.pages) == ([1, 2, 3] if paginated else [1, 2, 3, 4])


async def test_callers_at_the_same_time_share_one_failure() -> None:
    shelf = Shelf(gifts(10))

    async def fail(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        raise Timeout(25)

    shelf.while_reading = fail
    errors = await all_at_once([catalog_of(shelf).items] * 20)
    assert [type(error) for error in errors] == [Timeout] * 20
    # One after the other would keep the last of them waiting for twenty deadlines.
    assert len(shelf.pages) == 1


async def test_a_defect_while_loading_is_not_swallowed_and_nobody_waits_for_ever() -> None:
    shelf = Shelf(gifts(10))

    async def break_down(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        raise RuntimeError("defect")

    shelf.while_reading = break_down
    errors = await all_at_once([catalog_of(shelf).items] * 5)
    assert [type(error) for error in errors] == [RuntimeError] * 5


async def test_a_failure_is_shared_only_with_those_who_waited_for_it() -> None:
    shelf = Shelf(gifts(10))

    async def fail(page: int) -> None:
        raise Timeout(25)

    catalog = catalog_of(shelf)
    shelf.while_reading = fail
    for tries in (1, 2):
        with pytest.raises(Timeout):
            await catalog.items()
        assert len(shelf.pages) == tries


async def test_a_caller_that_gives_up_does_not_spoil_the_load_for_the_others() -> None:
    shelf = Shelf(gifts(10))
    catalog = catalog_of(shelf)
    started = anyio.Event()

    async def first_hangs(page: int) -> None:
        if len(shelf.pages) == 1:
            started.set()
            await anyio.sleep_forever()

    shelf.while_reading = first_hangs
    found: list[int] = []

    async def patient() -> None:
        found.append(len(await catalog.items()))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as patients, anyio.create_task_group() as hasty:
            hasty.start_soon(catalog.items)
            await started.wait()
            patients.start_soon(patient)
            hasty.cancel_scope.cancel()
    assert found == [10]


async def test_a_search_answers_from_memory_for_as_long_as_it_may() -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await catalog.items()
    shelf.items.append(gift("new"))

    clock.time += MAX_AGE - 0.5
    assert "new" not in await ids(catalog)
    assert len(shelf.pages) == 1

    clock.time += 0.5
    assert "new" in await ids(catalog)
    assert len(shelf.pages) == 2

    clock.time += MAX_AGE - 0.5
    await catalog.items()
    assert len(shelf.pages) == 2


async def test_the_age_counts_from_when_reading_began() -> None:
    shelf, clock = Shelf(gifts(3)), Clock()

    async def slow(page: int) -> None:
        clock.time += 20

    shelf.while_reading = slow
    catalog = catalog_of(shelf, clock)
    await catalog.items()
    clock.time += MAX_AGE - 20
    await catalog.items()
    assert len(shelf.pages) == 2


async def test_a_known_gift_is_priced_by_reading_its_one_page() -> None:
    shelf = Shelf(gifts(300))
    catalog = catalog_of(shelf)
    await catalog.items()
    shelf.pages.clear()
    shelf.items[150] = gift("itm_0150", 99)

    assert str((await catalog.find("itm_0150")).price) == "99.00"
    assert shelf.pages == [2]


async def test_a_price_is_never_taken_from_memory() -> None:
    shelf, clock = Shelf(gifts(1)), Clock()
    catalog = catalog_of(shelf, clock)
    for price in (1, 2, 3):
        shelf.items[0] = gift("itm_0000", price)
        assert (await catalog.find("itm_0000")).price == price


async def test_finding_a_gift_before_any_search_reads_each_page_once() -> None:
    shelf = Shelf(gifts(300))
    assert (await catalog_of(shelf).find("itm_0250")).id == "itm_0250"
    assert sorted(shelf.pages) == [1, 2, 3]


async def test_a_gift_that_slid_to_another_page_is_followed() -> None:
    shelf = Shelf(gifts(250))
    catalog = catalog_of(shelf)
    await catalog.items()
    shelf.items.insert(0, gift("new"))
    shelf.items[100] = gift("itm_0099", 77)
    shelf.pages.clear()

    assert str((await catalog.find("itm_0099")).price) == "77.00"
    assert shelf.pages[0] == 1
    assert sorted(shelf.pages[1:]) == [1, 2, 3]

    shelf.pages.clear()
    await catalog.find("itm_0099")
    assert shelf.pages == [2]


async def test_a_gift_that_was_added_after_the_last_load_is_found() -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await catalog.items()
    shelf.items.append(gift("new"))
    clock.time += 15
    assert (await catalog.find("new")).id == "new"


async def test_who_guesses_ids_does_not_make_the_whole_catalogue_be_read_each_time() -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    for number in range(10):
        with pytest.raises(BadArgument):
            await catalog.find(f"guess_{number}")
        clock.time += 1
    assert len(shelf.pages) == 1


async def test_an_id_that_is_none_is_refused_without_reading() -> None:
    shelf = Shelf(gifts(3))
    with pytest.raises(BadArgument, match="item_id"):
        await catalog_of(shelf).find("../teams/budget")
    assert not shelf.pages


async def test_a_catalogue_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sendoso_mcp.catalog.catalog.LOAD_DEADLINE", 0.05)
    shelf = Shelf(gifts(3))

    async def hang(page: int) -> None:
        await anyio.sleep_forever()

    shelf.while_reading = hang
    with anyio.fail_after(5), pytest.raises(Timeout):
        await catalog_of(shelf).items()


@pytest.mark.parametrize("loaded_before", [True, False])
async def test_an_unknown_gift_is_a_bad_argument_that_names_it(loaded_before: bool) -> None:
    shelf = Shelf(gifts(3))
    catalog = catalog_of(shelf)
    if loaded_before:
        await catalog.items()
    with pytest.raises(BadArgument, match=r"^item_id: there is no gift itm_gone .*search_inventory"):
        await catalog.find("itm_gone")


async def test_a_gift_that_is_gone_is_a_bad_argument() -> None:
    shelf = Shelf(gifts(3))
    catalog = catalog_of(shelf)
    await catalog.items()
    del shelf.items[1]
    with pytest.raises(BadArgument, match="itm_0001"):
        await catalog.find("itm_0001")


async def test_many_who_look_for_unknown_gifts_do_not_read_the_inventory_each() -> None:
    shelf = Shelf(gifts(3))
    errors = await all_at_once([partial(catalog_of(shelf).find, "itm_gone")] * 50)
    assert [type(error) for error in errors] == [BadArgument] * 50
    # The first load began before the others asked, so it cannot serve them; one more can.
    assert len(shelf.pages) <= 2


@pytest.mark.parametrize("broken", [1, 2, 4])
@pytest.mark.parametrize("paginated", [True, False])
async def test_a_page_that_fails_is_one_plain_error(broken: int, paginated: bool) -> None:
    shelf = Shelf(gifts(400), paginated=paginated)

    async def fail(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        if page == broken:
            raise ServerFault(503)

    shelf.while_reading = fail
    with pytest.raises(ServerFault, match="503"):
        await catalog_of(shelf).items()


async def test_several_pages_that_fail_are_one_plain_error() -> None:
    shelf = Shelf(gifts(600))
    all_there = anyio.Event()

    async def fail_together(page: int) -> None:
        if page > 1:
            if shelf.running == 5:
                all_there.set()
            await all_there.wait()
            raise ServerFault(500 + page)

    shelf.while_reading = fail_together
    with anyio.fail_after(5), pytest.raises(ServerFault):
        await catalog_of(shelf).items()


async def test_a_failure_is_not_remembered() -> None:
    shelf = Shelf(gifts(3))

    async def fail(page: int) -> None:
        raise Timeout(25)

    shelf.while_reading = fail
    catalog = catalog_of(shelf)
    with pytest.raises(Timeout):
        await catalog.items()
    shelf.while_reading = _nothing
    assert len(await catalog.items()) == 3


async def test_a_failed_reload_is_told_and_not_papered_over_with_old_gifts() -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await catalog.items()

    async def fail(page: int) -> None:
        raise Timeout(25)

    shelf.while_reading = fail
    clock.time += MAX_AGE
    with pytest.raises(Timeout):
        await catalog.items()
    with pytest.raises(Timeout):
        await catalog.find("itm_0000")
