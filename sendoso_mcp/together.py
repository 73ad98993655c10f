"""One look for all who ask at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Together(Generic[T]):
    """Shares a look among those who wait for one, which spares Sendoso, and its rate, the same request.

    Nobody is told what was seen before they asked: who comes while somebody looks waits for the next look,
    and shares that one with all who came meanwhile. A look that fails fails for all of them.

    Args:
        look: what is done for all.
    """

    def __init__(self, look: Callable[[], Awaitable[T]]) -> None:
        self._look = look
        self._looking = anyio.Lock()
        self._begun = 0
        self._ended = 0
        self._seen: list[T] = []
        self._error: Exception | None = None

    async def __call__(self) -> T:
        """What a look sees that began after this call; raises what it raised."""
        came = self._begun
        async with self._looking:
            if self._ended <= came:
                self._begun += 1
                try:
                    self._seen, self._error = [await self._look()], None
                except Exception as error:
                    self._seen, self._error = [], error
                # Not after a look that was cancelled: who waits for it looks for themselves.
                self._ended = self._begun
            if self._error is not None:
                raise self._error
            (seen,) = self._seen
            return seen
