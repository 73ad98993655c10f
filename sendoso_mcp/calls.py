"""Which call of a client the work at hand is for: lines of the log with one id belong together."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_call: ContextVar[str] = ContextVar("call", default="")


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
