from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from sendoso_mcp.catalog import Filters
from sendoso_mcp.catalog.search import Searcher
from sendoso_mcp.catalog.shelf import Shelf
from sendoso_mcp.models import SHIPPED_TYPES, InventoryItem, ItemType
from sendoso_mcp.sandbox.catalogue import Gift, make_gifts
from sendoso_mcp.sandbox.costs import cost_of
from sendoso_mcp.sandbox.wire import gift_json


@pytest.fixture(scope="module")
def gifts() -> list[Gift]:
    return make_gifts(320, seed=7)


def test_320_gifts_cover_the_five_types(gifts: list[Gift]) -> None:
    counts = Counter(gift.type for gift in gifts)
    assert len(gifts) == 320
    assert set(counts) == set(ItemType)
    assert min(counts.values()) >= 20


def test_about_six_in_a_hundred_are_unavailable(gifts: list[Gift]) -> None:
    assert 0.03 < sum(not gift.available for gift in gifts) / len(gifts) < 0.10


def test_only_what_is_shipped_has_a_shipping_time(gifts: list[Gift]) -> None:
    for gift in gifts:
        if gift.type in SHIPPED_TYPES:
            assert gift.shipping_time_days in range(1, 11)
        else:
            assert gift.shipping_time_days is None


def test_each_gift_can_be_shown_and_addressed(gifts: list[Gift]) -> None:
    for gift in gifts:
        assert re.fullmatch(r"item_[a-z0-9_]{3,120}", gift.id)
        assert gift.image_url.startswith("https://images.example.com/")
        assert 20 <= len(gift.description) <= 200
        assert Decimal(5) <= gift.price <= Decimal(500)
        assert gift.price == round(gift.price, 2)


@pytest.mark.parametrize(
    "wanted",
    [
        "coffee lover",
        "chocolate truffles",
        "noise cancelling headphones",
        "new parents",
        "dog owner",
        "vegan snacks",
        "work from home",
        "spa",
        "donation",
    ],
)
def test_what_people_look_for_is_there(gifts: list[Gift], wanted: str) -> None:
    stems = [word.rstrip("s") for word in wanted.split()]
    assert any(all(stem in f"{gift.name} {gift.description}".lower() for stem in stems) for gift in gifts)


def found(gifts: list[Gift], query: str) -> list[Gift]:
    """What the server's search makes of a query, best first."""
    items = [InventoryItem.model_validate(gift_json(gift)) for gift in gifts]
    by_id = {gift.id: gift for gift in gifts}
    shelf = Shelf()
    shelf.put(1, items, read_at=0)
    everything = Searcher(shelf).search(query, Filters(), limit=len(gifts))
    return [by_id[item.id] for item in everything.items] if everything.total else []


@pytest.mark.parametrize(
    "query", ["thank you", "eco friendly notebook", "your note", "recycled paper", "hour"]
)
def test_no_donation_is_found_by_a_stock_phrase(gifts: list[Gift], query: str) -> None:
    assert not [gift.name for gift in found(gifts, query) if gift.type is ItemType.CHARITY]


@pytest.mark.parametrize("query", ["thank you", "handwritten note", "recycled", "ready", "care"])
def test_the_stock_phrases_do_not_swamp_a_search(gifts: list[Gift], query: str) -> None:
    assert len(found(gifts, query)) <= 25


def test_the_first_gift_for_a_coffee_lover_is_a_fine_one_that_ships_soon() -> None:
    for seed in (7, 8, 9):
        best = found(make_gifts(320, seed), "coffee lover")[0]
        assert best.name == "Coffee Lover's Morning Box"
        assert best.available
        assert 28 <= best.price <= 40
        assert best.shipping_time_days is not None
        assert best.shipping_time_days <= 4


def test_a_seed_always_deals_the_same_gifts_and_another_deals_others() -> None:
    assert make_gifts(320, seed=7) == make_gifts(320, seed=7)
    assert make_gifts(320, seed=7) != make_gifts(320, seed=8)


def test_more_gifts_begin_with_the_same_gifts(gifts: list[Gift]) -> None:
    assert make_gifts(1000, seed=7)[:320] == gifts


def test_20_000_gifts_have_names_and_ids_of_their_own() -> None:
    gifts = make_gifts(20_000, seed=7)
    assert len({gift.id for gift in gifts}) == len({gift.name.lower() for gift in gifts}) == 20_000
    assert max(len(gift.id) for gift in gifts) <= 128


@pytest.mark.parametrize("count", [0, -1, 10_000_000])
def test_a_number_of_gifts_that_cannot_be_made_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="the sandbox can hold 1 to"):
        make_gifts(count, seed=7)


@pytest.mark.parametrize(
    ("type_", "price", "cost"),
    [
        (ItemType.EGIFT, "25.00", "28.00"),
        (ItemType.PHYSICAL, "48.50", "58.45"),
        (ItemType.SWAG, "24.00", "31.25"),
        (ItemType.DIRECT_MAIL, "9.95", "14.45"),
        (ItemType.CHARITY, "50.00", "50.00"),
    ],
)
def test_a_send_costs_the_list_price_plus_shipping_and_fees(type_: ItemType, price: str, cost: str) -> None:
    gift = Gift("item_1", "A gift", "For somebody.", type_, Decimal(price), True, None)
    assert cost_of(gift) == Decimal(cost)
