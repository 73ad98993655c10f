"""What time it is in the sandbox, and the calendar its rules go by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


class Clock:
    """The real time."""

    def now(self) -> datetime:
        """The current instant, aware and in UTC."""
        return datetime.now(UTC)


class ManualClock(Clock):
    """A clock that moves only when it is told to, for tests."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant the clock was last turned to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Turns the clock forward."""
        self._now += by


def midnight(day: date) -> datetime:
    """The instant at which a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def quarter(day: date) -> tuple[date, date]:
    """The first and the last day of the calendar quarter that a day lies in."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    somewhere_in_the_next = first + timedelta(days=95)
    return first, somewhere_in_the_next.replace(day=1) - timedelta(days=1)
