"""Papers that are made from the code: `make papers` writes them, and a test says which is not current."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from delivery import ROOT
from delivery.registry import server_json
from sendoso_mcp.cli import command_line
from sendoso_mcp.server.prompts import prompt_heads
from sendoso_mcp.server.tools import TOOLS, ToolSpec
from sendoso_mcp.settings import VARIABLES

_NO_EDITS = "<!-- Made from the code by `make papers`; changes here are lost. -->"
_RANGES = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "format": "{}",
}


def papers() -> Mapping[Path, str]:
    """Each file with what it must hold."""
    return {
        ROOT / "server.json": json.dumps(server_json(), indent=2, ensure_ascii=False) + "\n",
        ROOT / "docs" / "tools.md": "\n".join(_tools()) + "\n",
        ROOT / "docs" / "configuration.md": "\n".join(_configuration()) + "\n",
    }


def _tools() -> Iterator[str]:
    yield from (
        "# Tools",
        "",
        _NO_EDITS,
        "",
        f"All {len(TOOLS)} tools, as a model meets them. `--read-only` leaves out those that change",
        "something, `--tools a,b` offers only those it names. A refusal that is no mistake (policy, a",
        "person's no) is an answer with an `outcome`; an error is for what the caller or a person has to",
        "mend, and says what was not done.",
        "",
        "| tool | changes something | cannot be undone by a tool | same call again changes nothing more |",
        "|---|---|---|---|",
    )
    for spec in TOOLS:
        marks = (not spec.read_only, spec.destructive, spec.idempotent)
        yield f"| [`{spec.name}`](#{spec.name}) | {' | '.join('yes' if mark else 'no' for mark in marks)} |"
    for spec in TOOLS:
        yield from _tool(spec)
    yield from ("", "# Prompts", "", "A prompt is offered if the tools that it relies on are.", "")
    yield from ("| prompt | what it is for | arguments | relies on |", "|---|---|---|---|")
    for head in prompt_heads():
        arguments = ", ".join(
            f"`{each.name}`{'' if each.required else ' (may be left out)'}" for each in head.arguments
        )
        tools = ", ".join(f"`{tool}`" for tool in head.tools)
        yield f"| `{head.name}` | {_cell(head.description)} | {arguments} | {tools} |"


def _tool(spec: ToolSpec) -> Iterator[str]:
    tool = spec.definition()
    yield from ("", f"## {spec.name}", "", f"{spec.title}. {spec.description}")
    schema = tool.input_schema
    if schema["properties"]:
        yield from ("", "| argument | type | what it is |", "|---|---|---|")
        for name, value in schema["properties"].items():
            need = "" if name in schema.get("required", ()) else " (may be left out)"
            yield f"| `{name}`{need} | {_type(value)} | {_cell(_about(value))} |"
    else:
        yield from ("", "It takes no arguments.")
    answer = tool.output_schema or {}
    fields = ", ".join(f"`{name}`" for name in answer.get("properties", {}) if name != "sandbox")
    yield from ("", f"Answers with {fields}.")


def _type(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(f"`{each}`" for each in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(each) for each in value["anyOf"]))
    kind = str(value.get("type", "object"))
    if kind == "object" and "properties" in value:
        return "object of " + ", ".join(f"`{name}`" for name in value["properties"])
    return f"list of {_type(value['items'])}" if kind == "array" else kind


def _about(value: Mapping[str, Any]) -> str:
    facts = [words.format(value[key]) for key, words in _RANGES.items() if key in value]
    if "default" in value:
        facts.append(f"default {json.dumps(value['default'])}")
    return "; ".join(filter(None, [value.get("description", ""), *facts]))


def _configuration() -> Iterator[str]:
    yield from (
        "# Configuration",
        "",
        _NO_EDITS,
        "",
        "## Environment",
        "",
        "An empty variable counts as absent. What is not one of these is not read.",
        "",
        "| variable | meaning | default |",
        "|---|---|---|",
    )
    for each in VARIABLES:
        values = f" ({', '.join(f'`{value}`' for value in each.values)})" if each.values else ""
        secret = "; a secret" if each.secret else ""
        yield f"| `{each.name}` | {_cell(each.meaning)}{values}{secret} | {_cell(each.default)} |"
    yield from (
        "",
        "At `INFO` and above the log has no names, addresses or keys in it; at `DEBUG` it does, except for",
        "the key.",
        "What the policy file may say is in [policy.md](policy.md).",
        "",
        "One ledger is for one team, and without `SENDOSO_LEDGER_URL` its file is the same for every key at",
        "one `SENDOSO_BASE_URL`: a key may be changed. A second team on the same machine and account of the",
        "operating system needs a `SENDOSO_LEDGER_URL` of its own. A gift of another team than that of the",
        "ledger's first order is refused, if Sendoso gives the ids of both.",
        "",
        "## Commands",
        "",
        "Exit status: 0 done, 1 failed, 2 not usable as asked, 130 ended by Ctrl-C.",
    )
    yield from _commands(command_line(), "sendoso-mcp", "###")


def _commands(parser: argparse.ArgumentParser, before: str, heading: str) -> Iterator[str]:
    """Every command of a parser, and those under it."""
    for group in (each for each in parser._actions if isinstance(each, argparse._SubParsersAction)):
        about = {each.dest: each.help or "" for each in group._choices_actions}
        for name, command in group.choices.items():
            # The help says it in a line, the description at length; where they agree, once.
            words = [_sentence(about[name]), command.description or ""]
            yield from ("", f"{heading} {before} {name}", "", " ".join(dict.fromkeys(filter(None, words))))
            options = [
                each
                for each in command._actions
                if each.dest != "help" and not isinstance(each, argparse._SubParsersAction)
            ]
            if options:
                yield from ("", "| option | meaning |", "|---|---|")
            for option in options:
                yield f"| {_option(option)} | {_cell(_meaning(option))} |"
            yield from _commands(command, f"{before} {name}", f"{heading}#")


def _option(option: argparse.Action) -> str:
    value = option.metavar if isinstance(option.metavar, str) else ""
    if option.choices:
        value = "|".join(map(str, option.choices))
    if not option.option_strings:
        return f"`{_cell(value or option.dest.upper())}`"
    takes = f" {value or option.dest.upper()}" if option.nargs != 0 else ""
    return ", ".join(f"`{_cell(name + takes)}`" for name in option.option_strings)


def _meaning(option: argparse.Action) -> str:
    return (option.help or "").replace("%%", "%")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for path, text in papers().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
