"""What a person decides outside the chat, in the ledger: a yes or no, a PIN, envelopes, cancellations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import ask, confirm, dispatch, order, rows, settle, wish, yes
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
from sendoso_mcp.spending.ledger.asking import RENEWED_AFTER
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.verdict import Effect

KEYS = pytest.mark.parametrize("key", [None, "k"])
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


# A yes that waits


@KEYS
def test_a_yes_waits_until_the_wish_is_made_again_and_is_used_once(
    ledger: Ledger, decisions: Decisions, clock: Clock, key: str | None
) -> None:
    question = ask(ledger, wish(key=key))
    assert isinstance(use(ledger, wish(key=key), question), Refusal)
    assert approve(decisions, question) is Granted.DONE
    assert [one.state for one in decisions.waiting("ann")] == [State.APPROVED]
    clock.go(hours=23)
    verdict, found = ledger.consider(wish(key=key))
    assert (verdict.effect, found and found.id) == (Effect.ASK, question.id)
    reserved = use(ledger, wish(key=key), question)
    assert isinstance(reserved, Reserved)
    assert rows(ledger, "SELECT rung, approver FROM approvals") == [(OUTSIDE, "Ann's boss")]
    assert use(ledger, wish(key=key), question) == Past(ledger.known(question.id))
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(1,)]
    assert rows(ledger, "SELECT * FROM grants") == []
    assert decisions.waiting() == []
    whole(ledger)


@KEYS
@pytest.mark.parametrize("again", [False, True], ids=["at the order", "at the look before it"])
@pytest.mark.parametrize(
    "changed",
    [
        wish(quote(gift=item(price=30))),
        wish(quote(gift=item(price=10))),
        wish(quote(gift=item(name="Bowl"))),
        wish(quote(person=recipient(address=None))),
        wish(policy=policy(limits={"per_day": 500})),
    ],
    ids=["dearer", "cheaper", "gift", "address", "policy"],
)
def test_a_yes_is_void_when_what_it_was_said_to_has_changed(
    ledger: Ledger, decisions: Decisions, key: str | None, changed: Wish, again: bool
) -> None:
    question, changed = ask(ledger, wish(key=key)), replace(changed, key=key)
    assert approve(decisions, question) is Granted.DONE
    if again:
        _, anew = ledger.consider(changed, in_chat=False)
        assert anew is not None
        assert anew.id != question.id
        assert anew.state is State.AWAITING_APPROVAL
        assert isinstance(use(ledger, changed, anew), Refusal)
    else:
        refusal = use(ledger, changed, question)
        assert isinstance(refusal, Refusal)
        assert refusal.stale
    assert ledger.known(question.id).state is State.EXPIRED
    assert rows(ledger, "SELECT * FROM grants") == []
    assert approve(decisions, question) is Granted.CLOSED
    # Not even if all is as it was: that is another question.
    assert use(ledger, wish(key=key), question) == Past(ledger.known(question.id))
    assert rows(ledger, "SELECT * FROM attempts") == []
    whole(ledger)


def test_a_reason_to_ask_that_came_up_after_the_yes_makes_it_void(
    ledger: Ledger, decisions: Decisions
) -> None:
    question = ask(ledger, wish())
    assert approve(decisions, question) is Granted.DONE
    confirm(ledger, order(ledger, wish(key="another")))
    refusal = use(ledger, wish(), question)
    assert isinstance(refusal, Refusal)
    assert refusal.stale
    assert any(reason.code == "near_duplicate" for reason in refusal.verdict.reasons)


@KEYS
def test_a_yes_is_for_a_day(ledger: Ledger, decisions: Decisions, clock: Clock, key: str | None) -> None:
    first = ask(ledger, wish(key=key))
    assert approve(decisions, first) is Granted.DONE
    clock.go(hours=24)
    assert decisions.waiting() == []
    assert decisions.reject(first.id, first.seal, "boss") is Granted.CLOSED
    refusal = use(ledger, wish(key=key), first)
    assert isinstance(refusal, Refusal)
    assert refusal.stale

    second = ask(ledger, wish(key=key))
    assert approve(decisions, second) is Granted.DONE
    clock.go(hours=24)
    third = ask(ledger, wish(key=key))
    assert third.id != second.id
    assert ledger.known(second.id).reason == "yes_not_used"
    clock.go(hours=24)
    assert approve(decisions, third) is Granted.CLOSED
    assert rows(ledger, "SELECT * FROM attempts") == []


@KEYS
@pytest.mark.parametrize(
    ("approved", "reason"), [(False, "person_declined"), (True, "yes_taken_back")], ids=["no", "taken back"]
)
def test_a_no_outside_the_chat_is_the_end_of_it(
    ledger: Ledger, decisions: Decisions, key: str | None, approved: bool, reason: str
) -> None:
    question = ask(ledger, wish(key=key))
    if approved:
        assert approve(decisions, question) is Granted.DONE
    assert decisions.reject(question.id, "another seal", "boss") is Granted.CHANGED
    assert decisions.reject(question.id, question.seal, "boss") is Granted.DONE
    ended = ledger.known(question.id)
    assert (ended.state, ended.reason) == (State.DECLINED, reason)
    assert use(ledger, wish(key=key), question) == Past(ended)
    assert decisions.reject(question.id, question.seal, "boss") is Granted.CLOSED
    assert approve(decisions, question) is Granted.CLOSED
    whole(ledger)


def test_nobody_else_can_use_a_yes(ledger: Ledger, decisions: Decisions) -> None:
    question = ask(ledger, wish())
    assert approve(decisions, question) is Granted.DONE
    _, of_bob = ledger.consider(wish(principal="bob"))
    assert of_bob is not None
    assert of_bob.id != question.id
    assert of_bob.state is State.AWAITING_APPROVAL
    assert isinstance(use(ledger, wish(principal="bob"), of_bob), Refusal)
    assert [one.id for one in decisions.waiting("bob")] == [of_bob.id]
    assert isinstance(use(ledger, wish(principal="bob"), question), Refusal)
    assert rows(ledger, "SELECT * FROM attempts") == []


def test_a_yes_is_to_the_facts_under_its_seal_and_is_given_once(ledger: Ledger, decisions: Decisions) -> None:
    question, other = ask(ledger, wish()), ask(ledger, wish(key="k"))
    assert question.seal != other.seal
    for seal in ("", "another", other.seal):
        given = decisions.approve(question.id, seal, rung=OUTSIDE, approver="boss")
        assert given is Granted.CHANGED
    assert approve(decisions, question) is Granted.DONE
    assert approve(decisions, question) is Granted.CLOSED
    assert decisions.approve("none such", "s", rung=OUTSIDE, approver="boss") is Granted.UNKNOWN
    assert decisions.reject("none such", "s", "boss") is Granted.UNKNOWN
    assert rows(ledger, "SELECT intent_id FROM grants") == [(question.id,)]


def test_a_form_is_not_enough_where_policy_wants_more(ledger: Ledger, decisions: Decisions) -> None:
    rules = policy(approval={"outside_chat_above": 10})
    first = ask(ledger, wish(policy=rules))
    refused = ledger.reserve(wish(policy=rules), dispatch(), question=first.id, approval=yes(first))
    assert isinstance(refused, Refusal)
    second = ask(ledger, wish(policy=rules))
    assert approve(decisions, second) is Granted.DONE
    assert isinstance(use(ledger, wish(policy=rules), second), Reserved)


def test_a_limit_that_was_used_up_after_the_yes_denies_it(ledger: Ledger, decisions: Decisions) -> None:
    rules = policy(limits={"per_day": 30})
    question = ask(ledger, wish(policy=rules))
    assert approve(decisions, question) is Granted.DONE
    order(ledger, wish(policy=rules, key="another"))
    refusal = use(ledger, wish(policy=rules), question)
    assert isinstance(refusal, Refusal)
    assert refusal.verdict.effect is Effect.DENY
    assert ledger.known(question.id).state is State.DENIED
    assert rows(ledger, "SELECT * FROM grants") == []


@KEYS
def test_a_question_that_waits_outside_keeps_its_number(
    ledger: Ledger, clock: Clock, key: str | None
) -> None:
    _, asked = ledger.consider(wish(key=key), in_chat=False)
    assert asked is not None
    clock.go(seconds=RENEWED_AFTER + 1)
    assert ledger.consider(wish(key=key), in_chat=False)[1] == asked
    _, in_chat = ledger.consider(wish(key=key))
    assert in_chat is not None
    assert in_chat.id != asked.id


@KEYS
def test_a_question_that_was_left_to_a_person_outside_stays_there(
    ledger: Ledger, decisions: Decisions, clock: Clock, key: str | None
) -> None:
    asked = ask(ledger, wish(key=key))
    left = ledger.defer(asked.id, "answered_too_fast")
    assert (left.state, left.reason) == (State.AWAITING_APPROVAL, "answered_too_fast")
    clock.go(seconds=RENEWED_AFTER + 1)
    _, again = ledger.consider(wish(key=key))
    assert again is not None
    assert (again.id, again.reason) == (asked.id, "answered_too_fast")
    assert approve(decisions, again) is Granted.DONE
    assert ledger.defer(asked.id, "answered_too_fast").state is State.APPROVED
    clock.go(seconds=RENEWED_AFTER + 1)
    assert isinstance(use(ledger, wish(key=key), asked), Reserved)
    whole(ledger)


# The PIN


def test_of_a_pin_only_a_hash_is_kept_and_each_failure_doubles_the_wait(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    assert not decisions.has_pin()
    assert (decisions.begin_try().pin_hash, decisions.begin_try().wait) == ("", 0)
    decisions.set_pin("a hash", "boss")
    assert decisions.has_pin()
    waits = []
    for number in range(1, 13):
        tried = decisions.begin_try()
        assert tried.pin_hash == "a hash"
        # Written before anybody looks whether it was right.
        assert rows(ledger, "SELECT failures FROM approver") == [(number,)]
        waits.append(tried.wait)
        clock.go(seconds=tried.wait / 2)
        early = decisions.begin_try()
        assert (early.pin_hash, early.wait) == ("", tried.wait / 2)
        assert rows(ledger, "SELECT failures FROM approver") == [(number,)]
        clock.go(seconds=tried.wait / 2)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    whole(ledger)


@pytest.mark.parametrize("closed", [False, True])
def test_a_right_pin_forgets_the_failures(
    ledger: Ledger, decisions: Decisions, clock: Clock, closed: bool
) -> None:
    """Also if it came too late for its question."""
    decisions.set_pin("a hash", "boss")
    question = ask(ledger, wish())
    if closed:
        ledger.decline(question.id, "ann")
    for _ in range(5):
        clock.go(seconds=decisions.begin_try().wait)
    assert decisions.begin_try().pin_hash
    assert approve(decisions, question) is (Granted.CLOSED if closed else Granted.DONE)
    assert rows(ledger, "SELECT failures FROM approver") == [(0,)]
    assert decisions.begin_try().wait == 1


def test_a_new_pin_replaces_the_old_one(ledger: Ledger, decisions: Decisions) -> None:
    decisions.set_pin("a hash", "boss")
    decisions.begin_try()
    decisions.set_pin("another", "boss")
    assert decisions.begin_try().pin_hash == "another"
    assert rows(ledger, "SELECT count(*) FROM approver") == [(1,)]
    assert rows(ledger, "SELECT count(*) FROM deeds WHERE document LIKE '%hash%'") == [(0,)]
    whole(ledger)


# Envelopes


def envelope(**facts: Any) -> Envelope:
    told = {
        "name": "Leads",
        "sends": 3,
        "each": 20,
        "domains": ("acme.test",),
        "until": START + timedelta(days=10),
        "opened_at": START,
        "opened_by": "Ann's boss",
    }
    return Envelope.model_validate(told | facts)


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
    assert found == [("envelope", f"envelope {envelope().id}, opened by Ann's boss")]
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
