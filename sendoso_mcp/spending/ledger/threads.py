"""The ledger for callers that must not wait: its methods block, and run in threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio.to_thread

from sendoso_mcp.spending.ledger.database import WouldWait

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a method of the ledger in a thread; once begun it is not cut off, whoever is cancelled."""
    return await anyio.to_thread.run_sync(partial(method, *args, **kwargs))


async def looked_up(look: Callable[..., T], *args: object) -> T:
    """Runs a look at the ledger that knows `wait`: here if it waits for nobody, else in a thread.

    A thread takes longer to wake than a look takes.
    """
    try:
        return look(*args, wait=False)
    except WouldWait:
        return await in_thread(look, *args)
