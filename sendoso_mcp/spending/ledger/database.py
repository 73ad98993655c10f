"""What the rules need of a database: transactions, rows, and who else is alive."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from sendoso_mcp.errors import SettingsError

Row = tuple[Any, ...]


class Lost(Exception):
    """The database went away in the middle of it: whether the transaction was committed is not known."""


class WouldWait(Exception):
    """Nothing was looked at: somebody would have to be waited for."""


class Session(Protocol):
    """An open transaction."""

    def execute(self, sql: str, *parameters: object) -> None:
        """Runs a statement; `?` stands for a parameter in every dialect."""

    def rows(self, sql: str, *parameters: object) -> Sequence[Row]:
        """The rows of a query."""


class Database(Protocol):
    """A database that is shared by threads, processes and, for PostgreSQL, machines.

    Every method raises `LedgerUnavailable` where the database cannot be used and nothing was changed,
    and `Lost` where that is not known.
    """

    instance: str
    """Names this process among all that use the database."""

    def write(self, what: str) -> AbstractContextManager[Session]:
        """A transaction that may change something; durable when it is left.

        Such transactions follow one another: each sees all that the one before it did. `what` names it to
        `boundary`.
        """

    def read(self) -> AbstractContextManager[Session]:
        """A transaction that sees one state of the database and changes nothing."""

    def read_at_once(self) -> AbstractContextManager[Session]:
        """As `read`, for callers that may not wait; `WouldWait` if it could take a while."""

    def has_table(self, session: Session, name: str) -> bool:
        """Whether there is a table of this name."""

    def is_alive(self, instance: str) -> bool:
        """Whether the process of this name still runs. It may be said to run for a while when it does not."""

    def turn(self, per_second: int) -> float:
        """Takes a place in the queue of requests to Sendoso: seconds to wait for one's turn.

        In any second at most `per_second` turns come up, over all that share the database.
        """

    def turn_at_once(self, per_second: int) -> float | None:
        """As `turn`, for callers that may not wait; None, and no place, if that could take a while."""

    def writable(self, session: Session) -> bool:
        """Whether this account may write the ledger's tables, as far as can be said without writing."""

    def triggers(self, session: Session) -> Sequence[str]:
        """What acts by itself when a row is read or written, such as a trigger: a ledger has none."""

    def altered(self, session: Session, make: Callable[[Session], None]) -> str:
        """The first thing about the tables that is not as `make` makes them; empty if all is.

        Where the database cannot say what it would have made, only `triggers` are seen.
        """

    def damage(self, session: Session) -> str:
        """What the database itself finds wrong with its file; empty where it finds or knows nothing."""

    def close(self) -> None:
        """Gives everything back. Idempotent."""


IN_MEMORY = "sqlite://"
"""The URL of a ledger that ends with the process."""


def file_of(url: str) -> Path | None:
    """The file that a ledger's URL names; None if it names none.

    Raises:
        SettingsError: SQLite would take the name for something else than a file, such as memory.
    """
    raw = url.removeprefix("sqlite:///")
    path = unquote(raw)
    if not raw or raw == url:
        return None
    if path.startswith((":", "file:")) or "\0" in path or "?" in raw or "#" in raw:
        raise SettingsError(
            "SENDOSO_LEDGER_URL must name a file and nothing else, such as sqlite:////var/lib/gifts.sqlite3. "
            "A ledger in memory would forget what was ordered."
        )
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError("SENDOSO_LEDGER_URL is in the home of a user that is not there.") from None


def opener(url: str, *, read_only: bool = False) -> Callable[[], Database]:
    """A function that opens the database at a URL. Nothing is opened, and no driver imported, before.

    `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite://` (in memory, for one process), or
    `postgresql://...`. A file that is only to be read is not made.

    Raises:
        SettingsError: the URL is of another kind, or PostgreSQL's driver is not installed.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if url == IN_MEMORY:
        return _memory
    if (path := file_of(url)) is not None:
        return lambda: _file(path, read_only=read_only)
    if scheme in ("postgresql", "postgres"):
        if importlib.util.find_spec("psycopg") is None:
            raise SettingsError(
                "SENDOSO_LEDGER_URL names a PostgreSQL server, and its driver is not installed. "
                "Install it: pip install 'sendoso-mcp[postgres]'."
            )
        return lambda: _postgres(url)
    raise SettingsError(
        "SENDOSO_LEDGER_URL is not the address of a ledger. It looks like sqlite:////var/lib/gifts.sqlite3 "
        "or postgresql://user@host/database."
    )


def _memory() -> Database:
    from sendoso_mcp.spending.ledger.sqlite import SqliteDatabase  # noqa: PLC0415 - a start pays for none

    return SqliteDatabase(None)


def _file(path: Path, *, read_only: bool) -> Database:
    from sendoso_mcp.spending.ledger.sqlite import SqliteDatabase  # noqa: PLC0415 - see _memory

    return SqliteDatabase(path, read_only=read_only)


def _postgres(url: str) -> Database:
    from sendoso_mcp.spending.ledger.postgres import PostgresDatabase  # noqa: PLC0415 - see _memory

    return PostgresDatabase(url)
