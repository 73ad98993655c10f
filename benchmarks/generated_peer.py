"""FastMCP's server, generated from the contract: over stdio, or over HTTP on the port that is given.

Runs in an environment of its own, which has FastMCP.
"""

import json
import os
import sys
from pathlib import Path

import httpx2
from fastmcp import FastMCP

CONTRACT = Path(__file__).parent.parent / "tests" / "contract" / "openapi.json"
client = httpx2.AsyncClient(
    base_url=os.environ["SENDOSO_BASE_URL"],
    headers={"X-Api-Key": os.environ["SENDOSO_API_KEY"]},
    trust_env=False,
)
spec = json.loads(CONTRACT.read_text(encoding="utf-8"))
server = FastMCP.from_openapi(openapi_spec=spec, client=client, name="peer")
if len(sys.argv) > 1:
    server.run(transport="http", port=int(sys.argv[1]), log_level="error", show_banner=False)
else:
    server.run(show_banner=False)
