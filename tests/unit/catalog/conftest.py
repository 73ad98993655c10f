from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import anyio
import pytest
from catalog_kit import Make, Shelf

from sendoso_mcp.api import Sendoso
from sendoso_mcp.catalog import Catalog


@pytest.fixture
async def catalog_of() -> AsyncIterator[Make]:
    async with anyio.create_task_group() as tasks:

        def make(shelf: Shelf, clock: Callable[[], float] = time.time, **options: Any) -> Catalog:
            return Catalog(cast(Sendoso, shelf), tasks, now=clock, **options)

        yield make
        tasks.cancel_scope.cancel()
