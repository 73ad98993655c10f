"""How hard the searches for faults search: a sample in `make test`, far more in `make test-deep`."""

from __future__ import annotations

import os

DEEP = os.environ.get("TEST_DEPTH") == "deep"


def deep(sample: int, large: int) -> int:
    """How often to try: `sample` in `make test`, `large` in `make test-deep`."""
    return large if DEEP else sample
