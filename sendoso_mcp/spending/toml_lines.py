"""On which lines of a TOML document its keys stand, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Where a value is: keys, and positions in lists; the same as pydantic's `loc`."""

_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_SPACE = re.compile(r"[ \t]*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


class Lines:
    """The lines of a document that tomllib has read; it is walked without checking it again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._lines: dict[Place, int] = {}
        self._tables: dict[Place, int] = {}
        table: Place = ()
        while self._skip(_SPACE_AND_LINES):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def of(self, place: Place) -> int:
        """The line, from 1, of the deepest part of a place that is written out; 1 if no part is."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Passes what matches here; whether anything comes after it."""
        if found := pattern.match(self._text, self._at):
            self._at = found.end()
        return self._at < len(self._text)

    def _eat(self, characters: str) -> bool:
        if not self._text.startswith(characters, self._at):
            return False
        self._at += len(characters)
        return True

    def _note(self, place: Place, at: int) -> None:
        # A table may be opened by a key below it, and again by its own header: the first one counts.
        self._lines.setdefault(place, bisect_left(self._ends, at) + 1)

    def _header(self) -> Place:
        """`[table]` or `[[array of tables]]`; gives the place of the keys that follow it."""
        start = self._at
        many = self._eat("[[") or not self._eat("[")
        keys = self._key()
        self._eat("]]" if many else "]")
        place: Place = ()
        for depth, key in enumerate(keys, 1):
            place = (*place, key)
            self._note(place, start)
            if many and depth == len(keys):
                self._tables[place] = self._tables.get(place, -1) + 1
            if place in self._tables:
                place = (*place, self._tables[place])
                self._note(place, start)
        return place

    def _pair(self, table: Place) -> None:
        """`key = value`."""
        start, keys = self._at, self._key()
        for depth in range(1, len(keys) + 1):
            self._note((*table, *keys[:depth]), start)
        self._eat("=")
        self._value((*table, *keys))

    def _key(self) -> tuple[str, ...]:
        """A key, maybe dotted, its parts maybe quoted, and the space around it."""
        keys: list[str] = []
        while not keys or self._eat("."):
            self._skip(_SPACE)
            start = self._at
            self._skip(_STRING)
            quoted = self._at > start
            self._skip(_BARE_KEY)
            written = self._text[start : self._at]
            keys.append(tomllib.loads(f"key = {written}")["key"] if quoted else written)
            self._skip(_SPACE)
        return tuple(keys)

    def _value(self, place: Place) -> None:
        self._skip(_SPACE)
        if self._eat("["):
            position = 0
            while self._skip(_SPACE_AND_LINES) and not self._eat("]"):
                self._note((*place, position), self._at)
                self._value((*place, position))
                self._skip(_SPACE_AND_LINES)
                position += self._eat(",")
        elif self._eat("{"):
            while self._skip(_SPACE_AND_LINES) and not self._eat("}"):
                self._pair(place)
                self._skip(_SPACE_AND_LINES)
                self._eat(",")
        elif self._text.startswith(('"', "'"), self._at):
            self._skip(_STRING)
        else:
            self._skip(_BARE_VALUE)
