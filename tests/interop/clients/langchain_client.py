"""LangChain's agent over langchain-mcp-adapters, with a scripted model."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.prompts import load_mcp_prompt
from langchain_mcp_adapters.resources import load_mcp_resources
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitResult

from interop.clients.job import BUDGET, PROMPT, PROMPT_ARGUMENTS, READS, Person, Script, report, target


class Scripted(BaseChatModel):
    """Says what the script says, from the last tool's answer."""

    script: Any
    turns: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> Scripted:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        last = messages[-1]
        step = self.script.next(answer_of(last) if isinstance(last, ToolMessage) else None)
        self.turns += 1
        if isinstance(step, str):
            said = AIMessage(step)
        else:
            said = AIMessage("", tool_calls=[{"name": step[0], "args": step[1], "id": f"call{self.turns}"}])
        return ChatResult(generations=[ChatGeneration(message=said)])


def answer_of(message: Any) -> dict[str, Any]:
    return dict(json.loads(message.text))


async def main() -> None:
    transport, where = target()
    person = Person()

    async def ask(context: Any, params: Any, call: Any) -> ElicitResult:
        await asyncio.sleep(READS)
        return ElicitResult(action="accept", content=person.fills(params.message, params.requestedSchema))

    server: dict[str, Any] = (
        {"transport": "stdio", "command": where, "args": []}
        if transport == "stdio"
        else {"transport": "http", "url": where}
    )
    client = MultiServerMCPClient({"sendoso": server}, callbacks=Callbacks(on_elicitation=ask))
    async with client.session("sendoso", auto_initialize=False) as session:
        opened = await session.initialize()
        tools = await load_mcp_tools(session)
        script = Script.for_person(person)
        agent = create_agent(Scripted(script=script), tools)
        await agent.ainvoke({"messages": [("user", "Send Sarah a gift.")]}, {"recursion_limit": 100})
        assert script.seen is not None
        blobs = await load_mcp_resources(session)
        prompt = await load_mcp_prompt(session, PROMPT, arguments=PROMPT_ARGUMENTS)
        report(
            package="langchain-mcp-adapters",
            version=version("langchain-mcp-adapters"),
            protocol=opened.protocolVersion,
            tools=[tool.name for tool in tools],
            resources=[str(blob.metadata["uri"]) for blob in blobs],
            budget=next(blob.as_string() for blob in blobs if str(blob.metadata["uri"]) == BUDGET),
            prompts=[one.name for one in (await session.list_prompts()).prompts],
            prompt=prompt[0].content,
            **script.seen,
        )


asyncio.run(main())
