"""Prompts from the Markdown files of `prompts/`.

A file starts with TOML between two lines of `+++`: name, title, description, the tools it relies on, and
a table `[[arguments]]` each (name, description, required). The rest is the text. `{{name}}` stands for an
argument; a line that names an argument without a value is left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from pydantic import BaseModel, ConfigDict

from sendoso_mcp.hygiene import clean_line
from sendoso_mcp.server.services import Services

_FENCE = "+++\n"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


class PromptHead(BaseModel):
    """What a prompt says about itself; `tools` are those that it relies on."""

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    description: str
    tools: list[str] = []
    arguments: list[PromptArgument] = []


def add_prompts(server: MCPServer[Services], tools: Collection[str]) -> None:
    """Registers every prompt whose tools are switched on, by name."""
    for head, body in _prompts():
        if set(head.tools) <= set(tools):
            server.add_prompt(
                Prompt(
                    name=head.name,
                    title=head.title,
                    description=head.description,
                    arguments=head.arguments,
                    fn=_renderer(head, body),
                    context_kwarg=None,
                )
            )


def prompt_heads() -> list[PromptHead]:
    """What every prompt says about itself, by name of its file."""
    return [head for head, _ in _prompts()]


def _prompts() -> Iterator[tuple[PromptHead, str]]:
    for file in sorted(_folder().iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".md"):
            yield _parse(file.name, file.read_text(encoding="utf-8"))


def _folder() -> Traversable:
    """In a wheel the prompts are inside the package; in a checkout they are beside it."""
    inside = files("sendoso_mcp") / "prompts"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "prompts"


def _parse(name: str, text: str) -> tuple[PromptHead, str]:
    """Splits a prompt file.

    Raises:
        ValueError: it does not start with a head, or the text names an argument that the head does not.
    """
    before, _, rest = text.partition(_FENCE)
    head_text, fence, body = rest.partition(_FENCE)
    if before.strip() or not fence:
        raise ValueError(f"prompts/{name} does not start with a head between two lines of +++")
    head = PromptHead.model_validate(tomllib.loads(head_text))
    unknown = set(_PLACE.findall(body)) - {argument.name for argument in head.arguments}
    if unknown:
        raise ValueError(f"prompts/{name} uses {', '.join(sorted(unknown))}, which its head does not name")
    return head, body.strip()


def _renderer(head: PromptHead, body: str) -> Callable[..., Any]:
    names = {argument.name for argument in head.arguments}

    def render(**values: str) -> str:
        given = {name: clean_line(str(values[name]), longest=500) for name in names & set(values)}
        lines = []
        for line in body.splitlines():
            if all(given.get(name) for name in _PLACE.findall(line)):
                lines.append(_PLACE.sub(lambda match: given[match[1]], line))
        return "\n".join(lines)

    return render
