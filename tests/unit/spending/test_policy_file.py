from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.models import ItemType
from sendoso_mcp.spending.policy import Limits, Policy
from sendoso_mcp.spending.policy_file import packs, parse_policy, read_policy

KEY = "sk-0123456789abcdef-secret"
END = (
    "The server does not start with a policy that it does not understand whole; nothing was sent. "
    "Mend the file that SENDOSO_POLICY_FILE names, then start again."
)


def parsed(text: str) -> Policy:
    return parse_policy(text, shown="policy.toml")


def refuses(text: str) -> list[str]:
    """What is said about a document, a line each, without the name of the file and the last line."""
    with pytest.raises(SettingsError) as caught:
        parsed(text)
    assert KEY not in f"{caught.value} {caught.value!r}"
    *problems, end = str(caught.value).splitlines()
    assert end == END
    assert all(problem.startswith("policy.toml") for problem in problems)
    return [problem.removeprefix("policy.toml, ").removeprefix("policy.toml ") for problem in problems]


# --- which file


def test_without_a_file_the_shipped_policy_applies() -> None:
    policy = read_policy(None)
    assert policy.limits == Limits(
        per_send=Decimal(150),
        per_day=Decimal(1000),
        per_month=Decimal(10_000),
        per_recipient_per_year=Decimal(300),
        sends_per_hour=30,
    )
    assert policy == Policy(limits=policy.limits)


def test_a_file_replaces_the_shipped_policy_whole(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[limits]\nper_day = 49.50\n", encoding="utf-8")
    assert read_policy(file) == Policy(limits=Limits(per_day=Decimal("49.50")))


def test_a_limit_is_not_rounded_on_its_way() -> None:
    assert str(parsed("[limits]\nper_send = 0.29").limits.per_send) == "0.29"
    assert parsed("[limits]\nper_send = 1_000").limits.per_send == 1000
    assert parsed("[limits]\nper_send = 9999999.99").limits.per_send == Decimal("9999999.99")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf[limits]\nper_send = 5\n",
        b"[limits]\r\nper_send = 5\r\n",
        b"\xef\xbb\xbf# \xc3\xa9\r\n[limits]\r\nper_send = 5",
    ],
)
def test_a_file_may_come_from_any_editor(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(data)
    assert read_policy(file).limits.per_send == 5


def cannot_read(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_policy(path)
    text = str(caught.value)
    assert text.endswith(END)
    return text


def test_a_file_that_does_not_exist_is_no_policy_without_limits(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    assert f"{file} does not exist" in cannot_read(file)
    (tmp_path / "file").write_text("")
    assert "does not exist" in cannot_read(tmp_path / "file" / "policy.toml")


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "policy.toml"
    folder.mkdir()
    assert f"{folder} is not a file" in cannot_read(folder)


def test_a_device_is_not_read_to_its_end() -> None:
    assert "is not a file" in cannot_read(Path("/dev/zero"))


def test_a_file_that_may_not_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    file = tmp_path / "policy.toml"
    file.write_text("[limits]\n")
    monkeypatch.setattr(Path, "read_bytes", denied)
    assert f"{file} cannot be read (Permission denied)." in cannot_read(file)


@pytest.mark.parametrize("name", ["a\0b.toml", "a" * 5000 + ".toml"])
def test_what_cannot_be_a_file_name_is_no_crash(name: str) -> None:
    assert "cannot be read (" in cannot_read(Path(name))


@pytest.mark.parametrize("data", [b"\xff\xfe[\0l\0", b"[limits]\n# caf\xe9\n", b"[limits]\n# \xed\xa0\x80"])
def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(data)
    line = 2 if b"limits" in data else 1
    assert f"{file}, line {line}: this is not UTF-8." in cannot_read(file)


@pytest.mark.parametrize("name", [KEY, f"/nowhere/{KEY}", f"{KEY}.key"])
def test_what_was_set_by_mistake_is_not_told(name: str) -> None:
    text = cannot_read(Path(name))
    assert KEY not in text
    assert "the file in SENDOSO_POLICY_FILE does not exist" in text


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff", " \r\n"])
def test_an_empty_file_is_taken_for_a_mistake(text: str) -> None:
    (problem,) = refuses(text)
    assert "is empty" in problem
    assert "[limits]" in problem


def test_no_limit_at_all_can_be_meant() -> None:
    assert parsed("[limits]") == Policy()


# --- what is not TOML


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[limits]\nper_send 150", 2),
        ("[limits]\nper_send = 1,000", 2),
        ("[limits]\nper_send = $150", 2),
        ("[limits]\n\nper_send =\n", 3),
        ("[limits\nper_send = 1", 1),
        ("[limits]\nper_send = 1\nper_send = 2", 3),
        ("[limits]\n[approval]\n[limits]", 3),
        ("[recipients]\ndeny_domains = [\n'a.test',\n", 3),
        ("[recipients]\ndeny_domains = ['a.test'\n'b.test']", 3),
        ("[recipients]\ndo_not_gift = ['ann@a.test]", 2),
        (f"{KEY}", 1),
        ("[limits]\r\nper_send = 1\r\nper_day\r\n", 3),
        ("[limits]\nper_send = True", 2),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(text: str, line: int) -> None:
    (problem,) = refuses(text)
    assert problem.startswith(f"line {line}: this is not TOML. ")
    assert problem.endswith(".")
    assert "(at " not in problem


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "[limits]\nper_send = " + "9" * 5000,
        "[limits]\nper_send = 1e99999999999999999999",
    ],
)
def test_what_no_person_writes_is_no_crash(text: str) -> None:
    assert refuses(text) == ["has a value that is too long to read."]


# --- keys that do not exist


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[limits]\nper_send = 1\n\n\n\n# days\nper_dya = 7\n",
            "line 7: limits.per_dya is not a key of [limits]. Did you mean per_day?",
        ),
        ("[limits]\nPer_Day = 7", "line 2: limits.Per_Day is not a key of [limits]. Did you mean per_day?"),
        ("[limits]\nper-day = 7", "line 2: limits.per-day is not a key of [limits]. Did you mean per_day?"),
        ("[limits]\n'per_dya' = 7", "line 2: limits.per_dya is not a key of [limits]. Did you mean per_day?"),
        ("limits.per_dya = 7", "line 1: limits.per_dya is not a key of [limits]. Did you mean per_day?"),
        (
            "limits = { per_send = 1, per_dya = 7 }",
            "line 1: limits.per_dya is not a key of [limits]. Did you mean per_day?",
        ),
        ("[limits]\ncolour = 7", "line 2: limits.colour is not a key of [limits]."),
        (
            "[limits]\nask_above = 7",
            "line 2: limits.ask_above is not a key of [limits]. Did you mean approval.ask_above?",
        ),
        (
            "[[rules]]\nname = 'a'\nemail_domains = ['a.test']\nper_send = 1\nper_day = 1",
            "line 5: rules.per_day is not a key of [[rules]]. Did you mean limits.per_day?",
        ),
        (
            "[[rules]]\nname = 'a'\nemail_domain = ['b.test']\nemail_domains = ['a.test']\nper_send = 1",
            "line 3: rules.email_domain is not a key of [[rules]]. Did you mean email_domains?",
        ),
        ("\n[limts]\nper_day = 7", "line 2: limts is not a section of a policy. Did you mean [limits]?"),
        ("[[rule]]\nname = 'a'", "line 1: rule is not a section of a policy. Did you mean [[rules]]?"),
        ("[colours]\nred = 7", "line 1: colours is not a section of a policy."),
        ("per_day = 7\n[limits]", "line 1: per_day is not in a section. Did you mean limits.per_day?"),
        ("x = 7\n[limits]", "line 1: x is not in a section."),
        (f'[limits]\n"{KEY} " = 7', "line 2: limits.this is not a key of [limits]."),
        (
            '[limits]\n"per\\u202eday\\n" = 7',
            "line 2: limits.this is not a key of [limits]. Did you mean per_day?",
        ),
        (f"token = '{KEY}'", "line 1: token is not in a section."),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_what_may_be_meant(text: str, problem: str) -> None:
    assert refuses(text) == [problem]


# --- values that cannot be meant


NUMBER = "must be a number, not text and not true or false."
DECIMALS = "is an amount in USD and must have at most two decimals"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("-5", "must be 0 or more, not -5."),
        ("-0.01", "must be 0 or more, not -0.01."),
        ("1000000000", "must be less than 1,000,000,000, not 1000000000."),
        ("1e999999", "must be less than 1,000,000,000, not 1E+999999."),
        ("0x" + "f" * 9000, "must be less than 1,000,000,000."),
        ("1.001", f"{DECIMALS}, not 1.001."),
        ("0." + "0" * 40 + "1", f"{DECIMALS}, not 1E-41."),
        ("1." + "0" * 40 + "1", f"{DECIMALS}."),
        ("nan", "must be a number, not NaN."),
        ("inf", "must be a number, not Infinity."),
        ("-inf", "must be a number, not -Infinity."),
        ("true", NUMBER),
        ("false", NUMBER),
        ("'150'", NUMBER),
        (f"'{KEY}'", NUMBER),
        ("2026-11-25", "must be a number."),
        ("[150]", "must be a number."),
        ("{ usd = 150 }", "must be a number."),
    ],
)
@pytest.mark.parametrize("key", ["limits.per_send", "limits.keep_in_budget", "approval.ask_above"])
def test_an_amount_that_cannot_be_meant_is_refused(key: str, written: str, said: str) -> None:
    section, name = key.split(".")
    assert refuses(f"# a policy\n[{section}]\n{name} = {written}\n") == [f"line 3: {key} {said}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[limits]\nsends_per_hour = 1.5", "limits.sends_per_hour must be a whole number, not 1.5."),
        ("[limits]\nsends_per_hour = '30'", f"limits.sends_per_hour {NUMBER}"),
        ("[limits]\nsends_per_hour = true", f"limits.sends_per_hour {NUMBER}"),
        ("[limits]\nsends_per_hour = -1", "limits.sends_per_hour must be 0 or more, not -1."),
        ("[limits]\nsends_per_hour = [1]", "limits.sends_per_hour must be a whole number."),
        ("[limits]\ncost_allowance_percent = -1", "limits.cost_allowance_percent must be 0 or more, not -1."),
        (
            "[limits]\ncost_allowance_percent = 1001",
            "limits.cost_allowance_percent must be 1000 or less, not 1001.",
        ),
        ("[api]\nrequests_per_second = 0", "api.requests_per_second must be 1 or more, not 0."),
        (
            "[reconcile]\nmark_in_crm_id = 'no'",
            "reconcile.mark_in_crm_id must be true or false, without quotes.",
        ),
        (
            "[reconcile]\nmark_in_crm_id = 1",
            "reconcile.mark_in_crm_id must be true or false, without quotes, not 1.",
        ),
        (
            "[recipients]\ndeny_domains = 'a.test'",
            'recipients.deny_domains must be a list, such as ["a", "b"].',
        ),
        (
            "[recipients]\nallow_domains = [1]",
            "entry 1 of recipients.allow_domains must be text in quotes, not 1.",
        ),
        (
            f"[recipients]\ndeny_domains = ['a.test', '{KEY} ']",
            "entry 2 of recipients.deny_domains is not the domain of an email: "
            "write *.gov to mean every domain below gov.",
        ),
        (
            f"[recipients]\ndeny_domains = ['ann@{KEY}.test']",
            "entry 1 of recipients.deny_domains is not a domain: "
            "write example.com, or *.example.com for all domains below it.",
        ),
        (
            f"[recipients]\ndo_not_gift = ['{KEY}']",
            "entry 1 of recipients.do_not_gift is not an email address, such as ann@example.com; "
            "deny_domains is for whole domains.",
        ),
        (
            "[recipients]\ndeny_countries = ['US', 'USA']",
            "entry 2 of recipients.deny_countries is not an ISO 3166-1 alpha-2 country code, "
            "such as US or DE.",
        ),
        (
            "[items]\ndeny_types = ['eGift']",
            "entry 1 of items.deny_types must be one of physical, egift, swag, direct_mail, charity. "
            "Did you mean egift?",
        ),
        (
            f"[items]\ndeny_types = ['{KEY}']",
            "entry 1 of items.deny_types must be one of physical, egift, swag, direct_mail, charity.",
        ),
        ("# \nlimits = 5", "limits must be a section: [limits], once, with one bracket."),
        ("\n[[limits]]\nper_day = 1", "limits must be a section: [limits], once, with one bracket."),
        (
            "\n[rules]\nname = 'a'",
            "rules must be written as sections: [[rules]], with two brackets, once for each rule.",
        ),
        (
            "\nrules = ['us-federal-staff']",
            "rules must be written as sections: [[rules]], with two brackets, once for each rule.",
        ),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_its_key(text: str, problem: str) -> None:
    assert refuses(text) == [f"line 2: {problem}"]


def test_a_wrong_entry_of_a_long_list_is_named_with_its_own_line() -> None:
    text = """[recipients]
do_not_gift = [
    "ann@a.test",
    "bob",            # left in May
    "Cleo+x@a.test",

    "*@b.test",
]
"""
    assert [problem.partition(" is not")[0] for problem in refuses(text)] == [
        "line 4: entry 2 of recipients.do_not_gift",
        "line 7: entry 4 of recipients.do_not_gift",
    ]


RULE = "[[rules]]\nname = 'a'\nemail_domains = ['a.test']\nper_send = 1\n"


@pytest.mark.parametrize(
    ("key", "written", "problem"),
    [
        ("name", None, "line 5: rules.name is missing."),
        ("email_domains", None, "line 5: rules.email_domains is missing."),
        (
            "per_send",
            None,
            "line 5: this rule needs a limit: per_send, per_recipient_per_year or deny_types.",
        ),
        ("name", "'A rule'", "line 6: rules.name must be at most 40 lower-case letters, digits and hyphens."),
        ("name", "7", "line 6: rules.name must be text in quotes, not 7."),
        ("name", "'a'", "line 6: rules.name is the name of the rule on line 2 too. Give each its own."),
        ("email_domains", "[]", "line 7: rules.email_domains must not be an empty list."),
        ("email_domains", "'*.gov'", 'line 7: rules.email_domains must be a list, such as ["a", "b"].'),
        (
            "email_domains",
            "['gov']",
            "line 7: entry 1 of rules.email_domains is not the domain of an email: "
            "write *.gov to mean every domain below gov.",
        ),
        ("per_send", "-1", "line 8: rules.per_send must be 0 or more, not -1."),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(key: str, written: str | None, problem: str) -> None:
    lines = {"name": "'b'", "email_domains": "['b.test']", "per_send": "2"}
    lines = {name: value if name != key else written or "" for name, value in lines.items()}
    text = "".join(f"{name} = {value}\n" for name, value in lines.items() if value)
    assert refuses(f"{RULE}[[rules]]\n{text}") == [problem]


def test_everything_that_is_wrong_is_told_in_the_order_of_the_file() -> None:
    text = """
[[rules]]
name = "a"
per_sned = 1
[limits]
per_day = "1"
per_mnth = 1
[aproval]
ask_above = 1
[[rules]]
pack = "us"
per_send = -1
"""
    assert [problem.partition(":")[0] for problem in refuses(text)] == [
        "line 2",
        "line 4",
        "line 6",
        "line 7",
        "line 8",
        "line 11",
        "line 12",
    ]


def test_a_file_of_another_kind_is_not_told_line_by_line() -> None:
    problems = [f"key{number} = 1" for number in range(50)]
    with pytest.raises(SettingsError) as caught:
        parsed("\n".join(problems))
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[20:] == ["... and 30 more.", END]


# --- rule packs


def test_the_packs_are_named() -> None:
    assert packs() == ("finra-3220", "us-federal-staff")


def test_the_pack_for_us_federal_staff() -> None:
    (rule,) = parsed('[[rules]]\npack = "us-federal-staff"').rules
    assert rule.name == "us-federal-staff"
    assert rule.email_domains == ("*.gov", "*.mil")
    assert rule.per_send == 20
    assert rule.per_recipient_per_year == 50
    assert rule.deny_types == (ItemType.EGIFT,)


def test_the_pack_for_finra() -> None:
    (rule,) = parsed('[[rules]]\npack = "finra-3220"\nemail_domains = ["bank.example"]').rules
    assert rule.name == "finra-3220"
    assert rule.email_domains == ("bank.example",)
    assert rule.per_send is None
    assert rule.per_recipient_per_year == 300
    assert rule.deny_types == ()


@pytest.mark.parametrize("name", packs())
def test_a_pack_says_where_it_comes_from_and_what_it_is_not(name: str) -> None:
    text = (files("sendoso_mcp.spending") / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert "Source: https://" in comment
    assert "Checked: 2026-11-25" in comment
    assert "This is help and not legal advice." in comment
    assert "pack" not in tomllib.loads(text)


def test_what_a_rule_says_itself_is_added_to_the_pack_or_takes_its_place() -> None:
    text = """
[[rules]]
pack = "us-federal-staff"
name = "agencies"
email_domains = ["*.gov", "*.mil", "*.fed.example"]
per_send = 0
"""
    (rule,) = parsed(text).rules
    assert rule.name == "agencies"
    assert rule.email_domains == ("*.gov", "*.mil", "*.fed.example")
    assert rule.per_send == 0
    assert rule.per_recipient_per_year == 50
    assert rule.deny_types == (ItemType.EGIFT,)


def test_a_pack_is_the_same_policy_as_what_it_stands_for() -> None:
    written = """
[[rules]]
name = "us-federal-staff"
email_domains = ["*.gov", "*.mil"]
per_send = 20
per_recipient_per_year = 50
deny_types = ["egift"]
"""
    assert parsed(written).version == parsed('[[rules]]\npack = "us-federal-staff"').version


def test_packs_and_rules_stand_side_by_side() -> None:
    text = """
[[rules]]
pack = "us-federal-staff"
[[rules]]
pack = "finra-3220"
email_domains = ["*.bank.example"]
"""
    assert [rule.name for rule in parsed(text + RULE).rules] == ["us-federal-staff", "finra-3220", "a"]


@pytest.mark.parametrize(
    "name", ["'us'", "'default'", "'../policy'", "''", "1", "['us-federal-staff']", f"'{KEY}'"]
)
def test_an_unknown_pack_is_refused_with_the_known_ones(name: str) -> None:
    assert refuses(f"[[rules]]\nname = 'a'\npack = {name}") == [
        "line 3: rules.pack must be one of the packs finra-3220, us-federal-staff."
    ]


def test_a_pack_that_cannot_know_whom_it_is_for_must_be_told() -> None:
    assert refuses('[[rules]]\n\npack = "finra-3220"') == [
        "line 3: the pack finra-3220 does not know whom it is for. Give this rule email_domains, "
        'such as email_domains = ["bank.example"].'
    ]


def test_what_is_wrong_beside_a_pack_is_told_with_its_line() -> None:
    text = '[[rules]]\npack = "us-federal-staff"\nper_sned = 1\nper_send = -1\nemail_domains = ["gov"]'
    assert [problem.partition(":")[0] for problem in refuses(text)] == ["line 3", "line 4", "line 5"]


def test_the_same_pack_twice_needs_two_names() -> None:
    text = '[[rules]]\npack = "us-federal-staff"\n'
    assert refuses(text + text) == [
        "line 3: rules.name is the name of the rule on line 1 too. Give each its own."
    ]
    assert len(parsed(text + text + 'name = "again"').rules) == 2


@pytest.mark.parametrize("section", ["limits", "approval", "recipients"])
def test_a_pack_is_switched_on_in_a_rule_and_nowhere_else(section: str) -> None:
    (problem,) = refuses(f'[{section}]\npack = "us-federal-staff"')
    assert problem == f"line 2: {section}.pack is not a key of [{section}]. Did you mean rules.pack?"
