"""After a lost answer or a crash: what became of the order is looked for, and claimed only if certain."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from guard_kit import Held, MemorySendoso, at_once, guarding, raising, send
from ledger_kit import confirm, order, rows, settle, transaction, wish
from ledgers import ACCOUNT, Clock
from spending_kit import REQUEST, policy, quote

from sendoso_mcp.errors import LedgerUnavailable, ServerFault, Timeout
from sendoso_mcp.models import Page, Send
from sendoso_mcp.spending.dispatch import ORDER_TAKES
from sendoso_mcp.spending.ledger import Break, Intent, Ledger, State
from sendoso_mcp.spending.reconcile import LATE

pytestmark = pytest.mark.anyio


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """One whose clock is `Clock`, and ticks a little with every look at it."""
    ledger = Ledger("sqlite://", account=ACCOUNT, now=Ticking())
    yield ledger
    ledger.close()


class Ticking(Clock):
    def __call__(self) -> Any:
        self.go(milliseconds=1)
        return self.now


def clock_of(ledger: Ledger) -> Ticking:
    clock = ledger._now
    assert isinstance(clock, Ticking)
    return clock


@pytest.fixture
def sendoso(ledger: Ledger) -> MemorySendoso:
    """A Sendoso with the same clock."""
    return MemorySendoso(ledger.now)


async def lose(sendoso: MemorySendoso, ledger: Ledger, key: str = "k", *, arrives: bool = True) -> Intent:
    """An order whose answer was lost, and that could not be looked for since."""
    failing = raising(Timeout(30))
    sendoso.before_order, sendoso.after_order = (at_once, failing) if arrives else (failing, at_once)
    sendoso.before_list = raising(ServerFault(503))
    async with guarding(sendoso, ledger) as guard:
        assert (await send(guard, quote(), key)).state is State.UNKNOWN
    sendoso.before_order = sendoso.after_order = sendoso.before_list = at_once
    intent = ledger.with_key("ann", key, REQUEST.digest)
    assert intent is not None
    assert intent.state is State.UNKNOWN
    return intent


async def recovered(sendoso: MemorySendoso, ledger: Ledger, intent: Intent) -> Intent:
    async with guarding(sendoso, ledger) as guard:
        await guard.recover()
    return ledger.known(intent.id)


def time_is_up(ledger: Ledger) -> None:
    clock_of(ledger).now += ORDER_TAKES + LATE


async def test_a_lost_answer_is_looked_for_at_once(ledger: Ledger, sendoso: MemorySendoso) -> None:
    sendoso.after_order = raising(Timeout(30))
    sendoso.cost = Decimal("21.50")
    async with guarding(sendoso, ledger) as guard:
        settlement = await send(guard, quote(), "k")
    assert settlement.state is State.CONFIRMED
    assert settlement.send == Send(id="send_1", status="pending", cost=Decimal("21.50"))
    assert settlement.over == Decimal("1.50")
    assert len(sendoso.orders) == 1
    told = [(entry.to_state, entry.actor) for entry in ledger.trail()][-2:]
    assert told == [(State.UNKNOWN, "dispatch"), (State.CONFIRMED, "recovery")]


async def test_what_could_not_be_found_at_once_is_found_at_the_next_touch(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    await lose(sendoso, ledger)
    async with guarding(sendoso, ledger) as guard:
        found = await guard.recall("k", REQUEST)
    assert found is not None
    assert (found.state, found.send and found.send.id) == (State.CONFIRMED, "send_1")
    assert len(sendoso.orders) == 1


async def test_what_an_earlier_process_left_is_found_at_the_start(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    intent = await recovered(sendoso, ledger, await lose(sendoso, ledger))
    assert intent.state is State.CONFIRMED
    assert intent.attempt is not None
    assert intent.attempt.send_id == "send_1"
    assert not ledger.unsettled()
    assert not isinstance(ledger.verify(), Break)


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_order_of_a_process_that_is_gone_is_found_or_waits(
    ledger_directory: Path, arrived: bool
) -> None:
    """It was written down, and nothing more: it may have been given or not."""
    url, clock = f"sqlite:///{ledger_directory}/ledger.sqlite3", Ticking()
    gone, ledger = (Ledger(url, account=ACCOUNT, now=clock) for _ in range(2))
    sendoso = MemorySendoso(clock)
    intent = order(gone, wish(key="k"))
    if arrived:
        sendoso.made(intent.quote.order)
    assert (await recovered(sendoso, ledger, intent)).state is State.DISPATCHING
    gone.close()
    found = await recovered(sendoso, ledger, intent)
    assert found.state is (State.CONFIRMED if arrived else State.UNKNOWN)
    assert [entry.detail for entry in ledger.trail() if entry.to_state is State.UNKNOWN] == [
        {"reason": "process_gone"}
    ]
    if not arrived:
        clock.now += ORDER_TAKES + LATE
        found = await recovered(sendoso, ledger, intent)
        assert (found.state, found.reason) == (State.NEEDS_REVIEW, "not_found_at_sendoso")
    assert not sendoso.orders
    ledger.close()


async def test_an_order_that_hangs_is_looked_for_by_others_when_its_time_is_up(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    """Its own process may have the answer after all: then that is what became of it."""
    held = Held()
    sendoso.after_order = held
    async with guarding(sendoso, ledger) as guard, anyio.create_task_group() as calls:
        calls.start_soon(send, guard, quote(), "k")
        await held.arrived.wait()
        clock_of(ledger).now += ORDER_TAKES
        sendoso.before_list = raising(ServerFault(503))
        await guard.recover()
        (intent,) = ledger.unsettled()
        assert intent.state is State.UNKNOWN
        held.go.set()
    assert ledger.known(intent.id).state is State.CONFIRMED
    assert len(sendoso.orders) == 1


async def test_nobody_is_asked_to_review_before_the_gift_could_have_come(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    lost = await lose(sendoso, ledger, arrives=False)
    assert lost.attempt is not None
    clock_of(ledger).now = lost.attempt.ended_by + LATE - timedelta(milliseconds=100)
    assert (await recovered(sendoso, ledger, lost)).state is State.UNKNOWN
    clock_of(ledger).now = lost.attempt.ended_by + LATE
    intent = await recovered(sendoso, ledger, lost)
    assert (intent.state, intent.reason) == (State.NEEDS_REVIEW, "not_found_at_sendoso")
    assert rows(ledger, "SELECT DISTINCT kind FROM holds") == [("held",)]
    clock_of(ledger).go(days=30)
    length = ledger.position()
    assert await recovered(sendoso, ledger, lost) == intent
    assert ledger.position() == length


async def test_a_person_who_reviews_sees_what_it_could_be(ledger: Ledger, sendoso: MemorySendoso) -> None:
    lost = await lose(sendoso, ledger)
    sendoso.made(lost.quote.order)
    time_is_up(ledger)
    intent = await recovered(sendoso, ledger, lost)
    assert (intent.state, intent.reason) == (State.NEEDS_REVIEW, "could_be send_1 send_2")


async def test_no_other_intent_s_send_is_claimed(ledger: Ledger, sendoso: MemorySendoso) -> None:
    lost = await lose(sendoso, ledger, arrives=False)
    async with guarding(sendoso, ledger) as guard:
        sent = await send(guard, quote(), "other")
    assert sent.send is not None
    time_is_up(ledger)
    intent = await recovered(sendoso, ledger, lost)
    assert (intent.state, intent.reason) == (State.NEEDS_REVIEW, "not_found_at_sendoso")


async def test_of_two_that_could_have_made_a_send_neither_claims_it(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    first = await lose(sendoso, ledger, "a")
    second = await lose(sendoso, ledger, "b", arrives=False)
    time_is_up(ledger)
    for intent in (first, second):
        found = await recovered(sendoso, ledger, intent)
        assert (found.state, found.reason) == (State.NEEDS_REVIEW, "could_be send_1")


@pytest.mark.parametrize("other", [{"message": "other"}, {"crm_id": "003"}, {"recipient": {"id": "rcp_2"}}])
async def test_somebody_else_s_send_is_not_claimed(
    ledger: Ledger, sendoso: MemorySendoso, other: dict[str, Any]
) -> None:
    lost = await lose(sendoso, ledger, arrives=False)
    sendoso.made(lost.quote.order, **other)
    assert (await recovered(sendoso, ledger, lost)).state is State.UNKNOWN


async def test_a_list_that_cannot_be_read_decides_nothing(
    ledger: Ledger, sendoso: MemorySendoso, caplog: pytest.LogCaptureFixture
) -> None:
    lost = await lose(sendoso, ledger)
    time_is_up(ledger)
    sendoso.before_list = raising(ServerFault(500))
    assert await recovered(sendoso, ledger, lost) == lost
    assert f"intent {lost.id} cannot be looked up" in caplog.text


async def test_a_list_that_changed_while_it_was_read_decides_nothing(
    ledger: Ledger, sendoso: MemorySendoso, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = await lose(sendoso, ledger)
    time_is_up(ledger)
    real = sendoso.list_sends

    async def grown(**options: Any) -> Page[Send]:
        page = await real(**options)
        return page.model_copy(update={"total": (page.total or 0) + 1, "total_pages": 1})

    monkeypatch.setattr(sendoso, "list_sends", grown)
    assert await recovered(sendoso, ledger, lost) == lost
    monkeypatch.setattr(sendoso, "list_sends", real)
    assert (await recovered(sendoso, ledger, lost)).state is State.CONFIRMED


async def test_every_page_around_the_time_is_read(
    ledger: Ledger, sendoso: MemorySendoso, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(REQUEST, recipient_id="rcp_2")
    for _ in range(250):
        sendoso.made(quote(request=other).order, recipient={"id": "rcp_2"})
    lost = await lose(sendoso, ledger)
    asked = []
    real = sendoso.list_sends

    async def noted(**options: Any) -> Page[Send]:
        asked.append((options["page"], options["start"], options["end"]))
        return await real(**options)

    monkeypatch.setattr(sendoso, "list_sends", noted)
    intent = await recovered(sendoso, ledger, lost)
    assert intent.attempt is not None
    assert intent.attempt.send_id == "send_251"
    days = (date(2026, 11, 24), date(2026, 11, 26))
    assert asked == [(number, *days) for number in (1, 2, 3)]


async def test_two_recoveries_at_once_find_the_same_once(ledger: Ledger, sendoso: MemorySendoso) -> None:
    lost, other = await lose(sendoso, ledger), replace(REQUEST, recipient_id="rcp_2")
    confirm(ledger, order(ledger, wish(quote(request=other), key="x")))
    async with (
        guarding(sendoso, ledger) as one,
        guarding(sendoso, ledger) as two,
        anyio.create_task_group() as recoveries,
    ):
        for guard in (one, two, one, two):
            recoveries.start_soon(guard.recover)
    assert ledger.known(lost.id).state is State.CONFIRMED
    ways = [entry.to_state for entry in ledger.trail() if entry.intent_id == lost.id]
    assert ways.count(State.CONFIRMED) == 1


async def test_a_recovery_that_was_cut_off_is_made_again(ledger: Ledger, sendoso: MemorySendoso) -> None:
    lost, held = await lose(sendoso, ledger), Held()
    sendoso.before_list = held
    async with guarding(sendoso, ledger) as guard, anyio.create_task_group() as start:
        start.start_soon(guard.recover)
        await held.arrived.wait()
        start.cancel_scope.cancel()
    assert ledger.known(lost.id) == lost
    sendoso.before_list = at_once
    assert (await recovered(sendoso, ledger, lost)).state is State.CONFIRMED


async def test_one_intent_that_cannot_be_read_keeps_no_server_from_starting(
    ledger: Ledger, sendoso: MemorySendoso, caplog: pytest.LogCaptureFixture
) -> None:
    lost = await lose(sendoso, ledger)
    with transaction(ledger) as session:
        session.execute("UPDATE intents SET quote = '{}' WHERE id = ?", lost.id)
    async with guarding(sendoso, ledger) as guard:
        await guard.recover()
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    assert lost.id in caplog.text


async def test_an_order_that_cannot_even_be_listed_keeps_no_server_from_starting(
    ledger: Ledger, sendoso: MemorySendoso, caplog: pytest.LogCaptureFixture
) -> None:
    lost = await lose(sendoso, ledger)
    with transaction(ledger) as session:
        session.execute("UPDATE attempts SET begun_at = 'never' WHERE intent_id = ?", lost.id)
    async with guarding(sendoso, ledger) as guard:
        await guard.recover()
    assert "one of its rows cannot be read" in caplog.text
    with pytest.raises(LedgerUnavailable, match="sendoso-mcp doctor"):
        ledger.unsettled()


MARKING = policy(reconcile={"mark_in_crm_id": True})


async def test_an_order_carries_a_mark_if_policy_lets_it_and_the_caller_left_the_place_free(
    ledger: Ledger, sendoso: MemorySendoso
) -> None:
    for crm_id, rules in ((None, MARKING), ("003", MARKING), (None, policy()), ("003", policy())):
        to = quote(request=replace(REQUEST, crm_id=crm_id))
        async with guarding(sendoso, ledger, policy=rules) as guard:
            await send(guard, to)
    marked, own, plain, also_own = (given.crm_id for given in sendoso.orders)
    assert marked is not None
    assert marked.startswith("gift-")
    assert (own, plain, also_own) == ("003", None, "003")
    marks = rows(ledger, "SELECT mark FROM attempts WHERE mark IS NOT NULL")
    assert marks == [(marked,)]


async def test_a_mark_tells_our_send_from_its_look_alikes(ledger: Ledger, sendoso: MemorySendoso) -> None:
    sendoso.after_order = raising(Timeout(30))
    sendoso.made(quote().order, created_at=ledger.now())
    async with guarding(sendoso, ledger, policy=MARKING) as guard:
        settlement = await send(guard, quote(), "k")
    assert (settlement.state, settlement.send and settlement.send.id) == (State.CONFIRMED, "send_2")


@pytest.mark.parametrize("state", [State.NOT_SENT, State.REJECTED])
async def test_what_is_settled_is_not_looked_for(
    ledger: Ledger, sendoso: MemorySendoso, state: State
) -> None:
    settled = settle(ledger, order(ledger), state)
    sendoso.made(settled.quote.order)
    sendoso.before_list = raising(AssertionError("was asked"))
    assert await recovered(sendoso, ledger, settled) == settled
