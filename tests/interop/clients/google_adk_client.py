"""Google's Agent Development Kit, with a scripted model in the place of Gemini."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.agents.mcp_instruction_provider import McpInstructionProvider
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams, StreamableHTTPConnectionParams
from google.genai import types
from mcp import StdioServerParameters
from mcp.types import ElicitResult

from interop.clients.job import PROMPT, PROMPT_ARGUMENTS, READS, Person, Script, report, target


class Scripted(BaseLlm):
    """Says what the script says, from the last tool's answer; keeps the instructions it was given."""

    script: Any
    told: list[str] = []  # noqa: RUF012 - a field of a pydantic model, which copies it

    async def generate_content_async(self, llm_request: Any, stream: bool = False) -> Any:
        self.told.append(str(llm_request.config.system_instruction))
        last = llm_request.contents[-1].parts[-1].function_response
        step = self.script.next(answer_of(last.response) if last else None)
        if isinstance(step, str):
            part = types.Part(text=step)
        else:
            part = types.Part.from_function_call(name=step[0], args=step[1])
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def answer_of(response: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(response["content"][0]["text"]))


async def main() -> None:
    transport, where = target()
    person = Person()
    script = Script.for_person(person)

    async def ask(context: Any, params: Any) -> ElicitResult:
        await asyncio.sleep(READS)
        return ElicitResult(action="accept", content=person.fills(params.message, params.requested_schema))

    connection: Any = (
        StdioConnectionParams(server_params=StdioServerParameters(command=where), timeout=30)
        if transport == "stdio"
        else StreamableHTTPConnectionParams(url=where)
    )
    toolset = McpToolset(connection_params=connection, elicitation_callback=ask)
    instructions = McpInstructionProvider(connection, PROMPT)
    model = Scripted(model="scripted", script=script)
    agent = LlmAgent(name="gifts", model=model, tools=[toolset], instruction=instructions)
    runner = InMemoryRunner(agent=agent, app_name="gifts")
    await runner.session_service.create_session(
        app_name="gifts", user_id="u", session_id="s", state=PROMPT_ARGUMENTS
    )
    wish = types.Content(role="user", parts=[types.Part(text="Send Sarah a gift.")])
    async for _ in runner.run_async(user_id="u", session_id="s", new_message=wish):
        pass
    assert script.seen is not None
    session = await toolset._mcp_session_manager.create_session()
    names = await toolset.list_resources()
    uris = [(await toolset.get_resource_info(name))["uri"] for name in names]
    budget = await toolset.read_resource(names[uris.index("sendoso://budget")])
    told = model.told[0]
    report(
        package="google-adk",
        version=version("google-adk"),
        protocol=session.protocol_version,
        tools=[tool.name for tool in await toolset.get_tools()],
        resources=uris,
        budget=budget[0].text,
        prompts=[one.name for one in (await session.list_prompts()).prompts],
        prompt=told[told.find("Prepare a gift") :],
        **script.seen,
    )
    await instructions._mcp_session_manager.close()
    await runner.close()


asyncio.run(main())
