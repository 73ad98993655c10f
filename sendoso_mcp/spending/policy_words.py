"""What is wrong with a policy file, in words for the person who wrote it.

Keys are named and numbers are told; other values are not, since anything may have been pasted into a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from sendoso_mcp.models import ItemType
from sendoso_mcp.spending.policy import Policy, Rule
from sendoso_mcp.spending.toml_lines import Place

_RULES = "rules"
_NAMEABLE = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _sections() -> dict[str, tuple[str, ...]]:
    found = {_RULES: (*Rule.model_fields, "pack")}
    for name, field in Policy.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = tuple(field.annotation.model_fields)
    return {name: found[name] for name in Policy.model_fields}


SECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(_sections())
"""The sections of a policy file, and the keys of each."""

_PREDICATES = {
    "decimal_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than 1,000,000,000",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "too_short": "must not be an empty list",
    "string_pattern_mismatch": "must be at most 40 lower-case letters, digits and hyphens",
    "missing": "is missing",
}


def subject(place: Place) -> str:
    """What an error is about: `limits.per_day`, `this rule`, `entry 3 of recipients.do_not_gift`."""
    keys = ".".join(_nameable(part) for part in place if isinstance(part, str))
    if place[:1] == (_RULES,) and len(place) == 2:
        return "this rule"
    if place and isinstance(place[-1], int):
        return f"entry {place[-1] + 1} of {keys}"
    return keys


def sentence(error: ErrorDetails) -> str:
    """One of pydantic's errors about a policy, without its place: `must be 0 or more, not -5.`"""
    place, kind, given = error["loc"], error["type"], error["input"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(place, is_table=isinstance(given, dict | list))
    if kind in ("model_type", "model_attributes_type") or place == (_RULES,):
        return _no_section(place)
    if kind == "enum":
        return (
            f"{subject(place)} must be one of {', '.join(ItemType)}.{_did_you_mean(_close(given, ItemType))}"
        )
    if kind == "value_error":
        predicate = str(context["error"])
    else:
        predicate = _PREDICATES.get(kind, "cannot be used").format(**context)
    return f"{subject(place)} {predicate}{_number(given)}."


def _unknown(place: Place, *, is_table: bool) -> str:
    """A section that does not exist, or a key that its section does not have."""
    key, section = str(place[-1]), str(place[0])
    if len(place) == 1:
        what = "is not a section of a policy" if is_table else "is not in a section"
        meant = _close(key, SECTIONS)
        return f"{_nameable(key)} {what}.{_did_you_mean(_header(meant) if meant else _elsewhere(key))}"
    misplaced = any(key in keys for keys in SECTIONS.values())
    meant = (None if misplaced else _close(key, SECTIONS[section])) or _elsewhere(key)
    return f"{subject(place)} is not a key of {_header(section)}.{_did_you_mean(meant)}"


def _elsewhere(key: str) -> str | None:
    """A key like this one, with the section that has it."""
    for section, keys in SECTIONS.items():
        if like := _close(key, keys):
            return f"{section}.{like}"
    return None


def _header(section: str) -> str:
    return f"[[{section}]]" if section == _RULES else f"[{section}]"


def _no_section(place: Place) -> str:
    if place[:1] == (_RULES,):
        return "rules must be written as sections: [[rules]], with two brackets, once for each rule."
    return f"{subject(place)} must be a section: [{subject(place)}], once, with one bracket."


def _did_you_mean(meant: str | None) -> str:
    return f" Did you mean {meant}?" if meant else ""


def _close(written: object, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - for policies with a mistake in them, not for every start

    text = str(written).strip().lower().replace("-", "_") if isinstance(written, str) else ""
    return next(iter(get_close_matches(text, list(known), n=1)), None)


def _number(given: object) -> str:
    """A number as it was given, so that one sees which is meant; nothing else is told."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        return ""
    # Not every number can be compared (nan), nor every integer written out (of thousands of digits).
    short = str(given) if isinstance(given, Decimal) or abs(given) < 10**12 else ""
    return f", not {short}" if 0 < len(short) <= 12 else ""


def _nameable(key: object) -> str:
    return key if isinstance(key, str) and _NAMEABLE.fullmatch(key) else "this"
