"""What the tool definitions cost a model, in characters: `make definitions`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sendoso_mcp.server.tools import TOOLS

LIMIT = 6_000
"""Name, description and input schema of all tools together."""


def measure() -> Iterator[tuple[str, int, int]]:
    """For each tool: its name, its definition's characters, and its output schema's."""
    for spec in TOOLS:
        tool = spec.definition()
        definition = len(tool.name) + len(tool.description or "") + length(tool.input_schema)
        yield tool.name, definition, length(tool.output_schema)


def totals() -> tuple[int, int]:
    """Characters of all definitions without, and with, output schemas."""
    rows = list(measure())
    definitions = sum(definition for _, definition, _ in rows)
    return definitions, definitions + sum(output for _, _, output in rows)


def length(schema: object) -> int:
    """Characters of a schema, written without spaces."""
    return len(json.dumps(schema, separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    print(f"{'tool':<20}{'definition':>12}{'output schema':>15}")
    for name, definition, output in measure():
        print(f"{name:<20}{definition:>12,}{output:>15,}")
    without, with_output = totals()
    print(f"{'all':<20}{without:>12,}{with_output - without:>15,}")
    print(f"definitions: {without:,} characters of at most {LIMIT:,}; with output schemas {with_output:,}")
