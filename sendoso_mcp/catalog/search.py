"""Finds gifts by words and filters, best first, and the nearest ones where nothing fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from sendoso_mcp.catalog.filters import Filters, Miss
from sendoso_mcp.catalog.query import Concept, Reader
from sendoso_mcp.catalog.shelf import Shelf
from sendoso_mcp.catalog.thesaurus import Phrase, gift_words
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.models import InventoryItem

# BM25F (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009); a word counts once a field.
_K1, _B = 1.2, 0.6
_NAME_WEIGHT = 3.0
_LEAST_RARITY = 0.5
"""What a concept is worth that nearly every gift expresses: it was said all the same."""
_MORE = 0.25
"""What further phrases for the same concept add, of what they would be worth alone."""
_BANDS = 40
"""Gifts whose relevance differs by less than this part of the best one's are equals: price decides."""
_LEAST = 0.12
"""Gifts that are less relevant than this part of the best one are not found: they would only be counted."""
_MOST_NEAREST = 5
_KEPT_RANKINGS = 32


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the gifts found, how many there are in all, and where the next part begins.

    Where nothing was found (`total` is 0), `items` are the nearest gifts, and `misses` says of each by what
    it falls short.
    """

    items: Sequence[InventoryItem]
    total: int
    next_cursor: str | None = None
    misses: Sequence[Sequence[Miss]] = ()


class _Strengths(dict[tuple[int, int], float]):
    """How strongly a gift has a phrase, by how many words its name and its description have.

    0 stands for a name or a description without the phrase. There are few such pairs, so each is worked out
    once.

    Args:
        mean_name, mean_about: words of a name and of a description on average.
    """

    def __init__(self, mean_name: float, mean_about: float) -> None:
        self._mean_name, self._mean_about = mean_name, mean_about

    def __missing__(self, words: tuple[int, int]) -> float:
        in_name, in_about = words
        weight = _NAME_WEIGHT / (1 - _B + _B * in_name / self._mean_name) if in_name else 0.0
        weight += 1 / (1 - _B + _B * in_about / self._mean_about) if in_about else 0.0
        self[words] = strength = weight * (_K1 + 1) / (weight + _K1)
        return strength


class Searcher:
    """Searches one shelf. As the shelf, it is used from one thread at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._version = -1

    def search(self, query: str, filters: Filters, *, limit: int, cursor: str | None = None) -> Found:
        """One part of what is found.

        Raises:
            BadArgument: the cursor is none, or that of another search.
        """
        if self._version != self._shelf.version:
            self._renew()
        keys = self._ranking(query, filters)
        mark = f"{crc32(repr((query, filters)).encode()):08x}"
        start = self._start(cursor, mark, keys) if cursor else 0
        part = keys[start : start + limit]
        if not keys:
            return self._nearest(query, filters, min(limit, _MOST_NEAREST))
        end = start + len(part)
        more = bool(part) and end < len(keys)
        return Found(
            self._shelf.items(part),
            len(keys),
            next_cursor=f"{end}.{mark}.{self._trace(part[-1])}" if more else None,
        )

    def _renew(self) -> None:
        shelf = self._shelf
        self._version = shelf.version
        self._postings = lru_cache(maxsize=128)(shelf.postings)
        self._reader = Reader(shelf.words, self._any, gift_words())
        self._ranking = lru_cache(maxsize=_KEPT_RANKINGS)(self._rank)
        count = max(1, len(shelf.facts))
        self._strength = _Strengths(
            sum(shelf.name_words.values()) / count or 1.0, sum(shelf.about_words.values()) / count or 1.0
        )
        facts = shelf.facts
        self._browsing = sorted(facts, key=lambda key: facts[key].price_order)
        """Every gift, as one browses them: cheapest first."""
        self._places = {key: place for place, key in enumerate(self._browsing)}

    def _any(self, phrase: Phrase) -> bool:
        postings = self._postings(phrase)
        return bool(postings.names or postings.abouts)

    def _rank(self, query: str, filters: Filters) -> list[int]:
        """The keys of all that is found, best first."""
        scores = self._scores(query)
        found = filters.admitted(self._browsing if scores is None else scores, self._shelf.facts)
        if scores is None:
            return found
        if not found:
            return []
        best, places, count = max(scores[key] for key in found), self._places, len(self._browsing)
        found = [key for key in found if scores[key] >= _LEAST * best]
        band = best / _BANDS
        # One number a gift, band before place: sorting plain numbers is several times faster.
        numbers = sorted([places[key] - round(scores[key] / band) * count for key in found])
        return [self._browsing[number % count] for number in numbers]

    def _scores(self, query: str) -> dict[int, float] | None:
        """The relevance of each gift that has anything of the query; None for a query without words."""
        concepts = self._reader.concepts(query)
        if not concepts:
            return None
        scores, *others = map(self._worths, concepts)
        for worths in others:
            for key, worth in worths.items():
                scores[key] = scores.get(key, 0.0) + worth
        return scores

    def _worths(self, concept: Concept) -> dict[int, float]:
        """What the gifts that express a concept are worth for it."""
        (phrase, weight), *others = concept.items()
        best = {key: weight * strength for key, strength in self._strengths(phrase)}
        more: dict[int, float] = {}
        for phrase, weight in others:
            for key, strength in self._strengths(phrase):
                worth = weight * strength
                before = best.get(key, 0.0)
                if before:
                    more[key] = more.get(key, 0.0) + min(worth, before)
                if worth > before:
                    best[key] = worth
        # Rare concepts say more, rare words for a common one do not: so the concept's gifts are counted.
        count = len(self._shelf.facts)
        rarity = max(_LEAST_RARITY, math.log(1 + (count - len(best) + 0.5) / (len(best) + 0.5)))
        worths = {key: rarity * worth for key, worth in best.items()}
        for key, worth in more.items():
            worths[key] += rarity * _MORE * worth
        return worths

    def _strengths(self, phrase: Phrase) -> Iterable[tuple[int, float]]:
        """How strongly each gift that has a phrase has it."""
        postings, names, abouts = self._postings(phrase), self._shelf.name_words, self._shelf.about_words
        strength = self._strength
        strengths = {key: strength[0, abouts[key]] for key in postings.abouts}
        for key in postings.names:
            strengths[key] = strength[names[key], abouts[key] if key in strengths else 0]
        return strengths.items()

    def _nearest(self, query: str, filters: Filters, limit: int) -> Found:
        """What falls short by least: of the gifts with the words, else of all of them."""
        facts = self._shelf.facts
        scores = self._scores(query)
        if scores is not None and not scores:
            # No gift has the words, so at least the filters should fit.
            keys = [key for key in self._browsing if filters.admit(facts[key])][:limit]
            return Found(self._shelf.items(keys), 0, misses=((Miss.OTHER_WORDS,),) * len(keys))

        best = max(scores.values()) if scores else 0.0
        order = list(Miss)

        def shortfall(key: int) -> tuple[int, int, bool, int, tuple[float, str]]:
            misses = filters.misses(facts[key])
            worst = max(map(order.index, misses))
            weak = scores is not None and scores[key] < best / 2
            return len(misses), worst, weak, filters.beside(facts[key]), facts[key].price_order

        keys = sorted(facts if scores is None else scores, key=shortfall)[:limit]
        return Found(self._shelf.items(keys), 0, misses=tuple(filters.misses(facts[key]) for key in keys))

    def _start(self, cursor: str, mark: str, keys: Sequence[int]) -> int:
        """Where the next part begins: after the gift that the last one ended with, wherever it is by now."""
        position, _, rest = cursor.partition(".")
        of, _, trace = rest.partition(".")
        if not (position.isascii() and position.isdigit() and len(position) <= 7 and of and trace):
            raise BadArgument("cursor: use next_cursor of the last answer as it is, or leave it out.")
        if of != mark:
            raise BadArgument(
                "cursor: it belongs to a search with other arguments. Repeat those, or leave it out."
            )
        end = int(position)
        ends = [place for place, key in enumerate(keys, start=1) if self._trace(key) == trace]
        return min(ends, key=lambda place: abs(place - end), default=end)

    def _trace(self, key: int) -> str:
        return f"{crc32(self._shelf.facts[key].id.encode()):08x}"
