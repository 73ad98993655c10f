from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendoso_mcp.catalog import Filters, Found, search
from sendoso_mcp.catalog.search import _STOP
from sendoso_mcp.models import InventoryItem, ItemType

ANY = Filters()


def gift(item_id: str = "itm_1", **facts: Any) -> InventoryItem:
    return InventoryItem.model_validate({"id": item_id, **facts})


def found(items: list[InventoryItem], query: str = "", filters: Filters = ANY) -> list[str]:
    return [item.id for item in search(items, query, filters, offset=0, limit=1000).items]


def finds(query: str, name: str, description: str = "") -> bool:
    return bool(found([gift(name=name, description=description)], query))


@pytest.mark.parametrize(
    ("filters", "passes", "fails"),
    [
        (Filters(type=ItemType.EGIFT), {"type": "egift"}, [{"type": "physical"}, {"type": "new_kind"}, {}]),
        (Filters(min_price=Decimal(10)), {"price": 10}, [{"price": 9.99}, {"price": None}, {}]),
        (Filters(max_price=Decimal(10)), {"price": 10}, [{"price": 10.01}, {"price": None}, {}]),
        (Filters(max_price=Decimal(0)), {"price": 0}, [{"price": 0.01}]),
        (
            Filters(max_shipping_days=3),
            {"type": "physical", "shipping_time_days": 3},
            [
                {"type": "physical", "shipping_time_days": 4},
                {"type": "physical", "shipping_time_days": None},
                {"type": "swag"},
                {"type": "direct_mail"},
                {"type": "egift", "shipping_time_days": 4},
            ],
        ),
        (Filters(max_shipping_days=0), {"type": "physical", "shipping_time_days": 0}, []),
        (Filters(max_shipping_days=0), {"type": "egift"}, []),
        (Filters(max_shipping_days=0), {"type": "charity", "shipping_time_days": None}, []),
        (ANY, {"available": True}, [{"available": False}]),
        (ANY, {}, []),
        (Filters(include_unavailable=True), {"available": False}, []),
    ],
    ids=str,
)
def test_a_filter_admits_what_it_names_and_nothing_else(
    filters: Filters, passes: dict[str, Any], fails: list[dict[str, Any]]
) -> None:
    assert filters.admit(gift(**passes))
    for facts in fails:
        assert not filters.admit(gift(**facts)), facts


@pytest.mark.parametrize("kind", [None, "frozen_goods"])
def test_a_gift_of_unknown_kind_and_delivery_time_does_not_pass_a_filter_on_days(kind: str | None) -> None:
    # It may well be shipped: "what Sendoso does not say does not pass a filter on it".
    assert not Filters(max_shipping_days=3).admit(gift(type=kind))


def test_all_filters_hold_at_once() -> None:
    filters = Filters(ItemType.SWAG, Decimal(10), Decimal(20), 5)
    facts: dict[str, Any] = {"type": "swag", "price": 15, "shipping_time_days": 5, "available": True}
    assert filters.admit(gift(**facts))
    for change in (
        {"type": "egift"},
        {"price": 21},
        {"price": 9},
        {"shipping_time_days": 6},
        {"available": False},
    ):
        assert not filters.admit(gift(**(facts | change))), change


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("chocolate", "Dark Chocolate"),
        ("CHOCOLATE", "dark chocolate"),
        ("chocolates", "Dark Chocolate"),
        ("chocolate", "Dark chocolates"),
        ("choc", "Dark Chocolate"),
        ("cafe", "Café crème"),
        ("café", "Cafe creme"),
        ("creme", "Café crème brûlée"),
        ("jalapeño", "Jalapeno"),
        ("cafe\u0301", "Café"),
        ("strasse", "Straße"),
        ("candy", "Candies"),
        ("candies", "Candy jar"),
        ("mug", "Mugs"),
        ("tee", "Tee-shirt"),
        ("t-shirt", "T shirt"),
        ("glass", "Glass"),
        ("wireless", "Wireless charger"),
        ("2026", "Planner 2026"),
        ("a gift for the coffee lover", "Coffee beans"),
        ("коробка", "Коробка"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER C}offee", "coffee"),
    ],
)
def test_a_word_is_found_whatever_its_case_accent_or_plural(query: str, name: str) -> None:
    assert finds(query, name)


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("cookie", "cookies"),
        ("hoodie", "hoodies"),
        ("beanie", "beanies"),
        ("brownie", "brownies"),
        ("box", "boxes"),
        ("glass", "glasses"),
        ("watch", "watches"),
        ("brush", "brushes"),
        ("candle", "candles"),
        ("berry", "berries"),
        ("case", "cases"),
        ("rose", "roses"),
        ("dish", "dishes"),
        ("sandwich", "sandwiches"),
        ("bus", "buses"),
        ("cactus", "cactuses"),
        ("bonus", "bonuses"),
        ("tie", "ties"),
    ],
)
def test_a_singular_finds_its_plural_and_the_other_way_round(singular: str, plural: str) -> None:
    assert finds(singular, f"Set of {plural}")
    assert finds(plural, f"One {singular}")


@pytest.mark.parametrize(
    ("query", "name"),
    [("tea", "Team building"), ("mug", "Muggle"), ("late", "Chocolate"), ("xyz", "Mug"), ("glas", "Mug")],
)
def test_a_word_within_a_word_is_not_found(query: str, name: str) -> None:
    assert not finds(query, name)


def test_words_that_say_nothing_do_not_count() -> None:
    items = [gift("a", name="Gift for the boss"), gift("b", name="Mug")]
    assert found(items, "a gift for my mug") == ["b"]


@pytest.mark.parametrize("word", sorted(_STOP))
def test_each_of_these_words_is_recognised_in_a_query(word: str) -> None:
    items = [gift("a", name=word), gift("b", name="Mug")]
    assert found(items, f"{word.upper()} mug") == ["b"]


def test_a_query_of_nothing_but_such_words_is_taken_at_its_word() -> None:
    items = [gift("a", name="Gift card"), gift("b", name="Mug")]
    assert found(items, "gift") == ["a"]


@pytest.mark.parametrize("query", ["", "   ", "!?", "\n\t"])
def test_without_words_everything_is_found_cheapest_first(query: str) -> None:
    items = [gift("a", price=30), gift("b"), gift("c", price=10), gift("d", price=0)]
    assert found(items, query) == ["d", "c", "a", "b"]


def test_a_word_in_the_name_counts_more_than_one_in_the_description() -> None:
    items = [
        gift("description", name="Box", description="coffee", price=1),
        gift("name", name="Coffee", price=50),
        gift("neither", name="Mug", price=1),
    ]
    assert found(items, "coffee") == ["name", "description"]


def test_more_words_matched_come_first_then_cheaper_then_by_id() -> None:
    items = [
        gift("z", name="Coffee", price=20),
        gift("b", name="Coffee", price=20),
        gift("a", name="Coffee"),
        gift("c", name="Coffee", price=5),
        gift("d", name="Coffee mug", price=500),
        gift("e", name="Coffee", description="with a mug", price=400),
        gift("f", name="Pen", description="coffee coloured", price=1),
    ]
    assert found(items, "coffee mug") == ["d", "e", "c", "b", "z", "a", "f"]


def test_a_gift_without_name_or_description_is_found_only_without_words() -> None:
    assert found([gift("a")]) == ["a"]
    assert found([gift("a")], "none") == []


@pytest.mark.parametrize(
    ("offset", "limit", "ids"),
    [(0, 2, ["a", "b"]), (2, 2, ["c", "d"]), (4, 2, ["e"]), (5, 2, []), (99, 2, []), (0, 99, list("abcde"))],
)
def test_a_part_of_what_is_found_says_how_many_there_are_in_all(
    offset: int, limit: int, ids: list[str]
) -> None:
    items = [gift(item_id, price=1) for item_id in "edcba"]
    part = search(items, "", ANY, offset=offset, limit=limit)
    assert [item.id for item in part.items] == ids
    assert part.total == 5


def test_nothing_found_is_nothing() -> None:
    assert search([], "mug", ANY, offset=0, limit=10) == Found([], 0)


WORDS = st.sampled_from(["coffee", "Mug", "tea", "team", "Café", "chocolates", "the", "gift", "box", ""])
TEXTS = st.none() | st.lists(WORDS, max_size=4).map(" ".join) | st.text(max_size=12)
PRICES = st.none() | st.decimals(0, 100, places=2)
KINDS = st.none() | st.sampled_from([*ItemType, "new_kind"])
ITEMS = st.lists(
    st.builds(
        InventoryItem,
        id=st.from_regex(r"[a-z0-9_]{1,6}", fullmatch=True),
        name=TEXTS,
        description=TEXTS,
        type=KINDS,
        price=PRICES,
        available=st.none() | st.booleans(),
        shipping_time_days=st.none() | st.integers(0, 20),
    ),
    max_size=25,
    unique_by=lambda item: item.id,
)
FILTERS = st.builds(
    Filters,
    type=st.none() | st.sampled_from(ItemType),
    min_price=PRICES,
    max_price=PRICES,
    max_shipping_days=st.none() | st.integers(0, 20),
    include_unavailable=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(items=ITEMS, query=TEXTS.map(lambda text: text or ""), filters=FILTERS, random=st.randoms())
def test_whatever_is_searched_the_result_is_a_stable_part_of_what_passes(
    items: list[InventoryItem], query: str, filters: Filters, random: random.Random
) -> None:
    whole = search(items, query, filters, offset=0, limit=1000)
    given_items = {item.id: item for item in items}

    assert whole.total == len(whole.items) == len({item.id for item in whole.items})
    assert all(given_items[item.id] is item for item in whole.items)
    assert all(filters.admit(item) for item in whole.items)
    if not any(character.isalnum() for character in query):
        assert whole.total == sum(filters.admit(item) for item in items)

    shuffled = items.copy()
    random.shuffle(shuffled)
    assert search(shuffled, query, filters, offset=0, limit=1000) == whole

    pages: list[InventoryItem] = []
    while page := search(shuffled, query, filters, offset=len(pages), limit=3).items:
        pages += page
    assert pages == list(whole.items)
