"""What the sandbox says no to; `app` gives each its status code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """The request was understood, and nothing was done."""


class Malformed(Refusal):
    """The body is no JSON object."""


class BadKey(Refusal):
    """No API key came along, or one that is not accepted."""


class BudgetSpent(Refusal):
    """The team's remaining budget does not cover the cost."""


class Unknown(Refusal):
    """There is no such thing."""


class TooLate(Refusal):
    """The send has left the state in which this was possible."""


class Invalid(Refusal):
    """Some fields cannot be accepted; `errors` says why, field by field."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("Validation failed")
        self.errors = errors
