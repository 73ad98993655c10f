"""A look that is shared, and never older than the call it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest
from anyio.lowlevel import checkpoint

from sendoso_mcp.together import Together

pytestmark = pytest.mark.anyio


@dataclass
class Looks:
    """Numbers its looks; each waits until it may end."""

    begun: int = 0
    error: Exception | None = None
    may_end: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_one_who_asks_alone_gets_a_look_of_their_own() -> None:
    looks = Looks()
    looks.may_end.set()
    together = Together(looks)
    assert [await together(), await together()] == [1, 2]


async def test_who_comes_while_somebody_looks_shares_the_next_look() -> None:
    looks = Looks()
    together, told = Together(looks), []

    async def ask() -> None:
        told.append(await together())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        for _ in range(50):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert looks.begun == 1
        looks.may_end.set()
    assert told == [1, *[2] * 50]


async def test_a_look_that_fails_fails_for_all_who_share_it_and_not_for_the_next() -> None:
    looks = Looks(error=OSError("no"))
    together, told = Together(looks), []

    async def ask() -> None:
        try:
            await together()
        except OSError as error:
            told.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        looks.may_end.set()
    assert told == [looks.error] * 10
    assert looks.begun == 1
    looks.error = None
    assert await together() == 2


async def test_a_cancelled_look_leaves_the_others_theirs() -> None:
    looks = Looks()
    together, told = Together(looks), []

    async def ask() -> None:
        told.append(await together())

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as impatient:
            async with anyio.create_task_group() as first:
                first.start_soon(together)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(ask)
                tasks.start_soon(ask)
                await checkpoint()
                impatient.cancel()
        await anyio.wait_all_tasks_blocked()
        looks.may_end.set()
    assert told == [2, 2]
