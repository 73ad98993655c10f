"""What a gift must be to be listed, and by which of it a gift falls short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from sendoso_mcp.models import EMAILED_TYPES, InventoryItem, ItemType

_LONGEST = 100_000
"""Days of shipping; more is not meant, and would not fit a database's number."""


class Facts(NamedTuple):
    """What filters and the order of gifts look at. `cents` is the price in US cents."""

    id: str
    type: str | None
    cents: int | None
    days: int | None
    available: int | None
    """1, 0, or None where Sendoso does not say."""

    @classmethod
    def of(cls, item: InventoryItem) -> Facts:
        """As the inventory has it."""
        cents = None if item.price is None else int(item.price * 100)
        days = None if item.shipping_time_days is None else min(item.shipping_time_days, _LONGEST)
        available = None if item.available is None else int(item.available)
        return cls(item.id, item.type, cents, days, available)

    @property
    def price_order(self) -> tuple[float, str]:
        """Cheapest first, what has no price last, then by id: an order that is the same every time."""
        return (float("inf") if self.cents is None else self.cents), self.id


class Miss(StrEnum):
    """Why a gift is not what was asked for, in a model's words; the least important comes first."""

    SLOWER = "slower delivery"
    CHEAPER = "below the minimum price"
    OTHER_TYPE = "other type"
    DEARER = "over budget"
    NOT_AVAILABLE = "not available now"
    OTHER_WORDS = "does not match the words"


@dataclass(frozen=True)
class Filters:
    """Which gifts to leave in; prices in USD, both ends included. None: no such filter."""

    type: ItemType | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_shipping_days: int | None = None
    include_unavailable: bool = False

    def admit(self, facts: Facts) -> bool:
        """Whether a gift passes every filter. What Sendoso does not say does not pass a filter on it."""
        # As `misses`, but at the first: this is asked of every gift that a search looks at.
        _, type_, cents, days, available = facts
        if available == 0 and not self.include_unavailable:
            return False
        if self.type is not None and type_ != self.type:
            return False
        least, most = self._cents
        if least is not None and (cents is None or cents < least):
            return False
        if most is not None and (cents is None or cents > most):
            return False
        longest = self.max_shipping_days
        return longest is None or (type_ in EMAILED_TYPES if days is None else days <= longest)

    def admitted(self, keys: Iterable[int], facts: Mapping[int, Facts]) -> list[int]:
        """Those of the keys whose gifts pass every filter, in their order."""
        if self == _NONE:  # as most searches are: with a call for each gift this took a fifth of their time
            return [key for key in keys if facts[key].available != 0]
        admit = self.admit
        return [key for key in keys if admit(facts[key])]

    def misses(self, facts: Facts) -> list[Miss]:
        """Every filter that a gift does not pass."""
        _, type_, cents, days, available = facts
        missed = []
        if available == 0 and not self.include_unavailable:
            missed.append(Miss.NOT_AVAILABLE)
        if self.type is not None and type_ != self.type:
            missed.append(Miss.OTHER_TYPE)
        least, most = self._cents
        if least is not None and (cents is None or cents < least):
            missed.append(Miss.CHEAPER)
        if most is not None and (cents is None or cents > most):
            missed.append(Miss.DEARER)
        if self.max_shipping_days is not None and not (
            type_ in EMAILED_TYPES if days is None else days <= self.max_shipping_days
        ):
            missed.append(Miss.SLOWER)
        return missed

    def beside(self, facts: Facts) -> int:
        """How far a gift's price is from the range that was asked for, in cents."""
        least, most = self._cents
        cents = facts.cents or 0
        return max(0, (least or 0) - cents, cents - most if most is not None else 0)

    @cached_property
    def _cents(self) -> tuple[int | None, int | None]:
        least = None if self.min_price is None else -int(-self.min_price * 100 // 1)
        return least, None if self.max_price is None else int(self.max_price * 100)


_NONE = Filters()
