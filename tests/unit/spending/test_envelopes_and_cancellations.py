"""What a person allows in advance, and which sends they let be cancelled, in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import confirm, dispatch, rows, settle, wish
from ledger_kit import envelope as envelope_at
from ledgers import START, Clock
from spending_kit import budget, item, policy, quote, recipient

from sendoso_mcp.spending.approvals import OUTSIDE
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import (
    Break,
    Decisions,
    Granted,
    Intent,
    Ledger,
    Past,
    Refusal,
    Reserved,
    Stage,
    State,
    Wish,
)
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.verdict import Effect

WITHIN = timedelta(hours=24)
FACTS = (("To", "Ann Lee"), ("Gift", "Mug"))


@pytest.fixture
def ledger_url() -> str:
    """In memory: what each database does with these rules is in test_ledger_grants.py and its neighbours."""
    return "sqlite://"


@pytest.fixture
def decisions(ledger: Ledger) -> Decisions:
    return Decisions(ledger)


def approve(decisions: Decisions, question: Intent) -> Granted:
    return decisions.approve(question.id, question.seal, rung=OUTSIDE, approver="Ann's boss")


def use(ledger: Ledger, for_: Wish, question: Intent | None = None) -> Reserved | Past | Refusal:
    """What a call that brings no yes of its own comes to."""
    return ledger.reserve(for_, dispatch(), question=question.id if question else None, approval=None)


def whole(ledger: Ledger) -> None:
    assert not isinstance(ledger.verify(), Break)


# Envelopes


def envelope(**facts: Any) -> Envelope:
    """One of ten days, as most of these tests go on for longer than one."""
    return envelope_at(START, **{"until": START + timedelta(days=10), **facts})


def to(email: str | None, **facts: Any) -> Quote:
    return quote(person=recipient(email=email, **facts))


@pytest.mark.parametrize(
    ("facts", "email", "admitted"),
    [
        ({}, "ann@acme.test", True),
        ({}, "ann@ACME.test", True),
        ({}, "ann@mail.acme.test", False),
        ({}, "ann@acme.test.evil.example", False),
        ({}, "ann@evil.example, bob@acme.test", False),
        ({}, "ann@evil.example\u200b@acme.test", False),
        ({}, None, False),
        ({"domains": ("*.acme.test",)}, "ann@mail.acme.test", True),
        ({"domains": ("*.acme.test",)}, "ann@acme.test", False),
        ({"domains": ("*.acme.test",)}, "ann@xacme.test", False),
        ({"domains": (), "emails": ("Ann+2026@Acme.test",)}, "ann@acme.test", True),
        ({"domains": (), "emails": ("ann@acme.test",)}, "ANN+gifts@acme.TEST", True),
        ({"domains": (), "emails": ("ann@acme.test",)}, "bob@acme.test", False),
        ({"domains": (), "emails": ()}, "ann@acme.test", False),
        ({"items": ("itm_1", "itm_2")}, "ann@acme.test", True),
        ({"items": ("itm_2",)}, "ann@acme.test", False),
        ({"each": Decimal("19.99")}, "ann@acme.test", False),
        ({"until": START}, "ann@acme.test", False),
        ({"until": START + timedelta(microseconds=1)}, "ann@acme.test", True),
    ],
)
def test_who_and_what_an_envelope_admits(facts: dict[str, Any], email: str | None, admitted: bool) -> None:
    assert envelope(**facts).admits(to(email), Policy(), START) is admitted


def test_an_envelope_counts_the_price_with_policys_allowance() -> None:
    rules = policy(limits={"cost_allowance_percent": 10})
    assert not envelope(each=Decimal("21.99")).admits(quote(), rules, START)
    assert envelope(each=22).admits(quote(), rules, START)
    assert not envelope().admits(quote(gift=item(price=None)), Policy(), START)


@pytest.mark.parametrize(("days", "admitted"), [(0, True), (9, True), (10, True), (11, False), (700, False)])
def test_an_envelope_ends_for_what_is_sent_later_too(days: int, admitted: bool) -> None:
    day = (START + timedelta(days=days)).date()
    later = quote(request=SendRequest("rcp_ann", "itm_mug", scheduled_date=day))
    assert envelope(each=100).admits(later, Policy(), START) is admitted


def test_policy_can_forbid_envelopes(ledger: Ledger, decisions: Decisions) -> None:
    decisions.open_envelope(envelope())
    rules = policy(approval={"envelopes": False})
    assert isinstance(use(ledger, wish(policy=rules)), Refusal)
    assert isinstance(use(ledger, wish()), Reserved)


def numbered(number: int, **more: Any) -> Wish:
    """A gift to somebody of their own."""
    person = recipient(id=f"rcp_{number}", email=f"p{number}@acme.test")
    told = quote(person=person, request=SendRequest(person.id, "itm_1"), left=budget(1_000))
    return wish(told, key=f"k{number}", **more)


def test_an_envelope_is_a_yes_to_so_many_sends(ledger: Ledger, decisions: Decisions) -> None:
    decisions.open_envelope(envelope())
    decisions.open_envelope(envelope())  # the same one
    for number in range(3):
        for_ = numbered(number)
        verdict, question = ledger.consider(for_)
        assert (verdict.effect, question) == (Effect.ALLOW, None)
        reserved = use(ledger, for_)
        assert isinstance(reserved, Reserved)
        confirm(ledger, reserved.intent)
    assert [opened.used for opened in decisions.opened()] == [3]
    refusal = use(ledger, numbered(3))
    assert isinstance(refusal, Refusal)
    assert refusal.verdict.effect is Effect.ASK
    found = rows(ledger, "SELECT DISTINCT rung, approver FROM approvals")
    assert found == [("envelope", f"envelope {envelope().id}, opened by bob")]
    whole(ledger)


@pytest.mark.parametrize(
    ("end", "used"),
    [
        (State.CONFIRMED, 1),
        (State.CANCELLED, 1),
        (State.UNKNOWN, 1),
        (State.NEEDS_REVIEW, 1),
        (State.NOT_SENT, 0),
        (State.REJECTED, 0),
    ],
)
def test_only_what_was_not_ordered_gives_its_place_back(
    ledger: Ledger, decisions: Decisions, end: State, used: int
) -> None:
    decisions.open_envelope(envelope(sends=1))
    reserved = use(ledger, numbered(1))
    assert isinstance(reserved, Reserved)
    if end in (State.CONFIRMED, State.CANCELLED):
        sent = confirm(ledger, reserved.intent)
        if end is State.CANCELLED:
            assert sent.attempt is not None
            ledger.cancelled(str(sent.attempt.send_id), "ann")
    else:
        settle(ledger, reserved.intent, end)
    assert ledger.known(reserved.intent.id).state is end
    assert [opened.used for opened in decisions.opened()] == [used]
    assert isinstance(use(ledger, numbered(2)), Refusal if used else Reserved)


def test_a_second_gift_for_a_person_is_asked_about_in_an_envelope_too(
    ledger: Ledger, decisions: Decisions
) -> None:
    decisions.open_envelope(envelope())
    first = use(ledger, wish())
    assert isinstance(first, Reserved)
    refusal = use(ledger, wish())
    assert isinstance(refusal, Refusal)
    assert {reason.code for reason in refusal.verdict.deciding} == {"person_must_approve", "near_duplicate"}
    assert [opened.used for opened in decisions.opened()] == [1]


@pytest.mark.parametrize(
    "facts", [{"address": None}, {"address": {"city": "Springfield"}}], ids=["none", "no street"]
)
def test_what_else_a_person_has_to_know_of_is_asked_about_in_an_envelope_too(
    ledger: Ledger, decisions: Decisions, facts: dict[str, Any]
) -> None:
    decisions.open_envelope(envelope())
    refusal = use(ledger, wish(to("ann@acme.test", **facts)))
    assert isinstance(refusal, Refusal)
    assert {reason.code for reason in refusal.verdict.deciding} >= {"no_postal_address"}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"limits": {"per_send": 19}}, "over_per_send"),
        ({"limits": {"per_day": 19}}, "over_per_day"),
        ({"limits": {"sends_per_hour": 0}}, "over_sends_per_hour"),
        ({"limits": {"keep_in_budget": 90}}, "over_team_budget"),
        ({"recipients": {"do_not_gift": ["ann@acme.test"]}}, "do_not_gift"),
        ({"items": {"deny_types": ["swag"]}}, "type_denied"),
    ],
)
def test_an_envelope_lifts_no_rule_of_policy(
    ledger: Ledger, decisions: Decisions, rules: dict[str, Any], code: str
) -> None:
    decisions.open_envelope(envelope())
    refusal = use(ledger, wish(policy=policy(**rules)))
    assert isinstance(refusal, Refusal)
    assert refusal.verdict.effect is Effect.DENY
    assert [reason.code for reason in refusal.verdict.deciding] == [code]
    assert [opened.used for opened in decisions.opened()] == [0]


def test_an_envelope_that_was_closed_or_has_ended_allows_nothing(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    decisions.open_envelope(envelope())
    assert decisions.revoke_envelope(envelope().id, "boss")
    assert not decisions.revoke_envelope(envelope().id, "boss")
    assert isinstance(use(ledger, numbered(1)), Refusal)
    decisions.open_envelope(envelope())  # closed for good: the very same one cannot be opened again
    assert isinstance(use(ledger, numbered(1)), Refusal)
    decisions.open_envelope(envelope(name="Other"))
    assert isinstance(use(ledger, numbered(1)), Reserved)
    clock.go(days=10)
    assert decisions.opened() == []
    assert isinstance(use(ledger, numbered(2)), Refusal)
    whole(ledger)


def test_a_gift_that_policy_asks_nobody_about_takes_no_place(ledger: Ledger, decisions: Decisions) -> None:
    decisions.open_envelope(envelope())
    assert isinstance(use(ledger, wish(policy=policy(approval={"ask_above": 20}))), Reserved)
    assert [opened.used for opened in decisions.opened()] == [0]
    assert rows(ledger, "SELECT * FROM approvals") == []


def test_of_several_envelopes_the_one_that_ends_first_is_used_first(
    ledger: Ledger, decisions: Decisions
) -> None:
    late, soon = envelope(), envelope(name="Soon", sends=1, until=START + timedelta(days=1))
    for one in (late, soon):
        decisions.open_envelope(one)
    for number in range(3):
        assert isinstance(use(ledger, numbered(number)), Reserved)
    assert [(opened.envelope, opened.used) for opened in decisions.opened()] == [(soon, 1), (late, 2)]


# Cancelling


@pytest.mark.parametrize("in_chat", [False, True])
def test_a_yes_to_cancelling_is_used_once(ledger: Ledger, decisions: Decisions, in_chat: bool) -> None:
    asked = decisions.ask_to_cancel("ann", "send_1", FACTS, WITHIN)
    assert decisions.ask_to_cancel("ann", "send_1", FACTS, WITHIN) == asked
    assert decisions.question(asked.id) == asked
    assert not decisions.use_cancellation(asked, "ann")
    other = replace(asked, facts=(("To", "Bob"), *FACTS[1:]))
    assert not decisions.answer_cancellation(other, yes=True, actor="form")
    if in_chat:
        assert decisions.answer_cancellation(asked, yes=True, actor="form")
    else:
        assert decisions.approve(asked.id, "x", rung=OUTSIDE, approver="boss") is Granted.CHANGED
        assert decisions.approve(asked.id, asked.seal, rung=OUTSIDE, approver="boss") is Granted.DONE
        assert [one.stage for one in decisions.open_cancellations()] == [Stage.APPROVED]
        assert not decisions.use_cancellation(other, "ann")
        assert decisions.use_cancellation(asked, "ann")
    assert not decisions.use_cancellation(asked, "ann")
    assert not decisions.answer_cancellation(asked, yes=True, actor="form")
    assert decisions.approve(asked.id, asked.seal, rung=OUTSIDE, approver="boss") is Granted.CLOSED
    assert decisions.open_cancellations() == []
    anew = decisions.ask_to_cancel("ann", "send_1", FACTS, WITHIN)
    assert (anew.stage, anew.id != asked.id) == (Stage.AWAITING, True)
    whole(ledger)


@pytest.mark.parametrize("approved", [False, True])
def test_a_cancellation_whose_facts_have_changed_is_a_new_question(
    ledger: Ledger, decisions: Decisions, approved: bool
) -> None:
    asked = decisions.ask_to_cancel("ann", "send_1", FACTS, WITHIN)
    if approved:
        assert decisions.approve(asked.id, asked.seal, rung=OUTSIDE, approver="boss") is Granted.DONE
    anew = decisions.ask_to_cancel("ann", "send_1", (*FACTS, ("Comes back", "20.00 USD")), WITHIN)
    assert (anew.stage, anew.id != asked.id, anew.seal != asked.seal) == (Stage.AWAITING, True, True)
    assert not decisions.use_cancellation(asked, "ann")
    assert not decisions.use_cancellation(anew, "ann")
    assert decisions.open_cancellations() == [anew]
    whole(ledger)


@pytest.mark.parametrize("how", ["in the chat", "outside", "taken back", "too late"])
def test_what_nobody_let_be_cancelled_is_not(
    ledger: Ledger, decisions: Decisions, clock: Clock, how: str
) -> None:
    asked = decisions.ask_to_cancel("ann", "send_1", FACTS, WITHIN)
    if how == "in the chat":
        assert not decisions.answer_cancellation(asked, yes=False, actor="form")
    else:
        if how != "outside":
            assert decisions.approve(asked.id, asked.seal, rung=OUTSIDE, approver="boss") is Granted.DONE
        if how == "too late":
            clock.go(hours=24)
        expected = Granted.CLOSED if how == "too late" else Granted.DONE
        assert decisions.reject(asked.id, asked.seal, "boss") is expected
    assert not decisions.use_cancellation(asked, "ann")
    assert not decisions.answer_cancellation(asked, yes=True, actor="form")
    assert decisions.open_cancellations() == []
    whole(ledger)


def test_the_same_send_may_be_asked_about_by_two(decisions: Decisions) -> None:
    asked = {decisions.ask_to_cancel(who, "send_1", FACTS, WITHIN).id for who in ("ann", "bob")}
    assert len(asked) == 2
