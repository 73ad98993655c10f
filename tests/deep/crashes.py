"""A story of sends whose server is killed on the way, and started again.

A run has a ledger and a recipient of its own, and a few lives: servers that follow one another on that
ledger, each but the last killed at its point. A point is a boundary in the server, or what happens outside
it: a write reaches Sendoso, Sendoso has done it, a person is asked. All are known from a run in which nobody
was killed. After each death the client repeats the call that it was in, with the same key, and then makes
every other call of the story; so each key is used again, and what it gets must fit what Sendoso has.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from line import Line
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from processes import KEY, starter
from support import NO, YES, Person, text_of

from deep import crashing_server
from deep.story import ASKED, CANCEL, DECLINED, GIFTS, POLICY, STORY, Left, Step, Told
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.ledger import Intent
from sendoso_mcp.spending.ledger.database import opener
from sendoso_mcp.spending.ledger.records import load

Fatal = str | float
"""Where a life ends: at a point, such as `settle: after the commit #2`, or some seconds after its begin."""
LONGEST = 60.0
"""Seconds that a life may take."""


class Run:
    """The story, told once with these ends of life.

    Args:
        directory: of its own.
        ledger: the URL of a ledger that is not there yet; None for one in a file.
        line: the way to Sendoso.
        nursery: where servers come from.
        era: as the client's `mode`.
        fatal: where each life but the last ends.
        late: whether Sendoso makes a send that hung as the server died, once `hung_up` is set.
    """

    def __init__(
        self,
        directory: Path,
        ledger: str | None,
        line: Line,
        nursery: Path,
        *,
        era: str = "auto",
        fatal: tuple[Fatal, ...] = (),
        late: bool = False,
    ) -> None:
        self.directory, self.line, self.nursery = directory, line, nursery
        (directory / "ledger").mkdir(parents=True)
        (directory / "policy.toml").write_text(POLICY)
        self.in_file = ledger is None
        self.ledger = ledger or f"sqlite:///{directory}/ledger/ledger.sqlite3"
        self.era, self.fatal, self.late = era, fatal, late
        self.hung_up = asyncio.Event()
        self.name = directory.name
        self.settings = Settings(api_key=KEY, base_url=f"{line.url}/{self.name}")
        self.recipient = ""
        self.told: list[Told] = []
        self.left = [Left()]
        """What there was as each life began; the last is what there is in the end."""
        self.points: list[dict[Step, list[str]]] = []
        """What each life passed, by the call that it was in then."""
        self.interrupted = STORY[0]
        """The call that the latest death interrupted."""
        self.reached = True
        """Whether the latest life ended where it was to end."""
        self._outside = Counter[str]()
        self._requests: set[asyncio.Task[Any]] = set()
        self._fatal: Fatal | None = None
        self._life = 0
        line.watchers[self.name] = self

    def __str__(self) -> str:
        return f"{self.era}, {' and then '.join(map(str, self.fatal)) or 'nobody killed'}"

    async def play(self) -> None:
        """Plays all lives to the end."""
        await self.meet()
        steps = list(STORY)
        for fatal in (*self.fatal, None):
            done = await self.live(steps, fatal)
            if done < len(steps):
                self.interrupted = steps[done]
            steps = [self.interrupted, *(step for step in STORY if step is not self.interrupted)]

    async def meet(self) -> None:
        """Puts the run's recipient into Sendoso's address book."""
        person = {"first_name": "Ana", "last_name": "Lima", "email": f"{self.name}@lima.example"}
        answer = await self.line.client.post("/recipients", json=person)
        self.recipient = answer.raise_for_status().json()["id"]

    async def live(self, steps: list[Step], fatal: Fatal | None = None) -> int:
        """Makes these calls with a new server until it dies; gives how many were answered."""
        self._outside.clear()
        self._fatal = fatal
        self.points.append({})
        done = 0
        try:
            async with self.server() as (client, person):
                for step in steps:
                    person.answer = NO if step is DECLINED and not self._life else YES
                    await self._call(client, step)
                    done += 1
                    self._note(step)
        except TimeoutError:
            raise
        except Exception:
            if not self._died:
                raise
        self.reached = fatal is None or self._died
        if done < len(steps):
            self._note(steps[done])
        await self.quiet()
        await self.look()
        self._life += 1
        return done

    async def look(self) -> Left:
        """What there is now."""
        self.left.append(Left(await self._gifts(), await anyio.to_thread.run_sync(self._intents)))
        return self.left[-1]

    @property
    def in_doubt(self) -> bool:
        """Whether Sendoso told a time without a fraction.

        One in a thousand is so. Its send is not certain then (see `reconcile`), and waits for a person.
        """
        return any(".000Z" in gift["created_at"] for left in self.left for gift in left.gifts.values())

    @asynccontextmanager
    async def server(self) -> AsyncIterator[tuple[Client, Person]]:
        """A server on the run's ledger, as a process of its own, and the client that it is for."""
        environment = {
            "SENDOSO_API_KEY": KEY,
            "SENDOSO_BASE_URL": self.settings.base_url,
            "SENDOSO_LEDGER_URL": self.ledger,
            "SENDOSO_POLICY_FILE": str(self.directory / "policy.toml"),
            crashing_server.REPORT: str(self._report),
            crashing_server.FATAL: self._fatal if isinstance(self._fatal, str) else "",
        }
        script = [crashing_server.__file__, "launch", str(self.nursery)]
        parameters = StdioServerParameters(
            command=sys.executable, args=["-I", "-S", *script], env=environment
        )
        person = Person(before=self._asked)
        client = partial(Client, mode=self.era, elicitation_callback=person)
        with (self.directory / f"{self._life}.log").open("w") as log, anyio.fail_after(LONGEST):
            kill = None
            if isinstance(self._fatal, float):
                kill = asyncio.get_running_loop().call_later(self._fatal, self._kill)
            try:
                async with client(stdio_client(parameters, log)) as connected:
                    yield connected, person
            finally:
                if kill is not None:
                    kill.cancel()

    def ends(self, name: str) -> bool:
        """Whether the server was killed here, outside it."""
        self._outside[name] += 1
        if self._fatal != f"{name} #{self._outside[name]}":
            return False
        self._kill()
        return True

    def _asked(self) -> None:
        self.ends("person: asked")

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        """Around a request of this run."""
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            yield
        finally:
            self._requests.discard(task)

    def log(self) -> str:
        """What the servers said."""
        return "".join(path.read_text() for path in sorted(self.directory.glob("*.log")))

    async def _call(self, client: Client, step: Step) -> None:
        before = self.left[-1]
        if step is CANCEL:
            sent = [told.send_id for told in self.told if told.step is ASKED and told.send_id]
            sent += [gift["id"] for gift in before.gifts_of(ASKED)]
            if not sent:
                return  # there is nothing to cancel
            result = await client.call_tool("cancel_send", {"send_id": sent[0]})
        else:
            order = {"recipient_id": self.recipient, "item_id": step.item, "idempotency_key": step.name}
            result = await client.call_tool("create_send", order | {"message": f"{step.name} {self.name}"})
        facts = result.structured_content or {"outcome": "refused"}
        told = facts["outcome"], facts.get("send_id")
        self.told.append(Told(self._life, step, *told, before, text_of(result)))

    @property
    def _report(self) -> Path:
        return self.directory / f"{self._life}.txt"

    def _note(self, step: Step) -> None:
        known = {point for points in self.points[-1].values() for point in points}
        self.points[-1][step] = [point for point in self._passed() if point not in known]

    def _passed(self) -> list[str]:
        lines = self._report.read_text().splitlines()[1:] if self._report.exists() else []
        return lines + [f"{name} #{n + 1}" for name, most in self._outside.items() for n in range(most)]

    @property
    def _died(self) -> bool:
        return isinstance(self._fatal, float) or self._fatal in self._passed()

    def _kill(self) -> None:
        # Before it has said its number it is not there yet, and after its end not any more.
        with suppress(FileNotFoundError, IndexError, ProcessLookupError):
            os.kill(int(self._report.read_text().split()[0]), signal.SIGKILL)

    async def quiet(self) -> None:
        """Waits until Sendoso has done with every request, or has been told to hang."""
        if self._requests and (self.hung_up.is_set() or not self.late):
            await asyncio.wait(self._requests, timeout=LONGEST)

    async def _gifts(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for page in itertools.count(1):
            answer = (await self.line.client.get("/sends", params={"page": page, "per_page": 100})).json()
            ours = (send for send in answer["sends"] if send["recipient"]["id"] == self.recipient)
            found |= {send["id"]: send for send in ours}
            if page >= answer["pagination"]["total_pages"]:
                break
        return found

    def _intents(self) -> tuple[Intent, ...]:
        """What is durable. A file is copied first: looking into it would mend what the server has to mend."""
        url = self.ledger
        if self.in_file:
            copy = self.directory / f"copy-{len(self.left)}"
            shutil.copytree(self.directory / "ledger", copy)
            url = f"sqlite:///{copy}/ledger.sqlite3"
        database = opener(url)()
        try:
            with database.read() as session:
                there = database.has_table(session, "intents")
                return tuple(load(session, "1 = 1 ORDER BY i.proposed_at, i.id")) if there else ()
        finally:
            database.close()


@contextmanager
def nursery(directory: Path) -> Iterator[Path]:
    """The process that servers are forked from, at this path."""
    path = directory / "nursery"
    command = [sys.executable, crashing_server.__file__, "nursery", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield path
        finally:
            process.stdin.close()


@contextmanager
def sendoso() -> Iterator[str]:
    """The address of a served sandbox."""
    with starter() as start:
        yield start("sandbox", "--port", "0", "--items", str(GIFTS)).url()
