"""When the next request to Sendoso may go, so that in no second more than so many do."""

from __future__ import annotations

import struct
from bisect import bisect
from collections.abc import Sequence
from math import isfinite

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
    known = sorted(turns)
    soon = bisect(known, now + _SECOND)
    kept = known[bisect(known, now - _SECOND) : soon]
    for turn in known[soon : bisect(known, now + _LONGEST_QUEUE)]:
        # Whoever waits goes a second after somebody else: a turn ahead that follows none was written before
        # the clock was set back. One that is near is kept, as clocks are also set back by a little.
        if _follows_one(kept, turn):
            kept.append(turn)
    turn = now if len(kept) < per_second else max(now, kept[-per_second] + _SECOND)
    return turn, [*kept, turn]


def _follows_one(turns: Sequence[float], turn: float) -> bool:
    """Whether one of the sorted `turns` is a second before this one."""
    place = bisect(turns, turn - _SECOND - _ROUNDING)
    return place < len(turns) and turns[place] < turn - _SECOND + _ROUNDING


def write_turns(turns: Sequence[float]) -> str:
    """The turns as text, which is written and read with every request: JSON took most of a turn's time."""
    return struct.pack(f"<{len(turns)}d", *turns).hex()


def read_turns(text: str | None) -> list[float]:
    """The turns that `write_turns` wrote; none where that was damaged, as they are worth little."""
    try:
        packed = bytes.fromhex(text or "")
        return [turn for turn in struct.unpack(f"<{len(packed) // 8}d", packed) if isfinite(turn)]
    except (ValueError, TypeError, struct.error):
        return []
