"""The trail as a table for people."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sendoso_mcp.cli.output import cell
from sendoso_mcp.cli.trail import Data

_WIDEST = 1000
"""Characters: no line is broken here. In a narrow window its end, the longest part, goes on below."""


def table_of(rows: Iterable[Data]) -> str:
    """A line of plain text for each transition, under a line of heads."""
    heads = ("UTC", "Intent", "From -> to", "Who", "Recipient", "Gift", "USD", "Why")
    return drawn(heads, (_cells(row) for row in rows), to_the_right=("USD",))


def drawn(heads: Sequence[str], rows: Iterable[Iterable[str]], *, to_the_right: Collection[str] = ()) -> str:
    """Rows of plain text, already cleaned, under a line of heads."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, justify="right" if head in to_the_right else "left", no_wrap=True)
    for row in rows:
        # As `Text`, which has no markup.
        table.add_row(*(Text(text) for text in row))
    page = io.StringIO()
    Console(file=page, width=_WIDEST, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _cells(row: Data) -> tuple[str, ...]:
    person, gift = row["recipient"], row["gift"]
    return (
        f"{row['at'][:10]} {row['at'][11:19]}",
        cell(row["intent"]),
        cell(f"{row['from']} -> {row['to']}"),
        cell(row["actor"], longest=24),
        cell(person["name"] or person["email"] or person["id"], longest=28),
        cell(gift["name"] or gift["id"], longest=32),
        _amount(row),
        cell(_why(row), longest=200),
    )


def _amount(row: Data) -> str:
    """The real cost once it is known, before that what is held, before that the list price."""
    order = row["order"] or {}
    known = (order.get("cost"), order.get("held"), row["price"])
    return next((f"{amount:,.2f}" for amount in known if isinstance(amount, float)), "")


def _why(row: Data) -> str:
    words = (f"{name}={_flat(value)}" for name, value in row["detail"].items() if value not in ("", []))
    return " ".join(part for part in (row["reason"], *words) if part)


def _flat(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
