"""get_budget: the team's money, and what policy lets be spent of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from mcp.server.mcpserver import Context
from pydantic import BaseModel

from sendoso_mcp.models import TeamBudget
from sendoso_mcp.server.answers import Answer, usd_number
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class Allowed(BaseModel):
    """What policy still allows."""

    most_for_one_send: float | None = None
    person_must_approve: bool


class BudgetAnswer(Answer):
    """The current period's figures in USD."""

    team: str | None = None
    total: float | None = None
    spent: float | None = None
    remaining: float | None = None
    period_start: date | None = None
    period_end: date | None = None
    policy: Allowed

    @classmethod
    def of(cls, budget: TeamBudget) -> BudgetAnswer:
        """As Sendoso has it; policy's one limit is what remains."""
        left = None if budget.remaining is None else max(budget.remaining, Decimal(0))
        return cls(
            team=budget.team_name,
            total=usd_number(budget.total),
            spent=usd_number(budget.spent),
            remaining=usd_number(budget.remaining),
            period_start=budget.period_start,
            period_end=budget.period_end,
            policy=Allowed(most_for_one_send=usd_number(left), person_must_approve=True),
        )


async def get_budget(ctx: Context[Services]) -> BudgetAnswer:
    """Reads the budget."""
    return BudgetAnswer.of(await services_of(ctx).sendoso.get_budget())


SPEC = ToolSpec(
    fn=get_budget,
    title="Get the budget",
    description="The team's budget for the current period in USD, and what policy still allows.",
)
