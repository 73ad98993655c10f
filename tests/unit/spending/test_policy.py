from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from spending_kit import policy

from sendoso_mcp.spending.mailboxes import covers, is_address, normalised_email
from sendoso_mcp.spending.policy import Policy, RecipientRules, country_code, version_of

RULE = {"name": "staff", "email_domains": ["*.gov"], "per_send": 20}
EVERYTHING: dict[str, dict[str, Any]] = {
    "limits": {
        "per_send": 1,
        "per_day": 1,
        "per_month": 1,
        "per_recipient_per_year": 1,
        "sends_per_hour": 1,
        "keep_in_budget": 1,
        "cost_allowance_percent": 1,
    },
    "approval": {
        "ask_above": 1,
        "outside_chat_above": 1,
        "read_seconds": 2,
        "answer_within_hours": 1,
        "envelopes": False,
        "ask_to_cancel": False,
    },
    "recipients": {
        "deny_domains": ["a.test"],
        "allow_domains": ["a.test"],
        "do_not_gift": ["ann@a.test"],
        "deny_countries": ["DE"],
    },
    "items": {"deny_types": ["egift"]},
    "reconcile": {"mark_in_crm_id": True},
    "api": {"requests_per_second": 1},
}
KEYS = [(section, key) for section, keys in EVERYTHING.items() for key in keys]


def refuses(**sections: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        policy(**sections)
    return "; ".join(error["msg"] for error in caught.value.errors())


def test_what_is_left_out_sets_no_limit_and_asks_about_every_paid_gift() -> None:
    nothing = Policy()
    assert nothing.limits.per_send is None
    assert nothing.limits.per_day is None
    assert nothing.limits.per_month is None
    assert nothing.limits.per_recipient_per_year is None
    assert nothing.limits.sends_per_hour is None
    assert nothing.limits.keep_in_budget == 0
    assert nothing.limits.cost_allowance_percent == 0
    assert nothing.approval.ask_above == 0
    assert nothing.approval.outside_chat_above == 500
    assert not nothing.reconcile.mark_in_crm_id
    assert nothing.api.requests_per_second == 10


# --- amounts


@pytest.mark.parametrize("written", [0, 150, Decimal("49.5"), Decimal("49.50"), Decimal("1E+3")])
def test_an_amount_is_a_number_of_dollars_and_cents(written: Any) -> None:
    assert policy(limits={"per_send": written}).limits.per_send == written


@pytest.mark.parametrize(
    "written",
    [
        -1,
        Decimal("-0.01"),
        Decimal("0.001"),
        Decimal("0." + "0" * 40 + "1"),
        Decimal("NaN"),
        Decimal("Infinity"),
        10**9,
        True,
        False,
        "150",
        "",
        [150],
    ],
)
@pytest.mark.parametrize("key", ["per_send", "keep_in_budget"])
def test_what_is_no_amount_is_refused(key: str, written: Any) -> None:
    assert refuses(limits={key: written})


@pytest.mark.parametrize("written", [True, "30", -1, Decimal("1.5"), 10**7])
def test_a_number_of_sends_is_a_whole_number(written: Any) -> None:
    assert refuses(limits={"sends_per_hour": written})


@pytest.mark.parametrize(
    ("price", "percent", "held"),
    [
        ("20.00", "0", "20.00"),
        ("20.00", "10", "22.00"),
        ("18.18", "10", "20.00"),  # 19.998
        ("18.19", "10", "20.01"),  # 20.009
        ("0.01", "1", "0.02"),  # 0.0101
        ("0.01", "0.0001", "0.02"),
        ("99.99", "33.333", "133.32"),
        ("0.00", "1000", "0.00"),
        ("20.00", "1000", "220.00"),
    ],
)
def test_the_allowance_for_shipping_is_rounded_up_to_a_cent(price: str, percent: str, held: str) -> None:
    allowing = policy(limits={"cost_allowance_percent": Decimal(percent)})
    assert allowing.to_hold(Decimal(price)) == Decimal(held)


@settings(deadline=None)
@given(price=st.integers(0, 10**8), percent=st.integers(0, 100_000))
def test_what_is_held_is_never_less_than_the_price_with_its_allowance(price: int, percent: int) -> None:
    held = policy(limits={"cost_allowance_percent": Decimal(percent) / 100}).to_hold(Decimal(price) / 100)
    assert held * 100 == -(-price * (10_000 + percent) // 10_000)


# --- emails and domains


@pytest.mark.parametrize(
    "spelling",
    [
        "ann@acme.test",
        "Ann@ACME.Test",
        "  ann@acme.test\n",
        "ann+gifts@acme.test",
        "ann+a+b@acme.test",
        "ann@acme.test.",
        "ann@acme.test..",
        "ann@acme。test",
        "ann@acme.test。",
        "ann@\uff41cme\uff0etest",
    ],
)
def test_all_spellings_of_one_mailbox_are_one_person(spelling: str) -> None:
    assert normalised_email(spelling) == "ann@acme.test"
    assert is_address(spelling)


@pytest.mark.parametrize(
    "spelling",
    [
        "ann @ acme.test",
        "ann\u200b@acme.test",
        "a\u00adnn@ac\u200dme.test",
        "ann@acme.te\x00st",
        "\ufeffann@acme.test",
        "\uff41nn@acme.test",
        "ann\uff20acme.test",
        "a\u207fn@acme.test",
        "ann\u207aeve@acme.test",
    ],
)
def test_what_only_looks_like_a_mailbox_counts_for_its_owner_and_is_no_plain_address(spelling: str) -> None:
    """It counts against the owner's limits; no list of those who may get gifts is about it."""
    assert normalised_email(spelling) == "ann@acme.test"
    assert not is_address(spelling)


@pytest.mark.parametrize(
    "email", ["eve%evil.test@acme.test", "evil.test!eve@acme.test", "=?x?q?eve=40evil.test=3e?=@acme.test"]
)
def test_what_a_mailer_may_take_for_another_address_is_no_plain_one(email: str) -> None:
    assert not is_address(email)


def test_a_letter_that_folds_to_others_is_another_mailbox() -> None:
    assert not is_address("wei\u00df@acme.test")
    assert is_address("weiss@acme.test")


@pytest.mark.parametrize(
    "email", ["eve@stra\u00dfe.de", "eve@ab--cd.stra\u00dfe.de", "eve@xn--a.stra\u00dfe.de"]
)
def test_a_domain_is_known_by_its_labels_one_by_one(email: str) -> None:
    """A label that IDNA would not register must not hide the domain that it is below."""
    rules = RecipientRules(
        deny_domains=("straße.de", "*.straße.de"), allow_domains=("strasse.de", "*.strasse.de")
    )
    assert covers(rules.deny_domains, email)
    assert not covers(rules.allow_domains, email)


def test_a_domain_that_can_have_no_name_is_nobodys() -> None:
    assert not is_address("eve@a\u2260b.acme.test")


def test_a_domain_of_other_letters_is_the_one_in_the_dns() -> None:
    assert normalised_email("Ann@BÜCHER.example") == "ann@xn--bcher-kva.example"
    assert normalised_email("ann@xn--bcher-kva.example") == "ann@xn--bcher-kva.example"
    assert normalised_email("ann@bu\u0308cher.example") == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@acme.test", "anne@acme.test"),
        ("ann@acme.test", "ann@mail.acme.test"),
        ("a.nn@acme.test", "ann@acme.test"),
        ("+ann@acme.test", "+bob@acme.test"),
        ("ann@\u0430\u0441\u043c\u0435.test", "ann@acme.test"),  # Cyrillic letters that look the same
    ],
)
def test_other_mailboxes_are_other_people(one: str, other: str) -> None:
    assert normalised_email(one) != normalised_email(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "ann",
        "ann@",
        "@acme.test",
        "acme.test",
        "n/a",
        "ann@acme",
        "ann@acme..test",
        "ann@-acme.test",
        "ann@acme.test, bob@other.test",
        "ann@acme.test;bob@other.test",
        "Ann Lee <ann@acme.test>",
        "mailto:ann@acme.test",
        '"ann@acme.test"@other.test',
        "ann@other.test@acme.test",
        "ann@[127.0.0.1]",
        "*@acme.test",
        "ann@*.test",
        "ann@acme.test/x",
        "ann lee@acme.test",
        "ann@ac me.test",
        "ann@℀.test",
        "ann@" + "ü" * 80 + ".test",
        "a" * 65 + "@acme.test",
    ],
)
def test_what_is_not_one_plain_address_is_not_taken_for_one(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("domain", "email", "covered"),
    [
        ("acme.test", "ann@acme.test", True),
        ("acme.test", "ANN@ACME.TEST", True),
        ("acme.test", "ann@acme.test.", True),
        ("acme.test", "ann@acme.test。", True),
        ("acme.test", " ann@acme.test ", True),
        ("acme.test", "ann@ acme.test", True),
        ("acme.test", "ann@\u200bacme.test", True),
        ("ACME.Test.", "ann@acme.test", True),
        (" acme.test ", "ann@acme.test", True),
        ("acme.test", "ann@mail.acme.test", False),
        ("acme.test", "ann@notacme.test", False),
        ("acme.test", "ann@acme.test.evil.test", False),
        ("acme.test", "acme.test@evil.test", False),
        ("*.acme.test", "ann@mail.acme.test", True),
        ("*.acme.test", "ann@a.b.acme.test", True),
        ("*.acme.test", "ann@acme.test", False),
        ("*.acme.test", "ann@notacme.test", False),
        ("*.gov", "ann@agency.gov", True),
        ("*.GOV", "ann@AGENCY.GOV.", True),
        ("*.gov", "ann@sub.agency.gov", True),
        ("*.gov", "ann@gov", False),
        ("*.gov", "ann@agency.gov.uk", False),
        ("*.gov", "ann@agencygov", False),
        ("*.gov", "ann@agency.gov@evil.test", False),
        ("*.gov", "evil@evil.test@agency.gov", True),
        ("bücher.example", "ann@xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "ann@BÜCHER.example", True),
        ("*.bücher.example", "ann@mail.bücher.example.", True),
        ("*.example", "ann@bücher.example", True),
        ("acme.test", "ann@\uff41cme.test", True),
        ("acme.test", "ann@\u0430\u0441\u043c\u0435.test", False),
        ("acme.test", "", False),
        ("acme.test", "@", False),
        ("acme.test", "ann", False),
    ],
)
def test_a_domain_covers_its_emails_however_they_are_spelled(domain: str, email: str, covered: bool) -> None:
    domains = policy(recipients={"deny_domains": [domain]}).recipients.deny_domains
    assert covers(domains, email) is covered


@pytest.mark.parametrize(
    "domain",
    [
        "",
        " ",
        ".",
        "*",
        "*.",
        "*.*.gov",
        "a*.gov",
        "@acme.test",
        "ann@acme.test",
        "https://acme.test",
        "acme.test/",
        "acme test",
        "acme\u00a0.test",
        "a\tb.test",
        ".acme.test",
        "acme..test",
        "-acme.test",
        "acme.test:25",
        "gov",
        "localhost",
        "acme,other.test",
        "x" * 64 + ".test",
        "℀.test",
        3,
        None,
    ],
)
def test_what_is_no_domain_is_refused(domain: Any) -> None:
    for section in ({"deny_domains": [domain]}, {"allow_domains": [domain]}):
        assert refuses(recipients=section)
    assert refuses(rules=[RULE | {"email_domains": [domain]}])


def test_the_end_of_many_domains_alone_would_deny_nobody() -> None:
    assert "*.gov" in refuses(recipients={"deny_domains": ["gov"]})


@pytest.mark.parametrize(
    "email", ["", "ann", "@acme.test", "*@acme.test", "Ann <ann@acme.test>", "ann@acme", 3]
)
def test_an_entry_that_would_never_apply_is_refused(email: Any) -> None:
    assert refuses(recipients={"do_not_gift": [email]})


@pytest.mark.parametrize(
    ("written", "code"),
    [("US", "US"), ("us", "US"), (" de ", "DE"), ("UK", "GB"), ("uk", "GB"), ("GB", "GB"), ("EL", "GR")]
    + [(text, None) for text in (None, "", "USA", "Germany", "D", "D1", "Ü1", "ÄÖ", "U S")],
)
def test_a_country_is_two_letters(written: str | None, code: str | None) -> None:
    assert country_code(written) == code
    if code:
        assert policy(recipients={"deny_countries": [written]}).recipients.deny_countries == (code,)
    else:
        assert refuses(recipients={"deny_countries": [written]})


# --- rules


def test_every_rule_that_covers_a_person_applies() -> None:
    two = policy(rules=[RULE, RULE | {"name": "agency", "email_domains": ["agency.gov"]}])
    assert [rule.name for rule in two.rules_for("ann@agency.gov")] == ["staff", "agency"]
    assert [rule.name for rule in two.rules_for("ann@other.gov")] == ["staff"]
    assert two.rules_for("ann@acme.test") == ()
    assert two.rules_for(None) == two.rules_for("") == ()


@pytest.mark.parametrize("name", ["", "Staff", "a b", "a.b", "-a", "ä", "a" * 41, "a\n", 3, None])
def test_a_rule_has_a_plain_name(name: Any) -> None:
    assert refuses(rules=[RULE | {"name": name}])


def test_a_rule_without_a_limit_or_without_people_is_a_mistake() -> None:
    assert "needs a limit" in refuses(rules=[{"name": "staff", "email_domains": ["*.gov"]}])
    assert refuses(rules=[RULE | {"email_domains": []}])
    assert refuses(rules=[{"name": "staff", "per_send": 20}])


def test_two_rules_do_not_share_a_name() -> None:
    assert "staff" in refuses(rules=[RULE, RULE])


@pytest.mark.parametrize(
    ("sections", "looks"),
    [
        ({}, False),
        ({"recipients": {"deny_countries": ["DE"]}}, False),
        ({"items": {"deny_types": ["egift"]}}, False),
        ({"recipients": {"deny_domains": ["a.test"]}}, True),
        ({"recipients": {"allow_domains": ["a.test"]}}, True),
        ({"recipients": {"do_not_gift": ["ann@a.test"]}}, True),
        ({"rules": [RULE]}, True),
    ],
)
def test_it_is_known_whether_a_person_without_an_email_can_be_judged(
    sections: dict[str, Any], looks: bool
) -> None:
    assert policy(**sections).looks_at_emails is looks


# --- the version


def test_everything_that_a_policy_can_say_is_tried_below() -> None:
    models = {name: type(getattr(Policy(), name)) for name in Policy.model_fields if name != "rules"}
    assert {name: set(model.model_fields) for name, model in models.items()} == {
        name: set(keys) for name, keys in EVERYTHING.items()
    }


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[".".join(key) for key in KEYS])
def test_the_version_changes_with_every_key(section: str, key: str) -> None:
    changed = policy(**{section: {key: EVERYTHING[section][key]}})
    assert changed.version != Policy().version


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"email_domains": ["*.mil"]},
        {"per_send": 21},
        {"per_recipient_per_year": 50},
        {"deny_types": ["egift"]},
    ],
)
def test_the_version_changes_with_every_key_of_a_rule(change: dict[str, Any]) -> None:
    versions = {policy(rules=rules).version for rules in ([], [RULE], [RULE | change])}
    assert len(versions) == 3


def test_all_versions_differ() -> None:
    versions = {policy(**{section: {key: EVERYTHING[section][key]}}).version for section, key in KEYS}
    assert len(versions) == len(KEYS)


def test_the_version_is_the_same_for_the_same_policy_written_in_another_way() -> None:
    one = policy(
        limits={"per_send": 150, "keep_in_budget": 0},
        recipients={"deny_domains": ["ACME.test."], "do_not_gift": ["Ann+x@acme.test"]},
    )
    other = policy(
        recipients={"do_not_gift": ["ann@acme.test"], "deny_domains": ["acme.test"]},
        limits={"per_send": Decimal("150.00")},
    )
    assert one == other
    assert one.version == other.version


def test_the_version_follows_from_the_document() -> None:
    some = policy(limits={"per_send": Decimal("49.50")}, rules=[RULE])
    assert some.version == version_of(some.document)
    assert len(some.version) == 12
    assert int(some.version, 16) >= 0
    written = json.loads(some.document)
    assert written["limits"]["per_send"] == "49.50"
    assert written["rules"][0]["name"] == "staff"


@pytest.mark.parametrize(
    "email",
    [
        "ann+@evil.example,x@acme.test",
        "ann+ <evil@evil.example>, x@acme.test",
        "ann+a@evil.example@acme.test",
        "ann+b c;evil@evil.example@acme.test",
        "ann+(evil.example)@acme.test",
    ],
)
def test_what_follows_a_plus_is_part_of_the_address(email: str) -> None:
    assert not is_address(email)


def test_a_domain_of_other_letters_is_the_one_that_the_dns_has_today() -> None:
    """By the rules before IDNA 2008 ß was ss, and the money went to whoever has the other domain."""
    assert not covers(("strasse.de",), "eve@stra\xdfe.de")
    assert covers(("xn--strae-oqa.de",), "eve@stra\xdfe.de")
    assert normalised_email("eve@STRA\xdfE.de") == "eve@xn--strae-oqa.de"
    assert policy(recipients={"allow_domains": ["stra\xdfe.de"]}).recipients.allow_domains == (
        "xn--strae-oqa.de",
    )
