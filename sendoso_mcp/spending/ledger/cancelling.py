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

    `answer_ignored` says that an answer in the chat did not count: it is not put there again.
    """

    id: str
    principal: str
    send_id: str
    facts: Facts
    stage: Stage
    asked_at: datetime
    expires_at: datetime
    answer_ignored: bool = False

    @property
    def seal(self) -> str:
        """Names everything that a yes to it is a yes to."""
        return digest_of(canonical([self.id, self.send_id, self.facts]))


def ask_to_cancel(book: Book, principal: str, send_id: str, facts: Facts, within: timedelta) -> Cancellation:
    """The open question about cancelling a send, or a new one if there is none or its facts have changed.

    Raises:
        BadArgument: so many are open that a person would not read another.
    """
    for found in _load(
        book, "principal = ? AND send_id = ? AND state IN ('awaiting', 'approved')", principal, send_id
    ):
        if found.expires_at > book.now and found.facts == facts:
            return replace(found, answer_ignored=deeds.was_done(book.session, deeds.ANSWER_IGNORED, found.id))
        _bring(book, found, Stage.EXPIRED, "ledger")
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
    if yes and deeds.was_done(book.session, deeds.ANSWER_IGNORED, asked.id):
        return False
    stage = Stage.APPROVED if yes else Stage.DECLINED
    given = decide(book, asked.id, asked.seal, stage, actor) is Granted.DONE
    return given and yes and use(book, asked.id, asked.seal, actor)


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
