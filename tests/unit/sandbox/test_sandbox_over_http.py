from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from sendoso_mcp.models import SHIPPED_TYPES
from sendoso_mcp.sandbox import Fault, ManualClock, Sandbox, create_sandbox
from sendoso_mcp.sandbox.costs import cost_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox(clock: ManualClock) -> Sandbox:
    return create_sandbox(clock=clock)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=sandbox.app)
    headers = {"X-Api-Key": "a-key"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        yield client


@pytest.fixture
def order(sandbox: Sandbox) -> dict[str, str]:
    digital = (gift for gift in sandbox.world.gifts() if gift.available and gift.type not in SHIPPED_TYPES)
    return {"recipient_id": "rcpt_sarah_johnson", "item_id": max(digital, key=cost_of).id}


async def test_many_orders_at_once_never_pass_the_budget(
    client: httpx.AsyncClient, sandbox: Sandbox, order: dict[str, str]
) -> None:
    before = sandbox.world.budget()
    cost = cost_of(next(gift for gift in sandbox.world.gifts() if gift.id == order["item_id"]))
    affordable = int(before.remaining // cost)
    statuses: list[int] = []

    async def post() -> None:
        statuses.append((await client.post("/sends", json=order)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(affordable + 20):
            tasks.start_soon(post)
    assert (statuses.count(201), statuses.count(402)) == (affordable, 20)
    assert sandbox.world.budget().spent == before.spent + affordable * cost


async def test_the_budget_on_the_wire_is_plain_numbers(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
    body = (await client.get("/teams/budget")).json()
    assert body["total_budget"] == 25000
    assert body["remaining"] == float(sandbox.world.budget().remaining)
    assert (body["period_start"], body["period_end"]) == ("2026-04-01", "2026-06-30")


async def test_a_report_is_by_month_unless_asked_otherwise(client: httpx.AsyncClient) -> None:
    days = {"start_date": "2026-01-01", "end_date": "2026-03-31"}
    default = (await client.get("/reports/sends", params=days)).json()
    by_month = (await client.get("/reports/sends", params={**days, "group_by": "month"})).json()
    assert default == by_month
    assert default["period"] == days
    assert {row["period"] for row in default["data"]} == {"2026-01", "2026-02", "2026-03"}


async def test_unknown_fields_and_parameters_are_ignored(
    client: httpx.AsyncClient, order: dict[str, str]
) -> None:
    assert (await client.post("/sends", json={**order, "gift_wrap": True})).status_code == 201
    assert (await client.get("/inventory", params={"q": "coffee"})).status_code == 200


async def test_a_fault_strikes_one_matching_request_and_nothing_is_done(
    client: httpx.AsyncClient, sandbox: Sandbox, order: dict[str, str]
) -> None:
    before = len(sandbox.world.sends())
    sandbox.faults.append(Fault("POST", "/sends", status=429, headers={"Retry-After": "7"}))
    assert (await client.get("/sends")).status_code == 200
    struck = await client.post("/sends", json=order)
    assert (struck.status_code, struck.headers["retry-after"]) == (429, "7")
    assert len(sandbox.world.sends()) == before
    assert (await client.post("/sends", json=order)).status_code == 201


async def test_a_fault_that_acts_orders_the_gift_and_tells_nobody(
    client: httpx.AsyncClient, sandbox: Sandbox, order: dict[str, str]
) -> None:
    before = len(sandbox.world.sends())
    sandbox.faults.append(Fault("POST", "/sends", status=502, acts=True))
    assert (await client.post("/sends", json=order)).status_code == 502
    assert len(sandbox.world.sends()) == before + 1


async def test_a_fault_can_break_the_connection_after_the_deed(
    client: httpx.AsyncClient, sandbox: Sandbox, order: dict[str, str]
) -> None:
    before = len(sandbox.world.sends())
    sandbox.faults.append(Fault("POST", "/sends", acts=True, raises=httpx.ReadTimeout("no answer")))
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/sends", json=order)
    assert len(sandbox.world.sends()) == before + 1
