"""The official conformance suite against the real command with some fixtures, in both eras, over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from processes import Start

from interop.clients.node import MODULES, NODE, version
from interop.record import Record

PACKAGE = "@modelcontextprotocol/conformance"
PROGRAM = str(MODULES / PACKAGE / "dist" / "index.js")
ERAS = ["2025-11-25", "2026-07-28"]
EXPECTED = tomllib.loads(Path(__file__).with_name("conformance.toml").read_text(encoding="utf-8"))


def entries(part: str) -> Iterator[str]:
    for group in EXPECTED[part]:
        assert group["why"].endswith(".")
        yield from group["entries"]


LEFT_OUT, VACUOUS = list(entries("left_out")), list(entries("vacuous"))


@dataclass
class Run:
    """What the suite says of one era: each scenario's checks that passed, and those that did not."""

    passed: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def complaints(self) -> dict[str, str]:
        """All that did not pass, as `scenario:check`, with the suite's words."""
        return {
            f"{scenario}:{check}": text
            for scenario, checks in self.failed.items()
            for check, text in checks.items()
        }

    def facts(self) -> dict[str, Any]:
        """Counts; a scenario that passes without trying anything is none that passed."""
        counted = [scenario for scenario in self.passed if scenario not in (*VACUOUS, *LEFT_OUT)]
        whole = [scenario for scenario in counted if not self.failed[scenario]]
        return {
            "version": version(PACKAGE),
            "passed": len(whole),
            "in_part": len(counted) - len(whole),
            "checks": sum(len(self.passed[scenario]) for scenario in counted),
            "left_out": sum(scenario in LEFT_OUT for scenario in self.passed),
            "vacuous": sum(scenario in VACUOUS for scenario in self.passed),
        }


def run(url: str, era: str, results: Path) -> Run:
    """Runs every scenario that the suite has for a server of this era."""
    words = ["server", "--url", f"{url}/mcp", "--suite", "all", "--spec-version", era]
    # It exits with 1 if anything failed; what failed is in its files.
    done = subprocess.run(
        [NODE, PROGRAM, *words, "--output-dir", str(results)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "=== SUMMARY ===" in done.stdout, done.stdout + done.stderr
    told = Run()
    for file in results.glob("*/checks.json"):
        name = re.fullmatch(r"server-(.+?)-\d{4}-\d\d-\d\dT[\d-]+Z", file.parent.name)
        assert name is not None, file
        checks = json.loads(file.read_text(encoding="utf-8"))
        told.passed[name[1]] = [check["id"] for check in checks if check["status"] == "SUCCESS"]
        told.failed[name[1]] = {
            check["id"]: str(check.get("errorMessage"))
            for check in checks
            if check["status"] not in ("SUCCESS", "INFO", "SKIPPED")
        }
    return told


@pytest.fixture
def furnished(start: Start, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server that has fixtures of the suite besides its tools."""
    command = [sys.executable, str(Path(__file__).with_name("everything.py"))]
    monkeypatch.setattr("processes.COMMAND", command)
    return start("--transport", "streamable-http", "--port", "0").url()


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {}


@pytest.mark.parametrize("era", ERAS)
def test_the_server_conforms_but_for_what_is_left_out(
    era: str,
    furnished: str,
    tmp_path: Path,
    runs: dict[str, Run],
    record: Record,
    figure: Callable[[str], None],
) -> None:
    told = runs[era] = run(furnished, era, tmp_path)
    unexpected = {
        name: text
        for name, text in told.complaints.items()
        if name not in LEFT_OUT and name.partition(":")[0] not in LEFT_OUT
    }
    assert unexpected == {}
    facts = told.facts()
    figure(f"conformance, {era}: {', '.join(f'{name} {value}' for name, value in facts.items())}")
    record.see("conformance", era, facts)


def test_what_is_left_out_still_fails_and_what_is_vacuous_still_passes(runs: dict[str, Run]) -> None:
    if set(runs) != set(ERAS):
        pytest.skip("needs the results of both eras")
    failing = {name for told in runs.values() for name in told.complaints}
    failing |= {name.partition(":")[0] for name in failing}
    assert [entry for entry in LEFT_OUT if entry not in failing] == []
    passing = {name for told in runs.values() for name in told.passed} - failing
    assert [entry for entry in VACUOUS if entry not in passing] == []
