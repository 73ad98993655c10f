"""The ledger in a SQLite file: one machine, any number of processes."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.spending.boundary import boundary
from sendoso_mcp.spending.ledger.alive import AliveFiles
from sendoso_mcp.spending.ledger.database import Lost, Row, Session, WouldWait
from sendoso_mcp.spending.ledger.private_file import make_private
from sendoso_mcp.spending.ledger.sqlite_errors import is_busy, unavailable
from sendoso_mcp.spending.ledger.sqlite_pace import PaceFile, PaceInMemory
from sendoso_mcp.spending.ledger.turnstile import turnstile

_TRIGGERS = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_LOOK = ("BEGIN", "SELECT 1 FROM sqlite_master")
"""Begins to read. Without the look at it, the file would not be had before the first query."""
_BUSY = 30.0
"""Seconds to wait for other processes' transactions, each of which takes a few milliseconds."""


class SqliteDatabase:
    """A `Database` in a file, or in memory if `path` is None.

    With `read_only` the file must exist, and nothing is changed in it or beside it, save that SQLite takes
    back what a process that died left half written.

    It uses a rollback journal: WAL, which would be faster, can corrupt the file in SQLite 3.7.0 to 3.51.2
    (https://sqlite.org/wal.html#walresetbug). The journal is kept and its head overwritten: where it is
    deleted instead, `synchronous` FULL does not sync the directory, so a power cut can bring the journal
    back and with it undo what was committed (https://sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.instance = f"{os.getpid()}-{secrets.token_hex(6)}"
        # By every name and link it is one ledger, with one place for the locks beside it.
        path = path and path.resolve()
        self._path = path
        self._lock = threading.RLock()
        self._pace: PaceFile | PaceInMemory = PaceInMemory()
        self._alive: AliveFiles | None = None
        self._queue: Callable[[bool], AbstractContextManager[bool]] = _alone
        if path is not None and read_only:
            self._connection = _connect_to_read(path)
            return
        try:
            if path is not None:
                make_private(path)
                boundary("open: after the file was made")
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("PRAGMA journal_mode = PERSIST").fetchone()
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
                if path is not None:
                    together = path.with_name(f"{path.name}-alive")
                    self._alive = AliveFiles(together, self.instance)
                    self._queue = partial(turnstile, together)
                    self._pace = PaceFile(path.with_name(f"{path.name}-pace"), self._queue)
                    boundary("open: after this process was shown to run")
            except BaseException:
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error

    @contextmanager
    def write(self, what: str) -> Iterator[SqliteDatabase]:
        """See `Database.write`."""
        with self._lock, self._transaction("BEGIN IMMEDIATE"):
            yield self
            boundary(f"{what}: before the commit")
        boundary(f"{what}: after the commit")

    @contextmanager
    def read(self) -> Iterator[SqliteDatabase]:
        """See `Database.read`."""
        with self._lock, self._transaction(*_LOOK):
            yield self

    @contextmanager
    def read_at_once(self) -> Iterator[SqliteDatabase]:
        """See `Database.read_at_once`."""
        if not self._lock.acquire(blocking=False):
            raise WouldWait
        try:
            with self._transaction(*_LOOK, wait=False):
                yield self
        finally:
            self._lock.release()

    @contextmanager
    def _transaction(self, *begin: str, wait: bool = True) -> Iterator[None]:
        try:
            with self._queue(wait) as first:
                if not first:
                    raise WouldWait
                self._connection.execute(f"PRAGMA busy_timeout = {_BUSY * 1000 if wait else 0:.0f}")
                for sql in begin:
                    self._connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            self._roll_back()
            if is_busy(error) and not wait:
                raise WouldWait from error
            raise unavailable(error) from error
        try:
            yield
        except sqlite3.IntegrityError:
            self._roll_back()
            raise
        except sqlite3.Error as error:
            self._roll_back()
            raise unavailable(error) from error
        except BaseException:
            self._roll_back()
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            busy = is_busy(error)
            self._roll_back()
            if busy:
                raise unavailable(error) from error
            raise Lost from error

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def execute(self, sql: str, *parameters: object) -> None:
        """See `Session.execute`."""
        self._connection.execute(sql, parameters)

    def rows(self, sql: str, *parameters: object) -> Sequence[Row]:
        """See `Session.rows`."""
        return self._connection.execute(sql, parameters).fetchall()

    def has_table(self, session: Session, name: str) -> bool:
        """See `Database.has_table`."""
        return bool(session.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name))

    def is_alive(self, instance: str) -> bool:
        """See `Database.is_alive`."""
        return self._alive.is_alive(instance) if self._alive else instance == self.instance

    def turn(self, per_second: int) -> float:
        """See `Database.turn`."""
        return self._pace.turn(per_second)

    def turn_at_once(self, per_second: int) -> float | None:
        """See `Database.turn_at_once`."""
        return self._pace.turn_at_once(per_second)

    def writable(self, session: Session) -> bool:  # noqa: ARG002 - the file system knows, not SQLite
        """See `Database.writable`. SQLite makes files beside its own, so the directory counts too."""
        path = self._path
        return path is None or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK))

    def triggers(self, session: Session) -> Sequence[str]:
        """See `Database.triggers`."""
        return [f"a {kind}, {name}" for kind, name in session.rows(_TRIGGERS)]

    def altered(self, session: Session, make: Callable[[Session], None]) -> str:
        """See `Database.altered`."""
        fresh = SqliteDatabase(None)
        try:
            make(fresh)
            expected = {row[:2]: row for row in fresh.rows(_OBJECTS)}
        finally:
            fresh.close()
        found = {row[:2]: row for row in session.rows(_OBJECTS)}
        for kind, name in sorted(expected.keys() | found.keys()):
            if found.get((kind, name)) != expected.get((kind, name)):
                return f"{kind} {name}"
        return ""

    def damage(self, session: Session) -> str:
        """See `Database.damage`: pages, indexes, and the rules that the tables have."""
        found = str(session.rows("PRAGMA integrity_check(1)")[0][0])
        return "" if found == "ok" else found

    def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            self._connection.close()
            self._pace.close()
            if self._alive is not None:
                self._alive.close()


def _alone(_wait: bool) -> AbstractContextManager[bool]:
    """Nobody else uses a ledger in memory."""
    return nullcontext(True)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    try:
        if not path.exists():
            raise SettingsError(
                f"There is no ledger at {path}. A server makes one when it starts with the same settings; "
                "if there should be one, check SENDOSO_LEDGER_URL, SENDOSO_API_KEY and SENDOSO_BASE_URL."
            )
        # `rw`, as `ro` cannot open a file whose last writer died in the middle; a file that this account may
        # not write is opened for reading all the same.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY,
            isolation_level=None,
            check_same_thread=False,
        )
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error) from error
    # Text that is no UTF-8 any more is handed on, so that whoever verifies can say in which row it is.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    try:
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error) from error
    return connection
