from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sendoso_mcp.models import SHIPPED_TYPES, ItemType, SendStatus
from sendoso_mcp.sandbox import ManualClock, create_sandbox
from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.costs import cost_of
from sendoso_mcp.sandbox.journey import PlacedSend, progress
from sendoso_mcp.sandbox.people import Person
from sendoso_mcp.sandbox.refusals import BudgetSpent, Invalid, TooLate, Unknown
from sendoso_mcp.sandbox.world import Team, World

SARAH = "rcpt_sarah_johnson"


def an_available(world: World, type_: ItemType) -> Gift:
    return next(gift for gift in world.gifts(type_) if gift.available)


def somebody_without_address(world: World) -> Person:
    return next(person for person in world.people() if person.address is None)


def statuses_over_time(send: PlacedSend, *ages: timedelta) -> list[SendStatus]:
    return [progress(send, send.created_at + age).status for age in ages]


def test_an_egift_is_pending_for_30_minutes_then_processing_for_10_then_delivered(world: World) -> None:
    send, _ = world.place(recipient_id=SARAH, item_id=an_available(world, ItemType.EGIFT).id)
    ages = [timedelta(minutes=age, seconds=-1) for age in (1, 30, 31, 40, 41)]
    assert statuses_over_time(send, *ages) == ["pending", "pending", "processing", "processing", "delivered"]


@pytest.mark.parametrize("type_", [ItemType.EGIFT, ItemType.CHARITY])
def test_what_goes_by_email_is_never_tracked(world: World, clock: ManualClock, type_: ItemType) -> None:
    send, _ = world.place(recipient_id=SARAH, item_id=an_available(world, type_).id)
    clock.advance(timedelta(hours=1))
    _, where = world.send(send.id)
    assert where.status is SendStatus.DELIVERED
    assert (where.tracking_number, where.tracking_url) == (None, None)


@pytest.mark.parametrize("type_", sorted(SHIPPED_TYPES))
def test_a_parcel_is_packed_shipped_and_delivered_in_its_shipping_time(
    world: World, clock: ManualClock, type_: ItemType
) -> None:
    gift = an_available(world, type_)
    assert gift.shipping_time_days is not None
    on_the_way = timedelta(days=gift.shipping_time_days)
    send, where = world.place(recipient_id=SARAH, item_id=gift.id)
    assert (where.status, where.estimated_delivery) == (SendStatus.PENDING, None)

    clock.advance(timedelta(minutes=30))
    _, where = world.send(send.id)
    assert (where.status, where.tracking_number) == (SendStatus.PROCESSING, None)
    assert where.updated_at == clock.now()
    assert where.estimated_delivery == (clock.now() + on_the_way).date()

    clock.advance(on_the_way / 2)
    _, shipped = world.send(send.id)
    assert shipped.status is SendStatus.SHIPPED
    assert shipped.tracking_number
    assert shipped.tracking_url == f"https://track.example.com/{shipped.tracking_number}"

    clock.advance(on_the_way / 2)
    _, delivered = world.send(send.id)
    assert delivered.status is SendStatus.DELIVERED
    assert delivered.updated_at == clock.now()
    assert delivered.tracking_number == shipped.tracking_number


def test_a_scheduled_send_waits_for_its_day_and_half_an_hour(world: World, clock: ManualClock) -> None:
    egift = an_available(world, ItemType.EGIFT)
    send, _ = world.place(recipient_id=SARAH, item_id=egift.id, scheduled_date=date(2026, 5, 20))
    clock.advance(timedelta(days=1, hours=12, minutes=29))
    assert world.send(send.id)[1].status is SendStatus.PENDING
    clock.advance(timedelta(minutes=1))
    assert world.send(send.id)[1].status is SendStatus.PROCESSING


def test_a_day_that_is_past_or_years_away_cannot_be_scheduled(world: World) -> None:
    egift = an_available(world, ItemType.EGIFT)
    for day in (date(2026, 5, 17), date(2030, 1, 1)):
        with pytest.raises(Invalid) as refusal:
            world.place(recipient_id=SARAH, item_id=egift.id, scheduled_date=day)
        assert set(refusal.value.errors) == {"scheduled_date"}


@pytest.mark.parametrize("type_", sorted(SHIPPED_TYPES))
def test_a_parcel_needs_an_address(world: World, type_: ItemType) -> None:
    with pytest.raises(Invalid) as refusal:
        world.place(recipient_id=somebody_without_address(world).id, item_id=an_available(world, type_).id)
    assert set(refusal.value.errors) == {"address"}


def test_an_egift_needs_no_address(world: World) -> None:
    egift = an_available(world, ItemType.EGIFT)
    _, where = world.place(recipient_id=somebody_without_address(world).id, item_id=egift.id)
    assert where.status is SendStatus.PENDING


def test_an_unavailable_gift_cannot_be_sent(world: World) -> None:
    gone = next(gift for gift in world.gifts() if not gift.available)
    with pytest.raises(Invalid) as refusal:
        world.place(recipient_id=SARAH, item_id=gone.id)
    assert refusal.value.errors == {"item_id": ["is not available"]}


def test_the_same_order_twice_makes_two_sends(world: World) -> None:
    egift = an_available(world, ItemType.EGIFT)
    first, _ = world.place(recipient_id=SARAH, item_id=egift.id, message="Hello!")
    second, _ = world.place(recipient_id=SARAH, item_id=egift.id, message="Hello!")
    assert first.id != second.id
    assert [send.id for send, _ in world.sends()][:2] == [second.id, first.id]


def test_spending_is_the_cost_of_the_quarters_sends_that_neither_failed_nor_were_cancelled(
    world: World,
) -> None:
    counted = [
        send.cost
        for send, where in world.sends(start=date(2026, 4, 1), end=date(2026, 6, 30))
        if where.status not in (SendStatus.FAILED, SendStatus.CANCELLED)
    ]
    budget = world.budget()
    assert (budget.start, budget.end) == (date(2026, 4, 1), date(2026, 6, 30))
    assert budget.spent == sum(counted) > 0
    assert budget.spent + budget.remaining == budget.team.total_budget == Decimal(25000)


def test_a_send_takes_its_cost_from_the_budget_and_cancelling_gives_it_back(world: World) -> None:
    before = world.budget().remaining
    gift = an_available(world, ItemType.PHYSICAL)
    send, _ = world.place(recipient_id=SARAH, item_id=gift.id)
    assert world.budget().remaining == before - gift.price - Decimal("9.95")
    world.cancel(send.id)
    assert world.budget().remaining == before


def test_a_failed_send_gives_its_cost_back(clock: ManualClock) -> None:
    world = create_sandbox(clock=clock).world
    doomed = next(send for send, where in world.sends() if where.status is SendStatus.FAILED)
    before_it_failed, after = doomed.leaves_at - timedelta(seconds=1), doomed.leaves_at
    assert (doomed.is_charged(before_it_failed), doomed.is_charged(after)) == (True, False)


def test_the_budget_can_be_spent_to_the_last_gift_and_not_beyond(world: World) -> None:
    dear = max((gift for gift in world.gifts() if gift.available), key=cost_of)
    while cost_of(dear) <= world.budget().remaining:
        world.place(recipient_id=SARAH, item_id=dear.id)
    sends = len(world.sends())
    with pytest.raises(BudgetSpent):
        world.place(recipient_id=SARAH, item_id=dear.id)
    assert len(world.sends()) == sends
    assert 0 <= world.budget().remaining < cost_of(dear)


def test_what_costs_exactly_the_rest_of_the_budget_can_still_be_sent(world: World) -> None:
    egift = next(gift for gift in world.gifts(ItemType.CHARITY) if gift.available)
    rest = world.budget().remaining
    world.team = Team(total_budget=world.team.total_budget - rest + cost_of(egift))
    world.place(recipient_id=SARAH, item_id=egift.id)
    assert world.budget().remaining == 0


def test_a_new_quarter_brings_a_new_budget(world: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=60))
    budget = world.budget()
    assert (budget.start, budget.spent) == (date(2026, 7, 1), Decimal(0))


def test_a_send_can_be_cancelled_once_and_only_while_it_is_pending(world: World, clock: ManualClock) -> None:
    egift = an_available(world, ItemType.EGIFT)
    soon, _ = world.place(recipient_id=SARAH, item_id=egift.id)
    late, _ = world.place(recipient_id=SARAH, item_id=egift.id)
    assert world.cancel(soon.id)[1].status is SendStatus.CANCELLED
    with pytest.raises(TooLate):
        world.cancel(soon.id)
    clock.advance(timedelta(minutes=30))
    with pytest.raises(TooLate):
        world.cancel(late.id)
    clock.advance(timedelta(days=1))
    with pytest.raises(TooLate):
        world.cancel(late.id)
    assert world.send(soon.id)[1].status is SendStatus.CANCELLED


def test_a_send_that_never_was_cannot_be_cancelled(world: World) -> None:
    with pytest.raises(Unknown):
        world.cancel("send_never")


@pytest.mark.parametrize("status", list(SendStatus))
def test_a_status_filter_goes_by_where_sends_are_now(
    world: World, clock: ManualClock, status: SendStatus
) -> None:
    clock.advance(timedelta(days=2))
    world.place(recipient_id=SARAH, item_id=an_available(world, ItemType.SWAG).id)
    clock.advance(timedelta(minutes=31))
    everything = world.sends()
    assert world.sends(status) == [(send, where) for send, where in everything if where.status is status]


def test_a_date_filter_includes_both_its_days(world: World) -> None:
    days = sorted({send.created_at.date() for send, _ in world.sends()})
    start, end = days[10], days[20]
    found = {send.created_at.date() for send, _ in world.sends(start=start, end=end)}
    assert found == set(days[10:21])
