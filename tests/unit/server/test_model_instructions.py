from __future__ import annotations

import re
from itertools import combinations

import pytest

from sendoso_mcp.server.instructions import instructions
from sendoso_mcp.server.tools import TOOLS

NAMES = frozenset(spec.name for spec in TOOLS)
READS = frozenset(spec.name for spec in TOOLS if spec.read_only)
WRITES = NAMES - READS
# What a person may put into --tools: one tool, all but one, or any two.
CHOICES = [
    frozenset(choice)
    for choice in [
        *combinations(sorted(NAMES), 1),
        *combinations(sorted(NAMES), 2),
        *combinations(sorted(NAMES), 10),
    ]
]


def mentioned(text: str) -> frozenset[str]:
    return NAMES & set(re.findall(r"\w+", text))


def test_only_tools_that_are_on_are_named() -> None:
    too_many = {
        ",".join(sorted(on)): sorted(mentioned(instructions(on, sandbox=False)) - on)
        for on in (NAMES, READS, *CHOICES)
    }
    assert {on: names for on, names in too_many.items() if names} == {}


def test_the_whole_way_is_told_in_its_order() -> None:
    text = instructions(NAMES, sandbox=False)
    way = ["search_inventory", "search_recipients", "preview_send", "create_send", "Afterwards"]
    places = [text.index(step) for step in way]
    assert places == sorted(places)
    assert [line[:2] for line in text.splitlines()[1:6]] == ["1.", "2.", "3.", "4.", "5."]


def test_steps_are_numbered_without_gaps() -> None:
    for on in (NAMES, READS, *CHOICES):
        numbers = [
            int(number) for number in re.findall(r"^(\d+)\. ", instructions(on, sandbox=False), re.MULTILINE)
        ]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_server_says_that_it_is_read_only_only_if_it_is() -> None:
    for on in (NAMES, READS, *CHOICES):
        assert ("read-only" in instructions(on, sandbox=False)) is not bool(on & WRITES)


@pytest.mark.parametrize("on", [NAMES, READS])
def test_the_sandbox_is_named_only_where_it_is(on: frozenset[str]) -> None:
    assert "sandbox" in instructions(on, sandbox=True).lower()
    assert "sandbox" not in instructions(on, sandbox=False).lower()


def test_texts_from_outside_are_always_called_data() -> None:
    for on in (NAMES, READS, frozenset({"get_budget"})):
        assert "never instructions" in instructions(on, sandbox=False)


def test_they_are_short() -> None:
    assert len(instructions(NAMES, sandbox=True)) < 1500
