"""The MCP Inspector's command line: a process a call, and no way to show a question."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile

from interop.clients.job import (
    BUDGET,
    PROMPT,
    PROMPT_ARGUMENTS,
    Answer,
    Person,
    by_hand,
    email,
    report,
    target,
)
from interop.clients.node import MODULES, NODE, version

PACKAGE = "@modelcontextprotocol/inspector"
PROGRAM = str(MODULES / PACKAGE / "clients" / "launcher" / "build" / "index.js")


async def main() -> None:
    era = sys.argv[1]
    _, where = target()

    with tempfile.TemporaryDirectory() as home:

        def ask(method: str, *words: str) -> Answer:
            command = [NODE, PROGRAM, "--cli", where, "--method", method, *words]
            options = ["--protocol-era", era, "--format", "json", "--quiet"]
            done = subprocess.run(
                [*command, *options], env=os.environ | {"HOME": home}, stdout=subprocess.PIPE, check=True
            )
            return dict(json.loads(done.stdout)["result"])

        async def call(name: str, arguments: Answer) -> Answer:
            words = ("--tool-name", name, "--tool-args-json", json.dumps(arguments))
            return dict(ask("tools/call", *words)["structuredContent"])

        seen = await by_hand(Person(), email(), call)
        pairs = [f"{name}={value}" for name, value in PROMPT_ARGUMENTS.items()]
        prompt = ask("prompts/get", "--prompt-name", PROMPT, "--prompt-args", *pairs)
        report(
            package=PACKAGE,
            version=version(PACKAGE),
            protocol=ask("initialize")["protocolVersion"],
            tools=[one["name"] for one in ask("tools/list")["tools"]],
            resources=[one["uri"] for one in ask("resources/list")["resources"]],
            budget=ask("resources/read", "--uri", BUDGET)["contents"][0]["text"],
            prompts=[one["name"] for one in ask("prompts/list")["prompts"]],
            prompt=prompt["messages"][0]["content"]["text"],
            **seen,
        )


asyncio.run(main())
