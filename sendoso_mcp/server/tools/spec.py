"""What a tool says about itself besides its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver.tools import Tool
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

    def build(self) -> Tool:
        """The SDK's tool, with its schemas slimmed."""
        tool = Tool.from_function(
            self.fn,
            title=self.title,
            description=self.description,
            annotations=ToolAnnotations(
                read_only_hint=self.read_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
            structured_output=True,
        )
        tool.parameters = slim(tool.parameters) | {"additionalProperties": False}
        output = tool.fn_metadata.output_schema
        if output is not None:
            tool.fn_metadata.output_schema = slim(output)
        return tool
