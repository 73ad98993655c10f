"""What was wished, approved, ordered and spent: the only room that knows a database."""

from sendoso_mcp.spending.ledger.audit import Break, Entry
from sendoso_mcp.spending.ledger.book import Wish
from sendoso_mcp.spending.ledger.cancelling import Cancellation, Facts, Stage
from sendoso_mcp.spending.ledger.decisions import Decisions
from sendoso_mcp.spending.ledger.deeds import ENVELOPE_OPENED, ENVELOPE_REVOKED, RECIPIENT_MADE, Deed
from sendoso_mcp.spending.ledger.granting import Door, Granted, Opened
from sendoso_mcp.spending.ledger.ledger import Ledger
from sendoso_mcp.spending.ledger.ordering import (
    CHAT_FORM,
    ENVELOPE,
    Dispatch,
    Past,
    Refusal,
    Reserved,
)
from sendoso_mcp.spending.ledger.pace import next_turn
from sendoso_mcp.spending.ledger.records import Approval, Attempt, Intent
from sendoso_mcp.spending.ledger.settling import Outcome
from sendoso_mcp.spending.ledger.states import NOTHING_ORDERED, OPEN, ORDERED, UNSETTLED, State
from sendoso_mcp.spending.ledger.threads import in_thread, looked_up
from sendoso_mcp.spending.ledger.usage import DECLINED_FOR

__all__ = [
    "CHAT_FORM",
    "DECLINED_FOR",
    "ENVELOPE",
    "ENVELOPE_OPENED",
    "ENVELOPE_REVOKED",
    "NOTHING_ORDERED",
    "OPEN",
    "ORDERED",
    "RECIPIENT_MADE",
    "UNSETTLED",
    "Approval",
    "Attempt",
    "Break",
    "Cancellation",
    "Decisions",
    "Deed",
    "Dispatch",
    "Door",
    "Entry",
    "Facts",
    "Granted",
    "Intent",
    "Ledger",
    "Opened",
    "Outcome",
    "Past",
    "Refusal",
    "Reserved",
    "Stage",
    "State",
    "Wish",
    "in_thread",
    "looked_up",
    "next_turn",
]
