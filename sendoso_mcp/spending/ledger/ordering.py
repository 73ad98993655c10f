"""From a yes to an order that may be given: the money is held before, and the order written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sendoso_mcp.spending.ledger.asking import declined, deny
from sendoso_mcp.spending.ledger.book import Book, Wish
from sendoso_mcp.spending.ledger.records import Approval, Intent, load, to_text
from sendoso_mcp.spending.ledger.settling import Outcome, settle
from sendoso_mcp.spending.ledger.states import NOTHING_ORDERED, OPEN, State
from sendoso_mcp.spending.ledger.usage import usage
from sendoso_mcp.spending.limits import Hold, cents, envelope_hold, holds_for
from sendoso_mcp.spending.verdict import Effect, Verdict, judge

CHAT_FORM, ENVELOPE = "chat_form", "envelope"
"""Rungs: how somebody said yes."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How an order will be given.

    Attributes:
        token: a secret of the process that gives it.
        takes: how long a request of it can be alive.
        mark: what the order carries in place of a CRM id, so that its send can be known.
    """

    token: str
    takes: timedelta
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """The money is held and the order written down: whoever made it must give the order now, once."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Past:
    """This wish is past asking already; nothing was changed. The intent says what became of it."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is held, nothing may be ordered: `verdict` forbids it, or asks for a yes that is missing."""

    verdict: Verdict
    stale: bool = False
    """Whether a person's yes was there, but to other facts, or came too late."""


def reserve(
    book: Book, wish: Wish, dispatch: Dispatch, *, question: str | None, approval: Approval | None
) -> Reserved | Past | Refusal:
    """Consumes a yes and holds the money in every bucket: all of it or nothing.

    Policy is asked once more, with what the ledger says now. It is safe to be called again when the database
    went away in the middle: the order's token tells whose reservation is there.

    Args:
        book: the open transaction.
        wish: the wish as it was last looked up.
        dispatch: how the order will be given.
        question: the intent whose question was answered; None if policy asks nobody.
        approval: the person's yes to it; None if they gave it outside the chat, or none is needed.
    """
    for mine in load(book.session, "a.token = ?", dispatch.token):
        return _still_to_give(book, mine, dispatch)
    digest = wish.quote.request.digest
    intent = (
        book.intent(question) if question is not None else book.with_key(wish.principal, wish.key, digest)
    )
    if question is None and intent is not None and intent.state in NOTHING_ORDERED:
        intent = None
    if intent is not None and intent.state not in OPEN:
        return Past(intent)
    if question is None and intent is None and (no := declined(book, wish)) is not None:
        return Past(no)
    if intent is not None and approval is None:
        approval = book.grant(intent)

    quote, policy = wish.quote, wish.policy
    holds = holds_for(quote, policy, book.now)
    _lock(book, holds)
    known = usage(book.session, quote, policy, (hold.bucket for hold in holds), book.now)
    verdict = judge(quote, known, policy, book.now, keyed=wish.key is not None)
    refusal = _refusal(book, wish, intent, approval, verdict)
    if refusal is not None:
        return refusal
    if question is None and intent is not None and approval is None:
        # A question that an earlier policy asked; this one asks nobody.
        book.move(intent, State.EXPIRED, wish.principal, reason="replaced")
        intent = None
    if intent is None:
        intent = book.propose(wish, verdict.asks, expires_at=book.now)
    if approval is None and verdict.in_envelope and known.envelope is not None:
        opened = known.envelope
        approval = Approval(quote.digest, ENVELOPE, f"envelope {opened.id}, opened by {opened.opened_by}")
        holds = (*holds, envelope_hold(opened))
        _lock(book, holds[-1:])
    before = {hold: known.of(hold.bucket) for hold in holds}
    _hold(book, wish, intent, dispatch, approval=approval, holds=before)
    intent = book.move(intent, State.RESERVED, wish.principal, detail=_told(approval))
    book.move(intent, State.DISPATCHING, wish.principal)
    return Reserved(book.intent(intent.id))


def _lock(book: Book, holds: Sequence[Hold]) -> None:
    """Makes everybody else who wants these buckets wait until this transaction ends."""
    keys = sorted(hold.bucket.key for hold in holds)
    book.session.execute(
        f"INSERT INTO buckets (key, grants) VALUES {', '.join(['(?, 0)'] * len(keys))} "  # noqa: S608 - marks
        "ON CONFLICT (key) DO UPDATE SET grants = buckets.grants",
        *keys,
    )


def _still_to_give(book: Book, mine: Intent, dispatch: Dispatch) -> Reserved | Past:
    """A reservation that its maker was not told of in time: to be given now, or never.

    Nobody else knows the token, so nothing was ordered yet. It must stay so if meanwhile others took its
    maker for dead, since a person may have looked and found nothing; or if they will before there is an
    answer to the order.
    """
    in_time = mine.attempt is not None and book.now - mine.attempt.begun_at <= dispatch.takes / 2
    if mine.state is State.DISPATCHING and in_time:
        return Reserved(mine)
    return Past(settle(book, mine.id, Outcome(State.NOT_SENT, "dispatch", reason="never_given")))


def _refusal(
    book: Book, wish: Wish, intent: Intent | None, approval: Approval | None, verdict: Verdict
) -> Refusal | None:
    if verdict.effect is Effect.DENY:
        if intent is None:
            deny(book, wish, verdict)
        else:
            codes = " ".join(dict.fromkeys(reason.code for reason in verdict.deciding))
            book.move(intent, State.DENIED, wish.principal, reason=codes)
        return Refusal(verdict)
    if approval is None:
        return Refusal(verdict) if verdict.effect is Effect.ASK else None
    covered = (
        intent is not None
        and book.now < intent.expires_at
        and approval.quote_digest == intent.quote_digest == wish.quote.digest
        and intent.policy_version == wish.policy.version
        and intent.principal == wish.principal
        and verdict.asks <= intent.asks
        and not (verdict.outside_chat and approval.rung == CHAT_FORM)
    )
    if covered and intent is not None and intent.reason and approval.rung == CHAT_FORM:
        # Another answer in the chat did not count: the question is a person's outside it by now.
        return Refusal(verdict)
    if covered:
        return None
    if intent is not None:
        book.move(intent, State.EXPIRED, wish.principal, reason="facts_changed")
    return Refusal(verdict, stale=True)


def _hold(
    book: Book,
    wish: Wish,
    intent: Intent,
    dispatch: Dispatch,
    *,
    approval: Approval | None,
    holds: Mapping[Hold, int],
) -> None:
    """Consumes the yes, writes the order down, and puts its money into each bucket."""
    session, at = book.session, to_text(book.now)
    if approval is not None:
        session.execute(
            "INSERT INTO approvals (intent_id, quote_digest, policy_version, principal, rung, approver, "
            "consumed_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            intent.id,
            approval.quote_digest,
            wish.policy.version,
            wish.principal,
            approval.rung,
            approval.approver,
            at,
        )
    price = wish.quote.price or Decimal(0)
    session.execute(
        "INSERT INTO attempts (intent_id, token, instance, mark, begun_at, ended_by, held_cents) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        intent.id,
        dispatch.token,
        book.instance,
        dispatch.mark,
        at,
        to_text(book.now + dispatch.takes),
        cents(wish.policy.to_hold(price)),
    )
    for hold in holds:
        session.execute(
            "UPDATE buckets SET grants = grants + 1, total = total + ? WHERE key = ?",
            hold.adds,
            hold.bucket.key,
        )
    rows = [
        (intent.id, hold.bucket.key, before, hold.adds, hold.most, hold.adds, at)
        for hold, before in holds.items()
    ]
    values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, 'held')"] * len(rows))
    columns = "intent_id, bucket, used_before, granted, most, amount, at, kind"
    session.execute(
        f"INSERT INTO holds ({columns}) VALUES {values}",  # noqa: S608 - literals
        *(value for row in rows for value in row),
    )


def _told(approval: Approval | None) -> dict[str, Any]:
    if approval is None:
        return {"approved_by": "policy"}
    return {"approved_by": approval.approver, "rung": approval.rung}
