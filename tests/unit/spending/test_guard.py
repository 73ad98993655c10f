from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import anyio.abc
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from spending_kit import REQUEST, MemorySendoso, budget, error_of, guard_of, item, quote, raising, yes

from sendoso_mcp.errors import (
    BadArgument,
    BadCredentials,
    BudgetExceeded,
    Conflict,
    InvalidRequest,
    NotConnected,
    NotFound,
    RateLimited,
    SendosoError,
    ServerFault,
    SettingsError,
    Timeout,
    Unauthorized,
    UnreadableAnswer,
    ValidationFailed,
)
from sendoso_mcp.models import Send
from sendoso_mcp.spending.guard import Settlement, State
from sendoso_mcp.spending.quote import Quote

pytestmark = pytest.mark.anyio

REJECTIONS = (
    InvalidRequest(["item_id"]),
    Unauthorized(401),
    Unauthorized(403),
    BudgetExceeded(),
    NotFound(),
    ValidationFailed(),
    RateLimited(3),
)
# What is known before a byte could leave.
NOT_SENT = (NotConnected("sendoso.test"), BadCredentials("The key cannot be one."), SettingsError("x"))
DOUBTS = (Timeout(30), ServerFault(500), ServerFault(418), UnreadableAnswer("HTML"))
DEFECTS = (
    RuntimeError("boom"),
    OverflowError("date"),
    ValueError("x"),
    KeyError("id"),
    ExceptionGroup("g", [OSError()]),
)


def until(answer: anyio.Event) -> Callable[[], Awaitable[None]]:
    """Sendoso takes its time; not for ever, since an order on its way cannot be cancelled."""

    async def wait() -> None:
        with anyio.fail_after(2):
            await answer.wait()

    return wait


async def dispatch(sendoso: MemorySendoso, to: Quote | None = None, key: str | None = None) -> Settlement:
    to = to or quote()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks)
            settlement = await guard.send(to, yes(guard, to, key), key)
    return settlement


async def test_a_confirmed_order_is_one_order_of_what_was_quoted() -> None:
    sendoso = MemorySendoso()
    to = quote(request=replace(REQUEST, message="Hi"))
    settlement = await dispatch(sendoso, to)
    assert settlement == Settlement(State.CONFIRMED, send=Send(id="send_1", status="pending"))
    assert sendoso.orders == [to.order]
    assert not settlement.proves_nothing_ordered


@pytest.mark.parametrize("error", REJECTIONS, ids=repr)
async def test_an_explicit_refusal_is_rejected_after_one_order(error: SendosoError) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, key="k")
    assert settlement == Settlement(State.REJECTED, error=error)
    assert settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("error", NOT_SENT, ids=repr)
async def test_an_order_that_never_left_is_not_sent(error: SendosoError) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, key="k")
    assert settlement == Settlement(State.NOT_SENT, error=error)
    assert settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("error", [*DOUBTS, *DEFECTS], ids=repr)
async def test_whatever_else_comes_back_is_unknown_after_one_order(error: Exception) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, key="k")
    assert settlement.state is State.UNKNOWN
    assert settlement.send is None
    assert not settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("error", DEFECTS, ids=repr)
async def test_a_defect_is_logged_and_does_not_bring_the_server_down(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    await dispatch(sendoso)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_every_settled_dispatch_is_logged_without_what_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await dispatch(MemorySendoso(), quote(request=replace(REQUEST, message="secret words")), key="key-1")
    assert "confirmed" in caplog.text
    assert "secret words" not in caplog.text
    assert "ann@acme.test" not in caplog.text


@pytest.mark.parametrize(
    ("approved", "sent"),
    [
        (quote(), quote(gift=item(price="20.01"))),
        (quote(), quote(gift=item(name="Bowl"))),
        (quote(), quote(request=replace(REQUEST, recipient_id="rcp_2"))),
        (quote(), quote(request=replace(REQUEST, message="other"))),
    ],
)
async def test_a_yes_to_something_else_orders_nothing(approved: Quote, sent: Quote) -> None:
    sendoso = MemorySendoso()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        error = await error_of(guard.send(sent, yes(guard, approved, "k"), "k"))
    assert type(error) is ValueError
    assert not sendoso.orders


@pytest.mark.parametrize(
    "denied",
    [
        quote(left=budget(19.99)),
        quote(left=budget(None)),
        quote(gift=item(price=None)),
        quote(gift=item(available=False)),
    ],
)
async def test_what_policy_denies_is_not_ordered_even_with_a_yes(denied: Quote) -> None:
    sendoso = MemorySendoso()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        error = await error_of(guard.send(denied, yes(guard, denied, "k"), "k"))
    assert type(error) is ValueError
    assert not sendoso.orders


async def test_the_same_key_twice_is_one_order_and_one_settlement() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        first = await guard.send(to, yes(guard, to, "k"), "k")
        again = quote()
        assert await guard.send(again, yes(guard, again, "k"), "k") is first
        assert await guard.recall("k", REQUEST) is first
    assert len(sendoso.orders) == 1


async def test_the_same_key_from_fifty_callers_at_once_is_one_order() -> None:
    sendoso, to = MemorySendoso(), quote()
    settlements: list[Settlement] = []

    async def call() -> None:
        settlements.append(await guard.send(to, yes(guard, to, "k"), "k"))

    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        sendoso.before_order = wait_all_tasks_blocked
        async with anyio.create_task_group() as callers:
            for _ in range(50):
                callers.start_soon(call)
    assert len(sendoso.orders) == 1
    assert len(settlements) == 50
    assert all(settlement is settlements[0] for settlement in settlements)
    assert settlements[0].state is State.CONFIRMED


@pytest.mark.parametrize(
    "error", [Timeout(30), NotConnected("x"), BudgetExceeded(), RuntimeError("x")], ids=repr
)
async def test_fifty_callers_at_once_share_a_failure_too(error: Exception) -> None:
    sendoso, to = MemorySendoso(), quote()
    settlements: list[Settlement] = []

    async def fail() -> None:
        await wait_all_tasks_blocked()
        raise error

    async def call() -> None:
        settlements.append(await guard.send(to, yes(guard, to, "k"), "k"))

    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        sendoso.before_order = fail
        async with anyio.create_task_group() as callers:
            for _ in range(50):
                callers.start_soon(call)
    assert len(sendoso.orders) == 1
    assert len(set(map(id, settlements))) == 1


async def test_different_keys_are_different_orders() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        for key in ("a", "b", None):
            await guard.send(to, yes(guard, to, key), key)
    assert len(sendoso.orders) == 3


async def test_a_key_is_for_one_request_only() -> None:
    sendoso, to = MemorySendoso(), quote()
    other = quote(request=replace(REQUEST, message="other words"))
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        await guard.send(to, yes(guard, to, "k"), "k")
        errors = [
            await error_of(guard.send(other, yes(guard, other, "k"), "k")),
            await error_of(guard.recall("k", other.request)),
        ]
    for error in errors:
        assert isinstance(error, BadArgument)
        assert str(error).startswith("idempotency_key: ")
    assert len(sendoso.orders) == 1


async def test_a_key_on_its_way_is_refused_to_another_request_without_waiting() -> None:
    sendoso, to = MemorySendoso(), quote()
    other = quote(request=replace(REQUEST, item_id="itm_2"))
    answer = anyio.Event()
    sendoso.before_order = until(answer)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks)
            tasks.start_soon(guard.send, to, yes(guard, to, "k"), "k")
            await wait_all_tasks_blocked()
            error = await error_of(guard.recall("k", other.request))
            answer.set()
    assert isinstance(error, BadArgument)


@pytest.mark.parametrize("error", [*NOT_SENT, *REJECTIONS], ids=repr)
async def test_after_a_proven_non_send_the_key_is_free_again(error: Exception) -> None:
    sendoso, to = MemorySendoso(), quote()
    sendoso.before_order = raising(error)
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        assert (await guard.send(to, yes(guard, to, "k"), "k")).proves_nothing_ordered
        assert await guard.recall("k", to.request) is None
        sendoso.before_order = checkpoint
        assert (await guard.send(to, yes(guard, to, "k"), "k")).state is State.CONFIRMED
    assert len(sendoso.orders) == 2


@pytest.mark.parametrize("error", [*DOUBTS, *DEFECTS], ids=repr)
async def test_after_an_unknown_outcome_the_key_never_orders_again(error: Exception) -> None:
    sendoso, to = MemorySendoso(), quote()
    sendoso.before_order = raising(error)
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        first = await guard.send(to, yes(guard, to, "k"), "k")
        sendoso.before_order = checkpoint
        assert await guard.send(to, yes(guard, to, "k"), "k") is first
        assert await guard.recall("k", to.request) is first
    assert len(sendoso.orders) == 1


async def test_nothing_is_recalled_of_a_key_that_was_never_used() -> None:
    async with anyio.create_task_group() as tasks:
        assert await guard_of(MemorySendoso(), tasks).recall("k", REQUEST) is None


async def test_a_recall_waits_for_an_order_on_its_way() -> None:
    sendoso, to = MemorySendoso(), quote()
    answer = anyio.Event()
    sendoso.before_order = until(answer)
    recalled: list[Settlement | None] = []

    async def recall() -> None:
        recalled.append(await guard.recall("k", to.request))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks)
            tasks.start_soon(guard.send, to, yes(guard, to, "k"), "k")
            await wait_all_tasks_blocked()
            tasks.start_soon(recall)
            await wait_all_tasks_blocked()
            assert recalled == []
            answer.set()
    assert [settlement and settlement.state for settlement in recalled] == [State.CONFIRMED]


async def test_a_caller_that_is_cancelled_does_not_take_its_order_along() -> None:
    sendoso, to = MemorySendoso(), quote()
    answer = anyio.Event()
    sendoso.before_order = until(answer)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks)
            async with anyio.create_task_group() as request:
                request.start_soon(guard.send, to, yes(guard, to, "k"), "k")
                await wait_all_tasks_blocked()
                request.cancel_scope.cancel()
            assert len(sendoso.orders) == 1
            assert sendoso.answered == 0
            answer.set()
            settlement = await guard.recall("k", to.request)
    assert settlement is not None
    assert settlement.state is State.CONFIRMED
    assert sendoso.answered == 1


@pytest.mark.parametrize("cancelled", [False, True])
async def test_shutting_down_waits_for_an_order_on_its_way(cancelled: bool) -> None:
    sendoso, to = MemorySendoso(), quote()
    answer = anyio.Event()
    sendoso.before_order = until(answer)

    async def answer_late() -> None:
        await wait_all_tasks_blocked()
        assert sendoso.answered == 0
        answer.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as outer:
            async with anyio.create_task_group() as tasks:
                guard = guard_of(sendoso, tasks)
                async with anyio.create_task_group() as request:
                    request.start_soon(guard.send, to, yes(guard, to, None), None)
                    await wait_all_tasks_blocked()
                    request.cancel_scope.cancel()
                outer.start_soon(answer_late)
                if cancelled:
                    tasks.cancel_scope.cancel()
            assert sendoso.answered == 1


async def test_an_order_that_just_began_is_made_even_if_everything_is_cancelled_at_once() -> None:
    sendoso, to = MemorySendoso(), quote()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            guard = guard_of(sendoso, tasks)

            async def send() -> None:
                await guard.send(to, yes(guard, to, "k"), "k")

            tasks.start_soon(send)
            await checkpoint()
            tasks.cancel_scope.cancel()
    # Either it never began or it was brought to its end; it is never cut off in the middle.
    assert sendoso.answered == len(sendoso.orders)


async def test_a_quote_holds_what_was_asked_for_and_what_was_found() -> None:
    sendoso = MemorySendoso()
    request = replace(REQUEST, recipient_id="rcp_9", item_id="itm_9", message="Hi", crm_id="003")
    async with anyio.create_task_group() as tasks:
        found = await guard_of(sendoso, tasks).quote(request)
    assert found.request is request
    assert found.order.item == sendoso.item.model_copy(update={"id": "itm_9"})
    assert found.order.recipient == sendoso.recipient.model_copy(update={"id": "rcp_9"})
    assert (found.order.message, found.order.crm_id) == ("Hi", "003")
    assert found.budget is sendoso.budget
    assert not sendoso.orders


async def test_gift_person_and_budget_are_looked_up_at_the_same_time() -> None:
    sendoso = MemorySendoso()
    running, all_three = 0, anyio.Event()

    async def wait_for_all() -> None:
        nonlocal running
        running += 1
        if running == 3:
            all_three.set()
        await all_three.wait()

    sendoso.before_read = wait_for_all
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await guard_of(sendoso, tasks).quote(REQUEST)
    assert running == 3


@pytest.mark.parametrize("error", [NotFound("recipient rcp_1"), Timeout(25), BadArgument("x")], ids=repr)
async def test_a_lookup_that_fails_is_one_plain_error(error: Exception) -> None:
    sendoso = MemorySendoso()
    sendoso.before_read = raising(error)
    async with anyio.create_task_group() as tasks:
        told = await error_of(guard_of(sendoso, tasks).quote(REQUEST))
    assert told is error


async def test_of_several_failed_lookups_the_one_that_the_caller_can_mend_is_told() -> None:
    sendoso = MemorySendoso()
    errors = [Timeout(25), BadArgument("item_id: there is no gift"), NotFound("recipient")]
    all_three = anyio.Event()

    async def fail_together() -> None:
        error = errors.pop(0)
        if not errors:
            all_three.set()
        await all_three.wait()
        raise error

    sendoso.before_read = fail_together
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            told = await error_of(guard_of(sendoso, tasks).quote(REQUEST))
    assert isinstance(told, BadArgument)


async def test_a_cancel_goes_on_when_its_caller_does_not() -> None:
    sendoso = MemorySendoso()
    asked, may_go = anyio.Event(), anyio.Event()

    async def wait() -> None:
        asked.set()
        await may_go.wait()

    sendoso.before_cancel = wait
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        async with anyio.create_task_group() as caller:
            caller.start_soon(guard.cancel, "send_1")
            await asked.wait()
            caller.cancel_scope.cancel()
        may_go.set()
    assert sendoso.cancelled == ["send_1"]


async def test_what_a_cancel_ends_with_is_told() -> None:
    sendoso = MemorySendoso()
    sendoso.before_cancel = raising(Conflict())
    async with anyio.create_task_group() as tasks:
        assert isinstance(await error_of(guard_of(sendoso, tasks).cancel("send_1")), Conflict)


async def test_a_cancel_goes_on_when_everything_is_cancelled() -> None:
    sendoso = MemorySendoso()
    asked, may_go = anyio.Event(), anyio.Event()

    async def wait() -> None:
        asked.set()
        await may_go.wait()

    sendoso.before_cancel = wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(guard_of(sendoso, tasks).cancel, "send_1")
        await asked.wait()
        tasks.cancel_scope.cancel()
        may_go.set()
    assert sendoso.cancelled == ["send_1"]
