"""What was wished, approved, ordered and spent: the only room that knows a database."""

from sendoso_mcp.spending.ledger.audit import Break, Entry
from sendoso_mcp.spending.ledger.book import ANSWER_WITHIN, Wish
from sendoso_mcp.spending.ledger.ledger import Ledger
from sendoso_mcp.spending.ledger.ordering import (
    CHAT_FORM,
    Dispatch,
    Past,
    Refusal,
    Reserved,
)
from sendoso_mcp.spending.ledger.pace import next_turn
from sendoso_mcp.spending.ledger.records import Approval, Attempt, Intent
from sendoso_mcp.spending.ledger.settling import Outcome
from sendoso_mcp.spending.ledger.states import NOTHING_ORDERED, ORDERED, UNSETTLED, State
from sendoso_mcp.spending.ledger.threads import in_thread

__all__ = [
    "ANSWER_WITHIN",
    "CHAT_FORM",
    "NOTHING_ORDERED",
    "ORDERED",
    "UNSETTLED",
    "Approval",
    "Attempt",
    "Break",
    "Dispatch",
    "Entry",
    "Intent",
    "Ledger",
    "Outcome",
    "Past",
    "Refusal",
    "Reserved",
    "State",
    "Wish",
    "in_thread",
    "next_turn",
]
