"""The state that a client holds while a person reads a question (2026-07-28), and since when it does."""

from __future__ import annotations

import secrets
import struct
from contextvars import ContextVar
from typing import Any

import anyio
from mcp.server.mcpserver import AESGCMRequestStateCodec, Context
from mcp_types import ElicitResult

_STAMP = struct.Struct(">16sd")
_handed_out_at: ContextVar[float | None] = ContextVar("handed_out_at", default=None)


class DatedStates:
    """Seals states as the SDK does, and in each the moment at which it is handed out.

    The same question can be before a person more than once, if the call is made again while its form is open;
    by the state that comes back with an answer it is known which of them was answered.

    Args:
        key: what seals; who shares it can read each other's states, but not each other's clocks.
    """

    def __init__(self, key: bytes) -> None:
        self._codec = AESGCMRequestStateCodec([key])
        self._life = secrets.token_bytes(16)

    def seal(self, payload: bytes) -> str:
        """See `RequestStateCodec.seal`."""
        return self._codec.seal(_STAMP.pack(self._life, anyio.current_time()) + payload)

    def unseal(self, token: str) -> bytes:
        """See `RequestStateCodec.unseal`; `handed_out_at` tells what else was in it."""
        stamped = self._codec.unseal(token)
        life, at = _STAMP.unpack_from(stamped)
        _handed_out_at.set(at if life == self._life else None)
        return stamped[_STAMP.size :]


def handed_out_at() -> float | None:
    """When this server handed out the state that came with this call, by anyio's clock.

    None if another server did, or this one before a restart; or if there is none.
    """
    return _handed_out_at.get()


def says_no(ctx: Context[Any], refusal: str, came: float, read_seconds: float) -> bool:
    """Whether a person's no comes with this very call, by the choice that is the refusal or by declining.

    A no needs no question that still stands: the SDK drops an answer to one whose words have changed since,
    or that is not asked any more, and what a person refused must not go out because of that. Only one that
    is known to have come sooner than a person can read is none.

    Args:
        ctx: the call.
        refusal: the choice in the form that is a no.
        came: when the call came, by anyio's clock.
        read_seconds: what policy takes for the time to read a question.
    """
    put_at = handed_out_at()
    if ctx.request_state is None or (put_at is not None and came - put_at < read_seconds):
        return False
    return any(
        isinstance(answer, ElicitResult)
        and (answer.action == "decline" or (answer.content or {}).get("decision") == refusal)
        for answer in (ctx.input_responses or {}).values()
    )
