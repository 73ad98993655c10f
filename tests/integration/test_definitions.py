"""What the model is shown. A change to it is a change to the product: see it in the snapshots' diff.

`make snapshots` rewrites them. The files beside the tools are also what is served.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support import Person, chat

from benchmarks.definitions import LIMIT, totals
from sendoso_mcp.sandbox import create_sandbox
from sendoso_mcp.server import tools
from sendoso_mcp.server.tools import TOOLS, ToolSpec

pytestmark = pytest.mark.anyio
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
DEFINITIONS = Path(tools.__file__).parent
NAMES = [
    "search_inventory",
    "search_recipients",
    "get_recipient",
    "create_recipient",
    "preview_send",
    "create_send",
    "get_send",
    "list_sends",
    "cancel_send",
    "get_budget",
    "sends_report",
]
# read-only, destructive, idempotent, open world: what a client shows, or asks for, before a call.
HINTS = {
    "create_recipient": (False, False, True, False),
    "create_send": (False, True, False, True),
    "cancel_send": (False, True, True, False),
}


def compare(file: Path, text: str) -> None:
    """Holds `text` against this snapshot."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"no snapshot {file.name}: make snapshots"
    assert text == file.read_text(encoding="utf-8"), f"{file.name} changed; if that is meant: make snapshots"


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_a_definition_on_file_is_what_the_code_says(spec: ToolSpec) -> None:
    shown = spec.build().model_dump(mode="json", by_alias=True, exclude_none=True)
    compare(DEFINITIONS / f"{spec.name}.json", json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


async def test_the_model_sees_what_is_on_file() -> None:
    async with chat(create_sandbox()) as connected:
        shown = (await connected.client.list_tools()).tools
        assert [tool.name for tool in shown] == NAMES
        assert shown == [spec.build() for spec in TOOLS]
        compare(SNAPSHOTS / "instructions.txt", (connected.client.instructions or "") + "\n")


async def test_both_protocol_eras_show_the_same() -> None:
    async with (
        chat(create_sandbox(), mode="auto") as modern,
        chat(create_sandbox(), mode="legacy") as legacy,
    ):
        assert (await modern.client.list_tools()).tools == (await legacy.client.list_tools()).tools
        assert modern.client.instructions == legacy.client.instructions


def test_no_snapshot_is_left_over_from_a_tool_that_is_gone() -> None:
    assert {file.stem for file in DEFINITIONS.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_every_tool_sets_all_four_hints(spec: ToolSpec) -> None:
    hints = spec.build().annotations
    assert hints is not None
    expected = HINTS.get(spec.name, (True, False, True, False))
    assert expected == (
        hints.read_only_hint,
        hints.destructive_hint,
        hints.idempotent_hint,
        hints.open_world_hint,
    )


def test_definitions_fit_their_budget() -> None:
    definitions, with_output = totals()
    assert definitions <= LIMIT
    assert with_output <= 13_500


async def test_ten_gifts_fit_2500_characters() -> None:
    async with chat(create_sandbox()) as connected:
        for query in ("", "coffee", "blanket", "team swag", "donation"):
            result = await connected.client.call_tool("search_inventory", {"query": query})
            assert len(result.content[0].text) <= 2_500  # type: ignore[union-attr]  # always a text


async def test_the_question_is_what_the_snapshot_shows() -> None:
    person = Person()
    async with chat(create_sandbox(), person=person) as connected:
        gifts = await connected.call("search_inventory", query="blanket", limit=1)
        await connected.call(
            "create_send",
            recipient_id="rcpt_sarah_johnson",
            item_id=gifts["gifts"][0]["id"],
            message="With thanks",
        )
    # What is left of the budget depends on the day, and every question has a number of its own.
    lines = [
        line for line in person.asked[0].splitlines() if not line.startswith(("Team budget", "Question"))
    ]
    compare(SNAPSHOTS / "question.txt", "\n".join(lines) + "\n")
