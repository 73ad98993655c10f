"""How far a call is, told to the client that sent a progress token with it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mcp.server.mcpserver import Context

from sendoso_mcp.catalog import Standing

Report = Callable[[float, float | None, str | None], Awaitable[None]]


class Progress:
    """How far one call is. A call may wait for several things in turn; what is reported always grows.

    Args:
        report: sends it, if the client wants it.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._stage: Hashable = None
        self._before = 0.0
        self._last = -math.inf

    async def __call__(self, stage: Hashable, done: float, total: float | None, text: str) -> None:
        """Reports that of this stage so much is done; what is no more than was reported is left out.

        Args:
            stage: what the figures are of. Those of a new stage count on from where the last one stood.
            done: how much of it is done.
            total: how much there is, if that is known.
            text: for people.
        """
        if stage != self._stage:
            self._stage, self._before = stage, max(self._last, 0.0)
        progress = self._before + done
        if progress > self._last:
            self._last = progress
            await self._report(progress, None if total is None else self._before + max(done, total), text)


_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)


async def report_progress(stage: Hashable, done: float, total: float | None, text: str) -> None:
    """Reports to the client of the call at hand; see `Progress`."""
    if (progress := _progress.get()) is not None:
        await progress(stage, done, total, text)


async def report_reading(standing: Standing) -> None:
    """Reports how far the catalogue is read, to the client whose call waits for it."""
    of = "" if standing.total is None else f" of {standing.total:,}"
    text = f"Reading the catalogue: {standing.seen:,}{of} gifts."
    await report_progress(("catalogue", standing.number), standing.seen, standing.total, text)


@contextmanager
def reporting(context: Context[Any, Any] | None) -> Iterator[None]:
    """Around the work for one call: what is reported in it goes to its client, if that wants it."""
    token = _progress.set(None if context is None else Progress(context.report_progress))
    try:
        yield
    finally:
        _progress.reset(token)
