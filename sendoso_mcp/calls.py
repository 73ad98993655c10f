"""Which call of a client the work at hand is for: lines of the log with one id belong together.

And the way back to that client, for what they may want to know before the answer comes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Weight = Literal["info", "notice", "warning"]
"""How much it matters, by the names of RFC 5424."""
Ear = Callable[[Weight, str], None]

_call: ContextVar[str] = ContextVar("call", default="")
_ear: ContextVar[Ear | None] = ContextVar("ear", default=None)


def call_id() -> str:
    """The id of the call at hand; empty outside of calls. Tasks that a call starts keep it."""
    return _call.get()


@contextmanager
def new_call() -> Iterator[None]:
    """Around the work for one call. The id is ours: what a client numbers its calls with may be anything."""
    token = _call.set(secrets.token_hex(6))
    try:
        yield
    finally:
        _call.reset(token)


def tell(weight: Weight, text: str) -> None:
    """Tells the client of the call at hand something, if it wants to hear that; never waits for it.

    The text is a sentence or two of our own: nothing that a client or Sendoso sent, and no secret.
    """
    if (ear := _ear.get()) is not None:
        ear(weight, text)


@contextmanager
def heard_by(ear: Ear) -> Iterator[None]:
    """Within the block, and in tasks that are started there, what is told goes to `ear`."""
    token = _ear.set(ear)
    try:
        yield
    finally:
        _ear.reset(token)
