"""What a person decides outside the chat: shared by the approval page and `sendoso-mcp approvals`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Stand(StrEnum):
    """Where a question stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    CLOSED = "closed"
    """Answered, used up, expired or overtaken: nothing can be decided any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question as a person sees it, from facts that were stored when it was first put.

    Attributes:
        id: its number, also shown in the chat.
        lines: what would be sent, to whom, for how much, with which words: labels and texts. The texts come
            from outside and are not cleaned yet.
        why: why a person is asked, one sentence each.
        price: in USD, without what shipping may add; None for a question that is not about an order.
        asked_by: who asks, as far as the server knows.
        seal: changes with every fact above; an answer names the seal that was shown.
        ended_as: what became of it, in one or two words, once it is closed.
    """

    id: str
    stand: Stand
    lines: tuple[tuple[str, str], ...]
    why: tuple[str, ...]
    price: Decimal | None
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    seal: str
    ended_as: str = ""


class Ruling(StrEnum):
    """What came of a decision."""

    DONE = "done"
    WRONG_PIN = "wrong_pin"
    NO_PIN_SET = "no_pin_set"
    TOO_SOON = "too_soon"
    """After wrong PINs: a try before its time, which is not looked at."""
    CHANGED = "changed"
    """The facts are not those that were shown."""
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """There is no such question."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a decision, and for `wrong_pin` and `too_soon` the seconds until the next try counts."""

    ruling: Ruling
    wait: float = 0.0


class Desk(Protocol):
    """Where questions wait for a person. Every method may raise `LedgerUnavailable`."""

    async def waiting(self) -> Sequence[Question]:
        """The open questions, the oldest first."""

    async def question(self, question_id: str) -> Question | None:
        """One question, open or not."""

    async def approve(self, question_id: str, *, seal: str, pin: str, approver: str) -> Decision:
        """A person's yes to the facts under a seal. It orders nothing: the assistant has to call again."""

    async def reject(self, question_id: str, *, seal: str, approver: str) -> Decision:
        """A person's no, or their taking back of a yes that was not used yet. It needs no PIN."""
