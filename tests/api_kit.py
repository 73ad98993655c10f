"""What the tests of `api/` share: a client that never waits, and the ten operations as data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import anyio
import pytest

from sendoso_mcp.api import Pace, Sendoso, Timing, connect
from sendoso_mcp.errors import SendosoError
from sendoso_mcp.models import (
    Address,
    CrmType,
    GroupBy,
    InventoryItem,
    ItemType,
    NewRecipient,
    Order,
    Recipient,
    SendStatus,
)

KEY = "key-0123456789abcdef-secret"
BASE = "https://sendoso.test/api/v2"
FAST = Timing(backoff=0, longest_wait=0)

Call = Callable[[Sendoso], Awaitable[Any]]


@asynccontextmanager
async def opened(
    *,
    base_url: str = BASE,
    api_key: str = KEY,
    timing: Timing = FAST,
    pace: Pace | None = None,
    **environ: str,
) -> AsyncIterator[Sendoso]:
    """The API, whatever the environment of the tests says about proxies and certificates."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        # A folder without certificates: reading the system's takes longer than most of these tests.
        patch.setenv("SSL_CERT_DIR", str(Path(__file__).parent))
        for name, value in environ.items():
            patch.setenv(name, value)
        sendoso = connect(base_url=base_url, api_key=api_key, timing=timing, pace=pace)
        try:
            yield sendoso
        finally:
            await sendoso.aclose()


async def failure(call: Call, **options: Any) -> SendosoError:
    """The error that `call` ends with."""
    async with opened(**options) as sendoso:
        with anyio.fail_after(10), pytest.raises(SendosoError) as caught:
            await call(sendoso)
    return caught.value


@dataclass(frozen=True)
class Operation:
    """One operation: how it is called, what it must put on the wire, and an honest answer."""

    name: str
    call: Call
    method: str
    path: str
    answer: Mapping[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    status: int = 200

    def __str__(self) -> str:
        return self.name


ORDER = Order(
    recipient=Recipient(id="rcp_1", first_name="Ann", email="ann@acme.test"),
    item=InventoryItem.model_validate({"id": "itm_1", "name": "Mug", "price": 20}),
)

OPERATIONS = (
    Operation(
        "list_inventory",
        lambda s: s.list_inventory(type=ItemType.DIRECT_MAIL, page=3, per_page=50),
        "GET",
        "/inventory",
        {"items": []},
        query={"type": "direct_mail", "page": "3", "per_page": "50"},
    ),
    Operation(
        "list_inventory without a type",
        lambda s: s.list_inventory(),
        "GET",
        "/inventory",
        {"items": []},
        query={"page": "1", "per_page": "100"},
    ),
    Operation(
        "list_recipients",
        lambda s: s.list_recipients(query="ann & bob=?", page=2, per_page=10),
        "GET",
        "/recipients",
        {"recipients": []},
        query={"search": "ann & bob=?", "page": "2", "per_page": "10"},
    ),
    Operation(
        "list_recipients without a query",
        lambda s: s.list_recipients(),
        "GET",
        "/recipients",
        {"recipients": []},
        query={"page": "1", "per_page": "25"},
    ),
    Operation(
        "get_recipient",
        lambda s: s.get_recipient("rcp_1-A"),
        "GET",
        "/recipients/rcp_1-A",
        {"id": "rcp_1-A"},
    ),
    Operation(
        "create_recipient",
        lambda s: s.create_recipient(
            NewRecipient(
                first_name="Ann",
                last_name="Ünal",
                email="ann@acme.test",
                address=Address(street1="1 Main St", country="US"),
            )
        ),
        "POST",
        "/recipients",
        {"id": "rcp_1"},
        body={
            "first_name": "Ann",
            "last_name": "Ünal",
            "email": "ann@acme.test",
            "address": {"street1": "1 Main St", "country": "US"},
        },
        status=201,
    ),
    Operation(
        "list_sends",
        lambda s: s.list_sends(
            status=SendStatus.SHIPPED, start=date(2026, 1, 2), end=date(2026, 2, 3), page=4, per_page=5
        ),
        "GET",
        "/sends",
        {"sends": []},
        query={
            "status": "shipped",
            "start_date": "2026-01-02",
            "end_date": "2026-02-03",
            "page": "4",
            "per_page": "5",
        },
    ),
    Operation(
        "list_sends without filters",
        lambda s: s.list_sends(),
        "GET",
        "/sends",
        {"sends": []},
        query={"page": "1", "per_page": "25"},
    ),
    Operation(
        "get_send", lambda s: s.get_send("send_9f82abc"), "GET", "/sends/send_9f82abc", {"id": "send_9f82abc"}
    ),
    Operation(
        "place_order",
        lambda s: s.place_order(
            ORDER.model_copy(
                update={
                    "message": "Thank you!\nAnn 🎁",
                    "scheduled_date": date(2026, 3, 4),
                    "crm_id": "003",
                    "crm_type": CrmType.CONTACT,
                }
            )
        ),
        "POST",
        "/sends",
        {"id": "send_1"},
        body={
            "recipient_id": "rcp_1",
            "item_id": "itm_1",
            "message": "Thank you!\nAnn 🎁",
            "scheduled_date": "2026-03-04",
            "crm_id": "003",
            "crm_type": "contact",
        },
        status=201,
    ),
    Operation(
        "place_order of the barest order",
        lambda s: s.place_order(ORDER),
        "POST",
        "/sends",
        {"id": "send_1"},
        body={"recipient_id": "rcp_1", "item_id": "itm_1"},
        status=201,
    ),
    Operation("cancel_send", lambda s: s.cancel_send("send_1"), "DELETE", "/sends/send_1", {}),
    Operation("get_budget", lambda s: s.get_budget(), "GET", "/teams/budget", {"remaining": 1}),
    Operation(
        "get_report",
        lambda s: s.get_report(date(2026, 1, 1), date(2026, 1, 31), GroupBy.WEEK),
        "GET",
        "/reports/sends",
        {"totals": {}, "data": []},
        query={"start_date": "2026-01-01", "end_date": "2026-01-31", "group_by": "week"},
    ),
    Operation(
        "get_report without groups",
        lambda s: s.get_report(date(2026, 1, 1), date(2026, 1, 31)),
        "GET",
        "/reports/sends",
        {"totals": {}, "data": []},
        query={"start_date": "2026-01-01", "end_date": "2026-01-31"},
    ),
)
READS = tuple(operation for operation in OPERATIONS if operation.method == "GET")
WRITES = tuple(operation for operation in OPERATIONS if operation.method != "GET")


def operation(name: str) -> Operation:
    return next(each for each in OPERATIONS if each.name == name)
