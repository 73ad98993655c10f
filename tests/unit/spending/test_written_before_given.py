"""An order is in the ledger before its first byte leaves; and what the ledger cannot hold is not ordered."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from guard_kit import MemorySendoso, asked, at_once, guarding, raising, send, settled, yes_to
from ledger_kit import Fragile, rows
from ledgers import ACCOUNT
from spending_kit import REQUEST, error_of, quote

from sendoso_mcp.errors import LedgerUnavailable, NotConnected, Timeout
from sendoso_mcp.models import Send
from sendoso_mcp.spending import dispatch
from sendoso_mcp.spending.ledger import Break, Ledger, State
from sendoso_mcp.spending.limits import TEAM, Bucket

pytestmark = pytest.mark.anyio


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What happens in the next pauses between tries, none of which takes any time."""
    steps: list[Callable[[], None]] = []

    async def pause(seconds: float) -> None:
        await at_once()
        if steps:
            steps.pop(0)()

    monkeypatch.setattr(anyio, "sleep", pause)
    return steps


async def test_an_order_is_durable_before_it_is_given(shared_url: str) -> None:
    """A second connection to the database sees it, and its money, while Sendoso is being asked."""
    ledger, other = (Ledger(shared_url, account=ACCOUNT) for _ in range(2))
    sendoso = MemorySendoso()
    seen = []

    async def look() -> None:
        (intent,) = await anyio.to_thread.run_sync(other.unsettled)
        held = await anyio.to_thread.run_sync(other.used, [Bucket(TEAM, unseen_at=0)])
        approvals = await anyio.to_thread.run_sync(rows, other, "SELECT intent_id FROM approvals")
        seen.append((intent.state, held.of(Bucket(TEAM)), approvals == [(intent.id,)]))
        assert intent.attempt is not None
        assert not await anyio.to_thread.run_sync(other.orphaned, intent)

    sendoso.before_order = look
    async with guarding(sendoso, ledger) as guard:
        assert (await send(guard, quote())).state is State.CONFIRMED
    assert seen == [(State.DISPATCHING, 2000, True)]
    assert not isinstance(other.verify(), Break)
    for each in (ledger, other):
        each.close()


@pytest.mark.parametrize("key", [None, "k"])
async def test_what_cannot_be_written_down_is_not_ordered(
    memory_ledger: Ledger, pauses: list[Callable[[], None]], key: str | None
) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), key)
        database.gone = True
        error = await error_of(guard.send(quote(), key, **yes_to(question)))
        assert isinstance(error, LedgerUnavailable)
        assert "nothing is ordered without it" in str(error)
        assert isinstance(await error_of(guard.quote(REQUEST)), LedgerUnavailable)
        assert not sendoso.orders
        database.gone = False
        # The yes was to this gift, and it was not used: it is still good.
        assert settled(await guard.send(quote(), key, **yes_to(question))).state is State.CONFIRMED
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_an_order_whose_commit_was_not_answered_is_given_once(memory_ledger: Ledger, lost: str) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")
        database.lose = [lost]
        assert settled(await guard.send(quote(), "k", **yes_to(question))).state is State.CONFIRMED
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize("last", ["before", "after"])
async def test_an_order_that_may_be_written_down_and_may_not_is_not_given_and_its_key_is_free_again(
    memory_ledger: Ledger, last: str
) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")
        database.lose = [last, last]
        assert isinstance(await error_of(guard.send(quote(), "k", **yes_to(question))), LedgerUnavailable)
    # The process that would have given it is still there to say that it never did.
    intent = memory_ledger.known(question.id)
    assert intent.state is (State.NOT_SENT if last == "after" else State.AWAITING_APPROVAL)
    assert not memory_ledger.unsettled()
    assert not sendoso.orders
    async with guarding(sendoso, memory_ledger) as guard:
        assert (await send(guard, quote(), "k")).state is State.CONFIRMED
    assert len(sendoso.orders) == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, State.CONFIRMED), (NotConnected("x"), State.NOT_SENT), (Timeout(30), State.UNKNOWN)],
    ids=repr,
)
async def test_a_ledger_that_goes_away_under_an_order_gets_its_outcome_later(
    memory_ledger: Ledger, pauses: list[Callable[[], None]], error: Exception | None, state: State
) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)

    async def gone() -> None:
        database.gone = True
        if error is not None:
            raise error

    def back() -> None:
        database.gone = False

    sendoso.before_order = gone
    pauses += [lambda: None, back]
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")
        settlement = settled(await guard.send(quote(), "k", **yes_to(question)))
        # What is told is what Sendoso said, whether it is written down or not.
        assert (settlement.state, settlement.error) == (
            state,
            None if isinstance(error, Timeout) else error,
        )
        assert settlement.send == (Send.model_validate(sendoso.sends[0]) if error is None else None)
    assert memory_ledger.known(question.id).state is state
    assert not pauses
    assert not isinstance(memory_ledger.verify(), Break)
    assert len(sendoso.orders) == 1


async def test_an_outcome_that_can_never_be_written_down_is_given_up_and_said_in_the_log(
    memory_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "_WRITE_FOR", 0.01)
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)

    async def gone() -> None:
        database.gone = True

    sendoso.before_order = gone
    async with guarding(sendoso, memory_ledger) as guard:
        assert (await send(guard, quote(), "k")).state is State.CONFIRMED
    database.gone = False
    assert "never written down" in caplog.text
    # Its money stays held until recovery finds the send.
    (intent,) = memory_ledger.unsettled()
    assert intent.state is State.DISPATCHING


async def test_a_repeat_waits_until_the_outcome_is_written_down(
    memory_ledger: Ledger, pauses: list[Callable[[], None]]
) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)

    async def gone() -> None:
        database.gone = True

    sendoso.before_order = gone
    async with guarding(sendoso, memory_ledger) as guard:
        first = await send(guard, quote(), "k")
        assert isinstance(await error_of(guard.recall("k", REQUEST)), LedgerUnavailable)
        database.gone = False
        again = await guard.recall("k", REQUEST)
    assert again is not None
    assert again.send is not None
    assert first.send is not None
    assert again.send.id == first.send.id
    assert len(sendoso.orders) == 1


async def test_a_cancel_that_cannot_be_written_down_is_no_failure(memory_ledger: Ledger) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)
    async with guarding(sendoso, memory_ledger) as guard:
        await send(guard, quote())
        database.gone = True
        await guard.cancel("send_1")
        database.gone = False
        assert sendoso.cancelled == ["send_1"]
        assert list(memory_ledger.trail())[-1].to_state is State.CONFIRMED
        # The next call about this send sees at Sendoso that it is cancelled, and writes it down.
        await guard.cancelled("send_1")
    assert list(memory_ledger.trail())[-1].to_state is State.CANCELLED


async def test_a_ledger_that_fails_while_a_loss_is_looked_for_leaves_it_unknown(
    memory_ledger: Ledger,
) -> None:
    sendoso, database = MemorySendoso(), Fragile.of(memory_ledger)
    sendoso.after_order = raising(Timeout(30))

    async def gone() -> None:
        database.gone = True

    sendoso.before_list = gone
    async with guarding(sendoso, memory_ledger) as guard:
        assert (await send(guard, quote(), "k")).state is State.UNKNOWN
        database.gone = False
        sendoso.before_list = at_once
        found = await guard.recall("k", REQUEST)
    assert found is not None
    assert found.state is State.CONFIRMED
