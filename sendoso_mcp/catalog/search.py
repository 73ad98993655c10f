"""Plain search over names and descriptions, with filters and a stable order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sendoso_mcp.models import EMAILED_TYPES, InventoryItem, ItemType

_WORD = re.compile(r"[^\W_]+")
# Words that say nothing about which gift is wanted.
_STOP = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "gift", "gifts", "i", "in", "is", "it", "my", "of"}
    | {"on", "or", "our", "present", "some", "something", "that", "the", "their", "them", "they", "to"}
    | {"thank", "under", "want", "who", "with", "you", "your"}
)
# NFKD would make letters of them: "Mug™" is a mug.
_MARKS = {ord(mark): " " for mark in "™®©℠"}
_NAME_WEIGHT = 3


@dataclass(frozen=True, slots=True)
class Filters:
    """Which gifts to leave in; prices in USD, both ends included. None: no such filter."""

    type: ItemType | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_shipping_days: int | None = None
    include_unavailable: bool = False

    def admit(self, item: InventoryItem) -> bool:
        """Whether a gift passes every filter. What Sendoso does not say does not pass a filter on it."""
        if item.available is False and not self.include_unavailable:
            return False
        if self.type is not None and item.type != self.type:
            return False
        if self.min_price is not None and (item.price is None or item.price < self.min_price):
            return False
        if self.max_price is not None and (item.price is None or item.price > self.max_price):
            return False
        if self.max_shipping_days is not None:
            days = item.shipping_time_days
            if days is None:
                return item.type in EMAILED_TYPES
            return days <= self.max_shipping_days
        return True


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the gifts found, and how many there are in all."""

    items: Sequence[InventoryItem]
    total: int


def search(items: Iterable[InventoryItem], query: str, filters: Filters, *, offset: int, limit: int) -> Found:
    """Finds gifts, best first: by words matched (a name counts more), then price, then id.

    Without a query, all gifts that pass the filters, cheapest first.
    """
    words = _query_words(query)
    ranked = []
    for item in items:
        if not filters.admit(item):
            continue
        score = _score(words, item) if words else 0
        if words and not score:
            continue
        price = item.price if item.price is not None else Decimal("Infinity")
        ranked.append((-score, price, item.id, item))
    ranked.sort(key=lambda entry: entry[:3])
    return Found([entry[3] for entry in ranked[offset : offset + limit]], len(ranked))


def _score(words: Iterable[str], item: InventoryItem) -> int:
    name = set(_words(item.name or ""))
    description = set(_words(item.description or ""))
    score = 0
    for word in words:
        if _matches(word, name):
            score += _NAME_WEIGHT
        elif _matches(word, description):
            score += 1
    return score


def _matches(word: str, words: set[str]) -> bool:
    # A longer word may also be the beginning of one: "choc" finds chocolate, "tea" does not find team.
    return word in words or (len(word) > 3 and any(other.startswith(word) for other in words))


def _query_words(query: str) -> list[str]:
    words = _words(query)
    return [word for word in words if word not in _STOP] or words


def _words(text: str) -> list[str]:
    """Words without case, accents and a plural's ending."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_MARKS))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return [_singular(word) for word in _WORD.findall(plain)]


def _singular(word: str) -> str:
    """The same for a word and its plural; not always a word itself (cookie and cookies: `cooky`)."""
    if len(word) > 4 and word.endswith(("ies", "ie")):
        word = word[: word.rindex("ie")] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        word = word[:-1]
    # box, boxes; glass, glasses; watch, watches; brush, brushes; and so case, cases.
    return word[:-1] if len(word) > 3 and word.endswith(("se", "xe", "ze", "che", "she")) else word
