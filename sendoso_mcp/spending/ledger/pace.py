"""When the next request to Sendoso may go, so that in no second more than so many do."""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Sequence

_SECOND = 1.0
_LONGEST_QUEUE = 120.0
"""Seconds. A turn further ahead than this was written by a clock that ran ahead, and is forgotten."""
_ROUNDING = 0.001
"""Seconds."""


def next_turn(turns: Sequence[float], now: float, per_second: int) -> tuple[float, list[float]]:
    """The moment of the next turn, and the turns to remember with it.

    Args:
        turns: the moments of the latest turns, in seconds on the same clock as `now`; some lie ahead.
        now: the moment of asking.
        per_second: how many turns any second may have.
    """
    kept: list[float] = []
    for turn in sorted(turn for turn in turns if now - _SECOND < turn < now + _LONGEST_QUEUE):
        # Whoever waits goes a second after somebody else: a turn ahead that follows none was written before
        # the clock was set back. One that is near is kept, as clocks are also set back by a little.
        if turn <= now + _SECOND or _follows_one(kept, turn):
            kept.append(turn)
    turn = now if len(kept) < per_second else max(now, kept[-per_second] + _SECOND)
    return turn, [*kept, turn]


def _follows_one(turns: Sequence[float], turn: float) -> bool:
    """Whether one of the sorted `turns` is a second before this one."""
    place = bisect(turns, turn - _SECOND - _ROUNDING)
    return place < len(turns) and turns[place] < turn - _SECOND + _ROUNDING


def read_turns(text: str | None) -> list[float]:
    """The turns that were written down as JSON; none where that was damaged, as they are worth little."""
    try:
        found = json.loads(text or "[]")
        return [float(turn) for turn in found]
    except (ValueError, TypeError, OverflowError):
        return []
