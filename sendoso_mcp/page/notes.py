"""What a person is told of an answer that did not count. Each note says what was not done."""

from __future__ import annotations

from datetime import UTC, datetime

from sendoso_mcp.page.markup import Html, el
from sendoso_mcp.page.seals import FORM_LIFE, Kind, Note
from sendoso_mcp.page.words import clock, moment, span

NOTHING = "Nothing was approved, and nothing was ordered."
SET_PIN = el("code", "sendoso-mcp approvals set-pin")

_NOTES: dict[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.WRONG_PIN: ("Nothing was approved", (f"That PIN is not right. {NOTHING}",)),
    Kind.NO_PIN: ("Nothing was approved", (f"Approving needs the approver's PIN. {NOTHING}",)),
    Kind.NO_PIN_SET: (
        "Nothing was approved",
        (
            f"No approver's PIN is set yet. {NOTHING} On the machine that runs this server, run ",
            SET_PIN,
            " at a terminal, then answer again.",
        ),
    ),
    Kind.TOO_SOON: (
        "Nothing was approved",
        (f"That was too soon after a wrong PIN, so the PIN was not looked at. {NOTHING}",),
    ),
    Kind.CHANGED: (
        "The facts have changed",
        (f"They are not those that you answered. {NOTHING} Below is what holds now: read it again.",),
    ),
    Kind.CLOSED: (
        "Your answer changed nothing",
        ("The question had been answered or closed before. By your answer nothing was approved or ordered.",),
    ),
    Kind.USED: (
        "This form was sent before",
        ("A form counts once. By sending it again nothing was approved, and nothing was ordered.",),
    ),
    Kind.STALE: (
        "This form was too old",
        (
            f"A form counts for {FORM_LIFE // 60} minutes, and until the server is started again. {NOTHING} "
            "If the question is still open, answer it with the form below.",
        ),
    ),
}
# Said only of a question that is still open: once it is not, the page tells what became of it.
OF_OPEN = frozenset({Kind.WRONG_PIN, Kind.NO_PIN, Kind.NO_PIN_SET, Kind.TOO_SOON, Kind.CHANGED})
_OF_PIN = {
    Kind.WRONG_PIN: "That PIN is not right.",
    Kind.NO_PIN: "The PIN is missing.",
    Kind.TOO_SOON: "Too soon: the PIN was not looked at.",
}


def beside_pin(note: Note | None) -> Html:
    """What is wrong with the PIN, for its field; empty if nothing is."""
    wrong = _OF_PIN.get(note.kind) if note is not None else None
    return el("p", wrong, id="pin-wrong", class_="wrong") if wrong else Html()


def title_of(note: Note) -> str:
    """What it is about, in a few words."""
    return _NOTES[note.kind][0]


def alert(note: Note, now: datetime, *, linked: bool) -> Html:
    """The note at the top of the page; `linked` to the field that it is about, if that is there."""
    title, text = _NOTES[note.kind]
    parts = [el("h2", title), el("p", *text)]
    if note.until:
        left, then = note.until - now.timestamp(), datetime.fromtimestamp(note.until, UTC)
        if left > 0:
            at = clock(then) if left < 3_600 else moment(then)
            parts.append(el("p", "The next try counts in ", span(left), ", at ", at, "; none before it."))
        else:
            parts.append(el("p", "You can try again now."))
    if linked and note.kind in _OF_PIN:
        parts.append(el("p", el("a", "To the PIN", href="#pin")))
    return el("div", *parts, class_="alarm", role="alert")
