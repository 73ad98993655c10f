from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendoso_mcp.spending.toml_lines import Lines, Place

DOCUMENT = '''\
# [limits] in a comment, and "an open string
top = 1

[limits] # per_day = 1
per_day = 1
  "per month" = 2
'a.b' = { x = 1, "y" = [ 1, 2 ], z = { deep = "}" } }
per_year = 3

text = """
[not.a.table]
key = "quoted" \\"""
still text""""
raw = \'\'\'
[[rules]]
\'\'\'
list = [   # ] no end
  "a, b",  # not.here = 1
  "]",
  [ "c",
    "d" ],
  { e = 1 },
]
when = 2026-11-25 15:30:00 # a date with a space

[recipients]
deny.domains = ["x"]
deny . "emails" = []

[[rules]]
name = "one"

[[rules]]
name = "two"
[rules.sub]
key = 1
[[rules.more]]
key = 1
[[rules.more]]
key = 2

[ "last one" . 'really' ]
key = 1
'''
PLACES: list[tuple[Place, int]] = [
    (("top",), 2),
    (("limits",), 4),
    (("limits", "per_day"), 5),
    (("limits", "per month"), 6),
    (("limits", "a.b"), 7),
    (("limits", "a.b", "x"), 7),
    (("limits", "a.b", "y", 1), 7),
    (("limits", "a.b", "z", "deep"), 7),
    (("limits", "per_year"), 8),
    (("limits", "text"), 10),
    (("limits", "raw"), 14),
    (("limits", "list"), 17),
    (("limits", "list", 0), 18),
    (("limits", "list", 1), 19),
    (("limits", "list", 2), 20),
    (("limits", "list", 2, 0), 20),
    (("limits", "list", 2, 1), 21),
    (("limits", "list", 3, "e"), 22),
    (("limits", "when"), 24),
    (("recipients",), 26),
    (("recipients", "deny"), 27),
    (("recipients", "deny", "domains", 0), 27),
    (("recipients", "deny", "emails"), 28),
    (("rules",), 30),
    (("rules", 0), 30),
    (("rules", 0, "name"), 31),
    (("rules", 1), 33),
    (("rules", 1, "name"), 34),
    (("rules", 1, "sub", "key"), 36),
    (("rules", 1, "more", 0, "key"), 38),
    (("rules", 1, "more", 1), 39),
    (("rules", 1, "more", 1, "key"), 40),
    (("last one",), 42),
    (("last one", "really", "key"), 43),
]


def test_the_document_is_valid() -> None:
    assert tomllib.loads(DOCUMENT)["rules"][1]["more"] == [{"key": 1}, {"key": 2}]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(("place", "line"), PLACES)
def test_a_key_is_found_on_its_line(place: Place, line: int, ending: str) -> None:
    assert Lines(DOCUMENT.replace("\n", ending)).of(place) == line


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("nowhere",), 1),
        (("limits", "nowhere"), 4),
        (("rules", 1, "nowhere"), 33),
        (("limits", "list", 9), 17),
        (("limits", "per_day", "deeper"), 5),
    ],
)
def test_what_is_not_written_is_where_its_surroundings_are(place: Place, line: int) -> None:
    assert Lines(DOCUMENT).of(place) == line


@pytest.mark.parametrize("text", ["", "\n", "# only this", " \t\r\n#x\n"])
def test_a_document_without_keys_has_none(text: str) -> None:
    assert Lines(text).of(("a",)) == 1


def test_a_list_of_tables_may_be_written_inline() -> None:
    text = 'rules = [\n { name = "a" },\n { name = "b",  x = [\n 1] }\n]\nlast = 1'
    assert Lines(text).of(("rules", 1, "name")) == 3
    assert Lines(text).of(("rules", 1, "x", 0)) == 4
    assert Lines(text).of(("last",)) == 6


# --- any document

KEYS = st.text("abc-_09", min_size=1, max_size=3) | st.text(" .#[]{}=\"'é", max_size=3)
TEXTS = st.text("a \"'#[]{},=\\\n", max_size=6)
VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class Writer:
    """Writes a document in one of its many ways, and remembers where it put what."""

    def __init__(self, choose: st.DataObject) -> None:
        self.text = ""
        self.lines: dict[Place, int] = {}
        self._choose = choose

    def either(self, *ways: str) -> str:
        return self._choose.draw(st.sampled_from(ways))

    def add(self, text: str, place: Place | None = None) -> None:
        if place is not None:
            self.lines.setdefault(place, self.text.count("\n") + 1)
        self.text += text

    def key(self, key: str) -> str:
        bare = key != "" and all(char.isascii() and (char.isalnum() or char in "-_") for char in key)
        ways = [quoted(key)] + [key] * bare + [f"'{key}'"] * ("'" not in key)
        return self.either(*ways)

    def value(self, value: Any, place: Place) -> None:
        if isinstance(value, list):
            self.add("[")
            for position, part in enumerate(value):
                self.add(self.either("", " ", "\n", " # ] }\n\t"))
                self.add("", (*place, position))
                self.value(part, (*place, position))
                self.add(self.either(",", " ,", "\n,"))
            self.add(self.either("]", "\n]"))
        elif isinstance(value, dict):
            self.add("{ ")
            for number, (key, part) in enumerate(value.items()):
                self.add(", " if number else "")
                self.add(f"{self.key(key)} = ", (*place, key))
                self.value(part, (*place, key))
            self.add(" }")
        elif isinstance(value, str):
            plain = value.replace("\\", "\\\\").replace('"', '\\"')
            ways = [quoted(value), f'"""\n{plain}"""']
            # TOML drops a line break that comes first.
            ways += [f'"""{plain}"""'] * (value[:1] != "\n")
            if "'" not in value:
                ways += [f"'''\n{value}'''"] + [f"'{value}'"] * ("\n" not in value)
            self.add(self.either(*ways))
        else:
            self.add(json.dumps(value))

    def pair(self, key: str, value: Any, table: Place) -> None:
        self.add(self.either("", "\n", "# x = 1\n", "  "))
        self.add(f"{self.key(key)}{self.either('=', ' = ')}", (*table, key))
        self.value(value, (*table, key))
        self.add(self.either("\n", " # y = [\n"))


@settings(deadline=None, max_examples=100)
@given(
    st.data(),
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=3),
    st.lists(st.dictionaries(KEYS, VALUES, max_size=2), max_size=3),
)
def test_keys_are_found_however_a_document_is_written(
    choose: st.DataObject, top: dict[str, Any], tables: dict[str, Any], many: list[dict[str, Any]]
) -> None:
    tables = {key: table for key, table in tables.items() if key not in top}
    writer = Writer(choose)
    for key, value in top.items():
        writer.pair(key, value, ())
    for name, table in tables.items():
        writer.add(f"[{writer.key(name)}]\n", (name,))
        for key, value in table.items():
            writer.pair(key, value, (name,))
    for position, table in enumerate(many):
        writer.lines.setdefault(("many rules",), writer.text.count("\n") + 1)
        writer.add("[[ 'many rules' ]]\n", ("many rules", position))
        for key, value in table.items():
            writer.pair(key, value, ("many rules", position))
    assert tomllib.loads(writer.text) == top | tables | ({"many rules": many} if many else {})
    lines = Lines(writer.text)
    assert {place: lines.of(place) for place in writer.lines} == writer.lines
