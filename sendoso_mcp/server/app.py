"""Builds the MCP server, and holds what is true of every tool call."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp import MCPError
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    Icon,
    InputRequiredResult,
    TextContent,
)
from mcp_types import Tool as Definition
from pydantic import AnyUrl

from sendoso_mcp import __version__
from sendoso_mcp.absent import absent
from sendoso_mcp.calls import new_call
from sendoso_mcp.errors import (
    SettingsError,
)
from sendoso_mcp.hygiene import clean, clean_line
from sendoso_mcp.server.answers import finish
from sendoso_mcp.server.completions import add_completions
from sendoso_mcp.server.explaining import explained
from sendoso_mcp.server.instructions import instructions
from sendoso_mcp.server.progress import reporting
from sendoso_mcp.server.prompts import add_prompts
from sendoso_mcp.server.resources import add_resources
from sendoso_mcp.server.services import Services
from sendoso_mcp.server.states import DatedStates
from sendoso_mcp.server.telling import Levels, telling
from sendoso_mcp.server.tools import TOOLS, ToolSpec

log = logging.getLogger(__name__)

_HOUR_MS = 3_600_000
# What this server offers stays the same for as long as it runs, for everybody who reaches it. What can be
# read changes with every gift: without a hint it is stale at once.
_FIXED: tuple[CacheableMethod, ...] = (
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
)


def build_server(
    services: Services, *, read_only: bool = False, only: Collection[str] | None = None
) -> MCPServer[Services]:
    """The server with all that is switched on.

    Args:
        services: what the tools work with; open for as long as the server runs.
        read_only: leaves out every tool that changes something.
        only: names of tools to offer; None offers all.

    Raises:
        SettingsError: `only` names a tool that does not exist.
    """
    unknown = sorted(set(only or ()) - {spec.name for spec in TOOLS})
    if unknown:
        names = ", ".join(spec.name for spec in TOOLS)
        raise SettingsError(f"--tools: there is no tool {', '.join(unknown)}. The tools are: {names}.")
    specs = [
        spec
        for spec in TOOLS
        if (only is None or spec.name in only)
        and (spec.read_only or not read_only)
        and (spec.needs is None or spec.needs in services.sendoso.abilities)
    ]
    left_out = [spec.name for spec in TOOLS if read_only and spec.name in (only or ()) and not spec.read_only]
    if left_out:
        log.warning("read-only: %s left out, although --tools names it", ", ".join(left_out))
    if not specs:
        raise SettingsError("No tool is left: --tools names none that is offered.")

    services = replace(services, tools=frozenset(spec.name for spec in specs))

    @asynccontextmanager
    async def lifespan(_: MCPServer[Services]) -> AsyncIterator[Services]:
        # The SDK enters this once a connection over SSE; the services outlive connections.
        yield services

    server = _GiftServer(specs, services, lifespan=lifespan)
    add_resources(server, services)
    add_prompts(server, {spec.name for spec in specs})
    add_completions(server, services)
    return server


class _GiftServer(MCPServer[Services]):
    """An MCP server whose answers are clean, compact and honest about the sandbox."""

    def __init__(self, specs: list[ToolSpec], services: Services, **options: Any) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._definitions = {spec.name: spec.definition() for spec in specs}
        self._registered: set[str] = set()
        self._services = services
        self._levels = Levels()
        hours = float(services.guard.policy.approval.answer_within_hours)
        # The SDK would have it write the log; ours is set up already, and it is a twelfth of a start.
        with absent("rich.console"):
            super().__init__(
                name="sendoso",
                title="Sendoso gifts",
                description="Find, price, send, track and report corporate gifts.",
                version=__version__,
                website_url="https://developer.sendoso.com/",
                icons=[_icon()],
                cache_hints=dict.fromkeys(_FIXED, CacheHint(ttl_ms=_HOUR_MS, scope="public")),
                instructions=instructions(self._specs, sandbox=services.sandbox),
                request_state_security=RequestStateSecurity(
                    codec=DatedStates(services.state_key), ttl=hours * 3600
                ),
                # Nothing that is offered ever changes: else the SDK declares that it tells of changes.
                subscriptions=False,
                middleware=[self._levels],
                **options,
            )

    async def list_tools(self) -> list[Definition]:
        """The tools in the order in which a model meets them; see `MCPServer.list_tools`."""
        return list(self._definitions.values())

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Services, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Calls a tool; see `MCPServer.call_tool`.

        Raises:
            ToolError: with one clear text for the model.
        """
        with new_call(), self._logged(name):
            try:
                self._check_names(name, arguments)
                self._register(name)
                with reporting(context):
                    async with telling(context, self._levels):
                        result = await super().call_tool(name, arguments, context)
            except (ToolError, MCPError) as error:
                raise explained(self._services, name, self._specs.get(name), error) from error.__cause__
            return self._finish(result) if isinstance(result, CallToolResult) else result

    @contextmanager
    def _logged(self, name: str) -> Iterator[None]:
        """Logs that a tool was called, how that ended and how long it took; never with what."""
        known = name if name in self._specs else "a tool that is not there"
        started, ended = time.perf_counter(), "cancelled"
        try:
            yield
            ended = "answered"
        except Exception:
            ended = "failed"
            raise
        finally:
            log.info("%s: %s after %.0f ms", known, ended, (time.perf_counter() - started) * 1000)

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Services, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Renders a prompt; see `MCPServer.get_prompt`.

        Raises:
            MCPError: invalid params, for an unknown prompt or a missing argument.
        """
        wanted = next((prompt.arguments for prompt in await self.list_prompts() if prompt.name == name), None)
        given = arguments or {}
        if missing := [each.name for each in wanted or () if each.required and each.name not in given]:
            raise MCPError(INVALID_PARAMS, f"The prompt {name} needs: {', '.join(missing)}.")
        try:
            return await super().get_prompt(name, arguments, context)
        except ValueError as error:
            raise MCPError(INVALID_PARAMS, clean(str(error), longest=300)) from error

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Services, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Reads a resource; see `MCPServer.read_resource`.

        Raises:
            ResourceNotFoundError: there is none, in one line.
        """
        try:
            with reporting(context):
                async with telling(context, self._levels):
                    return await super().read_resource(uri, context)
        except ResourceNotFoundError as error:
            raise ResourceNotFoundError(clean_line(str(error), longest=300)) from error

    def _check_names(self, name: str, arguments: dict[str, Any]) -> None:
        # A misspelt `message` must not become a gift without one.
        definition = self._definitions.get(name)
        known = list(definition.input_schema["properties"] if definition else arguments)
        unknown = [argument for argument in arguments if argument not in known]
        if unknown:
            names = ", ".join(clean_line(argument, longest=80) for argument in unknown[:5])
            takes = f"It takes: {', '.join(known)}." if known else "It takes none."
            raise ToolError(f"{name} has no argument {names}. {takes} {self._specs[name].not_done}")

    def _register(self, name: str) -> None:
        """Makes a tool ready when it is first called, which a start need not wait for."""
        if name in self._specs and name not in self._registered:
            self._specs[name].register(self)
            self._registered.add(name)

    def _finish(self, result: CallToolResult) -> CallToolResult:
        """Structured content and text that carry the same facts, cleaned and without nulls."""
        data = finish(result.structured_content or {}, sandbox=self._services.sandbox)
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=data)


def _icon() -> Icon:
    """A parcel, for clients that show who they talk to; in the answer itself, so that nothing is fetched."""
    drawn = base64.b64encode(Path(__file__).with_name("icon.svg").read_bytes()).decode()
    return Icon(src=f"data:image/svg+xml;base64,{drawn}", mime_type="image/svg+xml", sizes=["any"])
