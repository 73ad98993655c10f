"""What people say for gifts: `thesaurus.txt`, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from sendoso_mcp.catalog.words import words_of

Phrase = tuple[str, ...]


class Thesaurus:
    """Phrases as `words_of` gives their words, and the phrases that may stand for them."""

    def __init__(self, entries: Mapping[Phrase, Sequence[Phrase]]) -> None:
        self._entries = entries
        self._longest = max(map(len, entries), default=0)
        self.words = frozenset(phrase[0] for phrase in entries if len(phrase) == 1)
        """What stands on the left alone."""

    def longest_at(self, words: Sequence[str], start: int) -> Phrase | None:
        """The longest phrase that begins here and has an entry."""
        for length in range(min(self._longest, len(words) - start), 0, -1):
            phrase = tuple(words[start : start + length])
            if phrase in self._entries:
                return phrase
        return None

    def instead_of(self, phrase: Phrase) -> Sequence[Phrase]:
        """What may stand for a phrase; nothing if it has no entry."""
        return self._entries.get(phrase, ())


@cache
def gift_words() -> Thesaurus:
    """The thesaurus that comes with the package."""
    entries: dict[Phrase, list[Phrase]] = {}
    text = (Path(__file__).parent / "thesaurus.txt").read_text(encoding="utf-8")
    for said, meant in read(text):
        entry = entries.setdefault(said, [])
        entry += [phrase for phrase in meant if phrase not in entry and phrase != said]
    return Thesaurus(entries)


def read(text: str) -> Iterator[tuple[Phrase, list[Phrase]]]:
    """Each phrase of a thesaurus and what it may stand for; a phrase may come more than once.

    Raises:
        ValueError: for a line that is not an entry, by its number.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        left, colon, right = line.partition(":")
        said, meant = _phrases(left), _phrases(right)
        if not colon or not said or not meant:
            raise ValueError(f"line {number} is not `what people say: words to look for`")
        for phrase in said:
            yield phrase, meant


def _phrases(text: str) -> list[Phrase]:
    return [phrase for part in text.split(",") if (phrase := tuple(words_of(part)))]
