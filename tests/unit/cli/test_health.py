"""What `/healthz` and `/readyz` say, and whom they ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import httpx
import pytest

from sendoso_mcp.api import Sendoso, Standing
from sendoso_mcp.cli import health as module
from sendoso_mcp.cli.health import health
from sendoso_mcp.errors import BadCredentials, LedgerUnavailable, NotConnected, SendosoError, Unauthorized

pytestmark = pytest.mark.anyio
HOSTS = ("localhost", "localhost:*")


@dataclass
class Account:
    """A Sendoso of which only the budget is asked for, and a ledger."""

    after: Standing = "ok"
    """What is known once it was asked."""
    fails: SendosoError | None = None
    standing: Standing = "unknown"
    asked: int = 0
    answers: anyio.Event = field(default_factory=anyio.Event)
    ledger: bool | SendosoError = True
    looked: int = 0
    ledger_answers: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self.answers.set()
        self.ledger_answers.set()

    async def get_budget(self) -> None:
        self.asked += 1
        await self.answers.wait()
        self.standing = self.after
        if self.fails is not None:
            raise self.fails

    async def ledger_works(self) -> bool:
        self.looked += 1
        await self.ledger_answers.wait()
        if isinstance(self.ledger, SendosoError):
            raise self.ledger
        return self.ledger


Probe = Callable[[], Any]


@asynccontextmanager
async def watched(account: Account, *, sandbox: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with health(
        account.ledger_works, cast(Sendoso, account), sandbox=sandbox, allowed_hosts=HOSTS
    ) as beside:
        transport = httpx.ASGITransport(cast(Any, beside(app)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield client


async def ready(client: httpx.AsyncClient) -> tuple[int, str, str]:
    answer = await client.get("/readyz")
    found = answer.json()
    assert set(found) == {"ready", "ledger", "sendoso"}
    assert found["ready"] is (answer.status_code == 200)
    return answer.status_code, found["ledger"], found["sendoso"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.02)
    monkeypatch.setattr(module, "_FRESH_FOR", 0.0)


async def test_a_living_process_says_so_and_asks_nobody() -> None:
    account = Account(standing="refused", ledger=LedgerUnavailable("gone"))
    async with watched(account) as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.head("/healthz")).status_code == 200
        assert (await client.get("/mcp")).status_code == 204
    assert (account.asked, account.looked) == (0, 0)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_only_a_get_that_names_a_served_host_is_answered(path: str) -> None:
    account = Account()
    async with watched(account) as client:
        assert (await client.get(path, headers={"Host": "evil.example"})).status_code == 421
        assert (await client.post(path)).status_code == 405
    assert (account.asked, account.looked) == (0, 0)


@pytest.mark.parametrize(
    ("account", "says"),
    [
        (Account(), (200, "ok", "ok")),
        (Account(after="refused", fails=Unauthorized()), (503, "ok", "refused")),
        (Account(after="unknown", fails=BadCredentials("bad")), (503, "ok", "refused")),
        # All instances would be taken out of service, and Sendoso would still be away.
        (Account(after="unreachable", fails=NotConnected("x")), (200, "ok", "unreachable")),
        (Account(ledger=False), (503, "read-only", "ok")),
        (Account(ledger=LedgerUnavailable("its database cannot be reached")), (503, "unavailable", "ok")),
    ],
    ids=["well", "key refused", "key unusable", "Sendoso away", "read-only ledger", "ledger away"],
)
async def test_it_is_ready_if_it_can_do_its_work(account: Account, says: tuple[int, str, str]) -> None:
    async with watched(account) as client:
        assert await ready(client) == says


async def test_sendoso_is_asked_once_however_many_probes_come(impatient: None) -> None:
    account = Account()
    async with watched(account) as client:
        for _ in range(20):
            assert await ready(client) == (200, "ok", "ok")
        # What calls of tools meet is known without asking, and is asked about a while later.
        account.standing = "refused"
        assert await ready(client) == (503, "ok", "refused")
    assert account.asked == 1


async def test_a_key_that_was_mended_is_found_without_a_call_of_a_tool(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ASK_AGAIN", 0.0)
    account = Account(after="refused", fails=Unauthorized())
    async with watched(account) as client:
        assert await ready(client) == (503, "ok", "refused")
        account.after, account.fails = "ok", None
        await ready(client)
        await anyio.wait_all_tasks_blocked()
        assert await ready(client) == (200, "ok", "ok")
        asked = account.asked
        await ready(client)
        assert account.asked == asked


async def test_a_ledger_that_hangs_is_looked_at_once_and_probes_do_not_hang(impatient: None) -> None:
    account = Account(standing="ok")
    account.ledger_answers = anyio.Event()
    async with watched(account) as client:
        for _ in range(3):
            assert await ready(client) == (503, "slow", "ok")
        assert account.looked == 1
        account.ledger_answers.set()
        await anyio.wait_all_tasks_blocked()
        assert await ready(client) == (200, "ok", "ok")


async def test_until_sendoso_has_answered_for_the_first_time_it_is_not_ready(impatient: None) -> None:
    account = Account()
    account.answers = anyio.Event()
    async with watched(account) as client:
        assert await ready(client) == (503, "ok", "unknown")
        account.answers.set()
        await anyio.wait_all_tasks_blocked()
        assert await ready(client) == (200, "ok", "ok")
    assert account.asked == 1


async def test_the_embedded_sandbox_is_never_asked() -> None:
    account = Account()
    async with watched(account, sandbox=True) as client:
        assert await ready(client) == (200, "ok", "sandbox")
    assert account.asked == 0
