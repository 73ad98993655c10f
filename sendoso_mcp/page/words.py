"""Facts as a person reads them: times, spans, amounts, and text that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sendoso_mcp.hygiene import clean, clean_line, defused
from sendoso_mcp.page.markup import Html, el, join

# Not strftime: its names follow the locale of the process.
_MONTHS = "January February March April May June July August September October November December".split()
LONGEST = 600
"""Characters of one text: no field that a gift can carry is meant to be longer."""
_MOST_LINES = 12


def moment(time: datetime) -> Html:
    """`25 November 2026, 14:05 UTC`."""
    time = time.astimezone(UTC)
    return _time(time, f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC")


def clock(time: datetime) -> Html:
    """`14:05:20 UTC`, for what is near."""
    time = time.astimezone(UTC)
    return _time(time, f"{time:%H:%M:%S} UTC")


def span(seconds: float) -> str:
    """A span in its largest unit, never said longer than it is: `23 hours`."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count = int(seconds // size)
        # One and a half days are better said as 36 hours.
        if count > 1 or (count == 1 and size <= 60):
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a second"


def amount(price: Decimal) -> Html:
    """`34.00 USD`."""
    return el("span", f"{price:,.2f} USD", class_="amount")


def boxed(text: str, *, longest: int = LONGEST) -> Html:
    """Text that others wrote, set apart: cleaned, without links, and cut in the middle if it is too long.

    In the middle, so that a long name cannot push the address after it out of sight.
    """
    half = longest // 2
    long = len(text) > longest
    lines = f"{clean(text, longest=half)} {clean(text[-half:])}" if long else clean(text, longest=longest)
    if lines.count("\n") > _MOST_LINES:
        # A column of line breaks would push the buttons out of sight.
        lines = " ".join(lines.split())
    box = el("span", defused(lines) or "(empty)", class_="said", dir="auto")
    if not long:
        return box
    return join(box, el("span", f"Cut in the middle: it has {len(text):,} characters.", class_="quiet"))


def plain(text: str, *, longest: int = 300) -> str:
    """One of the house's own sentences; what it may name comes from outside."""
    return defused(clean_line(text, longest=longest))


def _time(time: datetime, text: str) -> Html:
    return el("time", text, datetime=f"{time:%Y-%m-%dT%H:%M:%SZ}")
