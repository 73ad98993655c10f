"""Questions in words for the person who decides, and as data."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import Any

from sendoso_mcp.cli.output import cell, moment
from sendoso_mcp.fields import in_usd
from sendoso_mcp.hygiene import clean_data, quoted
from sendoso_mcp.spending.desk import Question, Stand

HOW = """\
To see everything:   sendoso-mcp approvals show ID
To say yes:          sendoso-mcp approvals approve ID
To say no:           sendoso-mcp approvals reject ID
To take a yes back:  sendoso-mcp approvals revoke ID"""

_LONGEST = 600
"""Characters of one text: no field that a gift can carry is meant to be longer."""
_WIDTH = 79
"""Columns: even a narrow terminal has as many."""
Facts = list[tuple[str, str]]


def is_open(question: Question, now: datetime) -> bool:
    """Whether anything can still be decided about it."""
    return question.stand is not Stand.CLOSED and now < question.expires_at


def how_many(questions: int) -> str:
    """The first line of a list."""
    return {0: "No question is open.", 1: "1 question is open."}.get(
        questions, f"{questions} questions are open."
    )


def in_short(question: Question, now: datetime) -> str:
    """The question for a list: its first facts say whom it is about and what."""
    facts = [(cell(label), _told(text, longest=80)) for label, text in question.lines[:3]]
    return f"{_head(question, now)}\n{block([*_price(question), *facts])}"


def in_full(question: Question, now: datetime) -> str:
    """Everything that is known of it."""
    facts: Facts = [("Asks", "to send this gift" if question.price is not None else "to cancel this send")]
    facts += _price(question)
    facts += [(cell(label), _told(text)) for label, text in question.lines]
    facts += [("Asked by", _told(question.asked_by)), ("Asked on", moment(question.asked_at))]
    lines = [_head(question, now), block(facts)]
    if question.why:
        lines += ["Why a person is asked:", *(f"  {cell(reason, longest=300)}" for reason in question.why)]
    return "\n".join([*lines, "What stands in quotation marks was written by others."])


def became(question: Question, now: datetime) -> str:
    """Why nothing can be decided about it any more."""
    if question.stand is Stand.CLOSED:
        return f"It is closed: {cell(question.ended_as, longest=120) or 'nothing more is known'}."
    if question.stand is Stand.APPROVED:
        if now < question.expires_at:
            return f"It is approved already. {calls_again(question)}"
        return f"It expired at {moment(question.expires_at)}, before the yes was used."
    return f"It expired at {moment(question.expires_at)}."


def calls_again(question: Question) -> str:
    """What has to follow a yes."""
    tool, what = ("create_send", "ordered") if question.price is not None else ("cancel_send", "cancelled")
    until = moment(question.expires_at)
    return f"Nothing is {what} yet: the assistant must call {tool} again before {until}."


def question_data(question: Question) -> dict[str, Any]:
    """The question for a machine; amounts are US dollars, times UTC."""
    return {
        "kind": "question",
        "id": question.id,
        "asks": "send" if question.price is not None else "cancel",
        "stand": str(question.stand),
        "ended_as": clean_data(question.ended_as) if question.ended_as else None,
        "price": None if question.price is None else float(question.price),
        "facts": clean_data(dict(question.lines)),
        "why": clean_data(list(question.why)),
        "asked_by": clean_data(question.asked_by),
        "asked_at": iso(question.asked_at),
        "expires_at": iso(question.expires_at),
    }


def _head(question: Question, now: datetime) -> str:
    if not is_open(question, now):
        stand = "closed" if question.stand is Stand.CLOSED else "expired"
    elif question.stand is Stand.APPROVED:
        stand = f"approved, to be used until {moment(question.expires_at)}"
    else:
        stand = f"waits for an answer until {moment(question.expires_at)}"
    return f"Question {cell(question.id)}: {stand}"


def _price(question: Question) -> Facts:
    if question.price is None:
        return [("Price", "none: it is about cancelling a send")]
    return [("Price", f"{in_usd(question.price)} plus shipping and fees as Sendoso sets them")]


def _told(text: str, *, longest: int = _LONGEST) -> str:
    """Text from outside, cut in the middle, so that a long beginning cannot hide the end."""
    if len(text) <= longest:
        return quoted(text, longest=longest)
    half = longest // 2
    ends = f"{quoted(text[:half], longest=half)} ... {quoted(text[-half:], longest=half)}"
    return f"{ends} (cut in the middle: it has {len(text):,} characters)"


def block(facts: Facts) -> str:
    """Facts below each other; a text may have several lines.

    Long lines are broken here and not by the terminal: there the rest of a text would start at the very
    left, where it could look like a line of ours.
    """
    width = max(len(label) for label, _ in facts) + 1
    lines = []
    for label, text in facts:
        first, *more = [part for line in text.split("\n") for part in _broken(line, _WIDTH - width - 4)]
        lines.append(f"  {label + ':':<{width}}  {first}")
        lines += [f"  {'':<{width}}  {line}" for line in more]
    return "\n".join(lines)


def _broken(line: str, columns: int) -> list[str]:
    # A letter that is not ASCII may take two columns.
    return textwrap.wrap(line, columns if line.isascii() else columns // 2, break_on_hyphens=False) or [""]


def iso(at: datetime) -> str:
    """A moment for a machine."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
