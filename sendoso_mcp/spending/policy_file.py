"""Reads a policy from its TOML file, and says where and why it cannot.

Nothing is guessed and nothing skipped: a policy that is not understood whole is not used at all.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.policy_words import sentence
from sendoso_mcp.spending.toml_lines import Lines, Place

_DEFAULT = "default"
_SHIPPED = files("sendoso_mcp.spending") / "policies"
_MOST_TOLD = 20
_NOT_STARTED = (
    "The server does not start with a policy that it does not understand whole; nothing was sent. "
    "Mend the file that SENDOSO_POLICY_FILE names, then start again."
)
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def read_policy(path: Path | None) -> Policy:
    """The policy in this file; without one, the policy that ships with the package.

    Raises:
        SettingsError: the file cannot be read or understood; says everything that is to be mended.
    """
    if path is None:
        return parse_policy(_shipped(_DEFAULT), shown=f"{_DEFAULT}.toml")
    # What was set by mistake, perhaps a key, must not end up in a log.
    shown = str(path) if path.suffix.lower() == ".toml" else "the file in SENDOSO_POLICY_FILE"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _refused(f"{shown} is not a file. Give the whole path of a TOML file.")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _refused(f"{shown} does not exist. Give the whole path of the file.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no file can have this name"
        raise _refused(f"{shown} cannot be read ({why}).") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(f"{shown}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None
    return parse_policy(text, shown=shown)


def parse_policy(text: str, *, shown: str) -> Policy:
    """The policy that a TOML document writes out; `shown` is what errors call the document.

    Raises:
        SettingsError: it cannot be understood; says everything that is to be mended.
    """
    text = text.removeprefix("\ufeff")
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _refused(f"{shown}, {_syntax(str(error), text)}") from None
    except (ValueError, ArithmeticError, RecursionError):
        # Thousands of digits, or of brackets; tomllib does not say where.
        raise _refused(f"{shown} has a value that is too long to read.") from None
    if not document:
        raise _refused(f"{shown} is empty. To set no limit at all, write [limits] with nothing below it.")
    return _Reading(document, Lines(text), shown).policy()


def packs() -> tuple[str, ...]:
    """The names of the rule packs that ship with the package."""
    names = (entry.name.removesuffix(".toml") for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name for name in names if name != _DEFAULT))


def _shipped(name: str) -> str:
    return (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")


def _refused(*problems: str) -> SettingsError:
    told = list(problems[:_MOST_TOLD])
    if more := len(problems) - len(told):
        told.append(f"... and {more} more.")
    return SettingsError("\n".join([*told, _NOT_STARTED]))


def _syntax(message: str, text: str) -> str:
    """tomllib's words, with the line in front."""
    position = _POSITION.search(message)
    line = (position and position[1]) or text.rstrip("\n").count("\n") + 1
    what = _POSITION.sub("", message)
    return f"line {line}: this is not TOML. {what}."


@dataclass(frozen=True, slots=True)
class _Problem:
    line: int
    text: str


class _Reading:
    """One document on its way to a policy; collects what is wrong with it."""

    def __init__(self, document: dict[str, Any], lines: Lines, shown: str) -> None:
        self._document = document
        self._lines = lines
        self._shown = shown
        self._problems: list[_Problem] = []
        # Rules whose pack is not known: what else they lack is not known either.
        self._unsure: set[int] = set()

    def policy(self) -> Policy:
        """The policy; raises a `SettingsError` with all problems."""
        for position, rule in self._rules():
            if "pack" in rule:
                self._unpack(position, rule)
        self._compare_names()
        try:
            policy = Policy.model_validate(self._document)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if not self._told(detail):
                    self._complain(detail["loc"], sentence(detail))
        else:
            if not self._problems:
                return policy
        problems = sorted(self._problems, key=lambda problem: problem.line)
        raise _refused(*(f"{self._shown}, line {problem.line}: {problem.text}" for problem in problems))

    def _told(self, detail: ErrorDetails) -> bool:
        """Whether an error only follows from a problem that was found before."""
        place, kind = detail["loc"], detail["type"]
        if place[:1] == ("rules",) and len(place) > 1 and place[1] in self._unsure:
            return kind == "missing" or len(place) == 2
        # A list in which no entry is good counts as empty; the names that two rules share were compared.
        return (kind == "too_short" and bool(detail["input"])) or not place

    def _complain(self, place: Place, text: str) -> None:
        self._problems.append(_Problem(self._lines.of(place), text))

    def _rules(self) -> Iterator[tuple[int, dict[str, Any]]]:
        rules = self._document.get("rules")
        if isinstance(rules, list):
            yield from ((position, rule) for position, rule in enumerate(rules) if isinstance(rule, dict))

    def _unpack(self, position: int, rule: dict[str, Any]) -> None:
        """Writes out the pack that a rule names; what the rule says itself counts."""
        name = rule.pop("pack")
        if name not in packs():
            self._unsure.add(position)
            self._complain(
                ("rules", position, "pack"), f"rules.pack must be one of the packs {', '.join(packs())}."
            )
            return
        pack = {"name": name} | tomllib.loads(_shipped(name), parse_float=Decimal)
        for key, value in pack.items():
            rule.setdefault(key, value)
        if "email_domains" not in rule:
            self._unsure.add(position)
            self._complain(
                ("rules", position, "pack"),
                f"the pack {name} does not know whom it is for. Give this rule "
                'email_domains, such as email_domains = ["bank.example"].',
            )

    def _compare_names(self) -> None:
        first: dict[str, int] = {}
        for position, rule in self._rules():
            name, place = rule.get("name"), ("rules", position, "name")
            if isinstance(name, str) and first.setdefault(name, position) != position:
                line = self._lines.of(("rules", first[name], "name"))
                self._complain(
                    place, f"rules.name is the name of the rule on line {line} too. Give each its own."
                )
