from __future__ import annotations

from functools import partial

import anyio
import pytest
from catalog_kit import Clock, Make, Shelf, all_at_once, gift, gifts, ids, items, nothing, settled

from sendoso_mcp.catalog import Filters
from sendoso_mcp.catalog.catalog import MAX_AGE
from sendoso_mcp.errors import BadArgument, RateLimited, ServerFault, Timeout, Unauthorized
from sendoso_mcp.models import InventoryItem, Page

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("paginated", [True, False])
async def test_every_gift_is_read_in_sendosos_order(catalog_of: Make, count: int, paginated: bool) -> None:
    shelf = Shelf(gifts(count), paginated=paginated)
    assert await ids(catalog_of(shelf)) == [item.id for item in shelf.items]
    assert shelf.asked_per_page == {100}


async def test_no_page_is_read_twice(catalog_of: Make) -> None:
    shelf = Shelf(gifts(730))
    await items(catalog_of(shelf))
    assert sorted(shelf.pages) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_pages_after_the_first_are_read_at_the_same_time_but_not_too_many(catalog_of: Make) -> None:
    shelf = Shelf(gifts(1200))
    five = anyio.Event()

    async def wait_for_five(page: int) -> None:
        if page > 1:
            if shelf.running == 5:
                five.set()
            await five.wait()

    shelf.while_reading = wait_for_five
    with anyio.fail_after(5):
        assert len(await items(catalog_of(shelf))) == 1200
    assert shelf.pages[0] == 1
    assert shelf.most_at_once == 5


async def test_pages_that_come_back_in_any_order_keep_sendosos_order(catalog_of: Make) -> None:
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
async def test_a_smaller_page_than_asked_for_losesnothing(catalog_of: Make, paginated: bool) -> None:
    shelf = Shelf(gifts(60), cap=25, paginated=paginated)
    assert await ids(catalog_of(shelf)) == [item.id for item in shelf.items]
    # Without pagination only an empty page shows the end.
    assert sorted(shelf.pages) == ([1, 2, 3] if paginated else [1, 2, 3, 4])


async def test_a_list_that_ignores_the_page_number_comes_to_an_end(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3), paginated=False)
    whole = await shelf.list_inventory(page=1)

    async def always_the_same(*, page: int, per_page: int) -> Page[InventoryItem]:
        shelf.pages.append(page)
        return whole

    shelf.pages.clear()
    shelf.list_inventory = always_the_same  # type: ignore[method-assign, assignment]
    with anyio.fail_after(5):
        assert len(await items(catalog_of(shelf))) == 3
    assert shelf.pages == [1, 2]


@pytest.mark.parametrize("paginated", [True, False])
async def test_a_gift_that_moves_to_the_next_page_while_reading_is_kept_once_as_it_was_last(
    catalog_of: Make, paginated: bool
) -> None:
    shelf = Shelf([gift("a"), gift("b", 10), gift("c")], cap=2, paginated=paginated)

    async def insert_after_the_first_page(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        if page == 2 and len(shelf.items) == 3:
            shelf.items[:] = [gift("new"), gift("a"), gift("b", 12), gift("c")]

    shelf.while_reading = insert_after_the_first_page
    found = await items(catalog_of(shelf))
    # Where the list says how long it is, its growth shows, and the first page is read again.
    new = {"new": "10.00"} if paginated else {}
    assert {item.id: str(item.price) for item in found} == {"a": "10.00", "b": "12.00", "c": "10.00"} | new


@pytest.mark.parametrize("paginated", [True, False])
async def test_callers_at_the_same_time_share_one_load(catalog_of: Make, paginated: bool) -> None:
    shelf = Shelf(gifts(250), paginated=paginated)
    assert await all_at_once([partial(items, catalog_of(shelf))] * 50) == []
    assert sorted(shelf.pages) == ([1, 2, 3] if paginated else [1, 2, 3, 4])


async def test_callers_at_the_same_time_share_one_failure(catalog_of: Make) -> None:
    shelf = Shelf(gifts(10))

    async def fail(page: int) -> None:
        await anyio.wait_all_tasks_blocked()
        raise Timeout(25)

    shelf.while_reading = fail
    errors = await all_at_once([partial(items, catalog_of(shelf))] * 20)
    assert [type(error) for error in errors] == [Timeout] * 20
    # One after the other would keep the last of them waiting for twenty deadlines.
    assert len(shelf.pages) == 1


async def test_a_defect_while_loading_is_not_swallowed_and_nobody_waits_for_ever(catalog_of: Make) -> None:
    shelf = Shelf(gifts(10))

    async def break_down(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        raise RuntimeError("defect")

    shelf.while_reading = break_down
    errors = await all_at_once([partial(items, catalog_of(shelf))] * 5)
    assert [type(error) for error in errors] == [RuntimeError] * 5


async def test_a_failure_is_shared_only_with_those_who_waited_for_it(catalog_of: Make) -> None:
    shelf = Shelf(gifts(10))

    async def fail(page: int) -> None:
        raise Timeout(25)

    catalog = catalog_of(shelf)
    shelf.while_reading = fail
    for tries in (1, 2):
        with pytest.raises(Timeout):
            await items(catalog)
        assert len(shelf.pages) == tries


async def test_a_caller_that_gives_up_does_not_spoil_the_load_for_the_others(catalog_of: Make) -> None:
    shelf = Shelf(gifts(250))
    catalog = catalog_of(shelf)
    started, go_on = anyio.Event(), anyio.Event()

    async def wait(page: int) -> None:
        started.set()
        await go_on.wait()

    shelf.while_reading = wait
    found: list[int] = []

    async def patient() -> None:
        found.append(len(await items(catalog)))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as patients, anyio.create_task_group() as hasty:
            hasty.start_soon(items, catalog)  # it has the load begun
            await started.wait()
            patients.start_soon(patient)
            hasty.cancel_scope.cancel()
            go_on.set()
    assert found == [250]
    assert sorted(shelf.pages) == [1, 2, 3]


async def test_a_search_answers_from_memory_and_has_it_renewed_in_the_background(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)
    shelf.items.append(gift("new"))

    clock.time += MAX_AGE - 0.5
    assert "new" not in await ids(catalog)
    await settled(catalog)
    assert len(shelf.pages) == 1

    clock.time += 0.5
    assert "new" not in await ids(catalog)  # at once, from what it has
    await settled(catalog)
    assert "new" in await ids(catalog)
    assert len(shelf.pages) == 2

    clock.time += MAX_AGE - 0.5
    await items(catalog)
    await settled(catalog)
    assert len(shelf.pages) == 2


async def test_a_clock_that_is_set_back_does_not_make_old_gifts_young(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)
    clock.time -= 500_000
    await items(catalog)
    await settled(catalog)
    assert len(shelf.pages) == 2


async def test_the_age_counts_from_when_reading_began(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()

    async def slow(page: int) -> None:
        clock.time += 20

    shelf.while_reading = slow
    catalog = catalog_of(shelf, clock)
    await items(catalog)
    clock.time += MAX_AGE - 20
    await items(catalog)
    await settled(catalog)
    assert len(shelf.pages) == 2


async def test_a_known_gift_is_priced_by_reading_its_one_page(catalog_of: Make) -> None:
    shelf = Shelf(gifts(300))
    catalog = catalog_of(shelf)
    await items(catalog)
    shelf.pages.clear()
    shelf.items[150] = gift("itm_0150", 99)

    assert str((await catalog.find("itm_0150")).price) == "99.00"
    assert shelf.pages == [2]


async def test_a_price_is_never_taken_from_memory(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(1)), Clock()
    catalog = catalog_of(shelf, clock)
    for price in (1, 2, 3):
        shelf.items[0] = gift("itm_0000", price)
        assert (await catalog.find("itm_0000")).price == price


async def test_finding_a_gift_before_any_search_reads_each_page_once(catalog_of: Make) -> None:
    shelf = Shelf(gifts(300))
    assert (await catalog_of(shelf).find("itm_0250")).id == "itm_0250"
    assert sorted(shelf.pages) == [1, 2, 3]


async def test_a_gift_that_slid_over_the_edge_of_its_page_is_found_on_the_next(catalog_of: Make) -> None:
    shelf = Shelf(gifts(950))
    catalog = catalog_of(shelf)
    await items(catalog)
    shelf.items.insert(0, gift("new"))
    shelf.items[300] = gift("itm_0299", 77)
    shelf.pages.clear()

    assert str((await catalog.find("itm_0299")).price) == "77.00"
    assert sorted(shelf.pages) == [2, 3, 4]

    shelf.pages.clear()
    await catalog.find("itm_0299")
    assert shelf.pages == [4]


async def test_a_gift_that_went_far_is_found_by_reading_on_until_it_is_met(catalog_of: Make) -> None:
    shelf = Shelf(gifts(950))
    catalog = catalog_of(shelf)
    await items(catalog)
    shelf.items.append(gift("itm_0000", 77))
    del shelf.items[0]
    assert str((await catalog.find("itm_0000")).price) == "77.00"


async def test_a_gift_that_was_added_after_the_last_load_is_found(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)
    shelf.items.append(gift("new"))
    clock.time += 15
    assert (await catalog.find("new")).id == "new"


async def test_who_guesses_ids_does_not_make_the_whole_catalogue_be_read_each_time(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    for number in range(10):
        with pytest.raises(BadArgument):
            await catalog.find(f"guess_{number}")
        clock.time += 1
    assert len(shelf.pages) == 1


async def test_an_id_that_is_none_is_refused_without_reading(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3))
    with pytest.raises(BadArgument, match="item_id"):
        await catalog_of(shelf).find("../teams/budget")
    assert not shelf.pages


async def test_a_catalogue_that_does_not_end_is_given_up(
    catalog_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.catalog.reading.STALL", 0.05)
    shelf = Shelf(gifts(3))

    async def hang(page: int) -> None:
        await anyio.sleep_forever()

    shelf.while_reading = hang
    with anyio.fail_after(5), pytest.raises(Timeout):
        await items(catalog_of(shelf))


@pytest.mark.parametrize("loaded_before", [True, False])
async def test_an_unknown_gift_is_a_bad_argument_that_names_it(catalog_of: Make, loaded_before: bool) -> None:
    shelf = Shelf(gifts(3))
    catalog = catalog_of(shelf)
    if loaded_before:
        await items(catalog)
    with pytest.raises(BadArgument, match=r"^item_id: there is no gift itm_gone .*search for gifts"):
        await catalog.find("itm_gone")


async def test_a_gift_that_is_gone_is_a_bad_argument(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3))
    catalog = catalog_of(shelf)
    await items(catalog)
    del shelf.items[1]
    with pytest.raises(BadArgument, match="itm_0001"):
        await catalog.find("itm_0001")


async def test_many_who_look_for_unknown_gifts_do_not_read_the_inventory_each(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3))
    errors = await all_at_once([partial(catalog_of(shelf).find, "itm_gone")] * 50)
    assert [type(error) for error in errors] == [BadArgument] * 50
    # The first load began before the others asked, so it cannot serve them; one more can.
    assert len(shelf.pages) <= 2


@pytest.mark.parametrize("paginated", [True, False])
async def test_nothing_read_is_one_plain_error(catalog_of: Make, paginated: bool) -> None:
    shelf = Shelf(gifts(400), paginated=paginated)

    async def fail(page: int) -> None:
        raise ServerFault(503)

    shelf.while_reading = fail
    with pytest.raises(ServerFault, match="503"):
        await items(catalog_of(shelf))


@pytest.mark.parametrize("broken", [2, 4])
@pytest.mark.parametrize("paginated", [True, False])
async def test_what_was_read_before_a_page_failed_is_searched_and_the_answer_says_so(
    catalog_of: Make, broken: int, paginated: bool
) -> None:
    shelf = Shelf(gifts(400), paginated=paginated)

    async def fail(page: int) -> None:
        if page == broken:
            await anyio.wait_all_tasks_blocked()
            raise ServerFault(503)

    shelf.while_reading = fail
    answer = await catalog_of(shelf).search("", Filters(), limit=1)
    assert 0 < answer.total < 400
    of = f"{answer.total} of 400" if paginated else f"the first {answer.total}"
    assert answer.partial is not None
    assert answer.partial.startswith(f"Only {of} gifts searched. The rest could not be read: Sendoso had a")


async def test_several_pages_that_fail_are_told_as_one(catalog_of: Make) -> None:
    shelf = Shelf(gifts(600))
    all_there = anyio.Event()

    async def fail_together(page: int) -> None:
        if page > 1:
            if shelf.running == 5:
                all_there.set()
            await all_there.wait()
            raise ServerFault(500 + page)

    shelf.while_reading = fail_together
    with anyio.fail_after(5):
        answer = await catalog_of(shelf).search("", Filters(), limit=1)
    assert answer.partial is not None
    assert answer.partial.count("HTTP") == 1


async def test_a_failure_is_not_remembered(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3))

    async def fail(page: int) -> None:
        raise Timeout(25)

    shelf.while_reading = fail
    catalog = catalog_of(shelf)
    with pytest.raises(Timeout):
        await items(catalog)
    shelf.while_reading = nothing
    assert len(await items(catalog)) == 3


async def test_old_gifts_are_shown_as_old_while_sendoso_is_down_but_no_price_comes_of_them(
    catalog_of: Make,
) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)

    async def fail(page: int) -> None:
        raise Timeout(25)

    shelf.while_reading = fail
    clock.time += 3 * 3600
    assert (await catalog.search("", Filters(), limit=1)).total == 3
    await settled(catalog)
    answer = await catalog.search("", Filters(), limit=1)
    assert answer.total == 3
    assert answer.partial == (
        "As Sendoso had it 3 hours ago. It could not be read: Sendoso did not answer within 25 seconds."
    )
    assert len(shelf.pages) == 2  # not again at every search
    with pytest.raises(Timeout):
        await catalog.find("itm_0000")
    clock.time += 30
    shelf.while_reading = nothing
    await items(catalog)
    await settled(catalog)
    assert (await catalog.search("", Filters(), limit=1)).partial is None


async def test_a_refused_key_is_told_and_hides_what_another_key_could_see(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(3)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)

    async def refuse(page: int) -> None:
        raise Unauthorized

    shelf.while_reading = refuse
    clock.time += MAX_AGE
    await items(catalog)
    await settled(catalog)
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await items(catalog)
    shelf.while_reading = nothing
    assert len(await items(catalog)) == 3


async def test_while_gifts_are_read_a_search_answers_from_those_there_are(
    catalog_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.catalog.catalog.FIRST_ANSWER", 0.05)
    shelf = Shelf(gifts(1200))
    go_on = anyio.Event()

    async def stop_at_the_fourth(page: int) -> None:
        if page >= 4:
            await go_on.wait()

    shelf.while_reading = stop_at_the_fourth
    catalog = catalog_of(shelf)
    answer = await catalog.search("gift", Filters(), limit=1)
    assert answer.total == 300
    assert answer.partial == "Still loading: 300 of 1,200 gifts searched."
    go_on.set()
    await settled(catalog)
    answer = await catalog.search("gift", Filters(), limit=1)
    assert (answer.total, answer.partial) == (1200, None)
    assert sorted(shelf.pages) == list(range(1, 13))


async def test_a_gift_is_priced_as_soon_as_it_is_met(catalog_of: Make) -> None:
    shelf = Shelf(gifts(1200))

    async def hang_at_the_fourth(page: int) -> None:
        if page >= 4:
            await anyio.sleep_forever()

    shelf.while_reading = hang_at_the_fourth
    with anyio.fail_after(5):
        assert (await catalog_of(shelf).find("itm_0150")).id == "itm_0150"


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (None, 2.0), (900.0, 60.0)])
async def test_a_refusal_for_haste_slows_the_load_which_goes_on(
    catalog_of: Make, asked: float | None, waited: float
) -> None:
    shelf = Shelf(gifts(2000))
    at_once: list[int] = []
    pauses: list[float] = []
    refused: list[int] = []

    async def refuse_once(page: int) -> None:
        await anyio.lowlevel.checkpoint()
        at_once.append(shelf.running)
        if page == 6 and not refused:
            refused.append(page)
            at_once.clear()
            raise RateLimited(asked)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await anyio.wait_all_tasks_blocked()

    shelf.while_reading = refuse_once
    catalog = catalog_of(shelf, pause=pause)
    assert len(await items(catalog)) == 2000
    assert pauses == [waited]
    assert sorted(shelf.pages) == sorted([*range(1, 21), 6])  # what was read is kept
    # At first two at a time, then more again.
    assert max(at_once[4:10]) < 5


async def test_a_sendoso_that_goes_on_refusing_is_asked_ever_more_slowly_and_then_given_up(
    catalog_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.catalog.reading.PATIENCE", 0.05)
    shelf = Shelf(gifts(300))
    pauses: list[float] = []

    async def refuse(page: int) -> None:
        raise RateLimited

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await anyio.sleep(0.01)

    shelf.while_reading = refuse
    with anyio.fail_after(5), pytest.raises(RateLimited):
        await items(catalog_of(shelf, pause=pause))
    assert pauses[:3] == [2, 4, 8]
    assert max(pauses) <= 60


async def test_a_gift_that_is_taken_away_while_reading_makes_no_other_slip_through(catalog_of: Make) -> None:
    shelf = Shelf(gifts(1000))
    taken: list[InventoryItem] = []

    async def take_one_away(page: int) -> None:
        if page == 5 and not taken:
            taken.append(shelf.items.pop(0))  # every gift moves; some cross to a page that was read

    shelf.while_reading = take_one_away
    catalog = catalog_of(shelf)
    await items(catalog)
    assert set(await ids(catalog)) >= {item.id for item in shelf.items}


async def test_gifts_that_are_added_while_reading_are_read_too(catalog_of: Make) -> None:
    shelf = Shelf(gifts(500))

    async def add(page: int) -> None:
        if page == 3 and len(shelf.items) == 500:
            shelf.items += [gift(f"new_{number:03}") for number in range(150)]

    shelf.while_reading = add
    assert len(await items(catalog_of(shelf))) == 650


async def test_what_is_gone_is_no_longer_found_after_the_next_load(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(250)), Clock()
    catalog = catalog_of(shelf, clock)
    await items(catalog)
    del shelf.items[100:200]
    shelf.items[0] = gift("itm_0000", 99)
    clock.time += MAX_AGE
    await items(catalog)
    await settled(catalog)
    found = await items(catalog)
    assert len(found) == 150
    assert str(found[-1].price) == "99.00"
    assert (await catalog.search("0150", Filters(), limit=5)).total == 0


async def test_an_inventory_that_never_holds_still_loses_no_gift_that_stays(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(600)), Clock()
    stay = {item.id for item in shelf.items}
    added = 0

    async def stir(page: int) -> None:
        nonlocal added
        added += 1
        shelf.items.insert(0, gift(f"new_{added:04}"))
        if added % 2:
            shelf.items.pop(0)

    shelf.while_reading = stir
    catalog = catalog_of(shelf, clock)
    for _ in range(3):
        await items(catalog)
        await settled(catalog)
        assert stay <= set(await ids(catalog))
        clock.time += MAX_AGE


async def test_what_is_read_while_one_asks_for_a_price_is_that_price_whole(catalog_of: Make) -> None:
    shelf = Shelf(gifts(50))
    link = "https://images.example.com/1.jpg"
    shelf.items[7] = InventoryItem(id="itm_0007", description="long " * 600, image_url=link)
    assert await catalog_of(shelf).find("itm_0007") == shelf.items[7]


async def test_a_load_that_failed_half_way_is_not_begun_again_by_every_search(catalog_of: Make) -> None:
    shelf, clock = Shelf(gifts(400)), Clock()

    async def fail(page: int) -> None:
        if page == 3:
            await anyio.wait_all_tasks_blocked()
            raise ServerFault(503)

    shelf.while_reading = fail
    catalog = catalog_of(shelf, clock)
    for _ in range(5):
        assert (await catalog.search("", Filters(), limit=1)).total
    assert shelf.pages.count(1) == 1
    clock.time += 30
    shelf.while_reading = nothing
    assert (await catalog.search("", Filters(), limit=1)).total == 400


async def test_absurd_numbers_of_sendoso_do_not_stop_a_load(catalog_of: Make) -> None:
    shelf = Shelf([InventoryItem(id="a", name="Mug", shipping_time_days=10**30, price=999_999_999)])
    answer = await catalog_of(shelf).search("mug", Filters(), limit=1)
    assert answer.total == 1
