"""Repeatable chance: the same seed deals the same sandbox."""

from __future__ import annotations

from random import Random


def dice(seed: int, purpose: str) -> Random:
    """A generator of its own for each purpose, so that a change in one does not shift the others."""
    return Random(f"{seed}:{purpose}")  # noqa: S311 - it must be repeatable, and guards no secret
