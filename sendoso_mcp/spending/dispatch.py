"""The only door to `place_order` and `cancel_send`: gives an order once, after it is written down.

What it ends as follows from what the answer proves. A connection that was never made and an explicit
refusal prove that nothing was ordered; everything else proves nothing and is `UNKNOWN`, until a look at
Sendoso finds the send.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
from anyio.abc import TaskGroup

from sendoso_mcp.api import Sendoso
from sendoso_mcp.calls import tell
from sendoso_mcp.errors import (
    BadArgument,
    LedgerUnavailable,
    NotConnected,
    OutcomeUnknown,
    Refused,
    SendosoError,
    SettingsError,
)
from sendoso_mcp.models import Order
from sendoso_mcp.spending.boundary import boundary
from sendoso_mcp.spending.ledger import (
    UNSETTLED,
    Approval,
    Dispatch,
    Intent,
    Ledger,
    Outcome,
    Past,
    Refusal,
    State,
    Wish,
    in_thread,
)
from sendoso_mcp.spending.reconcile import new_mark
from sendoso_mcp.spending.recovery import Recovery
from sendoso_mcp.spending.settlement import Settlement
from sendoso_mcp.tracing import span

log = logging.getLogger(__name__)

ORDER_TAKES = timedelta(seconds=60)
"""The longest that an order can be under way: 30 s from its first byte to the last of the answer, and before
that its turn among all requests."""
_LOOK_AGAIN = 0.25
"""Seconds between looks at an order that another process gives."""
_WRITE_FOR = 60.0
"""Seconds for which the outcome of an order is kept for a ledger that cannot be written."""


@dataclass(slots=True)
class _Running:
    """An order that this process gives."""

    done: anyio.Event = field(default_factory=anyio.Event)
    result: Settlement | Refusal | None = None
    error: Exception | None = None


class Dispatcher:
    """Gives and cancels orders.

    Args:
        sendoso: where gifts are ordered.
        ledger: where each step is written down before it is taken.
        tasks: a task group that outlives requests. An order runs in it, so that a client that
            disconnects or cancels never leaves it half made.
    """

    def __init__(self, sendoso: Sendoso, ledger: Ledger, tasks: TaskGroup) -> None:
        self._sendoso = sendoso
        self._ledger = ledger
        self._tasks = tasks
        self._recovery = Recovery(sendoso, ledger)
        self._running: dict[str, _Running] = {}

    async def recover(self) -> None:
        """Settles what earlier processes left behind."""
        await self._recovery.recover()

    async def send(
        self, wish: Wish, *, question: str | None = None, approval: Approval | None = None
    ) -> Settlement | Refusal:
        """Orders the gift: exactly one request to Sendoso, never repeated, whatever it answers.

        With a key or a question that ordered before, nothing is ordered: the settlement of then is returned.
        A refusal says that nothing was ordered, since policy forbids it, or the yes is not to these facts.

        Args:
            wish: the gift, as it was looked up last.
            question: the intent that a person was asked about; None if policy asks nobody.
            approval: their yes.

        Raises:
            LedgerUnavailable: it could not be written down, so nothing was ordered.
        """
        running = _Running()
        # Not in this request's own task: once the reservation is made, the order must follow.
        self._tasks.start_soon(self._carry, running, wish, question, approval)
        await running.done.wait()
        if running.error is not None:
            raise running.error
        if running.result is None:
            raise RuntimeError("an order ended without a result")
        return running.result

    async def settlement(self, intent: Intent) -> Settlement:
        """What became of an intent, after waiting for an order on its way."""
        while intent.state is State.DISPATCHING:
            running = self._running.get(intent.id)
            if running is not None:
                await running.done.wait()
                if isinstance(running.result, Settlement):
                    return running.result
            elif await in_thread(self._ledger.orphaned, intent):
                break
            else:
                await anyio.sleep(_LOOK_AGAIN)
            intent = await in_thread(self._ledger.known, intent.id)
        return Settlement.of(await self._look(intent))

    async def looked_for(self, intent: Intent) -> Intent:
        """An intent as it is after a look at Sendoso, if what came of its order is not known."""
        if intent.state not in UNSETTLED:
            return intent
        await self.settlement(intent)
        return await in_thread(self._ledger.known, intent.id)

    async def cancel(self, send_id: str, actor: str) -> None:
        """Cancels a send: exactly one request, which goes on even if the caller is cancelled.

        Raises:
            ApiError: `Conflict` if it is too late; `OutcomeUnknown` if it is not known what came of it.
        """
        done, errors = anyio.Event(), list[Exception]()

        async def run() -> None:
            with anyio.CancelScope(shield=True):
                try:
                    boundary("cancel: before Sendoso is asked")
                    await self._sendoso.cancel_send(send_id)
                    boundary("cancel: after Sendoso did it")
                    await self._write_cancel(send_id, actor)
                except Exception as error:
                    errors.append(error)
                done.set()
            log.info("cancel of %s: %s", send_id, type(errors[0]).__name__ if errors else "done")

        self._tasks.start_soon(run)
        await done.wait()
        if errors:
            raise errors[0]

    async def _carry(
        self, running: _Running, wish: Wish, question: str | None, approval: Approval | None
    ) -> None:
        # Shutting down waits for an order on its way (its deadline is short) instead of cutting it off.
        with anyio.CancelScope(shield=True):
            try:
                running.result = await self._order(running, wish, question, approval)
            except Exception as error:
                running.error = error
            finally:
                running.done.set()
                self._running = {id_: other for id_, other in self._running.items() if other is not running}

    async def _order(
        self, running: _Running, wish: Wish, question: str | None, approval: Approval | None
    ) -> Settlement | Refusal:
        ledger, token = self._ledger, secrets.token_hex(8)
        order = wish.quote.order
        mark = None
        if wish.policy.reconcile.mark_in_crm_id and order.crm_id is None:
            mark = new_mark(token)
            order = order.model_copy(update={"crm_id": mark})
        dispatch = Dispatch(token, ORDER_TAKES, mark)
        try:
            reserved = await in_thread(ledger.reserve, wish, dispatch, question=question, approval=approval)
        except LedgerUnavailable:
            # It may be reserved all the same, if the database went away as it was told to commit.
            self._tasks.start_soon(
                self._write_later, token, Outcome(State.NOT_SENT, "dispatch", reason="never_given")
            )
            raise
        if isinstance(reserved, Refusal):
            return reserved
        if isinstance(reserved, Past):
            return await self.settlement(reserved.intent)
        intent = reserved.intent
        self._running[intent.id] = running
        boundary("order: before it is given")
        with span("dispatch") as facts:
            outcome, error = await self._place(order)
            facts |= {"intent": intent.id, "outcome": outcome.state.value}
        boundary("order: after it was given")
        try:
            with span("settle") as facts:
                facts["intent"] = intent.id
                intent = await in_thread(ledger.settle, intent.id, outcome)
        except LedgerUnavailable:
            log.exception("what came of intent %s is not written down yet: %s", intent.id, outcome.state)
            self._tasks.start_soon(self._write_later, token, outcome)
            return Settlement(outcome.state, outcome.send, error, intent=intent.id)
        log.info("dispatch of %s: %s %s", intent.id, intent.state, outcome.send.id if outcome.send else "")
        if outcome.send and intent.attempt and intent.attempt.send_id not in (None, outcome.send.id):
            # Another process took this one for dead and claimed a look-alike; both gifts are on their way.
            log.error(
                "intent %s has %s in the ledger, and Sendoso answered %s: look at both",
                intent.id,
                intent.attempt.send_id,
                outcome.send.id,
            )
        if intent.state is State.UNKNOWN:
            tell(
                "warning", "Sendoso gave no clear answer to the order. It is looked for, and not given again."
            )
            intent = await self._look(intent)
        return Settlement.of(intent, error)

    async def _place(self, order: Order) -> tuple[Outcome, SendosoError | None]:
        """Gives the order, and says what its answer proves."""
        who = "dispatch"
        try:
            return Outcome(State.CONFIRMED, who, send=await self._sendoso.place_order(order)), None
        except (NotConnected, SettingsError, BadArgument, LedgerUnavailable) as error:
            # The last three are known before a connection is made.
            return Outcome(State.NOT_SENT, who, reason=type(error).__name__), error
        except Refused as error:
            return Outcome(State.REJECTED, who, reason=type(error).__name__), error
        except OutcomeUnknown as error:
            return Outcome(State.UNKNOWN, who, reason=type(error).__name__), None
        except Exception:
            log.exception("an order ended in an unexpected error")
            return Outcome(State.UNKNOWN, who, reason="defect"), None

    async def _write_later(self, token: str, outcome: Outcome) -> None:
        with anyio.move_on_after(_WRITE_FOR, shield=True):
            while True:
                try:
                    await in_thread(self._ledger.settle_order, token, outcome)
                    return
                except LedgerUnavailable:
                    await anyio.sleep(1)
        log.error("what came of an order was never written down; recovery will look for it")

    async def _write_cancel(self, send_id: str, actor: str) -> None:
        try:
            await in_thread(self._ledger.cancelled, send_id, actor)
        except LedgerUnavailable as error:
            # Sendoso has done it, so it is no failure; the next call about this send writes it down.
            log.warning("the cancel of %s is not in the ledger: %s", send_id, error)

    async def _look(self, intent: Intent) -> Intent:
        try:
            return await self._recovery.reconcile(intent)
        except LedgerUnavailable as error:
            log.warning("intent %s is still unknown: %s", intent.id, error)
            return intent
