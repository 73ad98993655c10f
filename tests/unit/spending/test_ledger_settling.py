"""What came of an order: its money posted at the real cost, given back, or held until a person decides."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import confirm, order, rows, settle, used, wish
from ledgers import Clock
from spending_kit import policy, quote

from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger import UNSETTLED, Intent, Ledger, Outcome, State
from sendoso_mcp.spending.limits import HOUR

DAY, ANN = "day:2026-11-25", "recipient:ann@acme.test"
HELD = {DAY: 2000, "month:2026-11": 2000, ANN: 2000, "send": 2000, "team": 2000, "sends": 1}
SENT = Send(id="send_1", status="pending", cost=Decimal("20.00"))


def holds(ledger: Ledger, intent: Intent) -> dict[str, int]:
    return dict(rows(ledger, "SELECT bucket, amount FROM holds WHERE intent_id = ?", intent.id))


def kinds(ledger: Ledger, intent: Intent) -> set[str]:
    sql = "SELECT DISTINCT kind FROM holds WHERE intent_id = ?"
    return {row[0] for row in rows(ledger, sql, intent.id)}


def bring(ledger: Ledger, state: State) -> Intent:
    """An order that has come to this state."""
    intent = order(ledger)
    if state is State.NEEDS_REVIEW:
        settle(ledger, intent, State.UNKNOWN)
    if state is not State.DISPATCHING:
        intent = settle(ledger, intent, state)
    assert intent.state is state
    return intent


@pytest.mark.parametrize("state", sorted(UNSETTLED))
def test_money_stays_held_as_long_as_it_is_not_known_what_came_of_it(
    ledger: Ledger, clock: Clock, state: State
) -> None:
    intent = bring(ledger, state)
    clock.go(days=400)
    assert holds(ledger, intent) == HELD
    assert kinds(ledger, intent) == {"held"}
    assert used(ledger, DAY) == 2000
    assert [one.id for one in ledger.unsettled()] == [intent.id]


@pytest.mark.parametrize("before", sorted(UNSETTLED))
@pytest.mark.parametrize("after", [State.NOT_SENT, State.REJECTED])
def test_money_comes_back_when_it_is_proven_that_nothing_was_ordered(
    ledger: Ledger, before: State, after: State
) -> None:
    intent = settle(ledger, bring(ledger, before), after, reason="why")
    assert (intent.state, intent.reason) == (after, "why")
    assert holds(ledger, intent) == dict.fromkeys(HELD, 0)
    assert kinds(ledger, intent) == {"released"}
    assert not ledger.unsettled()
    assert intent.attempt is not None
    assert intent.attempt.send_id is None


@pytest.mark.parametrize("before", sorted(UNSETTLED))
def test_what_was_sent_is_posted_at_its_real_cost(ledger: Ledger, before: State) -> None:
    intent = confirm(ledger, bring(ledger, before), cost="17.25", send_id="send_1")
    assert holds(ledger, intent) == dict.fromkeys(HELD, 1725) | {"sends": 1}
    assert kinds(ledger, intent) == {"posted"}
    attempt = intent.attempt
    assert attempt is not None
    assert (attempt.send_id, attempt.send_status, attempt.cost) == ("send_1", "pending", Decimal("17.25"))
    assert ledger.owned(["send_1", "send_2"]) == {"send_1"}
    last = list(ledger.trail())[-1]
    assert last.detail == {"send_id": "send_1", "cost": "17.25"}


@pytest.mark.parametrize("cost", [None, 0])
def test_a_cost_that_is_not_told_is_what_was_held(ledger: Ledger, cost: int | None) -> None:
    intent = confirm(ledger, order(ledger), cost=cost)
    assert holds(ledger, intent) == HELD


@pytest.mark.parametrize("first", [State.CONFIRMED, State.NOT_SENT, State.REJECTED])
def test_what_is_settled_is_not_settled_again(ledger: Ledger, first: State) -> None:
    intent = order(ledger)
    settled = settle(ledger, intent, first, send=SENT if first is State.CONFIRMED else None)
    length, held = ledger.position(), holds(ledger, intent)
    for state in (State.CONFIRMED, State.NOT_SENT, State.REJECTED, State.UNKNOWN, State.NEEDS_REVIEW):
        send = Send(id="send_2", cost=Decimal(99)) if state is State.CONFIRMED else None
        assert settle(ledger, intent, state, send=send) == settled
    assert ledger.position() == length
    assert holds(ledger, intent) == held


def test_a_second_look_that_finds_nothing_new_writes_nothing(ledger: Ledger) -> None:
    intent = order(ledger)
    for state in (State.UNKNOWN, State.NEEDS_REVIEW):
        settled = settle(ledger, intent, state, reason="why")
        length = ledger.position()
        assert settle(ledger, intent, state, reason="again") == settled
        assert settle(ledger, intent, State.UNKNOWN, reason="again") == settled
        assert ledger.position() == length


def test_what_needs_a_review_was_unknown_before(ledger: Ledger) -> None:
    settle(ledger, order(ledger), State.NEEDS_REVIEW)
    assert [entry.to_state for entry in ledger.trail()][-2:] == [State.UNKNOWN, State.NEEDS_REVIEW]


@pytest.mark.parametrize("before", sorted(UNSETTLED))
def test_no_two_intents_have_one_send(ledger: Ledger, before: State) -> None:
    confirm(ledger, order(ledger, wish(key="first")), send_id="send_1")
    second = bring(ledger, before)
    told = confirm(ledger, second, cost="5", send_id="send_1")
    assert told.state is (State.UNKNOWN if before is State.DISPATCHING else before)
    assert told.attempt is not None
    assert told.attempt.send_id is None
    assert holds(ledger, second) == HELD
    if before is State.DISPATCHING:
        assert told.reason == "send_of_another_intent"


def test_a_confirmed_order_without_a_send_is_a_defect_and_changes_nothing(ledger: Ledger) -> None:
    intent = order(ledger)
    with pytest.raises(ValueError, match="has a send"):
        settle(ledger, intent, State.CONFIRMED)
    assert ledger.known(intent.id) == intent


def test_an_order_is_settled_by_its_token_if_it_was_written_down(ledger: Ledger) -> None:
    intent = order(ledger)
    assert intent.attempt is not None
    ledger.settle_order("another", Outcome(State.NOT_SENT, "test"))
    assert ledger.known(intent.id).state is State.DISPATCHING
    ledger.settle_order(intent.attempt.token, Outcome(State.NOT_SENT, "test"))
    assert ledger.known(intent.id).state is State.NOT_SENT


@pytest.mark.parametrize(
    ("limits", "cost", "passed"),
    [
        ({}, "20.00", None),
        ({}, "25.00", []),
        ({"per_send": 24, "per_day": 30, "per_month": 30}, "24.00", []),
        ({"per_send": 24, "per_day": 30}, "24.01", ["send"]),
        (
            {"per_send": 20, "per_day": 20, "per_month": 20, "per_recipient_per_year": 20},
            "20.01",
            ["day", "month", "recipient", "send"],
        ),
        ({}, "100.01", ["team"]),
        ({"cost_allowance_percent": 25}, "25.00", None),
        ({"cost_allowance_percent": 25, "per_send": 25}, "25.01", ["send"]),
    ],
)
def test_a_cost_beyond_what_was_held_is_reported_with_every_limit_it_passed(
    ledger: Ledger, limits: dict[str, Any], cost: str, passed: list[str] | None
) -> None:
    rules = policy(limits=limits, approval={"outside_chat_above": 1000})
    intent = confirm(ledger, order(ledger, wish(policy=rules)), cost=cost)
    assert intent.state is State.CONFIRMED
    assert used(ledger, DAY) == int(Decimal(cost) * 100)
    detail = list(ledger.trail())[-1].detail
    assert detail.get("over_limits") == passed
    assert intent.attempt is not None
    over = Decimal(cost) - intent.attempt.held
    assert detail.get("overrun") == (str(over) if passed is not None else None)
    assert list(intent.attempt.over_limits) == (passed or [])


def test_an_overrun_counts_what_others_spent_of_the_limit(ledger: Ledger) -> None:
    rules = policy(limits={"per_day": 45})
    first = order(ledger, wish(policy=rules, key="a"))
    confirm(ledger, order(ledger, wish(policy=rules, key="b")))
    confirm(ledger, first, cost="26")
    assert list(ledger.trail())[-1].detail["over_limits"] == ["day"]
    assert used(ledger, DAY) == 4600
    # It is not hidden, and it leaves nothing for others.
    verdict = ledger.judge(wish(policy=rules, key="c"))
    (reason,) = [reason for reason in verdict.deciding if reason.code == "over_per_day"]
    assert (reason.limit, reason.value, reason.headroom) == (45, 66, 0)


def test_a_cancelled_send_gives_its_money_back_once(ledger: Ledger, clock: Clock) -> None:
    intent = confirm(ledger, order(ledger), cost="28", send_id="send_1")
    cancelled = ledger.cancelled("send_1", "ann")
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    assert cancelled.attempt == intent.attempt
    # The number of sends in an hour is about haste, not about money.
    assert holds(ledger, intent) == dict.fromkeys(HELD, 0) | {"sends": 1}
    assert used(ledger, "sends", since=clock.now - HOUR) == 1
    length = ledger.position()
    assert ledger.cancelled("send_1", "bob") == cancelled
    assert ledger.position() == length
    assert list(ledger.trail())[-1].actor == "ann"


def test_a_cancelled_send_of_somebody_else_changes_nothing(ledger: Ledger) -> None:
    confirm(ledger, order(ledger), send_id="send_1")
    length = ledger.position()
    assert ledger.cancelled("send_2", "ann") is None
    assert ledger.position() == length


def test_a_send_that_was_cancelled_is_not_settled_again(ledger: Ledger) -> None:
    intent = confirm(ledger, order(ledger), send_id="send_1")
    cancelled = ledger.cancelled("send_1", "ann")
    assert settle(ledger, intent, State.CONFIRMED, send=SENT) == cancelled


def test_orders_without_an_end_are_told_oldest_first(ledger: Ledger, clock: Clock) -> None:
    intents = []
    for state in (State.UNKNOWN, State.CONFIRMED, State.DISPATCHING, State.NEEDS_REVIEW):
        intent = order(ledger, wish(quote(), key=str(state)))
        if state is not State.DISPATCHING:
            settle(ledger, intent, state, send=SENT)
        intents.append(intent.id)
        clock.go(seconds=1)
    assert [intent.id for intent in ledger.unsettled()] == [intents[0], intents[2], intents[3]]
