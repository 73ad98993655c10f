"""What an order ends as, and what its ledger says then."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal

import pytest
from guard_kit import MemorySendoso, asked, guarding, raising, refused, send, yes_to
from spending_kit import REQUEST, budget, item, quote

from sendoso_mcp.errors import (
    BadCredentials,
    BudgetExceeded,
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
from sendoso_mcp.spending.ledger import Ledger, State, Wish
from sendoso_mcp.spending.limits import month_bucket
from sendoso_mcp.spending.quote import Quote
from sendoso_mcp.spending.settlement import Settlement

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


async def dispatch(
    sendoso: MemorySendoso, ledger: Ledger, to: Quote | None = None, key: str | None = None
) -> Settlement:
    async with guarding(sendoso, ledger) as guard:
        return await send(guard, to or quote(), key)


def spent(ledger: Ledger) -> int:
    """What stands against this month, in cents."""
    month = month_bucket(ledger.now())
    return ledger.used([month]).of(month)


async def test_a_confirmed_order_is_one_order_of_what_was_quoted(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    sendoso.cost = Decimal("19.50")
    to = quote(request=replace(REQUEST, message="Hi"))
    settlement = await dispatch(sendoso, memory_ledger, to)
    sent = Send(id="send_1", status="pending", cost=Decimal("19.50"))
    assert settlement == Settlement(State.CONFIRMED, send=sent)
    assert sendoso.orders == [to.order]
    assert not settlement.proves_nothing_ordered
    assert spent(memory_ledger) == 1950


async def test_a_gift_whose_cost_is_not_told_costs_what_was_held_for_it(memory_ledger: Ledger) -> None:
    settlement = await dispatch(MemorySendoso(), memory_ledger)
    assert settlement.send == Send(id="send_1", status="pending", cost=Decimal("20.00"))
    assert spent(memory_ledger) == 2000


@pytest.mark.parametrize("error", REJECTIONS, ids=repr)
async def test_an_explicit_refusal_is_rejected_after_one_order(
    memory_ledger: Ledger, error: SendosoError
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, memory_ledger, key="k")
    assert settlement == Settlement(State.REJECTED, error=error)
    assert settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1
    assert spent(memory_ledger) == 0


@pytest.mark.parametrize("error", NOT_SENT, ids=repr)
async def test_an_order_that_never_left_is_not_sent(memory_ledger: Ledger, error: SendosoError) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, memory_ledger, key="k")
    assert settlement == Settlement(State.NOT_SENT, error=error)
    assert settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1
    assert spent(memory_ledger) == 0


@pytest.mark.parametrize("error", [*DOUBTS, *DEFECTS], ids=repr)
async def test_whatever_else_comes_back_is_unknown_after_one_order_and_its_money_stays_held(
    memory_ledger: Ledger, error: Exception
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    settlement = await dispatch(sendoso, memory_ledger, key="k")
    assert settlement.state is State.UNKNOWN
    assert settlement.send is None
    assert not settlement.proves_nothing_ordered
    assert len(sendoso.orders) == 1
    assert spent(memory_ledger) == 2000


@pytest.mark.parametrize("error", DEFECTS, ids=repr)
async def test_a_defect_is_logged_and_does_not_bring_the_server_down(
    memory_ledger: Ledger, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sendoso = MemorySendoso()
    sendoso.before_order = raising(error)
    await dispatch(sendoso, memory_ledger)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_every_settled_dispatch_is_logged_without_what_was_sent(
    memory_ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    to = quote(request=replace(REQUEST, message="secret words"))
    await dispatch(MemorySendoso(), memory_ledger, to, key="key-1")
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
@pytest.mark.parametrize("key", [None, "k"])
async def test_a_yes_to_something_else_orders_nothing_and_is_used_up(
    memory_ledger: Ledger, approved: Quote, sent: Quote, key: str | None
) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, approved, key)
        assert refused(await guard.send(sent, key, **yes_to(question))).stale
        # Nor does it buy what it was given to, once nobody thinks of it any more.
        again = await guard.send(approved, key, **yes_to(question))
        assert again == Settlement(State.EXPIRED)
    assert not sendoso.orders
    assert spent(memory_ledger) == 0


@pytest.mark.parametrize(
    "denied",
    [
        quote(left=budget(19.99)),
        quote(left=budget(None)),
        quote(gift=item(price=None)),
        quote(gift=item(available=False)),
    ],
    ids=["budget", "no budget known", "no price", "not available"],
)
async def test_what_policy_denies_is_not_ordered_even_with_a_yes(
    memory_ledger: Ledger, denied: Quote
) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        wish = Wish(denied, guard.policy, "ann", "k")
        question = memory_ledger.ask(wish, memory_ledger.judge(wish))
        refusal = refused(await guard.send(denied, "k", **yes_to(question)))
        assert refusal.verdict.effect == "deny"
        assert not refusal.stale
    assert not sendoso.orders
    intent = memory_ledger.known(question.id)
    assert intent.state is State.DENIED
    assert intent.reason == " ".join(reason.code for reason in refusal.verdict.deciding)


async def test_a_denial_is_written_down_with_its_reasons(memory_ledger: Ledger) -> None:
    denied = quote(left=budget(10))
    async with guarding(MemorySendoso(), memory_ledger) as guard:
        considered = await guard.consider(denied, "k")
        assert (considered.verdict.effect, considered.question, considered.earlier) == ("deny", None, None)
        assert await guard.recall("k", denied.request) is None
    last = list(memory_ledger.trail())[-1]
    assert (last.to_state, last.actor) == (State.DENIED, "ann")
    assert last.detail["reasons"] == ["over_team_budget", "person_must_approve"]
