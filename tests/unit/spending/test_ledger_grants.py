"""A yes that is given outside the chat: it waits for the wish to be made again, and is used once or void."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ledger_kit import Fragile, answer, ask, confirm, dispatch, order, rows, settle, used, wish, yes
from ledgers import Clock
from spending_kit import REQUEST, budget, item, policy, quote, recipient

from sendoso_mcp.spending.ledger import (
    Break,
    Decisions,
    Granted,
    Intent,
    Ledger,
    Past,
    Refusal,
    Reserved,
    State,
    Wish,
)
from sendoso_mcp.spending.ledger.asking import RENEWED_AFTER

KEYS = pytest.mark.parametrize("key", [None, "k"])
OUTSIDE = "outside_chat"


@pytest.fixture
def decisions(ledger: Ledger) -> Decisions:
    """What people decide in `ledger`."""
    return Decisions(ledger)


def approve(decisions: Decisions, question: Intent, *, seal: str | None = None, who: str = "bob") -> Granted:
    return decisions.approve(question.id, seal or question.seal, rung=OUTSIDE, approver=who)


def use(ledger: Ledger, for_: Wish, question: Intent) -> Reserved | Past | Refusal:
    """The wish, made again: with the question's number, and with no yes of its own."""
    return ledger.reserve(for_, dispatch(), question=question.id, approval=None)


def grants(ledger: Ledger) -> list[str]:
    """The questions whose yes waits; each of them must be in the state in which one does."""
    found = [str(id_) for (id_,) in rows(ledger, "SELECT intent_id FROM grants ORDER BY intent_id")]
    approved = rows(ledger, "SELECT id FROM intents WHERE state = 'approved' ORDER BY id")
    assert [id_ for (id_,) in approved] == found
    verified = ledger.verify()
    assert not isinstance(verified, Break), verified
    return found


@KEYS
def test_a_yes_waits_and_is_used_once(
    ledger: Ledger, decisions: Decisions, clock: Clock, key: str | None
) -> None:
    question = ask(ledger, wish(key=key))
    refused = use(ledger, wish(key=key), question)
    assert isinstance(refused, Refusal)
    assert not refused.stale
    assert approve(decisions, question) is Granted.DONE
    assert grants(ledger) == [question.id]
    assert used(ledger, "sends") == 0
    clock.go(hours=23)
    # However long after, the wish made again is about the same question.
    assert ask(ledger, wish(key=key)).id == question.id
    reserved = use(ledger, wish(key=key), question)
    assert isinstance(reserved, Reserved)
    assert reserved.intent.id == question.id
    assert grants(ledger) == []
    assert rows(ledger, "SELECT rung, approver, principal FROM approvals") == [(OUTSIDE, "bob", "ann")]
    confirm(ledger, reserved.intent)
    again = use(ledger, wish(key=key), question)
    assert isinstance(again, Past)
    assert again.intent.state is State.CONFIRMED
    assert used(ledger, "sends") == 1


def test_the_trail_says_who_said_yes_and_where(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    use(ledger, wish(), question)
    told = [(entry.to_state, entry.actor, entry.detail) for entry in ledger.trail()]
    assert told[2:4] == [
        (State.APPROVED, "bob", {"rung": OUTSIDE}),
        (State.RESERVED, "ann", {"approved_by": "bob", "rung": OUTSIDE}),
    ]


def test_a_gift_too_dear_for_a_form_in_the_chat_is_bought_with_a_yes_from_outside(
    ledger: Ledger, decisions: Decisions
) -> None:
    dear = wish(policy=policy(approval={"outside_chat_above": 10}))
    question = ask(ledger, dear)
    in_chat = answer(ledger, dear, question)
    assert isinstance(in_chat, Refusal)
    assert in_chat.stale
    question = ask(ledger, dear)
    approve(decisions, question)
    assert isinstance(use(ledger, dear, question), Reserved)


CHANGED = {
    "price": wish(quote(gift=item(price=21))),
    "cheaper": wish(quote(gift=item(price=19))),
    "gift": wish(quote(gift=item(name="Bowl"))),
    "address": wish(quote(person=recipient(address=None))),
    "name": wish(quote(person=recipient(first_name="Anne"))),
    "policy": wish(policy=policy(limits={"per_day": 500})),
    "too dear for a form now": wish(policy=policy(approval={"outside_chat_above": 1})),
}


@KEYS
def test_a_yes_is_void_when_something_has_changed(
    ledger: Ledger, decisions: Decisions, key: str | None
) -> None:
    for what, changed in CHANGED.items():
        approved = wish(key=key, principal=what)
        question = ask(ledger, approved)
        approve(decisions, question)
        refused = use(ledger, replace(changed, key=key, principal=what), question)
        assert isinstance(refused, Refusal), what
        assert refused.stale, what
        ended = ledger.known(question.id)
        assert (ended.state, ended.reason) == (State.EXPIRED, "facts_changed"), what
        # Not even for the facts that it was given to.
        assert use(ledger, approved, question) == Past(ended), what
        assert approve(decisions, question) is Granted.CLOSED, what
    assert grants(ledger) == []
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(0,)]


@KEYS
def test_a_changed_wish_is_another_question_and_ends_the_yes(
    ledger: Ledger, decisions: Decisions, key: str | None
) -> None:
    for what, changed in CHANGED.items():
        question = ask(ledger, wish(key=key, principal=what))
        approve(decisions, question)
        anew = ask(ledger, replace(changed, key=key, principal=what))
        assert anew.id != question.id, what
        assert anew.state is State.AWAITING_APPROVAL, what
        assert ledger.known(question.id).reason == "replaced", what
    assert grants(ledger) == []


def test_a_reason_to_ask_that_came_up_since_voids_a_yes(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    confirm(ledger, order(ledger, wish(key="another")))
    refused = use(ledger, wish(), question)
    assert isinstance(refused, Refusal)
    assert refused.stale
    assert "near_duplicate" in {reason.code for reason in refused.verdict.deciding}
    assert grants(ledger) == []


@KEYS
def test_a_limit_holds_after_a_yes(ledger: Ledger, decisions: Decisions, key: str | None) -> None:
    question = ask(ledger, wish(key=key))
    approve(decisions, question)
    poor = wish(quote(left=budget(5)), key=key)
    refused = use(ledger, poor, question)
    assert isinstance(refused, Refusal)
    assert ledger.known(question.id).reason == "over_team_budget"
    assert ledger.known(question.id).state is State.DENIED
    assert grants(ledger) == []


def test_a_wish_that_policy_has_come_to_deny_ends_its_yes(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    poor = wish(quote(left=budget(5)))
    assert ledger.deny(poor, ledger.judge(poor)).id == question.id
    assert grants(ledger) == []


@pytest.mark.parametrize(("hours", "counts"), [(23.999, True), (24, False)])
def test_a_yes_that_is_not_used_in_time_is_void(
    ledger: Ledger, decisions: Decisions, clock: Clock, hours: float, counts: bool
) -> None:
    question = ask(ledger, wish())
    clock.go(hours=1)
    approve(decisions, question)
    clock.go(hours=hours - 1)
    assert isinstance(use(ledger, wish(), question), Reserved) is counts
    assert grants(ledger) == []


def test_policy_says_for_how_long_a_yes_counts(ledger: Ledger, decisions: Decisions, clock: Clock) -> None:
    quick = wish(policy=policy(approval={"answer_within_hours": 0.5}))
    question = ask(ledger, quick)
    clock.go(minutes=29)
    assert approve(decisions, question) is Granted.DONE
    clock.go(minutes=1)
    assert isinstance(use(ledger, quick, question), Refusal)


def test_an_unused_yes_is_written_off_at_the_next_question(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    question = ask(ledger, wish(key="old"))
    approve(decisions, question)
    clock.go(hours=24)
    assert decisions.waiting() == []
    ask(ledger, wish(key="new"))
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.EXPIRED, "yes_not_used")
    assert grants(ledger) == []


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_nobody_decides_after_the_time_to_answer(
    ledger: Ledger, decisions: Decisions, clock: Clock, action: str
) -> None:
    question = ask(ledger, wish())
    clock.go(hours=24)
    decide = {
        "approve": lambda: approve(decisions, question),
        "reject": lambda: decisions.reject(question.id, question.seal, "bob"),
    }
    assert decide[action]() is Granted.CLOSED
    assert grants(ledger) == []


@KEYS
def test_a_yes_can_be_taken_back_until_it_is_used(
    ledger: Ledger, decisions: Decisions, key: str | None
) -> None:
    question = ask(ledger, wish(key=key))
    approve(decisions, question)
    assert decisions.reject(question.id, question.seal, "cleo") is Granted.DONE
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.DECLINED, "yes_taken_back")
    assert use(ledger, wish(key=key), question) == Past(ended)
    assert grants(ledger) == []
    other = ask(ledger, wish(key="other"))
    approve(decisions, other)
    use(ledger, wish(key="other"), other)
    assert decisions.reject(other.id, other.seal, "cleo") is Granted.CLOSED
    assert ledger.known(other.id).state is State.DISPATCHING


@pytest.mark.parametrize("way", ["declined in the chat", "taken back by the assistant"])
def test_whoever_asks_may_take_back_what_was_approved(ledger: Ledger, decisions: Decisions, way: str) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    if way == "declined in the chat":
        assert ledger.decline(question.id, "ann").state is State.DECLINED
    else:
        assert ledger.expire(question.id, "ann", "withdrawn").reason == "withdrawn"
    assert grants(ledger) == []
    assert isinstance(use(ledger, wish(), question), Past)


@pytest.mark.parametrize("reason", ["", "answered_too_fast"])
def test_a_no_from_outside_ends_a_question(ledger: Ledger, decisions: Decisions, reason: str) -> None:
    question = ask(ledger, wish(key="k"))
    if reason:
        ledger.defer(question.id, reason)
    assert decisions.reject(question.id, question.seal, "bob") is Granted.DONE
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.DECLINED, "person_declined")
    assert answer(ledger, wish(key="k"), question) == Past(ended)
    assert approve(decisions, question) is Granted.CLOSED


def test_one_principal_cannot_use_anothers_yes(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    mallory = wish(principal="mallory")
    assert ask(ledger, mallory).id != question.id
    refused = use(ledger, mallory, question)
    assert isinstance(refused, Refusal)
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(0,)]


@KEYS
def test_a_yes_is_for_its_own_wish(ledger: Ledger, decisions: Decisions, key: str | None) -> None:
    question = ask(ledger, wish(key=key))
    approve(decisions, question)
    other = wish(quote(request=replace(REQUEST, message="Other words")))
    refused = use(ledger, other, question)
    assert isinstance(refused, Refusal)
    assert refused.stale
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(0,)]


def test_without_its_question_s_number_a_yes_is_not_found(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    refused = ledger.reserve(wish(), dispatch(), question=None, approval=None)
    assert isinstance(refused, Refusal)
    assert grants(ledger) == [question.id]


def test_a_key_stands_for_its_question_and_the_yes_to_it(ledger: Ledger, decisions: Decisions) -> None:
    """A caller whom nobody had to be asked for, when it looked: the yes stays with the question it was to."""
    question = ask(ledger, wish(key="k"))
    approve(decisions, question)
    reserved = ledger.reserve(wish(key="k"), dispatch(), question=None, approval=None)
    assert isinstance(reserved, Reserved)
    assert reserved.intent.id == question.id
    assert rows(ledger, "SELECT intent_id, approver FROM approvals") == [(question.id, "bob")]
    assert grants(ledger) == []


def test_a_second_yes_is_too_late(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    assert approve(decisions, question) is Granted.DONE
    assert approve(decisions, question) is approve(decisions, question, who="cleo") is Granted.CLOSED
    assert rows(ledger, "SELECT approver FROM grants") == [("bob",)]
    use(ledger, wish(), question)
    assert approve(decisions, question) is Granted.CLOSED
    assert grants(ledger) == []


def test_a_yes_is_to_what_was_shown(ledger: Ledger, decisions: Decisions) -> None:
    question, other = ask(ledger, wish(key="a")), ask(ledger, wish(key="b"))
    for seal in (other.seal, "", question.seal[:-1]):
        assert approve(decisions, question, seal=seal or "none") is Granted.CHANGED
        assert decisions.reject(question.id, seal, "bob") is Granted.CHANGED
    assert ledger.known(question.id).state is State.AWAITING_APPROVAL
    assert grants(ledger) == []


def test_a_seal_names_every_fact_that_a_yes_is_to(ledger: Ledger) -> None:
    asked = [ask(ledger, replace(changed, key=name)) for name, changed in CHANGED.items()]
    asked.append(ask(ledger, wish(key="as it was")))
    assert len({replace(question, id="one").seal for question in asked}) == len(asked)
    (first, *_) = asked
    assert replace(first, asks=frozenset()).seal != first.seal


@pytest.mark.parametrize("id_", ["", "nothing", "0" * 12])
def test_nothing_is_decided_about_a_question_that_is_not_there(decisions: Decisions, id_: str) -> None:
    assert decisions.approve(id_, "seal", rung=OUTSIDE, approver="bob") is Granted.UNKNOWN
    assert decisions.reject(id_, "seal", "bob") is Granted.UNKNOWN
    assert decisions.question(id_) is None


@pytest.mark.parametrize("state", [State.CONFIRMED, State.UNKNOWN, State.REJECTED, State.NOT_SENT])
def test_nothing_is_decided_about_what_was_ordered(
    ledger: Ledger, decisions: Decisions, state: State
) -> None:
    intent = order(ledger)
    intent = confirm(ledger, intent) if state is State.CONFIRMED else settle(ledger, intent, state)
    assert approve(decisions, intent) is Granted.CLOSED
    assert decisions.reject(intent.id, intent.seal, "bob") is Granted.CLOSED
    assert ledger.known(intent.id) == intent


def test_a_yes_in_the_chat_orders_what_was_approved_outside_as_well_once(
    ledger: Ledger, decisions: Decisions
) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    reserved = ledger.reserve(wish(), dispatch(), question=question.id, approval=yes(question))
    assert isinstance(reserved, Reserved)
    assert isinstance(use(ledger, wish(), question), Past)
    assert grants(ledger) == []


def test_what_waits_is_told_oldest_first_and_to_whom_it_belongs(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    asked = []
    for who, key in (("ann", "a"), ("bob", "b"), ("ann", "c")):
        asked.append(ask(ledger, wish(key=key, principal=who)).id)
        clock.go(seconds=1)
    approve(decisions, ledger.known(asked[0]))
    ledger.decline(ask(ledger, wish(key="d")).id, "ann")
    order(ledger, wish(key="e"))
    assert [intent.id for intent in decisions.waiting()] == asked
    assert [intent.id for intent in decisions.waiting("ann")] == [asked[0], asked[2]]
    assert [intent.state for intent in decisions.waiting("bob")] == [State.AWAITING_APPROVAL]


def test_a_yes_that_was_slipped_into_the_tables_is_found(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    with ledger._used().write("test") as session:
        session.execute(
            "INSERT INTO grants (intent_id, quote_digest, rung, approver, granted_at) "
            "VALUES (?, ?, 'outside_chat', 'eve', '2026')",
            question.id,
            question.quote_digest,
        )
    broken = ledger.verify()
    assert isinstance(broken, Break)
    assert broken.where == f"grants of {question.id}"


# Questions that wait outside the chat


@KEYS
def test_a_question_for_somebody_outside_the_chat_keeps_its_number(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    _, asked = ledger.consider(wish(key=key), in_chat=False)
    assert asked is not None
    clock.go(seconds=RENEWED_AFTER + 1)
    _, later = ledger.consider(wish(quote(left=budget(50)), key=key), in_chat=False)
    assert later == asked
    _, in_chat = ledger.consider(wish(key=key), in_chat=True)
    assert in_chat is not None
    assert in_chat.id != asked.id


@KEYS
def test_a_question_too_dear_for_the_chat_keeps_its_number(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    dear = wish(key=key, policy=policy(approval={"outside_chat_above": 10}))
    _, asked = ledger.consider(dear, in_chat=True)
    clock.go(hours=23)
    assert ledger.consider(dear, in_chat=True)[1] == asked


@KEYS
def test_a_question_that_was_left_to_a_person_stays_with_them(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    _, asked = ledger.consider(wish(key=key))
    assert asked is not None
    left = ledger.defer(asked.id, "answered_too_fast")
    assert (left.state, left.reason) == (State.AWAITING_APPROVAL, "answered_too_fast")
    clock.go(hours=1)
    _, later = ledger.consider(wish(key=key))
    assert later == left
    assert later is not None
    assert later.seal == asked.seal
    assert [entry.detail for entry in ledger.trail()][-1] == {"reason": "answered_too_fast"}


@pytest.mark.parametrize("after", ["approved", "declined", "ordered"])
def test_only_a_question_that_waits_is_left_to_a_person(
    ledger: Ledger, decisions: Decisions, after: str
) -> None:
    question = ask(ledger, wish())
    if after == "approved":
        approve(decisions, question)
    elif after == "declined":
        ledger.decline(question.id, "ann")
    else:
        answer(ledger, wish(), question)
    before = ledger.known(question.id)
    assert ledger.defer(question.id, "answered_too_fast") == before == ledger.known(question.id)


def test_the_assistant_may_withdraw_what_it_asked(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish(key="k"))
    withdrawn = ledger.expire(question.id, "ann", "withdrawn")
    assert (withdrawn.state, withdrawn.reason) == (State.EXPIRED, "withdrawn")
    assert approve(decisions, question) is Granted.CLOSED
    assert ask(ledger, wish(key="k")).id != question.id


# An answer of the database that is lost


@pytest.fixture
def fragile(ledger: Ledger) -> Fragile:
    return Fragile.of(ledger)


LOSSES = pytest.mark.parametrize("lost", ["before", "after"])


@LOSSES
@pytest.mark.parametrize("decision", ["approve", "reject", "take back"])
def test_a_decision_whose_commit_was_not_answered_is_done_once(
    ledger: Ledger, decisions: Decisions, fragile: Fragile, lost: str, decision: str
) -> None:
    question = ask(ledger, wish())
    if decision == "take back":
        approve(decisions, question)
    state = State.APPROVED if decision == "approve" else State.DECLINED
    act: dict[str, Any] = {"approve": lambda: approve(decisions, question)}
    fragile.lose = [lost]
    told = act.get(decision, lambda: decisions.reject(question.id, question.seal, "bob"))()
    assert told is Granted.DONE
    assert [entry.to_state for entry in ledger.trail()].count(state) == 1
    assert grants(ledger) == ([question.id] if decision == "approve" else [])


@LOSSES
def test_a_yes_is_used_once_when_the_answer_to_that_is_lost(
    ledger: Ledger, decisions: Decisions, fragile: Fragile, lost: str
) -> None:
    question = ask(ledger, wish())
    approve(decisions, question)
    fragile.lose = [lost]
    assert isinstance(use(ledger, wish(), question), Reserved)
    assert isinstance(use(ledger, wish(), question), Past)
    assert used(ledger, "sends") == 1
    assert grants(ledger) == []
