from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spending_kit import budget, item, quote, recipient

from sendoso_mcp.models import CrmType
from sendoso_mcp.spending.quote import Quote, SendRequest

FULL = SendRequest("rcp_1", "itm_1", "Thanks!", date(2026, 5, 1), "003", CrmType.LEAD)

CHANGES: list[dict[str, Any]] = [
    {"recipient_id": "rcp_2"},
    {"item_id": "itm_2"},
    {"message": "Thanks"},
    {"message": None},
    {"message": ""},
    {"scheduled_date": date(2026, 5, 2)},
    {"scheduled_date": None},
    {"crm_id": "004"},
    {"crm_id": None},
    {"crm_type": CrmType.CONTACT},
    {"crm_type": None},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_request_that_differs_has_another_digest(change: dict[str, Any]) -> None:
    assert replace(FULL, **change).digest != FULL.digest


def test_nothing_is_not_the_word_for_it() -> None:
    for word in ("None", "null", ""):
        assert replace(FULL, message=None).digest != replace(FULL, message=word).digest


def test_the_same_request_has_the_same_digest() -> None:
    assert replace(FULL).digest == FULL.digest


# Words that would collide if parts were joined carelessly.
TRICKY = st.sampled_from(
    ["", "None", "null", "a", '"', '",', "a|b", "b", "[", "2026-05-01", "lead", "\\", "\n"]
)
REQUESTS = st.builds(
    SendRequest,
    recipient_id=TRICKY,
    item_id=TRICKY,
    message=st.none() | TRICKY,
    scheduled_date=st.none() | st.just(date(2026, 5, 1)),
    crm_id=st.none() | TRICKY,
    crm_type=st.none() | st.sampled_from(CrmType),
)


@settings(max_examples=300, deadline=None)
@given(REQUESTS, REQUESTS)
def test_requests_have_the_same_digest_only_if_they_are_the_same(
    one: SendRequest, other: SendRequest
) -> None:
    assert (one.digest == other.digest) == (one == other)
    assert replace(one).digest == one.digest


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_quote_of_another_request_has_another_digest(change: dict[str, Any]) -> None:
    assert quote(request=replace(FULL, **change)).digest != quote(request=FULL).digest


# Every fact that the question to the person shows.
@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"person": recipient(first_name="Bob")}, id="first name"),
        pytest.param({"person": recipient(last_name="Ray")}, id="last name"),
        pytest.param({"person": recipient(email="bob@acme.test")}, id="email"),
        pytest.param({"person": recipient(email=None)}, id="no email"),
        pytest.param({"person": recipient(company="Rival")}, id="company"),
        pytest.param({"gift": item(name="Bowl")}, id="gift"),
        pytest.param({"gift": item(type="physical")}, id="kind of gift"),
        pytest.param({"gift": item(price="20.01")}, id="price"),
        pytest.param({"person": recipient(address=None)}, id="no address"),
        pytest.param({"person": recipient(address={"street1": "2 Other St"})}, id="address"),
        pytest.param({"gift": item(price=None)}, id="no price"),
    ],
)
def test_a_quote_with_another_fact_that_was_shown_has_another_digest(facts: dict[str, Any]) -> None:
    assert quote(**facts).digest != quote().digest


def test_what_is_left_of_the_budget_is_no_part_of_the_digest() -> None:
    # Other people spend too: their gifts must not void a yes, the policy looks at the budget again.
    assert quote(left=budget(50)).digest == quote(left=budget(100)).digest


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(TRICKY, TRICKY, TRICKY, st.sampled_from(["1.00", "10.00", "0.10"])), min_size=2, max_size=2
    )
)
def test_quotes_have_the_same_digest_only_if_their_facts_are_the_same(
    facts: list[tuple[str, str, str, str]],
) -> None:
    def of(first_name: str, email: str, name: str, price: str) -> Quote:
        person = recipient(first_name=first_name, last_name=None, email=email)
        return quote(person=person, gift=item(name=name, price=price))

    one, other = (of(*each) for each in facts)
    assert (one.digest == other.digest) == (facts[0] == facts[1])


def test_the_price_is_the_list_price() -> None:
    assert quote(gift=item(price=28.5)).price == Decimal("28.50")
    assert quote(gift=item(price=None)).price is None


def test_what_would_be_left_is_known_only_if_price_and_budget_are() -> None:
    assert quote(gift=item(price="20.01"), left=budget(50)).budget_after == Decimal("29.99")
    assert quote(gift=item(price="60"), left=budget(50)).budget_after == Decimal("-10.00")
    assert quote(gift=item(price=None)).budget_after is None
    assert quote(left=budget(None)).budget_after is None
