from __future__ import annotations

import json
import re
from typing import Any

import pytest
from depth import deep
from hypothesis import given, settings
from hypothesis import strategies as st

from sendoso_mcp.cli.clients import ConfigFile, parse
from sendoso_mcp.cli.install import jsonc

ENTRY = {"command": "/opt/bin/sendoso-mcp", "args": ["--read-only"], "env": {"KEY": "ü // no comment"}}
PATH = ("servers", "gifts")
FEW = settings(max_examples=deep(40, 1_000), deadline=None)


def meaning(text: str) -> Any:
    """What a client that accepts comments reads."""
    from pathlib import Path

    return parse(ConfigFile("VS Code", Path(), "mcp.json", key="servers", comments=True), text)


def comments(text: str) -> list[str]:
    found = re.finditer(r'"(?:\\.|[^"\\\n])*"|(?P<comment>//[^\r\n]*|/\*.*?\*/)', text, re.DOTALL)
    return [match["comment"] for match in found if match["comment"]]


NAMES = st.text('ab"\\/ü{,', min_size=1, max_size=3).filter(lambda name: name not in ("servers", "gifts"))
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from(["", "// x", "/* y */", "}", "a\nb", 'q"q', "\u2028", "http://x", ",]"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A JSON text with `servers` in it, laid out and commented in any way."""
    eol = draw(st.sampled_from(["\n", "\r\n"]))
    blanks = st.sampled_from(
        [
            "",
            " ",
            "\t",
            eol,
            eol + "  ",
            f" // no, {{{eol}",
            "/* , */",
            f"/* a{eol} // b */",
            f"{eol}    //{eol}",
        ]
    )

    def write(value: Any) -> str:
        def blank() -> str:
            return draw(blanks)

        def several(parts: list[str], both: str) -> str:
            trailing: bool = draw(st.booleans())
            comma = "," + blank() if parts and trailing else ""
            return both[0] + blank() + (blank() + "," + blank()).join(parts) + blank() + comma + both[1]

        match value:
            case dict():
                members = [
                    f"{json.dumps(key, ensure_ascii=draw(st.booleans()))}{blank()}:{blank()}{write(inner)}"
                    for key, inner in value.items()
                ]
                return several(members, "{}")
            case list():
                return several([write(inner) for inner in value], "[]")
            case _:
                return json.dumps(value)

    servers = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    members = list(draw(st.dictionaries(NAMES, VALUES, max_size=2)).items())
    members.insert(draw(st.integers(0, len(members))), ("servers", servers))
    return draw(blanks) + write(dict(members)) + draw(blanks)


def is_kept(old: str, new: str) -> bool:
    """Whether every character of `old` is in `new`, in its order."""
    rest = iter(new)
    return all(char in rest for char in old)


@FEW
@given(texts())
def test_an_added_entry_changes_nothing_else(text: str) -> None:
    expected = json.loads(json.dumps(meaning(text)))
    expected["servers"]["gifts"] = ENTRY
    new = jsonc.put(text, PATH, ENTRY)
    assert meaning(new) == expected
    assert list(meaning(new)) == list(expected)
    assert comments(new) == comments(text)
    assert is_kept(text, new)
    # Besides the entry only a comma and blanks came in.
    added = len(re.sub(r"[,\s]", "", new)) - len(re.sub(r"[,\s]", "", text))
    assert added == len(re.sub(r"[,\s]", "", json.dumps({"gifts": ENTRY}, ensure_ascii=False))) - len("{}")


@FEW
@given(texts())
def test_taking_the_entry_out_again_gives_the_old_text(text: str) -> None:
    new = jsonc.drop(jsonc.put(text, PATH, ENTRY), PATH)
    assert meaning(new) == meaning(text)
    assert comments(new) == comments(text)
    if meaning(text)["servers"]:
        assert new == text
    else:
        assert "".join(new.split()) == "".join(text.split())


@FEW
@given(texts(), st.data())
def test_any_entry_can_be_taken_out(text: str, data: st.DataObject) -> None:
    content = json.loads(json.dumps(meaning(text)))
    if not content["servers"]:
        return
    name = data.draw(st.sampled_from(sorted(content["servers"])))
    del content["servers"][name]
    new = jsonc.drop(text, ("servers", name))
    assert meaning(new) == content
    assert is_kept(new, text)


@FEW
@given(texts(), st.data())
def test_a_changed_value_changes_nothing_else(text: str, data: st.DataObject) -> None:
    content = json.loads(json.dumps(meaning(text)))
    if not content["servers"]:
        return
    name = data.draw(st.sampled_from(sorted(content["servers"])))
    content["servers"][name] = ENTRY
    new = jsonc.put(text, ("servers", name), ENTRY)
    assert meaning(new) == content
    one, two = (jsonc.put(text, ("servers", name), number) for number in (1, 2))
    assert [(a, b) for a, b in zip(one, two, strict=True) if a != b] == [("1", "2")]
    at = next(n for n, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)
    assert text.startswith(one[:at])
    assert text.endswith(one[at + 1 :])


@FEW
@given(texts())
def test_an_element_is_added_to_a_list_and_taken_out_again(text: str) -> None:
    once = jsonc.append(text, ("inputs",), {"id": "one"})
    twice = jsonc.append(once, ("inputs",), {"id": "two"})
    assert meaning(twice)["inputs"] == [{"id": "one"}, {"id": "two"}]
    assert {**meaning(text), "inputs": [{"id": "one"}]} == meaning(once)
    assert jsonc.drop_element(twice, ("inputs",), 1) == once
    assert meaning(jsonc.drop_element(twice, ("inputs",), 0))["inputs"] == [{"id": "two"}]
    with pytest.raises(IndexError):
        jsonc.drop_element(once, ("inputs",), 1)


LAYOUTS = {
    "two spaces": (
        '{\n  "servers": {\n    "a": {}\n  }\n}\n',
        '{\n  "servers": {\n    "a": {},\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}\n',
    ),
    "tabs and CRLF": (
        '{\r\n\t"servers": {\r\n\t\t"a": {}\r\n\t}\r\n}',
        '{\r\n\t"servers": {\r\n\t\t"a": {},\r\n\t\t"s": {\r\n\t\t\t"x": [\r\n\t\t\t\t1\r\n\t\t\t]'
        "\r\n\t\t}\r\n\t}\r\n}",
    ),
    "one line": ('{"servers":{"a":{}}}', '{"servers":{"a":{},"s":{"x":[1]}}}'),
    "one airy line": ('{ "servers": { "a": 1 } }', '{ "servers": { "a": 1, "s": {"x": [1]} } }'),
    "nothing yet": ("{}", '{\n  "servers": {\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}'),
    "a comment on the last line, and a trailing comma": (
        '{\n    "servers": {\n        "a": {}, // mine\n        // "b": {}\n    },\n}',
        '{\n    "servers": {\n        "a": {}, // mine\n        "s": {\n            "x": [\n'
        '                1\n            ]\n        },\n        // "b": {}\n    },\n}',
    ),
    "a comment after the last value": (
        '{\n  "servers": {\n    "a": 1 // mine\n  }\n}',
        '{\n  "servers": {\n    "a": 1, // mine\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}',
    ),
    "an empty object": (
        '{\n  "servers": {}\n}',
        '{\n  "servers": {\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}',
    ),
    "no servers": (
        '{\n  "theme": 1\n}',
        '{\n  "theme": 1,\n  "servers": {\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}',
    ),
    "an empty text": ("", '{\n  "servers": {\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}\n'),
    "only a comment": (
        "// mine",
        '// mine\n{\n  "servers": {\n    "s": {\n      "x": [\n        1\n      ]\n    }\n  }\n}\n',
    ),
}


@pytest.mark.parametrize(("old", "new"), LAYOUTS.values(), ids=LAYOUTS)
def test_an_entry_looks_like_its_neighbours(old: str, new: str) -> None:
    assert jsonc.put(old, ("servers", "s"), {"x": [1]}) == new


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n"servers": {},\n"servers": {}}', '"servers" occurs twice in one object, in the lines 2 and 3'),
        ('{"servers": {"s": {}, "s": {}}}', '"s" occurs twice'),
        ('{"servers": null}', r'"servers" \(line 1\) is not an object'),
        ("[]", r"the text \(line 1\) is not an object"),
    ],
)
def test_what_can_be_read_in_two_ways_is_not_changed(text: str, says: str) -> None:
    with pytest.raises(jsonc.Unclear, match=says):
        jsonc.put(text, ("servers", "s"), 1)


def test_a_list_is_told_from_an_object() -> None:
    with pytest.raises(jsonc.Unclear, match=r'"inputs" .* is not a list'):
        jsonc.append('{"inputs": {}}', ("inputs",), 1)


def test_what_is_not_there_need_not_be_taken_out() -> None:
    for text in ("", "// nothing\n", '{"servers": {}}', "{}"):
        assert jsonc.drop(text, PATH) == text


def test_a_deep_text_is_no_problem() -> None:
    deep = '{"deep": ' + "[" * 5_000 + "]" * 5_000 + "}"
    assert jsonc.put(deep, ("s",), 1) == deep[:-1] + ', "s": 1}'
