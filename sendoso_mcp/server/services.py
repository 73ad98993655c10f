"""What the tools work with, opened once for the life of the process."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio
from mcp.server.mcpserver import Context

from sendoso_mcp.api import ASGIApp, Sendoso, Timing, connect
from sendoso_mcp.catalog import CacheFile, Catalog
from sendoso_mcp.errors import SettingsError
from sendoso_mcp.server.outside import Outside
from sendoso_mcp.server.progress import report_reading
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import Ledger, in_thread
from sendoso_mcp.spending.pace import Pace
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.policy_file import read_policy

SANDBOX_NOTE = "Embedded sandbox: nothing was really sent or charged."
"""In every answer, where no account is behind the server."""
SANDBOX_NOTICE = "Embedded sandbox: nothing is really sent or charged."
"""In what is said before anything happens."""


@dataclass(frozen=True, slots=True)
class Services:
    """Sendoso, its catalogue and the guard; `sandbox` says that no real account is behind them.

    `outside` is the way to a person outside the chat.
    `creating` is held while a recipient is looked for and then created. `state_key` seals the states of
    questions that are answered in rounds (2026-07-28). `tools` are those that the server offers.
    """

    sendoso: Sendoso
    catalog: Catalog
    guard: Guard
    sandbox: bool
    creating: anyio.Lock
    outside: Outside
    state_key: bytes = field(repr=False)
    tools: Collection[str] = ()

    def with_tool(self, name: str, text: str) -> str:
        """A text that names a tool; nothing where that is not offered."""
        return text if name in self.tools else ""


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    sandbox: ASGIApp | None = None,
    timing: Timing | None = None,
    policy: Policy | None = None,
    principal: str = "local",
) -> AsyncIterator[Services]:
    """Opens everything; on leaving, waits for orders on their way (at most their deadline) and closes.

    They belong to the process and not to an MCP session: over SSE and HTTP many sessions share them, and
    a client that disconnects must not take an order with it.

    Args:
        settings: the environment.
        sandbox: the embedded sandbox's application; needed if `settings` have no key.
        timing: time-outs of requests to Sendoso.
        policy: what may be spent; None: what the settings' file says.
        principal: who asks, as far as that is known: idempotency keys are theirs.

    Raises:
        SettingsError: the policy file or the ledger's address cannot be used.
    """
    policy = policy if policy is not None else read_policy(settings.policy_file)
    ledger = Ledger(settings.ledger, account=settings.account)
    if ledger.in_memory and not settings.sandbox:
        raise SettingsError(
            "SENDOSO_LEDGER_URL is a ledger in memory, which would forget what was ordered. "
            "Name a file (sqlite:////var/lib/gifts.sqlite3), or remove it for the default."
        )
    if settings.api_key is None:
        if sandbox is None:
            raise ValueError("without a key, a sandbox must be given")
        sendoso = connect(base_url="http://sandbox", api_key="embedded-sandbox", app=sandbox, timing=timing)
    else:
        pace = Pace(ledger, policy.api.requests_per_second)
        sendoso = connect(base_url=settings.base_url, api_key=settings.api_key, timing=timing, pace=pace)
    path = settings.catalogue_cache
    cache = None if path is None else partial(CacheFile, path)
    try:
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as background:
            catalog = Catalog(sendoso, background, cache=cache, heard=report_reading)
            guard = Guard(sendoso, catalog.find, tasks, ledger=ledger, policy=policy, principal=principal)
            if not ledger.in_memory:
                background.start_soon(guard.recover)
            yield Services(
                sendoso,
                catalog,
                guard,
                settings.sandbox,
                anyio.Lock(),
                Outside(Approvals(ledger), command=not ledger.in_memory, rehearsal=settings.sandbox),
                _state_key(settings, principal),
            )
            background.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await sendoso.aclose()
            await in_thread(ledger.close)


def _state_key(settings: Settings, principal: str) -> bytes:
    """A secret that all servers of one account and principal share, and keep over a restart.

    So an answer is read wherever the client takes it. Whether it still buys something the ledger knows;
    for how long the question was read, only the server that put it. Who could guess the API key by it could
    as well try it at Sendoso. A rehearsal has no key to take it from.
    """
    if settings.api_key is None:
        return secrets.token_bytes(32)
    return hmac.digest(
        settings.api_key.encode(errors="surrogateescape"),
        f"sendoso-mcp state\0{principal}".encode(),
        "sha256",
    )


def services_of(ctx: Context[Services]) -> Services:
    """The services behind a request."""
    return ctx.request_context.lifespan_context
