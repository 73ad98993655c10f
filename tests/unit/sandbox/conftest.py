from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sendoso_mcp.sandbox import ManualClock, create_sandbox
from sendoso_mcp.sandbox.world import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 18, 12, 0, tzinfo=UTC))


@pytest.fixture
def world(clock: ManualClock) -> World:
    return create_sandbox(clock=clock).world
