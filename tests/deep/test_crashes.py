"""The server is killed at every boundary between two effects of a send, and started again.

No point is listed here: they are what a run in which nobody was killed has passed (see `crashes`), and what
has to be true afterwards is in `aftermath`.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from databases import PostgresServer
from depth import DEEP, deep
from line import Line

from deep.aftermath import Faults, faults_of
from deep.crashes import Fatal, Run, nursery, sendoso
from deep.story import ASKED, CANCEL, STORY
from sendoso_mcp.spending.ledger import UNSETTLED, Ledger, State

pytestmark = pytest.mark.anyio
ERAS = ("auto", "legacy")
AT_ONCE = 4
NUMBERS = itertools.count()
ON_ONE_SENDOSO = 20
"""Runs. Its budget is not endless, and a list of more than one page changes as it is read."""


@dataclass(frozen=True)
class Case:
    """A run to try."""

    era: str
    fatal: tuple[Fatal, ...] = ()


@dataclass
class Search:
    """Tries runs on one kind of database, a few at once, and collects what was wrong."""

    nursery: Path
    server: PostgresServer | None = None
    faults: Faults = field(default_factory=Faults)
    hits: Counter[Case] = field(default_factory=Counter)
    """How often a case was tried, and each life ended where it was to end."""

    async def run(self, cases: Iterable[Case]) -> dict[Case, Run]:
        """Plays each case to its end."""
        runs: dict[Case, Run] = {}
        left = iter(cases)
        while batch := list(itertools.islice(left, ON_ONE_SENDOSO)):
            limit = anyio.CapacityLimiter(AT_ONCE)
            with sendoso() as url:
                async with Line(url).open() as line, anyio.create_task_group() as tasks:
                    for case in batch:
                        tasks.start_soon(self._run, case, line, limit, runs)
        return runs

    async def _run(self, case: Case, line: Line, limit: anyio.CapacityLimiter, runs: dict[Case, Run]) -> None:
        async with limit:
            run = await self.new(line, case)
            await run.play()
            while run.in_doubt:
                run = await self.new(line, case)
                await run.play()
            await self.judge(run)
            self.hits[case] += run.reached
            runs[case] = run

    async def new(self, line: Line, case: Case, *, late: bool = False) -> Run:
        """A run that is still to be played, with a ledger of its own."""
        uri = None if self.server is None else await anyio.to_thread.run_sync(self.server.uri)
        directory = self.nursery.with_name(f"{'file' if uri is None else 'pg'}-{next(NUMBERS)}")
        return Run(directory, uri, line, self.nursery, era=case.era, fatal=case.fatal, late=late)

    async def judge(self, run: Run) -> None:
        """Adds what was wrong in a run that was played."""
        found = await anyio.to_thread.run_sync(faults_of, run)
        for kind in ("duplicates", "overspends", "lost", "others"):
            told = (f"{run}: {fault}\n{run.log()}" for fault in getattr(found, kind))
            getattr(self.faults, kind).extend(told)
        shutil.rmtree(run.directory)
        if self.server is not None:
            await anyio.to_thread.run_sync(drop, self.server, run.ledger)

    async def points(self, times: int) -> list[Case]:
        """Dies so often at every point, and again at every point of a recovery; gives the cases."""
        first = chosen(await self.run(Case(era) for era in ERAS))
        runs = await self.run(first * times)
        if missed := [case for case in first if self.hits[case] < times]:
            self.faults.others.append(f"nothing ever came to {missed}")
        again = chosen_again(runs)
        await self.run(again * times)
        # A recovery and the call that wants to know its end take turns as they come.
        return first + [case for case in again if self.hits[case] == times]


def chosen(recorded: Mapping[Case, Run]) -> list[Case]:
    """Every point in both eras; in a sample each name once, the eras in turn."""
    cases = [
        Case(case.era, (point,))
        for case, run in recorded.items()
        for step in STORY
        for point in run.points[0][step]
    ]
    if DEEP:
        return cases
    names: dict[str, list[list[Case]]] = {}
    for case in cases:
        eras = names.setdefault(name_of(case), [[] for _ in ERAS])
        eras[ERAS.index(case.era)].append(case)
    # Of the first name its first point, of the next its second: so all of the story has its share.
    turns = ((number, eras[number % len(ERAS)]) for number, eras in enumerate(names.values()))
    return [found[number % len(found)] for number, found in turns]


def chosen_again(runs: Mapping[Case, Run]) -> list[Case]:
    """Every point of a recovery, after one crash of each kind; in a sample each name once."""
    kinds: dict[object, tuple[Case, Run]] = {}
    for case, run in runs.items():
        left, step = run.left[1], run.interrupted
        cancelled = step is CANCEL and left.gifts_of(ASKED)[0]["status"] == "cancelled"
        if cancelled or any(intent.state in UNSETTLED for intent in left.standing(step)):
            kinds[case.era, step, bool(left.gifts_of(step))] = case, run
    found = [
        Case(case.era, (*case.fatal, point))
        for case, run in kinds.values()
        for point in run.points[1][run.interrupted]
    ]
    return found if DEEP else list({name_of(case): case for case in found}.values())


def name_of(case: Case) -> str:
    """The name of its last point."""
    return str(case.fatal[-1]).rpartition(" #")[0]


def drop(server: PostgresServer, uri: str) -> None:
    """Gives the place of a database back."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {conninfo_to_dict(uri)['dbname']} WITH (FORCE)")


@pytest.fixture(scope="module")
def nest() -> Iterator[Path]:
    """The process that servers are forked from, and room for runs beside it."""
    # A short path: that of a socket has 107 characters.
    with tempfile.TemporaryDirectory(prefix="gifts-") as directory, nursery(Path(directory)) as path:
        yield path


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a served sandbox."""
    with sendoso() as url:
        yield url


@pytest.fixture
def searches(nest: Path, request: pytest.FixtureRequest) -> list[Search]:
    """One on SQLite, and in deep mode one on PostgreSQL."""
    return [Search(nest), *([Search(nest, request.getfixturevalue("postgres_server"))] if DEEP else [])]


def told(what: str, counted: Sequence[tuple[str, Search]]) -> tuple[str, list[str]]:
    """The figure, and everything that was wrong."""
    found = [search.faults for _, search in counted]
    sums = [
        sum(len(getattr(faults, kind)) for faults in found) for kind in ("duplicates", "overspends", "lost")
    ]
    where = ", ".join(
        f"{count} on {'PostgreSQL' if search.server else 'SQLite'}" for count, search in counted
    )
    text = f"{what}: {where}, {sums[0]} duplicates, {sums[1]} overspends, {sums[2]} lost"
    return text, [fault for faults in found for fault in faults.all]


async def test_a_crash_at_any_boundary_neither_repeats_a_gift_nor_loses_one(
    searches: list[Search], figure: Callable[[str], None]
) -> None:
    counted = []
    for search in searches:
        times = deep(1, 1 if search.server else 2)
        cases = await search.points(times)
        counted.append((f"{len(cases)} points x {times} runs", search))
    text, wrong = told("crashes", counted)
    figure(text)
    assert not wrong, "\n".join(wrong)


async def test_a_crash_at_any_moment_neither_repeats_a_gift_nor_loses_one(
    searches: list[Search], figure: Callable[[str], None]
) -> None:
    dice = random.Random(7)  # noqa: S311 - not a secret
    counted = []
    for search in searches:
        moments = [(dice.uniform(0.1, 1), dice.uniform(0.1, 0.5)) for _ in range(deep(2, 100))]
        await search.run(Case(ERAS[number % 2], fatal) for number, fatal in enumerate(moments))
        counted.append((f"{2 * len(moments)} moments", search))
    text, wrong = told("crashes at any moment", counted)
    figure(text)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("era", ERAS)
async def test_a_send_that_a_hung_sendoso_makes_after_the_crash_is_found(
    searches: list[Search], url: str, era: str
) -> None:
    async with Line(url).open() as line:
        for search in searches:
            run = await search.new(line, Case(era), late=True)
            await run.meet()
            assert await run.live([ASKED], "Sendoso: before POST #1") == 0
            await run.live([ASKED])
            assert [one.outcome for one in run.told] == ["unknown"]
            run.hung_up.set()
            await run.quiet()
            await run.look()
            await run.live(list(STORY))
            await search.judge(run)
            assert not search.faults.all, "\n".join(search.faults.all)


@pytest.mark.parametrize("era", ERAS)
async def test_a_start_alone_finds_what_became_of_an_order(
    searches: list[Search], url: str, era: str
) -> None:
    async with Line(url).open() as line:
        for search in searches:
            run = await search.new(line, Case(era))
            await run.meet()
            assert await run.live([ASKED], "Sendoso: after POST #1") == 0
            assert [intent.state for intent in run.left[-1].intents] == [State.DISPATCHING]
            ledger = Ledger(run.ledger, account=run.settings.account)
            async with run.server():
                with anyio.fail_after(20):
                    while ledger.unsettled():  # noqa: ASYNC110 - another process changes it
                        await anyio.sleep(0.05)
            ledger.close()
            await run.live(list(STORY))
            await search.judge(run)
            assert not search.faults.all, "\n".join(search.faults.all)
