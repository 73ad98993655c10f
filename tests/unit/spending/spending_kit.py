"""What the tests of `spending/` share: quotes, policies, verdicts."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

from sendoso_mcp.models import InventoryItem, Order, Recipient, TeamBudget
from sendoso_mcp.spending import verdict
from sendoso_mcp.spending.limits import Earlier, Usage
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.verdict import Verdict, judge

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
REQUEST = SendRequest("rcp_1", "itm_1")
ADDRESS = {"street1": "1 Main St", "city": "Springfield", "country": "US"}


def item(**facts: Any) -> InventoryItem:
    return InventoryItem.model_validate(
        {"id": "itm_1", "name": "Mug", "type": "swag", "price": 20, "available": True} | facts
    )


def recipient(**facts: Any) -> Recipient:
    return Recipient.model_validate(
        {
            "id": "rcp_1",
            "first_name": "Ann",
            "last_name": "Lee",
            "email": "ann@acme.test",
            "company": "Acme",
            "address": ADDRESS,
        }
        | facts
    )


def budget(remaining: Any = 100) -> TeamBudget:
    return TeamBudget.model_validate({"remaining": remaining})


def quote(
    *,
    gift: InventoryItem | None = None,
    person: Recipient | None = None,
    left: TeamBudget | None = None,
    request: SendRequest = REQUEST,
) -> Quote:
    """A quote that nothing speaks against, save for what is given."""
    order = Order(
        recipient=person or recipient(),
        item=gift or item(),
        message=request.message,
        scheduled_date=request.scheduled_date,
        crm_id=request.crm_id,
        crm_type=request.crm_type,
    )
    return Quote(request=request, order=order, budget=left or budget())


def policy(**sections: Any) -> Policy:
    """A policy of these sections alone; nothing else is limited."""
    return Policy.model_validate(sections)


def judged(
    to: Quote | None = None,
    *,
    by: Policy | None = None,
    used: Mapping[str, int] | None = None,
    earlier: tuple[Earlier, ...] = (),
    keyed: bool = False,
    made: bool = False,
) -> Verdict:
    """The verdict on a quote, by a policy without limits and with nothing used, save for what is given."""
    known = Usage(used or {}, earlier, made_by_assistant=made)
    return judge(to or quote(), known, by or Policy(), NOW, keyed=keyed)


def reason_codes() -> set[str]:
    """Every reason code that the verdict knows, read from its source so that none is forgotten."""
    tree = ast.walk(ast.parse(inspect.getsource(verdict)))
    calls = [node for node in tree if isinstance(node, ast.Call) and ast.unparse(node.func) == "Reason"]
    codes = {ast.unparse(call.args[0]).strip("'") for call in calls}
    names = {"MUST_APPROVE", "OUTSIDE_CHAT", "INSIDE_ENVELOPE", "MADE_BY_ASSISTANT"}
    assert codes >= names | {"code"}
    codes = codes - names - {"code"} | {getattr(verdict, name) for name in names}
    return codes | {*verdict._OVER.values(), "rule_per_send", "rule_per_recipient_per_year"}


async def error_of(call: Awaitable[object]) -> Exception:
    """What a call fails with; unlike `pytest.raises`, safe to use inside a task group."""
    try:
        await call
    except Exception as error:
        return error
    raise AssertionError("no error")
