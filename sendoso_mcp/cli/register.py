"""The gift register: who got what, for how much, and who allowed it, as CSV for compliance."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from sendoso_mcp.cli.output import cell
from sendoso_mcp.cli.trail import Data
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.hygiene import LONGEST
from sendoso_mcp.spending.ledger import ORDERED, State

COLUMNS = (
    "ordered_at_utc",
    "asked_by",
    "recipient_name",
    "recipient_email",
    "recipient_id",
    "gift",
    "gift_id",
    "list_price",
    "held",
    "cost",
    "currency",
    "send_id",
    "outcome",
    "approved_by",
    "approved_how",
    "approved_at_utc",
    "policy_version",
    "intent_id",
)
_REGISTERED = frozenset({*ORDERED, State.CANCELLED})
# What a spreadsheet takes for a formula, also where its list separator is another one and splits a cell.
_FORMULA = re.compile(r"(^|[,;|])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def gifts(latest: Iterable[Data]) -> list[Data]:
    """Of the newest rows of all intents, those of gifts that were ordered, or may have been."""
    found = [row for row in latest if row["to"] in _REGISTERED and row["order"]]
    return sorted(found, key=lambda row: str(row["order"]["begun_at"]))


def write(found: Iterable[Data], target: str) -> None:
    """Writes the register to a new file, or to standard output for `-`. UTF-8, lines as in RFC 4180.

    Raises:
        BadArgument: the file exists, or cannot be made.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in _line(row)] for row in found)
    data = text.getvalue().encode()
    if target == "-":
        # Not as text: on Windows each line would end twice.
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        # Names and amounts are nobody else's business. An older register is never overwritten, nor the
        # ledger, should it be named by mistake.
        descriptor = os.open(Path(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise BadArgument(f"--register: {target} exists already. Name a new file.") from None
    except OSError as error:
        raise BadArgument(f"--register: {target} cannot be written ({error.strerror}).") from None


def _line(row: Data) -> tuple[object, ...]:
    person, gift, order, approval = row["recipient"], row["gift"], row["order"], row["approval"]
    return (
        order["begun_at"],
        row["principal"],
        person["name"],
        person["email"],
        person["id"],
        gift["name"],
        gift["id"],
        _amount(row["price"]),
        _amount(order["held"]),
        _amount(order["cost"]),
        "USD",
        order["send_id"],
        row["to"],
        # Policy can allow a gift without asking anybody.
        approval["approver"] if approval else "policy",
        approval["how"] if approval else "policy",
        approval["at"] if approval else "",
        row["policy_version"],
        row["intent"],
    )


def _amount(value: object) -> object:
    return f"{value:.2f}" if isinstance(value, float) else value


def _cell(value: object) -> str:
    return _FORMULA.sub(r"\1\2'", cell("" if value is None else value, longest=LONGEST))
