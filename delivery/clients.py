"""docs/clients.md, from what `make test-interop` has recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from delivery import ROOT

SEEN = ROOT / "tests" / "interop" / "seen.json"
_COLUMNS = (
    "client",
    "version",
    "transports",
    "protocol",
    "tools",
    "resources",
    "prompts",
    "elicitation",
    "a person approves",
)


def papers() -> Mapping[Path, str]:
    """The file with what it must hold."""
    seen = json.loads(SEEN.read_text(encoding="utf-8"))
    return {ROOT / "docs" / "clients.md": "\n".join(_clients(seen)) + "\n"}


def _clients(seen: dict[str, Any]) -> Iterator[str]:
    yield from (
        "# Clients",
        "",
        "<!-- Made from tests/interop/seen.json by `make test-interop UPDATE_CLIENTS=1`; changes here are",
        "lost. -->",
        "",
        "What was seen to work, in these versions. `make test-interop` has each of them start or reach the",
        "server with the embedded sandbox, over its own stack, and do the same job: list the tools, find a",
        "gift and a person, add a person, preview, send with a person's yes, repeat the call, and send with",
        "a person's no. Exactly one gift must exist afterwards, and the budget must have lost what it cost.",
        "Frameworks run their own loop, with a scripted model.",
        "",
    )
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for name, facts, transports in _rows(seen["clients"]):
        marks = ("yes" if facts[what] else "no" for what in ("resources", "prompts", "elicitation"))
        cells = (
            f"{name}, `{facts['package']}`",
            facts["version"],
            ", ".join(transports),
            facts["protocol"],
            "yes",
            *marks,
            "in the client's form" if facts["elicitation"] else "outside the chat",
        )
        yield f"| {' | '.join(cells)} |"
    yield from (
        "",
        "*Resources* and *prompts*: whether the client itself offers a way to list and read them.",
        "*Elicitation*: whether it can show the server's question to a person. Where it cannot, the answer",
        "of `create_send` is `approval_required` and names the approval page: the person opens it (or runs",
        "`sendoso-mcp approvals approve ID`), and the assistant calls again ([approvals.md](approvals.md)).",
    )
    yield from (
        "",
        "## Conformance",
        "",
        "The official suite, `@modelcontextprotocol/conformance`, against the same command over streamable",
        "HTTP: every scenario that it has for a server. For those that call tools, prompts and resources of",
        "the suite's own, the server of this test has some of them behind its own factory and middleware",
        "(`tests/interop/everything.py`). A scenario counts as passed if all its checks pass and it tried",
        "something. `tests/interop/conformance.toml` names every other one with its reason; a failure that",
        "is not named there fails `make test-interop`.",
        "",
        "| protocol | suite | passed | in part | checks in these | left out | passes, tries nothing |",
        "|---|---|---|---|---|---|---|",
    )
    for era, facts in seen["conformance"].items():
        counts = (facts[what] for what in ("version", "passed", "in_part", "checks", "left_out", "vacuous"))
        yield f"| {era} | {' | '.join(map(str, counts))} |"


def _rows(clients: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Each client with what was seen of it, and over which transports; several rows where these differ."""
    rows: list[tuple[str, dict[str, Any], list[str]]] = []
    for case, facts in clients.items():
        name, transport = case.rsplit(", ", 1)
        for row in rows:
            if row[:2] == (name, facts):
                row[2].append(transport)
                break
        else:
            rows.append((name, facts, [transport]))
    yield from rows
