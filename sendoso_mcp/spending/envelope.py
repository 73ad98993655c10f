"""An envelope: a person's yes in advance to so many sends, of up to so much each, to these people."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from sendoso_mcp.spending.mailboxes import covers, is_address, normalised_email
from sendoso_mcp.spending.policy import Domains, Policy, email_address
from sendoso_mcp.spending.quote import Quote

MOST_SENDS = 10_000


class Envelope(BaseModel):
    """What was allowed, by whom, until when. Its `id` is that of these facts and of no others.

    Attributes:
        sends: how many in all.
        each: the most that one may cost, in USD, with policy's allowance for shipping.
        items: ids of the gifts; none named: any gift.
        emails, domains: who may get them; a domain also as `*.example.com`.
        until: when it ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80)]
    sends: Annotated[int, Field(ge=1, le=MOST_SENDS)]
    # Not policy's `Usd`: that refuses text, and text is what an amount in the document is.
    each: Annotated[Decimal, Field(gt=Decimal(0), lt=Decimal("1e9"), decimal_places=2, allow_inf_nan=False)]
    items: tuple[str, ...] = ()
    emails: tuple[Annotated[str, AfterValidator(email_address)], ...] = ()
    domains: Domains = ()
    until: AwareDatetime
    opened_at: AwareDatetime
    opened_by: str

    @cached_property
    def document(self) -> str:
        """All of it as canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits."""
        return hashlib.sha256(self.document.encode()).hexdigest()[:12]

    def admits(self, quote: Quote, policy: Policy, now: datetime) -> bool:
        """Whether a send fits in, but for how many went before it."""
        email = quote.order.recipient.email or ""
        known = is_address(email) and (normalised_email(email) in self.emails or covers(self.domains, email))
        gift = not self.items or quote.request.item_id in self.items
        price, day = quote.price, quote.request.scheduled_date
        # What is sent later is sent then, as the day begins in UTC.
        sent = now if day is None else datetime.combine(day, time(), UTC)
        return (
            policy.approval.envelopes
            and known
            and gift
            and max(now, sent) < self.until
            and price is not None
            and policy.to_hold(price) <= self.each
        )
