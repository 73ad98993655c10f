"""Questions as rows: how they are opened, renewed, answered and ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from ledger_kit import answer, ask, confirm, dispatch, order, rows, settle, wish, yes
from ledgers import Clock
from spending_kit import REQUEST, budget, item, policy, quote, recipient

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.ledger import DECLINED_FOR, Decisions, Ledger, Past, Refusal, Reserved, State, Wish
from sendoso_mcp.spending.ledger.asking import MOST_OPEN, RENEWED_AFTER

DAY_OF_HOURS = 24 * 3600.0
"""Seconds: policy's answer_within_hours."""
KEYS = pytest.mark.parametrize("key", [None, "k"])


@KEYS
def test_a_question_is_the_same_until_it_is_answered(ledger: Ledger, clock: Clock, key: str | None) -> None:
    asked = ask(ledger, wish(key=key))
    clock.go(seconds=RENEWED_AFTER)
    assert ask(ledger, wish(key=key)) == asked
    assert asked.state is State.AWAITING_APPROVAL
    assert (asked.principal, asked.key, asked.person) == ("ann", key, "ann@acme.test")
    assert asked.quote.order == wish().quote.order
    assert asked.quote_digest == asked.quote.digest == wish().quote.digest


def test_nobody_has_more_questions_open_than_a_person_would_read(ledger: Ledger) -> None:
    question, *_ = [ask(ledger, wish(key=str(number))) for number in range(MOST_OPEN)]
    with pytest.raises(BadArgument, match="50 questions wait"):
        ask(ledger, wish(key="one more"))
    assert ask(ledger, wish(key="1")).state is State.AWAITING_APPROVAL
    assert ask(ledger, wish(key="k", principal="bob")).state is State.AWAITING_APPROVAL
    ledger.expire(question.id, "ann", "withdrawn")
    assert ask(ledger, wish(key="one more")).state is State.AWAITING_APPROVAL


@KEYS
def test_a_question_is_put_in_the_same_words_while_colleagues_spend(ledger: Ledger, key: str | None) -> None:
    asked = ask(ledger, wish(quote(left=budget(500)), key=key))
    again = ask(ledger, wish(quote(left=budget(400)), key=key))
    assert again == asked
    assert again.quote.budget.remaining == 500


@KEYS
def test_a_question_asked_anew_after_a_while_shows_the_budget_of_then(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    asked = ask(ledger, wish(quote(left=budget(500)), key=key))
    clock.go(seconds=RENEWED_AFTER + 1)
    now = wish(quote(left=budget(30)), key=key)
    assert ask(ledger, now, answering=True) == asked
    anew = ask(ledger, now)
    assert anew.id != asked.id
    assert anew.quote.budget.remaining == 30
    assert ledger.known(asked.id).state is State.EXPIRED
    assert answer(ledger, now, asked) == Past(ledger.known(asked.id))


@KEYS
@pytest.mark.parametrize(
    "changed",
    [
        wish(quote(gift=item(price=30))),
        wish(quote(gift=item(name="Bowl"))),
        wish(quote(person=recipient(address=None))),
        wish(policy=policy(limits={"per_day": 500})),
    ],
    ids=["price", "gift", "address", "policy"],
)
def test_a_question_that_is_no_longer_true_is_replaced(
    ledger: Ledger, key: str | None, changed: Wish
) -> None:
    asked = ask(ledger, wish(key=key))
    anew = ask(ledger, replace(changed, key=key), answering=True)
    assert anew.id != asked.id
    assert ledger.known(asked.id).reason == "replaced"
    assert rows(ledger, "SELECT count(*) FROM intents WHERE state = 'awaiting_approval'") == [(1,)]


def test_a_reason_to_ask_that_came_up_since_replaces_the_question(ledger: Ledger) -> None:
    asked = ask(ledger, wish())
    confirm(ledger, order(ledger, wish(key="k")))
    anew = ask(ledger, wish(), answering=True)
    assert anew.id != asked.id
    assert len(anew.asks) == len(asked.asks) + 1


def test_calls_with_different_keys_or_people_are_asked_about_apart(ledger: Ledger) -> None:
    wishes = [wish(), wish(key="a"), wish(key="b"), wish(principal="bob"), wish(key="a", principal="bob")]
    assert len({ask(ledger, each).id for each in wishes}) == len(wishes)


@KEYS
def test_a_question_can_be_answered_for_a_day_and_no_longer(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    asked = ask(ledger, wish(key=key))
    clock.go(seconds=DAY_OF_HOURS)
    late = answer(ledger, wish(key=key), asked)
    assert isinstance(late, Refusal)
    assert late.stale
    assert ledger.known(asked.id).state is State.EXPIRED
    again = ask(ledger, wish(key=key))
    clock.go(seconds=DAY_OF_HOURS - 0.001)
    assert isinstance(answer(ledger, wish(key=key), again), Reserved)


def test_questions_that_nobody_can_answer_any_more_are_ended_at_the_next_one(
    ledger: Ledger, clock: Clock
) -> None:
    old = ask(ledger, wish(key="old"))
    clock.go(seconds=DAY_OF_HOURS)
    ask(ledger, wish(key="new"))
    ended = ledger.known(old.id)
    assert (ended.state, ended.reason) == (State.EXPIRED, "nobody_answered")


@KEYS
def test_a_no_is_the_end_of_a_question(ledger: Ledger, key: str | None) -> None:
    asked = ask(ledger, wish(key=key))
    declined = ledger.decline(asked.id, "ann")
    assert (declined.state, declined.reason) == (State.DECLINED, "person_declined")
    assert ledger.decline(asked.id, "ann") == ledger.expire(asked.id, "ann", "dismissed") == declined
    assert answer(ledger, wish(key=key), asked) == Past(declined)
    assert ask(ledger, wish(key=key)) == declined
    assert ask(ledger, wish(key=key), answering=True) == declined


@KEYS
def test_without_a_key_a_no_stands_for_a_while(ledger: Ledger, clock: Clock, key: str | None) -> None:
    asked = ask(ledger, wish(key=key))
    clock.go(minutes=3)
    declined = ledger.decline(asked.id, "ann")
    clock.now += DECLINED_FOR - timedelta(microseconds=1)
    # A price that moves makes it no other wish.
    assert ask(ledger, wish(quote(gift=item(price=19)), key=key)) == declined
    others = [wish(quote(request=other), key=key and str(place)) for place, other in enumerate(OTHERS)]
    for other in (*others, wish(key="other"), wish(key=key, principal="bob")):
        assert ask(ledger, other).state is State.AWAITING_APPROVAL
    clock.go(microseconds=1)
    assert (ask(ledger, wish(key=key)) == declined) is (key is not None)


@pytest.mark.parametrize("how", ["refused", "taken back"])
def test_a_no_outside_the_chat_stands_as_long(ledger: Ledger, clock: Clock, how: str) -> None:
    asked, decisions = ask(ledger, wish()), Decisions(ledger)
    if how == "taken back":
        decisions.approve(asked.id, asked.seal, rung="outside_chat", approver="bob")
    decisions.reject(asked.id, asked.seal, "bob")
    assert ask(ledger, wish()).id == asked.id
    clock.now += DECLINED_FOR
    assert ask(ledger, wish()).id != asked.id


def test_a_no_of_a_clock_that_ran_ahead_silences_nobody(ledger: Ledger, clock: Clock) -> None:
    clock.go(days=300)
    declined = ledger.decline(ask(ledger, wish()).id, "ann")
    clock.go(days=-300)
    assert ask(ledger, wish()).id != declined.id


@KEYS
def test_a_question_taken_back_is_asked_anew(ledger: Ledger, key: str | None) -> None:
    asked = ask(ledger, wish(key=key))
    ended = ledger.expire(asked.id, "ann", "dismissed")
    assert (ended.state, ended.reason) == (State.EXPIRED, "dismissed")
    assert answer(ledger, wish(key=key), asked) == Past(ended)
    assert ask(ledger, wish(key=key)).id != asked.id


def test_a_yes_outlives_what_ends_only_a_question_that_waits(ledger: Ledger) -> None:
    asked, decisions, waiting = ask(ledger, wish()), Decisions(ledger), frozenset({State.AWAITING_APPROVAL})
    decisions.approve(asked.id, asked.seal, rung="outside_chat", approver="bob")
    assert ledger.expire(asked.id, "ann", "dismissed", waiting).state is State.APPROVED
    assert ledger.expire(asked.id, "ann", "withdrawn").state is State.EXPIRED


@pytest.mark.parametrize("state", [State.CONFIRMED, State.UNKNOWN, State.NOT_SENT, State.REJECTED])
def test_a_no_that_comes_after_the_yes_changes_nothing(ledger: Ledger, state: State) -> None:
    intent = order(ledger, wish(key="k"))
    for after in (None, state):
        if after is State.CONFIRMED:
            confirm(ledger, intent)
        elif after is not None:
            settle(ledger, intent, after)
        now = ledger.known(intent.id)
        assert ledger.decline(intent.id, "ann") == ledger.expire(intent.id, "ann", "dismissed") == now
    assert ledger.known(intent.id).state is state


@KEYS
def test_a_no_to_a_question_that_was_replaced_is_a_no_to_what_replaced_it(
    ledger: Ledger, key: str | None
) -> None:
    asked = ask(ledger, wish(key=key))
    dearer = ask(ledger, wish(quote(gift=item(price=30)), key=key))
    assert ledger.decline(asked.id, "ann").id == dearer.id
    assert ledger.known(dearer.id).state is State.DECLINED


def test_what_policy_denies_is_written_down_and_frees_its_key(ledger: Ledger) -> None:
    poor = wish(quote(left=budget(10)), key="k")
    denied = ledger.deny(poor, ledger.judge(poor))
    assert (denied.state, denied.reason, denied.attempt) == (State.DENIED, "over_team_budget", None)
    assert ledger.with_key("ann", "k", poor.quote.request.digest) == denied
    assert isinstance(answer(ledger, wish(key="k"), ask(ledger, wish(key="k"))), Reserved)


@KEYS
def test_what_policy_comes_to_deny_is_no_open_question_any_more(ledger: Ledger, key: str | None) -> None:
    """The price rose over a limit, and falls again: a yes to the first question must not order then."""
    asked = ask(ledger, wish(key=key))
    dear = wish(quote(gift=item(price=200)), key=key)
    denied = ledger.deny(dear, ledger.judge(dear))
    assert denied.id == asked.id
    assert answer(ledger, wish(key=key), asked) == Past(denied)
    assert ask(ledger, wish(key=key), answering=True).id != asked.id


def test_a_denial_of_what_was_ordered_before_changes_nothing(ledger: Ledger) -> None:
    intent = confirm(ledger, order(ledger, wish(key="k")))
    dear = wish(quote(gift=item(price=200)), key="k")
    assert ledger.deny(dear, ledger.judge(dear)) == intent


OTHERS = [
    replace(REQUEST, message="other words"),
    replace(REQUEST, recipient_id="rcp_2"),
    replace(REQUEST, item_id="itm_2"),
    replace(REQUEST, crm_id="003"),
]


@pytest.mark.parametrize("ended", ["open", "dismissed", "declined", "denied", "ordered", "not sent"])
def test_a_key_is_strict_whatever_came_of_it(ledger: Ledger, ended: str) -> None:
    first = wish(key="k")
    if ended in ("ordered", "not sent"):
        intent = order(ledger, first)
        if ended == "not sent":
            settle(ledger, intent, State.NOT_SENT)
    elif ended == "denied":
        ledger.deny(first, ledger.judge(first))
    else:
        question = ask(ledger, first)
        if ended == "dismissed":
            ledger.expire(question.id, "ann", "dismissed")
        if ended == "declined":
            ledger.decline(question.id, "ann")
    length = ledger.position()
    for second in (wish(quote(request=other), key="k") for other in OTHERS):
        for call in (
            partial(ledger.with_key, "ann", "k", second.quote.request.digest),
            partial(ask, ledger, second),
            partial(ledger.deny, second, ledger.judge(second)),
            partial(ledger.reserve, second, dispatch(), question=None, approval=None),
        ):
            with pytest.raises(BadArgument, match="idempotency_key: "):
                call()
    assert ledger.position() == length


def test_what_a_wish_follows_is_written_down(ledger: Ledger) -> None:
    first = settle(ledger, order(ledger, wish(key="k")), State.REJECTED)
    second = ask(ledger, wish(key="k"))
    assert rows(ledger, "SELECT follows FROM intents WHERE id = ?", second.id) == [(first.id,)]


def test_a_yes_names_who_gave_it_and_how(ledger: Ledger) -> None:
    intent = order(ledger)
    told = rows(ledger, "SELECT rung, approver, principal, policy_version FROM approvals")
    assert told == [("chat_form", "Ann at her desk", "ann", intent.policy_version)]
    reserved = next(entry for entry in ledger.trail() if entry.to_state is State.RESERVED)
    assert reserved.detail == {"approved_by": "Ann at her desk", "rung": "chat_form"}
    assert yes(intent).quote_digest == intent.quote_digest
