"""A person's yes, bound to what was shown to them, and good for one gift."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sendoso_mcp.spending.quote import Quote

ANSWER_WITHIN = 24 * 3600.0
"""Seconds for which a question can be answered."""
RENEWED_AFTER = 60.0
"""Seconds after which the same wish, made again, is a new question and the old one void."""

_Wish = tuple[str, str | None]


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
    """What a person is asked about, under a number. It is put in the same words until it is answered.

    `put_at` is in seconds on the register's clock.
    """

    number: str
    quote: Quote
    put_at: float


class Questions:
    """The questions that wait for an answer: one for each wish, each good for one answer.

    A client may send an answer again, and the protocol cannot tell (MCP 2026-07-28 asks in rounds and keeps
    no state). The number is part of the question, so once it is answered, the same wish is another question.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[_Wish, Question] = {}
        self._wishes: dict[str, _Wish] = {}

    def about(self, quote: Quote, key: str | None, *, answering: bool = False) -> Question:
        """The open question about this wish (and idempotency key), or a new one.

        A question whose facts are no longer true is replaced; the team's budget, which moves with every
        colleague's gift, is none of them, and is looked at again before an order. A wish that is made again
        after a while (not one that is being answered) is a new question, with the budget of then.
        """
        self._forget()
        wish = (quote.request.digest, key)
        question = self._open.get(wish)
        stale = question is not None and not answering and self._now() - question.put_at > RENEWED_AFTER
        if question is None or stale or question.quote.digest != quote.digest:
            if question is not None:
                self.close(question.number)
            question = self._open[wish] = Question(secrets.token_hex(4), quote, self._now())
            self._wishes[question.number] = wish
        return question

    def close(self, number: str) -> Question | None:
        """Takes the answer to a question: gives the question once, then None."""
        wish = self._wishes.pop(number, None)
        return None if wish is None else self._open.pop(wish)

    def _forget(self) -> None:
        """Drops the questions that nobody can answer any more; the oldest come first."""
        for question in list(itertools.takewhile(self._is_over, self._open.values())):
            self.close(question.number)

    def _is_over(self, question: Question) -> bool:
        return self._now() - question.put_at > ANSWER_WITHIN
