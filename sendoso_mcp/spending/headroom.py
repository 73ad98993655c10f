"""What is left of policy's limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sendoso_mcp.spending.limits import SENDS, Hold, Usage, usd


@dataclass(frozen=True, slots=True)
class Headroom:
    """One of policy's limits: in USD, or in sends where it counts these."""

    name: str
    limit: Decimal | int
    used: Decimal | int
    left: Decimal | int


def headroom(holds: Iterable[Hold], usage: Usage) -> tuple[Headroom, ...]:
    """What is left of every limit on these buckets, without the send itself."""
    found = []
    for hold in holds:
        for limit in hold.limits:
            used, left = usage.of(hold.bucket), max(0, limit.most - usage.of(hold.bucket))
            if hold.bucket.key == SENDS:
                found.append(Headroom(limit.name, limit.most, used, left))
            else:
                found.append(Headroom(limit.name, usd(limit.most), usd(used), usd(left)))
    return tuple(found)
