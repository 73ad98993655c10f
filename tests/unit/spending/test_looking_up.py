"""What a quote is made of."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from guard_kit import MemorySendoso, at_once, guarding, raising, send
from spending_kit import REQUEST, error_of, quote

from sendoso_mcp.errors import BadArgument, NotFound, Timeout
from sendoso_mcp.spending.ledger import Ledger

pytestmark = pytest.mark.anyio


async def test_a_quote_holds_what_was_asked_for_and_what_was_found(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    request = replace(REQUEST, recipient_id="rcp_9", item_id="itm_9", message="Hi", crm_id="003")
    async with guarding(sendoso, memory_ledger) as guard:
        found = await guard.quote(request)
    assert found.request is request
    assert found.order.item == sendoso.item.model_copy(update={"id": "itm_9"})
    assert found.order.recipient == sendoso.recipient.model_copy(update={"id": "rcp_9"})
    assert (found.order.message, found.order.crm_id) == ("Hi", "003")
    assert found.budget is sendoso.budget
    assert not sendoso.orders


async def test_gift_person_and_budget_are_looked_up_at_the_same_time(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    running, all_three = 0, anyio.Event()

    async def wait_for_all() -> None:
        nonlocal running
        running += 1
        if running == 3:
            all_three.set()
        await all_three.wait()

    sendoso.before_read = wait_for_all
    async with guarding(sendoso, memory_ledger) as guard:
        await guard.quote(REQUEST)
    assert running == 3


async def test_a_gift_is_judged_by_no_budget_that_was_read_to_be_shown(memory_ledger: Ledger) -> None:
    """That one may come over a kept connection, and be what a faulty server said once too often."""
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        await guard.budget()
        await guard.quote(REQUEST)
    assert sendoso.budgets_to_show == [True, False]


async def test_a_quote_knows_where_the_ledger_stood_before_the_budget_was_read(memory_ledger: Ledger) -> None:
    """What is settled while Sendoso answers may be in its answer or not: it is taken not to be."""
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        first = await guard.quote(REQUEST)
        await send(guard, quote())
        before = memory_ledger.position()

        async def meanwhile() -> None:
            sendoso.before_read = at_once
            await send(guard, quote())

        sendoso.before_read = meanwhile
        found = await guard.quote(REQUEST)
    assert first.position == 0
    assert found.position == before
    assert memory_ledger.position() > before


@pytest.mark.parametrize("error", [NotFound("recipient rcp_1"), Timeout(25), BadArgument("x")], ids=repr)
async def test_a_lookup_that_fails_is_one_plain_error(memory_ledger: Ledger, error: Exception) -> None:
    sendoso = MemorySendoso()
    sendoso.before_read = raising(error)
    async with guarding(sendoso, memory_ledger) as guard:
        assert await error_of(guard.quote(REQUEST)) is error


async def test_of_several_failed_lookups_the_one_that_the_caller_can_mend_is_told(
    memory_ledger: Ledger,
) -> None:
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
    async with guarding(sendoso, memory_ledger) as guard:
        assert isinstance(await error_of(guard.quote(REQUEST)), BadArgument)
