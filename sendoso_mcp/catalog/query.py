"""What a query asks for: concepts, each with the phrases that may express it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from sendoso_mcp.catalog.spelling import Speller
from sendoso_mcp.catalog.thesaurus import Phrase, Thesaurus
from sendoso_mcp.catalog.words import is_faint, is_stop, meaningful, words_of

Concept = Mapping[Phrase, float]
"""Phrases and what finding each is worth: 1 for what was said itself."""

_MEANT = 0.6
"""What the thesaurus gives for what was said."""
_PART = 0.3
"""A single word of a phrase that stands for one thing."""
_BEGINS = 0.5
"""A word that begins with what was typed."""
_SLIPS = {1: 0.6, 2: 0.4}
"""A word that was probably meant, by the slips in what was typed."""
_FAINT = 0.3
"""A word for what many gifts are, such as `set`."""
_DOER = 0.7
"""What somebody does: `camp` for camper."""

_MOST_BEGUN = 12
_SHORTEST_BEGINNING = 4
# Longer queries are no clearer, and each word costs time.
_MOST_WORDS = 24


class Reader:
    """Reads queries with the words of one catalogue.

    Args:
        words: every word of the catalogue.
        found: whether any gift has a phrase.
        thesaurus: what people say for gifts.
    """

    def __init__(self, words: Set[str], found: Callable[[Phrase], bool], thesaurus: Thesaurus) -> None:
        self._words = words
        self._found = found
        self._thesaurus = thesaurus
        self._speller: Speller | None = None

    def concepts(self, query: str) -> list[Concept]:
        """The concepts of a query; none if it has no words."""
        words = words_of(query)[:_MOST_WORDS]
        concepts = [concept for concept in self._concepts(words) if concept]
        # Nothing but words like "gift": then they are meant.
        return concepts or [{(word,): 1.0} for word in meaningful(words)]

    def _concepts(self, words: Sequence[str]) -> Iterator[Concept]:
        at = 0
        while at < len(words):
            phrase = self._thesaurus.longest_at(words, at)
            if phrase is not None:
                yield self._said(phrase)
                at += len(phrase)
                continue
            word = words[at]
            at += 1
            # "head phones" where the catalogue has headphones.
            if at < len(words) and (joined := word + words[at]) in self._words | self._thesaurus.words:
                yield self._said((joined,))
                at += 1
            elif not is_stop(word):
                yield self._typed(word)

    def _said(self, phrase: Phrase) -> Concept:
        concept: dict[Phrase, float] = {}
        if len(phrase) > 1:
            concept |= {(word,): _PART for word in phrase if not is_stop(word)}
        else:
            concept |= self._begun(phrase[0])
        concept |= dict.fromkeys(self._thesaurus.instead_of(phrase), _MEANT)
        return concept | {phrase: 1.0}

    def _typed(self, word: str) -> Concept:
        """A word that stands in no thesaurus: as it is, else as what it may be meant for."""
        concept: dict[Phrase, float] = self._begun(word)
        concept |= {(stem,): _DOER for stem in _done_by(word) if stem in self._words}
        if is_faint(word):
            return {(word,): _FAINT}
        if self._found((word,)):
            return concept | {(word,): 1.0}
        if concept:
            return concept
        for at in range(3, len(word) - 2):  # waterbottle
            if word[:at] in self._words and word[at:] in self._words:
                return {(word[:at], word[at:]): 1.0}
        if self._speller is None:
            self._speller = Speller([*self._words, *(self._thesaurus.words - frozenset(self._words))])
        for meant, slips in self._speller.near(word):
            worth = _SLIPS[slips]
            for phrase, weight in self._said((meant,)).items():
                concept[phrase] = max(concept.get(phrase, 0), weight * worth)
        return concept

    def _begun(self, word: str) -> dict[Phrase, float]:
        if len(word) < _SHORTEST_BEGINNING:
            return {}
        longer = sorted(other for other in self._words if other.startswith(word) and other != word)
        return {(other,): _BEGINS for other in longer[:_MOST_BEGUN]}


def _done_by(word: str) -> list[str]:
    """What somebody with this name does: camp for camper, bake for baker, jog for jogger."""
    if len(word) < 5 or not word.endswith(("er", "or", "ist")):
        return []
    stem = word[:-3] if word.endswith("ist") else word[:-2]
    return [stem, stem + "e", *([stem[:-1]] if stem[-1] == stem[-2] else [])]
