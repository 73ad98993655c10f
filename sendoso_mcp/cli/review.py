"""`sendoso-mcp review`: the orders whose outcome is not known, and a person's word on what became of them.

Nothing but a person at a terminal settles money here. There is no option that skips the question, and where
standard input or output is no terminal it is not even asked: a model that can run commands in some other tool
has no terminal, unless it goes to some lengths to make one.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import anyio

from sendoso_mcp.api import Sendoso, connect
from sendoso_mcp.cli import reviewing
from sendoso_mcp.cli.output import cell, readers
from sendoso_mcp.cli.terminal import at_terminal, says_yes
from sendoso_mcp.cli.user import user_name
from sendoso_mcp.errors import ApiError, BadArgument, SettingsError, one_error
from sendoso_mcp.fields import check_id, in_usd
from sendoso_mcp.models import Send
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.ledger import Intent, Ledger, Outcome, State, in_thread
from sendoso_mcp.spending.pace import Pace
from sendoso_mcp.spending.policy_file import read_policy
from sendoso_mcp.spending.reconcile import LATE, Match, differences
from sendoso_mcp.spending.recovery import Recovery, attempt_of

_WAITING = (State.UNKNOWN, State.NEEDS_REVIEW)
_UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants: a list, a look at one intent, or to say what became of it.

    `force` settles it although something speaks against that.
    """

    intent: str = ""
    sent: str = ""
    not_sent: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the ledger and Sendoso say before anything is settled."""

    intent: Intent
    found: Match | None = None
    """What Sendoso shows of the order now; None if it could not be looked at."""
    send: Send | None = None
    """The send that the person named."""


def review(settings: Settings, request: Request) -> int:
    """Shows or settles; gives the exit status: 1 if nothing was settled that should have been.

    Raises:
        SettingsError: there is no ledger, or no account to look at.
        BadArgument: it cannot be done as asked; nothing was changed.
        LedgerUnavailable: the ledger cannot be used.
    """
    if settings.sandbox:
        raise SettingsError(
            "`sendoso-mcp review` looks at Sendoso before it shows anything, so it needs SENDOSO_API_KEY. "
            "The embedded sandbox has nothing to review: what it sends ends with it."
        )
    _check(request)
    # Before it is opened to be written, as that would make one.
    with closing(Ledger(settings.ledger, account=settings.account, read_only=True)) as there:
        there.open()
    status = 1
    with readers(), closing(Ledger(settings.ledger, account=settings.account)) as ledger:
        if not request.intent:
            status = _list(settings, ledger)
        else:
            with one_error():
                seen = anyio.run(_look, settings, ledger, request)
            status = _settle(ledger, seen, request)
    return status


def _check(request: Request) -> None:
    settles = bool(request.sent or request.not_sent)
    if request.force and not settles:
        raise BadArgument(f"--force goes with --sent or --not-sent. {_UNCHANGED}")
    if settles and not request.intent:
        raise BadArgument(f"Say which intent: sendoso-mcp review INTENT --sent SEND_ID. {_UNCHANGED}")
    if request.sent:
        try:
            check_id(request.sent)
        except ValueError as error:
            raise BadArgument(f"--sent: {error}. {_UNCHANGED}") from None
    if settles and not at_terminal():
        raise BadArgument(
            f"Only a person at a terminal can say what became of an order. {_UNCHANGED} Run this command in "
            "a terminal, without sending its input or output elsewhere."
        )


def _list(settings: Settings, ledger: Ledger) -> int:
    before = {intent.id for intent in ledger.unsettled()}
    with one_error():
        anyio.run(_recover, settings, ledger)
    unsettled = ledger.unsettled()
    for intent_id in sorted(before - {intent.id for intent in unsettled}):
        print(f"Found at Sendoso just now: {reviewing.outcome(ledger.known(intent_id))}\n")
    waiting = [intent for intent in unsettled if intent.state in _WAITING]
    print(reviewing.how_many(len(waiting), under_way=len(unsettled) - len(waiting)))
    for intent in waiting:
        print("\n" + reviewing.order(intent, ledger.now()))
    if waiting:
        print("\n" + reviewing.HOW)
    return 0


async def _recover(settings: Settings, ledger: Ledger) -> None:
    sendoso = _connect(settings, ledger)
    try:
        await Recovery(sendoso, ledger).recover()
    finally:
        await sendoso.aclose()


async def _look(settings: Settings, ledger: Ledger, request: Request) -> _Seen:
    """The intent after a look at Sendoso that may settle it, and what a person needs to see beside it."""
    intent = await in_thread(ledger.intent, request.intent)
    if intent is None:
        raise BadArgument(f"The ledger has no intent {cell(request.intent)}. {_UNCHANGED}")
    sendoso = _connect(settings, ledger)
    try:
        recovery = Recovery(sendoso, ledger)
        intent = await recovery.reconcile(intent)
        if intent.state not in _WAITING:
            return _Seen(intent)
        if not request.sent:
            return _Seen(intent, found=await recovery.look(intent))
        try:
            return _Seen(intent, send=await sendoso.get_send(request.sent))
        except ApiError as error:
            raise BadArgument(f"{error} {_UNCHANGED}") from error
    finally:
        await sendoso.aclose()


def _connect(settings: Settings, ledger: Ledger) -> Sendoso:
    """Sendoso, at the rate that all who share the ledger keep to together."""
    policy = read_policy(settings.policy_file)
    return connect(
        base_url=settings.base_url,
        api_key=settings.api_key or "",
        pace=Pace(ledger, policy.api.requests_per_second),
    )


def _settle(ledger: Ledger, seen: _Seen, request: Request) -> int:
    intent = seen.intent
    if intent.state is State.DISPATCHING:
        until = reviewing.until(intent)
        print(f"Intent {intent.id} is being ordered right now, by a process that still runs. {until}")
        return 1
    if intent.state not in _WAITING:
        print(f"There is nothing to settle. {reviewing.outcome(intent)}")
        return 1
    print(reviewing.order(intent, ledger.now()))
    if seen.send is not None:
        return _settle_as_sent(ledger, intent, seen.send, force=request.force)
    print("\n" + reviewing.candidates(intent, seen.found))
    if request.not_sent:
        return _settle_as_not_sent(ledger, intent, seen.found, force=request.force)
    print("\n" + reviewing.HOW.replace("INTENT", intent.id))
    return 0


def _settle_as_sent(ledger: Ledger, intent: Intent, send: Send, *, force: bool) -> int:
    print("\n" + reviewing.send(send))
    if ledger.owned([send.id]):
        print(f"\n{send.id} is the send of another intent, and one send is one order. {_UNCHANGED}")
        return 1
    others = [
        other.id
        for other in ledger.unsettled()
        if other.id != intent.id and not differences(attempt_of(other), send)
    ]
    if others:
        print(f"\nIt could also be the send of {', '.join(others)}, of which it is not known either.")
    differing = differences(attempt_of(intent), send)
    if differing:
        objection = f"It is not what was ordered: another {', another '.join(differing)}."
        if not _goes_on(objection, force=force):
            return 1
    cancelled = reviewing.was_cancelled(send)
    print("\n" + reviewing.what_it_costs(intent, send))
    if not _says_yes(f"Is {send.id} this order?"):
        return 1
    reason = " ".join(("person_found_it", *(("although_other", *differing) if differing else ())))
    settled = _write(ledger, intent, Outcome(State.CONFIRMED, _actor(), send=send, reason=reason))
    if settled.state is not State.CONFIRMED or settled.attempt is None or settled.attempt.send_id != send.id:
        print(f"Meanwhile something else became of it. {reviewing.outcome(settled)}")
        return 1
    if cancelled:
        settled = ledger.cancelled(send.id, _actor()) or settled
    print(reviewing.outcome(settled))
    return 0


def _settle_as_not_sent(ledger: Ledger, intent: Intent, found: Match | None, *, force: bool) -> int:
    attempt = attempt_of(intent)
    if ledger.now() <= attempt.ended_by + LATE:
        print(f"\nIt is too early: the send may still appear at Sendoso. {reviewing.until(intent, LATE)}")
        return 1
    objection = ""
    if found is None:
        objection = "Sendoso could not be looked at just now, so the gift may be there."
    elif found.send is not None:
        objection = f"{found.send.id} is this order, by all that Sendoso says of it: see --sent."
    if objection and not _goes_on(objection, force=force):
        return 1
    held = in_usd(intent.attempt.held) if intent.attempt else ""
    print(f"\n{held} would no longer be held, and the same request could be made again.")
    if not _says_yes("Is it certain that no gift was ordered?"):
        return 1
    outcome = Outcome(State.NOT_SENT, _actor(), reason="person_says_not_sent")
    settled = _write(ledger, intent, outcome)
    if settled.state is not State.NOT_SENT:
        print(f"Meanwhile something else became of it. {reviewing.outcome(settled)}")
        return 1
    print(reviewing.outcome(settled))
    return 0


def _goes_on(objection: str, *, force: bool) -> bool:
    ending = "" if force else f" {_UNCHANGED} --force settles it all the same."
    print(f"\n{objection}{ending}")
    return force


def _says_yes(question: str) -> bool:
    return says_yes(question, otherwise=_UNCHANGED)


def _write(ledger: Ledger, intent: Intent, outcome: Outcome) -> Intent:
    """Settles it. What a person decides was waiting for a person: no way leads past that."""
    ledger.settle(intent.id, Outcome(State.NEEDS_REVIEW, outcome.actor, reason="taken_by_person"))
    return ledger.settle(intent.id, outcome)


def _actor() -> str:
    return f"review by {user_name() or 'a user without a name'}"
