"""Budget, policy, gifts, people and sends as resources that a person can attach to a chat."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import BaseModel

from sendoso_mcp.api import Ability
from sendoso_mcp.errors import BadArgument, NotFound, SendosoError
from sendoso_mcp.server.answers import finish, plain, usd_number, with_note
from sendoso_mcp.server.services import Services
from sendoso_mcp.server.tools.get_budget import BudgetAnswer, read_budget
from sendoso_mcp.server.tools.get_recipient import RecipientAnswer
from sendoso_mcp.server.tools.get_send import SendAnswer

_JSON = "application/json"


def add_resources(server: MCPServer[Services], services: Services) -> None:
    """Registers the five resources."""
    sendoso = services.sendoso

    async def read(source: Callable[[], Awaitable[dict[str, Any] | BaseModel]]) -> str:
        try:
            found = await source()
        except SendosoError as error:
            absent = isinstance(error, (NotFound, BadArgument))
            text = with_note(str(error), sandbox=services.sandbox)
            raise (ResourceNotFoundError if absent else ResourceError)(text) from error
        data = found.model_dump(mode="json") if isinstance(found, BaseModel) else found
        return json.dumps(finish(data, sandbox=services.sandbox), ensure_ascii=False, indent=2)

    @server.resource("sendoso://budget", title="Team budget", mime_type=_JSON)
    async def budget() -> str:
        """The team's budget for the current period, in USD."""

        async def source() -> BudgetAnswer:
            return await read_budget(services)

        return await read(source)

    @server.resource("sendoso://policy", title="Spending policy", mime_type=_JSON)
    async def policy() -> str:
        """What this server lets be spent, and who must say yes."""

        async def source() -> dict[str, Any]:
            rules = services.guard.policy
            told = rules.model_dump(mode="python")
            # Who wants no gift is nobody's business in a chat; of one person preview_send tells it.
            told["recipients"]["do_not_gift"] = len(rules.recipients.do_not_gift)
            return {
                "version": rules.version,
                "rules": plain(told),
                "now": (await read_budget(services)).policy.model_dump()["limits"],
            }

        return await read(source)

    @server.resource("sendoso://inventory/{item_id}", title="Gift", mime_type=_JSON)
    async def gift(item_id: str) -> str:
        """A gift with its full description, current price and availability."""

        async def source() -> dict[str, Any]:
            item = await services.catalog.find(item_id)
            return item.model_dump(mode="json", exclude={"price"}) | {"price": usd_number(item.price)}

        return await read(source)

    if Ability.ADDRESS_BOOK in sendoso.abilities:

        @server.resource("sendoso://recipients/{recipient_id}", title="Recipient", mime_type=_JSON)
        async def recipient(recipient_id: str) -> str:
            """A person with company, title and address."""

            async def source() -> RecipientAnswer:
                return RecipientAnswer.of(await sendoso.get_recipient(recipient_id))

            return await read(source)

    @server.resource("sendoso://sends/{send_id}", title="Send", mime_type=_JSON)
    async def send(send_id: str) -> str:
        """A send with status, cost and tracking."""

        async def source() -> SendAnswer:
            return SendAnswer.of(await sendoso.get_send(send_id))

        return await read(source)
