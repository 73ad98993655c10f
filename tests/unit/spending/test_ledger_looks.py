"""Looks at whether a process still runs, many at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from ledgers import ACCOUNT

from sendoso_mcp.spending.ledger import Ledger

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
