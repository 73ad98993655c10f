"""Calls that overtake each other: whatever is told is the truth, and one key buys one gift."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import InputRequiredResult
from support import EGIFT, ERAS, NO, SARAH, YES, Person, change, chat, order, quick_policy, raise_price, sends

from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.app import build_server
from sendoso_mcp.server.services import open_services
from sendoso_mcp.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


@ERAS
async def test_a_key_that_was_declined_is_not_asked_about_again(sandbox: Sandbox, mode: str) -> None:
    person, before = Person(NO), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person) as connected:
        await connected.call("create_send", **order(idempotency_key="k"))
        person.answer = YES
        again = await connected.call("create_send", **order(idempotency_key="k"))
        assert again["outcome"] == "declined"
        assert [reason["code"] for reason in again["reasons"]] == ["person_declined_before"]
        assert len(person.asked) == 1
        assert sends(sandbox) == before
        assert (await connected.call("create_send", **order(idempotency_key="k2")))["outcome"] == "sent"


@ERAS
async def test_a_no_after_a_yes_to_the_same_key_is_told_the_truth(sandbox: Sandbox, mode: str) -> None:
    """Two calls with one key are open at once; the first gets a yes, then the second a no."""
    before, both_asked, first_done = sends(sandbox), anyio.Event(), anyio.Event()
    outcomes: list[str] = []

    class Two(Person):
        async def __call__(self, context: Any, params: Any) -> Any:
            self.asked.append("")
            number = len(self.asked)
            if number == 2:
                both_asked.set()
                await first_done.wait()
                return NO
            await both_asked.wait()
            return YES

    async with chat(sandbox, mode=mode, person=Two()) as connected:

        async def call() -> None:
            outcomes.append((await connected.call("create_send", **order(idempotency_key="k")))["outcome"])
            first_done.set()

        async with anyio.create_task_group() as calls:
            calls.start_soon(call)
            calls.start_soon(call)
    assert outcomes == ["sent", "sent"]
    assert sends(sandbox) == before + 1


async def test_a_client_that_mixes_the_eras_gets_no_stale_price(sandbox: Sandbox) -> None:
    """A state from a session of 2026-07-28, sent along by a session of before, does not stand for rounds."""
    before, person = sends(sandbox), Person()
    async with open_services(Settings(), sandbox=sandbox.app, policy=quick_policy()) as services:
        server = build_server(services)
        async with Client(server, elicitation_callback=Person()) as modern:
            asked = await modern.session.call_tool("create_send", order(), allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        person.before = partial(raise_price, sandbox, EGIFT)
        async with Client(server, mode="legacy", elicitation_callback=person) as legacy:
            done = await legacy.session.call_tool(
                "create_send", order(), request_state=asked.request_state, allow_input_required=True
            )
    assert "facts_changed" in done.model_dump_json()
    assert sends(sandbox) == before


@ERAS
@pytest.mark.parametrize("fails", [False, True], ids=["too little is left", "the look-up fails"])
async def test_a_key_whose_gift_was_ordered_meanwhile_is_told_so(
    sandbox: Sandbox, mode: str, fails: bool
) -> None:
    """The second call looks up slowly; the first one orders, and leaves too little for a second gift."""
    held, may_go, inner = anyio.Event(), anyio.Event(), sandbox.app
    outcomes: list[dict[str, Any]] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/teams/budget" and outcomes == [] and held_next:
            held_next.clear()
            held.set()
            await may_go.wait()
            if fails:
                sandbox.faults.append(Fault("GET", "/teams/budget", status=401))
        await inner(scope, receive, send)

    held_next: list[bool] = []
    slowed = Sandbox(slow, sandbox.world, sandbox.clock, sandbox.faults)
    before, left = sends(sandbox), sandbox.world.budget().remaining
    total = sandbox.world.team.total_budget
    sandbox.world.team = replace(sandbox.world.team, total_budget=total - left + 30)
    async with chat(slowed, mode=mode, person=Person()) as connected:

        async def second() -> None:
            outcomes.append(await connected.call("create_send", **order(idempotency_key="k")))

        async with anyio.create_task_group() as calls:
            held_next.append(True)
            calls.start_soon(second)
            await held.wait()
            first = await connected.call("create_send", **order(idempotency_key="k"))
            may_go.set()
    assert first["outcome"] == "sent"
    assert [outcome["outcome"] for outcome in outcomes] == ["sent"]
    assert sends(sandbox) == before + 1


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_yes_whose_last_look_up_fails_is_told_what_the_other_yes_bought(
    sandbox: Sandbox, key: str | None
) -> None:
    """Two forms with one question; the first yes is held up and then fails, the second one orders."""
    wish = order() if key is None else order(idempotency_key=key)
    budgets, held, may_go, inner = 0, anyio.Event(), anyio.Event(), sandbox.app
    both_asked, outcomes, before = anyio.Event(), list[str](), sends(sandbox)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal budgets
        if scope["path"] == "/teams/budget":
            budgets += 1
            if budgets == 3:  # after the two plans: the first yes looks everything up again
                held.set()
                await may_go.wait()
                sandbox.faults.append(Fault("GET", "/teams/budget", status=401))
        await inner(scope, receive, send)

    class Two(Person):
        async def __call__(self, context: Any, params: Any) -> Any:
            self.asked.append(params.message)
            if len(self.asked) == 2:
                both_asked.set()
                await held.wait()
            await both_asked.wait()
            return YES

    person, slowed = Two(), Sandbox(slow, sandbox.world, sandbox.clock, sandbox.faults)
    async with chat(slowed, mode="legacy", person=person) as connected:

        async def call() -> None:
            outcomes.append((await connected.call("create_send", **wish))["outcome"])
            may_go.set()

        async with anyio.create_task_group() as calls:
            calls.start_soon(call)
            calls.start_soon(call)
    assert person.asked[0] == person.asked[1]
    assert outcomes == ["sent", "sent"]
    assert sends(sandbox) == before + 1


async def test_a_yes_to_a_question_whose_place_was_taken_is_told_what_the_key_bought(
    sandbox: Sandbox,
) -> None:
    """The price rises while the first form is open; the second call with the key asks anew and orders."""
    first_asked, second_done, outcomes = anyio.Event(), anyio.Event(), list[str]()
    before = sends(sandbox)

    class Two(Person):
        async def __call__(self, context: Any, params: Any) -> Any:
            self.asked.append(params.message)
            if len(self.asked) == 1:
                raise_price(sandbox, EGIFT)
                first_asked.set()
                await second_done.wait()
            return YES

    async with chat(sandbox, mode="legacy", person=Two()) as connected:

        async def call() -> None:
            outcomes.append((await connected.call("create_send", **order(idempotency_key="k")))["outcome"])

        async with anyio.create_task_group() as calls:
            calls.start_soon(call)
            await first_asked.wait()
            await call()
            second_done.set()
    assert outcomes == ["sent", "sent"]
    assert sends(sandbox) == before + 1


async def test_a_yes_overtaken_during_its_last_look_up_is_told_what_the_key_bought(sandbox: Sandbox) -> None:
    """The first yes looks everything up again; meanwhile a fact changes, and the second call orders."""
    reads, held, may_go, inner = 0, anyio.Event(), anyio.Event(), sandbox.app
    outcomes, before = list[str](), sends(sandbox)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal reads
        if scope["path"] == f"/recipients/{SARAH}":
            reads += 1
            if reads == 2:
                held.set()
                await may_go.wait()
        await inner(scope, receive, send)

    slowed = Sandbox(slow, sandbox.world, sandbox.clock, sandbox.faults)
    async with chat(slowed, mode="legacy", person=Person()) as connected:

        async def call() -> None:
            outcomes.append((await connected.call("create_send", **order(idempotency_key="k")))["outcome"])

        async with anyio.create_task_group() as calls:
            calls.start_soon(call)
            await held.wait()
            change(sandbox.world.person(SARAH), company="Another Company")
            await call()
            may_go.set()
    assert outcomes == ["sent", "sent"]
    assert sends(sandbox) == before + 1
