"""What counts against a limit: from when, until when, and against whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import answer, ask, confirm, order, settle, used, wish
from ledgers import Clock
from spending_kit import REQUEST, budget, item, policy, quote, recipient

from sendoso_mcp.spending.ledger import Ledger, Refusal, Reserved, State, Wish
from sendoso_mcp.spending.limits import TEAM


def codes(ledger: Ledger, for_: Wish) -> list[str]:
    """Why policy denies a wish."""
    return [reason.code for reason in ledger.judge(for_).reasons if reason.effect == "deny"]


def sent(ledger: Ledger, for_: Wish, **facts: Any) -> None:
    confirm(ledger, order(ledger, for_), **facts)


@pytest.mark.parametrize(
    ("limit", "first", "still", "free"),
    [
        ("per_day", "2026-11-25T00:00:00", "2026-11-25T23:59:59.999999", "2026-11-26T00:00:00"),
        ("per_day", "2026-11-25T23:59:59.999999", "2026-11-25T23:59:59.999999", "2026-11-26T00:00:00"),
        ("per_month", "2026-11-01T00:00:00", "2026-11-30T23:59:59.999999", "2026-12-01T00:00:00"),
        ("per_month", "2024-02-01T00:00:00", "2024-02-29T23:59:59", "2024-03-01T00:00:00"),
        ("per_month", "2026-12-31T23:59:59", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (
            "per_recipient_per_year",
            "2026-11-25T15:30:00",
            "2027-11-25T15:30:00",
            "2027-11-25T15:30:00.000001",
        ),
        ("per_recipient_per_year", "2024-02-29T12:00:00", "2025-02-28T12:00:00", "2025-02-28T12:00:01"),
    ],
)
def test_a_limit_counts_in_its_window_and_not_after_it(
    ledger: Ledger, clock: Clock, limit: str, first: str, still: str, free: str
) -> None:
    rules = policy(limits={limit: 30})
    clock.now = datetime.fromisoformat(first).replace(tzinfo=UTC)
    sent(ledger, wish(policy=rules, key="a"))
    clock.now = datetime.fromisoformat(still).replace(tzinfo=UTC)
    assert codes(ledger, wish(policy=rules, key="b")) == [f"over_{limit}"]
    clock.now = datetime.fromisoformat(free).replace(tzinfo=UTC)
    assert codes(ledger, wish(policy=rules, key="b")) == []
    # And on the other side, what is reserved now is counted from now on.
    sent(ledger, wish(policy=rules, key="b"))
    assert codes(ledger, wish(policy=rules, key="c")) == [f"over_{limit}"]


def test_days_and_months_are_utc_whatever_the_clock_s_own_zone(ledger: Ledger, clock: Clock) -> None:
    rules = policy(limits={"per_day": 30})
    honolulu = timezone(timedelta(hours=-10))
    clock.now = datetime(2026, 11, 30, 15, 0, tzinfo=honolulu)
    sent(ledger, wish(policy=rules, key="a"))
    assert used(ledger, "day:2026-12-01") == used(ledger, "month:2026-12") == 2000
    clock.now = datetime(2026, 12, 1, 12, 0, tzinfo=timezone(timedelta(hours=14)))
    assert codes(ledger, wish(policy=rules, key="b")) == []


def test_an_hour_is_the_last_sixty_minutes(ledger: Ledger, clock: Clock) -> None:
    rules = policy(limits={"sends_per_hour": 2})
    start = clock.now
    for minutes in (0, 30):
        clock.now = start + timedelta(minutes=minutes)
        sent(ledger, wish(policy=rules, key=str(minutes)))
    clock.now = start + timedelta(minutes=60)
    assert codes(ledger, wish(policy=rules, key="x")) == ["over_sends_per_hour"]
    clock.now += timedelta(microseconds=1)
    assert codes(ledger, wish(policy=rules, key="x")) == []
    sent(ledger, wish(policy=rules, key="x"))
    assert codes(ledger, wish(policy=rules, key="y")) == ["over_sends_per_hour"]


@pytest.mark.parametrize(
    ("state", "counts"), [(State.NOT_SENT, False), (State.REJECTED, False), (State.UNKNOWN, True)]
)
def test_an_hour_counts_what_went_or_may_have_gone(ledger: Ledger, state: State, counts: bool) -> None:
    rules = policy(limits={"sends_per_hour": 1})
    settle(ledger, order(ledger, wish(policy=rules, key="a")), state)
    assert codes(ledger, wish(policy=rules, key="b")) == (["over_sends_per_hour"] if counts else [])


@pytest.mark.parametrize("email", ["ann@acme.test", "ANN@ACME.test", "ann+gifts@acme.test"])
def test_a_second_contact_with_the_same_mailbox_shares_the_limit(ledger: Ledger, email: str) -> None:
    rules = policy(limits={"per_recipient_per_year": 30})
    sent(ledger, wish(policy=rules, key="a"))
    twin = quote(person=recipient(id="rcp_2", email=email), request=replace(REQUEST, recipient_id="rcp_2"))
    assert codes(ledger, wish(twin, policy=rules, key="b")) == ["over_per_recipient_per_year"]
    other = quote(person=recipient(id="rcp_3", email="bob@acme.test"))
    assert codes(ledger, wish(other, policy=rules, key="b")) == []


def test_a_limit_that_is_set_tomorrow_knows_of_today(ledger: Ledger) -> None:
    sent(ledger, wish(key="a"))
    rules = policy(limits={"per_day": 30, "per_month": 30, "per_recipient_per_year": 30, "sends_per_hour": 1})
    assert codes(ledger, wish(policy=rules, key="b")) == [
        "over_per_recipient_per_year",
        "over_per_day",
        "over_per_month",
        "over_sends_per_hour",
    ]


def test_the_limit_itself_may_be_reached(ledger: Ledger) -> None:
    rules = policy(limits={"per_day": 40})
    sent(ledger, wish(policy=rules, key="a"))
    sent(ledger, wish(policy=rules, key="b"))
    assert codes(ledger, wish(policy=rules, key="c")) == ["over_per_day"]
    assert used(ledger, "day:2026-11-25") == 4000


@pytest.mark.parametrize("limit", ["per_send", "per_day", "per_month", "per_recipient_per_year"])
def test_the_allowance_for_shipping_is_counted(ledger: Ledger, limit: str) -> None:
    just, short = (
        wish(policy=policy(limits={limit: most, "cost_allowance_percent": 10})) for most in (22, 21.99)
    )
    assert codes(ledger, just) == []
    assert codes(ledger, short) == [f"over_{limit}"]


class Team:
    """A team's budget at Sendoso, which shows what was ordered there."""

    def __init__(self, ledger: Ledger, remaining: int) -> None:
        self.ledger = ledger
        self.remaining = Decimal(remaining)

    def wish(self, key: str, *, price: int = 20, **facts: Any) -> Wish:
        """A wish whose quote reads the budget now, as the guard does it: the ledger's place first."""
        position = self.ledger.position()
        to = quote(gift=item(price=price), left=budget(self.remaining))
        return wish(replace(to, position=position), key=key, **facts)


def test_what_is_held_and_not_yet_visible_is_taken_off_the_team_s_budget(ledger: Ledger) -> None:
    team = Team(ledger, 50)
    first = order(ledger, team.wish("a"))
    assert codes(ledger, team.wish("b", price=30)) == []
    assert codes(ledger, team.wish("b", price=31)) == ["over_team_budget"]
    settle(ledger, first, State.UNKNOWN)
    assert codes(ledger, team.wish("b", price=31)) == ["over_team_budget"]
    # Sendoso shows it now, and the ledger knew before the budget was read.
    confirm(ledger, first)
    team.remaining -= 20
    assert codes(ledger, team.wish("b", price=30)) == []
    assert codes(ledger, team.wish("b", price=31)) == ["over_team_budget"]


def test_what_is_settled_after_the_budget_was_read_still_counts(ledger: Ledger) -> None:
    team = Team(ledger, 50)
    first = order(ledger, team.wish("a"))
    early = team.wish("b", price=31)  # reads 50 USD
    confirm(ledger, first)
    assert codes(ledger, early) == ["over_team_budget"]
    assert used(ledger, TEAM, unseen_at=early.quote.position) == 2000
    assert used(ledger, TEAM, unseen_at=ledger.position()) == 0


@pytest.mark.parametrize("state", [State.NOT_SENT, State.REJECTED, State.CANCELLED])
def test_what_came_back_is_not_taken_off_the_team_s_budget(ledger: Ledger, state: State) -> None:
    team = Team(ledger, 50)
    first = order(ledger, team.wish("a"))
    early = team.wish("b", price=31)
    if state is State.CANCELLED:
        confirm(ledger, first, send_id="send_1")
        ledger.cancelled("send_1", "ann")
    else:
        settle(ledger, first, state)
    assert codes(ledger, early) == []


def test_two_quotes_that_read_the_same_budget_cannot_both_have_it(ledger: Ledger) -> None:
    team = Team(ledger, 30)
    one, two = team.wish("a"), team.wish("b")
    questions = [ask(ledger, one), ask(ledger, two)]
    assert isinstance(answer(ledger, one, questions[0]), Reserved)
    second = answer(ledger, two, questions[1])
    assert isinstance(second, Refusal)
    assert [reason.code for reason in second.verdict.deciding] == ["over_team_budget"]


def test_what_policy_keeps_in_the_budget_stays_in_it(ledger: Ledger) -> None:
    team, rules = Team(ledger, 50), policy(limits={"keep_in_budget": 10})
    order(ledger, team.wish("a", policy=rules))
    assert codes(ledger, team.wish("b", price=20, policy=rules)) == []
    assert codes(ledger, team.wish("b", price=21, policy=rules)) == ["over_team_budget"]


def test_an_overrun_is_taken_off_the_team_s_budget_until_it_is_visible(ledger: Ledger) -> None:
    team = Team(ledger, 50)
    first = order(ledger, team.wish("a"))
    early = team.wish("b", price=25)
    confirm(ledger, first, cost="26")
    assert codes(ledger, early) == ["over_team_budget"]
