"""Completes people's names and ids of gifts and people while a person fills in a prompt or a resource."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from sendoso_mcp.api import Ability
from sendoso_mcp.errors import SendosoError
from sendoso_mcp.hygiene import clean_line
from sendoso_mcp.server.services import Services

_MOST = 20
# The prompts' arguments that stand for somebody in the address book.
_PEOPLE = frozenset({"recipient", "customer", "prospect"})


def add_completions(server: MCPServer[Services], services: Services) -> None:
    """Registers the completions."""

    async def people(typed: str) -> list[tuple[str, str]]:
        """Names and ids of who matches; nobody before there is something to go by."""
        if len(typed) < 2 or Ability.ADDRESS_BOOK not in services.sendoso.abilities:
            return []
        found = await services.sendoso.list_recipients(query=typed, per_page=_MOST)
        return [(clean_line(person.name, longest=100), person.id) for person in found.items]

    async def values(name: str, typed: str) -> list[str]:
        if name in _PEOPLE:
            return [full_name for full_name, _ in await people(typed) if full_name]
        if name == "recipient_id":
            return [id_ for _, id_ in await people(typed)]
        if name == "item_id":
            return await services.catalog.ids(typed)
        return []

    # The SDK leaves this decorator untyped.
    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: PromptReference | ResourceTemplateReference,  # noqa: ARG001 - no name means two things
        argument: CompletionArgument,
        context: CompletionContext | None,  # noqa: ARG001 - no value depends on another
    ) -> Completion:
        try:
            found = await values(argument.name, clean_line(argument.value, longest=100))
        except SendosoError:
            # A person who types is not to be stopped by it; the prompt's tools will say what is wrong.
            found = []
        distinct = list(dict.fromkeys(found))
        return Completion(values=distinct[:_MOST], total=len(distinct), has_more=len(distinct) > _MOST)
