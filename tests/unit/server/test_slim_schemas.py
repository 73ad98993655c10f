from __future__ import annotations

import copy
import json
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from sendoso_mcp.server.schema import slim
from sendoso_mcp.server.tools import TOOLS


class Kind(StrEnum):
    """What a kind is, at length."""

    A = "a"
    B = "b"


class Place(BaseModel):
    """Where."""

    title: str
    street: str | None = None


class Everything(BaseModel):
    """A model with all that pydantic writes."""

    title: str = Field(title="The Title", description="what it is called")
    kind: Kind
    maybe_kind: Kind | None = None
    place: Place
    places: list[Place] | None = None
    by_name: dict[str, Place] = {}
    count: Annotated[int, Field(ge=1, le=5)] | None = None
    day: date | None = Field(default=None, description="the day")
    limit: int = 10
    number_or_text: int | str | None = None


def walk(node: Any, *, names: bool = False) -> list[tuple[str, Any]]:
    """Every keyword of a schema with its value; the names of properties are no keywords."""
    found: list[tuple[str, Any]] = []
    if isinstance(node, list):
        for entry in node:
            found += walk(entry)
    elif isinstance(node, dict):
        for key, value in node.items():
            if not names:
                found.append((key, value))
            found += walk(value, names=not names and key == "properties")
    return found


SLIM = slim(Everything.model_json_schema())
PROPERTIES = SLIM["properties"]


@pytest.mark.parametrize("keyword", ["$ref", "$defs", "title"])
def test_no_reference_and_no_title_is_left(keyword: str) -> None:
    assert keyword not in {key for key, _ in walk(SLIM)}


def test_a_property_that_is_named_title_stays() -> None:
    assert PROPERTIES["title"] == {"type": "string", "description": "what it is called"}
    assert PROPERTIES["place"]["properties"]["title"] == {"type": "string"}
    assert PROPERTIES["place"]["required"] == ["title"]


def test_an_optional_value_is_described_as_what_it_is() -> None:
    assert PROPERTIES["count"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert PROPERTIES["day"] == {"type": "string", "format": "date", "description": "the day"}
    assert PROPERTIES["maybe_kind"] == {"type": "string", "enum": ["a", "b"]}
    assert PROPERTIES["places"]["items"]["properties"]["street"] == {"type": "string"}


def test_no_null_is_left() -> None:
    assert ("type", "null") not in walk(
        {key: value for key, value in PROPERTIES.items() if "_or_" not in key}
    )
    assert ("default", None) not in walk(SLIM)


def test_a_value_of_several_types_loses_its_null_too() -> None:
    assert PROPERTIES["number_or_text"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_what_a_reference_points_to_is_written_out() -> None:
    assert PROPERTIES["kind"] == {"type": "string", "enum": ["a", "b"]}
    assert PROPERTIES["by_name"]["additionalProperties"]["properties"]["street"] == {"type": "string"}


def test_defaults_limits_and_requirements_stay() -> None:
    assert PROPERTIES["limit"] == {"type": "integer", "default": 10}
    assert SLIM["required"] == ["title", "kind", "place"]
    assert set(PROPERTIES) == set(Everything.model_fields)


def test_the_given_schema_is_not_changed() -> None:
    schema = Everything.model_json_schema()
    before = copy.deepcopy(schema)
    slim(schema)
    assert schema == before


def test_slimming_twice_is_slimming_once() -> None:
    assert slim(SLIM) == SLIM


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_every_tool_is_slim(spec: Any) -> None:
    tool = spec.build()
    for schema in (tool.input_schema, tool.output_schema):
        keywords = walk(schema)
        assert not {"$ref", "$defs", "title"} & {key for key, _ in keywords}
        assert ("type", "null") not in keywords
        assert len(json.dumps(schema)) < 4000
