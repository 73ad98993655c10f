"""A whole day's work at INFO: the log tells what happened, and nothing about anybody."""

from __future__ import annotations

import json
import re
import signal
from contextlib import suppress
from typing import Any

import anyio
import httpx
from mcp import Client, MCPError
from processes import KEY, QUICK, Start
from support import EGIFT, SARAH, Person

from sendoso_mcp.sandbox import create_sandbox

WORDS = "Thank you for the lovely dinner"
NEW = {"first_name": "Philippa", "last_name": "Quillfeather", "email": "p.quillfeather@plume.example"}
BROKEN = {
    "no JSON": f'{{"email": "{NEW["email"]}"',
    "no request": json.dumps({"jsonrpc": "2.0", "id": NEW["email"], "method": 7}),
    "no parameters": json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": [NEW["email"]]}}
    ),
    "no method": json.dumps({"jsonrpc": "2.0", "id": 1, "method": f"mail/{NEW['email']}"}),
}


async def work(url: str) -> None:
    async with Client(f"{url}/mcp", elicitation_callback=Person()) as client:
        made = await client.call_tool("create_recipient", NEW)
        assert made.structured_content is not None
        for tool, arguments in {
            "search_recipients": {"query": NEW["email"]},
            "get_recipient": {"recipient_id": made.structured_content["recipient_id"]},
            "search_inventory": {"query": "coffee"},
            "preview_send": {"recipient_id": SARAH, "item_id": EGIFT, "message": WORDS},
            "list_sends": {},
            "get_send": {"send_id": NEW["email"]},
            "create_recipient": {**NEW, "email": f"not-{NEW['email']}@"},
            NEW["email"]: {},
        }.items():
            with suppress(MCPError):
                await client.call_tool(tool, arguments)
        sent = await client.call_tool(
            "create_send", {"recipient_id": SARAH, "item_id": EGIFT, "message": WORDS}
        )
        assert (sent.structured_content or {})["outcome"] == "sent"
        await client.call_tool("create_send", {"recipient_id": SARAH, "item_id": EGIFT, WORDS: NEW["email"]})
        for uri in (
            f"sendoso://recipients/{SARAH}",
            f"sendoso://recipients/{NEW['email']}",
            "sendoso://budget",
        ):
            with suppress(MCPError):
                await client.read_resource(uri)
        with suppress(MCPError):
            await client.get_prompt(NEW["email"], {"name": NEW["last_name"]})
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as plain:
        for body in BROKEN.values():
            await plain.post("/mcp", content=body)
        await plain.get(f"/{NEW['email']}")
        for path in ("/healthz", "/readyz"):
            assert (await plain.get(path)).status_code == 200


def test_at_info_the_log_has_no_person_and_no_secret_in_it(start: Start, sendoso: str) -> None:
    env = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso, "SENDOSO_LOG_FORMAT": "json", **QUICK}
    process = start("--transport", "streamable-http", "--port", "0", **env)
    url = process.logged(r"listening on (http://[\d.:]+)")[1]
    anyio.run(work, url)
    assert process.end(signal.SIGTERM) == 0
    text = "".join(process.log)
    lines: list[dict[str, Any]] = [json.loads(line) for line in process.log]
    people = create_sandbox().world.people()
    assert len(people) == 60
    names = {NEW["last_name"], *(person.last_name for person in people)}
    for secret in (KEY, WORDS, "@", *NEW.values(), *(person.email for person in people)):
        assert secret not in text
    assert not [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]
    # And it does tell what happened: the order's line belongs to the call that gave it.
    calls = {line["request_id"] for line in lines if line["message"].startswith("create_send: answered")}
    orders = {
        line["request_id"] for line in lines if re.match(r"dispatch of \w+: confirmed", line["message"])
    }
    assert len(orders) == 1
    assert orders <= calls
    assert len({line["request_id"] for line in lines if "request_id" in line}) >= 10
