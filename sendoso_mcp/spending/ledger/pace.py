"""When the next request to Sendoso may go, so that in no second more than so many do."""

from __future__ import annotations

import json
from collections.abc import Sequence

_SECOND = 1.0
_LONGEST_QUEUE = 120.0
"""Seconds. A turn further ahead than this was written by a clock that ran ahead, and is forgotten."""


def next_turn(turns: Sequence[float], now: float, per_second: int) -> tuple[float, list[float]]:
    """The moment of the next turn, and the turns to remember with it.

    Args:
        turns: the moments of the latest turns, in seconds on the same clock as `now`; some lie ahead.
        now: the moment of asking.
        per_second: how many turns any second may have.
    """
    kept = sorted(turn for turn in turns if now - _SECOND < turn < now + _LONGEST_QUEUE)
    turn = now if len(kept) < per_second else max(now, kept[-per_second] + _SECOND)
    return turn, [*kept, turn]


def read_turns(text: str | None) -> list[float]:
    """The turns that were written down as JSON; none where that was damaged, as they are worth little."""
    try:
        found = json.loads(text or "[]")
        return [float(turn) for turn in found]
    except (ValueError, TypeError, OverflowError):
        return []
