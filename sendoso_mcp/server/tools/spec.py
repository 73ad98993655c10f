"""What a tool says about itself besides its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp_types import Tool as Definition
from mcp_types import ToolAnnotations

from sendoso_mcp.api import Ability
from sendoso_mcp.server.schema import slim


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool.

    Attributes:
        fn: called with the checked arguments; returns an `Answer`. Its name is the tool's.
        title: for people.
        description: for the model.
        read_only: changes nothing anywhere.
        destructive: what it does cannot be taken back by another call (spends money, ends a send).
        idempotent: a second call with the same arguments changes nothing more.
        open_world: reaches people and shops outside Sendoso.
        not_done: what an error of this tool did not do, as a sentence.
        needs: what the API's dialect must be able to do.
    """

    fn: Callable[..., Any]
    title: str
    description: str
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = False
    not_done: str = ""
    needs: Ability | None = None

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.fn.__name__

    def definition(self) -> Definition:
        """What clients are shown of this tool.

        It is read from the file beside the tool's code, which `make snapshots` writes and a test holds
        against `build`: working out eleven schemas would be a twelfth of a start.
        """
        return Definition.model_validate_json(Path(__file__).with_name(f"{self.name}.json").read_bytes())

    def register(self, server: MCPServer[Any]) -> None:
        """Lets the server run this tool."""
        server.add_tool(self.fn, **self._about())

    def build(self) -> Definition:
        """The definition, worked out from the tool's code, with its schemas slimmed."""
        tool = Tool.from_function(self.fn, **self._about())
        return Definition(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=slim(tool.parameters) | {"additionalProperties": False},
            output_schema=tool.output_schema and slim(tool.output_schema),
            annotations=tool.annotations,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "description": self.description,
            "annotations": ToolAnnotations(
                read_only_hint=self.read_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
            "structured_output": True,
        }
