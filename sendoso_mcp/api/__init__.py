"""Talks to Sendoso. The only room that knows HTTP, status codes and wire JSON.

The rest of the house uses the `Sendoso` port and the nouns of `sendoso_mcp.models`.
"""

from __future__ import annotations

import sendoso_mcp.api.httpx_alone  # noqa: F401 - before anything here imports httpx
from sendoso_mcp.api.credentials import LOOPBACK, check_credentials
from sendoso_mcp.api.http import ASGIApp, HttpClient, Pace, Timing
from sendoso_mcp.api.port import Ability, Sendoso, Standing
from sendoso_mcp.api.v2 import SendosoV2

__all__ = [
    "LOOPBACK",
    "ASGIApp",
    "Ability",
    "Pace",
    "Sendoso",
    "Standing",
    "Timing",
    "check_credentials",
    "connect",
]


def connect(
    *,
    base_url: str,
    api_key: str,
    app: ASGIApp | None = None,
    timing: Timing | None = None,
    pace: Pace | None = None,
) -> Sendoso:
    """Opens Sendoso's API, v2. Nothing is sent until the first call.

    Args:
        base_url: where the API is, without a trailing slash.
        api_key: sent as `X-Api-Key`.
        app: an ASGI application that stands in for the network (the embedded sandbox).
        timing: time-outs and retry delays; the defaults suit production.
        pace: awaited before every request that is made, retries included; it returns when there is room for
            one more, or raises a `SendosoError`, and then the request is not made.
    """
    timing = timing or Timing()
    return SendosoV2(HttpClient(base_url=base_url, api_key=api_key, app=app, timing=timing, pace=pace))
