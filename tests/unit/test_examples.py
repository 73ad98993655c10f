"""What of the examples can be tried without the frameworks they are for; tests/interop runs them whole."""

from __future__ import annotations

import ast
import hashlib
import json
from typing import Any

from delivery import ROOT

ORDER = {"recipient_id": "rcpt_ann", "item_id": "item_mug", "message": "Thank you!"}


def function_of(example: str, name: str) -> Any:
    """A function of an example, without its imports."""
    tree = ast.parse((ROOT / "examples" / example).read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    found: dict[str, Any] = {"hashlib": hashlib, "json": json}
    exec(compile(tree, example, "exec"), found)  # noqa: S102 - our own file
    return found[name]


def test_a_key_is_of_one_gift_and_not_of_one_person() -> None:
    """A key that is used again for another gift is a conflict, and nothing would be sent."""
    key_of = function_of("with_langchain.py", "key_of")
    others = [{**ORDER, name: "another"} for name in ORDER]
    assert key_of(ORDER) == key_of(dict(reversed(ORDER.items())))
    assert len({key_of(order) for order in (ORDER, *others)}) == 4
    assert len(key_of(ORDER)) <= 128
