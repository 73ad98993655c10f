"""Lets processes that share a ledger file have it one after the other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_AGAIN = 0.003
_LONGEST = 10.0
"""Seconds. Whoever is in it for so long sleeps, and is passed by."""


@contextmanager
def turnstile(directory: Path) -> Iterator[None]:
    """Around the wait for the file, not around its use.

    SQLite gives a file to whoever happens to ask when it is free. Who waits asks ten times a second, and who
    has just had it asks at once and has it again: of sixteen busy processes some never had it in half a
    minute. Here nobody who comes later can ask before whoever came first has the file. It is for fairness
    alone: where it cannot be had, no more than that is lost.
    """
    descriptor = _enter(directory)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


if sys.platform == "win32":

    def _enter(directory: Path) -> int | None:  # noqa: ARG001 - as below
        return None  # There is no lock on a directory.
else:
    import fcntl

    def _enter(directory: Path) -> int | None:
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except OSError:
            return None
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOOK_AGAIN)
            except OSError:
                break  # a file system without such locks
            else:
                break
        return descriptor
