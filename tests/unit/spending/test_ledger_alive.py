"""Which process gives an order, and whether it still runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_kit import confirm, eventually, order, settle
from ledgers import ACCOUNT, START, Clock

from sendoso_mcp.spending.dispatch import ORDER_TAKES
from sendoso_mcp.spending.ledger import Ledger, State

# Opens the ledger, says which instance it is, and waits for the end of its input.
OPENS = """
import sys
from sendoso_mcp.spending.ledger import Ledger
ledger = Ledger(sys.argv[1], account=sys.argv[2])
print(ledger._used().instance, flush=True)
sys.stdin.read()
ledger.close()
"""


@contextmanager
def another_process(url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process with the ledger open, and its name there."""
    command = [sys.executable, "-c", OPENS, url, ACCOUNT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def alive_files(directory: Path) -> set[str]:
    return {path.name for path in (directory / "ledger.sqlite3-alive").iterdir()}


def test_a_process_is_alive_until_it_ends_and_dead_when_it_was_killed(
    shared_url: str, ledger_directory: Path
) -> None:
    ledger = Ledger(shared_url, account=ACCOUNT)
    database = ledger._used()
    with another_process(shared_url) as (killed, first), another_process(shared_url) as (ended, second):
        for instance in (first, second, database.instance):
            assert database.is_alive(instance)
        assert not database.is_alive("nobody")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert ended.stdin is not None
        ended.stdin.close()
        assert ended.wait(timeout=20) == 0
        eventually(lambda: not database.is_alive(first) and not database.is_alive(second))
    assert database.is_alive(database.instance)
    if "sqlite" in shared_url:
        # And nothing is left of them.
        assert alive_files(ledger_directory) == {database.instance}
        ledger.close()
        assert alive_files(ledger_directory) == set()
    ledger.close()


def test_an_order_is_left_to_its_process_while_that_runs_and_its_time_is_not_up(shared_url: str) -> None:
    clock = Clock()
    one, two = (Ledger(shared_url, account=ACCOUNT, now=clock) for _ in range(2))
    intent = order(one)
    assert not one.orphaned(intent)
    assert not two.orphaned(intent)
    clock.now = START + ORDER_TAKES
    assert not two.orphaned(intent)
    clock.go(seconds=0.001)
    # A process that hangs, or whose machine sleeps, keeps nobody from looking.
    assert one.orphaned(intent)
    assert two.orphaned(intent)
    clock.now = START
    one.close()
    eventually(lambda: two.orphaned(intent))
    two.close()


@pytest.mark.parametrize("state", [State.UNKNOWN, State.REJECTED, State.CONFIRMED])
def test_only_an_order_on_its_way_can_be_an_orphan(ledger: Ledger, clock: Clock, state: State) -> None:
    intent = order(ledger)
    intent = confirm(ledger, intent) if state is State.CONFIRMED else settle(ledger, intent, state)
    clock.go(days=9)
    assert not ledger.orphaned(intent)
