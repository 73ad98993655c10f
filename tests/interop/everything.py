"""The real command, whose server has some fixtures of the conformance suite besides its own tools.

They go through the same factory, middleware and transport as everything else, so that the suite can try what
it cannot try on gifts: questions to a person in both eras, progress, messages, a tool's error, resources and
prompts that it knows. Fixtures for what this server has no use for (images, a client's model or files) are
left out.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    TextResourceContents,
)
from pydantic import BaseModel, Field

from sendoso_mcp.calls import tell
from sendoso_mcp.cli import main
from sendoso_mcp.errors import BadArgument

Answer = dict[str, Any]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class User(BaseModel):
    """A form with two required texts."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


def asks(key: str, message: str, state: str | None = None, **properties: str) -> InputRequiredResult:
    """A question with required fields of these types."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    params = ElicitRequestFormParams(message=message, requested_schema=schema)
    return InputRequiredResult(input_requests={key: ElicitRequest(params=params)}, request_state=state)


def answered(ctx: Context[Any], key: str) -> Answer | None:
    """What the person filled in, in this round."""
    response: Any = (ctx.input_responses or {}).get(key)
    return dict(response.content or {}) if getattr(response, "action", "") == "accept" else None


async def test_simple_text() -> Answer:
    """Answers with a text."""
    return {"text": "This is a simple text response for testing."}


async def test_error_handling() -> Answer:
    """Fails."""
    raise BadArgument("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: Context[Any]) -> Answer:
    """Reports progress."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
    return {"text": "done"}


async def test_tool_with_logging() -> Answer:
    """Tells something while it runs."""
    for number in (1, 2, 3):
        tell("info", f"Message {number} of 3.")
    return {"text": "done"}


async def test_elicitation(ctx: Context[Any], message: str) -> Answer:
    """Asks in the midst of a call, as before 2026-07-28."""
    result = await ctx.elicit(message, User)
    return {"action": result.action}


async def test_input_required_result_elicitation(ctx: Context[Any]) -> Answer | InputRequiredResult:
    """Asks in rounds."""
    filled = answered(ctx, "user_name")
    if filled is None:
        return asks("user_name", "What is your name?", name="string")
    return {"text": f"Hello, {filled['name']}!"}


async def test_input_required_result_request_state(ctx: Context[Any]) -> Answer | InputRequiredResult:
    """Asks in rounds, and knows its own question again."""
    filled = answered(ctx, "confirm")
    if filled is None or ctx.request_state != "asked":
        return asks("confirm", "Please confirm", "asked", ok="boolean")
    return {"text": "state-ok"}


async def test_input_required_result_tampered_state(ctx: Context[Any]) -> Answer | InputRequiredResult:
    """Asks in rounds; what it remembers is sealed by the server."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multi_round(ctx: Context[Any]) -> Answer | InputRequiredResult:
    """Asks twice."""
    first, second = answered(ctx, "step1"), answered(ctx, "step2")
    if second is not None and ctx.request_state:
        return {"text": f"{ctx.request_state} likes {second['color']}"}
    if first is not None and ctx.request_state:
        return asks("step2", "Step 2: What is your favorite color?", str(first["name"]), color="string")
    return asks("step1", "Step 1: What is your name?", "first", name="string")


def test_simple_prompt() -> str:
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    text = TextResourceContents(
        uri=resourceUri, mime_type="text/plain", text="Embedded resource content for testing."
    )
    embedded = EmbeddedResource(type="resource", resource=text)
    return [UserMessage(embedded), UserMessage("Please process the embedded resource above.")]


def test_prompt_with_image() -> list[UserMessage]:
    image = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    return [UserMessage(image), UserMessage("Please analyze the image above.")]


async def test_input_required_result_prompt(ctx: Context[Any]) -> str | InputRequiredResult:
    filled = answered(ctx, "user_context")
    if filled is None:
        return asks("user_context", "What context should the prompt use?", context="string")
    return f"Use this context: {filled['context']}"


TOOLS: list[Callable[..., Any]] = [
    test_simple_text,
    test_error_handling,
    test_tool_with_progress,
    test_tool_with_logging,
    test_elicitation,
    test_input_required_result_elicitation,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multi_round,
]
PROMPTS: list[Callable[..., Any]] = [
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
    test_input_required_result_prompt,
]


def furnish(server: MCPServer[Any]) -> None:
    """Adds the fixtures."""
    for tool in TOOLS:
        server.add_tool(tool)
    for prompt in PROMPTS:
        server.prompt(description="A fixture")(prompt)

    @server.resource("test://static-text", mime_type="text/plain")
    def text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def binary() -> bytes:
        return b"\x89PNG\r\n\x1a\n"

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def data(id: str) -> Answer:
        return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


if __name__ == "__main__":
    serve: Any = importlib.import_module("sendoso_mcp.cli.serve")
    build = serve.build_server

    def furnished(*args: Any, **options: Any) -> MCPServer[Any]:
        server: MCPServer[Any] = build(*args, **options)
        furnish(server)
        return server

    serve.build_server = furnished
    sys.exit(main(sys.argv[1:]))
