"""Ctrl-C, SIGTERM and a closed terminal as a clean stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

log = logging.getLogger(__name__)

LAST_RESORT = 70.0
"""Seconds after which a process that was told to stop ends whatever it hangs on; a last look-up has 25 of
them and the order that follows has 30."""


class Stopper:
    """Holds what a signal should do at the moment."""

    def __init__(self) -> None:
        self.requested = False
        self._action: Callable[[], None] | None = None

    def on_stop(self, action: Callable[[], None]) -> None:
        """Sets what stopping means; runs it at once if stopping was already asked for."""
        self._action = action
        if self.requested:
            action()

    def stop(self) -> None:
        """Asks to stop."""
        self.requested = True
        if self._action is not None:
            self._action()


@asynccontextmanager
async def stop_on_signal() -> AsyncIterator[Stopper]:
    """Turns these signals into a clean stop, for as long as anything is left to finish."""
    stopper = Stopper()
    if sys.platform == "win32":  # no signal handlers on its event loop; Ctrl-C raises KeyboardInterrupt
        yield stopper
        return

    # A client that never reads its output keeps a thread of the SDK writing for ever.
    last_resort = threading.Timer(LAST_RESORT, os._exit, (1,))
    last_resort.daemon = True

    async def watch() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            ready.set()
            async for _ in signals:
                # First of all: even the log may be a pipe that nobody reads.
                if not stopper.requested:
                    last_resort.start()
                log.info("stopping")
                stopper.stop()

    ready = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await ready.wait()
        try:
            yield stopper
        finally:
            last_resort.cancel()
        tasks.cancel_scope.cancel()
