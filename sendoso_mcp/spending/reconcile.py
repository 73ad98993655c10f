"""Which send at Sendoso is the order whose answer was lost, if any is?

Pure: the guard reads the list and the ledger, and this module compares. To claim somebody else's send is
the worst it could do (a gift that never left would be called sent), so it claims one only if it is certain,
and leaves the rest to a person.

With a mark, our own word in `crm_id`, nearly everything is decided: nobody else has it. Without one there
are only the facts (person, gift, words, CRM record) and the time, and some cases nobody can tell apart:

- Somebody else orders the same gift with the same words for the same person in the seconds of our own lost
  order, and ours never arrives. The list then looks just as if ours had arrived.
- Sendoso's clock is ahead of ours: then those seconds begin that much earlier.
- Ours did arrive, but is told more than `CLOCKS` too early, or is not made yet, or more than `LATE` too late.
  (Where ours is in sight, somebody else's beside it makes two, and two are never decided.)

A mark settles all three.

A send that was cancelled or failed is still what became of an order. But to confirm it would say "sent" of a
gift that is not coming, and post a cost that came back (cancelled) or may have (failed: the contract does not
say). And it makes a live look-alike no more certain: a colleague may have called ours back and ordered it
again. So it is a doubt, with a mark too, and a person sees what became of it.

`scheduled_date` decides nothing: Sendoso does not tell it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum

from sendoso_mcp.models import NOT_COMING, ItemRef, RecipientRef, Send

CLOCKS = timedelta(seconds=30)
"""How far before our order a send may be told and still be it, if the clocks disagree: a doubt."""
MARGIN = timedelta(seconds=1)
"""How far after the last possible answer a send may be told and be certain."""
LATE = timedelta(minutes=2)
"""How long after the last possible answer a hung Sendoso may still make the send: a doubt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order given to Sendoso whose outcome is not known.

    Attributes:
        crm_id: as the caller gave it.
        mark: what was sent as `crm_id` instead, where the caller left it free and policy allows a mark.
        begun_at: our clock, in UTC, just before the first byte left.
        ended_by: no answer can have been produced by a request still alive after this.
    """

    intent_id: str
    recipient_id: str
    item_id: str
    message: str | None
    crm_id: str | None
    crm_type: str | None
    scheduled_date: date | None
    mark: str | None
    begun_at: datetime
    ended_by: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """What was found: the one send that is certainly ours, or else what a person should look at."""

    send: Send | None
    candidates: tuple[Send, ...]


def new_mark(intent_id: str) -> str:
    """A word for `crm_id` that only this intent has."""
    return f"gift-{hashlib.sha256(intent_id.encode()).hexdigest()[:12]}"


def days_to_read(attempt: Attempt) -> tuple[date, date]:
    """The first and the last day whose sends have to be read.

    A day wider than the time at both ends: the days of Sendoso's filter may be those of another time zone.
    """
    day = timedelta(days=1)
    return (attempt.begun_at - CLOCKS).date() - day, (attempt.ended_by + LATE).date() + day


def match(
    attempt: Attempt, sends: Iterable[Send], *, owned: Collection[str], rivals: Iterable[Attempt]
) -> Match:
    """The send that this attempt made.

    Args:
        attempt: the order whose answer was lost.
        sends: what Sendoso lists for `days_to_read`, all pages, in any order; a send that moved from one page
            to another while they were read may be there twice. To be read after `ended_by`: earlier, ours
            may not be there yet while a look-alike is.
        owned: ids of the sends of other intents. To be read after the rivals: one that is settled in between
            then owns its send.
        rivals: our other orders whose outcome is not known, on their way or not. To be read after the list:
            one that was begun in between may have made a send that is on it.
    """
    seen: dict[str, Send] = {}
    for send in sends:
        if send.id not in owned and (send.id not in seen or _newness(send) > _newness(seen[send.id])):
            seen[send.id] = send
    fits = {id_: _fit(attempt, send) for id_, send in seen.items()}
    candidates = sorted((send for id_, send in seen.items() if fits[id_]), key=_age)
    if len(candidates) == 1:
        [only] = candidates
        others = (rival for rival in rivals if rival.intent_id != attempt.intent_id)
        if fits[only.id] is _Fit.CERTAIN and not any(_fit(other, only) for other in others):
            return Match(only, ())
    return Match(None, tuple(candidates))


def differences(attempt: Attempt, send: Send) -> tuple[str, ...]:
    """The facts by which a send cannot be this attempt's; none of them for one that is, or could be."""
    facts = {
        "recipient": _ref(attempt.recipient_id, send.recipient),
        "gift": _ref(attempt.item_id, send.item),
        "CRM id": _same(attempt.mark or attempt.crm_id, send.crm_id),
    }
    if attempt.mark is None:
        facts |= {
            "message": _same(_words(attempt.message), _words(send.message)),
            "CRM type": _crm_type(attempt.crm_type, send.crm_type),
            "time": _time(attempt, send.created_at),
        }
    return tuple(name for name, fit in facts.items() if fit is _Fit.NO)


class _Fit(IntEnum):
    """Whether a send is the one, judged by one fact or by all: the weakest of its facts decides."""

    NO = 0
    DOUBT = 1
    CERTAIN = 2


def _fit(attempt: Attempt, send: Send) -> _Fit:
    fit = min(_ref(attempt.recipient_id, send.recipient), _ref(attempt.item_id, send.item))
    if send.status in NOT_COMING:
        fit = min(fit, _Fit.DOUBT)
    if attempt.mark is not None:
        # An unmarked look-alike is somebody else's: nothing but the mark counts.
        return min(fit, _same(attempt.mark, send.crm_id))
    return min(
        fit,
        _same(_words(attempt.message), _words(send.message)),
        _same(attempt.crm_id, send.crm_id),
        _crm_type(attempt.crm_type, send.crm_type),
        _time(attempt, send.created_at),
    )


def _same(ours: str | None, told: str | None) -> _Fit:
    return _Fit.CERTAIN if (ours or "") == (told or "") else _Fit.NO


def _ref(ours: str, told: RecipientRef | ItemRef | None) -> _Fit:
    return _same(ours, told.id) if told and told.id else _Fit.DOUBT


def _crm_type(ours: str | None, told: str | None) -> _Fit:
    # The contract's two descriptions of a send differ in whether the type is told at all.
    return _Fit.DOUBT if ours and not told else _same(ours, told)


def _time(attempt: Attempt, told: datetime | None) -> _Fit:
    """When it was made. What is told may be cut, as clocks do it, or rounded, as databases do."""
    if told is None:
        return _Fit.DOUBT
    unit = _unit(told)
    # Only our own times are calculated with: what Sendoso tells may be at an end of the calendar.
    if attempt.begun_at + unit / 2 <= told <= attempt.ended_by + MARGIN:
        return _Fit.CERTAIN
    earliest, latest = attempt.begun_at - CLOCKS - unit, attempt.ended_by + LATE + unit / 2
    return _Fit.DOUBT if earliest <= told <= latest else _Fit.NO


def _unit(told: datetime) -> timedelta:
    """How exactly a time is told: a fraction that is zero is taken for one that was left out."""
    if told.microsecond == 0:
        return timedelta(seconds=1)
    return timedelta(milliseconds=1) if told.microsecond % 1000 == 0 else timedelta(microseconds=1)


def _words(message: str | None) -> str:
    """A message without what an API may change on the way: line endings, and space around it."""
    return (message or "").replace("\r\n", "\n").replace("\r", "\n").strip()


_NEVER = datetime.min.replace(tzinfo=UTC)


def _newness(send: Send) -> tuple[datetime, bool]:
    return send.updated_at or _NEVER, send.status in NOT_COMING


def _age(send: Send) -> tuple[bool, datetime, str]:
    return send.created_at is None, send.created_at or _NEVER, send.id
