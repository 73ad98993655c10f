"""The tools' argument types: what pydantic checks, and the few words a model needs about each."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.fields import check_id
from sendoso_mcp.hygiene import clean
from sendoso_mcp.server.countries import COUNTRIES


def _email(value: str) -> str:
    # Imported here: 17 ms that a start need not pay.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - lazy on purpose

    try:
        email = validate_email(value.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"not an email address: {error}") from error
    if _ROUTES.search(email.rpartition("@")[0]):
        raise ValueError("not a plain email address: some mailers take %, ! and =? for another one")
    return email


# Source routes and encoded words (RFC 2047), which lead to other mailboxes than the address seems to be of.
_ROUTES = re.compile(r"[%!]|=\?")


def _country(value: str) -> str:
    code = value.strip().upper()
    if code not in COUNTRIES:
        raise ValueError("not an ISO 3166-1 alpha-2 country code, such as US or DE")
    return code


def _filled(value: str) -> str:
    value = " ".join(clean(value).split())
    if not value:
        raise ValueError("must not be empty")
    return value


def _text(description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description})


def _written_as_a_day(value: object) -> object:
    # Pydantic takes a number, or a text of digits, for seconds since 1970.
    if not isinstance(value, date) and not (isinstance(value, str) and _STARTS_AS_A_DAY.match(value)):
        raise ValueError("must be a day, such as 2026-11-25")
    return value


_STARTS_AS_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _no_truth_value(value: object) -> object:
    # Python takes true for 1. A number in a text is still read: some clients send "25".
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


_STRING = {"type": "string"}
_DATE = {"type": "string", "format": "date"}

RecipientId = Annotated[str, AfterValidator(check_id), _text("from search_recipients or create_recipient")]
ItemId = Annotated[str, AfterValidator(check_id), _text("from search_inventory")]
SendId = Annotated[str, AfterValidator(check_id), _text("or question, from create_send or list_sends")]
Email = Annotated[
    str, Field(max_length=254), AfterValidator(_email), WithJsonSchema({**_STRING, "format": "email"})
]
Message = Annotated[
    str, Field(max_length=500, description="words that go with the gift"), AfterValidator(clean)
]
"""Cleaned before anything else sees it, so that what a person approves is what is sent."""
Day = Annotated[date, BeforeValidator(_written_as_a_day)]
ScheduledDate = Annotated[Day, WithJsonSchema({**_DATE, "description": "leave out to send now"})]
"""Of a call that is repeated it may have passed since: see `check_not_past`."""
Line = Annotated[str, Field(max_length=200), AfterValidator(_filled), WithJsonSchema(_STRING)]
Query = Annotated[str, Field(max_length=200), AfterValidator(clean), WithJsonSchema(_STRING)]
CrmId = Annotated[
    str, Field(max_length=200), AfterValidator(_filled), _text("CRM record the gift belongs to")
]
Key = Annotated[str, Field(max_length=128), AfterValidator(_filled), WithJsonSchema(_STRING)]
_Number = BeforeValidator(_no_truth_value)
Usd = Annotated[
    float, Field(ge=0, le=1_000_000, allow_inf_nan=False), _Number, WithJsonSchema({"type": "number"})
]
Limit = Annotated[int, Field(ge=1, le=50), _Number]
Days = Annotated[int, Field(ge=0, le=365), _Number]
PageNumber = Annotated[int, Field(ge=1, le=100_000), _Number, WithJsonSchema({"type": "integer"})]


class AddressArgument(BaseModel):
    """A postal address as a model gives it.

    Sendoso takes one without a country for one in the US: a street in Berlin, too. So it must be said.
    """

    model_config = ConfigDict(extra="forbid")

    street1: Line
    street2: Line | None = None
    city: Line
    state: Line | None = None
    postal_code: Line
    country: Annotated[
        str,
        AfterValidator(_country),
        WithJsonSchema({"type": "string", "description": "ISO alpha-2; ask, do not guess"}),
    ]


def check_not_past(scheduled: date | None) -> None:
    """Checks that a new send is not to leave on a day that is over.

    Raises:
        BadArgument: it is.
    """
    # Today is still yesterday somewhere: the earliest calendar day on Earth counts.
    if scheduled is not None and scheduled < (datetime.now(UTC) - timedelta(hours=12)).date():
        raise BadArgument(f"scheduled_date ({scheduled}) is in the past. Leave it out to send now.")


def check_period(start: date | None, end: date | None) -> None:
    """Checks that a period does not end before it starts.

    Raises:
        BadArgument: it does.
    """
    if start is not None and end is not None and end < start:
        raise BadArgument(f"end_date ({end}) is before start_date ({start}). Swap or correct them.")
