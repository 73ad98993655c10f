"""get_budget: the team's money, and what policy lets be spent of it."""

from __future__ import annotations

from datetime import date

from mcp.server.mcpserver import Context
from pydantic import BaseModel

from sendoso_mcp.server.answers import Answer, LimitAnswer, usd_number
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class Allowed(BaseModel):
    """What is allowed. Over `ask_above` a send needs a yes, over `outside_chat_above` outside the chat."""

    limits: list[LimitAnswer]
    per_send: float | None = None
    per_recipient_per_year: float | None = None
    ask_above: float
    outside_chat_above: float


class BudgetAnswer(Answer):
    """The current period's figures in USD."""

    team: str | None = None
    total: float | None = None
    spent: float | None = None
    remaining: float | None = None
    period_start: date | None = None
    period_end: date | None = None
    policy: Allowed


async def read_budget(services: Services) -> BudgetAnswer:
    """Sendoso's figures, and what policy allows beside them.

    Raises:
        SendosoError: Sendoso or the ledger could not be read.
    """
    guard = services.guard
    budget, limits = await guard.budget()
    rules = guard.policy
    return BudgetAnswer(
        team=budget.team_name,
        total=usd_number(budget.total),
        spent=usd_number(budget.spent),
        remaining=usd_number(budget.remaining),
        period_start=budget.period_start,
        period_end=budget.period_end,
        policy=Allowed(
            limits=[LimitAnswer.of(limit) for limit in limits],
            per_send=usd_number(rules.limits.per_send),
            per_recipient_per_year=usd_number(rules.limits.per_recipient_per_year),
            ask_above=float(rules.approval.ask_above),
            outside_chat_above=float(rules.approval.outside_chat_above),
        ),
    )


async def get_budget(ctx: Context[Services]) -> BudgetAnswer:
    """Reads the budget."""
    return await read_budget(services_of(ctx))


SPEC = ToolSpec(
    fn=get_budget,
    title="Get the budget",
    description="The team's budget for the current period in USD, and what policy still allows.",
)
