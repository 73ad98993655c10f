"""What tools answer with: only what a model can use, amounts in USD, ids only where a next call takes one.

Every answer goes through `server.app`, which leaves nulls out, cleans text and adds the sandbox note.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel

from sendoso_mcp.hygiene import clean_data
from sendoso_mcp.models import Address, Recipient, Send
from sendoso_mcp.server.services import SANDBOX_NOTE
from sendoso_mcp.spending import verdict
from sendoso_mcp.spending.headroom import Headroom
from sendoso_mcp.spending.ledger import DECLINED_FOR


class Answer(BaseModel):
    """What every answer may carry."""

    sandbox: str | None = None


class Reason(BaseModel):
    """Why: a stable code, and a sentence; for a limit also its figures in USD, or in sends."""

    code: str
    text: str
    limit: float | None = None
    value: float | None = None
    headroom: float | None = None

    @classmethod
    def of(cls, reason: verdict.Reason, *, ending: str = "") -> Self:
        """A reason of policy's, with a sentence of the tool's behind it."""
        return cls(
            code=reason.code,
            text=f"{reason.text} {ending}".rstrip(),
            limit=usd_number(reason.limit),
            value=usd_number(reason.value),
            headroom=usd_number(reason.headroom),
        )


class LimitAnswer(BaseModel):
    """One of policy's limits and what is left of it: USD, or sends for `sends_per_hour`."""

    name: str
    limit: float
    used: float
    left: float

    @classmethod
    def of(cls, headroom: Headroom) -> Self:
        """As the ledger has it."""
        return cls(
            name=headroom.name,
            limit=float(headroom.limit),
            used=float(headroom.used),
            left=float(headroom.left),
        )


class AddressAnswer(BaseModel):
    """A postal address."""

    street1: str | None = None
    street2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @classmethod
    def of(cls, address: Address) -> Self:
        """As Sendoso has it."""
        return cls.model_validate(address.model_dump())


class Person(BaseModel):
    """A recipient in a list."""

    id: str
    name: str
    email: str | None = None
    company: str | None = None
    title: str | None = None

    @classmethod
    def of(cls, recipient: Recipient) -> Self:
        """As Sendoso has them."""
        return cls(
            id=recipient.id,
            name=recipient.name,
            email=recipient.email,
            company=recipient.company,
            title=recipient.title,
        )


class SendRow(BaseModel):
    """A send in a list."""

    id: str
    status: str | None = None
    recipient_id: str | None = None
    to: str | None = None
    gift: str | None = None
    cost: float | None = None
    created: date | None = None

    @classmethod
    def of(cls, send: Send) -> Self:
        """As Sendoso has it."""
        return cls(
            id=send.id,
            status=send.status,
            recipient_id=send.recipient and send.recipient.id,
            to=send.recipient and (send.recipient.name or send.recipient.email),
            gift=send.item and send.item.name,
            cost=usd_number(send.cost),
            created=send.created_at and send.created_at.date(),
        )


def finish(data: Mapping[str, Any], *, sandbox: bool) -> dict[str, Any]:
    """What leaves the server: text cleaned, nulls left out, and the sandbox named where it answered."""
    finished: dict[str, Any] = clean_data(dict(data))
    if sandbox:
        finished["sandbox"] = SANDBOX_NOTE
    return finished


def with_note(text: str, *, sandbox: bool) -> str:
    """An error's text, and the sandbox named where it answered."""
    return f"{text.strip()} ({SANDBOX_NOTE})" if sandbox else text.strip()


def plain(value: Any) -> Any:
    """Data with every amount as JSON writes it: a plain number."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {key: plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case _:
            return value


def not_before(declined_at: datetime) -> datetime:
    """When a person who said no can be asked again: told to the minute, and never too early."""
    return declined_at + DECLINED_FOR + timedelta(minutes=1)


def usd_number(amount: Decimal | int | None) -> float | None:
    """An amount as JSON writes it: plain USD."""
    return None if amount is None else float(amount)
