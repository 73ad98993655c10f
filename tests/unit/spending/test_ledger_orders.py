"""From a yes to an order that may be given: once, and under every limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import (
    answer,
    ask,
    confirm,
    dispatch,
    order,
    rows,
    settle,
    used,
    wish,
    yes,
)
from ledgers import ACCOUNT, Clock
from spending_kit import REQUEST, budget, item, policy, quote, recipient

from sendoso_mcp.spending.dispatch import ORDER_TAKES
from sendoso_mcp.spending.ledger import Dispatch, Ledger, Past, Refusal, Reserved, State
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.verdict import Effect

DAY = "day:2026-11-25"
MONTH = "month:2026-11"
ANN = "recipient:ann@acme.test"
KEYS = pytest.mark.parametrize("key", [None, "k"])


def test_an_order_holds_its_money_in_every_bucket(ledger: Ledger, clock: Clock) -> None:
    rules = policy(limits={"per_day": 50, "sends_per_hour": 3, "cost_allowance_percent": 10})
    intent = order(ledger, wish(policy=rules))
    assert intent.state is State.DISPATCHING
    assert intent.attempt is not None
    assert (intent.attempt.held, intent.attempt.begun_at) == (Decimal(22), clock.now)
    assert intent.attempt.ended_by == clock.now + ORDER_TAKES
    told = rows(ledger, "SELECT bucket, used_before, granted, most, amount, kind, settled_seq FROM holds")
    assert sorted(told) == [
        (DAY, 0, 2200, 5000, 2200, "held", None),
        (MONTH, 0, 2200, None, 2200, "held", None),
        (ANN, 0, 2200, None, 2200, "held", None),
        ("send", 0, 2200, None, 2200, "held", None),
        ("sends", 0, 1, 3, 1, "held", None),
        ("team", 0, 2200, 10_000, 2200, "held", None),
    ]
    assert [entry.to_state for entry in ledger.trail()] == [
        State.PROPOSED,
        State.AWAITING_APPROVAL,
        State.RESERVED,
        State.DISPATCHING,
    ]


@KEYS
def test_a_yes_is_used_up_by_its_order(ledger: Ledger, key: str | None) -> None:
    question = ask(ledger, wish(key=key))
    reserved = answer(ledger, wish(key=key), question)
    assert isinstance(reserved, Reserved)
    for state in (None, State.UNKNOWN, State.NEEDS_REVIEW, State.REJECTED):
        if state is not None:
            settle(ledger, reserved.intent, state)
        assert answer(ledger, wish(key=key), question) == Past(ledger.known(question.id))
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(1,)]
    assert rows(ledger, "SELECT count(*) FROM approvals") == [(1,)]


def test_the_same_order_is_not_written_down_twice(ledger: Ledger) -> None:
    """The commit's answer was lost, so the same reservation is tried again: it finds its own."""
    question = ask(ledger, wish())
    first = answer(ledger, wish(), question, by="me")
    length = ledger.position()
    assert answer(ledger, wish(), question, by="me") == first
    assert isinstance(answer(ledger, wish(), question, by="another"), Past)
    assert ledger.position() == length


@pytest.mark.parametrize("taken_for_dead", [False, True])
def test_an_order_whose_maker_hears_of_it_too_late_is_never_given(
    ledger: Ledger, clock: Clock, taken_for_dead: bool
) -> None:
    """Others may have looked for it by then, or will before it has its answer."""
    question = ask(ledger, wish())
    answer(ledger, wish(), question, by="me")
    if taken_for_dead:
        settle(ledger, question, State.UNKNOWN)
    else:
        clock.now += ORDER_TAKES / 2 + timedelta(milliseconds=1)
    late = answer(ledger, wish(), question, by="me")
    assert isinstance(late, Past)
    assert (late.intent.state, late.intent.reason) == (State.NOT_SENT, "never_given")
    assert used(ledger, DAY) == 0


def test_a_yes_and_its_order_stand_or_fall_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very last statement of the transaction fails: then neither is there, and the yes is still good."""
    question, before = ask(ledger, wish()), ledger.position()
    real = Book.move

    def fails(book: Any, intent: Any, after: State, *args: Any, **kwargs: Any) -> Any:
        moved = real(book, intent, after, *args, **kwargs)
        if after is State.DISPATCHING:
            raise InterruptedError
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Book, "move", fails)
        with pytest.raises(InterruptedError):
            answer(ledger, wish(), question)
    for nothing in ("FROM attempts", "FROM approvals", "FROM holds", "FROM buckets"):
        assert rows(ledger, f"SELECT 1 {nothing}") == []
    assert ledger.known(question.id) == question
    assert ledger.position() == before
    assert isinstance(answer(ledger, wish(), question), Reserved)


def test_fifty_yeses_at_once_are_one_order(ledger: Ledger) -> None:
    question = ask(ledger, wish())
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: answer(ledger, wish(), question), range(50)))
    assert sum(isinstance(result, Reserved) for result in results) == 1
    assert sum(isinstance(result, Past) for result in results) == 49


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (wish(quote(gift=item(price="20.01"))), {}),
        (wish(quote(gift=item(name="Bowl"))), {}),
        (wish(quote(request=replace(REQUEST, message="other"))), {}),
        (wish(), {"digest": quote(gift=item(price=1)).digest}),
        (wish(principal="bob"), {}),
        (wish(policy=policy(limits={"per_day": 500})), {}),
        (wish(policy=policy(approval={"outside_chat_above": 5})), {}),
    ],
    ids=["price", "gift", "words", "a yes to another", "another's", "policy", "too dear for a form"],
)
def test_a_yes_to_other_facts_orders_nothing_and_is_used_up(
    ledger: Ledger, sent: Any, told: dict[str, Any]
) -> None:
    question = ask(ledger, wish())
    refusal = ledger.reserve(sent, dispatch(), question=question.id, approval=yes(question, **told))
    assert isinstance(refusal, Refusal)
    assert refusal.stale
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.EXPIRED, "facts_changed")
    assert answer(ledger, wish(), question) == Past(ended)
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(0,)]


@KEYS
def test_what_was_used_up_between_the_question_and_the_yes_denies_it(ledger: Ledger, key: str | None) -> None:
    rules = policy(limits={"per_day": 39})
    question = ask(ledger, wish(key=key, policy=rules))
    order(ledger, wish(quote(request=replace(REQUEST, recipient_id="rcp_2")), key="x", policy=rules))
    refusal = answer(ledger, wish(key=key, policy=rules), question)
    assert isinstance(refusal, Refusal)
    assert (refusal.verdict.effect, refusal.stale) == (Effect.DENY, False)
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.DENIED, "over_per_day")
    assert used(ledger, DAY) == 2000


def test_who_was_not_asked_does_not_order(ledger: Ledger) -> None:
    refusal = ledger.reserve(wish(), dispatch(), question=None, approval=None)
    assert isinstance(refusal, Refusal)
    assert refusal.verdict.effect is Effect.ASK
    assert ledger.position() == 0


GENEROUS = policy(approval={"ask_above": 20})


@KEYS
def test_what_policy_allows_is_ordered_without_a_question(ledger: Ledger, key: str | None) -> None:
    reserved = ledger.reserve(wish(key=key, policy=GENEROUS), dispatch(), question=None, approval=None)
    assert isinstance(reserved, Reserved)
    again = ledger.reserve(wish(key=key, policy=GENEROUS), dispatch(), question=None, approval=None)
    if key:
        assert again == Past(reserved.intent)
    else:
        assert isinstance(again, Refusal)
        assert [reason.code for reason in again.verdict.deciding] == ["near_duplicate"]
        assert f"near_duplicate:{reserved.intent.id}" in again.verdict.asks


def test_an_open_question_of_a_stricter_policy_ends_where_the_next_one_asks_nobody(ledger: Ledger) -> None:
    question = ask(ledger, wish(key="k"))
    reserved = ledger.reserve(wish(key="k", policy=GENEROUS), dispatch(), question=None, approval=None)
    assert isinstance(reserved, Reserved)
    assert reserved.intent.id != question.id
    assert ledger.known(question.id).state is State.EXPIRED


@pytest.mark.parametrize("state", [State.NOT_SENT, State.REJECTED])
def test_after_a_proven_non_send_the_key_orders_again(ledger: Ledger, state: State) -> None:
    first = settle(ledger, order(ledger, wish(key="k")), state)
    second = order(ledger, wish(key="k"))
    assert second.id != first.id
    assert answer(ledger, wish(key="k"), first) == Past(first)


@pytest.mark.parametrize(
    ("other", "after", "told"),
    [
        (wish(), timedelta(days=364), True),  # the very same gift, within the year
        (wish(), timedelta(days=365, seconds=1), False),
        (
            wish(quote(gift=item(id="itm_2"), request=replace(REQUEST, item_id="itm_2"))),
            timedelta(hours=24),
            True,
        ),
        (
            wish(quote(gift=item(id="itm_2"), request=replace(REQUEST, item_id="itm_2"))),
            timedelta(hours=24, seconds=1),
            False,
        ),
        # Another contact with the same mailbox is the same person.
        (wish(quote(person=recipient(id="rcp_2", email="ANN+x@ACME.test"))), timedelta(hours=1), True),
        (wish(quote(person=recipient(id="rcp_2", email="bob@acme.test"))), timedelta(hours=1), False),
        (wish(key="k"), timedelta(hours=1), False),
    ],
    ids=[
        "same",
        "same, long ago",
        "other gift",
        "other gift, a day ago",
        "same mailbox",
        "other person",
        "key",
    ],
)
@pytest.mark.parametrize("state", [State.CONFIRMED, State.UNKNOWN])
def test_a_near_duplicate_is_pointed_out(
    ledger: Ledger, clock: Clock, other: Any, after: timedelta, told: bool, state: State
) -> None:
    earlier = order(ledger)
    if state is State.CONFIRMED:
        confirm(ledger, earlier, send_id="send_9")
    else:
        settle(ledger, earlier, state)
    clock.now += after
    found = [reason for reason in ledger.judge(other).reasons if reason.code == "near_duplicate"]
    assert [reason.about for reason in found] == ([earlier.id] if told else [])
    if told:
        assert ("send_9" in found[0].text) is (state is State.CONFIRMED)


@pytest.mark.parametrize("state", [State.NOT_SENT, State.REJECTED, State.CANCELLED])
def test_what_never_went_or_was_cancelled_is_no_near_duplicate(ledger: Ledger, state: State) -> None:
    if state is State.CANCELLED:
        confirm(ledger, order(ledger), send_id="send_1")
        ledger.cancelled("send_1", "ann")
    else:
        settle(ledger, order(ledger), state)
    assert {reason.code for reason in ledger.judge(wish()).reasons} == {"person_must_approve"}


def test_two_ledgers_on_one_database_never_order_one_question_twice(shared_url: str, clock: Clock) -> None:
    one, two = (Ledger(shared_url, account=ACCOUNT, now=clock) for _ in range(2))
    question = ask(one, wish(key="k"))
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda ledger: answer(ledger, wish(key="k"), question), [one, two]))
    assert {type(result) for result in results} == {Reserved, Past}
    reserved = next(result for result in results if isinstance(result, Reserved))
    assert reserved.intent == one.known(question.id) == two.known(question.id)
    for ledger in (one, two):
        ledger.close()


def test_of_two_quotes_that_read_the_same_budget_only_one_is_ordered(shared_url: str, clock: Clock) -> None:
    """Both see 30 USD left; what the first one holds is not in what the second one saw."""
    one, two = (Ledger(shared_url, account=ACCOUNT, now=clock) for _ in range(2))
    questions = []
    for ledger, key in ((one, "a"), (two, "b")):
        seen = wish(replace(quote(left=budget(30)), position=ledger.position()), key=key)
        questions.append((ledger, seen, ask(ledger, seen)))
    first, second = (answer(*each) for each in questions)
    assert isinstance(first, Reserved)
    assert isinstance(second, Refusal)
    assert [reason.code for reason in second.verdict.deciding] == ["over_team_budget"]
    for ledger in (one, two):
        ledger.close()


def test_an_order_of_another_process_says_whose_it_is(ledger: Ledger) -> None:
    reserved = ledger.reserve(
        wish(policy=GENEROUS), Dispatch("t", timedelta(seconds=5), "gift-mark"), question=None, approval=None
    )
    assert isinstance(reserved, Reserved)
    attempt = reserved.intent.attempt
    assert attempt is not None
    assert (attempt.mark, attempt.instance) == ("gift-mark", ledger._used().instance)
    assert attempt.ended_by - attempt.begun_at == timedelta(seconds=5)
