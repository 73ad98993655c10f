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
def turnstile(directory: Path, wait: bool = True) -> Iterator[bool]:
    """Around the wait for the file, not around its use. Without `wait` it may say that others are in it.

    SQLite gives a file to whoever happens to ask when it is free. Who waits asks ten times a second, and who
    has just had it asks at once and has it again: of sixteen busy processes some never had it in half a
    minute. Here nobody who comes later can ask before whoever came first has the file. It is for fairness
    alone: where it cannot be had, no more than that is lost.
    """
    descriptor, first = _enter(directory, _LONGEST if wait else 0)
    try:
        yield first or wait
    finally:
        if descriptor is not None:
            os.close(descriptor)


if sys.platform == "win32":

    def _enter(directory: Path, patience: float) -> tuple[int | None, bool]:  # noqa: ARG001 - as below
        return None, True  # There is no lock on a directory.
else:
    import fcntl

    def _enter(directory: Path, patience: float) -> tuple[int | None, bool]:
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except OSError:
            return None, True
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return descriptor, False
                time.sleep(_LOOK_AGAIN)
            except OSError:
                return descriptor, True  # a file system without such locks
            else:
                return descriptor, True
