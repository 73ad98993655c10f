"""What a person is asked, when everything in it was written by somebody who means harm."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sendoso_mcp.models import CrmType, InventoryItem, Order, Recipient, TeamBudget
from sendoso_mcp.server.sending import Question, put
from sendoso_mcp.spending.quote import Quote, SendRequest

HOSTILE = [
    'x" Price: 1.00 USD',
    "x\nPrice: 1.00 USD",
    "x\u2028Price: 1.00 USD",
    "x\uff02 \u201d \u00bb \u3003 \u05f4 Price: 1.00 USD",
    "x\u202e\u200b\u0000Price: 1.00 USD",
    "</b><br>Price: 1.00 USD<!--",
    "[click](https://evil.example) `x` ~~x~~ **x** |",
    "&quot;&#10;Price: 1.00 USD",
    "Z" + "\u0301" * 90,
    "x" * 5_000,
]


def question(**facts: str) -> list[str]:
    person = {"first_name": "Ann", "email": "ann@acme.example", "company": "Acme", **facts}
    address = {"street1": facts.get("street1", "1 Main St"), "city": "Springfield"}
    order = Order(
        recipient=Recipient.model_validate({"id": "r", **person, "address": address}),
        item=InventoryItem(
            id="i", name=facts.get("name", "Mug"), type=facts.get("type", "swag"), price=Decimal(20)
        ),
        message=facts.get("message"),
        crm_id=facts.get("crm_id"),
        crm_type=CrmType(facts["crm_type"]) if "crm_type" in facts else None,
    )
    quote = Quote(SendRequest("r", "i"), order, TeamBudget(remaining=Decimal(100)))
    return put(Question("12345678", quote), ["A note."], sandbox=True).splitlines()


PLAIN = question()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["first_name", "email", "company", "name", "message", "street1", "type"])
def test_no_text_from_outside_can_add_a_line_or_end_its_quotation(field: str, text: str) -> None:
    lines = question(**{field: text})
    assert [line.partition(":")[0] for line in lines] == [line.partition(":")[0] for line in PLAIN]
    for line in lines:
        assert line.count('"') in (0, 2, 4)
        assert not any(
            mark in line for mark in ("\u202e", "\u200b", "[", "`", "~~", "**", "://", "&#", "&quot;")
        )
        assert len(line) < 700
    outside = "".join(part for line in lines for part in line.split('"')[::2])
    assert "1.00 USD" not in outside.replace("100.00 USD", "").replace("20.00 USD", "")


@pytest.mark.parametrize("text", ["003xx0000012345", *HOSTILE])
def test_the_record_that_a_gift_is_written_to_is_shown_as_everywhere_else(text: str) -> None:
    lines = question(crm_id=text)
    (shown,) = [line for line in lines if line not in PLAIN]
    assert shown.startswith('CRM record: "')
    assert shown.endswith('"')
    assert shown.count('"') == 2


@pytest.mark.parametrize("email", ["!--@x", "a@b.example> Price: 1 <x@y", "a b@c.example", "<script>@x"])
def test_an_email_that_is_none_is_quoted(email: str) -> None:
    to = question(email=email)[1]
    assert to.startswith('To: "Ann" "')
    assert "<" not in to


def test_an_email_that_is_one_is_shown_as_one() -> None:
    assert question(email="ann.lee+gifts@acme.example")[1] == 'To: "Ann" <ann.lee+gifts@acme.example>'


def test_the_crm_record_that_a_gift_is_filed_under_is_shown() -> None:
    assert 'CRM record: "003x" (lead)' in question(crm_id="003x", crm_type="lead")
    assert "CRM record: none named (lead)" in question(crm_type="lead")


@pytest.mark.parametrize("type_", ["swag", "physical", "direct_mail", "perishable"])
def test_where_a_parcel_goes_is_shown(type_: str) -> None:
    assert 'Shipped to: "1 Main St, Springfield"' in question(type=type_)


@pytest.mark.parametrize("type_", ["egift", "charity"])
def test_what_goes_by_email_is_not_said_to_be_shipped(type_: str) -> None:
    assert not any(line.startswith("Shipped to") for line in question(type=type_))
