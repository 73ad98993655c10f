"""What tools answer with: only what a model can use, amounts in USD, ids only where a next call takes one.

Every answer goes through `server.app`, which leaves nulls out, cleans text and adds the sandbox note.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel

from sendoso_mcp.models import Address, Recipient, Send
from sendoso_mcp.server.hygiene import clean_data
from sendoso_mcp.server.services import SANDBOX_NOTE


class Answer(BaseModel):
    """What every answer may carry."""

    sandbox: str | None = None


class Reason(BaseModel):
    """Why: a stable code, and a sentence."""

    code: str
    text: str


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


def usd_number(amount: Decimal | None) -> float | None:
    """An amount as JSON writes it: plain USD."""
    return None if amount is None else float(amount)
