"""get_recipient: one person, with their address."""

from __future__ import annotations

from mcp.server.mcpserver import Context

from sendoso_mcp.api import Ability
from sendoso_mcp.models import Recipient
from sendoso_mcp.server.answers import AddressAnswer, Answer
from sendoso_mcp.server.arguments import RecipientId
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class RecipientAnswer(Answer):
    """All that is known of a recipient."""

    name: str
    email: str | None = None
    company: str | None = None
    title: str | None = None
    address: AddressAnswer | None = None

    @classmethod
    def of(cls, recipient: Recipient) -> RecipientAnswer:
        """As Sendoso has them."""
        return cls(
            name=recipient.name,
            email=recipient.email,
            company=recipient.company,
            title=recipient.title,
            address=recipient.address and AddressAnswer.of(recipient.address),
        )


async def get_recipient(ctx: Context[Services], recipient_id: RecipientId) -> RecipientAnswer:
    """Reads one recipient."""
    return RecipientAnswer.of(await services_of(ctx).sendoso.get_recipient(recipient_id))


SPEC = ToolSpec(
    fn=get_recipient,
    title="Get a recipient",
    description="One person with company, title and postal address.",
    needs=Ability.ADDRESS_BOOK,
)
