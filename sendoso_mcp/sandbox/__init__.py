"""An embedded Sendoso: a fake of its API that keeps the contract, with gifts, people and a past.

It serves demos without an account, and tests without a network.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from starlette.types import ASGIApp

from sendoso_mcp.sandbox.app import create_app
from sendoso_mcp.sandbox.catalogue import make_gifts
from sendoso_mcp.sandbox.clock import Clock, ManualClock
from sendoso_mcp.sandbox.faults import Fault
from sendoso_mcp.sandbox.history import make_history
from sendoso_mcp.sandbox.people import make_people
from sendoso_mcp.sandbox.world import Team, World

__all__ = ["Clock", "Fault", "ManualClock", "Sandbox", "create_sandbox"]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running Sendoso: its ASGI app, what is behind it, its time, and the faults it has yet to show."""

    app: ASGIApp
    world: World
    clock: Clock
    faults: deque[Fault]


def create_sandbox(*, seed: int = 7, items: int = 320, clock: Clock | None = None) -> Sandbox:
    """Builds a sandbox. The same seed and starting day (UTC) give the same gifts, people and past."""
    clock = clock or Clock()
    gifts, people = make_gifts(items, seed), make_people(seed)
    world = World(
        clock=clock,
        gifts=gifts,
        people=people,
        history=make_history(people, gifts, clock.now(), seed),
        team=Team(),
        seed=seed,
    )
    faults: deque[Fault] = deque()
    return Sandbox(create_app(world, faults), world, clock, faults)
