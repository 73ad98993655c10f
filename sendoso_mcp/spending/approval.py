"""A person's yes, bound to what was shown to them, and good for one gift."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sendoso_mcp.spending.quote import Quote, SendRequest


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed to one quote when asked one question.

    `rung` says how they were asked, such as `chat_form`.
    """

    quote_digest: str
    question: str
    rung: str

    @classmethod
    def of(cls, quote: Quote, *, question: str, rung: str) -> Approval:
        """The yes to `quote` that answered the question of this number."""
        return cls(quote.digest, question, rung)

    def covers(self, quote: Quote) -> bool:
        """Whether this yes was given to exactly these facts."""
        return self.quote_digest == quote.digest


class Questions:
    """The questions that wait for an answer: one for each wish, each good for one answer.

    A client may send an answer again, and the protocol cannot tell (MCP 2026-07-28 asks in rounds and keeps
    no state). The number is part of the question, so once it is answered, the same wish is another question.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None], str] = {}

    def number(self, request: SendRequest, key: str | None) -> str:
        """The number of the open question about this wish (and idempotency key), or of a new one."""
        return self._open.setdefault((request.digest, key), secrets.token_hex(4))

    def close(self, number: str) -> bool:
        """Takes the answer: true once, then false."""
        for wish, open_number in self._open.items():
            if open_number == number:
                del self._open[wish]
                return True
        return False
