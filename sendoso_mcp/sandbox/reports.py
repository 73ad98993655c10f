"""Adds up sends for a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sendoso_mcp.models import GroupBy, SendStatus
from sendoso_mcp.sandbox.journey import PlacedSend, progress


@dataclass(slots=True)
class Sums:
    """What a group of sends comes to; `spend` leaves out what was cancelled or failed."""

    sends: int = 0
    delivered: int = 0
    failed: int = 0
    spend: Decimal = Decimal("0.00")

    def add(self, send: PlacedSend, now: datetime) -> None:
        """Counts one more send, as it stands now."""
        status = progress(send, now).status
        self.sends += 1
        self.delivered += status is SendStatus.DELIVERED
        self.failed += status is SendStatus.FAILED
        if send.is_charged(now):
            self.spend += send.cost


@dataclass(frozen=True, slots=True)
class Report:
    """The sums of a whole range, and of each group that has sends in it, by label."""

    start: date
    end: date
    totals: Sums
    groups: Sequence[tuple[str, Sums]]


def report(
    sends: Iterable[PlacedSend], *, start: date, end: date, by: GroupBy, team_name: str, now: datetime
) -> Report:
    """Adds up sends that were created from `start` to `end`."""
    totals = Sums()
    groups: dict[str, Sums] = {}
    for send in sends:
        totals.add(send, now)
        groups.setdefault(_label(send, by, team_name), Sums()).add(send, now)
    return Report(start, end, totals, sorted(groups.items()))


def _label(send: PlacedSend, by: GroupBy, team_name: str) -> str:
    day = send.created_at.date()
    match by:
        case GroupBy.DAY:
            return day.isoformat()
        case GroupBy.WEEK:
            return f"{day:%G-W%V}"
        case GroupBy.MONTH:
            return f"{day:%Y-%m}"
        case GroupBy.USER:
            return send.ordered_by
        case GroupBy.TEAM:
            return team_name
