"""A person's yes, bound to what was shown to them, and good for one gift."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sendoso_mcp.spending.quote import Quote


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


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked about, under a number. It is put in the same words until it is answered."""

    number: str
    quote: Quote


class Questions:
    """The questions that wait for an answer: one for each wish, each good for one answer.

    A client may send an answer again, and the protocol cannot tell (MCP 2026-07-28 asks in rounds and keeps
    no state). The number is part of the question, so once it is answered, the same wish is another question.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None], Question] = {}

    def about(self, quote: Quote, key: str | None) -> Question:
        """The open question about this wish (and idempotency key), or a new one.

        A question whose facts are no longer true is replaced. The team's budget is none of them: it moves
        with every colleague's gift, and is looked at again before an order.
        """
        wish = (quote.request.digest, key)
        question = self._open.get(wish)
        if question is None or question.quote.digest != quote.digest:
            question = self._open[wish] = Question(secrets.token_hex(4), quote)
        return question

    def close(self, number: str) -> Question | None:
        """Takes the answer to a question: gives the question once, then None."""
        for wish, question in self._open.items():
            if question.number == number:
                return self._open.pop(wish)
        return None
