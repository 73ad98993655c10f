"""Every error a person or a model can meet.

Each message says what happened and the next step; what did *not* happen ("No gift was ordered") is
added by the layer that knows it: the tool that was called. No message carries upstream text.

    SendosoError
    ├── SettingsError            the environment or a configuration file cannot be used
    │   └── BadCredentials       SENDOSO_API_KEY or SENDOSO_BASE_URL cannot be used as written
    ├── LedgerUnavailable        what was ordered, or may be, cannot be written down or looked up now
    ├── BadArgument              an argument that no schema can catch (an unknown item, a reused key)
    ├── Unsettled                a write whose effect is not known; its text says where to look
    └── ApiError                 talking to Sendoso went wrong
        ├── TooBusy              its turn in the rate of requests did not come: Sendoso was not asked
        ├── NotConnected         no connection was ever made: the request was provably not received
        ├── OutcomeUnknown       the request may have been received, and no usable answer came back
        │   ├── Timeout          ... in time
        │   ├── ConnectionLost   ... because the connection broke
        │   ├── ServerFault      ... but a 5xx or another status that proves nothing
        │   └── UnreadableAnswer ... that could be read as what the contract promises
        └── Refused              Sendoso answered and explicitly declined the request
            ├── InvalidRequest   400
            ├── Unauthorized     401, 403
            ├── BudgetExceeded   402
            ├── NotFound         404
            ├── Conflict         409
            ├── ValidationFailed 422
            └── RateLimited      429

The branches under ApiError matter to money: NotConnected and Refused prove that nothing was ordered,
OutcomeUnknown proves nothing at all. TooBusy is of reads: an order waits for its turn however long it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SendosoError(Exception):
    """Base of all errors that are meant to be read by a person or a model.

    `str(error)` is one or two complete sentences, safe to show.
    """


class SettingsError(SendosoError):
    """The environment or a configuration file cannot be used as it is."""


class BadCredentials(SettingsError):
    """SENDOSO_API_KEY or SENDOSO_BASE_URL cannot be used as written."""


class BadArgument(SendosoError):
    """An argument is well formed but cannot be served."""


class Unsettled(SendosoError):
    """A write may or may not have happened. The text says so, and where to look before trying again."""


class LedgerUnavailable(SendosoError):
    """The ledger cannot be used now, and nothing was changed in it. Without it no gift can be ordered."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The ledger of what was spent cannot be used ({why}), and nothing is ordered without it. "
            "A person can run `sendoso-mcp doctor` to see what is wrong. Try again later."
        )
        self.why = why


class ApiError(SendosoError):
    """A request to Sendoso did not give what was asked for."""


class TooBusy(ApiError):
    """A request waited for its turn in the rate of requests until its time (seconds) was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "There are more requests than policy lets go to Sendoso in a second, and this one's turn did not "
            f"come within {seconds:g} seconds: Sendoso was not asked. Try again in a minute."
        )


class NotConnected(ApiError):
    """No connection was made, so Sendoso provably never saw the request."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Sendoso could not be reached at {host}. Check the network and SENDOSO_BASE_URL, then try again."
        )


class OutcomeUnknown(ApiError):
    """Sendoso may or may not have acted on the request."""


class Timeout(OutcomeUnknown):
    """Sendoso did not answer within the deadline (seconds)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Sendoso did not answer within {seconds:g} seconds.")


class ConnectionLost(OutcomeUnknown):
    """The connection broke after it was made."""

    def __init__(self) -> None:
        super().__init__("The connection to Sendoso broke before its answer was complete.")


class ServerFault(OutcomeUnknown):
    """Sendoso answered with a status that says nothing about what it did: 5xx, or one not in its contract."""

    def __init__(self, status: int) -> None:
        super().__init__(
            f"Sendoso had a problem of its own (HTTP {status})."
            if status >= 500
            else f"Sendoso answered with a status that its API does not use (HTTP {status}). "
            "Check SENDOSO_BASE_URL."
        )
        self.status = status


class UnreadableAnswer(OutcomeUnknown):
    """The answer is not what the API promises: HTML, cut JSON, missing ids, too large, a redirect."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The answer is not one of Sendoso's API ({what}). "
            "Check that SENDOSO_BASE_URL is the address of the API, such as https://app.sendoso.com/api/v2."
        )


class Refused(ApiError):
    """Sendoso answered and declined: nothing was done."""


class InvalidRequest(Refused):
    """HTTP 400. `fields` are the request's field names that Sendoso's answer mentions."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        super().__init__(f"Sendoso could not accept the request{_about(fields)} (HTTP 400).")
        self.fields = tuple(fields)


class Unauthorized(Refused):
    """HTTP 401 or 403."""

    def __init__(self, status: int = 401) -> None:
        super().__init__(
            f"Sendoso did not accept the API key (HTTP {status}). "
            "A person must set SENDOSO_API_KEY to a valid key (Sendoso: Settings > API Keys) and restart "
            "the server."
        )


class BudgetExceeded(Refused):
    """HTTP 402."""

    def __init__(self) -> None:
        super().__init__("The team's remaining Sendoso budget does not cover this (HTTP 402).")


class NotFound(Refused):
    """HTTP 404. `what` names the thing that was asked for by its id; None: the address itself is unknown."""

    def __init__(self, what: str | None = None) -> None:
        super().__init__(
            f"Sendoso does not know {what} (HTTP 404). "
            "Check the id; if every id is unknown, check SENDOSO_BASE_URL."
            if what
            else "There is no such address at Sendoso (HTTP 404). Check SENDOSO_BASE_URL."
        )


class Conflict(Refused):
    """HTTP 409."""

    def __init__(self) -> None:
        super().__init__(
            "Sendoso says it is too late for this (HTTP 409): the send is already on its way or closed."
        )


class ValidationFailed(Refused):
    """HTTP 422. `fields` are the request's field names that Sendoso's answer mentions."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        no_tool = " No tool can add an address: a person does it in Sendoso." if "address" in fields else ""
        super().__init__(
            f"Sendoso found the data invalid{_about(fields)} (HTTP 422). Correct it first.{no_tool}"
        )
        self.fields = tuple(fields)


class RateLimited(Refused):
    """HTTP 429. `retry_after` is in seconds, None where Sendoso did not say."""

    def __init__(self, retry_after: float | None = None) -> None:
        wait = "a minute" if retry_after is None else f"{min(retry_after, 3600):.0f} seconds"
        super().__init__(f"Sendoso is limiting requests (HTTP 429). Wait {wait}, then try again.")
        self.retry_after = retry_after


def _about(fields: Sequence[str]) -> str:
    return f"; it names: {', '.join(fields)}" if fields else ""


@contextmanager
def one_error() -> Iterator[None]:
    """Around concurrent calls: raises the one error worth telling instead of an exception group.

    A defect (anything that is not a `SendosoError`) comes first so that it is never hidden, then what
    the caller can mend, then the rest.
    """

    def rank(error: BaseException) -> int:
        return 0 if not isinstance(error, SendosoError) else 1 if isinstance(error, BadArgument) else 2

    try:
        yield
    except BaseExceptionGroup as group:
        raise min(_leaves(group), key=rank) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
