"""How a wish ended, as it is told to whoever made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sendoso_mcp.errors import SendosoError
from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger import NOTHING_ORDERED, Intent, State


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a wish ended: the send if there is one, the error if it is not sent or rejected.

    `over` is what it cost beyond what was held for it, in USD, and `passed` names the limits it passed so.
    `declined_at` is when a person said no, if the wish has no key: that no does not stand for good. `intent`
    is the wish that ended so.
    """

    state: State
    send: Send | None = None
    error: SendosoError | None = None
    over: Decimal = Decimal(0)
    passed: tuple[str, ...] = ()
    declined_at: datetime | None = None
    intent: str = field(default="", compare=False)

    @property
    def proves_nothing_ordered(self) -> bool:
        """Whether the same request may be dispatched again."""
        return self.state in NOTHING_ORDERED

    @classmethod
    def of(cls, intent: Intent, error: SendosoError | None = None) -> Settlement:
        """What the ledger says of a wish; `error` is why it was not sent or rejected, where that is known."""
        attempt = intent.attempt
        if attempt is None or attempt.send_id is None:
            no = intent.changed_at if intent.state is State.DECLINED and intent.key is None else None
            return cls(intent.state, error=error, declined_at=no, intent=intent.id)
        status = "cancelled" if intent.state is State.CANCELLED else attempt.send_status
        send = Send(id=attempt.send_id, status=status, cost=attempt.cost)
        over = max(Decimal(0), (attempt.cost or Decimal(0)) - attempt.held)
        return cls(intent.state, send, error, over, attempt.over_limits, intent=intent.id)
