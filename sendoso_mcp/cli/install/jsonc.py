"""Changes one place in a JSON text and leaves every other byte as it is.

The text may have comments and trailing commas. It must be valid: whoever calls has parsed it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sendoso_mcp.cli.install.jsonc_style import gap, indent_of, line_end, rendered, unit

_TOKEN = re.compile(
    r'(?P<blank>[ \t\r\n]+)|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*")'
    r'|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"/]+)',
    re.DOTALL,
)
_REST_OF_LINE = re.compile(r"(?:[ \t]*(?:/\*.*?\*/|//[^\r\n]*))*", re.DOTALL)
_LINE_END = re.compile(r"[ \t]*\r?\n")
_BLANKS = " \t\r\n"


class Unclear(Exception):
    """The text says two things about one place, or something else stands there; the message says where."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member of an object or an element of an array."""

    key: str | None
    start: int
    value: int
    """The number of the value's first token."""
    value_start: int
    end: int
    comma: int | None
    """Where the comma after it is."""


@dataclass(frozen=True, slots=True)
class _Box:
    """An object or an array."""

    bracket: str
    open: int
    close: int
    entries: tuple[_Entry, ...]


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Sets the member at `path`; objects on the way that are not there are made.

    Raises:
        Unclear: a name on the way occurs twice, or something on the way is no object.
    """
    tokens = _tokens(text)
    if not tokens:
        return _first(text, _nested(path, value))
    box = _box(text, tokens, 0, ())
    for depth, name in enumerate(path):
        entry = _member(text, box, name)
        if entry is None:
            return _insert(text, box, _nested(path[depth + 1 :], value), key=name)
        if depth == len(path) - 1:
            new = rendered(text, value, indent=indent_of(text, entry.start), flat=not _breaks(text, entry))
            return text[: entry.value_start] + new + text[entry.end :]
        box = _box(text, tokens, entry.value, path[: depth + 1])
    raise ValueError("a path has at least one name")


def append(text: str, path: Sequence[str], value: Any) -> str:
    """Adds an element to the end of the array at `path`, which is made if it is not there.

    Raises:
        Unclear: see `put`.
    """
    box = _find(text, path, bracket="[")
    return put(text, path, [value]) if box is None else _insert(text, box, value, key=None)


def drop(text: str, path: Sequence[str]) -> str:
    """Removes the member at `path`, its comma and its line; nothing happens if it is not there.

    Raises:
        Unclear: see `put`.
    """
    box = _find(text, path[:-1], bracket="{")
    entry = None if box is None else _member(text, box, path[-1])
    return text if box is None or entry is None else _remove(text, box, box.entries.index(entry))


def drop_element(text: str, path: Sequence[str], index: int) -> str:
    """Removes an element of the array at `path`.

    Raises:
        Unclear: see `put`.
        IndexError: there is no such element.
    """
    box = _find(text, path, bracket="[")
    if box is None or index >= len(box.entries):
        raise IndexError(index)
    return _remove(text, box, index)


def _tokens(text: str) -> list[_Token]:
    """The tokens that mean something."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Unclear(f"line {_line(text, at)} is not JSON")
        if match.lastgroup not in ("blank", "comment"):
            found.append(_Token(match.lastgroup, match.start(), match.end()))
        at = match.end()
    return found


def _find(text: str, path: Sequence[str], *, bracket: str) -> _Box | None:
    tokens = _tokens(text)
    if not tokens:
        return None
    at = 0
    for depth, name in enumerate(path):
        entry = _member(text, _box(text, tokens, at, path[:depth]), name)
        if entry is None:
            return None
        at = entry.value
    return _box(text, tokens, at, path, bracket=bracket)


def _box(text: str, tokens: Sequence[_Token], at: int, path: Sequence[str], *, bracket: str = "{") -> _Box:
    """The container whose bracket is token `at`."""
    if text[tokens[at].start] != bracket:
        kind = "an object" if bracket == "{" else "a list"
        where = f'"{path[-1]}"' if path else "the text"
        raise Unclear(f"{where} (line {_line(text, tokens[at].start)}) is not {kind}")
    entries: list[_Entry] = []
    opened, at = tokens[at].start, at + 1
    while text[tokens[at].start] not in "}]":
        first = at
        value = at if bracket == "[" else at + 2
        after = _after(text, tokens, value)
        comma = tokens[after].start if text[tokens[after].start] == "," else None
        key = None if bracket == "[" else json.loads(text[tokens[first].start : tokens[first].end])
        entries.append(
            _Entry(key, tokens[first].start, value, tokens[value].start, tokens[after - 1].end, comma)
        )
        at = after + (comma is not None)
    return _Box(bracket, opened, tokens[at].start, tuple(entries))


def _after(text: str, tokens: Sequence[_Token], at: int) -> int:
    """The number of the token after the value that starts at token `at`."""
    depth = 0
    while True:
        mark = text[tokens[at].start] if tokens[at].kind == "mark" else ""
        depth += mark in ("{", "[")
        depth -= mark in ("}", "]")
        at += 1
        if depth == 0:
            return at


def _member(text: str, box: _Box, name: str) -> _Entry | None:
    found = [entry for entry in box.entries if entry.key == name]
    if len(found) > 1:
        lines = " and ".join(str(_line(text, entry.start)) for entry in found[:2])
        raise Unclear(f'"{name}" occurs twice in one object, in the lines {lines}')
    return found[0] if found else None


def _insert(text: str, box: _Box, value: Any, *, key: str | None) -> str:
    """Adds an entry at the end of a container."""
    label = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}:{gap(text)}"
    eol, step = line_end(text), unit(text)
    if not box.entries:
        outer = indent_of(text, box.open)
        inside = text[box.open + 1 : box.close]
        if "\n" not in text and text.strip(_BLANKS) not in ("{}", "[]"):
            return text[: box.close] + label + rendered(text, value, flat=True) + text[box.close :]
        kept = inside.rstrip(_BLANKS)
        at = box.open + 1 + len(kept)
        new = f"{eol}{outer}{step}{label}{rendered(text, value, indent=outer + step)}"
        # What follows is the bracket, on a line of its own.
        closing = "" if "\n" in inside[len(kept) :] else f"{eol}{outer}"
        return text[:at] + new + closing + text[at:]
    last = box.entries[-1]
    rest = _REST_OF_LINE.match(text, last.end if last.comma is None else last.comma + 1)
    at = rest.end() if rest else last.end
    flat = "\n" not in text[box.open : box.entries[0].start]
    if flat and not _ends_in_line_comment(text[last.end : at]):
        lead, indent = (" " if gap(text) else ""), ""
    else:
        indent = next(
            (indent_of(text, entry.start) for entry in reversed(box.entries) if _first_on_line(text, entry)),
            indent_of(text, box.open) + step,
        )
        lead = eol + indent
    new = f"{lead}{label}{rendered(text, value, indent=indent, flat=flat)}"
    if last.comma is not None:
        return f"{text[:at]}{new},{text[at:]}"
    return f"{text[: last.end]},{text[last.end : at]}{new}{text[at:]}"


def _remove(text: str, box: _Box, index: int) -> str:
    """Takes an entry out, and the blanks before it; comments stay."""
    entry = box.entries[index]
    blank = len(text[: entry.start].rstrip(_BLANKS))
    end = entry.end if entry.comma is None else entry.comma + 1
    before = text[box.open + 1 : blank]
    # The line end after a comment keeps what follows from becoming a part of it.
    start = entry.start if _ends_in_line_comment(before) and not _LINE_END.match(text, end) else blank
    if len(box.entries) == 1:
        after = text[end : box.close]
        if not before.strip(_BLANKS) and not after.strip(_BLANKS):
            return text[: box.open + 1] + text[box.close :]
        return text[:start] + text[end:]
    if index < len(box.entries) - 1:
        if "\n" not in text[blank : entry.start]:
            # In the middle of a line: the next entry takes its place.
            following = box.entries[index + 1].start
            start, end = entry.start, following if not text[end:following].strip(_BLANKS) else end
        return text[:start] + text[end:]
    comma = box.entries[index - 1].comma
    if entry.comma is not None or comma is None:
        return text[:start] + text[end:]
    return text[:comma] + text[comma + 1 : start] + text[end:]


def _first(text: str, value: Any) -> str:
    """A text for a file in which there is nothing yet but blanks and comments."""
    document = rendered(text, value)
    if not text.strip(_BLANKS):
        return document + line_end(text)
    return text + ("" if text.endswith("\n") else line_end(text)) + document + line_end(text)


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _first_on_line(text: str, entry: _Entry) -> bool:
    return not text[text.rfind("\n", 0, entry.start) + 1 : entry.start].strip(" \t")


def _breaks(text: str, entry: _Entry) -> bool:
    """Whether a new value may take several lines: the old one did, or it is no container."""
    old = text[entry.value_start : entry.end]
    return "\n" in old or ("\n" in text and old[0] not in "{[")


def _ends_in_line_comment(text: str) -> bool:
    """Whether a text that starts between tokens ends in a comment that goes on until the line ends."""
    last = ""
    for match in _TOKEN.finditer(text):
        last = match[0]
    return last.startswith("//")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
