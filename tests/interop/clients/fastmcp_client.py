"""FastMCP's client, by hand: it has no model."""

from __future__ import annotations

import asyncio
from typing import Any

import fastmcp
from fastmcp.client.transports import StdioTransport

from interop.clients.job import (
    BUDGET,
    PROMPT,
    PROMPT_ARGUMENTS,
    READS,
    Answer,
    Person,
    by_hand,
    email,
    report,
    target,
)


async def main() -> None:
    transport, where = target()
    person = Person()

    async def ask(message: str, kind: Any, params: Any, context: Any) -> dict[str, str]:
        await asyncio.sleep(READS)
        return person.fills(message, params.requested_schema)

    async with fastmcp.Client(
        StdioTransport(where, []) if transport == "stdio" else where, elicitation_handler=ask
    ) as client:

        async def call(name: str, arguments: Answer) -> Answer:
            return dict((await client.call_tool(name, arguments)).structured_content or {})

        tools = [tool.name for tool in await client.list_tools()]
        seen = await by_hand(person, email(), call)
        resources = [str(resource.uri) for resource in await client.list_resources()]
        budget = await client.read_resource(BUDGET)
        prompts = [prompt.name for prompt in await client.list_prompts()]
        prompt = await client.get_prompt(PROMPT, PROMPT_ARGUMENTS)
        report(
            package="fastmcp",
            version=fastmcp.__version__,
            protocol=client.protocol_version,
            tools=tools,
            resources=resources,
            budget=budget[0].text,
            prompts=prompts,
            prompt=prompt.messages[0].content.text,
            **seen,
        )


asyncio.run(main())
