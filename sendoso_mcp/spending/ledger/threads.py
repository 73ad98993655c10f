"""The ledger for callers that must not wait: its methods block, and run in threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio.to_thread

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a method of the ledger in a thread; once begun it is not cut off, whoever is cancelled."""
    return await anyio.to_thread.run_sync(partial(method, *args, **kwargs))
