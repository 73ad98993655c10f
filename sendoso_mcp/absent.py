"""Imports that a library tries for its convenience and bears the lack of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Within the block, importing `module` fails as if it were not installed; what has it keeps it.

    For the start alone: other threads would see the lack too.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # how the import system writes "there is none"
    try:
        yield
    finally:
        del sys.modules[module]
