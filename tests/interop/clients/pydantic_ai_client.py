"""Pydantic AI's agent over its MCP toolset, with its own FunctionModel."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UsageLimits
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.function import FunctionModel

from interop.clients.job import BUDGET, PROMPT, PROMPT_ARGUMENTS, READS, Person, Script, report, target


def scripted(script: Script) -> FunctionModel:
    """A model that says what the script says, from the last tool's answer."""

    async def model(messages: list[Any], info: Any) -> ModelResponse:
        last = messages[-1].parts[-1]
        step = script.next(dict(last.content) if isinstance(last, ToolReturnPart) else None)
        return ModelResponse(parts=[TextPart(step) if isinstance(step, str) else ToolCallPart(*step)])

    return FunctionModel(model)


async def main() -> None:
    transport, where = target()
    person = Person()
    script = Script.for_person(person)

    async def ask(message: str, kind: Any, params: Any, context: Any) -> dict[str, str]:
        await asyncio.sleep(READS)
        return person.fills(message, params.requested_schema)

    toolset = MCPToolset(
        StdioTransport(where, []) if transport == "stdio" else where, elicitation_handler=ask
    )
    agent = Agent(scripted(script), toolsets=[toolset])
    async with agent:
        await agent.run("Send Sarah a gift.", usage_limits=UsageLimits(request_limit=50))
        assert script.seen is not None
        prompt = await toolset.get_prompt(PROMPT, PROMPT_ARGUMENTS)
        report(
            package="pydantic-ai-slim",
            version=version("pydantic-ai-slim"),
            protocol=toolset.client.protocol_version,
            tools=[tool.name for tool in await toolset.list_tools()],
            resources=[one.uri for one in await toolset.list_resources()],
            budget=await toolset.read_resource(BUDGET),
            prompts=[one.name for one in await toolset.list_prompts()],
            prompt=prompt.messages[0].content.content,
            **script.seen,
        )


if __name__ == "__main__":
    asyncio.run(main())
