from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from sendoso_mcp.models import GroupBy, ItemType, SendStatus
from sendoso_mcp.sandbox import ManualClock
from sendoso_mcp.sandbox.world import World

START, END = date(2025, 9, 3), date(2026, 5, 18)
LABELS = {
    GroupBy.DAY: r"\d{4}-\d{2}-\d{2}",
    GroupBy.WEEK: r"\d{4}-W\d{2}",
    GroupBy.MONTH: r"\d{4}-\d{2}",
    GroupBy.USER: r"[A-Z].+",
    GroupBy.TEAM: r"Sales West",
}


@pytest.mark.parametrize("by", list(GroupBy))
def test_groups_add_up_to_the_totals_and_the_totals_to_the_list(world: World, by: GroupBy) -> None:
    report = world.report(START, END, by)
    listed = world.sends(start=START, end=END)
    charged = [
        send.cost for send, where in listed if where.status not in (SendStatus.FAILED, SendStatus.CANCELLED)
    ]
    totals = report.totals
    assert totals.sends == len(listed) == sum(group.sends for _, group in report.groups)
    assert totals.delivered == len(world.sends(SendStatus.DELIVERED, START, END))
    assert totals.delivered == sum(group.delivered for _, group in report.groups)
    assert totals.failed == len(world.sends(SendStatus.FAILED, START, END)) > 0
    assert totals.spend == sum(charged) == sum(group.spend for _, group in report.groups) > 0


@pytest.mark.parametrize("by", list(GroupBy))
def test_groups_are_labelled_in_order_by_what_they_group(world: World, by: GroupBy) -> None:
    labels = [label for label, _ in world.report(START, END, by).groups]
    assert labels == sorted(set(labels))
    assert all(re.fullmatch(LABELS[by], label) for label in labels)


def test_a_week_is_an_iso_week(world: World) -> None:
    per_week: dict[str, int] = defaultdict(int)
    for send, _ in world.sends(start=START, end=END):
        iso = send.created_at.isocalendar()
        per_week[f"{iso.year}-W{iso.week:02d}"] += 1
    assert {label: sums.sends for label, sums in world.report(START, END, GroupBy.WEEK).groups} == per_week


def test_both_days_of_the_range_are_in_it(world: World, clock: ManualClock) -> None:
    gift = next(gift for gift in world.gifts(ItemType.CHARITY) if gift.available)
    clock.advance(timedelta(days=40))
    for _ in range(3):
        world.place(recipient_id="rcpt_sarah_johnson", item_id=gift.id)
        clock.advance(timedelta(days=1))
    report = world.report(date(2026, 6, 27), date(2026, 6, 28), GroupBy.DAY)
    assert [label for label, _ in report.groups] == ["2026-06-27", "2026-06-28"]
    assert report.totals.spend == 2 * gift.price


def test_a_range_without_sends_is_all_zeros(world: World) -> None:
    report = world.report(date(1999, 1, 1), date(1999, 12, 31), GroupBy.MONTH)
    assert (report.totals.sends, report.totals.spend, list(report.groups)) == (0, Decimal(0), [])
