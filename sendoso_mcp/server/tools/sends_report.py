"""sends_report: sends of a period, added up."""

from __future__ import annotations

from mcp.server.mcpserver import Context
from pydantic import BaseModel

from sendoso_mcp.api import Ability
from sendoso_mcp.models import GroupBy
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.arguments import Day, check_period
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class ReportLine(BaseModel):
    """One group; spend in USD."""

    group: str | None = None
    sends: int | None = None
    delivered: int | None = None
    spend: float | None = None


class Report(Answer):
    """Totals, and a line a group; spend in USD."""

    sends: int | None = None
    delivered: int | None = None
    failed: int | None = None
    total_spend: float | None = None
    lines: list[ReportLine]


async def sends_report(
    ctx: Context[Services], start_date: Day, end_date: Day, group_by: GroupBy | None = None
) -> Report:
    """Reports on sends."""
    check_period(start_date, end_date)
    report = await services_of(ctx).sendoso.get_report(start_date, end_date, group_by)
    totals = report.totals
    return Report(
        sends=totals.sends,
        delivered=totals.delivered,
        failed=totals.failed,
        total_spend=usd_number(totals.total_spend),
        lines=[
            ReportLine(
                group=row.period, sends=row.sends, delivered=row.delivered, spend=usd_number(row.spend)
            )
            for row in report.rows
        ],
    )


SPEC = ToolSpec(
    fn=sends_report,
    title="Report on sends",
    description="Number, delivery and spend (USD) of a period's sends, in total and by group.",
    needs=Ability.REPORTS,
)
