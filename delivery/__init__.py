"""How the package reaches its users: the bundle, the registry's file, and the papers made from the code."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
