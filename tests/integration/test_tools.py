"""Every other tool through a real client, and what is true of all answers."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from support import EGIFT, ERAS, SARAH, Person, chat, facts, sends, text_of

from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.services import SANDBOX_NOTE
from sendoso_mcp.server.tools import TOOLS

pytestmark = pytest.mark.anyio
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search_inventory", {"query": "coffee"}),
    ("search_recipients", {"query": "sarah"}),
    ("get_recipient", {"recipient_id": SARAH}),
    ("create_recipient", {"first_name": "Ana", "last_name": "Lima", "email": "ana@lima.example"}),
    ("preview_send", {"recipient_id": SARAH, "item_id": EGIFT}),
    ("create_send", {"recipient_id": SARAH, "item_id": EGIFT}),
    ("list_sends", {"limit": 3}),
    ("get_budget", {}),
    ("sends_report", {"start_date": "2026-01-01", "end_date": "2026-12-31"}),
]


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


def nulls(value: Any) -> bool:
    match value:
        case None:
            return True
        case dict():
            return any(map(nulls, value.values()))
        case list():
            return any(map(nulls, value))
        case _:
            return False


@ERAS
@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=[tool for tool, _ in CALLS])
async def test_text_and_structure_carry_the_same_facts_and_the_sandbox_says_so(
    sandbox: Sandbox, mode: str, tool: str, arguments: dict[str, Any]
) -> None:
    async with chat(sandbox, mode=mode, person=Person()) as connected:
        result = await connected.client.call_tool(tool, arguments)
    assert facts(result) == result.structured_content
    assert not nulls(result.structured_content)
    assert result.structured_content is not None
    assert result.structured_content["sandbox"] == SANDBOX_NOTE
    assert "\n" not in text_of(result)


@ERAS
@pytest.mark.parametrize("tool", ["get_send", "cancel_send"])
async def test_so_do_those_of_a_send(sandbox: Sandbox, mode: str, tool: str) -> None:
    async with chat(sandbox, mode=mode, person=Person()) as connected:
        sent = await connected.call("create_send", recipient_id=SARAH, item_id=EGIFT)
        result = await connected.client.call_tool(tool, {"send_id": sent["send_id"]})
    assert facts(result) == result.structured_content
    assert not nulls(result.structured_content)


@ERAS
async def test_so_do_those_that_say_no_or_not_yet(sandbox: Sandbox, mode: str) -> None:
    dear = next(gift.id for gift in sandbox.world.gifts() if (gift.price or 0) > 150 and gift.available)
    outcomes = []
    async with chat(sandbox, mode=mode) as connected:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await connected.client.call_tool(tool, arguments)
            assert facts(result) == result.structured_content
            assert not nulls(result.structured_content)
            found = dict(result.structured_content or {})
            outcomes.append(found.get("outcome") or found.get("status"))
            return found

        delivered = (await connected.call("list_sends", status="delivered", limit=1))["sends"][0]["id"]
        await call("create_send", recipient_id=SARAH, item_id=dear)
        waiting = (await call("create_send", recipient_id=SARAH, item_id=EGIFT))["question"]
        await call("get_send", send_id=waiting)
        await call("cancel_send", send_id=waiting)
        await call("cancel_send", send_id=delivered)
    assert outcomes == ["denied", "approval_required", "awaiting_approval", "withdrawn", "too_late"]


def test_every_tool_is_among_them() -> None:
    assert {tool for tool, _ in CALLS} | {"get_send", "cancel_send"} == {spec.name for spec in TOOLS}


async def test_a_search_pages_through_everything_once(sandbox: Sandbox) -> None:
    seen: list[str] = []
    async with chat(sandbox) as connected:
        cursor: dict[str, str] = {}
        while True:
            page = await connected.call("search_inventory", limit=50, include_unavailable=True, **cursor)
            seen += [gift["id"] for gift in page["gifts"]]
            if "next_cursor" not in page:
                break
            cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == page["total"] == 320


async def test_filters_leave_in_what_they_say(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        page = await connected.call(
            "search_inventory", type="physical", min_price=20, max_price=60, max_shipping_days=3, limit=50
        )
        nothing = await connected.call("search_inventory", query="zeppelin")
    assert page["gifts"]
    for gift in page["gifts"]:
        assert gift["type"] == "physical"
        assert 20 <= gift["price"] <= 60
        assert gift["days"] <= 3
        assert "available" not in gift
    assert nothing["total"] == 0
    assert all(gift["but"] == "does not match the words" for gift in nothing["gifts"])
    assert "hint" in nothing


async def test_recipients_are_found_read_and_created_once(sandbox: Sandbox) -> None:
    new = {
        "first_name": "Zoë",
        "last_name": "Novák",
        "email": "zoe@novak.example",
        "company": "Novak & Co",
        "address": {"street1": "Main 1", "city": "Brno", "postal_code": "60200", "country": "cz"},
    }
    async with chat(sandbox) as connected:
        created = await connected.call("create_recipient", **new)
        again = await connected.call("create_recipient", **{**new, "email": "ZOE@novak.example"})
        found = await connected.call("search_recipients", query="novak")
        read = await connected.call("get_recipient", recipient_id=created["recipient_id"])
    assert again["recipient_id"] == created["recipient_id"]
    assert again["existed"] is True
    assert [person["id"] for person in found["people"]] == [created["recipient_id"]]
    assert read["address"]["country"] == "CZ"
    assert read["name"] == "Zoë Novák"


async def test_an_address_given_as_a_json_string_is_understood(sandbox: Sandbox) -> None:
    address = '{"street1": "Main 1", "city": "Brno", "postal_code": "60200", "country": "CZ"}'
    async with chat(sandbox) as connected:
        created = await connected.call(
            "create_recipient", first_name="A", last_name="B", email="a@b.example", address=address
        )
        read = await connected.call("get_recipient", recipient_id=created["recipient_id"])
    assert read["address"]["country"] == "CZ"


async def test_an_address_without_a_country_is_not_taken_for_one_in_the_us(sandbox: Sandbox) -> None:
    address = {"street1": "Torstr. 1", "city": "Berlin", "postal_code": "10119"}
    person = {"first_name": "A", "last_name": "B", "email": "a@b.example"}
    async with chat(sandbox) as connected:
        told = await connected.fail("create_recipient", **person, address=address)
        assert "address.country: is missing" in told
        assert "was created" in told
        found = await connected.call("search_recipients", query="a@b.example")
    assert found["people"] == []


async def test_a_lost_answer_to_create_recipient_says_that_it_is_not_known(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("POST", "/recipients", status=500, acts=True))
    async with chat(sandbox) as connected:
        text = await connected.fail("create_recipient", first_name="A", last_name="B", email="a@b.example")
        assert "not known whether" in text
        assert "No recipient was created" not in text
        found = await connected.call("create_recipient", first_name="A", last_name="B", email="a@b.example")
    assert found["existed"] is True


@ERAS
async def test_a_send_is_tracked_and_cancelled_once(sandbox: Sandbox, mode: str) -> None:
    async with chat(sandbox, mode=mode, person=Person()) as connected:
        before = await connected.call("get_budget")
        sent = await connected.call("create_send", recipient_id=SARAH, item_id=EGIFT, message="Hi")
        tracked = await connected.call("get_send", send_id=sent["send_id"])
        during = await connected.call("get_budget")
        cancelled = await connected.call("cancel_send", send_id=sent["send_id"])
        twice = await connected.call("cancel_send", send_id=sent["send_id"])
        after = await connected.call("get_budget")
    assert (tracked["status"], tracked["message"], tracked["cost"]) == ("pending", "Hi", 28.0)
    assert during["remaining"] == pytest.approx(before["remaining"] - 28)
    assert cancelled == {"outcome": "cancelled", "refund": 28.0, "sandbox": SANDBOX_NOTE}
    assert twice["outcome"] == "already_cancelled"
    assert after["remaining"] == before["remaining"]


async def test_a_delivered_send_cannot_be_cancelled(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        listed = await connected.call("list_sends", status="delivered", limit=1)
        done = await connected.call("cancel_send", send_id=listed["sends"][0]["id"])
    assert done["outcome"] == "too_late"
    assert "Nothing was cancelled" in done["reasons"][0]["text"]


async def test_a_lost_answer_to_cancel_is_unknown(sandbox: Sandbox) -> None:
    async with chat(sandbox, person=Person()) as connected:
        sent = await connected.call("create_send", recipient_id=SARAH, item_id=EGIFT)
        sandbox.faults.append(Fault("DELETE", f"/sends/{sent['send_id']}", status=502, acts=True))
        assert (await connected.call("cancel_send", send_id=sent["send_id"]))["outcome"] == "unknown"
        assert (await connected.call("cancel_send", send_id=sent["send_id"]))[
            "outcome"
        ] == "already_cancelled"


async def test_the_report_adds_up(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        report = await connected.call(
            "sends_report", start_date="2020-01-01", end_date="2030-12-31", group_by="month"
        )
        listed = await connected.call("list_sends")
    assert report["sends"] == listed["total"] == sends(sandbox)
    assert sum(line["sends"] for line in report["lines"]) == report["sends"]
    assert sum(line["spend"] for line in report["lines"]) == pytest.approx(report["total_spend"])


async def test_lists_page(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        first = await connected.call("list_sends", limit=50)
        second = await connected.call("list_sends", limit=50, page=first["next_page"])
        people = await connected.call("search_recipients", limit=1)
    ids = [send["id"] for send in first["sends"] + second["sends"]]
    assert len(ids) == len(set(ids)) == 100
    assert people["next_page"] == 2


async def test_read_only_leaves_out_what_changes_something(sandbox: Sandbox) -> None:
    async with chat(sandbox, read_only=True, person=Person()) as connected:
        tools = {tool.name for tool in (await connected.client.list_tools()).tools}
        prompts = {prompt.name for prompt in (await connected.client.list_prompts()).prompts}
        assert "Unknown tool" in await connected.fail("create_send", recipient_id=SARAH, item_id=EGIFT)
        instructions = connected.client.instructions or ""
    assert tools.isdisjoint({"create_send", "cancel_send", "create_recipient"})
    assert len(tools) == 8
    assert "read-only" in instructions
    assert "create_send" not in instructions
    assert prompts == {"plan_campaign", "review_spending"}


async def test_a_choice_of_tools_is_all_there_is(sandbox: Sandbox) -> None:
    async with chat(sandbox, only=("get_budget", "search_inventory")) as connected:
        tools = [tool.name for tool in (await connected.client.list_tools()).tools]
    assert tools == ["search_inventory", "get_budget"]


async def test_ten_creations_at_once_of_one_person_make_one(sandbox: Sandbox) -> None:
    before, ids = len(sandbox.world.people()), set()
    async with chat(sandbox) as connected:

        async def create() -> None:
            new = {"first_name": "Ana", "last_name": "Lima", "email": "ana@lima.example"}
            ids.add((await connected.call("create_recipient", **new))["recipient_id"])

        async with anyio.create_task_group() as creations:
            for _ in range(10):
                creations.start_soon(create)
    assert len(ids) == 1
    assert len(sandbox.world.people()) == before + 1


async def test_nobody_found_says_what_can_be_searched(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        found = await connected.call("search_recipients", query="nobody at all")
    assert found["people"] == []
    assert "names and emails" in found["hint"]


async def test_a_list_tells_namesakes_apart(sandbox: Sandbox) -> None:
    async with chat(sandbox) as connected:
        rows = (await connected.call("list_sends", limit=50))["sends"]
        people = (await connected.call("search_recipients", limit=50))["people"]
    assert {row["recipient_id"] for row in rows} & {person["id"] for person in people}


async def test_a_recipient_that_sendoso_has_a_conflict_about_is_no_send_on_its_way() -> None:
    sandbox = create_sandbox()
    sandbox.faults.append(Fault("POST", "/recipients", status=409))
    async with chat(sandbox) as connected:
        told = await connected.fail("create_recipient", first_name="A", last_name="B", email="a@b.example")
    assert "It is not known whether the recipient was created: look with search_recipients" in told
    assert "already on its way" not in told


@pytest.mark.parametrize("tool", ["get_budget", "create_send"])
async def test_a_look_up_that_failed_for_the_moment_says_to_try_again(tool: str) -> None:
    """What was given to Sendoso and not answered never does: see `test_sending`."""
    sandbox = create_sandbox()
    for _ in range(3):
        sandbox.faults.append(Fault("GET", "/teams/budget", status=503))
    arguments = {"recipient_id": SARAH, "item_id": EGIFT} if tool == "create_send" else {}
    async with chat(sandbox) as connected:
        told = await connected.fail(tool, **arguments)
    assert "HTTP 503" in told
    assert "Try again in a minute." in told
    assert tool == "get_budget" or "No gift was ordered by this call" in told
