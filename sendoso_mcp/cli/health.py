"""`/healthz` and `/readyz`, for whatever watches a server over HTTP. Neither tells of people or keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sendoso_mcp.api import ASGIApp, Sendoso
from sendoso_mcp.errors import LedgerUnavailable, SendosoError, SettingsError
from sendoso_mcp.page.gate import host_is_served

PATHS = ("/healthz", "/readyz")
_PATIENCE = 3.0
"""Seconds that a probe waits for the ledger and, at the first one, for Sendoso."""
_FRESH_FOR = 1.0
"""Seconds for which what was found of the ledger stands, however many probes come."""
_ASK_AGAIN = 60.0
"""Seconds until Sendoso is asked again by a probe, where it did not answer well and nobody else asked."""


class Readiness:
    """Whether this process can do its work.

    Not ready: the ledger cannot be written, or the key cannot be used, or that is not known yet. A Sendoso
    that cannot be reached leaves it ready: that is told to who asks for a gift, and to take every instance
    out of service would not bring Sendoso back.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        ledger_works: Callable[[], Awaitable[bool]],
        sendoso: Sendoso,
        *,
        sandbox: bool,
    ) -> None:
        self._tasks = tasks
        self._ledger_works = ledger_works
        self._sendoso = sendoso
        self._sandbox = sandbox
        self._ledger = "unknown"
        self._looked = self._asked = -_ASK_AGAIN
        self._looking: anyio.Event | None = None
        self._asking: anyio.Event | None = None
        self._unusable = False

    async def look(self) -> dict[str, Any]:
        """What a probe is told; `ready` sums it up."""
        now = anyio.current_time()
        if self._looking is None and now - self._looked >= _FRESH_FOR:
            self._looked, self._looking = now, anyio.Event()
            self._tasks.start_soon(self._look_at_ledger, self._looking)
        well = self._sandbox or self._sendoso.standing == "ok"
        if self._asking is None and not well and now - self._asked >= _ASK_AGAIN:
            self._asked, self._asking = now, anyio.Event()
            self._tasks.start_soon(self._ask_sendoso, self._asking)
        ledger = self._ledger
        with anyio.move_on_after(_PATIENCE) as scope:
            if self._looking is not None:
                await self._looking.wait()
            ledger = self._ledger
            if self._asking is not None and self._standing() == "unknown":
                await self._asking.wait()
        if scope.cancelled_caught and self._looking is not None:
            ledger = "slow"
        standing = self._standing()
        ready = ledger == "ok" and standing in ("ok", "sandbox", "unreachable")
        return {"ready": ready, "ledger": ledger, "sendoso": standing}

    def _standing(self) -> str:
        if self._sandbox:
            return "sandbox"
        return "refused" if self._unusable else self._sendoso.standing

    async def _look_at_ledger(self, done: anyio.Event) -> None:
        try:
            self._ledger = "ok" if await self._ledger_works() else "read-only"
        except (LedgerUnavailable, SettingsError):
            self._ledger = "unavailable"
        finally:
            self._looking = None
            done.set()

    async def _ask_sendoso(self, done: anyio.Event) -> None:
        """The cheapest read there is. What came of it is in the port's standing."""
        try:
            await self._sendoso.get_budget()
            self._unusable = False
        except SettingsError:
            self._unusable = True
        except SendosoError:
            self._unusable = False
        finally:
            self._asking = None
            done.set()


@asynccontextmanager
async def health(
    ledger_works: Callable[[], Awaitable[bool]],
    sendoso: Sendoso,
    *,
    sandbox: bool,
    allowed_hosts: Collection[str],
) -> AsyncIterator[Callable[[ASGIApp], ASGIApp]]:
    """Yields a function that puts both paths beside an app.

    Args:
        ledger_works: whether orders can be written down; may raise `LedgerUnavailable`.
        sendoso: its standing is told; it is asked only where nothing is known.
        sandbox: no account is behind it.
        allowed_hosts: as for `create_page`: a probe must name one of them.
    """
    async with anyio.create_task_group() as tasks:
        readiness = Readiness(tasks, ledger_works, sendoso, sandbox=sandbox)

        async def answer(path: str, method: str, headers: Headers) -> Response:
            if not host_is_served(headers, allowed_hosts):
                return PlainTextResponse("This server is not known by that name.\n", status_code=421)
            if method not in ("GET", "HEAD"):
                return PlainTextResponse("Only GET.\n", status_code=405, headers={"Allow": "GET, HEAD"})
            if path == "/healthz":
                return PlainTextResponse("ok\n")
            found = await readiness.look()
            return JSONResponse(found, status_code=200 if found["ready"] else 503)

        def beside(app: ASGIApp) -> ASGIApp:
            async def both(scope: Any, receive: Any, send: Any) -> None:
                path = (
                    scope["path"].removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
                )
                if path not in PATHS:
                    await app(scope, receive, send)
                    return
                response = await answer(path, scope["method"], Headers(scope=scope))
                response.headers["Cache-Control"] = "no-store"
                await response(scope, receive, send)

            return both

        yield beside
        tasks.cancel_scope.cancel()
