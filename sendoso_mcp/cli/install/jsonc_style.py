"""How a JSON text is laid out, and values in the same style."""

from __future__ import annotations

import json
import re
from typing import Any


def rendered(text: str, value: Any, *, indent: str = "", flat: bool = False) -> str:
    """A value in the style of the text around it."""
    if flat:
        blank = gap(text)
        return json.dumps(value, ensure_ascii=False, separators=(f",{blank}", f":{blank}"))
    return json.dumps(value, ensure_ascii=False, indent=unit(text)).replace("\n", line_end(text) + indent)


def line_end(text: str) -> str:
    """How its lines end."""
    return "\r\n" if "\r\n" in text else "\n"


def unit(text: str) -> str:
    """What one level of this text is indented by: the shortest indentation there is."""
    found = re.findall(r"\n([ \t]+)(?=[\"\]}{\[])", text)
    return min(found, key=len, default="  ")


def gap(text: str) -> str:
    """What stands between a colon and a value; a text without any has a blank there."""
    return "" if re.search(r'":[^ \t\r\n]', text) and not re.search(r'":[ \t]', text) else " "


def indent_of(text: str, at: int) -> str:
    """The indentation of the line that `at` is in."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]
