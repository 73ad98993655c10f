"""The turns of all who share a ledger file, in a file of their own beside it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from sendoso_mcp.spending.ledger.pace import next_turn, read_turns, write_turns
from sendoso_mcp.spending.ledger.private_file import make_private
from sendoso_mcp.spending.ledger.sqlite_errors import DAMAGED, code, unavailable

BUSY = 30.0
"""Seconds to wait for other processes' transactions, each of which takes less than a millisecond."""


class PaceInMemory:
    """The turns of a ledger in memory, which nobody shares."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: list[float] = []

    def turn(self, per_second: int) -> float:
        """See `Database.turn`."""
        with self._lock:
            now = time.time()
            turn, self._turns = next_turn(self._turns, now, per_second)
        return max(0.0, turn - now)

    def turn_at_once(self, per_second: int) -> float | None:
        """See `Database.turn_at_once`."""
        return self.turn(per_second)

    def close(self) -> None:
        """There is nothing to close."""


class PaceFile:
    """Turns in a file that is never synced.

    A turn is worth nothing after a power cut, and a sync takes longer than many a request.

    Args:
        path: the file. Nothing in it is worth keeping: one that is damaged is made anew.
        queue: around the wait for the file; told not to wait itself, it says whether nobody else does.
    """

    def __init__(self, path: Path, queue: Callable[[bool], AbstractContextManager[bool]]) -> None:
        self._path = path
        self._queue = queue
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._number = 0

    def turn(self, per_second: int) -> float:
        """See `Database.turn`."""
        with self._lock:
            try:
                try:
                    return self._wait_and_take(per_second)
                except sqlite3.DatabaseError as error:
                    if code(error) not in DAMAGED:
                        raise
                    # A damaged one must not stop anybody.
                    self._forget()
                return self._wait_and_take(per_second)
            except (sqlite3.Error, OSError) as error:
                raise unavailable(error) from error

    def turn_at_once(self, per_second: int) -> float | None:
        """See `Database.turn_at_once`. Whatever is not as it should be is left to `turn`."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._connection is None or _number(self._path) != self._number:
                return None
            free = self._begin(self._connection, wait=False)
            return self._take(self._connection, per_second) if free else None
        except (sqlite3.Error, OSError):
            return None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Closes the file. Idempotent."""
        with self._lock:
            self._close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and _number(self._path) != self._number:
            self._close()  # Another process found it damaged and began a new one.
        if self._connection is None:
            make_private(self._path)
            self._number = _number(self._path)
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("PRAGMA journal_mode = MEMORY")
            self._connection.execute("CREATE TABLE IF NOT EXISTS pace (id INTEGER PRIMARY KEY, turns TEXT)")
        return self._connection

    def _wait_and_take(self, per_second: int) -> float:
        connection = self._opened()
        self._begin(connection, wait=True)
        return self._take(connection, per_second)

    def _begin(self, connection: sqlite3.Connection, *, wait: bool) -> bool:
        connection.execute(f"PRAGMA busy_timeout = {BUSY * 1000 if wait else 0:.0f}")
        with self._queue(wait) as first:
            if first:
                connection.execute("BEGIN IMMEDIATE")
            return first

    @staticmethod
    def _take(connection: sqlite3.Connection, per_second: int) -> float:
        try:
            found = connection.execute("SELECT turns FROM pace WHERE id = 1").fetchone()
            now = time.time()
            turn, turns = next_turn(read_turns(found and found[0]), now, per_second)
            connection.execute("INSERT OR REPLACE INTO pace (id, turns) VALUES (1, ?)", (write_turns(turns),))
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return max(0.0, turn - now)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _forget(self) -> None:
        self._close()
        with suppress(OSError):
            self._path.unlink()


def _number(path: Path) -> int:
    """Tells a file from another that took its name; 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
