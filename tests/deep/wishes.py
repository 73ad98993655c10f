"""Policies and wishes for tests that drive a ledger itself, without the guard before it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from deep.ledger_model import Person, Rules
from sendoso_mcp.models import InventoryItem, Order, Recipient, TeamBudget
from sendoso_mcp.spending.ledger import Dispatch, Wish
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest

TAKES = timedelta(seconds=60)


def usd(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100


def policy_of(rules: Rules) -> Policy:
    """The policy file's way to say the same."""
    limits: dict[str, Any] = {
        "per_send": usd(rules.per_send),
        "per_day": usd(rules.per_day),
        "per_month": usd(rules.per_month),
        "per_recipient_per_year": usd(rules.per_year),
        "sends_per_hour": rules.per_hour,
        "keep_in_budget": usd(rules.keep),
        "cost_allowance_percent": rules.allowance,
    }
    classes = [
        {
            "name": name,
            "email_domains": [f"*.{name}.test"],
            "per_send": usd(send),
            "per_recipient_per_year": usd(year),
        }
        for name, (send, year) in rules.classes.items()
    ]
    approval = {"ask_above": usd(rules.ask_above), "outside_chat_above": usd(rules.outside_above)}
    return Policy.model_validate({"limits": limits, "approval": approval, "rules": classes})


def wish_of(
    person: Person,
    item: str,
    price: int,
    *,
    policy: Policy,
    remaining: int = 10**9,
    position: int = 0,
    who: str = "ann",
    words: str = "",
    key: str | None = None,
) -> Wish:
    """A wish as the guard makes it: everything looked up, and nothing but money speaks against it."""
    request = SendRequest(person.id, item, message=words or None)
    order = Order(
        recipient=Recipient.model_validate(
            {
                "id": person.id,
                "first_name": person.id,
                "email": person.email,
                "address": {"street1": "1 Main St", "city": "Springfield", "country": "US"},
            }
        ),
        item=InventoryItem.model_validate(
            {"id": item, "name": item, "type": "swag", "price": usd(price), "available": True}
        ),
        message=request.message,
    )
    budget = TeamBudget.model_validate({"remaining": usd(remaining)})
    quote = Quote(request=request, order=order, budget=budget, position=position)
    return Wish(quote=quote, policy=policy, principal=who, key=key)


def dispatch_of(token: str) -> Dispatch:
    return Dispatch(token, TAKES)
