"""What Sendoso's answers mean: the JSON object of a 2xx, and an error of ours for everything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sendoso_mcp.api.port import Standing
from sendoso_mcp.errors import (
    ApiError,
    BudgetExceeded,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerFault,
    Unauthorized,
    UnreadableAnswer,
    ValidationFailed,
)

Json = dict[str, Any]

LONGEST_TEXT = 10_000
"""Characters of one text in an answer; the rest is dropped. The longest in the contract is 500."""


def read(response: httpx.Response, body: bytes, what: str | None) -> Json:
    """The JSON object of a 2xx answer; every other answer is raised as its `ApiError`."""
    if not response.is_success:
        raise error_of(response, body, what)
    content = _parse(body)
    if content is None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        raise UnreadableAnswer("a web page" if kind == "text/html" else "not a JSON object")
    return content


def said_besides(body: bytes) -> Json | None:
    """What a body that may be empty says: {} for JSON without names, None for what is none (a web page)."""
    try:
        json.loads(body.strip() or b"null")
    except (ValueError, RecursionError):
        return None
    return _parse(body) or {}


def error_of(response: httpx.Response, body: bytes, what: str | None) -> ApiError:
    """What an answer that is not a 2xx is told as; `what` names the thing whose id was in the path."""
    status = response.status_code
    match status:
        case 400:
            return InvalidRequest(_named_fields(body))
        case 401 | 403:
            return Unauthorized(status)
        case 402:
            return BudgetExceeded()
        case 404:
            # The API says JSON or nothing; a page about a missing page comes from some other server.
            return NotFound(what if not body or _parse(body) is not None else None)
        case 422:
            return ValidationFailed(_named_fields(body))
        case 429:
            return RateLimited(retry_after(response))
        case _ if 300 <= status < 400:
            return UnreadableAnswer(f"a redirect, HTTP {status}")
        case _:
            return ServerFault(status)


def _parse(body: bytes) -> Json | None:
    try:
        content = _writable(json.loads(body))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _writable(value: Any) -> Any:
    """The same data with text that can be written out again, and not without end.

    JSON may hold half an emoji (a lone surrogate), which no UTF-8 can; some CRM's cut one in two.
    """
    match value:
        case str():
            text = value[:LONGEST_TEXT]
            return text if text.isascii() else text.encode("utf-8", "replace").decode()
        case dict():
            return {_writable(name): _writable(entry) for name, entry in value.items()}
        case list():
            return [_writable(entry) for entry in value]
        case _:
            return value


# The contract's field names. An answer's own words are never passed on, but these names are ours.
_FIELDS = frozenset(
    {
        "recipient_id",
        "item_id",
        "message",
        "scheduled_date",
        "crm_id",
        "crm_type",
        "first_name",
        "last_name",
        "email",
        "company",
        "title",
        "address",
        "street1",
        "street2",
        "city",
        "state",
        "postal_code",
        "country",
        "page",
        "per_page",
        "status",
        "type",
        "search",
        "start_date",
        "end_date",
        "group_by",
    }
)


_NAMING = ("field", "param", "parameter", "attribute", "name")


def _named_fields(body: bytes) -> tuple[str, ...]:
    """Which of the contract's fields an error body complains about; the contract leaves its form open."""
    errors = (_parse(body) or {}).get("errors")
    found: list[object] = []
    if isinstance(errors, dict):
        found += errors
    for complaint in errors if isinstance(errors, list) else []:
        # {"field": "email", "message": ...} names the field in a value, {"email": [...]} in its one key.
        if isinstance(complaint, dict):
            found += [complaint[key] for key in _NAMING if key in complaint]
            found += complaint if len(complaint) == 1 else []
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name in _FIELDS))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait as the Retry-After header says, in either of its two forms (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def standing_of(response: httpx.Response) -> Standing:
    """What an answer says of Sendoso as a whole."""
    status = response.status_code
    return "refused" if status == 401 else "unreachable" if status >= 500 else "ok"
