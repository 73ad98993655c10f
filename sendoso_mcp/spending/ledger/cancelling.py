"""A person's yes or no to cancelling a send: asked for, answered, and used once."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.ledger import deeds
from sendoso_mcp.spending.ledger.asking import MOST_OPEN
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.granting import Granted
from sendoso_mcp.spending.ledger.hashing import canonical, digest_of, hash_of_row
from sendoso_mcp.spending.ledger.records import to_text, to_time
from sendoso_mcp.spending.ledger.usage import moment_ago

Facts = tuple[tuple[str, str], ...]
"""What a person is shown of it: labels and texts."""


class Stage(StrEnum):
    """Where a cancellation is."""

    AWAITING = "awaiting"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    USED = "used"


OPEN_STAGES = frozenset({Stage.AWAITING, Stage.APPROVED})
_COLUMNS = "id, principal, send_id, facts, state, asked_at, expires_at"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One question whether a send may be cancelled.

    `answer_ignored` says that an answer in the chat did not count: it is not put there again. `declined_at`
    is when a person said no to it, if that was so short a time ago that nobody is asked anew.
    """

    id: str
    principal: str
    send_id: str
    facts: Facts
    stage: Stage
    asked_at: datetime
    expires_at: datetime
    answer_ignored: bool = False
    declined_at: datetime | None = None

    @property
    def seal(self) -> str:
        """Names everything that a yes to it is a yes to."""
        return digest_of(canonical([self.id, self.send_id, self.facts]))


def ask_to_cancel(book: Book, principal: str, send_id: str, facts: Facts, within: timedelta) -> Cancellation:
    """The open question about cancelling a send, or a new one if there is none or its facts have changed.

    The one that a person said no to, if they did a moment ago, whatever has changed since: nobody is asked
    until they click wrongly.

    Raises:
        BadArgument: so many are open that a person would not read another.
    """
    for found in _load(
        book, "principal = ? AND send_id = ? AND state IN ('awaiting', 'approved')", principal, send_id
    ):
        if found.expires_at > book.now and found.facts == facts:
            return replace(found, answer_ignored=deeds.was_done(book.session, deeds.ANSWER_IGNORED, found.id))
        _bring(book, found, Stage.EXPIRED, "ledger")
    if (no := _declined(book, principal, send_id)) is not None:
        return no
    _refuse_a_flood(book, principal)
    asked = Cancellation(
        secrets.token_hex(6), principal, send_id, facts, Stage.AWAITING, book.now, book.now + within
    )
    book.session.execute(
        f"INSERT INTO cancellations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - literals
        *_row(asked),
    )
    _record(book, asked, principal)
    return asked


def _declined(book: Book, principal: str, send_id: str) -> Cancellation | None:
    """What a person said no to a moment ago, if it is about this send."""
    sql = (
        "SELECT c.id, d.at FROM cancellations c JOIN deeds d ON d.subject = c.id AND d.what = ? "
        "WHERE c.principal = ? AND c.send_id = ? AND c.state = 'declined' AND d.at > ? AND d.at < ? "
        "ORDER BY d.at DESC, d.seq DESC LIMIT 1"
    )
    what = f"{deeds.CANCELLATION}{Stage.DECLINED}"
    for id_, at in book.session.rows(sql, what, principal, send_id, *moment_ago(book.now)):
        found = cancellation(book, id_)
        return found and replace(found, declined_at=to_time(at))
    return None


def _refuse_a_flood(book: Book, principal: str) -> None:
    """As for gifts, and counted apart: none of these can be withdrawn to make room for a gift."""
    sql = (
        "SELECT count(*) FROM cancellations "
        "WHERE principal = ? AND state IN ('awaiting', 'approved') AND expires_at > ?"
    )
    if int(book.session.rows(sql, principal, to_text(book.now))[0][0]) >= MOST_OPEN:
        raise BadArgument(
            f"{MOST_OPEN} questions about cancelling sends wait for a person already. Have them answered "
            "before you ask for more."
        )


def cancellation(book: Book, cancellation_id: str) -> Cancellation | None:
    """One of them."""
    return next(iter(_load(book, "id = ?", cancellation_id)), None)


def open_cancellations(book: Book) -> list[Cancellation]:
    """Those that a person can answer, or whose yes was not used yet; the oldest first."""
    where = "state IN ('awaiting', 'approved') AND expires_at > ? ORDER BY asked_at, id"
    return _load(book, where, to_text(book.now))


def defer(book: Book, cancellation_id: str) -> None:
    """Leaves a question open that was not really answered in the chat; see `asking.defer`. Idempotent."""
    if not deeds.was_done(book.session, deeds.ANSWER_IGNORED, cancellation_id):
        deeds.record(book.session, book.now, "ledger", deeds.ANSWER_IGNORED, subject=cancellation_id)


def dismiss(book: Book, cancellation_id: str, actor: str) -> bool:
    """Ends a question that was closed without an answer, which may be asked anew at once.

    Returns:
        False if somebody said yes to it meanwhile: that stands.
    """
    found = cancellation(book, cancellation_id)
    if found is not None and found.stage is Stage.AWAITING:
        _bring(book, found, Stage.EXPIRED, actor)
    return found is None or found.stage is not Stage.APPROVED


def decide(book: Book, cancellation_id: str, seal: str, stage: Stage, actor: str) -> Granted:
    """A person's yes (`approved`) or no (`declined`), or their taking back of a yes."""
    found = cancellation(book, cancellation_id)
    if found is None:
        return Granted.UNKNOWN
    open_to = OPEN_STAGES if stage is Stage.DECLINED else {Stage.AWAITING}
    if found.stage not in open_to or found.expires_at <= book.now:
        return Granted.CLOSED
    if found.seal != seal:
        return Granted.CHANGED
    _bring(book, found, stage, actor)
    return Granted.DONE


def answer(book: Book, asked: Cancellation, *, yes: bool, actor: str) -> bool:
    """A person's answer in the chat; whether it is a yes that counts, which is used up with it.

    A yes counts no more if another answer in the chat did not count: the question is a person's outside it by
    then, as with gifts (`ordering`). A no always does.
    """
    if not yes:
        keep(book, asked.principal, asked.send_id, actor)
        return False
    if deeds.was_done(book.session, deeds.ANSWER_IGNORED, asked.id):
        return False
    given = decide(book, asked.id, asked.seal, Stage.APPROVED, actor) is Granted.DONE
    return given and use(book, asked.id, asked.seal, actor)


def keep(book: Book, principal: str, send_id: str, actor: str) -> bool:
    """Takes a no to cancelling a send, whichever question about it is open by now.

    Returns:
        Whether one is, or was until a no a moment ago.
    """
    where = "principal = ? AND send_id = ? AND state IN ('awaiting', 'approved') AND expires_at > ?"
    found = _load(book, where, principal, send_id, to_text(book.now))
    for one in found:
        _bring(book, one, Stage.DECLINED, actor)
    return _declined(book, principal, send_id) is not None


def use(book: Book, cancellation_id: str, seal: str, actor: str) -> bool:
    """Uses a yes up; whether there was one, to these facts. Whoever used it cancels, once."""
    found = cancellation(book, cancellation_id)
    if found is None or found.stage is not Stage.APPROVED:
        return False
    if found.expires_at <= book.now or found.seal != seal:
        return False
    _bring(book, found, Stage.USED, actor)
    return True


def _bring(book: Book, found: Cancellation, stage: Stage, actor: str) -> None:
    book.session.execute("UPDATE cancellations SET state = ? WHERE id = ?", str(stage), found.id)
    _record(book, replace(found, stage=stage), actor)


def _record(book: Book, found: Cancellation, actor: str) -> None:
    _, principal, send_id, facts, _, *times = _row(found)
    deeds.record(
        book.session,
        book.now,
        actor,
        f"{deeds.CANCELLATION}{found.stage}",
        subject=found.id,
        document=hash_of_row((principal, send_id, facts, *times)),
    )


def _row(found: Cancellation) -> tuple[str, ...]:
    return (
        found.id,
        found.principal,
        found.send_id,
        canonical(found.facts),
        str(found.stage),
        to_text(found.asked_at),
        to_text(found.expires_at),
    )


def _load(book: Book, where: str, *parameters: object) -> list[Cancellation]:
    sql = f"SELECT {_COLUMNS} FROM cancellations WHERE {where}"  # noqa: S608 - `where` is a literal of this file
    return [_cancellation(*row) for row in book.session.rows(sql, *parameters)]


def _cancellation(
    id_: str, principal: str, send_id: str, facts: str, stage: str, *times: Any
) -> Cancellation:
    asked_at, expires_at = (to_time(at) for at in times)
    told = tuple((str(label), str(text)) for label, text in json.loads(facts))
    return Cancellation(id_, principal, send_id, told, Stage(stage), asked_at, expires_at)
