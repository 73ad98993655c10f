"""JSON Schemas as small as they can be: a model pays for every character of them in every conversation."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def slim(schema: Schema) -> Schema:
    """The same schema without what tells a model nothing.

    References are written out, titles that repeat names are dropped, and an optional value is described
    as what it is when given, without its null.
    """
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = dict(definitions[node["$ref"].rpartition("/")[2]])
            target.pop("description", None)
            node = target | {key: value for key, value in node.items() if key != "$ref"}
        small: Schema = {}
        for key, value in node.items():
            if key in ("$defs", "title") or (key == "default" and value is None):
                continue
            small[key] = (
                {name: walk(entry) for name, entry in value.items()} if key == "properties" else walk(value)
            )
        if "anyOf" in small:
            options = [option for option in small.pop("anyOf") if option != {"type": "null"}]
            small = (options[0] | small) if len(options) == 1 else {"anyOf": options, **small}
        return small

    slimmed: Schema = walk(schema)
    return slimmed
