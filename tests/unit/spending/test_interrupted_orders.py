"""Callers that go away, and servers that shut down, while an order or a cancel is on its way."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from guard_kit import Held, MemorySendoso, asked, guard_of, guarding, raising, send, yes_to
from spending_kit import REQUEST, error_of, quote

from sendoso_mcp.errors import Conflict
from sendoso_mcp.spending.ledger import UNSETTLED, Ledger, State

pytestmark = pytest.mark.anyio


async def test_a_caller_that_is_cancelled_does_not_take_its_order_along(memory_ledger: Ledger) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_order = held
    async with guarding(sendoso, memory_ledger) as guard:
        async with anyio.create_task_group() as request:
            request.start_soon(send, guard, quote(), "k")
            await held.arrived.wait()
            request.cancel_scope.cancel()
        assert len(sendoso.orders) == 1
        assert sendoso.answered == 0
        held.go.set()
        settlement = await guard.recall("k", REQUEST)
    assert settlement is not None
    assert settlement.state is State.CONFIRMED
    assert sendoso.answered == 1


@pytest.mark.parametrize("cancelled", [False, True])
async def test_shutting_down_waits_for_an_order_on_its_way(memory_ledger: Ledger, cancelled: bool) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_order = held

    async def answer_late() -> None:
        await anyio.wait_all_tasks_blocked()
        assert sendoso.answered == 0
        held.go.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as outer:
            async with anyio.create_task_group() as tasks:
                guard = guard_of(sendoso, tasks, memory_ledger)
                async with anyio.create_task_group() as request:
                    request.start_soon(send, guard, quote())
                    await held.arrived.wait()
                    request.cancel_scope.cancel()
                outer.start_soon(answer_late)
                if cancelled:
                    tasks.cancel_scope.cancel()
            assert sendoso.answered == 1
    assert not memory_ledger.unsettled()


@pytest.mark.parametrize("turns", range(6))
async def test_an_order_that_just_began_is_made_even_if_everything_is_cancelled_at_once(
    memory_ledger: Ledger, turns: int
) -> None:
    sendoso = MemorySendoso()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks, memory_ledger)
            question = await asked(guard, quote(), "k")

            async def call() -> None:
                await guard.send(quote(), "k", **yes_to(question))

            tasks.start_soon(call)
            for _ in range(turns):
                await checkpoint()
            tasks.cancel_scope.cancel()
    # Either it never began or it was brought to its end; it is never cut off in the middle.
    assert sendoso.answered == len(sendoso.orders)
    assert memory_ledger.known(question.id).state not in UNSETTLED


async def test_a_cancel_goes_on_when_its_caller_does_not(memory_ledger: Ledger) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_cancel = held
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote())
        async with anyio.create_task_group() as caller:
            caller.start_soon(guard.cancel, "send_1")
            await held.arrived.wait()
            caller.cancel_scope.cancel()
        held.go.set()
    assert sendoso.cancelled == ["send_1"]
    assert list(memory_ledger.trail())[-1].to_state is State.CANCELLED


async def test_what_a_cancel_ends_with_is_told(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    sendoso.before_cancel = raising(Conflict())
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote())
        assert isinstance(await error_of(guard.cancel("send_1")), Conflict)
    assert list(memory_ledger.trail())[-1].to_state is State.CONFIRMED


async def test_a_cancel_goes_on_when_everything_is_cancelled(memory_ledger: Ledger) -> None:
    sendoso, held = MemorySendoso(), Held()
    sendoso.before_cancel = held
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(guard_of(sendoso, tasks, memory_ledger).cancel, "send_1")
        await held.arrived.wait()
        tasks.cancel_scope.cancel()
        held.go.set()
    assert sendoso.cancelled == ["send_1"]
    assert list(memory_ledger.trail())[-1].to_state is State.CANCELLED
