"""A Pydantic AI agent that sends gifts; a person at this terminal says yes to each.

    pip install "pydantic-ai-slim[mcp,openai]"
    OPENAI_API_KEY=... MODEL=openai:gpt-5 python with_pydantic_ai.py "Send Sarah Johnson a coffee gift"

`sendoso-mcp` must be on the PATH. Without SENDOSO_API_KEY nothing is really sent.
"""

import asyncio
import os
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset


async def ask_person(message, response_type, params, context):
    """Shows the server's question. The model never sees it, and cannot answer it."""
    choices = params.requested_schema["properties"]["decision"]["enum"]
    print(f"\n{message}\nType {choices[-1]!r} to agree; anything else refuses.")
    typed = await asyncio.to_thread(input, "> ")
    return {"decision": choices[-1] if typed.strip() == choices[-1] else choices[0]}


async def main(wish: str, model) -> None:
    """Has an agent on this model do what is wished."""
    env = {name: value for name, value in os.environ.items() if name.startswith("SENDOSO_")}
    toolset = MCPToolset(
        StdioTransport("sendoso-mcp", [], env=env),
        elicitation_handler=ask_person,
        # How the tools belong together, and that an unknown outcome must not be tried again.
        include_instructions=True,
    )
    agent = Agent(model, toolsets=[toolset])
    async with agent:
        print("Tools:", ", ".join(tool.name for tool in await toolset.list_tools()))
        done = await agent.run(wish)
    print(done.output)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], os.environ["MODEL"]))
