"""Trouble to order: answers that fail, are lost, or come after the deed was done."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Fault:
    """One request that goes wrong.

    The next request with this method and path meets it, once. With `acts` the sandbox does what was
    asked before the answer is replaced: a gift ordered, and nobody told. `raises` breaks the connection
    instead of answering; over an in-process transport the caller sees that very exception.
    """

    method: str
    path: str
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    acts: bool = False
    raises: Exception | None = None


class FaultyLine:
    """ASGI middleware that takes its faults, in order, from a queue anybody may add to."""

    def __init__(self, app: ASGIApp, faults: deque[Fault]) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, or the fault that waits for it."""
        fault = self._due(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.acts:
            await self._app(scope, receive, _nobody)
        if fault.raises is not None:
            raise fault.raises
        answer = JSONResponse({"error": "Something went wrong"}, fault.status, dict(fault.headers))
        await answer(scope, receive, send)

    def _due(self, scope: Scope) -> Fault | None:
        if scope["type"] != "http":
            return None
        for fault in self._faults:
            if (fault.method, fault.path) == (scope["method"], scope["path"]):
                self._faults.remove(fault)
                return fault
        return None


async def _nobody(message: Message) -> None:
    """Takes an answer that nobody will hear."""
