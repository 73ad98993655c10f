from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sendoso_mcp.models import EMAILED_TYPES
from sendoso_mcp.sandbox import ManualClock, create_sandbox
from sendoso_mcp.sandbox.catalogue import make_gifts
from sendoso_mcp.sandbox.journey import PlacedSend
from sendoso_mcp.sandbox.occasions import OCCASIONS, Occasion

# What a card speaks of, and what must then be said of the gift.
MEANT = {
    "coffee": "coffee|espresso|latte|cold brew|roasters",
    "birthday": "birthday|cake|truffle|macaron|novel|candle|flower|cinema|book",
    "arrival": "baby|newborn|parents|kids|board books|storybook|toys",
    "puppy": "dog|puppy|pet",
    "golf": "golf|sports",
    "get well": "soup|tea|honey|puzzle|novel|audiobook|flower|cocoa",
    "conference": "travel|charg|pouch|notebook|track|ride",
}


@pytest.fixture(scope="module", params=[7, 8])
def sends(request: pytest.FixtureRequest) -> list[PlacedSend]:
    seed: int = request.param
    starts = [datetime(2026, month, 1 + 2 * month, 12, tzinfo=UTC) for month in range(1, 13)]
    worlds = [create_sandbox(seed=seed, clock=ManualClock(start)).world for start in starts]
    return [send for world in worlds for send, _ in world.sends()]


@pytest.fixture(scope="module", params=["2026-01-01", "2026-03-31", "2026-07-15", "2026-11-22"])
def gifts_of(request: pytest.FixtureRequest) -> dict[str, list[PlacedSend]]:
    start = datetime.fromisoformat(request.param).replace(tzinfo=UTC)
    by_person = defaultdict(list)
    for send, _ in reversed(create_sandbox(clock=ManualClock(start)).world.sends()):
        by_person[send.person.id].append(send)
    return by_person


@pytest.mark.parametrize("occasion", OCCASIONS.values(), ids=list(OCCASIONS))
def test_an_occasion_names_gifts_that_exist_and_one_that_goes_by_email(occasion: Occasion) -> None:
    types = {gift.name: gift.type for gift in make_gifts(320, seed=7)}
    assert set(occasion.gifts) <= set(types)
    assert any(types[name] in EMAILED_TYPES for name in occasion.gifts)


def test_every_message_goes_with_a_gift_of_its_occasion(sends: list[PlacedSend]) -> None:
    fitting = {
        (text, gift)
        for occasion in OCCASIONS.values()
        for text in occasion.messages
        for gift in occasion.gifts
    }
    for send in sends:
        if send.message is not None:
            names = {"name": send.person.first_name, "company": send.person.company}
            assert any(
                text.format(**names) == send.message for text, gift in fitting if gift == send.gift.name
            )


@pytest.mark.parametrize("word", MEANT)
def test_what_a_card_speaks_of_is_in_the_box(sends: list[PlacedSend], word: str) -> None:
    spoken = [send.gift for send in sends if word in (send.message or "").lower()]
    assert spoken
    for gift in spoken:
        assert re.search(MEANT[word], f"{gift.name} {gift.description}".lower()), gift.name


def test_holiday_wishes_go_out_from_late_november_to_the_end_of_december(sends: list[PlacedSend]) -> None:
    wished = [send.created_at for send in sends if "holidays" in (send.message or "")]
    assert wished
    assert all((11, 20) <= (at.month, at.day) <= (12, 31) for at in wished)


def test_nobody_gets_two_gifts_within_45_days(gifts_of: dict[str, list[PlacedSend]]) -> None:
    for sends in gifts_of.values():
        for earlier, later in pairwise(sends):
            assert later.created_at - earlier.created_at >= timedelta(days=45)


def test_nobody_gets_the_same_wish_twice(gifts_of: dict[str, list[PlacedSend]]) -> None:
    for sends in gifts_of.values():
        messages = [send.message for send in sends if send.message]
        assert len(set(messages)) == len(messages)


def test_sarahs_promotion_is_still_to_be_celebrated(sends: list[PlacedSend]) -> None:
    hers = [send.message for send in sends if send.person.id == "rcpt_sarah_johnson" and send.message]
    assert hers
    assert not any("promotion" in message or "new role" in message for message in hers)


def test_a_catalogue_too_small_for_any_occasion_still_has_a_past() -> None:
    world = create_sandbox(items=1, clock=ManualClock(datetime(2026, 5, 18, tzinfo=UTC))).world
    assert len(world.sends()) == 140
