"""The states of an intent, and every way from one to another. The database refuses any other way."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a wish for a gift is on its way to an order."""

    PROPOSED = "proposed"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    """A yes was given outside the chat and waits for the assistant to call again."""
    DECLINED = "declined"
    EXPIRED = "expired"
    RESERVED = "reserved"
    DISPATCHING = "dispatching"
    CONFIRMED = "confirmed"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NEEDS_REVIEW = "needs_review"
    CANCELLED = "cancelled"


NEW = "new"
"""What an intent comes from when it is first written down."""

_S = State
TRANSITIONS: frozenset[tuple[str, State]] = frozenset(
    {
        (NEW, _S.PROPOSED),
        (_S.PROPOSED, _S.DENIED),
        (_S.PROPOSED, _S.AWAITING_APPROVAL),
        (_S.PROPOSED, _S.RESERVED),  # policy asks nobody
        (_S.AWAITING_APPROVAL, _S.DECLINED),
        (_S.AWAITING_APPROVAL, _S.EXPIRED),
        (_S.AWAITING_APPROVAL, _S.RESERVED),
        (_S.AWAITING_APPROVAL, _S.DENIED),  # a limit was used up between the question and the yes
        (_S.AWAITING_APPROVAL, _S.AWAITING_APPROVAL),  # an answer in the chat did not count
        (_S.AWAITING_APPROVAL, _S.APPROVED),
        (_S.APPROVED, _S.RESERVED),
        (_S.APPROVED, _S.DECLINED),  # the yes was taken back
        (_S.APPROVED, _S.EXPIRED),
        (_S.APPROVED, _S.DENIED),
        (_S.RESERVED, _S.DISPATCHING),
        (_S.DISPATCHING, _S.CONFIRMED),
        (_S.DISPATCHING, _S.NOT_SENT),
        (_S.DISPATCHING, _S.REJECTED),
        (_S.DISPATCHING, _S.UNKNOWN),
        (_S.UNKNOWN, _S.CONFIRMED),
        (_S.UNKNOWN, _S.NEEDS_REVIEW),
        # The process that gave the order was taken for dead and has its answer after all.
        (_S.UNKNOWN, _S.NOT_SENT),
        (_S.UNKNOWN, _S.REJECTED),
        # A person decides; or that late answer does.
        (_S.NEEDS_REVIEW, _S.CONFIRMED),
        (_S.NEEDS_REVIEW, _S.NOT_SENT),
        (_S.NEEDS_REVIEW, _S.REJECTED),
        (_S.CONFIRMED, _S.CANCELLED),
    }
)

OPEN = frozenset({_S.AWAITING_APPROVAL, _S.APPROVED})
"""A question that a person can answer, or whose yes they can take back."""

NOTHING_ORDERED = frozenset({_S.DENIED, _S.EXPIRED, _S.NOT_SENT, _S.REJECTED})
"""Proven: no gift. The same idempotency key may be used again for the same wish."""

UNSETTLED = frozenset({_S.DISPATCHING, _S.UNKNOWN, _S.NEEDS_REVIEW})
"""An order was, or may have been, given, and what came of it is not known: its money stays held."""

ORDERED = frozenset({*UNSETTLED, _S.CONFIRMED})
"""A gift that is, or may be, on its way."""

BEFORE_ORDER = frozenset({_S.PROPOSED, _S.DENIED, _S.AWAITING_APPROVAL, _S.APPROVED, _S.DECLINED, _S.EXPIRED})
"""No order was given, and no money held."""
