"""An envelope as a person asks for it at a terminal, in words and as data."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError

from sendoso_mcp.cli.approvals_parser import Wanted
from sendoso_mcp.cli.approving import block, iso
from sendoso_mcp.cli.output import cell, moment
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.fields import check_id, in_usd
from sendoso_mcp.hygiene import clean_data, quoted
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import Opened

NOT_OPENED = "No envelope was opened."
_LONGEST = 366
"""Days ahead that an envelope may end."""


def envelope_of(wanted: Wanted, now: datetime, actor: str) -> Envelope:
    """What was asked for, opened now.

    Raises:
        BadArgument: it cannot be meant.
    """
    today = now.astimezone(UTC).date()
    if not today <= wanted.until <= today + timedelta(days=_LONGEST):
        raise BadArgument(
            f"--until must be from {today} (today, UTC) to {today + timedelta(days=_LONGEST)}. {NOT_OPENED}"
        )
    if wrong := [item for item in wanted.items if not is_id(item)]:
        raise BadArgument(f"--item: {quoted(wrong[0])} is no id of a gift. {NOT_OPENED}")
    try:
        return Envelope(
            name=wanted.name.strip(),
            sends=wanted.sends,
            each=wanted.each,
            items=wanted.items,
            emails=tuple(who for who in wanted.to if "@" in who),
            domains=tuple(who for who in wanted.to if "@" not in who),
            # The end of that day is the beginning of the next one.
            until=datetime.combine(wanted.until + timedelta(days=1), time(), UTC),
            opened_at=now,
            opened_by=actor,
        )
    except ValidationError as error:
        raise BadArgument(f"{_first_of(error)} {NOT_OPENED}") from None


def _first_of(error: ValidationError) -> str:
    """What is wrong with an option, in a sentence."""
    first = error.errors()[0]
    field, given = first["loc"][0], first["input"]
    if field == "emails":
        return f"--to: {quoted(str(given))} is not an email address, such as ann@acme.test."
    if field == "domains":
        return f"--to: {quoted(str(given))} is no domain of emails, such as acme.test or *.acme.test."
    if field == "name":
        return "--name must have 1 to 80 characters."
    return f"--{field}: {first['msg']}."


def envelope(opened: Opened) -> str:
    """An open envelope, for a list."""
    left = max(opened.envelope.sends - opened.used, 0)
    head = f"Envelope {opened.envelope.id}: {opened.used} of {opened.envelope.sends} used, {left} left"
    return f"{head}\n{facts_block(opened.envelope)}"


def facts_block(allowed: Envelope) -> str:
    """What an envelope allows, in plain words."""
    people = [cell(email, longest=320) for email in allowed.emails]
    for domain in allowed.domains:
        name = cell(domain, longest=255)
        below = name.removeprefix("*.")
        at = f"any domain below {below} (not at {below} itself)" if below != name else name
        people.append(f"everybody at {at}")
    gifts = ", ".join(cell(item, longest=128) for item in allowed.items) or "any"
    facts = [
        ("Name", quoted(allowed.name)),
        ("Sends", f"{allowed.sends} in all, without asking a person about each of them"),
        ("Each", f"at most {in_usd(allowed.each)}, with what policy allows for shipping"),
        ("Total", f"at most {in_usd(allowed.each * allowed.sends)}, counted in the same way"),
        ("To", "\n".join(people)),
        ("Gifts", gifts),
        ("Until", _end_of(allowed.until)),
        ("Opened", f"{moment(allowed.opened_at)} by {cell(allowed.opened_by, longest=120)}"),
    ]
    return block(facts)


def envelope_data(opened: Opened) -> dict[str, Any]:
    """The envelope for a machine; amounts are US dollars, times UTC."""
    allowed = opened.envelope
    return {
        "kind": "envelope",
        "id": allowed.id,
        "name": clean_data(allowed.name),
        "sends": allowed.sends,
        "used": opened.used,
        "left": max(allowed.sends - opened.used, 0),
        "each": float(allowed.each),
        "to": [*allowed.emails, *allowed.domains],
        "items": list(allowed.items),
        "until": iso(allowed.until),
        "opened_at": iso(allowed.opened_at),
        "opened_by": clean_data(allowed.opened_by),
    }


def is_id(text: str) -> bool:
    """Whether this can be an id."""
    try:
        check_id(text)
    except ValueError:
        return False
    return True


def _end_of(until: datetime) -> str:
    last = until.astimezone(UTC) - timedelta(microseconds=1)
    if until.astimezone(UTC).time() == datetime.min.time():
        return f"the end of {last:%Y-%m-%d} (UTC)"
    return moment(until.astimezone(UTC))
