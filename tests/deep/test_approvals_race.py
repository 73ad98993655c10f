"""Many processes on one ledger: what a person allowed is used as often as they said, whoever dies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from depth import deep

from deep.crew import PEOPLE, PROCESSES, Crew, Round, Tally, new_urls
from deep.racer import ENVELOPE_CENTS, NOON
from deep.wishes import usd
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import ORDERED, State
from sendoso_mcp.spending.ledger.asking import MOST_OPEN
from sendoso_mcp.spending.ledger.records import load

BOUGHT = ORDERED | {State.CANCELLED}


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


@dataclass
class Approved(Tally):
    """What the rounds of a test came to."""

    places: int = 0
    taken: int = 0
    yeses: int = 0
    bought: int = 0
    questions: int = 0
    decisions: int = 0
    tried: int = 0

    def __str__(self) -> str:
        return (
            f"{PROCESSES} processes x {self.rounds} rounds, took {self.taken} of {self.places} places in"
            f" envelopes, bought {self.bought} gifts with {self.yeses} yeses, made {self.decisions:,} of"
            f" {self.tried:,} decisions on {self.questions} questions, {self.deaths} processes killed,"
            f" {self.over} over, {self.lost} lost, {self.twice} twice"
        )


def race_for_an_envelope(crew: Crew, directory: Path, url: str, tally: Approved, **options: Any) -> None:
    places = deep(15, 150)
    game = Round(directory, url, tally, limits={}, envelope=True)
    game.decisions.open_envelope(
        Envelope(
            name="The race",
            sends=places,
            each=usd(ENVELOPE_CENTS) or 0,
            domains=("acme.test",),
            emails=(PEOPLE[0],),
            until=NOON + timedelta(hours=1),
            opened_at=NOON,
            opened_by="a person",
        )
    )
    orders = game.run(crew, **options)
    (opened,) = game.decisions.opened()
    game.ledger.close()
    taken = sum(intent.state in BOUGHT for intent in orders)
    tally.places += places
    tally.taken += taken
    tally.over += taken > places
    assert taken == opened.used == places


def race_for_yeses(crew: Crew, directory: Path, url: str, tally: Approved, **options: Any) -> None:
    """All of them want all that was approved; each yes buys one gift."""
    game = Round(directory, url, tally, limits={})
    asked = [game.ask(number) for number in range(deep(6, MOST_OPEN))]
    for question in asked:
        game.decisions.approve(question.id, question.seal, rung="outside_chat", approver="a person")
    game.job.approved = [question.id for question in asked]
    orders = game.run(crew, **options)
    bought = Counter(intent.id for intent in orders if intent.state in BOUGHT)
    tally.yeses += len(asked)
    tally.bought += bought.total()
    assert bought == Counter(question.id for question in asked), "one gift for each yes"
    assert yeses_left(game) == []


def race_to_decide(crew: Crew, directory: Path, url: str, tally: Approved) -> None:
    """All of them approve, reject, withdraw and use the same questions: one of them has the last word."""
    game = Round(directory, url, tally, limits={})
    ids = [game.ask(number).id for number in range(deep(8, MOST_OPEN))]
    game.job.decided = ids
    game.run(crew)
    done = Counter((told["question"], told["what"]) for told in game.said if told["done"])
    ends = {intent.id: intent for intent in game.ledger.read(lambda book: load(book.session, "1 = 1"))}
    tally.questions += len(ids)
    tally.decisions += done.total()
    tally.tried += len(game.said)
    assert set(ends) == set(ids)
    for id_ in ids:
        approved, rejected, withdrawn = (done[id_, what] for what in ("approve", "reject", "withdraw"))
        ended = ends[id_].state
        assert approved <= 1, "a yes was given twice"
        assert rejected + withdrawn <= 1, "it ended twice"
        bought = ended is State.CONFIRMED
        assert not (bought and rejected + withdrawn), "bought what was refused"
        assert approved or not bought, "bought without a yes"
        by_who = {(1, 0): State.DECLINED, (0, 1): State.EXPIRED}
        waits = State.APPROVED if approved else State.AWAITING_APPROVAL
        assert ended is by_who.get((rejected, withdrawn), State.CONFIRMED if bought else waits)
    assert yeses_left(game) == sorted(id_ for id_ in ids if ends[id_].state is State.APPROVED)


def yeses_left(game: Round) -> list[str]:
    """The questions whose yes waits; closes the ledger."""
    sql = "SELECT intent_id FROM grants ORDER BY intent_id"
    with closing(game.ledger) as ledger:
        found = ledger.read(lambda book: book.session.rows(sql))
    return [str(id_) for (id_,) in found]


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_processes_that_race_use_a_yes_once_and_an_envelope_up(
    kind: str, crew: Crew, tmp_path: Path, request: pytest.FixtureRequest, figure: Callable[[str], None]
) -> None:
    """A few of them are killed on the way."""
    urls = new_urls(kind, tmp_path, lambda: request.getfixturevalue("postgres_server"))
    tally, rng = Approved(), random.Random(2)  # noqa: S311 - it kills at the same moments again
    try:
        for _ in range(deep(1, 10)):
            race_to_decide(crew, tmp_path, next(urls), tally)
            for race in (race_for_yeses, race_for_an_envelope):
                deaths = frozenset(rng.sample(range(1, deep(6, 50)), deep(1, 4)))
                race(crew, tmp_path, next(urls), tally, deaths=deaths)
    finally:
        figure(f"races for approvals on {kind}: {tally}")
