"""docs/policy.md and the README say what the code does."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
from spending_kit import reason_codes

from sendoso_mcp.server.tools import create_send
from sendoso_mcp.spending.policy_file import packs, parse_policy
from sendoso_mcp.spending.policy_words import SECTIONS
from sendoso_mcp.spending.verdict import INSIDE_ENVELOPE, Effect

ROOT = Path(__file__).parents[3]
POLICY = ROOT.joinpath("docs", "policy.md").read_text(encoding="utf-8")
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
DEFAULT = (files("sendoso_mcp.spending") / "policies" / "default.toml").read_text(encoding="utf-8")
KEYS = [f"{section}.{key}" for section, keys in SECTIONS.items() for key in keys]


def blocks(document: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_explained_and_shown(key: str) -> None:
    assert f"\n| `{key}` |" in POLICY
    name = key.partition(".")[2]
    assert any(re.search(rf"^{name} = ", block, re.MULTILINE) for block in blocks(POLICY))


def test_no_key_is_explained_that_does_not_exist() -> None:
    assert set(re.findall(r"\n\| `(\w+\.\w+)` \|", POLICY)) == set(KEYS)


@pytest.mark.parametrize("code", sorted(reason_codes()))
def test_every_reason_is_explained(code: str) -> None:
    told = re.findall(rf"^\| `{code}` \| (\w+) \|", POLICY, re.MULTILINE)
    assert len(told) == 1
    # Of all reasons one alone lets a gift go that would have been asked about.
    effects = {Effect.ALLOW} if code == INSIDE_ENVELOPE else {Effect.ASK, Effect.DENY}
    assert set(told) <= effects


def test_every_reason_of_the_tool_that_sends_is_explained() -> None:
    source = Path(create_send.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'code="(\w+)"', source)) | create_send._NOT_NOW.keys()
    codes |= create_send._WHY_OUTSIDE.keys()
    assert codes >= {"person_declined", "outcome_unknown"}
    assert {code for code in codes if f"\n| `{code}` |" not in POLICY} == set()


@pytest.mark.parametrize("name", packs())
def test_every_pack_is_named(name: str) -> None:
    assert f"\n| `{name}` |" in POLICY


@pytest.mark.parametrize("document", [POLICY, README], ids=["docs/policy.md", "README.md"])
def test_the_policy_that_applies_without_a_file_is_printed_in_full(document: str) -> None:
    assert f"```toml\n{DEFAULT}```" in document


@pytest.mark.parametrize("document", [POLICY, README], ids=["docs/policy.md", "README.md"])
def test_the_examples_are_policies(document: str) -> None:
    assert blocks(document)
    for block in blocks(document):
        parse_policy(block, shown="the example")
