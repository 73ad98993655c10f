"""Looks at the ledger: many at once, and those that wait for nobody."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import PostgresServer
from ledger_kit import order
from ledgers import ACCOUNT

from sendoso_mcp.spending.ledger import Ledger, looked_up
from sendoso_mcp.spending.ledger.database import WouldWait
from sendoso_mcp.spending.ledger.turnstile import turnstile

DIES = """
import os, sys
from sendoso_mcp.spending.ledger import Ledger
ledger = Ledger(sys.argv[1], account=sys.argv[2])
print(ledger._used().instance, flush=True)
os.kill(os.getpid(), 9)
"""


def test_looks_at_once_do_not_take_each_other_for_a_process_that_is_gone(shared_url: str) -> None:
    """Or a repeated call would wait for an order that nobody gives, and a start would leave it lie."""
    done = subprocess.run(
        [sys.executable, "-c", DIES, shared_url, ACCOUNT], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    gone = done.stdout.strip()
    ledgers = [Ledger(shared_url, account=ACCOUNT) for _ in range(2)]
    looks: list[tuple[bool, bool]] = []

    def look(ledger: Ledger, other: Ledger) -> None:
        runs = other._used().instance
        for _ in range(200):
            looks.append((ledger._used().is_alive(gone), ledger._used().is_alive(runs)))

    while ledgers[0]._used().is_alive(gone):  # PostgreSQL may not have noticed yet
        pass
    threads = [threading.Thread(target=look, args=pair) for pair in (ledgers, ledgers[::-1]) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(looks) == {(False, True)}
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def file(ledger_directory: Path) -> Path:
    return ledger_directory / "ledger.sqlite3"


@pytest.fixture
def used(file: Path) -> Iterator[Ledger]:
    """A ledger in a file, in which something is written."""
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT)
    order(ledger)
    yield ledger
    ledger.close()


class Where:
    """A look that tells in which thread it was made."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.threads: list[threading.Thread] = []

    def __call__(self, *, wait: bool = True) -> int:
        position = self.ledger.position(wait=wait)
        self.threads.append(threading.current_thread())
        return position


@pytest.mark.anyio
async def test_a_look_wakes_no_thread_where_it_waits_for_nobody(used: Ledger) -> None:
    look = Where(used)
    assert await looked_up(look) == used.position() > 0
    assert look.threads == [threading.current_thread()]


def test_a_ledger_in_memory_is_never_waited_for(memory_ledger: Ledger) -> None:
    memory_ledger.open()
    assert memory_ledger.position(wait=False) == 0
    assert memory_ledger.turn_at_once(10) == 0


@pytest.mark.anyio
async def test_a_look_waits_in_a_thread_for_a_ledger_that_is_not_open(file: Path, used: Ledger) -> None:
    with closing(Ledger(f"sqlite:///{file}", account=ACCOUNT)) as other:
        look = Where(other)
        assert await looked_up(look) == used.position()
        assert await looked_up(look) == used.position()
        first, second = look.threads
        assert (first is threading.current_thread(), second is threading.current_thread()) == (False, True)


def test_a_look_that_may_not_wait_waits_for_nobody(file: Path, used: Ledger) -> None:
    position = used.position()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WouldWait):
            used.position(wait=False)
    with turnstile(file.with_name(f"{file.name}-alive")), pytest.raises(WouldWait):
        used.position(wait=False)  # whoever waits for the file came first
    taken, over = threading.Event(), threading.Event()

    def write() -> None:
        with used._used().write("test"):
            taken.set()
            over.wait(timeout=20)

    writer = threading.Thread(target=write)
    writer.start()
    assert taken.wait(timeout=20)
    with pytest.raises(WouldWait):
        used.position(wait=False)
    over.set()
    writer.join()
    assert used.position(wait=False) == position


def test_who_may_wait_does_so_after_a_look_that_might_not(file: Path, used: Ledger) -> None:
    used.position(wait=False)
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WouldWait):
            used.position(wait=False)
        later = threading.Timer(0.3, other.execute, ["COMMIT"])
        later.start()
        assert order(used).attempt is not None
        later.join()


def test_a_server_is_always_waited_for(postgres_server: PostgresServer) -> None:
    with closing(Ledger(postgres_server.quick_uri(), account=ACCOUNT)) as ledger:
        ledger.open()
        with pytest.raises(WouldWait):
            ledger.position(wait=False)
        assert ledger.turn_at_once(10) is None
