"""What a person would try by hand: kill the installed server at the worst moment; spend from two chats."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from line import Line
from mcp import Client, StdioServerParameters
from processes import COMMAND, KEY
from support import EGIFT, ERAS, Chat, Person

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
# Just what an e-gift card of 25 USD costs with shipping.
COST = Decimal("28.00")
POLICY = """
[limits]
per_day = 140
cost_allowance_percent = 12
[approval]
read_seconds = 0
[api]
requests_per_second = 1000
"""


class Killer:
    """Kills the server once, as Sendoso has made what it was asked for and has not answered yet."""

    late = False

    def __init__(self, number: Path) -> None:
        self.hung_up = asyncio.Event()
        self._number = number
        self._done = False

    def ends(self, name: str) -> bool:
        if self._done or name != "Sendoso: after POST":
            return False
        self._done = True
        os.kill(int(self._number.read_text()), signal.SIGKILL)
        return True

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        yield


def server(directory: Path, url: str) -> StdioServerParameters:
    """The installed command, with its ledger and policy in this directory, where it also notes its number."""
    (directory / "policy.toml").write_text(POLICY)
    environment = {
        "SENDOSO_API_KEY": KEY,
        "SENDOSO_BASE_URL": url,
        "SENDOSO_LEDGER_URL": f"sqlite:///{directory}/ledger.sqlite3",
        "SENDOSO_POLICY_FILE": str(directory / "policy.toml"),
    }
    script = 'echo $$ > "$0" && exec "$@"'
    return StdioServerParameters(
        command="sh", args=["-c", script, str(directory / "number"), *COMMAND], env=environment
    )


async def recipient(sendoso: str, email: str) -> str:
    async with httpx.AsyncClient(base_url=sendoso, headers={"X-Api-Key": KEY}) as client:
        person = {"first_name": "Ana", "last_name": "Lima", "email": email}
        return str((await client.post("/recipients", json=person)).raise_for_status().json()["id"])


async def gifts(sendoso: str, recipient_id: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=sendoso, headers={"X-Api-Key": KEY}) as client:
        sends = (await client.get("/sends", params={"per_page": 100})).json()["sends"]
    return [send for send in sends if send["recipient"]["id"] == recipient_id]


@ERAS
async def test_a_server_killed_while_an_order_hangs_says_sent_when_it_is_asked_again(
    sendoso: str, tmp_path: Path, mode: str
) -> None:
    ana = await recipient(sendoso, f"ana.{mode}@lima.example")
    gift = {"recipient_id": ana, "item_id": EGIFT, "idempotency_key": "for-ana", "message": "Obrigado"}
    async with Line(sendoso).open() as line:
        line.watchers["chat"] = Killer(tmp_path / "number")
        installed = server(tmp_path, f"{line.url}/chat")
        with suppress(Exception):  # whatever the SDK says of a server that is gone
            async with Client(installed, mode=mode, elicitation_callback=Person()) as client:
                await client.call_tool("create_send", gift)
                pytest.fail("the server lives")
        (made,) = await gifts(sendoso, ana)
        person = Person()
        async with Client(installed, mode=mode, elicitation_callback=person) as client:
            assert await Chat(client).call("create_send", **gift) == {
                "outcome": "sent",
                "send_id": made["id"],
                "status": "pending",
                "cost": float(COST),
            }
            shown = await Chat(client).call("get_budget")
    assert person.asked == []
    assert [one["id"] for one in await gifts(sendoso, ana)] == [made["id"]]
    left = {limit["name"]: limit["left"] for limit in shown["policy"]["limits"]}
    assert left["per_day"] == 140 - 28


async def test_two_chats_on_one_ledger_cannot_together_pass_a_days_limit(
    sendoso: str, tmp_path: Path
) -> None:
    ana = await recipient(sendoso, "ana.twice@lima.example")
    installed = server(tmp_path, sendoso)
    outcomes: list[dict[str, Any]] = []

    async def send(chat: Chat, key: str) -> None:
        gift = {"recipient_id": ana, "item_id": EGIFT, "idempotency_key": key}
        outcomes.append(await chat.call("create_send", **gift))

    async with (
        Client(installed, elicitation_callback=Person()) as one,
        Client(installed, elicitation_callback=Person()) as two,
        anyio.create_task_group() as calls,
    ):
        for number in range(8):
            for name, client in (("one", one), ("two", two)):
                calls.start_soon(send, Chat(client), f"{name}-{number}")
    made = await gifts(sendoso, ana)
    assert sum(Decimal(str(gift["cost"])) for gift in made) == 5 * COST == 140
    assert sorted(gift["id"] for gift in made) == sorted(
        one["send_id"] for one in outcomes if one["outcome"] == "sent"
    )
    refused = [one for one in outcomes if one["outcome"] != "sent"]
    assert {one["outcome"] for one in refused} == {"denied"}
    assert {reason["code"] for one in refused for reason in one["reasons"]} == {"over_per_day"}
    assert len(refused) == 16 - 5
