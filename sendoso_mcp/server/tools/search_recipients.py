"""search_recipients: people in the address book."""

from __future__ import annotations

from mcp.server.mcpserver import Context

from sendoso_mcp.api import Ability
from sendoso_mcp.server.answers import Answer, Person
from sendoso_mcp.server.arguments import Limit, PageNumber, Query
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class People(Answer):
    """One page of people."""

    people: list[Person]
    total: int | None = None
    next_page: int | None = None
    hint: str | None = None


async def search_recipients(
    ctx: Context[Services], query: Query = "", limit: Limit = 10, page: PageNumber = 1
) -> People:
    """Finds recipients."""
    found = await services_of(ctx).sendoso.list_recipients(query=query or None, page=page, per_page=limit)
    return People(
        people=[Person.of(recipient) for recipient in found.items],
        total=found.total,
        next_page=page + 1 if found.has_next else None,
        hint=None if found.items else _HINT,
    )


_HINT = (
    "Nobody found. Sendoso searches names and emails only: try part of the name, or for a company a word of "
    "its email domain."
)


SPEC = ToolSpec(
    fn=search_recipients,
    title="Search recipients",
    description="Finds people in the address book by name or email, not by company or title.",
    needs=Ability.ADDRESS_BOOK,
)
