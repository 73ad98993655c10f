"""The only way to a gift: looks a send up, judges it, asks about it, and has it ordered once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from sendoso_mcp.api import Sendoso
from sendoso_mcp.errors import one_error
from sendoso_mcp.models import InventoryItem, Order, TeamBudget
from sendoso_mcp.spending.dispatch import Dispatcher
from sendoso_mcp.spending.headroom import Headroom, headroom
from sendoso_mcp.spending.ledger import (
    NOTHING_ORDERED,
    OPEN,
    Approval,
    Cancellation,
    Decisions,
    Facts,
    Intent,
    Ledger,
    Refusal,
    State,
    Wish,
    in_thread,
    looked_up,
)
from sendoso_mcp.spending.limits import holds_for, standing_holds
from sendoso_mcp.spending.mailboxes import normalised_email
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.settlement import Settlement
from sendoso_mcp.spending.verdict import Effect, Verdict
from sendoso_mcp.together import Together

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Considered:
    """Policy's verdict on a wish, and the question about it if a person must decide: open, or approved.

    `earlier` is set instead if the wish is past asking: what became of it.
    """

    verdict: Verdict
    question: Intent | None = None
    earlier: Settlement | None = None


class Guard:
    """Quotes, judges, dispatches and cancels sends.

    Args:
        sendoso: where gifts are ordered.
        find_item: looks a gift up by its id, fresh enough to price it.
        tasks: a task group that outlives requests. A dispatch runs in it, so that a client that
            disconnects or cancels never leaves an order half made.
        ledger: what is written down.
        policy: what may be spent.
        principal: who asks, as far as this server can know.
    """

    def __init__(
        self,
        sendoso: Sendoso,
        find_item: Callable[[str], Coroutine[Any, Any, InventoryItem]],
        tasks: TaskGroup,
        *,
        ledger: Ledger,
        policy: Policy,
        principal: str,
    ) -> None:
        self._sendoso = sendoso
        self._find_item = find_item
        self._ledger = ledger
        self._decisions = Decisions(ledger)
        self._dispatcher = Dispatcher(sendoso, ledger, tasks)
        self._shown_budget = Together(self._look_at_budget)
        self.policy = policy
        self.principal = principal

    async def start(self, request: SendRequest, key: str | None) -> Settlement | int:
        """What became of the request if it was made before under its key; else where the ledger stands now.

        Raises:
            BadArgument: the key was used for another request.
        """
        intent, position = await looked_up(self._ledger.start, self.principal, key, request.digest)
        if intent is None or _may_be_made(intent):
            return position
        return await self._dispatcher.settlement(intent)

    async def quote(self, request: SendRequest, position: int | None = None) -> Quote:
        """Looks up the gift, the recipient and the team's budget, in parallel.

        Args:
            request: what is to be sent.
            position: where the ledger stood at `start`; None: it is looked up.

        Raises:
            BadArgument: there is no such gift.
            ApiError: `NotFound` if there is no such recipient, or whatever went wrong at Sendoso.
            LedgerUnavailable: the ledger cannot be read.
        """
        # Before the budget is asked for: what is settled from here on may not be in it.
        if position is None:
            position = await looked_up(self._ledger.position)
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
        return Quote(request=request, order=order, budget=budget, position=position)

    async def judge(self, quote: Quote, key: str | None) -> Verdict:
        """Policy's verdict on a quote, with what is used of every limit now."""
        return await in_thread(self._ledger.judge, self._wish(quote, key))

    async def headroom(self, quote: Quote) -> tuple[Headroom, ...]:
        """What is left of every limit, those on this gift and this person too, without the send itself."""
        holds = holds_for(quote, self.policy, self._ledger.now())
        return headroom(holds, await in_thread(self._ledger.used, [hold.bucket for hold in holds]))

    async def budget(self) -> tuple[TeamBudget, tuple[Headroom, ...]]:
        """The team's budget, and what is left of the limits on every send: to show, not to judge by.

        All who ask at the same time share a look. A quote has one of its own, which no other can hold up.
        """
        return await self._shown_budget()

    async def _look_at_budget(self) -> tuple[TeamBudget, tuple[Headroom, ...]]:
        # In this order: what is settled after the ledger was read may be missing in the budget. If it is not,
        # it is counted twice, until somebody looks again.
        now = self._ledger.now()
        holds = partial(standing_holds, self.policy, now=now)
        position, usage = await looked_up(
            self._ledger.standing, lambda position: [hold.bucket for hold in holds(None, position)]
        )
        budget = await self._sendoso.get_budget(to_show=True)
        return budget, headroom(holds(budget.remaining, position), usage)

    async def ledger_works(self) -> bool:
        """Whether an order could be written down now; raises `LedgerUnavailable` if nothing can be read."""
        return await in_thread(self._ledger.writable)

    async def recover(self) -> None:
        """Settles what earlier processes left behind."""
        await self._dispatcher.recover()

    async def consider(
        self, quote: Quote, key: str | None, *, answering: bool = False, in_chat: bool = True
    ) -> Considered:
        """Judges a wish, and writes down the question or the denial that follows.

        Args:
            quote: the wish, looked up.
            key: its idempotency key.
            answering: a person's answer comes with this very call.
            in_chat: the client can show a person the question.
        """
        verdict, intent = await in_thread(
            self._ledger.consider, self._wish(quote, key), answering=answering, in_chat=in_chat
        )
        if intent is None or intent.state in OPEN or intent.state is State.DENIED:
            return Considered(verdict, question=None if verdict.effect is Effect.DENY else intent)
        return Considered(verdict, earlier=await self._dispatcher.settlement(intent))

    async def decline(self, question: str | None, quote: Quote, key: str | None) -> Settlement | None:
        """Takes a no: a yes to the question is too late, and its key stays declined.

        Without a question it is a no to any about this wish. If a yes came first, what became of it.
        """
        intent = await in_thread(self._ledger.decline, question, self.principal, self._wish(quote, key))
        return await self._ordered(intent)

    async def defer(self, question: str, reason: str) -> Settlement | None:
        """Leaves a question to a person outside the chat; what became of it if a yes came first."""
        intent = await in_thread(self._ledger.defer, question, reason)
        return None if intent.state in OPEN else await self._dispatcher.settlement(intent)

    async def standing(self, question: str) -> Intent | None:
        """A wish of this principal's by its number, after a look for an order whose answer was lost."""
        intent = await in_thread(self._ledger.intent, question)
        if intent is None or intent.principal != self.principal:
            return None
        return await self._dispatcher.looked_for(intent)

    async def waiting(self) -> list[Intent]:
        """The wishes of this principal's that wait for a person, or for the call that uses their yes."""
        return await in_thread(self._decisions.waiting, self.principal)

    async def dismiss(self, question: str, reason: str, states: frozenset[State] = OPEN) -> Settlement | None:
        """Takes the question back unanswered: an answer to it is too late, but it may be asked again.

        Nothing happens to one that is in none of `states`. If a yes came first, what became of it.
        """
        intent = await in_thread(self._ledger.expire, question, self.principal, reason, states)
        return await self._ordered(intent)

    async def recall(self, key: str, request: SendRequest) -> Settlement | None:
        """What became of the request that was made under this idempotency key; None if it may be made now.

        Waits for one that is on its way, and looks at Sendoso for one whose answer was lost.

        Raises:
            BadArgument: the key was used for another request.
        """
        intent = await in_thread(self._ledger.with_key, self.principal, key, request.digest)
        if intent is None or _may_be_made(intent):
            return None
        return await self._dispatcher.settlement(intent)

    async def send(
        self, quote: Quote, key: str | None, *, question: str | None = None, approval: Approval | None = None
    ) -> Settlement | Refusal:
        """Orders the gift once; see `Dispatcher.send`."""
        return await self._dispatcher.send(self._wish(quote, key), question=question, approval=approval)

    async def cancel(self, send_id: str) -> None:
        """Cancels a send; see `Dispatcher.cancel`."""
        await self._dispatcher.cancel(send_id, self.principal)

    async def recipient_made(self, email: str) -> None:
        """Notes that the assistant is about to make a recipient: no envelope is for them.

        Raises:
            LedgerUnavailable: it cannot be noted, and then no recipient may be made.
        """
        await in_thread(self._decisions.recipient_made, normalised_email(email), self.principal)

    async def ask_to_cancel(self, send_id: str, facts: Facts) -> Cancellation:
        """The open question whether a send may be cancelled; see `Decisions.ask_to_cancel`."""
        within = timedelta(hours=float(self.policy.approval.answer_within_hours))
        return await in_thread(self._decisions.ask_to_cancel, self.principal, send_id, facts, within)

    async def defer_cancellation(self, question: Cancellation) -> None:
        """Leaves the question to a person outside the chat."""
        await in_thread(self._decisions.defer_cancellation, question)

    async def answer_cancellation(self, question: Cancellation, *, yes: bool, who: str) -> bool:
        """Takes an answer in the chat; whether it is a yes that counts, which is then used up."""
        return await in_thread(self._decisions.answer_cancellation, question, yes=yes, actor=who)

    async def keep_send(self, send_id: str, who: str) -> bool:
        """Takes a no to cancelling a send that cannot be looked up now; whether anybody was asked."""
        return await in_thread(self._decisions.keep_send, self.principal, send_id, who)

    async def dismiss_cancellation(self, question: Cancellation) -> bool:
        """Takes the question back unanswered; False if somebody said yes to it outside the chat meanwhile."""
        return await in_thread(self._decisions.dismiss_cancellation, question, self.principal)

    async def use_cancellation(self, question: Cancellation) -> bool:
        """Uses up a yes that was given outside the chat; whether there was one to these facts."""
        return await in_thread(self._decisions.use_cancellation, question, self.principal)

    async def cancelled(self, send_id: str) -> None:
        """Gives the money of a send that is cancelled at Sendoso back, once, however often it is told."""
        await in_thread(self._ledger.cancelled, send_id, self.principal)

    def _wish(self, quote: Quote, key: str | None) -> Wish:
        return Wish(quote=quote, policy=self.policy, principal=self.principal, key=key)

    async def _ordered(self, intent: Intent) -> Settlement | None:
        """What became of an intent, if an order was given for it."""
        return None if intent.attempt is None else await self._dispatcher.settlement(intent)


def _may_be_made(intent: Intent) -> bool:
    """Whether the wish may be made again, or is still being asked about."""
    return intent.state in NOTHING_ORDERED | OPEN
