from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sendoso_mcp.fields import check_id, to_cents
from sendoso_mcp.models import (
    InventoryItem,
    ItemRef,
    NewRecipient,
    Page,
    Recipient,
    RecipientRef,
    ReportRow,
    ReportTotals,
    Send,
    TeamBudget,
)


@pytest.mark.parametrize("value", ["a", "send_9f82abc", "A-Z_0-9", "-", "x" * 128])
def test_an_id_is_letters_digits_hyphens_and_underscores(value: str) -> None:
    assert check_id(value) == value


@pytest.mark.parametrize("value", ["", "a b", "a/b", "..", "a.b", "é", "a\n", "٣", "a%20", "x" * 129])
def test_anything_else_is_no_id(value: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        check_id(value)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("1", "1.00"),
        ("1.005", "1.01"),
        ("1.004", "1.00"),
        ("0.125", "0.13"),
        ("-1.005", "-1.01"),
        ("1E+2", "100.00"),
    ],
)
def test_amounts_are_rounded_half_up_to_cents(amount: str, cents: str) -> None:
    assert str(to_cents(Decimal(amount))) == cents


@hypothesis_settings(deadline=None)
@given(st.integers(0, 99_999_999_999))
def test_every_amount_in_cents_survives_json(cents: int) -> None:
    amount = Decimal(cents) / 100
    item = InventoryItem.model_validate({"id": "a", "price": float(amount)})
    assert item.price == amount
    assert item.price is not None
    assert item.price.as_tuple().exponent == -2


NOUNS = (Send, Recipient, InventoryItem, RecipientRef, ItemRef, TeamBudget, ReportTotals, ReportRow)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from(
        ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "1e999999", "2026-01-01", "-0"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_whatever_stands_beside_an_id_can_be_read(noun: type[Any]) -> None:
    fields = {name: JSON for name in noun.model_fields if name != "id"}

    @hypothesis_settings(deadline=None, max_examples=150)
    @example({"created_at": "0001-01-01T00:00:00+01:00"})
    @given(st.fixed_dictionaries({}, optional={**fields, "unknown": JSON}))
    def reads(answer: dict[str, Any]) -> None:
        noun.model_validate({"id": "x_1", **answer})

    reads()


@pytest.mark.parametrize("noun", [Send, Recipient, InventoryItem])
@pytest.mark.parametrize("given_id", [None, "", 5, [], "a/b"])
def test_without_a_usable_id_nothing_is_read(noun: type[Any], given_id: Any) -> None:
    with pytest.raises(ValidationError):
        noun.model_validate({"id": given_id, "name": "x"})
    with pytest.raises(ValidationError):
        noun.model_validate({"name": "x"})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-05-02T14:30:00.000Z", datetime(2026, 5, 2, 14, 30, tzinfo=UTC)),
        ("2026-05-02T14:30:00", datetime(2026, 5, 2, 14, 30, tzinfo=UTC)),
        ("2026-05-02T23:30:00-05:00", datetime(2026, 5, 3, 4, 30, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_are_in_utc(written: str | None, read: datetime | None) -> None:
    created_at = Send.model_validate({"id": "a", "created_at": written}).created_at
    assert created_at == read
    assert created_at is None or created_at.tzinfo is UTC


@pytest.mark.parametrize("person", [Recipient, RecipientRef])
@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Ann", "Lee", "Ann Lee"),
        ("Ann", None, "Ann"),
        (None, "Lee", "Lee"),
        (None, None, ""),
        ("", "Lee", "Lee"),
    ],
)
def test_a_name_is_as_much_as_is_known_of_it(
    person: type[Recipient | RecipientRef], first: str | None, last: str | None, name: str
) -> None:
    assert person.model_validate({"id": "a", "first_name": first, "last_name": last}).name == name


def test_a_noun_cannot_be_changed() -> None:
    item = InventoryItem(id="a")
    with pytest.raises(ValidationError):
        item.price = Decimal(1)  # type: ignore[misc]


def test_what_is_sent_is_checked_strictly() -> None:
    with pytest.raises(ValidationError):
        NewRecipient.model_validate({"first_name": "Ann", "last_name": None, "email": "a@b.test"})


@pytest.mark.parametrize(
    ("facts", "has_next"),
    [
        ({"page": 1, "total_pages": 2}, True),
        ({"page": 2, "total_pages": 2}, False),
        ({"page": 1, "total_pages": 0}, False),
        ({"page": 3, "total_pages": 2}, False),
        ({"page": 1, "per_page": 2, "total": 3}, True),
        ({"page": 2, "per_page": 2, "total": 3}, False),
        ({"page": 2, "per_page": 2, "total": 4}, False),
        ({"page": 1, "per_page": 2}, True),
        ({"page": 1, "per_page": 3}, False),
        ({"page": 1}, False),
        # The number of pages is the better witness.
        ({"page": 1, "total_pages": 1, "per_page": 1, "total": 9}, False),
    ],
)
def test_whether_there_is_a_next_page(facts: dict[str, int], has_next: bool) -> None:
    items = (InventoryItem(id="a"), InventoryItem(id="b"))
    assert Page[InventoryItem](items=items, **facts).has_next is has_next


def test_an_empty_page_is_the_last() -> None:
    assert not Page[date](items=(), per_page=0).has_next
    assert not Page[date](items=(), per_page=25).has_next
