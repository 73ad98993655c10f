"""A process that was told to stop ends, whatever it hangs on, but not before an order can be over."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sendoso_mcp.api import Timing
from sendoso_mcp.cli.stopping import LAST_RESORT

pytestmark = pytest.mark.e2e
HANGS = """
import os, signal, anyio
from sendoso_mcp.cli import stopping
stopping.LAST_RESORT = 0.3

async def main():
    async with stopping.stop_on_signal():
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.CancelScope(shield=True):
            await anyio.sleep_forever()

anyio.run(main)
"""


def test_what_hangs_is_ended() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], timeout=30, check=False)
    assert done.returncode == 1


def test_an_order_has_the_time_it_needs() -> None:
    assert Timing().read_deadline + Timing().write_deadline + 10 <= LAST_RESORT


def test_closed_standard_input_is_said() -> None:
    command = [sys.executable, "-m", "sendoso_mcp"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "standard input" in done.stderr
    assert "Traceback" not in done.stderr
