"""A person's yes in advance: what is in it needs no other, and never more than its count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import answer, ask, confirm, dispatch, settle, transaction, wish
from ledgers import ACCOUNT, Clock
from spending_kit import budget, item, policy, quote, recipient

from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import (
    ENVELOPE,
    Break,
    Decisions,
    Ledger,
    Past,
    Refusal,
    Reserved,
    State,
    Wish,
)
from sendoso_mcp.spending.mailboxes import normalised_email

RICH = budget(10_000)


def opened(ledger: Ledger, **facts: Any) -> Envelope:
    """An envelope for two mugs at acme.test, open for two days, save for what is given."""
    envelope = Envelope.model_validate(
        {
            "name": "Leads",
            "sends": 2,
            "each": Decimal(20),
            "items": ("itm_1",),
            "domains": ("acme.test",),
            "until": ledger.now() + timedelta(days=2),
            "opened_at": ledger.now(),
            "opened_by": "Ann's boss",
        }
        | facts
    )
    Decisions(ledger).open_envelope(envelope)
    return envelope


def mug(key: str, **facts: Any) -> Wish:
    """A mug for Ann under a key of its own, so that it is no near-duplicate of another."""
    return wish(quote(left=RICH, **facts), key=key)


def send(ledger: Ledger, for_: Wish) -> Reserved | Past | Refusal:
    """An assistant's call that nobody was asked about."""
    return ledger.reserve(for_, dispatch(), question=None, approval=None)


def left_in(ledger: Ledger, envelope: Envelope) -> int:
    return next(
        one.envelope.sends - one.used for one in Decisions(ledger).opened() if one.envelope.id == envelope.id
    )


def test_what_is_in_an_envelope_is_ordered_without_a_question_until_it_is_empty(ledger: Ledger) -> None:
    envelope = opened(ledger)
    for key, left in (("a", 1), ("b", 0)):
        assert ledger.consider(mug(key))[1] is None, "nobody is asked"
        reserved = send(ledger, mug(key))
        assert isinstance(reserved, Reserved)
        assert left_in(ledger, envelope) == left
        again = send(ledger, mug(key))
        assert isinstance(again, Past), "one key, one gift, one place"
    refused = send(ledger, mug("c"))
    assert isinstance(refused, Refusal)
    assert refused.verdict.asks == {"person_must_approve:"}
    assert left_in(ledger, envelope) == 0
    told = [entry.detail for entry in ledger.trail() if entry.to_state is State.RESERVED]
    assert told == [{"approved_by": f"envelope {envelope.id}, opened by Ann's boss", "rung": ENVELOPE}] * 2
    assert isinstance(ledger.verify(), tuple)


@pytest.mark.parametrize(
    "facts",
    [
        {"gift": item(price="20.01")},
        {"gift": item(price=None)},
        {"person": recipient(email="ann@b.acme.test")},
        {"person": recipient(email="ann@acme.test.example")},
        {"person": recipient(email="ann@acme.test, eve@other.test")},
        {"person": recipient(email=None)},
    ],
    ids=["dearer", "no price", "below the domain", "beside the domain", "two people", "no email"],
)
def test_what_is_not_in_an_envelope_is_asked_about(ledger: Ledger, facts: dict[str, Any]) -> None:
    envelope = opened(ledger)
    assert not isinstance(send(ledger, mug("a", **facts)), Reserved)
    assert left_in(ledger, envelope) == 2


def test_another_gift_is_not_in_an_envelope_that_names_its_gifts(ledger: Ledger) -> None:
    opened(ledger, items=("itm_2",))
    assert isinstance(send(ledger, mug("a")), Refusal)
    opened(ledger, items=())
    assert isinstance(send(ledger, mug("a")), Reserved)


def test_shipping_that_policy_counts_with_has_to_fit_as_well(ledger: Ledger) -> None:
    opened(ledger)
    rules = policy(limits={"cost_allowance_percent": 10})
    assert isinstance(send(ledger, wish(quote(left=RICH), key="a", policy=rules)), Refusal)
    opened(ledger, each=Decimal(22))
    assert isinstance(send(ledger, wish(quote(left=RICH), key="a", policy=rules)), Reserved)


def test_a_limit_holds_inside_an_envelope_and_policy_can_forbid_it(ledger: Ledger) -> None:
    envelope = opened(ledger)
    for rules in (policy(limits={"per_day": 19}), policy(approval={"envelopes": False})):
        assert isinstance(send(ledger, wish(quote(left=RICH), key="a", policy=rules)), Refusal)
    assert left_in(ledger, envelope) == 2


def test_what_else_a_person_has_to_know_is_asked_about_in_spite_of_an_envelope(ledger: Ledger) -> None:
    """Without a key, a second gift for the same person may be a mistake."""
    envelope = opened(ledger)
    assert isinstance(send(ledger, mug("a")), Reserved)
    assert isinstance(send(ledger, wish(quote(left=RICH))), Refusal)
    question = ask(ledger, wish(quote(left=RICH)))
    assert isinstance(answer(ledger, wish(quote(left=RICH)), question), Reserved)
    assert left_in(ledger, envelope) == 1, "only the keyed one, which was in it"


def test_a_person_who_says_yes_to_this_gift_uses_no_place(ledger: Ledger) -> None:
    question = ask(ledger, mug("a"))
    envelope = opened(ledger)
    assert isinstance(answer(ledger, mug("a"), question), Reserved)
    assert left_in(ledger, envelope) == envelope.sends


def test_no_envelope_is_for_somebody_whom_the_assistant_made(ledger: Ledger) -> None:
    """Their name and address are its own words: an address with a tag is the same mailbox, sent elsewhere."""
    opened(ledger)
    Decisions(ledger).recipient_made(normalised_email("Ann+1@acme.test"), "ann")
    Decisions(ledger).recipient_made(normalised_email("ann@acme.test"), "ann")
    assert isinstance(send(ledger, mug("a")), Refusal)
    assert not isinstance(ledger.verify(), Break)


def test_an_envelope_that_nobody_opened_is_found(ledger: Ledger) -> None:
    opened(ledger)
    assert isinstance(send(ledger, mug("a")), Reserved)
    before = ledger.verify()
    assert not isinstance(before, Break)
    with transaction(ledger) as session:
        session.execute("DELETE FROM deeds")
        session.execute("UPDATE chain SET deeds = 0, deeds_hash = ''")
    found = ledger.verify()
    assert isinstance(found, Break)
    assert found.what.startswith("nobody opened envelope:")


def test_an_envelope_ends_with_its_time_or_when_it_is_closed(ledger: Ledger, clock: Clock) -> None:
    envelope = opened(ledger)
    assert Decisions(ledger).revoke_envelope(envelope.id, "Ann's boss")
    assert not Decisions(ledger).revoke_envelope(envelope.id, "Ann's boss")
    assert isinstance(send(ledger, mug("a")), Refusal)
    Decisions(ledger).open_envelope(envelope)
    assert isinstance(send(ledger, mug("a")), Refusal), "closed for good"
    other = opened(ledger, name="Others")
    clock.go(days=2)
    assert Decisions(ledger).opened() == []
    assert not Decisions(ledger).revoke_envelope(other.id, "Ann's boss")
    assert isinstance(send(ledger, mug("a")), Refusal)


def test_of_two_envelopes_the_one_that_ends_first_is_used_first(ledger: Ledger) -> None:
    later = opened(ledger, name="Later")
    sooner = opened(ledger, sends=1, until=ledger.now() + timedelta(days=1))
    for key, left in (("a", (0, 2)), ("b", (0, 1))):
        assert isinstance(send(ledger, mug(key)), Reserved)
        assert (left_in(ledger, sooner), left_in(ledger, later)) == left


@pytest.mark.parametrize("state", [State.NOT_SENT, State.REJECTED])
def test_what_was_provably_not_sent_takes_no_place(ledger: Ledger, state: State) -> None:
    envelope = opened(ledger)
    reserved = send(ledger, mug("a"))
    assert isinstance(reserved, Reserved)
    settle(ledger, reserved.intent, state)
    assert left_in(ledger, envelope) == 2


def test_what_was_sent_keeps_its_place_whatever_it_cost(ledger: Ledger) -> None:
    envelope = opened(ledger)
    reserved = send(ledger, mug("a"))
    assert isinstance(reserved, Reserved)
    confirm(ledger, reserved.intent, cost=31)
    assert left_in(ledger, envelope) == 1
    assert isinstance(ledger.verify(), tuple)


def test_of_forty_sends_at_once_on_two_machines_an_envelope_pays_for_exactly_its_count(
    shared_url: str, clock: Clock
) -> None:
    ledgers = [Ledger(shared_url, account=ACCOUNT, now=clock) for _ in range(2)]
    envelope = opened(ledgers[0], sends=7)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda number: send(ledgers[number % 2], mug(f"k{number}")), range(40)))
    assert sum(isinstance(result, Reserved) for result in results) == 7
    assert sum(isinstance(result, Refusal) for result in results) == 33
    assert left_in(ledgers[1], envelope) == 0
    assert isinstance(ledgers[1].verify(), tuple)
    for ledger in ledgers:
        ledger.close()
