"""What a client is told while its call is under way, if it asks for that: MCP's logging.

It asks for a level, with each request (2026-07-28) or by `logging/setLevel` for a connection (before).
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp_types import (
    LOG_LEVEL_META_KEY,
    LoggingLevel,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    SetLevelRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from sendoso_mcp.calls import Weight, heard_by

log = logging.getLogger(__name__)

LOGGER = "sendoso"
"""What the messages are said to come from."""
_LEVELS: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
_WAITING = 100
"""Messages that wait for a client that does not read; the rest is not told."""


class Levels:
    """Knows the level at which each client wants to be told.

    A middleware: it declares the capability, which the SDK does only where `logging/setLevel` has a handler,
    and is that handler, for which `MCPServer` has no other place.
    """

    def __init__(self) -> None:
        self._set: dict[int, LoggingLevel] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Handles one message of a client, or passes it on."""
        match ctx.method:
            case "logging/setLevel" if (
                ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS and ctx.session.client_params
            ):
                level = SetLevelRequestParams.model_validate(ctx.params or {}, by_name=False).level
                connection = ctx.session.client_params
                if id(connection) not in self._set:
                    weakref.finalize(connection, self._set.pop, id(connection), None)
                self._set[id(connection)] = level
                return {}
            case "initialize" | "server/discover":
                result = await call_next(ctx)
                if isinstance(result, dict):
                    result["capabilities"] = {**result["capabilities"], "logging": {}}
                return result
            case _:
                return await call_next(ctx)

    def wanted(self, ctx: ServerRequestContext[Any, Any]) -> frozenset[LoggingLevel]:
        """The levels that a request's client wants to be told; none if it asked for none."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            least = (ctx.meta or {}).get(LOG_LEVEL_META_KEY)
        else:
            least = self._set.get(id(ctx.session.client_params))
        return frozenset(_LEVELS[_LEVELS.index(least) :] if least in _LEVELS else ())


@asynccontextmanager
async def telling(context: Context[Any, Any] | None, levels: Levels) -> AsyncIterator[None]:
    """Around the work for one call: what is told in it goes to its client, beside the work.

    The work does not wait for a client that does not read. All that was told is sent before the block is
    left; what is told later, in a task that outlives the call, is not: who has an answer expects no more.
    """
    ctx = None if context is None else context.request_context
    wanted = frozenset[LoggingLevel]() if ctx is None else levels.wanted(ctx)
    if ctx is None or not wanted:
        yield
        return
    outbox, waiting = anyio.create_memory_object_stream[tuple[Weight, str]](_WAITING)

    def ear(weight: Weight, text: str) -> None:
        if weight in wanted:
            try:
                outbox.send_nowait((weight, text))
            except (anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
                log.debug("not told: %s", text)

    async def send() -> None:
        async for weight, text in waiting:
            message = LoggingMessageNotificationParams(level=weight, logger=LOGGER, data=text)
            try:
                # The SDK's own way is marked as deprecated, as the feature is since 2026-07-28, and warns.
                await ctx.session.send_notification(
                    LoggingMessageNotification(params=message), related_request_id=ctx.request_id
                )
            except Exception:
                # The client is gone; whether its call goes on is not for this to decide.
                log.debug("a client could not be told")

    failure: Exception | None = None
    async with waiting, anyio.create_task_group() as sending:
        sending.start_soon(send)
        with outbox, heard_by(ear):
            try:
                yield
            except Exception as error:
                # Raised below: a task group would wrap it.
                failure = error
    if failure is not None:
        raise failure
