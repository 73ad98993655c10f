"""The contract's facts that a schema does not hold: examples, keys, limits, enums."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from sendoso_mcp.models import CrmType, GroupBy, ItemType, SendStatus
from sendoso_mcp.sandbox import ManualClock, Sandbox, create_sandbox

pytestmark = pytest.mark.anyio

OPERATIONS = [
    ("GET", "/sends"),
    ("POST", "/sends"),
    ("GET", "/sends/send_1"),
    ("DELETE", "/sends/send_1"),
    ("GET", "/recipients"),
    ("POST", "/recipients"),
    ("GET", "/recipients/rcpt_sarah_johnson"),
    ("GET", "/inventory"),
    ("GET", "/teams/budget"),
    ("GET", "/reports/sends"),
]


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text("utf-8"))
    return document


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox(clock=ManualClock(datetime(2026, 5, 2, 15, 30, tzinfo=UTC)))


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=sandbox.app)
    headers = {"X-Api-Key": "a-key"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        yield client


def assert_fits(contract: dict[str, Any], noun: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{noun}", "components": contract["components"]}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(value)


async def an_egift_of_25(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/inventory", params={"type": "egift", "per_page": 100})
    return next(item for item in answer.json()["items"] if item["available"] and item["price"] == 25)


async def test_an_egift_of_25_for_a_crm_contact_is_ordered_as_in_the_example(
    client: httpx.AsyncClient, contract: dict[str, Any]
) -> None:
    item = await an_egift_of_25(client)
    answer = await client.post(
        "/sends",
        json={
            "recipient_id": "rcpt_sarah_johnson",
            "item_id": item["id"],
            "message": "Well done on the new role, Sarah!",
            "crm_id": "0031000000xyz",
            "crm_type": "contact",
        },
    )
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    send = answer.json()
    assert_fits(contract, "Send", send)
    assert send.pop("id").startswith("send_")
    assert (
        send.pop("recipient").items()
        >= {
            "id": "rcpt_sarah_johnson",
            "first_name": "Sarah",
            "last_name": "Johnson",
        }.items()
    )
    assert send == {
        "status": "pending",
        "item": {"id": item["id"], "name": item["name"], "type": "egift"},
        "message": "Well done on the new role, Sarah!",
        "tracking_number": None,
        "tracking_url": None,
        "estimated_delivery": None,
        "cost": 28.0,
        "crm_id": "0031000000xyz",
        "crm_type": "contact",
        "team_id": "team_sales_west",
        "created_at": "2026-05-02T15:30:00.000Z",
        "updated_at": "2026-05-02T15:30:00.000Z",
    }


async def test_delivered_sends_of_a_month_are_listed_as_in_the_example(
    client: httpx.AsyncClient, contract: dict[str, Any]
) -> None:
    query = {
        "status": "delivered",
        "start_date": "2026-04-01",
        "end_date": "2026-04-30",
        "per_page": "10",
        "page": "1",
    }
    body = (await client.get("/sends", params=query)).json()
    assert set(body) == {"sends", "pagination"}
    pagination = body["pagination"]
    assert (pagination["page"], pagination["per_page"]) == (1, 10)
    assert pagination["total_pages"] == -(-pagination["total"] // 10)
    assert len(body["sends"]) == min(10, pagination["total"]) > 0
    for send in body["sends"]:
        assert_fits(contract, "Send", send)
        assert send["status"] == "delivered"
        assert "2026-04-01" <= send["created_at"][:10] <= "2026-04-30"


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": ""}, {"X-Api-Key": " "}, {"X-Api-Key": "invalid-key"}])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_api_key_is_needed_for_every_operation(
    sandbox: Sandbox, contract: dict[str, Any], method: str, path: str, headers: dict[str, str]
) -> None:
    transport = httpx.ASGITransport(app=sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as nobody:
        answer = await nobody.request(method, path)
    assert answer.status_code == 401
    assert_fits(contract, "Error", answer.json())


@pytest.mark.parametrize(
    ("path", "name"), [("/sends", "sends"), ("/recipients", "recipients"), ("/inventory", "items")]
)
async def test_lists_come_25_at_a_time_and_at_most_100(
    client: httpx.AsyncClient, path: str, name: str
) -> None:
    first = (await client.get(path)).json()
    assert len(first[name]) == first["pagination"]["per_page"] == 25
    assert (await client.get(path, params={"per_page": 100})).status_code == 200
    too_many = await client.get(path, params={"per_page": 101})
    assert too_many.status_code == 422
    assert list(too_many.json()["errors"]) == ["per_page"]


@pytest.mark.parametrize(
    ("path", "name"), [("/sends", "sends"), ("/recipients", "recipients"), ("/inventory", "items")]
)
async def test_pages_hold_everything_once_and_end_in_an_empty_one(
    client: httpx.AsyncClient, path: str, name: str
) -> None:
    first = (await client.get(path, params={"per_page": 40})).json()["pagination"]
    last = first["total_pages"]
    seen: list[str] = []
    for page in range(1, last + 2):
        body = (await client.get(path, params={"page": page, "per_page": 40})).json()
        assert body["pagination"] == {**first, "page": page}
        assert bool(body[name]) == (page <= last)
        seen += [thing["id"] for thing in body[name]]
    assert len(seen) == len(set(seen)) == first["total"]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/sends", {"page": "0"}, "page"),
        ("/sends", {"per_page": "abc"}, "per_page"),
        ("/sends", {"per_page": "0"}, "per_page"),
        ("/sends", {"page": ["1", "2"]}, "page"),
        ("/sends", {"status": "lost"}, "status"),
        ("/sends", {"start_date": "2026-02-30"}, "start_date"),
        ("/sends", {"start_date": "20260201"}, "start_date"),
        ("/sends", {"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date"),
        ("/inventory", {"type": "yacht"}, "type"),
        ("/recipients", {"page": "-1"}, "page"),
        ("/reports/sends", {"end_date": "2026-02-01"}, "start_date"),
        ("/reports/sends", {"start_date": "2026-02-01"}, "end_date"),
        ("/reports/sends", {"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date"),
        (
            "/reports/sends",
            {"start_date": "2026-02-01", "end_date": "2026-02-02", "group_by": "year"},
            "group_by",
        ),
    ],
)
async def test_bad_query_parameters_are_refused_by_name(
    client: httpx.AsyncClient, path: str, query: dict[str, str | list[str]], field: str
) -> None:
    answer = await client.get(path, params=query)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("path", ["/sends", "/recipients"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_a_400(
    client: httpx.AsyncClient, path: str, body: bytes
) -> None:
    answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "error" in answer.json()


async def test_a_body_of_another_content_type_is_a_400(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sends", data={"recipient_id": "rcpt_sarah_johnson"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"recipient_id": "rcpt_nobody"}, "recipient_id"),
        ({"recipient_id": 7}, "recipient_id"),
        ({"recipient_id": "  "}, "recipient_id"),
        ({"item_id": "item_nothing"}, "item_id"),
        ({"item_id": None}, "item_id"),
        ({"message": "x" * 501}, "message"),
        ({"message": "half a pair: \ud83c"}, "message"),
        ({"scheduled_date": "2026-05-01"}, "scheduled_date"),
        ({"scheduled_date": "9999-12-31"}, "scheduled_date"),
        ({"scheduled_date": "soon"}, "scheduled_date"),
        ({"crm_type": "friend"}, "crm_type"),
    ],
)
async def test_an_order_with_a_wrong_field_is_refused_by_name_and_not_placed(
    client: httpx.AsyncClient, sandbox: Sandbox, wrong: dict[str, Any], field: str
) -> None:
    item = await an_egift_of_25(client)
    sends_before = len(sandbox.world.sends())
    order = {"recipient_id": "rcpt_sarah_johnson", "item_id": item["id"], **wrong}
    # json= would refuse to spell half a surrogate pair; a hostile client would not.
    answer = await client.post(
        "/sends", content=json.dumps(order), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert len(sandbox.world.sends()) == sends_before


async def test_an_order_without_anything_is_told_all_it_lacks(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sends", json={})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"recipient_id", "item_id"}


async def test_a_message_of_500_characters_and_a_schedule_for_today_are_fine(
    client: httpx.AsyncClient,
) -> None:
    item = await an_egift_of_25(client)
    order = {"recipient_id": "rcpt_sarah_johnson", "item_id": item["id"]}
    answer = await client.post("/sends", json={**order, "message": "é" * 500, "scheduled_date": "2026-05-02"})
    assert answer.status_code == 201
    assert answer.json()["message"] == "é" * 500


async def test_a_send_can_be_cancelled_only_while_it_is_pending(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    item = await an_egift_of_25(client)
    order = {"recipient_id": "rcpt_sarah_johnson", "item_id": item["id"]}
    first = (await client.post("/sends", json=order)).json()["id"]
    late = (await client.post("/sends", json=order)).json()["id"]
    cancelled = await client.delete(f"/sends/{first}")
    assert cancelled.status_code == 200
    assert cancelled.json() == (await client.get(f"/sends/{first}")).json()
    assert cancelled.json()["status"] == "cancelled"
    assert (await client.delete(f"/sends/{first}")).status_code == 409
    assert isinstance(sandbox.clock, ManualClock)
    sandbox.clock.advance(timedelta(minutes=31))
    assert (await client.delete(f"/sends/{late}")).status_code == 409
    assert (await client.delete("/sends/send_unknown")).status_code == 404


async def test_a_new_recipient_can_be_read_back_and_searched(
    client: httpx.AsyncClient, contract: dict[str, Any]
) -> None:
    person = {
        "first_name": "Ólafur",
        "last_name": "Jónsson",
        "email": "olafur@geysir.example",
        "address": {"street1": "Laugavegur 3", "city": "Reykjavík", "country": "IS"},
    }
    created = await client.post("/recipients", json=person)
    assert created.status_code == 201
    body = created.json()
    assert_fits(contract, "Recipient", body)
    assert body.items() >= person.items()
    assert (await client.get(f"/recipients/{body['id']}")).json() == body
    found = (await client.get("/recipients", params={"search": "jonsson OLAFUR"})).json()
    assert found["recipients"] == [body]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "SARAH.JOHNSON@NorthwindRobotics.example"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"first_name": ""}, "first_name"),
        ({"address": "1280 Foundry Street"}, "address"),
        ({"address": {"country": "Iceland"}}, "address.country"),
        ({"address": {"city": 1}}, "address.city"),
    ],
)
async def test_a_recipient_with_a_wrong_field_is_refused_by_name(
    client: httpx.AsyncClient, wrong: dict[str, Any], field: str
) -> None:
    person = {"first_name": "Sarah", "last_name": "Johnson", "email": "new@geysir.example", **wrong}
    answer = await client.post("/recipients", json=person)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("path", ["/", "/send", "/sends/", "/sends/a/b", "/teams", "/inventory/item_1"])
async def test_an_unknown_path_is_a_404_in_json(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/sends", {"GET", "HEAD", "POST"}),
        ("PATCH", "/sends/send_1", {"GET", "HEAD", "DELETE"}),
        ("POST", "/inventory", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert "error" in answer.json()


async def test_our_nouns_know_the_words_of_the_contract(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    group_by = contract["paths"]["/reports/sends"]["get"]["parameters"][2]["schema"]
    assert schemas["Send"]["properties"]["status"]["enum"] == list(SendStatus)
    assert schemas["InventoryItem"]["properties"]["type"]["enum"] == list(ItemType)
    assert schemas["SendCreate"]["properties"]["crm_type"]["enum"] == list(CrmType)
    assert group_by["enum"] == list(GroupBy)
