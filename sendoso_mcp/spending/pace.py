"""Holds requests to Sendoso back, so that all who share a ledger stay within the API's rate together."""

from __future__ import annotations

import logging
import time

import anyio

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.boundary import boundary
from sendoso_mcp.spending.ledger import Ledger, in_thread, next_turn

log = logging.getLogger(__name__)

_TRUST_AGAIN = 30.0
"""Seconds after which a ledger that could not be used is asked for a turn again."""


class Pace:
    """Waits for one's turn. While the ledger cannot be used, this process keeps to the rate by itself.

    Args:
        ledger: where turns are taken.
        per_second: the most requests in any second.
    """

    def __init__(self, ledger: Ledger, per_second: int) -> None:
        self._ledger = ledger
        self._per_second = per_second
        self._turns: list[float] = []
        self._alone_until = 0.0

    async def __call__(self) -> None:
        """Returns when the next request may go."""
        now = time.monotonic()
        turn, self._turns = next_turn(self._turns, now, self._per_second)
        wait = turn - now
        if now >= self._alone_until:
            try:
                # A thread takes longer to wake than a turn to take.
                taken = self._ledger.turn_at_once(self._per_second)
                wait = await in_thread(self._ledger.turn, self._per_second) if taken is None else taken
                boundary("turn: after it was taken")
            except LedgerUnavailable as error:
                self._alone_until = now + _TRUST_AGAIN
                log.warning("the rate of requests is not shared with other processes: %s", error)
        await anyio.sleep(wait)
