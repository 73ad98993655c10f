"""From a wish to an open question, and every way in which a question ends without an order."""

from __future__ import annotations

from datetime import timedelta

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.ledger.book import Book, Wish
from sendoso_mcp.spending.ledger.records import Intent, load, to_text
from sendoso_mcp.spending.ledger.states import NOTHING_ORDERED, OPEN, State
from sendoso_mcp.spending.ledger.usage import moment_ago, usage
from sendoso_mcp.spending.limits import holds_for
from sendoso_mcp.spending.verdict import Effect, Verdict, judge

_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN))
MOST_OPEN = 50
"""Questions that one principal can have open."""
RENEWED_AFTER = 60.0
"""Seconds after which the same wish, made again, is a new question and the old one void."""


def consider(book: Book, wish: Wish, *, answering: bool, in_chat: bool) -> tuple[Verdict, Intent | None]:
    """Judges a wish and writes down what follows at once: a question if a person must decide, or a denial.

    Returns:
        The verdict, and the question, the denial, or an intent that is past asking; None if policy asks
        nobody, and nobody said no a moment ago.
    """
    verdict = verdict_on(book, wish)
    if verdict.effect is Effect.ASK:
        return verdict, ask(book, wish, verdict, answering=answering, in_chat=in_chat)
    if verdict.effect is Effect.DENY:
        return verdict, deny(book, wish, verdict)
    return verdict, declined(book, wish)


def verdict_on(book: Book, wish: Wish) -> Verdict:
    """Policy's verdict with what is used now."""
    holds = holds_for(wish.quote, wish.policy, book.now)
    known = usage(book.session, wish.quote, wish.policy, (hold.bucket for hold in holds), book.now)
    return judge(wish.quote, known, wish.policy, book.now, keyed=wish.key is not None)


def ask(book: Book, wish: Wish, verdict: Verdict, *, answering: bool = False, in_chat: bool = True) -> Intent:
    """The open question about this wish, or a new one; an intent that is past asking is given as it is.

    So is one without a key to which a person said no a moment ago: the same wish is not asked about again.

    A question whose facts, reasons or policy are no longer true is replaced; the team's budget, which moves
    with every colleague's gift, is none of them, and is looked at again before an order. A wish that is made
    again in the chat after a while (not one that is being answered) is a new question, with the budget of
    then. A question that waits for a person elsewhere keeps its number.
    """
    expire_old(book)
    intent = _standing(book, wish)
    if intent is not None and intent.state not in NOTHING_ORDERED:
        if intent.state not in OPEN:
            return intent
        waited = (book.now - intent.proposed_at).total_seconds()
        same = (
            intent.quote_digest == wish.quote.digest
            and intent.asks == verdict.asks
            and intent.policy_version == wish.policy.version
        )
        elsewhere = not in_chat or verdict.outside_chat or bool(intent.reason)
        elsewhere = elsewhere or intent.state is State.APPROVED
        if same and (answering or elsewhere or waited <= RENEWED_AFTER):
            return intent
        book.move(intent, State.EXPIRED, wish.principal, reason="replaced")
    elif intent is None and (no := declined(book, wish)) is not None:
        return no
    _refuse_a_flood(book, wish)
    proposed = book.propose(
        wish,
        verdict.asks,
        expires_at=book.now + timedelta(hours=float(wish.policy.approval.answer_within_hours)),
    )
    return book.move(proposed, State.AWAITING_APPROVAL, wish.principal, detail=_reasons(verdict))


def _refuse_a_flood(book: Book, wish: Wish) -> None:
    """More questions than a person would read hide the one that matters."""
    sql = f"SELECT count(*) FROM intents WHERE principal = ? AND state IN ({_OPEN})"  # noqa: S608 - literals
    if int(book.session.rows(sql, wish.principal)[0][0]) >= MOST_OPEN:
        raise BadArgument(
            f"{MOST_OPEN} questions wait for a person already. Have them answered, or withdraw some, before "
            "you ask for more."
        )


def deny(book: Book, wish: Wish, verdict: Verdict) -> Intent:
    """Writes down that policy forbade a wish, and ends its open question: a yes to that is void.

    An intent that is past asking is given as it is.
    """
    intent = _standing(book, wish)
    if intent is not None and intent.state not in NOTHING_ORDERED | OPEN:
        return intent
    if intent is None or intent.state not in OPEN:
        intent = book.propose(wish, verdict.asks, expires_at=book.now)
    return book.move(intent, State.DENIED, wish.principal, reason=_codes(verdict), detail=_reasons(verdict))


def decline(book: Book, intent_id: str | None, actor: str, wish: Wish | None = None) -> Intent:
    """Takes a no. What was ordered before it came stays ordered.

    If another question about the same wish took the place of this one, the no is the answer to that, too.

    Args:
        book: the open transaction.
        intent_id: the question that was answered; None if only the wish is known.
        actor: who says no.
        wish: what it was about. With it a no is remembered also if no question about it is open any more:
            one that was withdrawn or replaced meanwhile, or that policy would not ask now.
    """
    intent = None if intent_id is None else book.intent(intent_id)
    if intent is None and wish is not None:
        intent = _standing(book, wish)
    elif intent is not None and intent.state is State.EXPIRED:
        intent = _about(book, intent.principal, intent.key, intent.digest) or intent
    if wish is not None and (intent is None or intent.state in NOTHING_ORDERED):
        intent = book.propose(wish, frozenset(), expires_at=book.now)
        intent = book.move(intent, State.AWAITING_APPROVAL, wish.principal)
    if intent is None:
        raise ValueError("a no is about a question or about a wish")
    if intent.state in OPEN:
        return book.move(intent, State.DECLINED, actor, reason="person_declined")
    return intent


def expire(book: Book, intent_id: str, actor: str, reason: str, states: frozenset[State] = OPEN) -> Intent:
    """Takes a question back: an answer to it is too late, a yes to it void; but it may be asked again.

    Nothing happens to one that is in none of `states`.
    """
    intent = book.intent(intent_id)
    if intent.state in states:
        return book.move(intent, State.EXPIRED, actor, reason=reason)
    return intent


def expire_old(book: Book) -> None:
    """Ends the questions that nobody can answer any more."""
    where = f"i.state IN ({_OPEN}) AND i.expires_at <= ? ORDER BY i.expires_at, i.id"
    for intent in load(book.session, where, to_text(book.now)):
        unused = intent.state is State.APPROVED
        book.move(intent, State.EXPIRED, "ledger", reason="yes_not_used" if unused else "nobody_answered")


def defer(book: Book, intent_id: str, reason: str) -> Intent:
    """Leaves a question open that was not really answered in the chat; it is not asked there again."""
    intent = book.intent(intent_id)
    if intent.state is State.AWAITING_APPROVAL:
        return book.move(intent, State.AWAITING_APPROVAL, "ledger", reason=reason)
    return intent


def _standing(book: Book, wish: Wish) -> Intent | None:
    """The intent that a wish is about: its key's, or without one the question about it that is open."""
    return _about(book, wish.principal, wish.key, wish.quote.request.digest)


def _about(book: Book, principal: str, key: str | None, digest: str) -> Intent | None:
    if key is not None:
        return book.with_key(principal, key, digest)
    where = (
        f"i.principal = ? AND i.digest = ? AND i.idempotency_key IS NULL AND i.state IN ({_OPEN}) "
        f"ORDER BY CASE i.state WHEN '{State.APPROVED}' THEN 0 ELSE 1 END, i.id"
    )
    return next(iter(load(book.session, where, principal, digest)), None)


def declined(book: Book, wish: Wish) -> Intent | None:
    """What a person said no to a moment ago, if it is this very wish and has no key."""
    if wish.key is not None:
        return None
    where = (
        "i.principal = ? AND i.digest = ? AND i.idempotency_key IS NULL "
        f"AND i.state = '{State.DECLINED}' AND i.changed_at > ? AND i.changed_at < ? "
        "ORDER BY i.changed_at DESC, i.id LIMIT 1"
    )
    found = load(book.session, where, wish.principal, wish.quote.request.digest, *moment_ago(book.now))
    return next(iter(found), None)


def _codes(verdict: Verdict) -> str:
    return " ".join(dict.fromkeys(reason.code for reason in verdict.deciding))


def _reasons(verdict: Verdict) -> dict[str, object]:
    return {"reasons": [reason.code for reason in verdict.reasons]}
