"""The eleven tools, one file each, in the order in which a model meets them."""

from __future__ import annotations

from sendoso_mcp.server.tools import (
    cancel_send,
    create_recipient,
    create_send,
    get_budget,
    get_recipient,
    get_send,
    list_sends,
    preview_send,
    search_inventory,
    search_recipients,
    sends_report,
)
from sendoso_mcp.server.tools.spec import ToolSpec

TOOLS: tuple[ToolSpec, ...] = (
    search_inventory.SPEC,
    search_recipients.SPEC,
    get_recipient.SPEC,
    create_recipient.SPEC,
    preview_send.SPEC,
    create_send.SPEC,
    get_send.SPEC,
    list_sends.SPEC,
    cancel_send.SPEC,
    get_budget.SPEC,
    sends_report.SPEC,
)

__all__ = ["TOOLS", "ToolSpec"]
