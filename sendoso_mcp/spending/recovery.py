"""After an order whose outcome is not known: looks at Sendoso for what became of it, and writes that down."""

from __future__ import annotations

import logging
from datetime import date

import anyio

from sendoso_mcp.api import Sendoso
from sendoso_mcp.errors import SendosoError
from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger import Intent, Ledger, Outcome, State, in_thread
from sendoso_mcp.spending.reconcile import LATE, Attempt, Match, days_to_read, match

log = logging.getLogger(__name__)

_PER_PAGE = 100
_MAX_PAGES = 200


class Recovery:
    """Finds out what became of orders that were given and not answered.

    Everything it does may be done twice, by two processes at once, or be cut off in the middle.
    """

    def __init__(self, sendoso: Sendoso, ledger: Ledger) -> None:
        self._sendoso = sendoso
        self._ledger = ledger

    async def recover(self) -> None:
        """Settles what earlier processes left behind. What cannot be settled now is left as it is."""
        try:
            for intent in await in_thread(self._ledger.unsettled):
                try:
                    await self.reconcile(intent)
                except SendosoError:
                    raise
                except Exception:
                    # A row that cannot be read must not stop the server's start, nor the look at others.
                    log.exception("intent %s could not be looked at", intent.id)
        except SendosoError as error:
            log.warning("orders left by an earlier process could not be looked at: %s", error)

    async def reconcile(self, intent: Intent) -> Intent:
        """The intent as it is after a look at Sendoso; unchanged if that decides nothing, or cannot be had.

        An order that a living process still waits for is left to it; one that waits for a person, to them.

        Raises:
            LedgerUnavailable: the ledger could not be read or written.
        """
        if intent.state is State.DISPATCHING and await in_thread(self._ledger.orphaned, intent):
            lost = Outcome(State.UNKNOWN, "recovery", reason="process_gone")
            intent = await in_thread(self._ledger.settle, intent.id, lost)
        if intent.state is not State.UNKNOWN:
            return intent
        attempt, read_at = attempt_of(intent), self._ledger.now()
        found = await self.look(intent)
        if found is not None and found.send is not None:
            outcome = Outcome(State.CONFIRMED, "recovery", send=found.send, reason="found_at_sendoso")
        elif found is not None and read_at > attempt.ended_by + LATE:
            candidates = " ".join(send.id for send in found.candidates[:20])
            reason = f"could_be {candidates}" if candidates else "not_found_at_sendoso"
            outcome = Outcome(State.NEEDS_REVIEW, "recovery", reason=reason)
        else:
            # Another look at the same time, as at start-up, may have found the send: it has an owner then,
            # this very intent, and this look passed it by.
            return await in_thread(self._ledger.known, intent.id)
        settled = await in_thread(self._ledger.settle, intent.id, outcome)
        log.info("intent %s: %s", intent.id, settled.state)
        return settled

    async def look(self, intent: Intent) -> Match | None:
        """What Sendoso shows now of an order that was given; None if that cannot be had whole.

        Raises:
            LedgerUnavailable: the ledger could not be read.
        """
        attempt = attempt_of(intent)
        try:
            sends = await self._list(attempt)
        except SendosoError as error:
            log.warning("what became of intent %s cannot be looked up now: %s", intent.id, error)
            return None
        if sends is None:
            return None
        # After the list, as an order begun in between may have made a send that is on it; and the unsettled
        # before the owned, so that one that is settled between the two looks is in both and not in neither.
        others = await in_thread(self._ledger.unsettled)
        owned = await in_thread(self._ledger.owned, [send.id for send in sends])
        rivals = [attempt_of(other) for other in others if other.id != intent.id]
        return match(attempt, sends, owned=owned, rivals=rivals)

    async def _list(self, attempt: Attempt) -> list[Send] | None:
        """All sends around the time of an order; None if the list changed each time that it was read."""
        start, end = days_to_read(attempt)
        with anyio.move_on_after(_LISTING):
            for _ in range(_READINGS):
                if (sends := await self._read(start, end)) is not None:
                    return sends
        return None

    async def _read(self, start: date, end: date) -> list[Send] | None:
        """All sends of some days; None if one was made meanwhile and moved the others from page to page."""
        sends: dict[str, Send] = {}
        total: int | None = None
        for number in range(1, _MAX_PAGES + 1):
            page = await self._sendoso.list_sends(start=start, end=end, page=number, per_page=_PER_PAGE)
            sends |= {send.id: send for send in page.items}
            total = page.total if page.total is not None else total
            if not page.has_next:
                return list(sends.values()) if total is None or len(sends) >= total else None
        return None


_LISTING = 30.0
"""Seconds for reading the sends of three days."""
_READINGS = 3
"""A team that sends much changes the list as it is read; one more reading is better than a doubt."""


def attempt_of(intent: Intent) -> Attempt:
    """What is known of an intent's order, as `match` compares it with sends.

    Raises:
        ValueError: no order was given for it.
    """
    request, attempt = intent.quote.request, intent.attempt
    if attempt is None:
        raise ValueError("only an order that was given can be looked for")
    return Attempt(
        intent_id=intent.id,
        recipient_id=request.recipient_id,
        item_id=request.item_id,
        message=request.message,
        crm_id=request.crm_id,
        crm_type=request.crm_type,
        scheduled_date=request.scheduled_date,
        mark=attempt.mark,
        begun_at=attempt.begun_at,
        ended_by=attempt.ended_by,
    )
