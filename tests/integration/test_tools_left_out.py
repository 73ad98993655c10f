"""With `--tools`, an answer names no tool that the model does not have."""

from __future__ import annotations

from typing import Any

import pytest
from support import Person, chat, order, quick_policy

from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.tools import TOOLS

pytestmark = pytest.mark.anyio
NAMES = frozenset(spec.name for spec in TOOLS)
ANN = {"first_name": "Ann", "last_name": "Lee", "email": "ann@acme.example"}


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


def named(answer: Any) -> set[str]:
    return {name for name in NAMES if name in str(answer)}


async def test_an_order_of_which_nobody_knows(sandbox: Sandbox) -> None:
    for only, wanted in [({"create_send"}, set()), ({"create_send", "get_send"}, {"get_send"})]:
        sandbox.faults.append(Fault("POST", "/sends", status=500))
        async with chat(sandbox, person=Person(), only=only) as connected:
            done = await connected.call("create_send", **order())
        assert done["outcome"] == "unknown"
        assert "Do not send it again" in done["reasons"][0]["text"]
        assert named(done) == wanted


@pytest.mark.parametrize("only", [{"create_send"}, {"create_send", "cancel_send", "list_sends"}])
async def test_a_flood_of_questions(
    sandbox: Sandbox, only: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.spending.ledger.asking.MOST_OPEN", 0)
    async with chat(sandbox, only=only) as connected:
        told = await connected.fail("create_send", **order())
    assert "questions wait for a person" in told
    assert named(told) == set()


@pytest.mark.parametrize("more", [set(), {"list_sends"}])
async def test_a_defect_of_ours(sandbox: Sandbox, more: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async with chat(sandbox, only={"create_send", *more}) as connected:
        assert connected.services is not None
        monkeypatch.setattr(type(connected.services.guard), "start", lambda *_: 1 / 0)
        told = await connected.fail("create_send", **order())
    assert "inside this server" in told
    assert named(told) == {"create_send", *more}


async def test_a_recipient_of_whom_nobody_knows(sandbox: Sandbox) -> None:
    for more in (set[str](), {"search_recipients"}):
        sandbox.faults.append(Fault("POST", "/recipients", status=500))
        async with chat(sandbox, only={"create_recipient", *more}) as connected:
            told = await connected.fail("create_recipient", **ANN)
        assert "before trying again" in told
        assert named(told) == more


async def test_a_cancellation_of_which_nobody_knows(sandbox: Sandbox) -> None:
    rules = quick_policy(approval={"ask_to_cancel": False})
    send = next(one.id for one, where in sandbox.world.sends() if where.status == "pending")
    for more in (set[str](), {"get_send"}):
        sandbox.faults.append(Fault("DELETE", f"/sends/{send}", status=500))
        async with chat(sandbox, policy=rules, only={"cancel_send", *more}) as connected:
            done = await connected.call("cancel_send", send_id=send)
        assert done["outcome"] == "unknown"
        assert named(done) == more


async def test_a_gift_that_is_not_there(sandbox: Sandbox) -> None:
    async with chat(sandbox, only={"preview_send"}) as connected:
        told = await connected.fail("preview_send", **order(item_id="item_nothing"))
    assert "item_nothing" in told
    assert named(told) == set()
