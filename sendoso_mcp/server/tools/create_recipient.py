"""create_recipient: adds a person, unless their email is there already."""

from __future__ import annotations

from mcp.server.mcpserver import Context

from sendoso_mcp.api import Ability, Sendoso
from sendoso_mcp.errors import OutcomeUnknown, Unsettled
from sendoso_mcp.models import Address, NewRecipient, Recipient
from sendoso_mcp.server.answers import Answer
from sendoso_mcp.server.arguments import AddressArgument, Email, Line
from sendoso_mcp.server.services import Services, services_of
from sendoso_mcp.server.tools.spec import ToolSpec


class Created(Answer):
    """The recipient to send to; `existed` says that nothing was added or changed."""

    recipient_id: str
    name: str
    existed: bool | None = None


async def create_recipient(
    ctx: Context[Services],
    *,
    first_name: Line,
    last_name: Line,
    email: Email,
    company: Line | None = None,
    title: Line | None = None,
    address: AddressArgument | None = None,
) -> Created:
    """Adds a recipient."""
    services = services_of(ctx)
    new = NewRecipient(
        first_name=first_name,
        last_name=last_name,
        email=email,
        company=company,
        title=title,
        address=address and Address.model_validate(address.model_dump()),
    )
    # One at a time, so that of two calls with one email the second finds the first's.
    async with services.creating:
        if known := await _with_email(services.sendoso, email):
            return Created(recipient_id=known.id, name=known.name, existed=True)
        await services.guard.recipient_made(email)
        try:
            recipient = await services.sendoso.create_recipient(new)
        except OutcomeUnknown as error:
            tool = "search_recipients"
            look = services.with_tool(tool, f"look with {tool}") or "ask a person to look at Sendoso"
            raise Unsettled(
                f"{error} It is not known whether the recipient was created: {look} before trying again."
            ) from error
    return Created(recipient_id=recipient.id, name=recipient.name)


async def _with_email(sendoso: Sendoso, email: str) -> Recipient | None:
    """Sendoso would take the same person twice, and a limit per person would then count them as two."""
    found = await sendoso.list_recipients(query=email, per_page=25)
    # Not casefold, to which ß is ss: that is somebody else.
    wanted = email.lower()
    return next((person for person in found.items if (person.email or "").lower() == wanted), None)


SPEC = ToolSpec(
    fn=create_recipient,
    title="Create a recipient",
    description=(
        "Adds a person to the address book; if the email is known, returns that person unchanged. "
        "Shipped gifts need an address, e-gifts an email."
    ),
    read_only=False,
    not_done="No recipient was created.",
    needs=Ability.ADDRESS_BOOK,
)
