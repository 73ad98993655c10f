"""The bundle for Claude Desktop: `make bundle` writes dist/sendoso-mcp.mcpb, a zip with a manifest.

The server's type is `uv`: the client brings its own uv, which fetches Python and the packages at the first
start. So one file serves every system; with the packages in it (some are compiled) each would need its own.
The rules: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delivery import ROOT
from delivery.registry import DESCRIPTION, TITLE
from sendoso_mcp import __version__
from sendoso_mcp.server.tools import TOOLS

BUNDLE = ROOT / "dist" / "sendoso-mcp.mcpb"
ENTRY_POINT = "server/main.py"
_MAIN = '''"""Starts the server out of a bundle."""

import sys

from sendoso_mcp.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve"]))
'''
_LONG_DESCRIPTION = (
    "Lets your assistant find a gift and a person, say what it costs, and send it through Sendoso, once you "
    "said yes to that gift at that price. Limits of your own hold whatever the assistant asks for.\n\n"
    "Without an API key it works on an embedded sandbox: nothing is really sent. At its first start it "
    "fetches its packages from PyPI. Not made by Sendoso."
)
# The time in the bundle: the same content is the same file.
_MOMENT = (2026, 1, 1, 0, 0, 0)


def manifest() -> dict[str, Any]:
    """What a client shows before it installs the bundle, what it asks for, and how it starts the server.

    A setting that is left empty reaches the server as `${user_config.name}`, which `read_settings` knows.
    """
    return {
        "manifest_version": "0.4",
        "name": "sendoso-mcp",
        "display_name": TITLE,
        "version": __version__,
        "description": DESCRIPTION,
        "long_description": _LONG_DESCRIPTION,
        "author": {"name": "the sendoso-mcp authors"},
        "homepage": "https://developer.sendoso.com/",
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                # Claude Desktop puts its own uv here, whatever it says.
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT],
                "env": {
                    "SENDOSO_API_KEY": "${user_config.api_key}",
                    "SENDOSO_POLICY_FILE": "${user_config.policy_file}",
                    "SENDOSO_READ_ONLY": "${user_config.read_only}",
                },
            },
        },
        "tools": [{"name": spec.name, "description": spec.title} for spec in TOOLS],
        "prompts_generated": True,
        "keywords": ["sendoso", "gifts", "corporate gifting", "sales"],
        "license": "MIT",
        "compatibility": {"platforms": ["darwin", "win32", "linux"]},
        "user_config": {
            "api_key": {
                "type": "string",
                "title": "Sendoso API key",
                "description": "In Sendoso under Settings > API Keys. Empty: the embedded sandbox.",
                "sensitive": True,
                "required": False,
                "default": "",
            },
            "policy_file": {
                "type": "file",
                "title": "Policy file",
                "description": "What may be spent, a TOML file. Empty: the built-in limits.",
                "required": False,
                "default": "",
            },
            "read_only": {
                "type": "boolean",
                "title": "Read only",
                "description": "Leave out all tools that send, cancel or create something.",
                "required": False,
                "default": False,
            },
        },
    }


def project() -> str:
    """The bundle's pyproject.toml: the packages that uv fetches, each in the version that was tested."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return "\n".join(
        [
            "[project]",
            'name = "sendoso-mcp-bundle"',
            f"version = {json.dumps(__version__)}",
            f"requires-python = {json.dumps(ours['requires-python'])}",
            f"dependencies = {_list(ours['dependencies'])}",
            "",
            "[tool.uv]",
            "package = false",
            f"constraint-dependencies = {_list(_pins())}",
            "",
        ]
    )


def write(target: Path = BUNDLE) -> Path:
    """Makes the bundle of what a wheel holds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(_contents()):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, content)
    return target


def _contents() -> Iterator[tuple[str, bytes]]:
    yield "manifest.json", json.dumps(manifest(), indent=2).encode() + b"\n"
    yield "pyproject.toml", project().encode()
    yield ENTRY_POINT, _MAIN.encode()
    for name in ("README.md", "LICENSE"):
        yield name, (ROOT / name).read_bytes()
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(wheel(Path(place))) as built:
        for name in built.namelist():
            if name.startswith("sendoso_mcp/"):
                yield f"server/{name}", built.read(name)


def wheel(place: Path) -> Path:
    """Builds the wheel into a directory, and gives its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = place.glob("*.whl")
    return built


def _pins() -> list[str]:
    """`name==version ; marker` of all that a server needs, as the lock has them."""
    lock = (ROOT / "requirements-server.lock").read_text(encoding="utf-8")
    return [match[1].strip() for match in re.finditer(r"^([a-z0-9][^\\\n#]*==[^\\\n]*)", lock, re.MULTILINE)]


def _list(values: list[str]) -> str:
    return "[\n" + "".join(f"  {json.dumps(value)},\n" for value in values) + "]"


if __name__ == "__main__":
    made = write()
    print(f"{made.relative_to(ROOT)}: {made.stat().st_size:,} bytes, version {__version__}")
