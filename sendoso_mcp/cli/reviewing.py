"""An order whose outcome is not known, and what could be it, in words for the person who decides."""

from __future__ import annotations

from datetime import datetime, timedelta

from sendoso_mcp import models
from sendoso_mcp.cli.output import cell, gift, moment, person
from sendoso_mcp.fields import in_usd
from sendoso_mcp.hygiene import quoted
from sendoso_mcp.spending.ledger import Attempt, Intent, State
from sendoso_mcp.spending.reconcile import Match

HOW = """\
To look at one:               sendoso-mcp review INTENT
If a send at Sendoso is it:   sendoso-mcp review INTENT --sent SEND_ID
If no gift was ordered:       sendoso-mcp review INTENT --not-sent"""

_COULD_BE = "could_be "


def how_many(waiting: int, *, under_way: int) -> str:
    """The first line of a list."""
    text = {0: "No order waits for a person.", 1: "1 order waits for a person."}.get(
        waiting, f"{waiting} orders wait for a person."
    )
    return f"{text} {under_way} being ordered right now." if under_way else text


def order(intent: Intent, now: datetime) -> str:
    """What was ordered, for whom, and for how much."""
    quote, attempt = intent.quote, _attempt(intent)
    recipient, item = quote.order.recipient, quote.order.item
    lines = [
        f"Intent {intent.id}: {_state(intent, now)}",
        f"  Gift:      {gift(item.name or '', item.id)}",
        f"  For:       {person(recipient.name, recipient.email or '', recipient.id)}",
        f"  Message:   {quoted(quote.request.message, longest=200) if quote.request.message else 'none'}",
        f"  Ordered:   {moment(attempt.begun_at)} by {cell(intent.principal)}",
        f"  Held:      {in_usd(attempt.held)}",
    ]
    if attempt.mark:
        lines.append(f"  CRM id:    {attempt.mark}, a mark that no other order has")
    elif quote.request.crm_id:
        lines.append(f"  CRM id:    {cell(quote.request.crm_id)}")
    if ids := _could_be(intent):
        lines.append(f"  Could be:  {', '.join(ids)}")
    return "\n".join(lines)


def candidates(intent: Intent, found: Match | None) -> str:
    """Which sends at Sendoso could be it, as it is now, or else as it was when it was last looked at."""
    if found is None:
        known = ", ".join(_could_be(intent)) or "none that could be this order"
        return f"Sendoso could not be looked at just now. When it last was, it had: {known}."
    if found.send is not None:
        return f"This send is the order, by all that Sendoso says of it.\n{send(found.send)}"
    if not found.candidates:
        return "No send at Sendoso could be this order."
    shown = [send(candidate) for candidate in found.candidates[:20]]
    return "\n".join(["These sends at Sendoso could be it, and it is not certain whether one is.", *shown])


def send(found: models.Send) -> str:
    """A send at Sendoso."""
    recipient, item = found.recipient, found.item
    told = {
        "Gift": item and gift(item.name or "", item.id or "no id"),
        "For": recipient and person(recipient.name, recipient.email or "", recipient.id or "no id"),
        "Message": quoted(found.message, longest=200) if found.message else "none",
        "Created": found.created_at and moment(found.created_at),
        "CRM id": found.crm_id and cell(found.crm_id),
        "Status": found.status,
        "Cost": found.cost is not None and in_usd(found.cost),
    }
    return "\n".join(
        [f"Send {found.id}:", *(f"  {name + ':':<10} {value or 'not told'}" for name, value in told.items())]
    )


def was_cancelled(found: models.Send) -> bool:
    """Whether its money came back."""
    return found.status in ("cancelled", "canceled")


def what_it_costs(intent: Intent, found: models.Send) -> str:
    """What would be written down if this send is the order."""
    held = _attempt(intent).held
    if was_cancelled(found):
        return f"It was cancelled, so nothing is booked for it and the {in_usd(held)} held come back."
    if found.cost is None:
        return f"Sendoso tells no cost: the {in_usd(held)} that are held would be booked."
    text = f"{in_usd(found.cost)} would be booked for it, in place of the {in_usd(held)} that are held."
    if found.status == "failed":
        text += " It failed: if Sendoso charged nothing for it, settle the order with --not-sent instead."
    return text


def outcome(intent: Intent) -> str:
    """What became of an intent."""
    attempt = intent.attempt
    text = f"Intent {intent.id} is {intent.state.replace('_', ' ')}"
    if attempt is not None and attempt.send_id is not None and intent.state is not State.CANCELLED:
        text += f": {attempt.send_id}" + (f" for {in_usd(attempt.cost)}" if attempt.cost is not None else "")
    elif intent.state is State.CANCELLED:
        text += ", and its money is back"
    elif intent.state is State.NOT_SENT:
        text += ": its money is back, and its idempotency key may be used again"
    if attempt is not None and attempt.over_limits:
        text += f". That is over a limit ({', '.join(attempt.over_limits)})"
    return f"{text}."


def until(intent: Intent, later: timedelta = timedelta(0)) -> str:
    """When to look again."""
    return f"Nothing was changed. Look again after {moment(_attempt(intent).ended_by + later)}."


def _state(intent: Intent, now: datetime) -> str:
    if intent.state is State.NEEDS_REVIEW:
        return f"waits for a person since {moment(intent.changed_at)}"
    minutes = int((now - intent.changed_at).total_seconds() // 60)
    return f"unknown for {minutes} {'minute' if minutes == 1 else 'minutes'}, and may still be found"


def _could_be(intent: Intent) -> list[str]:
    """The sends that recovery found when it gave up."""
    reason = intent.reason
    words = reason.removeprefix(_COULD_BE).split() if reason.startswith(_COULD_BE) else ()
    return [cell(word) for word in words]


def _attempt(intent: Intent) -> Attempt:
    if intent.attempt is None:
        raise ValueError("only an order that was given can be reviewed")
    return intent.attempt
