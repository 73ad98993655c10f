"""How values from outside are read, and amounts written.

Reading is lenient: a field that is missing, null or malformed is None, because an unexpected value beside a
gift must never hide that the gift was ordered. Ids are the exception. Amounts are `Decimal` US dollars,
rounded to cents. Times are aware and in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

CENT = Decimal("0.01")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_id(value: str) -> str:
    """An id as Sendoso makes them: letters, digits, `_` and `-`, at most 128.

    Raises:
        ValueError: for anything else; an id becomes part of a URL path, so nothing else may pass.
    """
    if not _ID.fullmatch(value):
        raise ValueError("not an id: use the id exactly as another tool returned it, such as send_9f82abc")
    return value


def to_cents(value: Decimal) -> Decimal:
    """Rounds an amount in US dollars to whole cents, half up."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def in_usd(amount: Decimal) -> str:
    """An amount as people read it: `1,234.50 USD`."""
    return f"{amount:,.2f} USD"


def _lenient(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment that UTC's calendar does not have") from None


Id = Annotated[str, AfterValidator(check_id)]
Amount = Annotated[
    Decimal,
    Field(ge=0, lt=Decimal("1e9"), allow_inf_nan=False),
    AfterValidator(to_cents),
]
Lenient = WrapValidator(_lenient)
Text = Annotated[str | None, Lenient]
Word = Annotated[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] | None, Lenient]
"""One word of a list of words: an unknown one is told, but prose is not a status."""
Link = Annotated[Annotated[str, Field(pattern=r"^https?://[!-~]{1,1000}$")] | None, Lenient]
Money = Annotated[Amount | None, Lenient]
Balance = Annotated[
    Annotated[Decimal, Field(gt=Decimal("-1e9"), lt=Decimal("1e9")), AfterValidator(to_cents)] | None, Lenient
]
"""An amount that may be overdrawn."""
Day = Annotated[date | None, Lenient]
Instant = Annotated[Annotated[datetime, AfterValidator(_in_utc)] | None, Lenient]
Count = Annotated[int | None, Field(ge=0), Lenient]
