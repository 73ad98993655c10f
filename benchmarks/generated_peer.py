"""FastMCP's server, generated from the contract. Runs in an environment of its own, which has FastMCP."""

import json
import os
from pathlib import Path

import httpx2
from fastmcp import FastMCP

CONTRACT = Path(__file__).parent.parent / "tests" / "contract" / "openapi.json"
client = httpx2.AsyncClient(
    base_url=os.environ["SENDOSO_BASE_URL"], headers={"X-Api-Key": os.environ["SENDOSO_API_KEY"]}
)
spec = json.loads(CONTRACT.read_text(encoding="utf-8"))
FastMCP.from_openapi(openapi_spec=spec, client=client, name="peer").run(show_banner=False)
