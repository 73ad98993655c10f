from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sendoso_mcp.models import SHIPPED_TYPES, GroupBy, SendStatus
from sendoso_mcp.sandbox import ManualClock, create_sandbox
from sendoso_mcp.sandbox.clock import Clock
from sendoso_mcp.sandbox.world import World

AWKWARD_STARTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 5, 18, 12, tzinfo=UTC),
    datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 2, 29, 6, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
]


@pytest.fixture(params=AWKWARD_STARTS, ids=str)
def now(request: pytest.FixtureRequest) -> datetime:
    start: datetime = request.param
    return start


@pytest.fixture
def any_world(now: datetime) -> World:
    return create_sandbox(clock=ManualClock(now)).world


def test_140_sends_lie_in_the_last_twelve_months(any_world: World, now: datetime) -> None:
    created = [send.created_at for send, _ in any_world.sends()]
    assert len(created) == 140
    assert created == sorted(created, reverse=True)
    assert now - timedelta(days=366) <= created[-1] <= created[0] <= now


def test_the_current_quarter_leaves_more_than_80_percent_of_the_budget(any_world: World) -> None:
    # It used to leave 60 to 80: then a month of this quarter came to several of any earlier one.
    assert 20_000 <= any_world.budget().remaining < 25_000


def test_full_months_come_to_what_one_team_spends(any_world: World, now: datetime) -> None:
    months = any_world.report(now.date() - timedelta(days=365), now.date(), GroupBy.MONTH).groups
    assert len(months) >= 12
    assert all(400 <= sums.spend <= 1_400 for _, sums in months[1:-1])
    assert months[-1][1].spend <= 1_400


def test_most_gifts_cost_15_to_90(any_world: World) -> None:
    prices = [send.gift.price for send, _ in any_world.sends()]
    assert sum(15 <= price <= 90 for price in prices) > 0.85 * len(prices)
    assert max(prices) <= 160


def test_this_month_and_this_week_have_sends_from_their_first_moment(any_world: World, now: datetime) -> None:
    today = now.date()
    monday = today - timedelta(days=today.weekday())
    assert len(any_world.sends(start=monday, end=today)) >= 5
    assert len(any_world.sends(start=today.replace(day=1), end=today)) >= 5


def test_something_waits_something_travels_and_a_few_failed_or_were_cancelled(any_world: World) -> None:
    counts = Counter(where.status for _, where in any_world.sends())
    assert counts[SendStatus.PENDING] >= 2
    assert counts[SendStatus.SHIPPED] >= 1
    assert 2 <= counts[SendStatus.FAILED] <= 10
    assert 2 <= counts[SendStatus.CANCELLED] <= 10
    assert counts[SendStatus.DELIVERED] >= 70


def test_parcels_are_tracked_once_they_are_on_their_way(any_world: World, now: datetime) -> None:
    for send, where in any_world.sends():
        left = where.status in (SendStatus.SHIPPED, SendStatus.DELIVERED)
        assert bool(where.tracking_number) == (left and send.gift.type in SHIPPED_TYPES)
        assert send.created_at <= where.updated_at <= now


def test_parcels_went_to_people_with_an_address(any_world: World) -> None:
    for send, _ in any_world.sends():
        assert send.person.can_get_parcels or send.gift.type not in SHIPPED_TYPES


def test_messages_name_the_person_and_fit_on_the_card(any_world: World) -> None:
    messages = [(send.message, send.person.first_name) for send, _ in any_world.sends() if send.message]
    assert len(messages) > 100
    assert all(name in message and len(message) <= 500 for message, name in messages)


def test_a_seed_and_a_start_always_tell_the_same_past(now: datetime) -> None:
    one, same, other = (create_sandbox(seed=seed, clock=ManualClock(now)).world for seed in (7, 7, 8))
    assert one.sends() == same.sends()
    assert one.sends() != other.sends()


def test_all_starts_on_a_day_tell_the_same_past_and_budget(now: datetime) -> None:
    day = now.replace(hour=0, minute=0, second=0)
    starts = [day, day + timedelta(hours=11, seconds=7), day + timedelta(hours=23, minutes=59)]
    worlds = [create_sandbox(clock=ManualClock(start)).world for start in starts]
    past, *others = [[send for send, _ in world.sends()] for world in worlds]
    assert all(other == past for other in others)
    assert len({world.budget().spent for world in worlds}) == 1


def test_ids_dealt_after_a_restart_are_new_ones(now: datetime) -> None:
    ids = set()
    for start in (now, now + timedelta(seconds=1)):
        world = create_sandbox(clock=ManualClock(start)).world
        egift = next(gift for gift in world.gifts() if gift.available and gift.type not in SHIPPED_TYPES)
        ids |= {world.place(recipient_id="rcpt_sarah_johnson", item_id=egift.id)[0].id for _ in range(10)}
    assert len(ids) == 20


def test_the_real_clock_tells_utc_and_a_manual_one_wants_a_zone() -> None:
    assert Clock().now().utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))


def test_a_sandbox_starts_at_the_real_time_by_default() -> None:
    sandbox = create_sandbox(items=50)
    assert len(sandbox.world.gifts()) == 50
    assert abs(sandbox.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
