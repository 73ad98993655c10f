from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spending_kit import ADDRESS, NOW, budget, item, judged, policy, quote, reason_codes, recipient

from sendoso_mcp.fields import in_usd
from sendoso_mcp.models import ItemType
from sendoso_mcp.spending.limits import (
    Bucket,
    Earlier,
    Hold,
    Limit,
    Usage,
    cents,
    holds_for,
    person_key,
    usd,
)
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.verdict import Effect, Reason, Verdict, judge, why

ALLOW, ASK, DENY = Effect.ALLOW, Effect.ASK, Effect.DENY
RANK = {ALLOW: 0, ASK: 1, DENY: 2}
ALWAYS, MADE = "person_must_approve", "recipient_made_by_assistant"
DAY, MONTH, SENDS, TEAM = "day:2026-11-25", "month:2026-11", "sends", "team"
PERSON = "recipient:ann@acme.test"
STAFF = {"name": "staff", "email_domains": ["acme.test"]}


def codes(verdict: Verdict) -> dict[str, Effect]:
    return {reason.code: reason.effect for reason in verdict.reasons}


def reason(verdict: Verdict, code: str) -> Reason:
    (found,) = [reason for reason in verdict.reasons if reason.code == code]
    return found


def priced(price: Any, left: Any = 100_000, **facts: Any) -> Quote:
    return quote(gift=item(price=price), left=budget(left), **facts)


# --- the gift, the person, and what is known of them


def test_a_gift_that_nothing_speaks_against_still_needs_a_person() -> None:
    verdict = judged()
    assert codes(verdict) == {ALWAYS: ASK}
    assert verdict.effect is ASK


# Every reason there is, by itself: what brings it about, and what it does. Held against the code below.
CASES: list[tuple[str, Effect, dict[str, Any], dict[str, Any]]] = [
    ("item_unavailable", DENY, {"gift": item(available=False)}, {}),
    ("type_denied", DENY, {}, {"items": {"deny_types": ["swag"]}}),
    ("type_denied", DENY, {}, {"rules": [STAFF | {"deny_types": ["swag"]}]}),
    ("type_unknown", DENY, {"gift": item(type=None)}, {"items": {"deny_types": ["egift"]}}),
    ("type_unknown", DENY, {"gift": item(type="giftcard")}, {"items": {"deny_types": ["egift"]}}),
    ("type_unknown", DENY, {"gift": item(type="EGIFT")}, {"rules": [STAFF | {"deny_types": ["egift"]}]}),
    ("budget_unknown", DENY, {"left": budget(None)}, {}),
    ("budget_unknown", DENY, {"left": budget("?")}, {}),
    ("over_team_budget", DENY, {"left": budget(19.99)}, {}),
    ("over_team_budget", DENY, {"left": budget(0)}, {}),
    ("over_team_budget", DENY, {"left": budget(-5)}, {}),
    ("do_not_gift", DENY, {}, {"recipients": {"do_not_gift": ["ann@acme.test"]}}),
    ("do_not_gift", DENY, {}, {"recipients": {"do_not_gift": [" Ann+Sales@ACME.test. "]}}),
    (
        "do_not_gift",
        DENY,
        {"person": recipient(email="ANN+b@acme.test")},
        {"recipients": {"do_not_gift": ["ann+a@acme.test"]}},
    ),
    ("domain_denied", DENY, {}, {"recipients": {"deny_domains": ["acme.test"]}}),
    ("domain_denied", DENY, {}, {"recipients": {"deny_domains": ["*.test"]}}),
    ("domain_not_allowed", DENY, {}, {"recipients": {"allow_domains": ["other.test", "*.acme.test"]}}),
    (
        "domain_not_allowed",
        DENY,
        {"person": recipient(email=None)},
        {"recipients": {"allow_domains": ["acme.test"]}},
    ),
    (
        "domain_not_allowed",
        DENY,
        {"person": recipient(email="eve@evil.test, ann@acme.test")},
        {"recipients": {"allow_domains": ["acme.test"]}},
    ),
    (
        "email_unknown",
        ASK,
        {"person": recipient(email=None)},
        {"recipients": {"do_not_gift": ["bob@acme.test"]}},
    ),
    ("email_unknown", ASK, {"person": recipient(email=" ")}, {"rules": [STAFF | {"per_send": 20}]}),
    (
        "email_unknown",
        ASK,
        {"person": recipient(email="Bob <bob@other.test>")},
        {"recipients": {"deny_domains": ["other.test"]}},
    ),
    ("country_denied", DENY, {}, {"recipients": {"deny_countries": ["US"]}}),
    (
        "country_denied",
        DENY,
        {"person": recipient(address=ADDRESS | {"country": " uk "})},
        {"recipients": {"deny_countries": ["GB"]}},
    ),
    (
        "country_unknown",
        ASK,
        {"person": recipient(address={"street1": "1 Main St"})},
        {"recipients": {"deny_countries": ["DE"]}},
    ),
    (
        "country_unknown",
        ASK,
        {"person": recipient(address=ADDRESS | {"country": "Germany"})},
        {"recipients": {"deny_countries": ["DE"]}},
    ),
    (
        "country_unknown",
        ASK,
        {"gift": item(type="egift"), "person": recipient(address=None)},
        {"recipients": {"deny_countries": ["DE"]}},
    ),
    ("no_postal_address", ASK, {"person": recipient(address=None)}, {}),
    ("no_postal_address", ASK, {"person": recipient(address={"city": "Springfield"})}, {}),
    ("no_postal_address", ASK, {"person": recipient(address={"street1": ""})}, {}),
    ("no_email", ASK, {"gift": item(type="egift"), "person": recipient(email=None)}, {}),
    ("no_email", ASK, {"gift": item(type="charity"), "person": recipient(email="")}, {}),
    ("over_per_send", DENY, {}, {"limits": {"per_send": Decimal("19.99")}}),
    ("over_per_day", DENY, {}, {"limits": {"per_day": Decimal("19.99")}}),
    ("over_per_month", DENY, {}, {"limits": {"per_month": Decimal("19.99")}}),
    ("over_per_recipient_per_year", DENY, {}, {"limits": {"per_recipient_per_year": Decimal("19.99")}}),
    ("over_sends_per_hour", DENY, {}, {"limits": {"sends_per_hour": 0}}),
    ("over_team_budget", DENY, {}, {"limits": {"keep_in_budget": Decimal("80.01")}}),
    ("rule_per_send", DENY, {}, {"rules": [STAFF | {"per_send": Decimal("19.99")}]}),
    (
        "rule_per_recipient_per_year",
        DENY,
        {},
        {"rules": [STAFF | {"per_recipient_per_year": Decimal("19.99")}]},
    ),
    ("outside_chat_required", ASK, {}, {"approval": {"outside_chat_above": Decimal("19.99")}}),
]


@pytest.mark.parametrize(("code", "effect", "facts", "sections"), CASES)
def test_each_reason_has_its_code_and_effect(
    code: str, effect: Effect, facts: dict[str, Any], sections: dict[str, Any]
) -> None:
    verdict = judged(quote(**facts), by=policy(**sections))
    assert codes(verdict) == {code: effect, ALWAYS: ASK}
    assert verdict.effect is effect


@pytest.mark.parametrize(("code", "facts", "sections"), [(c[0], *c[2:]) for c in CASES if c[1] is ASK])
def test_who_did_not_see_the_verdict_is_told_the_same(
    code: str, facts: dict[str, Any], sections: dict[str, Any]
) -> None:
    """Outside the chat a person reads the ask's own sentence, without what is for the model."""
    told = reason(judged(quote(**facts), by=policy(**sections)), code).text
    if code == "outside_chat_required":
        assert "a form in the chat is not enough" in why(code)
    else:
        assert told.startswith(why(code))


def test_no_reason_is_left_out_above() -> None:
    elsewhere = {ALWAYS, "price_unknown", "near_duplicate", "inside_envelope", MADE}
    assert {code for code, *_ in CASES} | elsewhere == reason_codes()


@pytest.mark.parametrize("price", [None, -5, "free"])
def test_a_gift_without_a_price_is_not_sent_and_nothing_is_said_about_its_price(price: Any) -> None:
    limited = policy(limits={"per_send": 0, "per_day": 0, "keep_in_budget": 5})
    verdict = judged(quote(gift=item(price=price), left=budget(0)), by=limited, used={DAY: 1, TEAM: 1})
    assert codes(verdict) == {"price_unknown": DENY}


@pytest.mark.parametrize("kind", ["physical", "swag", "direct_mail"])
def test_what_is_shipped_needs_an_address_and_no_email(kind: str) -> None:
    person = recipient(email=None, address=ADDRESS)
    assert codes(judged(quote(gift=item(type=kind), person=person))) == {ALWAYS: ASK}


@pytest.mark.parametrize("kind", ["egift", "charity"])
def test_what_goes_by_email_needs_no_address(kind: str) -> None:
    assert codes(judged(quote(gift=item(type=kind), person=recipient(address=None)))) == {ALWAYS: ASK}


@pytest.mark.parametrize("email", [None, "", "n/a"])
def test_where_policy_does_not_look_at_emails_a_person_needs_none(email: str | None) -> None:
    assert codes(judged(quote(person=recipient(email=email)))) == {ALWAYS: ASK}


def test_a_person_whose_domain_is_allowed_and_not_denied_gets_gifts() -> None:
    lists = {"allow_domains": ["*.test"], "deny_domains": ["other.test"], "do_not_gift": ["bob@acme.test"]}
    assert codes(judged(by=policy(recipients=lists))) == {ALWAYS: ASK}


def test_a_denial_counts_more_than_an_allowance() -> None:
    lists = {"allow_domains": ["acme.test"], "deny_domains": ["acme.test"]}
    assert codes(judged(by=policy(recipients=lists))) == {"domain_denied": DENY, ALWAYS: ASK}


def test_a_denied_type_does_not_stop_the_others() -> None:
    denied = policy(items={"deny_types": ["egift", "charity"]}, rules=[STAFF | {"deny_types": ["physical"]}])
    assert codes(judged(by=denied)) == {ALWAYS: ASK}


def test_all_reasons_are_told_at_once() -> None:
    strict = policy(
        limits={
            "per_send": 1,
            "per_day": 2,
            "per_month": 3,
            "per_recipient_per_year": 4,
            "sends_per_hour": 0,
        },
        approval={"outside_chat_above": 10},
        recipients={
            "deny_domains": ["acme.test"],
            "allow_domains": ["other.test"],
            "do_not_gift": ["ann@acme.test"],
            "deny_countries": ["DE"],
        },
        items={"deny_types": ["swag"]},
        rules=[STAFF | {"per_send": 1, "per_recipient_per_year": 1, "deny_types": ["swag"]}],
    )
    verdict = judged(
        quote(gift=item(available=False), person=recipient(address=None), left=budget(1)),
        by=strict,
        earlier=(Earlier("int_1", "itm_1", NOW),),
    )
    expected = [
        "item_unavailable",
        "type_denied",
        "type_denied",
        "do_not_gift",
        "domain_denied",
        "domain_not_allowed",
        "country_unknown",
        "no_postal_address",
        "over_per_send",
        "rule_per_send",
        "over_per_day",
        "over_per_month",
        "over_per_recipient_per_year",
        "rule_per_recipient_per_year",
        "over_sends_per_hour",
        "over_team_budget",
        ALWAYS,
        "outside_chat_required",
        "near_duplicate",
    ]
    assert sorted(found.code for found in verdict.reasons) == sorted(expected)
    assert verdict.effect is DENY
    assert {found.effect for found in verdict.deciding} == {DENY}
    assert len(verdict.deciding) == 14


# --- limits


# A limit of 100 dollars, of which a gift of 20 dollars and what is used leave nothing.
LIMITS: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("over_per_send", {"limits": {"per_send": 20}}, {}),
    ("over_per_day", {"limits": {"per_day": 100}}, {DAY: 80_00}),
    ("over_per_month", {"limits": {"per_month": 100}}, {MONTH: 80_00}),
    ("over_per_recipient_per_year", {"limits": {"per_recipient_per_year": 100}}, {PERSON: 80_00}),
    ("rule_per_send", {"rules": [STAFF | {"per_send": 20}]}, {}),
    ("rule_per_recipient_per_year", {"rules": [STAFF | {"per_recipient_per_year": 100}]}, {PERSON: 80_00}),
    ("over_team_budget", {"limits": {"keep_in_budget": 99_980}}, {}),
    ("over_team_budget", {}, {TEAM: 99_980_00}),
    ("over_team_budget", {"limits": {"keep_in_budget": 99_900}}, {TEAM: 80_00}),
]


@pytest.mark.parametrize(("code", "sections", "used"), LIMITS)
def test_a_limit_is_kept_to_the_cent(code: str, sections: dict[str, Any], used: dict[str, int]) -> None:
    by = policy(**sections)
    assert codes(judged(priced("20.00"), by=by, used=used)) == {ALWAYS: ASK}
    assert codes(judged(priced("19.99"), by=by, used=used)) == {ALWAYS: ASK}
    assert codes(judged(priced("20.01"), by=by, used=used)) == {code: DENY, ALWAYS: ASK}
    for bucket, amount in used.items():
        over = judged(priced("20.00"), by=by, used={bucket: amount + 1})
        assert codes(over) == {code: DENY, ALWAYS: ASK}


@pytest.mark.parametrize(("code", "sections", "used"), LIMITS)
def test_a_limit_is_kept_with_the_allowance_for_shipping(
    code: str, sections: dict[str, Any], used: dict[str, int]
) -> None:
    limits = sections.get("limits", {}) | {"cost_allowance_percent": 10}
    by = policy(**(sections | {"limits": limits}))
    assert codes(judged(priced("18.18"), by=by, used=used)) == {ALWAYS: ASK}  # holds 19.998
    assert codes(judged(priced("18.19"), by=by, used=used)) == {code: DENY, ALWAYS: ASK}  # 20.009


def test_the_number_of_sends_in_an_hour_is_kept() -> None:
    by = policy(limits={"sends_per_hour": 3})
    assert codes(judged(by=by, used={SENDS: 2})) == {ALWAYS: ASK}
    over = judged(by=by, used={SENDS: 3})
    assert codes(over) == {"over_sends_per_hour": DENY, ALWAYS: ASK}
    found = reason(over, "over_sends_per_hour")
    assert (found.limit, found.value, found.headroom) == (3, 4, 0)


def test_where_no_send_is_allowed_nobody_is_told_to_wait() -> None:
    found = reason(judged(by=policy(limits={"sends_per_hour": 0})), "over_sends_per_hour")
    assert "no sends at all" in found.text
    assert "wait" not in found.text


@pytest.mark.parametrize(("code", "sections", "used"), LIMITS)
def test_a_free_gift_fits_into_a_limit_that_is_used_up(
    code: str, sections: dict[str, Any], used: dict[str, int]
) -> None:
    spent = {bucket: amount + 20_00 for bucket, amount in used.items()}
    assert codes(judged(priced(0), by=policy(**sections), used=spent)) == {ALWAYS: ASK}


@pytest.mark.parametrize(
    ("price", "remaining", "effect"),
    [
        ("20.00", "20.00", ASK),
        ("20.01", "20.00", DENY),
        ("19.99", "20.00", ASK),
        ("0.00", "0.00", ASK),
        ("0.00", "-0.01", DENY),
        ("0.01", "0.00", DENY),
        ("0.30", "0.30", ASK),
        (0.1 + 0.2, 0.3, ASK),
    ],
)
def test_a_gift_may_cost_all_that_is_left_and_not_a_cent_more(
    price: Any, remaining: Any, effect: Effect
) -> None:
    assert judged(priced(price, remaining)).effect is effect


@pytest.mark.parametrize(
    ("code", "sections", "used", "figures"),
    [
        ("over_per_send", {"limits": {"per_send": 15}}, {}, ("15", "20", "15")),
        ("over_per_day", {"limits": {"per_day": 100}}, {DAY: 90_50}, ("100", "110.50", "9.50")),
        ("over_per_month", {"limits": {"per_month": 100}}, {MONTH: 99_99}, ("100", "119.99", "0.01")),
        (
            "over_per_recipient_per_year",
            {"limits": {"per_recipient_per_year": 100}},
            {PERSON: 100_00},
            ("100", "120", "0"),
        ),
        ("over_per_day", {"limits": {"per_day": 100}}, {DAY: 130_00}, ("100", "150", "0")),
        ("rule_per_send", {"rules": [STAFF | {"per_send": 5}]}, {}, ("5", "20", "5")),
        ("over_team_budget", {"limits": {"keep_in_budget": 70}}, {TEAM: 12_00}, ("30", "32", "18")),
        (
            "over_per_send",
            {"limits": {"per_send": 20, "cost_allowance_percent": 10}},
            {},
            ("20", "22", "20"),
        ),
    ],
)
def test_a_limit_tells_its_figures(
    code: str, sections: dict[str, Any], used: dict[str, int], figures: tuple[str, str, str]
) -> None:
    found = reason(judged(by=policy(**sections), used=used), code)
    assert (found.limit, found.value, found.headroom) == tuple(Decimal(figure) for figure in figures)
    assert all(isinstance(figure, Decimal) for figure in (found.limit, found.value, found.headroom))


def test_what_is_no_limit_has_no_figures() -> None:
    for found in judged(quote(gift=item(available=False), person=recipient(address=None))).reasons:
        assert (found.limit, found.value, found.headroom) == (None, None, None)


def test_the_strictest_of_all_rules_applies() -> None:
    rules = [
        STAFF | {"name": "wide", "per_send": 50},
        STAFF | {"name": "narrow", "per_send": 20},
        STAFF | {"name": "others", "per_send": 1, "email_domains": ["other.test"]},
    ]
    by = policy(limits={"per_send": 100}, rules=rules)
    assert codes(judged(priced(20), by=by)) == {ALWAYS: ASK}
    assert [found.about for found in judged(priced(21), by=by).deciding] == ["rules.narrow.per_send"]
    assert [found.about for found in judged(priced(101), by=by).deciding] == [
        "per_send",
        "rules.wide.per_send",
        "rules.narrow.per_send",
    ]
    hold = holds_for(priced(20), by, NOW)[0]
    assert hold.most == 20_00


def test_a_rule_cannot_widen_what_everybody_is_held_to() -> None:
    by = policy(limits={"per_send": 10}, rules=[STAFF | {"per_send": 500}])
    assert codes(judged(by=by)) == {"over_per_send": DENY, ALWAYS: ASK}


@pytest.mark.parametrize(
    ("sections", "used", "words"),
    [
        ({"limits": {"per_day": 1000}}, {DAY: 980_01}, ["1,000.00 USD", "980.01 USD", "one day", "Policy"]),
        ({"rules": [STAFF | {"per_send": 5}]}, {}, ["20.00 USD", "5.00 USD", "staff", "one send"]),
        ({"limits": {"per_send": 20, "cost_allowance_percent": 5}}, {}, ["21.00 USD", "allowance"]),
        ({"limits": {"keep_in_budget": 90}}, {TEAM: 3_00}, ["100.00 USD", "90.00 USD", "3.00 USD"]),
    ],
)
def test_the_amounts_are_told(sections: dict[str, Any], used: dict[str, int], words: list[str]) -> None:
    (found,) = judged(by=policy(**sections), used=used).deciding
    assert all(word in found.text for word in words)


def test_every_reason_is_a_sentence_without_words_from_outside() -> None:
    hostile = "ZZHOSTILEZZ"
    gift = item(available=False, price=50, name=hostile, description=hostile, type=hostile.lower())
    address = {"city": hostile, "country": hostile}
    person = recipient(first_name=hostile, email=f"{hostile}@{hostile}", address=address)
    by = policy(
        recipients={"deny_countries": ["DE"], "allow_domains": ["acme.test"]},
        items={"deny_types": ["egift"]},
        limits={"per_send": 1},
    )
    reasons = judged(quote(gift=gift, person=person, left=budget(1)), by=by).reasons
    assert len(reasons) == 8
    for found in reasons:
        assert found.text.endswith(".")
        assert hostile.lower() not in found.text.lower()


# --- when a person is asked


@pytest.mark.parametrize(
    "email", ['"ann"@acme.test', "Ann <ann@acme.test>", "mailto:ann@acme.test", "ann@acme.test>"]
)
def test_whoever_cannot_be_told_apart_by_email_is_asked_about_where_a_limit_is_on_people(email: str) -> None:
    free = {"approval": {"ask_above": 100}}
    person = recipient(email=email)
    assert codes(judged(quote(person=person), by=policy(**free))) == {}
    limited = policy(**free, limits={"per_recipient_per_year": 30})
    assert codes(judged(quote(person=person), by=limited)) == {"email_unknown": ASK}


@pytest.mark.parametrize(
    ("price", "ask_above", "asked"),
    [
        ("0", 0, True),
        ("0", 50, False),
        ("0.01", 0, True),
        ("0.01", 50, False),
        ("50", 50, False),
        ("50.01", 50, True),
        ("49.99", 50, False),
    ],
)
def test_a_person_is_asked_above_an_amount(price: str, ask_above: int, asked: bool) -> None:
    verdict = judged(priced(price), by=policy(approval={"ask_above": ask_above}))
    assert verdict.effect is (ASK if asked else ALLOW)
    assert (ALWAYS in codes(verdict)) is asked


def test_the_allowance_counts_when_it_is_decided_whether_a_person_is_asked() -> None:
    by = policy(
        limits={"cost_allowance_percent": 10},
        approval={"ask_above": 50, "outside_chat_above": Decimal("54.9")},
    )
    assert judged(priced("45.45"), by=by).effect is ALLOW
    assert codes(judged(priced("45.46"), by=by)) == {ALWAYS: ASK}
    assert judged(priced("50"), by=by).outside_chat


@pytest.mark.parametrize(("price", "outside"), [("500", False), ("500.01", True)])
def test_a_form_in_the_chat_is_not_enough_above_an_amount(price: str, outside: bool) -> None:
    verdict = judged(priced(price))
    assert verdict.outside_chat is outside
    assert verdict.effect is ASK


def test_a_large_gift_is_asked_about_even_if_small_ones_would_not_be() -> None:
    by = policy(approval={"ask_above": 1000, "outside_chat_above": 500})
    assert codes(judged(priced(600), by=by)) == {"outside_chat_required": ASK}


def test_a_yes_covers_what_was_asked_and_no_more() -> None:
    assert judged().asks == {f"{ALWAYS}:"}
    again = judged(earlier=(Earlier("int_1", "itm_1", NOW), Earlier("int_2", "itm_1", NOW)))
    assert again.asks == {f"{ALWAYS}:", "near_duplicate:int_1", "near_duplicate:int_2"}
    assert not judged(by=policy(approval={"ask_above": 100})).asks


def test_a_recipient_that_the_assistant_made_is_told_of_and_no_reason_to_ask() -> None:
    assert codes(judged(made=True)) == {ALWAYS: ASK, MADE: ASK}
    assert judged(made=True).asks == {f"{ALWAYS}:", f"{MADE}:"}
    assert codes(judged(made=True, by=policy(approval={"ask_above": 100}))) == {}
    missing = quote(gift=item(type="egift"), person=recipient(email=None))
    asked = judged(missing, by=policy(approval={"ask_above": 100}), made=True)
    assert codes(asked) == {"no_email": ASK, MADE: ASK}
    denied = judged(made=True, by=policy(limits={"per_send": 0}))
    assert MADE not in {reason.code for reason in denied.deciding}


# --- gifts that look like one that was sent


DAY_AGO = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("item_id", "ago", "pointed_out"),
    [
        ("itm_1", timedelta(0), True),
        ("itm_1", timedelta(days=364), True),
        ("itm_2", timedelta(0), True),
        ("itm_2", DAY_AGO, True),
        ("itm_2", DAY_AGO + MOMENT, False),
    ],
)
def test_a_second_gift_is_pointed_out(item_id: str, ago: timedelta, pointed_out: bool) -> None:
    earlier = (Earlier("int_1", item_id, NOW - ago, send_id="send_7"),)
    assert ("near_duplicate" in codes(judged(earlier=earlier))) is pointed_out
    assert codes(judged(earlier=earlier, keyed=True)) == {ALWAYS: ASK}


def test_a_second_gift_is_pointed_out_even_if_nobody_had_to_be_asked() -> None:
    by = policy(approval={"ask_above": 50})
    assert judged(priced(20), by=by).effect is ALLOW
    assert judged(priced(20), by=by, earlier=(Earlier("int_1", "itm_1", NOW),)).effect is ASK


def test_the_earlier_gift_is_named() -> None:
    at = datetime(2026, 11, 24, 23, 5, tzinfo=UTC)
    known = reason(judged(earlier=(Earlier("int_1", "itm_1", at, "send_7"),)), "near_duplicate")
    assert known.text == "This very gift was ordered for this person on 2026-11-24 at 23:05 UTC, as send_7."
    unknown = reason(judged(earlier=(Earlier("int_1", "itm_2", at),)), "near_duplicate")
    assert unknown.text == (
        "Another gift was ordered for this person on 2026-11-24 at 23:05 UTC, "
        "and it is not known yet what came of it."
    )


# --- the strictest effect


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
    assert [found.effect for found in verdict.deciding] == [strictest for e in effects if e is strictest]


# --- buckets


def buckets(to: Quote | None = None, by: Policy | None = None, now: datetime = NOW) -> dict[str, Hold]:
    return {hold.bucket.key: hold for hold in holds_for(to or quote(), by or Policy(), now)}


def test_a_send_stands_in_every_bucket_with_a_limit_or_without() -> None:
    assert {key: hold.adds for key, hold in buckets().items()} == {
        "send": 20_00,
        DAY: 20_00,
        MONTH: 20_00,
        PERSON: 20_00,
        SENDS: 1,
        TEAM: 20_00,
    }
    assert {key for key, hold in buckets().items() if hold.limits} == {TEAM}
    assert buckets()[DAY].most is None


def test_a_bucket_holds_the_price_with_the_allowance() -> None:
    by = policy(limits={"cost_allowance_percent": 12})
    assert buckets(priced("9.99"), by)[DAY].adds == 11_19  # 11.1888
    assert buckets(priced("9.99"), by)[SENDS].adds == 1


def test_each_limit_is_on_its_bucket() -> None:
    by = policy(
        limits={
            "per_send": 1,
            "per_day": 2,
            "per_month": 3,
            "per_recipient_per_year": 4,
            "sends_per_hour": 5,
            "keep_in_budget": 6,
        },
        rules=[STAFF | {"per_send": 7, "per_recipient_per_year": 8}],
    )
    assert {key: hold.limits for key, hold in buckets(by=by).items()} == {
        "send": (Limit("per_send", 1_00), Limit("rules.staff.per_send", 7_00)),
        DAY: (Limit("per_day", 2_00),),
        MONTH: (Limit("per_month", 3_00),),
        PERSON: (
            Limit("per_recipient_per_year", 4_00),
            Limit("rules.staff.per_recipient_per_year", 8_00),
        ),
        SENDS: (Limit("sends_per_hour", 5),),
        TEAM: (Limit("team_budget", 94_00),),
    }


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [
        (datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC), "day:2026-11-30", "month:2026-11"),
        (datetime(2026, 12, 1, tzinfo=UTC), "day:2026-12-01", "month:2026-12"),
        (
            datetime(2026, 12, 31, 19, tzinfo=timezone(timedelta(hours=-5))),
            "day:2027-01-01",
            "month:2027-01",
        ),
        (datetime(2028, 3, 1, 8, tzinfo=timezone(timedelta(hours=9))), "day:2028-02-29", "month:2028-02"),
    ],
)
def test_days_and_months_are_those_of_utc(now: datetime, day: str, month: str) -> None:
    assert {day, month} <= buckets(now=now).keys()
    assert len(buckets(now=now)) == 6


def test_a_year_and_an_hour_move_with_the_clock_and_the_others_do_not() -> None:
    assert {key: hold.bucket.since for key, hold in buckets().items()} == {
        "send": None,
        DAY: None,
        MONTH: None,
        PERSON: datetime(2025, 11, 25, 15, 30, tzinfo=UTC),
        SENDS: datetime(2026, 11, 25, 14, 30, tzinfo=UTC),
        TEAM: None,
    }


def test_the_teams_budget_is_less_what_it_does_not_show_yet() -> None:
    assert buckets(replace(quote(), position=42))[TEAM].bucket == Bucket(TEAM, unseen_at=42)
    assert all(hold.bucket.unseen_at is None for key, hold in buckets().items() if key != TEAM)


def test_a_budget_that_is_not_told_has_no_limit_here_and_a_reason_elsewhere() -> None:
    assert buckets(quote(left=budget(None)))[TEAM].limits == ()
    assert judged(quote(left=budget(None))).effect is DENY


@pytest.mark.parametrize(
    "email", ["ann@acme.test", "ANN@Acme.Test", "ann+2@acme.test", " ann@acme.test. ", "ann@acme。test"]
)
def test_a_second_contact_with_the_same_email_shares_the_limit(email: str) -> None:
    by = policy(limits={"per_recipient_per_year": 100}, rules=[STAFF | {"per_recipient_per_year": 50}])
    second = quote(person=recipient(id="rcp_2", first_name="Other", email=email))
    assert codes(judged(second, by=by, used={PERSON: 30_00})) == {ALWAYS: ASK}
    assert codes(judged(second, by=by, used={PERSON: 30_01})) == {
        "rule_per_recipient_per_year": DENY,
        ALWAYS: ASK,
    }


@pytest.mark.parametrize("email", [None, "", " ", "\u200b"])
def test_a_person_without_an_email_is_known_by_their_id(email: str | None) -> None:
    assert person_key(recipient(email=email)) == "id:rcp_1"
    assert person_key(recipient(id="rcp_2", email=email)) == "id:rcp_2"


def test_no_email_can_take_the_place_of_an_id() -> None:
    assert person_key(recipient(email="id:rcp_1")) != person_key(recipient(email=None))


def test_what_others_got_does_not_count() -> None:
    by = policy(limits={"per_recipient_per_year": 20})
    assert codes(judged(by=by, used={"recipient:bob@acme.test": 10**9, "day:2026-11-24": 10**9})) == {
        ALWAYS: ASK
    }


@given(st.integers(0, 10**11))
def test_cents_and_dollars_are_the_same_amount(amount: int) -> None:
    assert cents(usd(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00 USD"), ("5.5", "5.50 USD"), ("1234567.89", "1,234,567.89 USD"), ("-3", "-3.00 USD")],
)
def test_an_amount_is_written_as_people_read_it(amount: str, text: str) -> None:
    assert in_usd(Decimal(amount)) == text


# --- for all prices, limits and usage


AMOUNTS = st.integers(0, 300)
"""Cents; few enough that limits are met exactly, passed by one, and missed."""
GIVEN = st.none() | AMOUNTS
BUCKETS = (DAY, MONTH, PERSON, SENDS, TEAM)


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """A price, a budget, limits and usage, in cents."""
    limits = ("per_send", "per_day", "per_month", "per_recipient_per_year", "rule_send", "rule_year")
    return {
        "price": draw(AMOUNTS),
        "remaining": draw(st.integers(-50, 600)),
        "percent": draw(st.sampled_from([0, 1, 10, 50])),
        "keep": draw(AMOUNTS),
        "hourly": draw(st.none() | st.integers(0, 5)),
        "ask_above": draw(AMOUNTS),
        "limits": {name: draw(GIVEN) for name in limits},
        "used": {bucket: draw(st.integers(0, 6) if bucket == SENDS else AMOUNTS) for bucket in BUCKETS},
    }


def verdict_in(world: dict[str, Any]) -> Verdict:
    limits = {name: None if most is None else usd(most) for name, most in world["limits"].items()}
    rule = {"per_send": limits.pop("rule_send"), "per_recipient_per_year": limits.pop("rule_year")}
    limits |= {"keep_in_budget": usd(world["keep"]), "sends_per_hour": world["hourly"]}
    by = policy(
        limits=limits | {"cost_allowance_percent": world["percent"]},
        approval={"ask_above": usd(world["ask_above"])},
        rules=[STAFF | rule | {"deny_types": ["charity"]}],
    )
    to = priced(usd(world["price"]), usd(world["remaining"]))
    return judge(to, Usage(world["used"]), by, NOW)


def passed(world: dict[str, Any]) -> set[str]:
    """The limits that a send would pass, worked out in another way."""
    cost = -(-world["price"] * (100 + world["percent"]) // 100)
    used, limits = world["used"], world["limits"]
    sums = {
        "over_per_send": (cost, limits["per_send"]),
        "over_per_day": (cost + used[DAY], limits["per_day"]),
        "over_per_month": (cost + used[MONTH], limits["per_month"]),
        "over_per_recipient_per_year": (cost + used[PERSON], limits["per_recipient_per_year"]),
        "rule_per_send": (cost, limits["rule_send"]),
        "rule_per_recipient_per_year": (cost + used[PERSON], limits["rule_year"]),
        "over_sends_per_hour": (1 + used[SENDS], world["hourly"]),
        "over_team_budget": (cost + used[TEAM], world["remaining"] - world["keep"]),
    }
    return {code for code, (total, most) in sums.items() if most is not None and total > most}


@settings(deadline=None, max_examples=100)
@given(worlds())
def test_a_send_is_denied_if_and_only_if_it_would_pass_a_limit(world: dict[str, Any]) -> None:
    verdict = verdict_in(world)
    assert {found.code for found in verdict.reasons if found.effect is DENY} == passed(world)
    cost = -(-world["price"] * (100 + world["percent"]) // 100)
    paid = ASK if cost > world["ask_above"] or not world["ask_above"] else ALLOW
    assert verdict.effect is (DENY if passed(world) else paid)
    for found in verdict.deciding:
        if found.effect is DENY:
            assert found.limit is not None
            assert found.value is not None
            assert found.headroom is not None
            assert found.value > found.limit
            assert 0 <= found.headroom <= max(found.limit, 0)


@settings(deadline=None, max_examples=100)
@given(worlds(), st.sampled_from(["price", *BUCKETS]), st.integers(1, 100))
def test_a_higher_price_or_more_use_never_turns_a_no_into_a_yes(
    world: dict[str, Any], what: str, more: int
) -> None:
    before = verdict_in(world)
    if what == "price":
        after = verdict_in(world | {"price": world["price"] + more})
    else:
        after = verdict_in(world | {"used": world["used"] | {what: world["used"][what] + more}})
    assert RANK[after.effect] >= RANK[before.effect]
    assert codes(before).keys() <= codes(after).keys()


@settings(deadline=None, max_examples=100)
@given(worlds(), st.data())
def test_a_stricter_policy_never_turns_a_no_into_a_yes(world: dict[str, Any], data: st.DataObject) -> None:
    before = verdict_in(world)
    name = data.draw(st.sampled_from(sorted(world["limits"])))
    most = world["limits"][name]
    stricter = world["limits"] | {name: data.draw(st.integers(0, 300 if most is None else most))}
    after = verdict_in(world | {"limits": stricter})
    assert RANK[after.effect] >= RANK[before.effect]


@settings(deadline=None)
@given(
    price=st.none() | st.decimals(0, 1000, places=2),
    remaining=st.none() | st.decimals(0, 1000, places=2),
    available=st.none() | st.booleans(),
    kind=st.none() | st.sampled_from([*ItemType, "other"]),
    email=st.none() | st.just("a@b.test"),
    address=st.none() | st.just(ADDRESS),
)
@example(price=Decimal(0), remaining=Decimal(0), available=True, kind=None, email=None, address=None)
def test_money_goes_nowhere_unless_price_and_budget_are_known_and_fit(
    price: Decimal | None, remaining: Decimal | None, available: bool | None, **facts: Any
) -> None:
    gift = item(price=price, available=available, type=facts["kind"])
    person = recipient(email=facts["email"], address=facts["address"])
    verdict = judged(quote(gift=gift, person=person, left=budget(remaining)))
    fits = price is not None and remaining is not None and price <= remaining and available is not False
    assert (verdict.effect is not DENY) is fits
    assert (ALWAYS in codes(verdict)) is (price is not None)
    assert len(codes(verdict)) == len(verdict.reasons)


def test_the_request_and_not_its_text_decides_what_is_the_same_gift() -> None:
    other = quote(request=SendRequest("rcp_1", "itm_9"))
    assert "near_duplicate" not in codes(judged(other, earlier=(Earlier("i", "itm_1", NOW - 2 * DAY_AGO),)))
