"""All eleven tools against a served Sendoso, over each transport, in both protocol eras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from processes import COMMAND, KEY, QUICK, Start, starter
from support import EGIFT, ERAS, NO, SARAH, YES, Chat, Person

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
TRANSPORTS = pytest.mark.parametrize("transport", ["stdio", "sse", "streamable-http"])

Connect = Callable[[str, str, Person | None], Client]


@pytest.fixture(scope="module")
def connect(sendoso: str) -> Any:
    """Connects over a transport to a server that has a key; HTTP servers are started once."""
    env = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso, **QUICK}
    urls: dict[str, str] = {}
    with starter() as start_server:

        def make(transport: str, mode: str, person: Person | None) -> Client:
            target: Any
            if transport == "stdio":
                target = StdioServerParameters(command=COMMAND[0], env=env)
            else:
                if transport not in urls:
                    urls[transport] = start_server("--transport", transport, "--port", "0", **env).url()
                url = urls[transport]
                target = sse_client(f"{url}/sse") if transport == "sse" else f"{url}/mcp"
            return Client(target, mode=mode, elicitation_callback=person)

        yield make


@TRANSPORTS
@ERAS
async def test_all_eleven_tools_work_and_one_yes_buys_one_gift(
    connect: Connect, orders: Callable[[], int], transport: str, mode: str
) -> None:
    before, person = orders(), Person(YES)
    email = f"ana.{transport}.{mode}@lima.example"
    async with connect(transport, mode, person) as client:
        chat = Chat(client)
        assert len((await client.list_tools()).tools) == 11
        assert (await chat.call("search_inventory", query="coffee"))["gifts"]
        created = await chat.call("create_recipient", first_name="Ana", last_name="Lima", email=email)
        found = await chat.call("search_recipients", query=email)
        assert [one["id"] for one in found["people"]] == [created["recipient_id"]]
        read = await chat.call("get_recipient", recipient_id=created["recipient_id"])
        assert read["email"] == email
        order = {"recipient_id": created["recipient_id"], "item_id": EGIFT, "message": "Olá"}
        assert (await chat.call("preview_send", **order))["verdict"] == "ask"
        assert orders() == before
        sent = await chat.call("create_send", **order)
        assert sent["outcome"] == "sent"
        assert orders() == before + 1
        assert (await chat.call("get_send", send_id=sent["send_id"]))["message"] == "Olá"
        assert sent["send_id"] in [row["id"] for row in (await chat.call("list_sends"))["sends"]]
        assert (await chat.call("cancel_send", send_id=sent["send_id"]))["outcome"] == "cancelled"
        assert (await chat.call("get_budget"))["remaining"] > 0
        report = await chat.call("sends_report", start_date="2020-01-01", end_date="2039-12-31")
        assert report["sends"] == orders()
        assert "sandbox" not in report
        assert "andbox" not in (client.instructions or "") + person.asked[0]
    assert [asked.splitlines()[0] for asked in person.asked] == ["Send this gift?", "Cancel this send?"]


@TRANSPORTS
@ERAS
@pytest.mark.parametrize("person", [Person(NO), None], ids=["declines", "cannot be asked"])
async def test_without_a_yes_nothing_is_ordered(
    connect: Connect, orders: Callable[[], int], transport: str, mode: str, person: Person | None
) -> None:
    before = orders()
    # Words of its own: a no stands for a while, and these cases share a ledger.
    wish = {"recipient_id": SARAH, "item_id": EGIFT, "message": f"{transport}, {mode}, {person is not None}"}
    async with connect(transport, mode, person) as client:
        done = await Chat(client).call("create_send", **wish)
    assert [reason["code"] for reason in done["reasons"]] == [
        "person_declined" if person else "client_cannot_ask"
    ]
    assert orders() == before


@pytest.mark.parametrize(("transport", "path"), [("sse", "/sse"), ("streamable-http", "/mcp")])
async def test_a_web_page_of_another_origin_is_not_served(start: Start, transport: str, path: str) -> None:
    url = start("--transport", transport, "--port", "0").url()
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        headers |= {"Accept": "application/json, text/event-stream"}
        async with httpx.AsyncClient() as client:
            if transport == "sse":
                async with client.stream("GET", url + path, headers=headers) as answer:
                    assert answer.status_code in (403, 421)
            else:
                answer = await client.post(url + path, headers=headers, json=request)
                assert answer.status_code in (403, 421)
