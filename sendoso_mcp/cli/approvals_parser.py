"""What `sendoso-mcp approvals` understands. It imports nothing that only the command itself needs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """An envelope as it was typed: `until` is a UTC day whose end counts, `each` is in USD."""

    name: str
    sends: int
    each: Decimal
    to: tuple[str, ...]
    items: tuple[str, ...]
    until: date


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants; `id` names a question or an envelope."""

    action: str
    id: str = ""
    as_json: bool = False
    wanted: Wanted | None = None


def add_approvals(parser: argparse.ArgumentParser, day: Callable[[str], date]) -> None:
    """Adds the actions; `day` reads a day as the other commands do."""
    parser.description = (
        "Lists what waits for a person's yes. What decides something needs a terminal, and a yes needs the "
        "approver's PIN. Exit status: 0 listed or done, 1 nothing was decided, 2 not usable as asked."
    )
    parser.add_argument("--json", action="store_true", help="with list and show: one JSON object a line")
    parser.set_defaults(action="list", id="")
    actions = parser.add_subparsers(metavar="action")

    def action(name: str, help_: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        added.set_defaults(action=name)
        return added

    listed = action("list", "list the open questions and envelopes (the default)")
    # Its own default would undo a --json that stands before `list`.
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one object a line")
    shown = action("show", "show everything about a question or an open envelope")
    shown.add_argument("id", metavar="ID", help="as the list shows it")
    shown.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON object")
    for name, help_ in (
        ("approve", "show a question and say yes to it, with the approver's PIN"),
        ("reject", "say no to a question, or take back a yes that was not used yet"),
        ("revoke", "take back a yes that was not used yet, or close an envelope"),
    ):
        action(name, help_).add_argument("id", metavar="ID", help="as the list shows it")
    action("set-pin", "set or change the approver's PIN")
    _add_envelope(action("envelope", "say yes in advance to some sends, with the approver's PIN"), day)


def request_of(arguments: argparse.Namespace) -> Request:
    """What was asked for."""
    wanted = None
    if arguments.action == "envelope":
        wanted = Wanted(
            name=arguments.name,
            sends=arguments.sends,
            each=arguments.each,
            to=tuple(arguments.to),
            items=tuple(arguments.item),
            until=arguments.until,
        )
    return Request(arguments.action, arguments.id, as_json=arguments.json, wanted=wanted)


def _add_envelope(envelope: argparse.ArgumentParser, day: Callable[[str], date]) -> None:
    envelope.add_argument("--name", required=True, help="what it is for, for people")
    envelope.add_argument("--sends", required=True, type=_sends, metavar="N", help="how many sends in all")
    envelope.add_argument(
        "--each", required=True, type=_amount, metavar="USD", help="the most that one of them may cost"
    )
    envelope.add_argument(
        "--to",
        required=True,
        action="append",
        metavar="WHO",
        help="ann@acme.test, acme.test, or *.acme.test for all domains below it; may be repeated",
    )
    envelope.add_argument(
        "--item",
        action="append",
        default=[],
        metavar="ID",
        help="only this gift (default any); may be repeated",
    )
    envelope.add_argument(
        "--until", required=True, type=day, metavar="DATE", help="the last UTC day, at most 366 days from now"
    )


def _sends(text: str) -> int:
    # Whoever says how many opens an envelope, and needs this in any case.
    from sendoso_mcp.spending.envelope import MOST_SENDS  # noqa: PLC0415 - see the top

    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MOST_SENDS):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST_SENDS}")
    return int(text)


def _amount(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", text) or not Decimal(text):
        raise argparse.ArgumentTypeError("must be an amount in USD, such as 50 or 49.90")
    return Decimal(text)
