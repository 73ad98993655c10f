"""The ledger in PostgreSQL: any number of machines."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors as pg

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.boundary import boundary
from sendoso_mcp.spending.ledger.database import Lost, Row, Session, WouldWait
from sendoso_mcp.spending.ledger.pace import next_turn, read_turns, write_turns

_CONNECT = 10
"""Seconds to wait for a connection."""
_BUSY = 30.0
"""Seconds to wait for others' transactions, each of which takes a few milliseconds."""
_KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that vanished without a word is noticed within about a minute (libpq's parameters)."""
_WRITE_KEY, _PACE_KEY = 7_368_600, 7_368_601
"""The advisory locks under which the ledger is written, since its trail has one end, and a turn is taken."""

_HELD = """
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid::bigint = %s AND objid::bigint = %s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Whether anybody has an advisory lock, whose number is shown in two halves (PostgreSQL's `pg_locks`)."""

_TRIGGERS = """
SELECT 'the trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'the rule ' || r.rulename FROM pg_rules r WHERE r.schemaname = current_schema()
UNION ALL
SELECT 'the row policy ' || p.policyname FROM pg_policies p WHERE p.schemaname = current_schema()
UNION ALL
SELECT 'the disabled foreign keys of ' || c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgisinternal AND t.tgenabled <> 'O' AND c.relnamespace = current_schema()::regnamespace
ORDER BY 1
"""

_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresSession:
    """An open transaction."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, *parameters: object) -> None:
        """See `Session.execute`."""
        self._connection.execute(_dialect(sql), parameters or None)

    def rows(self, sql: str, *parameters: object) -> Sequence[Row]:
        """See `Session.rows`."""
        return self._connection.execute(_dialect(sql), parameters or None).fetchall()


class PostgresDatabase:
    """A `Database` at a PostgreSQL server. A connection that broke is replaced at its next use."""

    def __init__(self, url: str) -> None:
        self.instance = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._url = url
        self._guard = threading.Lock()
        self._idle: list[_Connection] = []
        # Its lock tells others that this process runs; PostgreSQL takes it back when the connection ends.
        self._alive: _Connection | None = None
        self._closed = False
        self._show_alive()

    @contextmanager
    def write(self, what: str) -> Iterator[PostgresSession]:
        """See `Database.write`."""
        self._show_alive()
        with self._connection() as connection:
            # Not the server's default, which may be a level that sees what was before the lock was had.
            yield from self._transaction(connection, "BEGIN ISOLATION LEVEL READ COMMITTED", _WRITE_KEY)
            boundary(f"{what}: before the commit")
            try:
                connection.execute("COMMIT")
            except psycopg.Error as error:
                raise Lost from error
        boundary(f"{what}: after the commit")

    @contextmanager
    def read(self) -> Iterator[PostgresSession]:
        """See `Database.read`."""
        with self._connection() as connection:
            yield from self._transaction(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with _told():
                connection.execute("COMMIT")

    def read_at_once(self) -> AbstractContextManager[PostgresSession]:
        """See `Database.read_at_once`. A server has to be waited for."""
        raise WouldWait

    def _transaction(
        self, connection: _Connection, begin: str, lock: int | None = None
    ) -> Iterator[PostgresSession]:
        try:
            with _told():
                connection.execute(begin)
                if lock is not None:
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
                yield PostgresSession(connection)
        except BaseException:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """A connection that nobody else uses meanwhile; if it is whole afterwards, it is used again."""
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            with self._guard:
                if connection.broken:
                    # The server is gone, or was, and the others are broken too: not a try for each of them.
                    for other in self._idle:
                        other.close()
                    self._idle.clear()
                whole = not connection.closed and not self._closed
                if whole and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _connect(self) -> _Connection:
        with _told():
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT,
                application_name="sendoso-mcp",
                **_KEEPALIVE,
            )
            # Whoever stops in the middle of a transaction (a machine that sleeps) must not stop all others.
            for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute("SELECT set_config(%s, %s, false)", (name, f"{_BUSY * 1000:.0f}"))
            return connection

    def has_table(self, session: Session, name: str) -> bool:
        """See `Database.has_table`."""
        return session.rows("SELECT to_regclass(?) IS NOT NULL", name)[0][0] is True

    def is_alive(self, instance: str) -> bool:
        """See `Database.is_alive`. A process is not seen while its own connection is renewed."""
        if instance == self.instance:
            return True
        # Looked up, not tried: a lock that is tried is held for a moment, and another look sees that one.
        key = _lock_of(instance) % 2**64
        with self._connection() as connection, _told():
            found = connection.execute(_HELD, (key >> 32, key % 2**32))
            return found.fetchone() is not None

    def _show_alive(self) -> None:
        with self._guard, _told():
            if self._alive is not None:
                try:
                    self._alive.execute("SELECT 1")
                    return
                except psycopg.OperationalError:
                    self._alive.close()
            self._alive = self._connect()
            try:
                # Shared, so that it need not wait for the server to notice that its last connection is gone.
                self._alive.execute("SELECT pg_advisory_lock_shared(%s)", (_lock_of(self.instance),))
            except psycopg.Error:
                self._alive.close()  # else the next look would find it well, and it shows nothing
                raise

    def turn(self, per_second: int) -> float:
        """See `Database.turn`. The server's clock counts: the machines' own may differ."""
        with self._connection() as connection, _told(), connection.transaction():
            # A turn is worth nothing after a power cut.
            connection.execute("SET LOCAL synchronous_commit = off")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_PACE_KEY,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pace (id INTEGER PRIMARY KEY, turns TEXT NOT NULL)"
            )
            row = connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8, (SELECT turns FROM pace WHERE id = 1)"
            ).fetchone()
            now, turns = row if row is not None else (0.0, None)
            turn, kept = next_turn(read_turns(turns), now, per_second)
            connection.execute(
                "INSERT INTO pace (id, turns) VALUES (1, %s) "
                "ON CONFLICT (id) DO UPDATE SET turns = excluded.turns",
                (write_turns(kept),),
            )
        return float(max(0.0, turn - now))

    def turn_at_once(self, per_second: int) -> float | None:  # noqa: ARG002 - never
        """See `Database.turn_at_once`. A server has to be waited for."""
        return None

    def writable(self, session: Session) -> bool:
        """See `Database.writable`."""
        sql = "SELECT has_table_privilege('audit', 'INSERT') AND NOT pg_is_in_recovery()"
        return session.rows(sql)[0][0] is True

    def triggers(self, session: Session) -> Sequence[str]:
        """See `Database.triggers`."""
        return [str(name) for (name,) in session.rows(_TRIGGERS)]

    def altered(self, session: Session, make: Callable[[Session], None]) -> str:  # noqa: ARG002 - see there
        """See `Database.altered`: what it was made of, PostgreSQL keeps in its own words."""
        return next(iter(self.triggers(session)), "")

    def damage(self, session: Session) -> str:  # noqa: ARG002 - see `Database.damage`
        """See `Database.damage`: the server looks after its own files."""
        return ""

    def close(self) -> None:
        """See `Database.close`."""
        with self._guard:
            self._closed = True
            for connection in (*self._idle, self._alive):
                if connection is not None:
                    connection.close()
            self._idle.clear()
            self._alive = None


@contextmanager
def _told() -> Iterator[None]:
    """The driver's errors as ours; a broken rule of the database is a defect of ours, and stays as it is."""
    try:
        yield
    except psycopg.IntegrityError:
        raise
    except pg.LockNotAvailable as error:
        raise LedgerUnavailable("other processes keep it busy") from error
    except psycopg.OperationalError as error:
        raise Lost from error
    except psycopg.Error as error:
        raise LedgerUnavailable(type(error).__name__) from error


def _dialect(sql: str) -> str:
    return sql.replace("?", "%s")


def _lock_of(instance: str) -> int:
    """A number for PostgreSQL's advisory locks, which have no names."""
    return int.from_bytes(hashlib.sha256(instance.encode()).digest()[:8], "big", signed=True)
