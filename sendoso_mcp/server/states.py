"""The state that a client holds while a person reads a question (2026-07-28), and since when it does."""

from __future__ import annotations

import secrets
import struct
from contextvars import ContextVar

import anyio
from mcp.server.mcpserver import AESGCMRequestStateCodec

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
