"""Runs an example with a scripted model in the place of a real one: example.py PATH WISH."""

from __future__ import annotations

import asyncio
import runpy
import sys
from typing import Any

from interop.clients.job import Script, gift


def model_for(name: str) -> Any:
    """The framework's model; each example has one framework, and so has the environment that runs it."""
    script = Script(gift())
    if name.endswith("openai_agents.py"):
        from interop.clients.openai_agents_client import Scripted

        return Scripted(script)
    from interop.clients.pydantic_ai_client import scripted

    return scripted(script)


path, wish = sys.argv[1:]
asyncio.run(runpy.run_path(path)["main"](wish, model_for(path)))
