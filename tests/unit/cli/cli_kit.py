"""A ledger with gifts of the past in it, for tests of the commands that read it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sendoso_mcp.cli import main
from sendoso_mcp.models import InventoryItem, Order, Recipient, Send, TeamBudget
from sendoso_mcp.spending.ledger import (
    CHAT_FORM,
    Approval,
    Dispatch,
    Intent,
    Ledger,
    Outcome,
    Reserved,
    State,
    Wish,
)
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest

ACCOUNT = "Sendoso at app.sendoso.com"
DAY_ONE = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
TAKES = timedelta(seconds=60)


@dataclass
class Books:
    """A ledger, and the clock that it goes by while gifts are written into it."""

    path: Path
    now: datetime = DAY_ONE
    account: str = ACCOUNT
    address: str = ""
    """The URL of another database than the file."""
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.url, account=self.account, now=lambda: self.now)
        self.ledger.open()

    @property
    def url(self) -> str:
        return self.address or f"sqlite:///{self.path}"

    def wish(
        self,
        *,
        person: dict[str, Any] | None = None,
        gift: dict[str, Any] | None = None,
        message: str | None = "Thanks!",
        asks: bool = True,
        key: str | None = None,
    ) -> Wish:
        """A mug for Ann; a person is asked about it, unless policy asks nobody."""
        recipient = Recipient.model_validate(
            {"id": "rcp_1", "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.test"}
            | (person or {})
        )
        item = InventoryItem.model_validate(
            {"id": "itm_1", "name": "Mug", "type": "egift", "price": 20, "available": True} | (gift or {})
        )
        request = SendRequest(recipient.id, item.id, message)
        quote = Quote(
            request,
            Order(recipient=recipient, item=item, message=message),
            TeamBudget(remaining=Decimal(9000)),
            self.ledger.position(),
        )
        policy = Policy.model_validate({"approval": {"ask_above": 0 if asks else 1000}})
        return Wish(quote, policy, "local:sam", key)

    def asked(self, wish: Wish | None = None) -> Intent:
        """A question that waits for an answer."""
        wish = wish or self.wish()
        return self.ledger.ask(wish, self.ledger.judge(wish))

    def ordered(
        self, wish: Wish | None = None, *, mark: str | None = None, approver: str = "Ann's boss"
    ) -> Intent:
        """An order on its way; the process that gives it is this one."""
        wish = wish or self.wish()
        question, approval = None, None
        if wish.policy.approval.ask_above == 0:
            intent = self.asked(wish)
            question, approval = intent.id, Approval(intent.quote_digest, CHAT_FORM, approver)
        dispatch = Dispatch(secrets.token_hex(8), TAKES, mark)
        reserved = self.ledger.reserve(wish, dispatch, question=question, approval=approval)
        assert isinstance(reserved, Reserved), reserved
        return reserved.intent

    def ended(self, state: State, intent: Intent | None = None, **facts: Any) -> Intent:
        """An order of which it is known, or known that it is not known, what came of it."""
        intent = intent or self.ordered()
        send = None
        if state is State.CONFIRMED:
            send = Send.model_validate({"id": f"send_{intent.id}", "status": "pending"} | facts)
        outcome = Outcome(state, "dispatch", send=send, reason=facts.get("reason", ""))
        return self.ledger.settle(intent.id, outcome)


Run = tuple[int, str, str]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Run:
    """A command's exit status, and what it said."""
    capsys.readouterr()
    status = main(list(words))
    out, err = capsys.readouterr()
    return status, out, err
