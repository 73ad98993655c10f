"""When the team sent its gifts: instants of a year that ends as a day begins."""

from __future__ import annotations

from bisect import bisect
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random

from sendoso_mcp.sandbox.clock import midnight

_SENDS = 140
_THIS_WEEK = 5
# How busy a month is, next to an ordinary one.
_BUSY = {7: 0.9, 8: 0.9, 12: 1.3}
_OPENS, _CLOSES = 14, 23
"""Office hours in the west of the US, as hours in UTC."""


def make_moments(rng: Random, today: datetime) -> list[datetime]:
    """When sends were created, oldest first; this week and this month have some from their first moment."""
    day = today.date()
    recent = max(day - timedelta(days=day.weekday()), day.replace(day=1))
    earlier = _workdays(day - timedelta(days=365), recent)
    moments = [_in_office_hours(rng, one) for one in _spread(rng, earlier, _SENDS - _THIS_WEEK)]
    # A week or month that begins today has nothing behind it yet, save a batch that was ready for it.
    days = _workdays(recent, day)
    moments += [
        _in_office_hours(rng, rng.choice(days)) if days else midnight(recent) for _ in range(_THIS_WEEK)
    ]
    return sorted(moments)


def _workdays(first: date, end: date) -> list[date]:
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    return [day for day in days if day.weekday() < 5]


def _spread(rng: Random, days: list[date], count: int) -> list[date]:
    """Days at even distances, more or less, that lie closer together in busy months."""
    work = list(accumulate(_BUSY.get(day.month, 1.0) for day in days))
    places = ((number + rng.random()) / count * work[-1] for number in range(count))
    return [days[bisect(work, place, hi=len(days) - 1)] for place in places]


def _in_office_hours(rng: Random, day: date) -> datetime:
    return midnight(day) + timedelta(milliseconds=rng.randrange(_OPENS * 3_600_000, _CLOSES * 3_600_000))
