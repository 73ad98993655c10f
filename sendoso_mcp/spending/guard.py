"""The only door to `place_order` and `cancel_send`: quotes a send, orders it once, cancels it.

What a dispatch ends as follows from what the answer proves. A connection that was never made and an
explicit refusal prove that nothing was ordered; everything else proves nothing and is `UNKNOWN`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import anyio
from anyio.abc import TaskGroup

from sendoso_mcp.api import Sendoso
from sendoso_mcp.errors import (
    BadArgument,
    NotConnected,
    OutcomeUnknown,
    Refused,
    SendosoError,
    SettingsError,
    one_error,
)
from sendoso_mcp.models import InventoryItem, Order, Send
from sendoso_mcp.spending.approval import Approval, Question, Questions
from sendoso_mcp.spending.policy import Effect, judge
from sendoso_mcp.spending.quote import Quote, SendRequest

log = logging.getLogger(__name__)


class State(StrEnum):
    """What a request ended as: a dispatch in one of the first four, a person's no in the last."""

    CONFIRMED = "confirmed"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a dispatch ended: the send if it is confirmed, the error if it is not sent or rejected."""

    state: State
    send: Send | None = None
    error: SendosoError | None = None

    @property
    def proves_nothing_ordered(self) -> bool:
        """Whether the same request may be dispatched again."""
        return self.state in (State.NOT_SENT, State.REJECTED)


class _Intent:
    """A request on its way, or settled."""

    def __init__(self, request: SendRequest) -> None:
        self.request = request
        self.settled = anyio.Event()
        self.settlement = Settlement(State.UNKNOWN)


class Guard:
    """Quotes, dispatches and cancels sends.

    Args:
        sendoso: where gifts are ordered.
        find_item: looks a gift up by its id, fresh enough to price it.
        tasks: a task group that outlives requests. A dispatch runs in it, so that a client that
            disconnects or cancels never leaves an order half made.
    """

    def __init__(
        self,
        sendoso: Sendoso,
        find_item: Callable[[str], Coroutine[Any, Any, InventoryItem]],
        tasks: TaskGroup,
    ) -> None:
        self._sendoso = sendoso
        self._find_item = find_item
        self._tasks = tasks
        self._questions = Questions()
        # For as long as this process lives: by idempotency key, and by the question whose yes began it.
        self._intents: dict[str, _Intent] = {}
        self._answered: dict[str, _Intent] = {}

    async def quote(self, request: SendRequest) -> Quote:
        """Looks up the gift, the recipient and the team's budget, in parallel.

        Raises:
            BadArgument: there is no such gift.
            ApiError: `NotFound` if there is no such recipient, or whatever went wrong at Sendoso.
        """
        with one_error():
            item, recipient, budget = await anyio.gather(
                self._find_item(request.item_id),
                self._sendoso.get_recipient(request.recipient_id),
                self._sendoso.get_budget(),
            )
        order = Order(
            recipient=recipient,
            item=item,
            message=request.message,
            scheduled_date=request.scheduled_date,
            crm_id=request.crm_id,
            crm_type=request.crm_type,
        )
        return Quote(request=request, order=order, budget=budget)

    def question(self, quote: Quote, key: str | None, *, answering: bool = False) -> Question:
        """The question to ask about this wish; see `Questions.about`."""
        return self._questions.about(quote, key, answering=answering)

    async def decline(self, question: Question, key: str | None) -> Settlement | None:
        """Takes a no: a yes to the same question is too late, and the key stays declined.

        If a yes came first, what became of it.
        """
        closed = self._questions.close(question.number)
        if closed is None and (earlier := await self._answer_to(question)) is not None:
            return earlier
        # Also if another question about this wish took the place of this one: a no is a no.
        if key is not None and key not in self._intents:
            intent = self._intents[key] = _Intent(question.quote.request)
            intent.settlement = Settlement(State.DECLINED)
            intent.settled.set()
        return None

    async def dismiss(self, question: Question) -> Settlement | None:
        """Takes the question back unanswered: an answer to it is too late, but it may be asked again.

        If a yes came first, what became of it.
        """
        return await self._answer_to(question) if self._questions.close(question.number) is None else None

    async def _answer_to(self, question: Question) -> Settlement | None:
        intent = self._answered.get(question.number)
        if intent is None:
            return None
        await intent.settled.wait()
        return intent.settlement

    async def cancel(self, send_id: str) -> None:
        """Cancels a send: exactly one request, which goes on even if the caller is cancelled.

        Raises:
            ApiError: `Conflict` if it is too late; `OutcomeUnknown` if it is not known what came of it.
        """
        done, errors = anyio.Event(), list[Exception]()

        async def run() -> None:
            with anyio.CancelScope(shield=True):
                try:
                    await self._sendoso.cancel_send(send_id)
                except Exception as error:
                    errors.append(error)
                done.set()
            log.info("cancel of %s: %s", send_id, type(errors[0]).__name__ if errors else "done")

        self._tasks.start_soon(run)
        await done.wait()
        if errors:
            raise errors[0]

    async def recall(self, key: str, request: SendRequest) -> Settlement | None:
        """What became of the request that was sent under this idempotency key; None if none was.

        Waits for one that is on its way.

        Raises:
            BadArgument: the key was used for another request.
        """
        intent = self._intents.get(key)
        if intent is None:
            return None
        if intent.request.digest != request.digest:
            raise BadArgument(
                "idempotency_key: this key was used before for another gift, recipient or message. "
                "Use a new key for a new gift."
            )
        await intent.settled.wait()
        return intent.settlement

    async def send(self, quote: Quote, approval: Approval, key: str | None = None) -> Settlement:
        """Orders the gift: exactly one request to Sendoso, never repeated, whatever it answers.

        With a key or an answer that was used before, nothing is ordered and the settlement of then is
        returned.

        Raises:
            BadArgument: the key was used for another request, or the question was answered with a no.
            ValueError: the approval is for other facts, or policy forbids the send; a caller's mistake.
        """
        if not approval.covers(quote) or judge(quote).effect is Effect.DENY:
            raise ValueError("a send needs an approval of its own quote, and policy's consent")
        if key is not None and (earlier := await self.recall(key, quote.request)) is not None:
            return earlier
        # No await on the way from here to the last assignment below: of two calls with one key or one
        # answer, the second finds the first's intent.
        answered = self._answered.get(approval.question)
        if answered is not None and answered.request.digest == quote.request.digest:
            await answered.settled.wait()
            return answered.settlement
        question = self._questions.close(approval.question)
        if question is None or not approval.covers(question.quote):
            raise BadArgument("That question is no longer open. Call create_send again to ask anew.")
        intent = _Intent(quote.request)
        self._tasks.start_soon(self._dispatch, intent, quote.order, key)
        self._answered[question.number] = intent
        if key is not None:
            self._intents[key] = intent
        await intent.settled.wait()
        return intent.settlement

    async def _dispatch(self, intent: _Intent, order: Order, key: str | None) -> None:
        # Shutting down waits for an order on its way (its deadline is short) instead of cutting it off.
        with anyio.CancelScope(shield=True):
            try:
                intent.settlement = await self._place(order)
            finally:
                if key is not None and intent.settlement.proves_nothing_ordered:
                    del self._intents[key]
                intent.settled.set()
        send = intent.settlement.send
        log.info("dispatch %s %s", intent.settlement.state, send.id if send else "")

    async def _place(self, order: Order) -> Settlement:
        try:
            return Settlement(State.CONFIRMED, send=await self._sendoso.place_order(order))
        except (NotConnected, SettingsError) as error:
            return Settlement(State.NOT_SENT, error=error)
        except Refused as error:
            return Settlement(State.REJECTED, error=error)
        except OutcomeUnknown:
            return Settlement(State.UNKNOWN)
        except Exception:
            log.exception("an order ended in an unexpected error")
            return Settlement(State.UNKNOWN)
