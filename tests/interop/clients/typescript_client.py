"""The TypeScript SDK's client, in either edition: it runs in Node, and the job and the person are here."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from interop.clients.job import READS, Answer, Failed, Person, by_hand, email, report, target
from interop.clients.node import MODULES, NODE, version

PACKAGES = {"1": "@modelcontextprotocol/sdk", "2": "@modelcontextprotocol/client"}
PROGRAM = __file__.replace("_client.py", ".mjs")


async def main() -> None:
    edition = sys.argv[1]
    transport, where = target()
    process = await asyncio.create_subprocess_exec(
        *(NODE, PROGRAM, str(MODULES.parent), edition, transport, where),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, out = process.stdin, process.stdout
    person = Person()

    async def heard() -> Any:
        line = await out.readline()
        if not line:
            raise Failed("the client has ended")
        return json.loads(line)

    def say(message: Answer) -> None:
        to.write(json.dumps(message).encode() + b"\n")

    async def call(name: str, arguments: Answer) -> Answer:
        say({"name": name, "arguments": arguments})
        while "ask" in (said := await heard()):
            await asyncio.sleep(READS)
            say(person.fills(**said["ask"]))
        return dict(said["answer"])

    opened = await heard()
    seen = await by_hand(person, email(), call)
    to.close()
    if await process.wait() != 0:
        raise Failed("the client has failed on its way out")
    package = PACKAGES[edition]
    report(package=package, version=version(package), **opened, **seen)


asyncio.run(main())
