from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendoso_mcp.catalog import Filters, Miss
from sendoso_mcp.catalog.filters import Facts
from sendoso_mcp.catalog.search import Found, Searcher
from sendoso_mcp.catalog.shelf import Shelf
from sendoso_mcp.catalog.words import STOP
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.models import InventoryItem, ItemType

ANY = Filters()


def gift(item_id: str = "itm_1", **facts: Any) -> InventoryItem:
    return InventoryItem.model_validate({"id": item_id, **facts})


def searcher(items: list[InventoryItem]) -> Searcher:
    shelf = Shelf()
    shelf.put(1, items, read_at=0)
    return Searcher(shelf)


def search(
    items: list[InventoryItem],
    query: str,
    filters: Filters = ANY,
    *,
    limit: int = 1000,
    cursor: str | None = None,
) -> Found:
    return searcher(items).search(query, filters, limit=limit, cursor=cursor)


def found(items: list[InventoryItem], query: str = "", filters: Filters = ANY) -> list[str]:
    result = search(items, query, filters)
    return [item.id for item in result.items] if result.total else []


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
    assert filters.admit(Facts.of(gift(**passes)))
    for facts in fails:
        assert not filters.admit(Facts.of(gift(**facts))), facts


@pytest.mark.parametrize("kind", [None, "frozen_goods"])
def test_a_gift_of_unknown_kind_and_delivery_time_does_not_pass_a_filter_on_days(kind: str | None) -> None:
    # It may well be shipped: "what Sendoso does not say does not pass a filter on it".
    assert not Filters(max_shipping_days=3).admit(Facts.of(gift(type=kind)))


def test_all_filters_hold_at_once() -> None:
    filters = Filters(ItemType.SWAG, Decimal(10), Decimal(20), 5)
    facts: dict[str, Any] = {"type": "swag", "price": 15, "shipping_time_days": 5, "available": True}
    assert filters.admit(Facts.of(gift(**facts)))
    for change in (
        {"type": "egift"},
        {"price": 21},
        {"price": 9},
        {"shipping_time_days": 6},
        {"available": False},
    ):
        assert not filters.admit(Facts.of(gift(**(facts | change)))), change


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


@pytest.mark.parametrize("word", sorted(STOP))
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


def test_paging_gives_everything_once_and_says_how_many_there_are() -> None:
    gifts = searcher([gift(item_id, price=1) for item_id in "edcba"])
    pages, cursor = [], None
    while True:
        part = gifts.search("", ANY, limit=2, cursor=cursor)
        assert part.total == 5
        pages.append("".join(item.id for item in part.items))
        if (cursor := part.next_cursor) is None:
            break
    assert pages == ["ab", "cd", "e"]


@pytest.mark.parametrize(
    ("changed", "rest"),
    [("0abcde", "cd"), ("bcde", "cd"), ("abc1de", "c1"), ("cde", "e"), ("ab", "")],
    ids=["added before", "removed before", "added behind", "last one gone", "rest gone"],
)
def test_a_cursor_goes_on_after_the_gift_that_the_last_page_ended_with(changed: str, rest: str) -> None:
    def shelf_of(ids: str) -> list[InventoryItem]:
        return [gift(item_id, price=place) for place, item_id in enumerate(ids)]

    cursor = search(shelf_of("abcde"), "", limit=2).next_cursor
    part = search(shelf_of(changed), "", limit=2, cursor=cursor)
    assert "".join(item.id for item in part.items) == rest


@pytest.mark.parametrize(
    "cursor", ["'; drop table", "2", "2.", "2..", "-1.a.b", "99999999.a.b", "٣.a.b", "2.a"]
)
def test_a_cursor_that_is_none_is_a_bad_argument(cursor: str) -> None:
    with pytest.raises(BadArgument, match=r"^cursor: use next_cursor"):
        search([gift("a"), gift("b")], "", limit=1, cursor=cursor)


def test_a_cursor_of_another_search_is_a_bad_argument() -> None:
    items = [gift("a"), gift("b")]
    cursor = search(items, "", limit=1).next_cursor
    with pytest.raises(BadArgument, match="other arguments"):
        search(items, "", Filters(include_unavailable=True), limit=1, cursor=cursor)


def misses(result: Found) -> dict[str, list[Miss]]:
    assert result.total == 0
    return {item.id: list(missed) for item, missed in zip(result.items, result.misses, strict=True)}


COFFEE = [
    gift("dear", name="Coffee", price=90, type="physical", shipping_time_days=2),
    gift("dearer", name="Coffee", price=200, type="physical", shipping_time_days=2),
    gift("slow", name="Coffee", price=20, type="physical", shipping_time_days=9),
    gift("card", name="Coffee", price=20, type="egift"),
    gift("gone", name="Coffee", price=20, type="physical", shipping_time_days=2, available=False),
    gift("mug", name="Mug", price=20, type="physical", shipping_time_days=2),
]


def test_where_nothing_fits_the_nearest_are_named_by_what_they_fall_short() -> None:
    filters = Filters(ItemType.PHYSICAL, None, Decimal(50), 3)
    assert misses(search(COFFEE, "coffee", filters)) == {
        "slow": [Miss.SLOWER],
        "card": [Miss.OTHER_TYPE],
        "dear": [Miss.DEARER],
        "dearer": [Miss.DEARER],
        "gone": [Miss.NOT_AVAILABLE],
    }


def test_what_is_nearest_in_price_is_nearest() -> None:
    assert list(misses(search(COFFEE, "coffee", Filters(max_price=Decimal(5)))))[:2] == ["card", "slow"]
    assert list(misses(search(COFFEE, "", Filters(min_price=Decimal(500)), limit=2))) == ["dearer", "dear"]


def test_where_no_gift_has_the_words_those_that_pass_the_filters_are_offered_as_such() -> None:
    result = misses(search(COFFEE, "zeppelin", Filters(max_price=Decimal(50)), limit=2))
    assert result == {"card": [Miss.OTHER_WORDS], "mug": [Miss.OTHER_WORDS]}


def test_no_gifts_are_no_gifts() -> None:
    assert search([], "mug") == Found([], 0)
    assert search([], "") == Found([], 0)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("cofee", "Coffee"),
        ("coffe", "Coffee"),
        ("choclate trufles", "Chocolate Truffles"),
        ("candel", "Candle"),
        ("hedphones", "Headphones"),
        ("headset", "Headphones"),
        ("head phones", "Headphones"),
        ("waterbottle", "Water Bottle"),
        ("tshirt", "T-Shirt"),
        ("pour over", "Pour-Over Set"),
        ("pourover", "Pour-Over Set"),
        ("e-gift", "eGift Card"),
        ("relaxing", "Relaxation Box"),
        ("baking", "A kit to bake bread"),
        ("camper", "Camping Hammock"),
        ("children's", "For a child"),
        ("knife", "Knives"),
        ("dog owner", "Pet treats"),
        ("donation", "Charity card"),
        ("work from home", "Home office set"),
        ("new parents", "Baby blanket"),
        ("lover\N{RIGHT SINGLE QUOTATION MARK}s", "Lovers' box"),
    ],
)
def test_typing_errors_and_the_words_people_use_find_it(query: str, name: str) -> None:
    others = [gift("b", name="Umbrella"), gift("c", name="Notebook")]
    result = search([gift("a", name=name), *others], query)
    assert [item.id for item in result.items if result.total][:1] == ["a"]


@pytest.mark.parametrize(
    ("query", "name"), [("card", "Guard"), ("cat", "Car"), ("hat", "Ham"), ("pen", "Pan")]
)
def test_a_short_word_is_taken_at_its_word(query: str, name: str) -> None:
    assert not finds(query, name)


def test_what_was_said_comes_before_what_may_be_meant() -> None:
    items = [gift("meant", name="Spa set", price=1), gift("said", name="Relax set", price=99)]
    assert found(items, "relax") == ["said", "meant"]


def test_a_rare_synonym_does_not_outweigh_what_was_said() -> None:
    items = [gift(f"said_{n}", name="Coffee set", price=50) for n in range(9)]
    items += [gift("meant", name="Roaster set", price=1), *(gift(f"x{n}", name="Pen") for n in range(40))]
    assert found(items, "coffee")[-1] == "meant"


HOSTILE = [
    '"',
    "' OR 1=1 --",
    "name : x",
    "NEAR(a b)",
    "a* AND ^b",
    "-",
    "\x00",
    "coffee\x00mug",
    "{a b}: c",
    "🎁",
]


@pytest.mark.parametrize("query", [*HOSTILE, "word " * 40, "x" * 200])
def test_no_query_is_taken_for_a_language(query: str) -> None:
    items = [gift("a", name="Coffee mug"), gift("b", name=query)]
    search(items, query)
    assert found(items, "coffee")[:1] in (["a"], ["b"])


def test_a_text_that_changes_is_found_by_its_new_words_alone() -> None:
    shelf = Shelf()
    shelf.put(1, [gift("a", name="Coffee", description="with milk", price=5)], read_at=0)
    gifts = Searcher(shelf)
    assert gifts.search("coffee", ANY, limit=1).total == 1
    shelf.put(1, [gift("a", name="Tea", description="with lemon", price=7)], read_at=1)
    assert gifts.search("coffee milk", ANY, limit=1).total == 0
    assert str(gifts.search("lemon", ANY, limit=1).items[0].price) == "7.00"


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
    whole = search(items, query, filters)
    given_items = {item.id: item for item in items}
    assert len(whole.items) == len({item.id for item in whole.items})
    for item in whole.items:
        given = given_items[item.id]
        assert (item.price, item.type, item.available) == (given.price, given.type, given.available)
    shuffled = items.copy()
    random.shuffle(shuffled)
    assert search(shuffled, query, filters) == whole
    if not whole.total:
        assert not any(filters.admit(Facts.of(item)) for item in items) or any(map(str.isalnum, query))
        return
    assert whole.total == len(whole.items)
    assert all(filters.admit(Facts.of(item)) for item in whole.items)
    if not any(character.isalnum() for character in query):
        assert whole.total == sum(filters.admit(Facts.of(item)) for item in items)

    gifts = searcher(shuffled)
    pages: list[InventoryItem] = []
    cursor: str | None = None
    while True:
        part = gifts.search(query, filters, limit=3, cursor=cursor)
        pages += part.items
        if (cursor := part.next_cursor) is None:
            break
    assert pages == list(whole.items)
