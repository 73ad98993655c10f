"""A process that wants gifts as fast as it can, beside others that want them from the same ledger.

It reads jobs from its standard input and answers on its standard output, JSON a line: `ready` when the ledger
is open, then, once told to go, a line for each grant, and `done`. Whatever it was told is in its own file,
synced, before it acts on it: so the file can be compared with the ledger, whoever was killed in between. It
does to the ledger what the dispatcher does, but where that gives an order this only decides what came of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from deep.ledger_model import Person, Rules
from deep.wishes import dispatch_of, policy_of, usd, wish_of
from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.models import Send
from sendoso_mcp.spending.ledger import (
    Approval,
    Decisions,
    Granted,
    Intent,
    Ledger,
    Outcome,
    Refusal,
    Reserved,
    State,
    Wish,
    next_turn,
    postgres,
    sqlite_pace,
)
from sendoso_mcp.spending.verdict import Effect

NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)
"""When races begin, so that none sees midnight."""
SHARED_CENTS = 7
ASKED_CENTS = 501
ASK_ABOVE = 500
ENVELOPE_CENTS = 1_000
"""The most that a gift in the envelope may cost."""
DECISIONS = ("approve", "approve", "use", "use", "reject", "withdraw")


@dataclass
class Job:
    """One round.

    Attributes:
        url: the ledger.
        log: this process's own file.
        seed: what this process draws its amounts from.
        began: when the round began, by the system's clock.
        limits: of the policy, as `Rules` has them.
        people: who gets gifts, as many limits as there are people if the limit is per person.
        each: whether there is a limit a person, so that each has to be used up.
        shared: how many keys all processes share.
        questions: the intents of the questions that all processes answer with yes.
        approved: the questions to which a person's yes waits in the ledger, for all processes to use.
        decided: the questions that all processes decide outside the chat, take back and use at once.
        envelope: whether there is an envelope to be used up, in place of a limit.
        budget: the file with what the team has left; empty if that is no matter.
        patience: seconds between tries when the database is gone; None: as usual.
        turns: how many turns to take, and of how many a second, instead of gifts.
    """

    url: str
    log: str
    seed: int
    began: float
    limits: dict[str, Any]
    people: list[str]
    each: bool = False
    shared: int = 0
    questions: list[str] | None = None
    approved: list[str] | None = None
    decided: list[str] | None = None
    envelope: bool = False
    budget: str = ""
    patience: list[float] | None = None
    turns: tuple[int, int] = (0, 0)


def shared_wish(number: int, job: Job) -> Wish:
    """The wish that every process makes under the same key."""
    people = [Person(f"rcp_shared_{number}", f"shared{number}@acme.test", "")]
    return wish_of(people[0], "itm_mug", SHARED_CENTS, policy=rules_of(job), key=f"shared-{number}")


def asked_wish(number: int, job: Job) -> Wish:
    """The wish that a person was asked about."""
    person = Person(f"rcp_asked_{number}", f"asked{number}@acme.test", "")
    return wish_of(person, "itm_mug", ASKED_CENTS, policy=rules_of(job))


def rules_of(job: Job) -> Any:
    return policy_of(Rules("of the race", ask_above=ASK_ABOVE, outside_above=10**6, **job.limits))


class TeamBudget:
    """What the team has left, as Sendoso would know it: in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _locked(self) -> Iterator[list[int]]:
        with self._path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            cents = [int(file.read())]
            yield cents
            file.seek(0)
            file.truncate()
            file.write(str(cents[0]))
            file.flush()

    def left(self) -> int:
        with self._locked() as cents:
            return cents[0]

    def spend(self, amount: int) -> None:
        with self._locked() as cents:
            cents[0] -= amount


class Racer:
    """One process in one round."""

    def __init__(self, job: Job, tell: Callable[..., None]) -> None:
        self.job, self.tell, self.parent = job, tell, os.getppid()
        self.random = random.Random(job.seed)  # noqa: S311 - it makes the same wishes again
        self.log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.ledger = Ledger(job.url, account="race", now=self.now)
        if job.patience is not None:
            self.ledger = Ledger(job.url, account="race", now=self.now, patience=job.patience)
        self.policy = rules_of(job)
        self.budget = TeamBudget(Path(job.budget)) if job.budget else None
        self.reading = (0, 10**9)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=time.time() - self.job.began)

    def note(self, word: str, token: str, *, sync: bool = True, **more: Any) -> None:
        """Writes down what this process knows, before it acts on it."""
        os.write(self.log, json.dumps({"word": word, "token": token, **more}).encode() + b"\n")
        if sync:
            os.fsync(self.log)

    def run(self) -> None:
        if self.job.turns[0]:
            self.take_turns(*self.job.turns)
            return
        for number in range(self.job.shared):
            self.order(shared_wish(number, self.job), keep=True)
        for number, id_ in enumerate(self.job.questions or []):
            yes = Approval(asked_wish(number, self.job).quote.digest, "chat_form", f"process {os.getpid()}")
            self.order(asked_wish(number, self.job), keep=True, question=id_, approval=yes)
        approved = list(enumerate(self.job.approved or []))
        self.random.shuffle(approved)
        for number, id_ in approved:
            self.order(asked_wish(number, self.job), keep=True, question=id_)
        for number, id_ in enumerate(self.job.decided or []):
            for what in self.random.choices(DECISIONS, k=3):
                self.decide(number, id_, what)
        if self.job.envelope:
            self.use_up_the_envelope()
        if self.job.limits or self.budget is not None:
            self.use_up_the_limit()

    def use_up_the_limit(self) -> None:
        targets = [[email] for email in self.job.people] if self.job.each else [self.job.people]
        self.random.shuffle(targets)
        for emails in targets:
            self.use_up(emails)

    # Gifts

    def use_up(self, emails: list[str]) -> None:
        """Wants gifts until not a cent, or not a send, is left of the limit."""
        self.read_budget()
        most = ASK_ABOVE
        while True:
            amount = self.random.choice((1, self.random.randint(1, most), self.random.randint(1, most)))
            left = self.order(self.wish(self.random.choice(emails), amount))
            if left is None:
                most = ASK_ABOVE
            elif left > 0:
                most = min(left, ASK_ABOVE)
            elif self.is_used_up(emails[0]):
                return

    def use_up_the_envelope(self) -> None:
        """Wants gifts that a person would be asked about, until they are."""
        left: int | None = None
        while left != 0:
            amount = self.random.randint(ASKED_CENTS, ENVELOPE_CENTS)
            left = self.order(self.wish(self.random.choice(self.job.people), amount))

    def decide(self, number: int, id_: str, what: str) -> None:
        """Uses the yes to a question; or gives it, takes it back, or withdraws the question, and tells."""
        if what == "use":
            self.order(asked_wish(number, self.job), keep=True, question=id_)
            return
        me, seal, decisions = f"process {os.getpid()}", self.ledger.known(id_).seal, Decisions(self.ledger)
        if what == "withdraw":
            mine = secrets.token_hex(8)
            done = self.ledger.expire(id_, me, mine).reason == mine
        elif what == "approve":
            done = decisions.approve(id_, seal, rung="outside_chat", approver=me) is Granted.DONE
        else:
            done = decisions.reject(id_, seal, me) is Granted.DONE
        self.tell("decided", question=id_, what=what, done=done)

    def wish(self, email: str, amount: int) -> Wish:
        # Each spelling of an email is another contact.
        spelled = self.random.choice((email, email.upper(), email.replace("@", "+gifts@")))
        position, remaining = self.reading
        return wish_of(
            Person(f"rcp_{secrets.token_hex(4)}", spelled, email),
            self.random.choice(("itm_mug", "itm_pin")),
            amount,
            policy=self.policy,
            position=position,
            remaining=remaining,
            key=secrets.token_hex(8),
        )

    def read_budget(self) -> None:
        if self.budget is not None:
            position = self.ledger.position()
            self.reading = position, self.budget.left()

    def is_used_up(self, email: str) -> bool:
        """Whether it was no old figure that said so."""
        if self.budget is None:
            return True
        nothing_open = not self.ledger.unsettled()
        self.read_budget()
        return nothing_open and bool(self.ledger.judge(self.wish(email, 1)).reasons)

    def order(
        self, wish: Wish, *, keep: bool = False, question: str | None = None, approval: Approval | None = None
    ) -> int | None:
        """Orders a gift, and keeps it if told so; if it may not be, says how much is left for one."""
        token, amount = secrets.token_hex(8), int((wish.quote.price or 0) * 100)
        self.note("trying", token, sync=False, wish=question or wish.key)
        try:
            result = self.ledger.reserve(wish, dispatch_of(token), question=question, approval=approval)
        except LedgerUnavailable:
            self.until_written(token, Outcome(State.NOT_SENT, "race", reason="never_given"))
            self.note("abandoned", token)
            return None
        if isinstance(result, Refusal):
            lefts = [reason.headroom for reason in result.verdict.deciding if reason.headroom is not None]
            if not lefts and result.verdict.effect is Effect.ASK and (self.job.envelope or self.job.decided):
                return 0
            if not lefts:
                raise AssertionError(f"refused for another reason than money: {result}")
            return int(min(left if isinstance(left, int) else left * 100 for left in lefts))
        if not isinstance(result, Reserved):
            attempt = result.intent.attempt
            if attempt is not None and attempt.token == token:
                self.note("abandoned", token)
            return None
        self.note("granted", token, intent=result.intent.id, cents=amount)
        self.tell("granted", cents=amount)
        self.settle(result.intent, token, amount, keep=keep)
        if self.random.random() < 0.1:
            self.look_for_the_dead()
        if self.random.random() < 0.4:
            self.read_budget()
        return None

    def settle(self, intent: Intent, token: str, amount: int, *, keep: bool) -> None:
        draws = ["confirmed"] * 6 + ["cheaper", "not_sent", "not_sent"]
        if self.budget is None:
            draws += ["unknown", "nothing"]  # else the budget could not be used up to the cent
        what = "confirmed" if keep else self.random.choice(draws)
        if what == "nothing":
            return
        cost = self.random.randint(1, amount) if what == "cheaper" else amount
        if self.budget is not None and what != "not_sent":
            self.budget.spend(cost)
        state = State("confirmed" if what == "cheaper" else what)
        send = Send(id=f"send_{token}", status="pending", cost=usd(cost))
        outcome = Outcome(state, "race", send=send if state is State.CONFIRMED else None)
        try:
            self.ledger.settle(intent.id, outcome)
        except LedgerUnavailable:
            self.until_written(token, outcome)
        self.note("settled", token, state=str(state), cents=cost if state is State.CONFIRMED else None)

    def until_written(self, token: str, outcome: Outcome) -> None:
        while os.getppid() == self.parent:
            try:
                self.ledger.settle_order(token, outcome)
                return
            except LedgerUnavailable:
                time.sleep(0.01)  # There is nothing that tells when a server is back.
        raise AssertionError("nobody is there to tell")

    def look_for_the_dead(self) -> None:
        """As recovery does; who is taken for dead may be alive, after its server was killed."""
        try:
            for intent in self.ledger.unsettled():
                if self.ledger.orphaned(intent):
                    self.ledger.settle(intent.id, Outcome(State.UNKNOWN, "recovery", reason="process_gone"))
        except LedgerUnavailable:
            pass

    # Turns

    def take_turns(self, number: int, per_second: int) -> None:
        """Takes turns without waiting for them; tells the moment of each, by the clock that counts them."""
        moments: list[float] = []

        def noted(*args: Any) -> tuple[float, list[float]]:
            turn, turns = next_turn(*args)
            moments.append(turn)
            return turn, turns

        with (
            mock.patch.object(sqlite_pace, "next_turn", noted),
            mock.patch.object(postgres, "next_turn", noted),
        ):
            for _ in range(number):
                self.ledger.turn(per_second)
        self.tell("turns", moments=moments)


def main() -> None:
    def tell(word: str, **more: Any) -> None:
        print(json.dumps({"word": word, **more}), flush=True)

    tell("started")
    for line in sys.stdin:
        try:
            racer = Racer(Job(**json.loads(line)), tell)
            racer.ledger.open()
            tell("ready")
            sys.stdin.readline()
            racer.run()
            racer.ledger.close()
            os.close(racer.log)
        except Exception:
            tell("failed", why=traceback.format_exc())
        else:
            tell("done")


if __name__ == "__main__":
    main()
