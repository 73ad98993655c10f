"""Finds the words that somebody may have meant who typed one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 4
"""Letters: in shorter words nearly everything is one slip from something else."""
_TWO_SLIPS_FROM = 9
"""Letters from which on two slips are forgiven."""


class Speller:
    """The words of a catalogue, by length and letters."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_length: dict[int, list[tuple[str, int]]] = {}
        for word in words:
            if len(word) >= _SHORTEST - 1 and word.isalpha():
                self._by_length.setdefault(len(word), []).append((word, _letters(word)))

    def near(self, typed: str) -> list[tuple[str, int]]:
        """The nearest words and how many slips away they are; nothing if none is near enough.

        The word itself is not among them: one of the catalogue's may be of a gift that is gone.
        A slip is a letter too much, missing, wrong or swapped with its neighbour. The first letter of a short
        word, and of one with two slips, must be right: people rarely get it wrong.
        """
        if len(typed) < _SHORTEST or not typed.isalpha():
            return []
        most = 2 if len(typed) >= _TWO_SLIPS_FROM else 1
        letters = _letters(typed)
        found: list[tuple[str, int]] = []
        for length in range(len(typed) - most, len(typed) + most + 1):
            for word, others in self._by_length.get(length, ()):
                # Each slip changes at most two letters of the set: most words need no closer look.
                if word == typed or (letters ^ others).bit_count() > 2 * most:
                    continue
                slips = distance(typed, word, most)
                if slips > most or (word[0] != typed[0] and (slips > 1 or len(typed) < 6)):
                    continue
                most = slips
                found.append((word, slips))
        return sorted(((word, slips) for word, slips in found if slips == most), key=lambda near: near[0])


def distance(one: str, other: str, most: int) -> int:
    """Slips between two words (optimal string alignment distance), or `most + 1` if there are more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, against in enumerate(other, start=1):
            slips = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                slips = min(slips, before[j - 2] + 1)
            row.append(slips)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return min(last[-1], most + 1)


def _letters(word: str) -> int:
    letters = 0
    for letter in word:
        letters |= 1 << (ord(letter) % 64)
    return letters
