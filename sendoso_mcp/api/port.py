"""What the house asks of Sendoso, whichever dialect of its API answers."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal, Protocol

from sendoso_mcp.models import (
    GroupBy,
    InventoryItem,
    ItemType,
    NewRecipient,
    Order,
    Page,
    Recipient,
    Send,
    SendsReport,
    SendStatus,
    TeamBudget,
)

Standing = Literal["unknown", "ok", "refused", "unreachable"]
"""What the last request says of Sendoso: nothing was asked yet; it answered; it refused the key (401); it did
not answer, or only with a fault of its own."""


class Ability(StrEnum):
    """What not every dialect can do. What a dialect lacks is not offered to the model."""

    ADDRESS_BOOK = "address_book"
    CANCEL = "cancel"
    REPORTS = "reports"


class Sendoso(Protocol):
    """One account at Sendoso.

    Every method raises `ApiError` as its module documents it; reads are retried inside, `place_order`,
    `create_recipient` and `cancel_send` never are. Pages count from 1.
    """

    @property
    def abilities(self) -> frozenset[Ability]:
        """What this dialect can do."""

    @property
    def standing(self) -> Standing:
        """What is known of Sendoso without asking it."""

    async def list_inventory(
        self, *, type: ItemType | None = None, page: int = 1, per_page: int = 100
    ) -> Page[InventoryItem]:
        """Gifts that the team has."""

    async def list_recipients(
        self, *, query: str | None = None, page: int = 1, per_page: int = 25
    ) -> Page[Recipient]:
        """People in the address book whose name or email matches `query`."""

    async def get_recipient(self, recipient_id: str) -> Recipient:
        """One person; `NotFound` if there is none."""

    async def create_recipient(self, new: NewRecipient) -> Recipient:
        """Adds a person to the address book."""

    async def list_sends(
        self,
        *,
        status: SendStatus | None = None,
        start: date | None = None,
        end: date | None = None,
        page: int = 1,
        per_page: int = 25,
    ) -> Page[Send]:
        """Sends created from `start` to `end`, both included."""

    async def get_send(self, send_id: str) -> Send:
        """One send; `NotFound` if there is none."""

    async def place_order(self, order: Order) -> Send:
        """Orders a gift: spends money. Exactly one request, whatever happens.

        Raises:
            NotConnected, Refused: nothing was ordered.
            OutcomeUnknown: it may have been ordered.
        """

    async def cancel_send(self, send_id: str) -> None:
        """Cancels a send that is not yet on its way; `Conflict` if it is. Exactly one request."""

    async def get_budget(self, *, to_show: bool = False) -> TeamBudget:
        """The team's budget for the current period; `to_show`: nothing is judged by it."""

    async def get_report(self, start: date, end: date, group_by: GroupBy | None = None) -> SendsReport:
        """Sends from `start` to `end`, both included, added up."""

    async def aclose(self) -> None:
        """Closes connections. Idempotent."""
