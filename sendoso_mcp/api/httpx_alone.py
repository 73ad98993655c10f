"""httpx without its command line, which it imports along with a console library: 20 ms of every start."""

from __future__ import annotations

from sendoso_mcp.absent import absent

# httpx bears that: without the extra `httpx[cli]` it is not there either.
with absent("httpx._main"):
    import httpx  # noqa: F401 - for whoever imports it next
