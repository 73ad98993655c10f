"""list_sends: sends by status and date."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import Field

from sendoso_mcp.models import SendStatus
from sendoso_mcp.server.answers import Answer, SendRow
from sendoso_mcp.server.arguments import Limit, PageNumber, check_period
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class Sends(Answer):
    """One page of sends."""

    sends: list[SendRow]
    total: int | None = None
    next_page: int | None = None


async def list_sends(
    ctx: Context[Services],
    *,
    status: SendStatus | None = None,
    start_date: Annotated[date, Field(description="created on or after")] | None = None,
    end_date: date | None = None,
    limit: Limit = 10,
    page: PageNumber = 1,
) -> Sends:
    """Lists sends."""
    check_period(start_date, end_date)
    found = await services_of(ctx).sendoso.list_sends(
        status=status, start=start_date, end=end_date, page=page, per_page=limit
    )
    return Sends(
        sends=[SendRow.of(send) for send in found.items],
        total=found.total,
        next_page=page + 1 if found.has_next else None,
    )


SPEC = ToolSpec(
    fn=list_sends,
    title="List sends",
    description=(
        "Sends by status and creation date (UTC, both ends included). It cannot filter by person: for what "
        "someone got, give start_date and limit 50, read every next_page and compare recipient_id."
    ),
)
