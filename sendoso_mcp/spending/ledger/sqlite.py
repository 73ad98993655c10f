"""The ledger in a SQLite file: one machine, any number of processes."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.spending.boundary import boundary
from sendoso_mcp.spending.ledger.alive import AliveFiles
from sendoso_mcp.spending.ledger.database import Lost, Row, Session
from sendoso_mcp.spending.ledger.pace import next_turn, read_turns
from sendoso_mcp.spending.ledger.sqlite_errors import DAMAGED, code, is_busy, unavailable
from sendoso_mcp.spending.ledger.turnstile import turnstile

_TRIGGERS = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
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
        self._pace: sqlite3.Connection | None = None
        self._pace_number = 0
        self._turns: list[float] = []
        self._alive: AliveFiles | None = None
        self._queue: Callable[[], AbstractContextManager[None]] = nullcontext
        if path is not None and read_only:
            self._connection = _connect_to_read(path)
            return
        try:
            if path is not None:
                _make_private(path)
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
        # Without the look at it, the file would not be had before the first query.
        with self._lock, self._transaction("BEGIN", "SELECT 1 FROM sqlite_master"):
            yield self

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[None]:
        try:
            with self._queue():
                for sql in begin:
                    self._connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            self._roll_back()
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
        with self._lock:
            now = time.time()
            if self._path is None:
                turn, self._turns = next_turn(self._turns, now, per_second)
                return max(0.0, turn - now)
            try:
                try:
                    return self._shared_turn(per_second)
                except sqlite3.DatabaseError as error:
                    if code(error) not in DAMAGED:
                        raise
                    # Nothing in the file is worth keeping, and a damaged one must not stop anybody.
                    self._forget_pace()
                return self._shared_turn(per_second)
            except (sqlite3.Error, OSError) as error:
                raise unavailable(error) from error

    def _shared_turn(self, per_second: int) -> float:
        # A file of its own, never synced: a turn is worth nothing after a power cut, and a sync takes
        # longer than many a request.
        path = self._pace_path()
        if self._pace is not None and _number(path) != self._pace_number:
            # Another process found it damaged and began a new one.
            self._pace.close()
            self._pace = None
        if self._pace is None:
            _make_private(path)
            self._pace_number = _number(path)
            self._pace = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
            self._pace.execute("PRAGMA synchronous = OFF")
            self._pace.execute("PRAGMA journal_mode = MEMORY")
            self._pace.execute("CREATE TABLE IF NOT EXISTS pace (id INTEGER PRIMARY KEY, turns TEXT)")
        with self._queue():
            self._pace.execute("BEGIN IMMEDIATE")
        try:
            found = self._pace.execute("SELECT turns FROM pace WHERE id = 1").fetchone()
            now = time.time()
            turn, turns = next_turn(read_turns(found and found[0]), now, per_second)
            self._pace.execute("INSERT OR REPLACE INTO pace (id, turns) VALUES (1, ?)", (json.dumps(turns),))
            self._pace.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._pace.execute("ROLLBACK")
            raise
        return max(0.0, turn - now)

    def _pace_path(self) -> Path:
        assert self._path is not None  # noqa: S101 - for the type checker; see `turn`
        return self._path.with_name(f"{self._path.name}-pace")

    def _forget_pace(self) -> None:
        if self._pace is not None:
            self._pace.close()
            self._pace = None
        with suppress(OSError):
            self._pace_path().unlink()

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
            if self._pace is not None:
                self._pace.close()
            if self._alive is not None:
                self._alive.close()


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


def _make_private(path: Path) -> None:
    """Makes the file, and its directory if need be, so that nobody but the user can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file that is there is not opened: to close it again would take away the locks that SQLite holds on it
    # elsewhere in this process (https://sqlite.org/howtocorrupt.html, 2.2).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if sys.platform != "win32" and path.stat().st_uid == os.getuid():
        path.chmod(0o600)


def _number(path: Path) -> int:
    """Tells a file from another that took its name; 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
