from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spending_kit import ADDRESS, budget, item, quote, recipient

from sendoso_mcp.models import ItemType
from sendoso_mcp.spending.policy import Effect, Reason, Verdict, judge, usd

ALLOW, ASK, DENY = Effect.ALLOW, Effect.ASK, Effect.DENY
ALWAYS = "person_must_approve"


def codes(verdict: Verdict) -> dict[str, Effect]:
    return {reason.code: reason.effect for reason in verdict.reasons}


def test_a_gift_that_nothing_speaks_against_still_needs_a_person() -> None:
    verdict = judge(quote())
    assert codes(verdict) == {ALWAYS: ASK}
    assert verdict.effect is ASK


@pytest.mark.parametrize(
    ("facts", "code", "effect"),
    [
        ({"gift": item(available=False)}, "item_unavailable", DENY),
        ({"gift": item(price=None)}, "price_unknown", DENY),
        ({"gift": item(price=-5)}, "price_unknown", DENY),
        ({"left": budget(None)}, "budget_unknown", DENY),
        ({"left": budget("?")}, "budget_unknown", DENY),
        ({"left": budget(19.99)}, "over_team_budget", DENY),
        ({"left": budget(0)}, "over_team_budget", DENY),
        ({"person": recipient(address=None)}, "no_postal_address", ASK),
        ({"person": recipient(address={"city": "Springfield"})}, "no_postal_address", ASK),
        ({"person": recipient(address={"street1": ""})}, "no_postal_address", ASK),
        ({"gift": item(type="egift"), "person": recipient(email=None)}, "no_email", ASK),
        ({"gift": item(type="charity"), "person": recipient(email="")}, "no_email", ASK),
    ],
)
def test_each_reason_has_its_code_and_effect(facts: dict[str, Any], code: str, effect: Effect) -> None:
    verdict = judge(quote(**facts))
    assert codes(verdict) == {code: effect, ALWAYS: ASK}
    assert verdict.effect is effect


@pytest.mark.parametrize("kind", ["physical", "swag", "direct_mail"])
def test_what_is_shipped_needs_an_address_and_no_email(kind: str) -> None:
    person = recipient(email=None, address=ADDRESS)
    assert codes(judge(quote(gift=item(type=kind), person=person))) == {ALWAYS: ASK}


@pytest.mark.parametrize("kind", ["egift", "charity"])
def test_what_goes_by_email_needs_no_address(kind: str) -> None:
    assert codes(judge(quote(gift=item(type=kind), person=recipient(address=None)))) == {ALWAYS: ASK}


def test_all_reasons_are_told_at_once() -> None:
    verdict = judge(
        quote(gift=item(available=False, price=None), person=recipient(address=None), left=budget(None))
    )
    assert list(codes(verdict)) == [
        "item_unavailable",
        "price_unknown",
        "budget_unknown",
        "no_postal_address",
        ALWAYS,
    ]
    verdict = judge(quote(gift=item(available=False), person=recipient(address=None), left=budget(1)))
    assert list(codes(verdict)) == ["item_unavailable", "over_team_budget", "no_postal_address", ALWAYS]


@pytest.mark.parametrize(
    ("price", "remaining", "effect"),
    [
        ("20.00", "20.00", ASK),
        ("20.01", "20.00", DENY),
        ("19.99", "20.00", ASK),
        ("0.00", "0.00", ASK),
        ("0.01", "0.00", DENY),
        ("0.30", "0.30", ASK),
    ],
)
def test_a_gift_may_cost_all_that_is_left_and_not_a_cent_more(
    price: str, remaining: str, effect: Effect
) -> None:
    assert judge(quote(gift=item(price=price), left=budget(remaining))).effect is effect


def test_a_sum_of_floats_is_compared_in_cents() -> None:
    assert judge(quote(gift=item(price=0.1 + 0.2), left=budget(0.3))).effect is ASK


@settings(deadline=None)
@given(
    price=st.none() | st.decimals(0, 1000, places=2),
    remaining=st.none() | st.decimals(0, 1000, places=2),
    available=st.none() | st.booleans(),
    kind=st.none() | st.sampled_from([*ItemType, "other"]),
    email=st.none() | st.just("a@b.test"),
    address=st.none() | st.just(ADDRESS),
)
def test_money_goes_nowhere_unless_price_and_budget_are_known_and_fit(
    price: Decimal | None, remaining: Decimal | None, available: bool | None, **facts: Any
) -> None:
    gift = item(price=price, available=available, type=facts["kind"])
    person = recipient(email=facts["email"], address=facts["address"])
    verdict = judge(quote(gift=gift, person=person, left=budget(remaining)))
    fits = price is not None and remaining is not None and price <= remaining and available is not False
    assert verdict.effect is (ASK if fits else DENY)
    assert ALWAYS in codes(verdict)
    assert len(codes(verdict)) == len(verdict.reasons)


@pytest.mark.parametrize(
    ("effects", "strictest"),
    [
        ([], ALLOW),
        ([ALLOW], ALLOW),
        ([ALLOW, ASK], ASK),
        ([ASK, ALLOW], ASK),
        ([DENY, ASK, ALLOW], DENY),
        ([ALLOW, ASK, DENY], DENY),
    ],
)
def test_the_strictest_effect_counts(effects: list[Effect], strictest: Effect) -> None:
    verdict = Verdict(tuple(Reason("code", effect, "Text.") for effect in effects))
    assert verdict.effect is strictest


def test_every_reason_is_a_sentence_without_words_from_outside() -> None:
    hostile = "ZZHOSTILEZZ"
    gift = item(available=False, price=50, name=hostile, description=hostile)
    person = recipient(first_name=hostile, email=hostile, address=None)
    for reason in judge(quote(gift=gift, person=person, left=budget(1))).reasons:
        assert reason.text.endswith(".")
        assert hostile not in reason.text


def test_the_amounts_are_told() -> None:
    verdict = judge(quote(gift=item(price=1234.5), left=budget(7)))
    text = next(reason.text for reason in verdict.reasons if reason.code == "over_team_budget")
    assert "1,234.50 USD" in text
    assert "7.00 USD" in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00 USD"), ("5.5", "5.50 USD"), ("1234567.89", "1,234,567.89 USD"), ("-3", "-3.00 USD")],
)
def test_an_amount_is_written_as_people_read_it(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text
