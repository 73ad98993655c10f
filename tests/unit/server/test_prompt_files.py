from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from mcp.server.mcpserver import MCPServer
from mcp.types import GetPromptResult, TextContent

from sendoso_mcp.server import prompts
from sendoso_mcp.server.prompts import add_prompts
from sendoso_mcp.server.services import Services
from sendoso_mcp.server.tools import TOOLS

pytestmark = pytest.mark.anyio

NAMES = {spec.name for spec in TOOLS}
FILES = sorted(Path(__file__).parents[3].joinpath("prompts").glob("*.md"))
HEADS = {file: file.read_text(encoding="utf-8").split("+++")[1] for file in FILES}

GOOD = """+++
name = "greet"
title = "Greet"
description = "Greets a person."
tools = ["get_send"]

[[arguments]]
name = "person"
description = "Whom"
required = true

[[arguments]]
name = "reason"
+++

Greet {{person}}.
Because of {{reason}}, {{person}}!

End.
"""


def server_with(tools: set[str]) -> MCPServer[Services]:
    server: MCPServer[Services] = MCPServer(name="test")
    add_prompts(server, tools)
    return server


async def rendered(server: MCPServer[Services], name: str, arguments: Mapping[str, str]) -> str:
    result = await server.get_prompt(name, dict(arguments))
    assert isinstance(result, GetPromptResult)
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prompts, "_folder", lambda: tmp_path)
    return tmp_path


async def test_there_is_a_prompt_for_every_file_and_its_name_is_the_files() -> None:
    assert FILES
    assert [prompt.name for prompt in await server_with(NAMES).list_prompts()] == [
        file.stem for file in FILES
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_prompt_reads_well_with_all_and_with_only_its_required_arguments(file: Path) -> None:
    server = server_with(NAMES)
    (prompt,) = [prompt for prompt in await server.list_prompts() if prompt.name == file.stem]
    arguments = prompt.arguments or []
    assert prompt.title
    assert prompt.description
    assert all(argument.description for argument in arguments)

    full = await rendered(server, file.stem, {each.name: f"<{each.name}>" for each in arguments})
    assert all(f"<{argument.name}>" in full for argument in arguments)
    bare = await rendered(
        server, file.stem, {each.name: f"<{each.name}>" for each in arguments if each.required}
    )
    for text in (full, bare):
        assert not re.search(r"\{\{|\}\}|\+\+\+|None", text)
        assert text == text.strip()
    assert bare.splitlines()[0] == full.splitlines()[0]
    assert len(bare.splitlines()) == len(full.splitlines()) - sum(
        not argument.required for argument in arguments
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_prompt_is_offered_with_its_tools_and_speaks_of_no_other(file: Path) -> None:
    head = HEADS[file]
    needed = {name for name in NAMES if f'"{name}"' in head}
    assert needed
    server = server_with(needed)
    assert file.stem in {prompt.name for prompt in await server.list_prompts()}
    arguments = dict.fromkeys(re.findall(r'^name = "(\w+)"', head, re.MULTILINE)[1:], "x")
    mentioned = NAMES & set(re.findall(r"\w+", await rendered(server, file.stem, arguments)))
    assert mentioned == needed

    for missing in needed:
        offered = {prompt.name for prompt in await server_with(NAMES - {missing}).list_prompts()}
        assert file.stem not in offered


async def test_a_line_without_its_value_is_left_out(folder: Path) -> None:
    (folder / "greet.md").write_text(GOOD)
    server = server_with(NAMES)
    assert await rendered(server, "greet", {"person": "Ann"}) == "Greet Ann.\n\nEnd."
    assert await rendered(server, "greet", {"person": "Ann", "reason": " \u200b"}) == "Greet Ann.\n\nEnd."
    full = await rendered(server, "greet", {"person": "Ann", "reason": "you"})
    assert full == "Greet Ann.\nBecause of you, Ann!\n\nEnd."


async def test_a_value_is_one_clean_line_and_never_a_template(folder: Path) -> None:
    (folder / "greet.md").write_text(GOOD)
    arguments = {"person": "Ann\n\n3. Send\u202e {{reason}} \\1 \\g<0>", "reason": "x" * 5000}
    text = await rendered(server_with(NAMES), "greet", arguments)
    assert text.splitlines()[0] == "Greet Ann 3. Send {{reason}} \\1 \\g<0>."
    assert len(text) < 800


async def test_what_a_prompt_does_not_know_is_ignored_and_what_it_needs_is_required(folder: Path) -> None:
    (folder / "greet.md").write_text(GOOD)
    server = server_with(NAMES)
    assert "Greet Ann" in await rendered(server, "greet", {"person": "Ann", "other": "x"})
    with pytest.raises(ValueError, match="person"):
        await server.get_prompt("greet", {})


async def test_only_markdown_files_are_prompts(folder: Path) -> None:
    (folder / "notes.txt").write_text("no head")
    (folder / "greet.md").write_text(GOOD)
    assert [prompt.name for prompt in await server_with(NAMES).list_prompts()] == ["greet"]


async def test_a_file_with_windows_line_ends_is_read(folder: Path) -> None:
    (folder / "greet.md").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert await rendered(server_with(NAMES), "greet", {"person": "Ann"}) == "Greet Ann.\n\nEnd."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just text.",
        "Text first.\n" + GOOD,
        GOOD.rpartition("+++")[0],
        GOOD.replace("+++", "---"),
        GOOD.replace('title = "Greet"', "title = Greet"),
        GOOD.replace('title = "Greet"\n', ""),
        GOOD.replace('title = "Greet"', "title = 5"),
        GOOD.replace('title = "Greet"', 'title = "Greet"\ntool = []'),
        GOOD.replace('name = "reason"', "required = true"),
        GOOD.replace('name = "reason"', 'name = "cause"'),
        GOOD.replace("End.", "End, {{nobody}}."),
    ],
)
def test_a_file_with_a_malformed_head_is_refused(text: str, folder: Path) -> None:
    (folder / "greet.md").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        server_with(NAMES)


@pytest.mark.parametrize("text", ["Just text.", GOOD.replace("End.", "End, {{nobody}}.")])
def test_a_malformed_file_is_named(text: str, folder: Path) -> None:
    (folder / "greet.md").write_text(text)
    with pytest.raises(ValueError, match=r"prompts/greet\.md"):
        server_with(NAMES)
