"""What the page hands out and takes back: forms that are good for one answer, and notes on what came of it.

Both are made of a key that only this process has. Nothing about a visitor is kept, no cookie is set; only
which forms were sent is remembered, until they would be too old anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

FORM_LIFE = 15 * 60
"""Seconds in which a form must be sent."""
_NOTE_LIFE = 10 * 60


class Form(StrEnum):
    """What a form's token is worth."""

    GOOD = "good"
    USED = "used"
    STALE = "stale"
    """Too old, or not of this process, this question or these facts."""


class Kind(StrEnum):
    """What came of an answer that did not count, for the page that is shown after it."""

    WRONG_PIN = "wrong-pin"
    NO_PIN = "no-pin"
    NO_PIN_SET = "no-pin-set"
    TOO_SOON = "too-soon"
    CHANGED = "changed"
    CLOSED = "closed"
    USED = "used"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Note:
    """What came of an answer; `until` is when the next PIN is looked at, in seconds since the epoch."""

    kind: Kind
    until: int = 0


class Seals:
    """Makes and checks them."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now
        self._sent: dict[str, int] = {}

    @property
    def remembered(self) -> int:
        """How many forms that were sent are kept in mind."""
        return len(self._sent)

    def form(self, question_id: str, seal: str) -> str:
        """A token for one answer to a question with these facts."""
        nonce, expires = secrets.token_urlsafe(16), self._seconds() + FORM_LIFE
        return f"{nonce}.{expires}.{self._mac('form', question_id, seal, nonce, expires)}"

    def take(self, token: str, question_id: str, seal: str) -> Form:
        """Uses a token up. No two calls for one token find it good."""
        nonce, expires = self._open(token, "form", question_id, seal) or ("", 0)
        now = self._seconds()
        if expires <= now:
            return Form.STALE
        if nonce in self._sent:
            return Form.USED
        self._sent = {sent: end for sent, end in self._sent.items() if end > now} | {nonce: expires}
        return Form.GOOD

    def note(self, question_id: str, note: Note) -> str:
        """A note that can travel in an address, so that the page after an answer can be loaded again."""
        what, expires = f"{note.kind}~{note.until}", self._seconds() + _NOTE_LIFE
        return f"{what}.{expires}.{self._mac('note', question_id, '', what, expires)}"

    def read(self, text: str, question_id: str) -> Note | None:
        """The note; None for what was not written here, for this question, a short time ago."""
        what, expires = self._open(text, "note", question_id, "") or ("", 0)
        if expires <= self._seconds():
            return None
        kind, _, until = what.partition("~")
        return Note(Kind(kind), int(until))

    def _open(self, text: str, purpose: str, question_id: str, seal: str) -> tuple[str, int] | None:
        """The first part and the end of something that was made here for this; None for anything else."""
        head, _, mac = text.rpartition(".")
        what, _, expires = head.rpartition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return None
        due = self._mac(purpose, question_id, seal, what, int(expires))
        # As bytes: compare_digest refuses text that is not ASCII.
        if not hmac.compare_digest(due.encode(), mac.encode(errors="replace")):
            return None
        return what, int(expires)

    def _mac(self, *parts: str | int) -> str:
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    def _seconds(self) -> int:
        return int(self._now().timestamp())
