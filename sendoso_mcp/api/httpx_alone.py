"""httpx without its command line, which it imports along with a console library: 20 ms of every start."""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"

if "httpx" not in sys.modules:
    # httpx bears that: without the extra `httpx[cli]` it is not there either.
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401 - for whoever imports it next
    finally:
        del sys.modules[_COMMAND_LINE]
