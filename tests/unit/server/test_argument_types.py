from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.server import arguments
from sendoso_mcp.server.arguments import (
    AddressArgument,
    Days,
    Email,
    ItemId,
    Key,
    Limit,
    Line,
    Message,
    PageNumber,
    Query,
    RecipientId,
    ScheduledDate,
    SendId,
    Usd,
    check_not_past,
    check_period,
)
from sendoso_mcp.server.countries import COUNTRIES


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refuses(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value)


def test_there_are_249_countries() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)
    assert {"US", "GB", "DE", "ZA", "SS", "AX", "BQ"} <= COUNTRIES
    assert not {"UK", "EU", "XK", "AN", "SU", "YU", "ZZ", "AA", "TP", "CS"} & COUNTRIES


ADDRESS = {"street1": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"}


@pytest.mark.parametrize(("given", "code"), [("US", "US"), ("de", "DE"), (" fr ", "FR")])
def test_a_country_is_its_code(given: str, code: str) -> None:
    assert AddressArgument.model_validate(ADDRESS | {"country": given}).country == code


def test_a_country_must_be_said() -> None:
    del (without := dict(ADDRESS))["country"]
    assert "Field required" in refuses(AddressArgument, without)


@pytest.mark.parametrize(
    "given", ["", "USA", "UK", "Germany", "X1", "\N{FULLWIDTH LATIN CAPITAL LETTER U}S", "u\u200bs"]
)
def test_what_is_no_country_is_refused(given: str) -> None:
    assert "ISO 3166-1" in refuses(AddressArgument, ADDRESS | {"country": given})


@pytest.mark.parametrize("field", ["street1", "city", "postal_code"])
@pytest.mark.parametrize("value", ["", "  ", "\u200b", "x" * 201, None])
def test_an_address_needs_its_parts(field: str, value: str | None) -> None:
    assert field in refuses(AddressArgument, ADDRESS | {field: value})


def test_an_address_has_no_other_parts() -> None:
    assert "zip" in refuses(AddressArgument, ADDRESS | {"zip": "12345"})


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("ann@acme.com", "ann@acme.com"),
        ("  ann@acme.com\n", "ann@acme.com"),
        ("Ann.Lee+gift@ACME.com", "Ann.Lee+gift@acme.com"),
        ("ann@münchen.de", "ann@münchen.de"),
        ("ann@mail.acme.co.uk", "ann@mail.acme.co.uk"),
        ("o'neil@acme.com", "o'neil@acme.com"),
    ],
)
def test_an_email_address_is_read(given: str, normal: str) -> None:
    assert read(Email, given) == normal


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ann",
        "ann@",
        "@acme.com",
        "ann@acme",
        "ann@@acme.com",
        "ann@acme..com",
        "ann lee@acme.com",
        "ann@acme.com, bob@acme.com",
        "Ann <ann@acme.com>",
        "ann@acme.com\nBcc: bob@acme.com",
        "ann\u200b@acme.com",
        "ann\u202e@acme.com",
        "ann@[127.0.0.1]",
        "a@" + "b" * 250 + ".com",
    ],
)
def test_what_is_no_email_address_is_refused(given: str) -> None:
    refuses(Email, given)


class Noon(datetime):
    """The clock at a given hour, UTC, of 2 May 2026."""

    hour_now = 12

    @classmethod
    def now(cls, tz: Any = None) -> Noon:
        return cls(2026, 5, 2, cls.hour_now, tzinfo=tz)


@pytest.mark.parametrize(
    ("hour", "earliest"),
    [(0, date(2026, 5, 1)), (11, date(2026, 5, 1)), (12, date(2026, 5, 2)), (23, date(2026, 5, 2))],
)
def test_a_day_is_past_when_it_is_past_everywhere(
    hour: int, earliest: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noon, "hour_now", hour)
    monkeypatch.setattr(arguments, "datetime", Noon)
    check_not_past(earliest)
    with pytest.raises(BadArgument, match="in the past"):
        check_not_past(earliest - timedelta(days=1))


def test_a_coming_day_is_read() -> None:
    coming = datetime.now(UTC).date() + timedelta(days=30)
    assert read(ScheduledDate, coming.isoformat()) == coming


@pytest.mark.parametrize(
    "given",
    [
        "tomorrow",
        "2030-02-30",
        "01/02/2030",
        "",
        "2030-01-01T12:00:00",
        *(0, 1_900_000_000, 1.5, True, "0", "1900000000", [], {}),
    ],
)
def test_what_is_no_day_is_refused(given: str) -> None:
    refuses(ScheduledDate, given)


def test_a_message_has_at_most_500_characters() -> None:
    assert read(Message, "x" * 500) == "x" * 500
    assert read(Message, "é🎁" * 250) == "é🎁" * 250
    assert "500" in refuses(Message, "x" * 501)


def test_a_message_is_cleaned_and_keeps_its_lines() -> None:
    assert read(Message, "Dear Ann,\nthank\u202e you\u200b!\x00") == "Dear Ann,\nthank you!"


@pytest.mark.parametrize("given", ["\u200b", "\u200b\u200d\ufeff", " \n ", "\U000e0041" * 20])
def test_a_message_of_what_cannot_be_seen_is_no_message(given: str) -> None:
    assert read(Message, given) == ""


@pytest.mark.parametrize("kind", [Line, Key])
@pytest.mark.parametrize("given", ["", " ", "\u200b", "\n", "\u2800"])
def test_a_text_that_must_be_there_is_not_only_what_cannot_be_seen(kind: Any, given: str) -> None:
    refuses(kind, given)


@pytest.mark.parametrize(("kind", "longest"), [(Line, 200), (Key, 128), (Query, 200)])
def test_a_text_has_a_greatest_length(kind: Any, longest: int) -> None:
    assert read(kind, "x" * longest) == "x" * longest
    refuses(kind, "x" * (longest + 1))


def test_a_line_is_one_line() -> None:
    assert read(Line, " Ann\n\u2028 Lee\t") == "Ann Lee"


def test_a_query_may_be_empty_and_is_cleaned() -> None:
    assert read(Query, "") == ""
    assert read(Query, " mug\u200b ") == "mug"


@pytest.mark.parametrize("kind", [RecipientId, ItemId, SendId])
def test_an_id_is_checked(kind: Any) -> None:
    assert read(kind, "send_9f82abc") == "send_9f82abc"
    for given in ("", "../teams/budget", "a b", "é", "x" * 129, 5):
        refuses(kind, given)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Usd, [0, 0.01, 1_000_000], [-0.01, 1_000_001, float("nan"), float("inf"), "free", True, False]),
        (Limit, [1, 50], [0, 51, -1, 1.5, "many", True]),
        (Days, [0, 365], [-1, 366, 1.5, True, False]),
        (PageNumber, [1, 100_000], [0, -1, 100_001, 1.5, True]),
    ],
)
def test_a_number_has_its_range(kind: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert read(kind, value) == value
    for value in bad:
        refuses(kind, value)


def test_a_number_in_a_text_is_read_as_some_clients_send_it() -> None:
    assert (read(Usd, "25"), read(Usd, "25.5"), read(Limit, "10"), read(Limit, 10.0)) == (25, 25.5, 10, 10)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (date(2026, 1, 1), None),
        (None, date(2026, 1, 1)),
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 1, 1), date(2026, 1, 2)),
    ],
)
def test_a_period_may_be_open_or_one_day(start: date | None, end: date | None) -> None:
    check_period(start, end)


def test_a_period_does_not_end_before_it_starts() -> None:
    with pytest.raises(BadArgument, match=r"end_date \(2026-01-01\) is before start_date \(2026-01-02\)"):
        check_period(date(2026, 1, 2), date(2026, 1, 1))
