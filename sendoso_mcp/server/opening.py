"""Has a person open the approval page, where the client offers that, and waits for what they decide there."""

from __future__ import annotations

import math

import anyio
from mcp import MCPError
from mcp.server.elicitation import AcceptedUrlElicitation
from mcp.server.mcpserver import Context

from sendoso_mcp.server.progress import report_progress
from sendoso_mcp.server.sending import asks_in_rounds
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.spending.desk import Stand

WAIT_FOR = 50.0
"""Seconds that a call waits for a person at the page. Many clients give up on a call after a minute."""
_LOOK_EVERY = 0.5
"""The answer may be given in another process, of which only the ledger tells."""
_TELL_EVERY = 5.0


def can_open_page(ctx: Context[Services]) -> bool:
    """Whether this client can be asked to open an address (2025-11-25; later eras ask for it in rounds)."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    offers = elicitation is not None and elicitation.url is not None
    return offers and not asks_in_rounds(ctx) and ctx.session.can_send_request


async def show_page(ctx: Context[Services], question_id: str, url: str) -> None:
    """Asks the client to open the page, and waits a while until the question there is decided.

    What became of it is in the ledger. That a client says yes to opening a page is no answer to it.
    """
    message = f"A gift waits for your approval (question {question_id}). Open the page to see and decide it."
    try:
        opened = await ctx.elicit_url(message, url, question_id)
    except MCPError:
        # It said that it could open addresses. The answer of the call tells the person where to go.
        return
    if not isinstance(opened, AcceptedUrlElicitation):
        return
    desk = services_of(ctx).outside.desk
    with anyio.move_on_after(WAIT_FOR) as waiting:
        told = -math.inf
        while True:
            question = await desk.question(question_id)
            if question is None or question.stand is not Stand.WAITING:
                break
            left = waiting.deadline - anyio.current_time()
            if told - left >= _TELL_EVERY or told == -math.inf:
                told = left
                text = "Waiting for a person at the approval page."
                await report_progress(question_id, WAIT_FOR - left, WAIT_FOR, text)
            await anyio.sleep(_LOOK_EVERY)
    await ctx.session.send_elicit_complete(question_id)
