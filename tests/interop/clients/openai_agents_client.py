"""The OpenAI Agents SDK, with a scripted model in the place of OpenAI's."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from interop.clients.job import BUDGET, PROMPT, PROMPT_ARGUMENTS, Person, Script, report, target


class Scripted(Model):
    """Says what the script says, from the last tool's answer."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.turns = 0

    async def get_response(self, **options: Any) -> ModelResponse:
        said = options["input"]
        last = said[-1] if isinstance(said, list) else {}
        answered = last.get("type") == "function_call_output"
        step = self.script.next(answer_of(last["output"]) if answered else None)
        self.turns += 1
        if isinstance(step, tuple):
            said = ResponseFunctionToolCall(
                name=step[0],
                arguments=json.dumps(step[1]),
                call_id=f"call{self.turns}",
                type="function_call",
            )
        else:
            text = ResponseOutputText(text=step, type="output_text", annotations=[])
            said = ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


def answer_of(output: Any) -> dict[str, Any]:
    parts = output if isinstance(output, list) else [{"text": output}]
    return dict(json.loads("".join(part["text"] for part in parts)))


async def main() -> None:
    transport, where = target()
    server: Any = (
        MCPServerStdio(params={"command": where}, client_session_timeout_seconds=30)
        if transport == "stdio"
        else MCPServerStreamableHttp(params={"url": where}, client_session_timeout_seconds=30)
    )
    script = Script.for_person(Person())
    async with server:
        agent = Agent(name="Gifts", mcp_servers=[server], model=Scripted(script))
        tools = [tool.name for tool in await server.list_tools()]
        await Runner.run(
            agent, "Send Sarah a gift.", max_turns=50, run_config=RunConfig(tracing_disabled=True)
        )
        assert script.seen is not None
        report(
            package="openai-agents",
            version=version("openai-agents"),
            protocol=server.session.protocol_version,
            tools=tools,
            resources=[str(one.uri) for one in (await server.list_resources()).resources],
            budget=(await server.read_resource(BUDGET)).contents[0].text,
            prompts=[one.name for one in (await server.list_prompts()).prompts],
            prompt=(await server.get_prompt(PROMPT, PROMPT_ARGUMENTS)).messages[0].content.text,
            **script.seen,
        )


if __name__ == "__main__":
    asyncio.run(main())
