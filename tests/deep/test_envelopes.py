"""Many that send from one envelope at once: together they use it up to its last place, and no further."""

from __future__ import annotations

import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from depth import deep

from sendoso_mcp.models import InventoryItem, Order, Recipient, Send, TeamBudget
from sendoso_mcp.spending.dispatch import ORDER_TAKES
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import (
    Break,
    Decisions,
    Dispatch,
    Intent,
    Ledger,
    Outcome,
    Refusal,
    Reserved,
    State,
    Wish,
)
from sendoso_mcp.spending.limits import usd
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote, SendRequest
from sendoso_mcp.spending.verdict import Effect

LEDGERS, THREADS = 2, deep(4, 12)
PLACES = deep(15, 250)
ROUNDS = deep(1, 4)
PRICE = Decimal(20)
KEEPS = frozenset({State.CONFIRMED, State.CANCELLED, State.UNKNOWN, State.NEEDS_REVIEW})
"""What keeps its place: a gift that was, or may have been, ordered, and one that was called back."""
ENDS = (State.CONFIRMED, State.CONFIRMED, State.CANCELLED, State.UNKNOWN, State.NOT_SENT, State.REJECTED)


@dataclass
class Race:
    """Who sends from the envelope, and what each was told; `held` is counted by the test itself."""

    ledgers: list[Ledger]
    envelope: Envelope
    policy: Policy
    ends: Counter[State] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    held: int = 0
    most_held: int = 0
    revoked: threading.Event = field(default_factory=threading.Event)
    late: int = 0
    """Orders that were asked for when the envelope was closed already."""
    guard: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=count)

    def reserve(self, ledger: Ledger) -> Intent | None:
        with self.guard:
            number, closed = next(self.numbers), self.revoked.is_set()
        result = ledger.reserve(
            wish_of(number, self.policy),
            Dispatch(secrets.token_hex(8), ORDER_TAKES),
            question=None,
            approval=None,
        )
        with self.guard:
            if isinstance(result, Reserved):
                self.held += 1
                self.late += closed
                self.most_held = max(self.most_held, self.held)
                return result.intent
            assert isinstance(result, Refusal), result
            self.refusals[str(result.verdict.effect)] += 1
        return None

    def end(self, ledger: Ledger, intent: Intent, state: State) -> None:
        if state not in KEEPS:
            with self.guard:  # before the ledger does it: this count is never more than the ledger's
                self.held -= 1
        send = Send(id=f"send_{intent.id}", status="pending", cost=PRICE)
        first = State.CONFIRMED if state is State.CANCELLED else state
        ledger.settle(intent.id, Outcome(first, "test", send=send if first is State.CONFIRMED else None))
        if state is State.CANCELLED:
            ledger.cancelled(send.id, "test")
        with self.guard:
            self.ends[state] += 1

    def run(self, seed: int, ends: tuple[State, ...] = ENDS, after: Callable[[], None] | None = None) -> None:
        """All threads send until each was refused; then what was given back is used by one of them."""

        def work(number: int) -> None:
            rng = random.Random(1_000 * seed + number)  # noqa: S311 - the same draws again
            ledger = self.ledgers[number % LEDGERS]
            while (intent := self.reserve(ledger)) is not None:
                self.end(ledger, intent, rng.choice(ends))
                if after is not None:
                    after()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        while (intent := self.reserve(self.ledgers[0])) is not None:
            self.end(self.ledgers[0], intent, State.CONFIRMED)

    @property
    def kept(self) -> int:
        return sum(times for state, times in self.ends.items() if state in KEEPS)

    def used(self) -> int:
        """What each ledger says, which must be the same."""
        (used,) = {opened.used for ledger in self.ledgers for opened in Decisions(ledger).opened()}
        return used

    def whole(self) -> None:
        """The trail has all of it, and no row of the envelope was granted past its count."""
        assert not isinstance(self.ledgers[0].verify(), Break)
        sql = "SELECT used_before + granted, most FROM holds WHERE bucket LIKE 'envelope:%'"
        rows = self.ledgers[1].read(lambda book: list(book.session.rows(sql)))
        assert len(rows) == self.ends.total(), "an order outside the envelope"
        assert all(after <= most == self.envelope.sends for after, most in rows)


def wish_of(number: int, policy: Policy) -> Wish:
    """A gift to somebody who got none before."""
    person = Recipient.model_validate(
        {"id": f"rcp_{number}", "first_name": "Ann", "email": f"ann.{number}@acme.test"}
    )
    item = InventoryItem.model_validate({"id": "itm_1", "name": "Card", "type": "egift", "price": PRICE})
    quote = Quote(
        SendRequest(person.id, item.id),
        Order(recipient=person, item=item),
        TeamBudget(remaining=Decimal(10**8)),
    )
    return Wish(quote=quote, policy=policy, principal="ann", key=f"k{number}")


@contextmanager
def racing(url: str, **limits: Any) -> Iterator[Race]:
    ledgers = [Ledger(url, account="envelopes") for _ in range(LEDGERS)]
    try:
        now = ledgers[0].now()
        envelope = Envelope(
            name="Race",
            sends=PLACES,
            each=PRICE,
            domains=("acme.test",),
            until=now + timedelta(hours=1),
            opened_at=now,
            opened_by="a person",
        )
        Decisions(ledgers[0]).open_envelope(envelope)
        yield Race(ledgers, envelope, Policy.model_validate({"limits": limits}))
    finally:
        for ledger in ledgers:
            ledger.close()


@pytest.fixture
def new_url(shared_url: str, request: pytest.FixtureRequest) -> Callable[[int], str]:
    def make(number: int) -> str:
        if shared_url.startswith("sqlite"):
            return shared_url.replace("ledger.sqlite3", f"{number}.sqlite3")
        return str(request.getfixturevalue("postgres_server").quick_uri())

    return make


def test_an_envelope_is_used_up_to_its_last_place_and_no_further(
    new_url: Callable[[int], str], shared_url: str, figure: Callable[[str], None]
) -> None:
    ends, kept, most = Counter[State](), 0, 0
    for number in range(ROUNDS):
        with racing(new_url(number)) as race:
            race.run(number)
            assert race.kept == race.used() == race.held == PLACES
            assert race.most_held <= PLACES
            assert set(race.refusals) == {str(Effect.ASK)}
            race.whole()
            ends, kept, most = ends + race.ends, kept + race.kept, most + PLACES
    told = ", ".join(f"{times:,} {state}" for state, times in sorted(ends.items()))
    figure(
        f"envelopes on {_kind(shared_url)}: {THREADS} threads x {ROUNDS} rounds, {kept:,} of {most:,} places "
        f"used in {ends.total():,} orders ({told}), 0 over, 0 lost"
    )


def test_a_limit_of_policy_holds_inside_an_envelope(
    new_url: Callable[[int], str], shared_url: str, figure: Callable[[str], None]
) -> None:
    gifts = PLACES // 2
    most: tuple[dict[str, Any], ...] = ({"per_day": PRICE * gifts}, {"sends_per_hour": gifts})
    for number, limits in enumerate(most):
        with racing(new_url(number), **limits) as race:
            # A send that is called back gives its money back, though neither its place nor its hour.
            race.run(number, (State.CONFIRMED, State.UNKNOWN, State.NOT_SENT, State.REJECTED))
            assert race.kept == race.used() == race.held == gifts
            assert race.most_held <= gifts
            assert set(race.refusals) == {str(Effect.DENY)}
            race.whole()
    spent = usd(int(PRICE) * 100 * gifts)
    figure(
        f"limits in envelopes on {_kind(shared_url)}: {THREADS} threads, {spent:,} of {spent:,} USD "
        f"a day and {gifts:,} of {gifts:,} sends an hour used, 0 over"
    )


def test_nothing_is_sent_from_an_envelope_that_was_closed(new_url: Callable[[int], str]) -> None:
    """It is closed while all of them send from it."""
    with racing(new_url(0)) as race:
        orders = count(1)

        def close() -> None:
            if next(orders) == PLACES // 3:
                assert Decisions(race.ledgers[1]).revoke_envelope(race.envelope.id, "a person")
                race.revoked.set()

        race.run(0, (State.CONFIRMED,), close)
        assert race.late == 0
        # How many slip in before the closing has its turn is up to the machine.
        assert PLACES // 3 <= race.kept <= PLACES
        assert race.revoked.is_set()
        assert Decisions(race.ledgers[0]).opened() == []
        race.whole()


def _kind(url: str) -> str:
    return "PostgreSQL" if url.startswith("postgres") else "SQLite"
