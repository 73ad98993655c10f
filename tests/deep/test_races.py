"""Many processes on one ledger: together they are granted the limit to the cent, whoever dies meanwhile."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import random
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

import pytest
from databases import PostgresServer, postgres
from depth import deep

from deep.racer import NOON, Job, asked_wish
from sendoso_mcp.spending.ledger import NOTHING_ORDERED, ORDERED, UNSETTLED, Break, Intent, Ledger, State
from sendoso_mcp.spending.ledger.records import load
from sendoso_mcp.spending.ledger.sqlite import SqliteDatabase
from sendoso_mcp.spending.limits import usd

PROCESSES = deep(4, 16)
TESTS = Path(__file__).parent.parent
SHARED, QUESTIONS = 6, 2
ENDLESS = deep(400, 3_000)
"""Grants in a round, of which there are a tenth of that at most."""
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


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


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
        self.job.questions = [self.ask(number) for number in range(QUESTIONS)] if self.job.shared else None

    def ask(self, number: int) -> str:
        wish = asked_wish(number, self.job)
        return self.ledger.ask(wish, self.ledger.judge(wish)).id

    def run(self, crew: Crew, **options: Any) -> list[Intent]:
        """Gives all orders that are in the ledger, after a look at whether they are what they must be."""

        def job(number: int, log: str) -> Job:
            seed = 1_000 * self.tally.rounds + number
            # Half of them give up as soon as the database is gone, the others try again for a while.
            patience = [0.0] if number % 2 else None
            return replace(self.job, log=log, seed=seed, patience=patience)

        notes, _ = crew.race(self.directory, job, **options)
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
        for wish in (*(f"shared-{number}" for number in range(self.job.shared)), *(self.job.questions or ())):
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


def race_for_a_day(crew: Crew, directory: Path, url: str, tally: Tally, **options: Any) -> None:
    limit = deep(2_500, 20_000)
    game = Round(directory, url, tally, limits={"per_day": limit}, shared=SHARED)
    spent = sum(map(weight, game.run(crew, **options)))
    game.used_up(spent, limit)


def race_for_people(crew: Crew, directory: Path, url: str, tally: Tally, **options: Any) -> None:
    """Each spelled in several ways."""
    limit, people = deep(500, 3_000), PEOPLE[: deep(2, 5)]
    game = Round(directory, url, tally, limits={"per_year": limit}, people=people, each=True)
    orders = game.run(crew, **options)
    for person in people:
        game.used_up(sum(weight(order) for order in orders if order.person == person), limit)


def race_for_an_hour(crew: Crew, directory: Path, url: str, tally: Tally, **options: Any) -> None:
    limit = deep(10, 120)
    orders = Round(directory, url, tally, limits={"per_hour": limit}).run(crew, **options)
    sends = sum(order.state in ORDERED for order in orders)
    tally.sends += sends
    tally.most_sends += limit
    tally.over += sends > limit
    assert sends == limit


def race_for_the_budget(crew: Crew, directory: Path, url: str, tally: Tally) -> None:
    """Each of them knows an old figure. None is killed: what is not settled would stay out of reach."""
    limit, keep = deep(1_000, 15_000), 1_234
    left = directory / "budget"
    left.write_text(str(keep + limit))
    game = Round(directory, url, tally, limits={"keep": keep}, budget=str(left))
    spent = sum(map(weight, game.run(crew)))
    assert int(left.read_text()) == keep + limit - spent, "what the team has left"
    game.used_up(spent, limit)


def new_urls(kind: str, directory: Path, server: Callable[[], PostgresServer]) -> Iterator[str]:
    for number in count(1):
        yield server().uri() if kind == "PostgreSQL" else f"sqlite:///{directory}/{number}.sqlite3"


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_processes_that_race_use_up_each_limit_to_the_cent(
    kind: str, crew: Crew, tmp_path: Path, request: pytest.FixtureRequest, figure: Callable[[str], None]
) -> None:
    """A few of them are killed on the way."""
    urls = new_urls(kind, tmp_path, lambda: request.getfixturevalue("postgres_server"))
    tally, rng = Tally(), random.Random(1)  # noqa: S311 - it kills at the same moments again
    try:
        for _ in range(deep(1, 4)):
            for race in (race_for_a_day, race_for_people, race_for_an_hour):
                deaths = frozenset(rng.sample(range(1, deep(8, 60)), deep(1, 4)))
                race(crew, tmp_path, next(urls), tally, deaths=deaths)
            race_for_the_budget(crew, tmp_path, next(urls), tally)
    finally:
        figure(f"races on {kind}: {tally}")


def test_processes_that_race_lose_nothing_when_their_server_is_killed(
    crew: Crew, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    tally, kills = Tally(), 0
    with postgres() as server:

        def kill_now_and_then(grants: int) -> None:
            nonlocal kills
            if grants % deep(6, 10) == 0 and kills < deep(2, 12) * (tally.rounds + 1):
                server.kill()
                server.start()
                kills += 1

        try:
            for _ in range(deep(1, 4)):
                race_for_a_day(crew, tmp_path, server.uri(), tally, at_grant=kill_now_and_then)
        finally:
            figure(f"races on PostgreSQL, killed {kills} times: {tally}")


@pytest.mark.parametrize(("per_second", "each"), [(10, 20), (200, 100)])
def test_in_no_second_processes_that_race_get_more_turns_than_there_are(
    per_second: int, each: int, shared_url: str, crew: Crew, tmp_path: Path
) -> None:
    job = Job(shared_url, log="", seed=0, began=time.time(), limits={}, people=[], turns=(each, per_second))
    _, said = crew.race(tmp_path, lambda _, log: replace(job, log=log))
    moments = sorted(moment for told in said for moment in told["moments"])
    assert len(moments) == PROCESSES * each
    # A moment as a float, some decimals of which a second is.
    closest = min(later - one for one, later in zip(moments, moments[per_second:], strict=False))
    assert closest > 1 - 1e-6
    took = time.time() - job.began
    assert moments[-1] - moments[0] < len(moments) / per_second + took, "turns are not wasted"


def is_locked(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_who_waits_for_the_file_has_it_before_who_had_it_last(tmp_path: Path) -> None:
    """SQLite by itself gives it to who asks at the right moment: to the last one, which asks at once."""
    first, second = (SqliteDatabase(tmp_path / "ledger.sqlite3") for _ in range(2))
    order = []

    def wait_for_it() -> None:
        with second.write("second"):
            order.append("second")

    waiting, until = threading.Thread(target=wait_for_it), time.monotonic() + 10
    with first.write("first"):
        waiting.start()
        while not is_locked(tmp_path / "ledger.sqlite3-alive") and time.monotonic() < until:
            pass
    with first.write("first again"):
        order.append("first again")
    waiting.join()
    assert order == ["second", "first again"]
    first.close()
    second.close()
