"""Sendoso's tools in LangChain: preview a gift, and send it once a person at this terminal said yes.

    pip install langchain-mcp-adapters
    python with_langchain.py "Sarah Johnson" "coffee"

`sendoso-mcp` must be on the PATH, from an environment of its own: the adapters want mcp 1.x, it wants 2.x.
They talk over a pipe, so that is no matter. Without SENDOSO_API_KEY nothing is really sent.
"""

import asyncio
import hashlib
import json
import os
import sys

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitResult

SERVER = {
    "transport": "stdio",
    "command": "sendoso-mcp",
    "args": [],
    "env": {name: value for name, value in os.environ.items() if name.startswith("SENDOSO_")},
}


async def ask_person(context, params, call):
    """Shows the server's question. The model never sees it, and cannot answer it."""
    choices = params.requestedSchema["properties"]["decision"]["enum"]
    print(f"\n{params.message}\nType {choices[-1]!r} to agree; anything else refuses.")
    typed = await asyncio.to_thread(input, "> ")
    decision = choices[-1] if typed.strip() == choices[-1] else choices[0]
    return ElicitResult(action="accept", content={"decision": decision})


def key_of(order) -> str:
    """Your own key for this gift: the same call again never orders twice, and another gift is another key.

    To give the same again, on another occasion, let the occasion be a part of it.
    """
    told = json.dumps(order, sort_keys=True)
    return f"thanks-{hashlib.sha256(told.encode()).hexdigest()[:32]}"


async def main(name: str, wish: str) -> None:
    """Finds the person and a gift, and sends it."""
    client = MultiServerMCPClient({"sendoso": SERVER}, callbacks=Callbacks(on_elicitation=ask_person))
    # One session for all calls: without it, each call would start a server of its own.
    async with client.session("sendoso") as session:
        # Give these to an agent (`create_agent(model, tools)`), or call them yourself, as here.
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        print("Tools:", ", ".join(tools))

        async def call(tool: str, **arguments):
            message = await tools[tool].ainvoke(
                {"name": tool, "args": arguments, "id": tool, "type": "tool_call"}
            )
            if message.status == "error":
                raise SystemExit(message.text)
            return json.loads(message.text)

        gifts = (await call("search_inventory", query=wish, max_price=40, limit=1))["gifts"]
        people = (await call("search_recipients", query=name, limit=1))["people"]
        if not gifts or not people:
            raise SystemExit("No such gift, or no such person.")
        order = {
            "recipient_id": people[0]["id"],
            "item_id": gifts[0]["id"],
            "message": "Thank you!",
        }
        order["idempotency_key"] = key_of(order)
        preview = await call("preview_send", **order)
        print(f"{preview['gift']} for {preview['to']}: {preview['price']} USD, {preview['verdict']}")
        done = await call("create_send", **order)
        print("Outcome:", done["outcome"], done.get("send_id", ""))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
