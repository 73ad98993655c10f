"""An assistant that cannot ask, a person at the page of a real server, and a gift that goes out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium, new_window, webdriver
from mcp import Client, StdioServerParameters
from processes import COMMAND, KEY, Start, count, starter
from support import EGIFT, SARAH, Chat

from sendoso_mcp.spending.ledger import Decisions, Ledger
from sendoso_mcp.spending.pin import hash_pin

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
PIN = "gift-9183"
GIFT = {"recipient_id": SARAH, "item_id": EGIFT, "message": "Thank you", "idempotency_key": "coffee"}


@pytest.fixture(scope="module")
def session() -> Iterator[str]:
    with webdriver() as driver, chromium(driver) as address:
        yield address


@pytest.fixture
def start() -> Iterator[Start]:
    with starter() as start:
        yield start


@pytest.fixture
def sendoso(start: Start) -> str:
    return start("sandbox", "--port", "0").url()


@pytest.fixture
def env(sendoso: str, tmp_path: Path) -> dict[str, str]:
    """A server with a key and a ledger, whose approver has set a PIN."""
    url = f"sqlite:///{tmp_path}/ledger.sqlite3"
    ledger = Ledger(url, account=f"Sendoso at {sendoso.removeprefix('http://')}")
    Decisions(ledger).set_pin(hash_pin(PIN), "a test")
    ledger.close()
    return {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso, "SENDOSO_LEDGER_URL": url}


@pytest.fixture(params=["stdio", "streamable-http"])
def target(request: pytest.FixtureRequest, start: Start, env: dict[str, str]) -> Callable[[], Any]:
    if request.param == "stdio":
        return lambda: StdioServerParameters(command=COMMAND[0], env=env)
    url = start("--transport", request.param, "--port", "0", **env).url()
    return lambda: f"{url}/mcp"


@pytest.mark.parametrize("decision", ["approve", "refuse"])
async def test_a_person_decides_at_the_page_and_the_assistant_calls_again(
    session: str, sendoso: str, target: Callable[[], Any], decision: str
) -> None:
    before = count(sendoso)
    async with Client(target()) as client, new_window(session) as person:
        chat = Chat(client)
        asked = await chat.call("create_send", **GIFT)
        assert asked["outcome"] == "approval_required"
        await person.open(asked["url"])
        assert "Sarah Johnson" in await person.text("article")
        assert "25.00 USD" in await person.text("article")
        await _decide(person, decision)
        assert count(sendoso) == before
        done = await chat.call("create_send", **GIFT)
        assert done["outcome"] == ("sent" if decision == "approve" else "declined")
        again = await chat.call("create_send", **GIFT)
        assert again["outcome"] == done["outcome"]
        await person.reload()
        assert await person.text("h1") == "Closed"
    assert count(sendoso) == before + (decision == "approve")


async def _decide(person: Browser, decision: str) -> None:
    if decision == "refuse":
        await person.press("button[form=no]")
        assert await person.text("h1") == "Closed"
        return
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert await person.text("h1") == "Approved"
