"""One key, one gift: whatever calls with it, how often, and at what moment."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from guard_kit import Held, MemorySendoso, asked, at_once, guarding, raising, send, settled, yes_to
from spending_kit import REQUEST, error_of, item, quote

from sendoso_mcp.errors import (
    BadArgument,
    BudgetExceeded,
    NotConnected,
    RateLimited,
    SendosoError,
    ServerFault,
    SettingsError,
    Timeout,
)
from sendoso_mcp.spending.ledger import Ledger, State
from sendoso_mcp.spending.settlement import Settlement

pytestmark = pytest.mark.anyio

NOTHING_SENT = (NotConnected("sendoso.test"), SettingsError("x"), BudgetExceeded(), RateLimited(3))
DOUBTS = (Timeout(30), ServerFault(500), RuntimeError("boom"))


async def test_the_same_key_twice_is_one_order_and_one_settlement(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        first = await send(guard, quote(), "k")
        assert await send(guard, quote(), "k") == first
        assert await guard.recall("k", REQUEST) == first
    assert len(sendoso.orders) == 1


async def test_the_same_key_from_fifty_callers_at_once_is_one_order(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    settlements: list[Settlement] = []

    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")

        async def call() -> None:
            settlements.append(settled(await guard.send(quote(), "k", **yes_to(question))))

        async with anyio.create_task_group() as callers:
            for _ in range(50):
                callers.start_soon(call)
    assert len(sendoso.orders) == 1
    assert len(settlements) == 50
    assert all(settlement == settlements[0] for settlement in settlements)
    assert settlements[0].state is State.CONFIRMED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Timeout(30), State.UNKNOWN),
        (NotConnected("x"), State.NOT_SENT),
        (BudgetExceeded(), State.REJECTED),
        (RuntimeError("x"), State.UNKNOWN),
    ],
    ids=repr,
)
async def test_fifty_callers_at_once_share_a_failure_too(
    memory_ledger: Ledger, error: Exception, state: State
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    states: list[State] = []

    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")

        async def call() -> None:
            states.append(settled(await guard.send(quote(), "k", **yes_to(question))).state)

        async with anyio.create_task_group() as callers:
            for _ in range(50):
                callers.start_soon(call)
    assert len(sendoso.orders) == 1
    assert states == [state] * 50


async def test_different_keys_are_different_orders(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        for key in ("a", "b", None):
            await send(guard, quote(), key)
    assert len(sendoso.orders) == 3


async def test_a_key_is_for_one_request_only(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    other = quote(request=replace(REQUEST, message="other words"))
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote(), "k")
        errors = [
            await error_of(guard.recall("k", other.request)),
            await error_of(guard.start(other.request, "k")),
            await error_of(guard.consider(other, "k")),
            await error_of(guard.send(other, "k")),
        ]
    for error in errors:
        assert isinstance(error, BadArgument)
        assert str(error).startswith("idempotency_key: ")
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("error", [*NOTHING_SENT, *DOUBTS], ids=repr)
async def test_a_key_stays_its_request_s_own_whatever_came_of_it(
    memory_ledger: Ledger, error: Exception
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote(), "k")
        told = await error_of(guard.recall("k", replace(REQUEST, message="other words")))
    assert isinstance(told, BadArgument)


async def test_one_person_s_key_is_nothing_to_another(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with (
        guarding(sendoso, memory_ledger) as ann,
        guarding(sendoso, memory_ledger, principal="bob") as bob,
    ):
        await send(ann, quote(), "k")
        assert await bob.recall("k", replace(REQUEST, message="other words")) is None
        await send(bob, quote(), "k")
    assert len(sendoso.orders) == 2


async def test_a_key_on_its_way_is_refused_to_another_request_without_waiting(memory_ledger: Ledger) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_order = held
    async with guarding(sendoso, memory_ledger) as guard, anyio.create_task_group() as calls:
        calls.start_soon(send, guard, quote(), "k")
        await held.arrived.wait()
        error = await error_of(guard.recall("k", replace(REQUEST, item_id="itm_2")))
        assert isinstance(error, BadArgument)
        held.go.set()


@pytest.mark.parametrize("error", NOTHING_SENT, ids=repr)
async def test_after_a_proven_non_send_the_key_is_free_again_and_the_new_try_follows_the_first(
    memory_ledger: Ledger, error: SendosoError
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    async with guarding(sendoso, memory_ledger) as guard:
        assert (await send(guard, quote(), "k")).proves_nothing_ordered
        assert await guard.recall("k", REQUEST) is None
        sendoso.before_order = at_once
        assert (await send(guard, quote(), "k")).state is State.CONFIRMED
    assert len(sendoso.orders) == 2
    first, second = dict.fromkeys(entry.intent_id for entry in memory_ledger.trail())
    last = list(memory_ledger.trail())[-1]
    assert last.intent_id == second
    assert last.record["intent"][0]["follows"] == first


@pytest.mark.parametrize("error", DOUBTS, ids=repr)
async def test_after_an_unknown_outcome_the_key_never_orders_again(
    memory_ledger: Ledger, error: Exception
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    async with guarding(sendoso, memory_ledger) as guard:
        first = await send(guard, quote(), "k")
        sendoso.before_order = at_once
        assert await send(guard, quote(), "k") == first == Settlement(State.UNKNOWN)
        assert await guard.recall("k", REQUEST) == first
        assert await guard.send(quote(), "k") == first
    assert len(sendoso.orders) == 1


async def test_nothing_is_recalled_of_a_key_that_was_never_used(memory_ledger: Ledger) -> None:
    async with guarding(MemorySendoso(), memory_ledger) as guard:
        assert await guard.recall("k", REQUEST) is None


async def test_nothing_is_recalled_of_a_key_whose_question_is_open(memory_ledger: Ledger) -> None:
    async with guarding(MemorySendoso(), memory_ledger) as guard:
        await asked(guard, quote(), "k")
        assert await guard.recall("k", REQUEST) is None


async def test_a_recall_waits_for_an_order_on_its_way(memory_ledger: Ledger) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_order = held
    recalled: list[Settlement | None] = []

    async def recall() -> None:
        recalled.append(await guard.recall("k", REQUEST))

    async with guarding(sendoso, memory_ledger) as guard, anyio.create_task_group() as calls:
        calls.start_soon(send, guard, quote(), "k")
        await held.arrived.wait()
        calls.start_soon(recall)
        await anyio.wait_all_tasks_blocked()
        assert recalled == []
        held.go.set()
    assert [settlement and settlement.state for settlement in recalled] == [State.CONFIRMED]


async def test_a_changed_price_is_no_other_request(memory_ledger: Ledger) -> None:
    """What Sendoso says of a gift is not the caller's: their key stays good, their repeat buys nothing."""
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        first = await send(guard, quote(), "k")
        assert await send(guard, quote(gift=item(price=30)), "k") == first
    assert len(sendoso.orders) == 1
