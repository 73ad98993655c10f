"""Garbage collection while the server starts: none, since what is imported stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def start_without_collecting() -> Iterator[None]:
    """Puts collection off until `started`, or until the end of the block if the start fails.

    Importing makes some hundred thousand objects that live as long as the process. Going through them
    again and again was a third of a start, and found less than a thousand that could go.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def started() -> None:
    """From here on collects what the server makes, and leaves alone what was there before.

    So a later full collection does not stop a call for as long as it takes to go through all modules.
    """
    gc.freeze()
    gc.enable()
