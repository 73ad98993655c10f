"""Processes that race for what one ledger has, and what they knew compared with what is in it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from databases import PostgresServer
from depth import deep

from deep.racer import NOON, Job, asked_wish
from sendoso_mcp.spending.ledger import NOTHING_ORDERED, UNSETTLED, Break, Decisions, Intent, Ledger, State
from sendoso_mcp.spending.ledger.records import load
from sendoso_mcp.spending.limits import usd

PROCESSES = deep(4, 16)
TESTS = Path(__file__).parent.parent
ENDLESS = deep(400, 3_000)
"""Grants in a round, of which there are a tenth of that at most."""
QUESTIONS = 2
PEOPLE = [f"person{number}@acme.test" for number in range(30)]


class Racing:
    """A process that runs `racer`; a thread reads what it says."""

    def __init__(self, told: queue.Queue[tuple[Racing, dict[str, Any]]]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "deep.racer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS)))},
        )
        self.log = Path()
        self._reader = threading.Thread(target=self._read, args=[told])
        self._reader.start()

    def _read(self, told: queue.Queue[tuple[Racing, dict[str, Any]]]) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            told.put((self, json.loads(line)))
        told.put((self, {"word": "ended"}))

    def write(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def end(self) -> None:
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.kill()
        self.popen.wait()
        self._reader.join()
        self.popen.stdin.close()
        self.popen.stdout.close()


@dataclass
class Notes:
    """What the processes of a round knew, from their own files."""

    tried: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)
    last_of_the_dead: set[str] = field(default_factory=set)
    """The tokens with which processes died."""
    deaths: int = 0

    def read(self, path: Path, *, died: bool) -> None:
        # A process that is killed may leave the last line half written.
        lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        for note in map(json.loads, lines):
            kept = {"trying": self.tried, "granted": self.granted, "settled": self.settled}
            if note["word"] == "abandoned":
                self.abandoned.add(note["token"])
            else:
                assert note["token"] not in kept[note["word"]], "given twice"
                kept[note["word"]][note["token"]] = note
        if died and lines:
            self.last_of_the_dead.add(json.loads(lines[-1])["token"])


class Crew:
    """The processes, which run one round after the other; who was killed is replaced for the next."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[Racing, dict[str, Any]]] = queue.Queue()
        self.racing: list[Racing] = []
        self._logs = count(1)

    def hear(self, word: str, who: set[Racing]) -> None:
        """Waits until each of these has said so."""
        while who:
            racing, told = self.next()
            assert told["word"] == word, f"said {told} instead of {word}"
            who.remove(racing)

    def next(self) -> tuple[Racing, dict[str, Any]]:
        racing, told = self.told.get(timeout=60)
        assert told["word"] != "failed", told["why"]
        return racing, told

    def race(
        self,
        directory: Path,
        job: Callable[[int, str], Job],
        *,
        at_grant: Callable[[int], None] = lambda _: None,
        deaths: frozenset[int] = frozenset(),
    ) -> tuple[Notes, list[dict[str, Any]]]:
        """Runs a round; kills the process that is told of a grant with one of these numbers.

        Returns:
            Their notes, and all else that they said.
        """
        try:
            return self._race(directory, job, at_grant, deaths)
        except BaseException:
            self.close()  # or they would go on, and the next round hear of it
            raise

    def _race(
        self,
        directory: Path,
        job: Callable[[int, str], Job],
        at_grant: Callable[[int], None],
        deaths: frozenset[int],
    ) -> tuple[Notes, list[dict[str, Any]]]:
        new = {Racing(self.told) for _ in range(PROCESSES - len(self.racing))}
        self.racing += new
        self.hear("started", set(new))
        for number, racing in enumerate(self.racing):
            racing.log = directory / f"process-{next(self._logs)}"
            racing.write(json.dumps(asdict(job(number, str(racing.log)))))
        self.hear("ready", set(self.racing))
        for racing in self.racing:
            racing.write("go")
        running, dead, grants = set(self.racing), list[Racing](), 0
        said: list[dict[str, Any]] = []
        while running:
            racing, told = self.next()
            if told["word"] == "granted":
                grants += 1
                assert grants < ENDLESS, "no limit ends it"
                if grants in deaths and len(running) > 1 and racing in running:
                    racing.popen.kill()
                    running.remove(racing)
                    dead.append(racing)
                at_grant(grants)
            elif told["word"] == "done":
                running.discard(racing)
            else:
                assert told["word"] != "ended" or racing in dead, "a process ended by itself"
                said.append(told)
        notes = Notes(deaths=len(dead))
        for racing in dead:
            racing.end()
            self.racing.remove(racing)
        for racing in (*self.racing, *dead):
            notes.read(racing.log, died=racing in dead)
        return notes, said

    def close(self) -> None:
        for racing in self.racing:
            racing.end()
        self.racing, self.told = [], queue.Queue()


@dataclass
class Tally:
    """What the rounds of a test came to; `granted` and `limit` in cents."""

    rounds: int = 0
    granted: int = 0
    limit: int = 0
    sends: int = 0
    most_sends: int = 0
    orders: int = 0
    deaths: int = 0
    over: int = 0
    lost: int = 0
    twice: int = 0

    def __str__(self) -> str:
        return (
            f"{PROCESSES} processes x {self.rounds} rounds, granted {usd(self.granted):,} of"
            f" {usd(self.limit):,} USD and {self.sends} of {self.most_sends} sends in {self.orders:,} orders,"
            f" {self.deaths} processes killed, {self.over} over, {self.lost} lost, {self.twice} twice"
        )


def weight(intent: Intent) -> int:
    """What an order takes out of a limit: what it cost, or what is held as long as that is not known."""
    assert intent.attempt is not None
    if intent.state in UNSETTLED:
        return held(intent)
    return int((intent.attempt.cost or 0) * 100) if intent.state is State.CONFIRMED else 0


def held(intent: Intent) -> int:
    assert intent.attempt is not None
    return int(intent.attempt.held * 100)


class Round:
    """One ledger that all of them use up."""

    def __init__(self, directory: Path, url: str, tally: Tally, **job: Any) -> None:
        self.directory, self.tally = directory, tally
        self.job = Job(url=url, log="", seed=0, began=time.time(), **{"people": PEOPLE, **job})
        now = lambda: NOON + timedelta(seconds=time.time() - self.job.began)  # noqa: E731 - a name for one line
        self.ledger = Ledger(url, account="race", now=now)
        self.decisions = Decisions(self.ledger)
        self.said: list[dict[str, Any]] = []
        """What else the processes said."""
        self.job.questions = [self.ask(number).id for number in range(QUESTIONS)] if self.job.shared else None

    def ask(self, number: int) -> Intent:
        wish = asked_wish(number, self.job)
        return self.ledger.ask(wish, self.ledger.judge(wish))

    def run(self, crew: Crew, **options: Any) -> list[Intent]:
        """Gives all orders that are in the ledger, after a look at whether they are what they must be."""

        def job(number: int, log: str) -> Job:
            seed = 1_000 * self.tally.rounds + number
            # Half of them give up as soon as the database is gone, the others try again for a while.
            patience = [0.0] if number % 2 else None
            return replace(self.job, log=log, seed=seed, patience=patience)

        notes, self.said = crew.race(self.directory, job, **options)
        intents = self.ledger.read(lambda book: load(book.session, "a.token IS NOT NULL"))
        self.tally.rounds += 1
        self.tally.orders += len(intents)
        self.tally.deaths += notes.deaths
        self.compare(notes, {intent.attempt.token: intent for intent in intents if intent.attempt})
        verified = self.ledger.verify()
        assert not isinstance(verified, Break), verified
        self.ledger.close()
        return intents

    def compare(self, notes: Notes, ledgers: Mapping[str, Intent]) -> None:
        """What the processes were told is in the ledger, and whatever else is there they have given up."""
        for token, note in notes.granted.items():
            intent, settled = ledgers.get(token), notes.settled.get(token)
            if intent is None or (intent.id, held(intent)) != (note["intent"], note["cents"]):
                self.tally.lost += 1
            elif settled is not None:
                self.tally.lost += (intent.state, weight(intent)) != expected(settled, note["cents"])
            elif token not in notes.last_of_the_dead:
                self.tally.lost += intent.state not in UNSETTLED
        assert ledgers.keys() <= notes.tried.keys()
        for token in ledgers.keys() - notes.granted.keys() - notes.last_of_the_dead:
            assert token in notes.abandoned, "an order of which nobody was told"
            assert ledgers[token].state is State.NOT_SENT
        given = Counter(note["intent"] for note in notes.granted.values())
        keys = Counter(
            intent.key for intent in ledgers.values() if intent.key and intent.state not in NOTHING_ORDERED
        )
        self.tally.twice += sum(times > 1 for times in (*given.values(), *keys.values()))
        ordered = keys + Counter(intent.id for intent in ledgers.values())
        shared = (f"shared-{number}" for number in range(self.job.shared))
        for wish in (*shared, *(self.job.questions or ()), *(self.job.approved or ())):
            tries = {token for token, note in notes.tried.items() if note["wish"] == wish}
            given_up = tries <= notes.abandoned | notes.last_of_the_dead
            assert ordered[wish] == 1 or (given_up and not ordered[wish]), "what all of them wanted, one got"
        assert (self.tally.lost, self.tally.twice) == (0, 0)

    def used_up(self, spent: int, limit: int) -> None:
        self.tally.granted += spent
        self.tally.limit += limit
        self.tally.over += spent > limit
        assert spent == limit


def expected(settled: Mapping[str, Any], held: int) -> tuple[State, int]:
    state = State(settled["state"])
    return state, settled["cents"] if state is State.CONFIRMED else held if state is State.UNKNOWN else 0


def new_urls(kind: str, directory: Path, server: Callable[[], PostgresServer]) -> Iterator[str]:
    for number in count(1):
        yield server().uri() if kind == "PostgreSQL" else f"sqlite:///{directory}/{number}.sqlite3"
