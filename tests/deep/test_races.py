"""Many processes on one ledger: together they are granted the limit to the cent, whoever dies meanwhile."""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from databases import postgres
from depth import deep

from deep.crew import PEOPLE, PROCESSES, Crew, Round, Tally, new_urls, weight
from deep.racer import Job
from sendoso_mcp.spending.ledger import ORDERED
from sendoso_mcp.spending.ledger.sqlite import SqliteDatabase

SHARED = 6


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


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
