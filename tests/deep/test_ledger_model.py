"""The ledger beside its model: whatever is done to both, they say the same and look the same."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import psycopg
from databases import MEMORY, PostgresServer
from depth import DEEP, deep
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from deep.ledger_model import ASKED, OPEN, Conflict, Gift, Model, Person, Reading, Reason, Rules, Wish
from deep.wishes import dispatch_of, policy_of, usd, wish_of
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.models import Send
from sendoso_mcp.spending import ledger as real
from sendoso_mcp.spending.ledger import (
    Approval,
    Decisions,
    Granted,
    Intent,
    Ledger,
    Outcome,
    Past,
    Refusal,
    Reserved,
    State,
)
from sendoso_mcp.spending.ledger.records import load
from sendoso_mcp.spending.limits import TEAM, Bucket, day_bucket, hour_bucket, month_bucket
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.verdict import Verdict

PEOPLE = (
    Person("rcp_ann", "ann@acme.test", "ann@acme.test"),
    Person("rcp_ann_again", "Ann+gifts@ACME.test", "ann@acme.test"),
    Person("rcp_bob", "bob@acme.test", "bob@acme.test"),
    Person("rcp_clerk", "clerk@tax.gov.test", "clerk@tax.gov.test", ("gov",)),
)
ITEMS = ("itm_pin", "itm_mug", "itm_hamper")
PRICES = (2000, 333, 1, 2001, 1999, 0, 4000, 9999)
GOV = {"gov": (2000, 5000)}
POLICIES = (
    Rules("asks nobody", None, 9_003, 20_000, None, 6, 0, 7, 10**6, 10**6),
    Rules("asks little", 9_000, 12_000, 20_000, 8_000, 5, 500, 0, 1_999, 3_000, GOV),
    Rules("asks always", 9_000, 9_000, None, 6_000, None, 0, 15, 0, 3_000, GOV),
    Rules("has no limits", ask_above=1_500, outside_above=10**6),
    Rules("keeps much", keep=20_000, ask_above=10**6, per_year=7_000),
    Rules("spends nothing", per_day=0, ask_above=10**6),
)
SHORT = [timedelta(microseconds=1), *(timedelta(seconds=by) for by in (1, 30, 59, 61, 300))]
LONG = [timedelta(minutes=59), *(timedelta(hours=by) for by in (1, 2, 9, 23, 24, 25))]
VERY_LONG = [timedelta(days=by) for by in (1, 28, 31, 364, 365, 366)]
BACK = [timedelta(seconds=-2), timedelta(minutes=-5)]
START = datetime(2027, 1, 31, 22, 30, tzinfo=UTC)
BUDGET = 40_000
TOGETHER = 3
"""Processes that share a ledger."""


@dataclass(slots=True)
class Tally:
    """What a search tried and found."""

    steps: int = 0
    orders: int = 0
    decisions: int = 0
    differences: int = 0
    duplicates: int = 0
    overspends: int = 0
    lost: int = 0


@dataclass(slots=True)
class Given:
    """An order as it was given by a process, and what Sendoso made of it."""

    gift: Gift
    by: Ledger
    wish: real.Wish
    question: str | None
    approval: Approval | None
    send: Send | None
    posts: int = 1


@cache
def policy(rules: str) -> Policy:
    return policy_of(next(one for one in POLICIES if one.name == rules))


def cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * 100)


class LedgerBesideItsModel(RuleBasedStateMachine):
    """Processes that share a ledger, the people who answer them, and a Sendoso that knows what it made.

    Whether an order arrives is decided as it is given, and nothing that is told of it later contradicts that.
    """

    def __init__(self, url: str, tally: Tally) -> None:
        super().__init__()
        self.url, self.tally = url, tally
        self.now = START
        self.model = Model()
        self.ids: list[str] = []
        self.processes = [self.process() for _ in range(1 if url == MEMORY else TOGETHER)]
        self.terms = POLICIES[0]
        self.prices = dict.fromkeys(ITEMS, 2000)
        self.remaining, self.overruns = BUDGET, 0
        self.readings: list[tuple[Reading, int]] = []
        self.given: dict[str, Given] = {}
        self.ended: dict[str, Intent] = {}

    def process(self) -> Ledger:
        ledger = Ledger(self.url, account="test", now=lambda: self.now, patience=())
        ledger.open()
        return ledger

    # Drawn

    @property
    def any_process(self) -> st.SearchStrategy[Ledger]:
        return st.integers(0, len(self.processes) - 1).map(self.processes.__getitem__)

    def a_wish(self, data: st.DataObject, *, keyed: bool) -> tuple[Wish, Reading, real.Wish]:
        """Anybody's wish, as the model has it and as the ledger has.

        It may be one that was made before, or under a key that was used, and the budget may be an old figure.
        """
        person, item = data.draw(st.sampled_from(PEOPLE)), data.draw(st.sampled_from(ITEMS))
        words = data.draw(st.sampled_from(("", "", "Thanks!")))
        who = data.draw(st.sampled_from(("amy", "amy", "amy", "ben")))
        key = f"k{len(self.model.gifts)}" if keyed else None
        wish = Wish(who, person, item, self.prices[item], words, key)
        if self.model.gifts:
            like = data.draw(st.sampled_from((None,) * 8 + ("wish",) * 3 + ("key",)), "like before")
            if like is not None:
                before = data.draw(st.sampled_from(self.model.gifts)).wish
                wish = before if like == "wish" else replace(wish, who=before.who, key=before.key)
        return self.as_wished(wish, data)

    def as_wished(self, wish: Wish, data: st.DataObject) -> tuple[Wish, Reading, real.Wish]:
        wish = replace(wish, price=self.prices[wish.item])
        reading, position = data.draw(st.sampled_from(self.readings[:-4:-1]))
        return wish, reading, self.for_ledger(wish, reading, position)

    def for_ledger(self, wish: Wish, reading: Reading, position: int) -> real.Wish:
        return wish_of(
            wish.person,
            wish.item,
            wish.price,
            policy=policy(self.terms.name),
            remaining=reading.remaining,
            position=position,
            who=wish.who,
            words=wish.words,
            key=wish.key,
        )

    def some(self, *states: str) -> list[Gift]:
        return [gift for gift in self.model.gifts if gift.state in states]

    # Compared

    def same(self, ledgers: object, models: object, what: str) -> None:
        if ledgers != models:
            self.tally.differences += 1
            raise AssertionError(f"{what}:\nthe ledger says {ledgers}\nits model says {models}")

    def same_gift(self, intent: Intent | None, gift: Gift | None) -> None:
        """Also learns the id of a gift that is new."""
        if intent is not None and gift is not None and gift.number == len(self.ids):
            self.same(intent.id in self.ids, False, "a new intent")
            self.ids.append(intent.id)
        self.same(intent and intent.id, gift and self.ids[gift.number], "the intent")

    def same_reasons(self, verdict: Verdict, reasons: Iterable[Reason]) -> None:
        self.same(
            sorted(
                (
                    reason.effect,
                    reason.code,
                    # Which of several: a policy's own limits have a code each.
                    reason.about if reason.code.startswith(("rule_", "near_")) else "",
                    tuple(
                        figure if isinstance(figure, int) else cents(figure)
                        for figure in (reason.limit, reason.value, reason.headroom)
                    ),
                )
                for reason in verdict.reasons
            ),
            sorted(
                (reason.effect, reason.code, self.about(reason), reason.figures or (None,) * 3)
                for reason in reasons
            ),
            "the verdict",
        )

    def about(self, reason: Reason) -> str:
        return self.ids[int(reason.about)] if reason.code == "near_duplicate" else reason.about

    def asks(self, gift: Gift) -> frozenset[str]:
        pairs = [ask.split(":") for ask in gift.asks]
        return frozenset(f"{code}:{self.about(Reason('ask', code, about))}" for code, about in pairs)

    def after(self, data: st.DataObject) -> None:
        """All that can be seen of the ledger is what the model has, and nothing is spent twice or lost."""
        self.now += timedelta(milliseconds=1)
        self.tally.steps += 1
        ledger = data.draw(self.any_process, "who looks")
        intents = {intent.id: intent for intent in ledger.read(lambda book: load(book.session, "1 = 1"))}
        new = [id_ for id_ in intents if id_ not in self.ids]
        if len(new) == 1 and len(self.ids) == len(self.model.gifts) - 1:
            self.ids += new
        self.same(sorted(intents), sorted(self.ids), "the intents")
        for gift in self.model.gifts:
            intent = intents[self.ids[gift.number]]
            attempt = intent.attempt
            self.same(
                (
                    str(intent.state),
                    (intent.principal, intent.key, intent.policy_version),
                    (intent.asks, intent.proposed_at, intent.expires_at),
                    attempt and (attempt.token, attempt.begun_at, cents(attempt.held)),
                    attempt and (attempt.send_id, cents(attempt.cost), sorted(attempt.over_limits)),
                ),
                (
                    gift.state,
                    (gift.wish.who, gift.wish.key, policy(gift.rules.name).version),
                    (self.asks(gift), gift.asked_at, gift.ends_at),
                    gift.token and (gift.token, gift.ordered_at, gift.held),
                    gift.token and (gift.send, gift.cost, sorted(gift.over)),
                ),
                f"gift {gift.number}",
            )
            if gift.state not in OPEN | ASKED | {"confirmed"}:
                self.same(intent, self.ended.setdefault(intent.id, intent), "what had ended")
        self.holds_are_whole(ledger)
        self.yeses_are_those_that_wait(ledger)
        self.buckets_are_the_same(ledger)
        self.nothing_is_twice_or_lost()
        wish, reading, wished = self.a_wish(data, keyed=data.draw(st.booleans()))
        self.same_reasons(ledger.judge(wished), self.model.judge(wish, self.terms, reading, self.now))

    def holds_are_whole(self, ledger: Ledger) -> None:
        rows = ledger.read(
            lambda book: book.session.rows(
                "SELECT intent_id, count(*), min(amount), max(amount) FROM holds WHERE bucket <> 'sends' "
                "GROUP BY intent_id"
            )
        )
        ordered = [gift for gift in self.model.gifts if gift.token]
        self.same(
            sorted(tuple(row) for row in rows),
            sorted((self.ids[gift.number], 5, gift.weighs, gift.weighs) for gift in ordered),
            "the money in the holds",
        )

    def yeses_are_those_that_wait(self, ledger: Ledger) -> None:
        rows = ledger.read(lambda book: book.session.rows("SELECT intent_id FROM grants"))
        waiting = [self.ids[gift.number] for gift in self.some("approved")]
        self.same(sorted(id_ for (id_,) in rows), sorted(waiting), "the yeses that wait")

    def buckets_are_the_same(self, ledger: Ledger) -> None:
        days = {at.date(): at for _, at in self.model.ordered()} | {self.now.date(): self.now}
        expected = {hour_bucket(self.now): self.model.in_an_hour(self.now)}
        for day, at in days.items():
            expected[day_bucket(at)] = self.model.on_day(day)
            expected[month_bucket(at)] = self.model.in_month(day)
        for person in PEOPLE:
            bucket = Bucket(f"recipient:{person.mailbox}", since=self.now - timedelta(days=365))
            expected[bucket] = self.model.in_a_year(person.mailbox, self.now)
        used = ledger.used(expected)
        self.same(
            {bucket.key: used.of(bucket) for bucket in expected},
            {bucket.key: amount for bucket, amount in expected.items()},
            "what stands in the buckets",
        )
        for reading, position in self.readings[-3:]:
            team = Bucket(TEAM, unseen_at=position)
            self.same(ledger.used([team]).of(team), self.model.unseen(reading.settlements), "the team's")

    def nothing_is_twice_or_lost(self) -> None:
        ordered = [gift for gift in self.model.gifts if gift.token]
        again = [gift.state in OPEN | {"confirmed", "cancelled"} for gift in ordered]
        keys = [(gift.wish.who, gift.wish.key) for gift, counts in zip(ordered, again, strict=True) if counts]
        keys = [key for key in keys if key[1] is not None]
        if len(keys) != len(set(keys)) or any(given.posts > 1 for given in self.given.values()):
            self.tally.duplicates += 1
            raise AssertionError("a gift was ordered twice")
        for given in self.given.values():
            if given.send is not None and given.gift.state not in OPEN | {"confirmed", "cancelled"}:
                self.tally.lost += 1
                raise AssertionError(f"gift {given.gift.number} was sent and the ledger says it was not")

    # The world

    @initialize(data=st.data(), rules=st.sampled_from(POLICIES[:-1]))
    def begin(self, data: st.DataObject, rules: Rules) -> None:
        self.terms = rules
        self.read_budget(data)
        self.after(data)

    @rule(data=st.data(), what=st.sampled_from(["clock"] * 3 + ["budget"] * 2 + ["price", "policy"]))
    def the_world_goes_on(self, data: st.DataObject, what: str) -> None:
        if what == "clock":
            self.now += data.draw(st.sampled_from(SHORT * 6 + LONG * 2 + VERY_LONG + BACK))
        elif what == "price":
            self.prices[data.draw(st.sampled_from(ITEMS))] = data.draw(st.sampled_from(PRICES))
        elif what == "policy":
            self.terms = data.draw(st.sampled_from(POLICIES[:-1] * 4 + POLICIES[-1:]))
        else:
            # The team may have got more; what others of the team spend is no matter of this ledger.
            self.remaining += data.draw(st.sampled_from((0, 10_000)))
            self.read_budget(data)
        self.after(data)

    def read_budget(self, data: st.DataObject) -> None:
        position = data.draw(self.any_process).position()
        self.readings.append((Reading(self.remaining, self.model.settlements), position))

    @rule(data=st.data())
    @precondition(lambda self: len(self.processes) > 1 and self.some("dispatching"))
    def a_process_dies(self, data: st.DataObject) -> None:
        dead = data.draw(self.any_process)
        dead.close()
        self.processes[self.processes.index(dead)] = self.process()
        self.after(data)

    # Questions and answers

    @rule(data=st.data(), answering=st.booleans())
    def somebody_wants_a_gift(self, data: st.DataObject, answering: bool) -> None:
        self.want(data, keyed=False, answering=answering)

    @rule(data=st.data(), answering=st.booleans())
    def somebody_wants_a_gift_under_a_key(self, data: st.DataObject, answering: bool) -> None:
        self.want(data, keyed=True, answering=answering)

    def want(self, data: st.DataObject, *, keyed: bool, answering: bool) -> None:
        """As the guard does it: judged, then forbidden, asked about or ordered; or ordered whatever it is."""
        ledger = data.draw(self.any_process)
        wish, reading, wished = self.a_wish(data, keyed=keyed)
        verdict = ledger.judge(wished)
        reasons = self.model.judge(wish, self.terms, reading, self.now)
        self.same_reasons(verdict, reasons)
        effects = {reason.effect for reason in reasons}
        if not effects or data.draw(st.sampled_from((False,) * 4 + (True,)), "whatever policy says"):
            self.order(data, ledger, wish, reading, wished)
        elif "deny" in effects:
            self.both(
                lambda: self.model.deny(wish, self.terms, reasons, self.now),
                lambda: ledger.deny(wished, verdict),
            )
        else:
            question = self.both(
                lambda: self.model.ask(wish, self.terms, reasons, self.now, answering=answering),
                lambda: ledger.ask(wished, verdict, answering=answering),
            )
            how = data.draw(st.sampled_from(("in chat", "in chat", "outside", "later")), "answered")
            if question is not None and how == "in chat":
                answered = {"question": question, "shown": question}
                self.order(data, ledger, wish, reading, wished, **answered, in_chat=False)
            elif question is not None and how == "outside":
                self.decide(data, question, yes=True)
                again = data.draw(st.sampled_from(("not yet", "by its number", "without")), "calls again")
                if again != "not yet":
                    number = question if again == "by its number" else None
                    self.order(data, ledger, wish, reading, wished, question=number)
        self.after(data)

    def both(self, model: Callable[[], Gift], ledger: Callable[[], Intent]) -> Gift | None:
        gift = intent = None
        with suppress(Conflict):
            gift = model()
        with suppress(BadArgument):
            intent = ledger()
        self.same_gift(intent, gift)
        return gift

    @rule(data=st.data(), in_chat=st.booleans())
    @precondition(lambda self: self.model.gifts)
    def a_person_says_yes(self, data: st.DataObject, in_chat: bool) -> None:
        """To what they were asked about, which may cost something else by now; or the yes goes astray."""
        questions = self.some(*ASKED)
        if questions and data.draw(st.sampled_from((True, True, True, False)), "to the question"):
            question = shown = wished = data.draw(st.sampled_from(questions))
        else:
            # Any yes, shown as the answer to any question, for anybody's wish.
            gifts = st.sampled_from(questions * 4 + self.model.gifts)
            question, shown, wished = (data.draw(gifts) for _ in range(3))
        self.answer(data, question, shown, wished.wish, in_chat=in_chat)

    def answer(self, data: st.DataObject, question: Gift, shown: Gift, wish: Wish, *, in_chat: bool) -> None:
        ledger = data.draw(self.any_process)
        wishes = self.as_wished(wish, data)
        self.order(data, ledger, *wishes, question=question, shown=shown, in_chat=in_chat)
        self.after(data)

    @rule(data=st.data(), no=st.booleans())
    @precondition(lambda self: self.some(*ASKED, "expired"))
    def a_person_says_no_or_nothing(self, data: st.DataObject, no: bool) -> None:
        """Mostly to an open question; a no to one that was replaced is for the one in its place."""
        some = self.some(*ASKED) * 4 + self.some("expired") * 2 + self.model.gifts
        gift, ledger = data.draw(st.sampled_from(some)), data.draw(self.any_process)
        id_ = self.ids[gift.number]
        if no:
            self.same_gift(ledger.decline(id_, "person"), self.model.decline(gift, self.now))
        else:
            self.same_gift(ledger.expire(id_, "person", "dismissed"), self.model.dismiss(gift))
        self.after(data)

    @rule(data=st.data(), yes=st.sampled_from((True, True, False)))
    @precondition(lambda self: self.some(*ASKED))
    def a_person_decides_outside_the_chat(self, data: st.DataObject, yes: bool) -> None:
        """Mostly about an open question; and about what was shown, or about something else by now."""
        self.decide(data, data.draw(st.sampled_from(self.some(*ASKED) * 4 + self.model.gifts)), yes=yes)
        self.after(data)

    def decide(self, data: st.DataObject, gift: Gift, *, yes: bool) -> None:
        decisions, id_ = Decisions(data.draw(self.any_process)), self.ids[gift.number]
        known = decisions.question(id_)
        assert isinstance(known, Intent)
        other = data.draw(st.sampled_from((False,) * 6 + (True,)), "other facts")
        seal = "other" if other else known.seal
        told = (
            decisions.approve(id_, seal, rung="outside_chat", approver="person")
            if yes
            else decisions.reject(id_, seal, "person")
        )
        if other:
            self.same(told in (Granted.CHANGED, Granted.CLOSED), True, "a decision about other facts")
            return
        counts = self.model.decide(gift, self.now, yes=yes)
        self.same(told, Granted.DONE if counts else Granted.CLOSED, "a decision outside the chat")
        self.tally.decisions += counts

    @rule(data=st.data(), numbered=st.sampled_from((True, True, True, False)))
    @precondition(lambda self: self.some("approved"))
    def the_assistant_calls_again(self, data: st.DataObject, numbered: bool) -> None:
        """After a yes outside the chat, which may be void by now; without its number a key finds it."""
        gift = data.draw(st.sampled_from(self.some("approved")))
        wishes = self.as_wished(gift.wish, data)
        self.order(data, data.draw(self.any_process), *wishes, question=gift if numbered else None)
        self.after(data)

    # Orders

    def order(
        self,
        data: st.DataObject,
        ledger: Ledger,
        wish: Wish,
        reading: Reading,
        wished: real.Wish,
        *,
        question: Gift | None = None,
        shown: Gift | None = None,
        in_chat: bool = True,
    ) -> None:
        token = secrets.token_hex(8)
        approval = None
        if question is not None and shown is not None:
            digest = self.model_quote_digest(shown)
            approval = Approval(digest, "chat_form" if in_chat else "command", "person")
        asked = None if question is None else self.ids[question.number]
        told = result = None
        with suppress(Conflict):
            told = self.model.order(
                token,
                wish,
                self.terms,
                reading,
                self.now,
                question=question,
                yes_to=None if shown is None else shown.wish.facts,
                in_chat=in_chat,
            )
        with suppress(BadArgument):
            result = ledger.reserve(wished, dispatch_of(token), question=asked, approval=approval)
        words = {Reserved: "reserved", Past: "past", Refusal: "refused", type(None): None}
        self.same(words[type(result)], told and told.word, "the order")
        if told is None or result is None:
            return
        if isinstance(result, Refusal):
            self.same_reasons(result.verdict, told.reasons)
            self.same(result.stale, told.stale, "whether the yes was stale")
            return
        self.same_gift(result.intent, told.gift)
        if told.word == "reserved" and told.gift is not None:
            self.tally.orders += 1
            send = self.arrives(data, told.gift) if data.draw(st.booleans(), "arrives") else None
            self.given[token] = Given(told.gift, ledger, wished, asked, approval, send)
            self.no_limit_is_passed(told.gift)

    def model_quote_digest(self, gift: Gift) -> str:
        """The digest that a person said yes to: of what was asked then, whatever it costs now."""
        return self.for_ledger(gift.wish, Reading(0), 0).quote.digest

    def arrives(self, data: st.DataObject, gift: Gift) -> Send:
        cost = gift.held + data.draw(st.sampled_from((0, 0, 0, 1, 700)), "shipping")
        self.remaining -= cost
        self.overruns += cost - gift.held
        return Send(id=f"send_{gift.number}", status="pending", cost=usd(cost))

    def no_limit_is_passed(self, gift: Gift) -> None:
        """Summed up anew with this gift among the others; and what Sendoso has left, too."""
        for limit in gift.limits:
            stands = {
                "send": gift.held,
                "day": self.model.on_day(self.now.date()),
                "month": self.model.in_month(self.now.date()),
                "recipient": self.model.in_a_year(gift.wish.person.mailbox, self.now),
                "hour": self.model.in_an_hour(self.now),
                "team": limit.used + limit.adds,
            }[limit.where]
            if stands > limit.most:
                self.overspent(f"{stands} of {limit.most} for {limit.code}")
        on_their_way = sum(given.gift.weighs for given in self.given.values() if given.send is None)
        if self.remaining - on_their_way < gift.rules.keep - self.overruns:
            self.overspent(f"{self.remaining} left in the team's budget, {on_their_way} on their way")

    def overspent(self, what: str) -> None:
        self.tally.overspends += 1
        raise AssertionError(f"overspent: {what}")

    @property
    def orders(self) -> st.SearchStrategy[Given]:
        """Any order, most of them not settled yet."""
        all_of_them = list(self.given.values())
        open_ones = [given for given in all_of_them if given.gift.state in OPEN]
        return st.sampled_from(open_ones * 4 + all_of_them)

    @rule(data=st.data())
    @precondition(lambda self: self.some("dispatching"))
    def the_same_order_is_tried_again(self, data: st.DataObject) -> None:
        """As it is when the database went away before it had said that all was written down."""
        given = data.draw(self.orders)
        gift, ledger = given.gift, data.draw(self.any_process)
        if given.send is not None:
            return  # It is tried again by the process that has its token, and only before it is given.
        told = self.model.order(gift.token or "", gift.wish, self.terms, Reading(0), self.now)
        result = ledger.reserve(
            given.wish, dispatch_of(gift.token or ""), question=given.question, approval=given.approval
        )
        self.same(isinstance(result, Reserved), told.word == "reserved", "the order, tried again")
        assert not isinstance(result, Refusal)
        self.same_gift(result.intent, told.gift)
        self.after(data)

    @rule(data=st.data(), answer=st.sampled_from(("known", "known", "unknown", "needs_review", "not ours")))
    @precondition(lambda self: self.given)
    def an_order_is_answered(self, data: st.DataObject, answer: str) -> None:
        """By Sendoso at once or late, by a look at it, or by a person; also if it was answered before."""
        given = data.draw(self.orders)
        gift, ledger = given.gift, data.draw(self.any_process)
        state = answer
        send: Send | None = None
        if answer == "known" and given.send is not None:
            state, send = "confirmed", given.send
        elif answer == "known":
            state = data.draw(st.sampled_from(("not_sent", "rejected")))
        elif answer == "not ours":
            owned = [other.send for other in self.given.values() if other.send and other.gift is not gift]
            owned = [one for one in owned if any(other.send == one.id for other in self.model.gifts)]
            if not owned:
                return
            state, send = "confirmed", data.draw(st.sampled_from(owned))
        sent = (None, None) if send is None else (send.id, cents(send.cost))
        self.model.settle(gift, state, self.now, send=sent[0], cost=sent[1])
        outcome = Outcome(State(state), "somebody", send=send)
        if data.draw(st.booleans(), "by its token"):
            ledger.settle_order(gift.token or "", outcome)
        else:
            self.same_gift(ledger.settle(self.ids[gift.number], outcome), gift)
        self.after(data)

    @rule(data=st.data())
    @precondition(lambda self: self.some("dispatching"))
    def orders_of_the_dead_are_found(self, data: st.DataObject) -> None:
        ledger = data.draw(self.any_process)
        unsettled = ledger.unsettled()
        self.same(
            {intent.id for intent in unsettled},
            {self.ids[gift.number] for gift in self.some(*OPEN)},
            "the orders that are not settled",
        )
        for given in self.given.values():
            gift = given.gift
            if gift.state != "dispatching":
                continue
            [intent] = [one for one in unsettled if one.id == self.ids[gift.number]]
            dead = given.by not in self.processes
            assert gift.ordered_at is not None
            late = self.now > gift.ordered_at + timedelta(seconds=60)
            if dead and not late:
                # PostgreSQL takes a moment to see that a connection is closed.
                deadline = time.monotonic() + 10
                while not ledger.orphaned(intent) and time.monotonic() < deadline:
                    pass
            self.same(ledger.orphaned(intent), dead or late, "whether nobody gives the order any more")
            if dead or late:
                self.model.settle(gift, "unknown", self.now)
                self.same_gift(ledger.settle(intent.id, Outcome(State.UNKNOWN, "recovery")), gift)
        self.after(data)

    @rule(data=st.data())
    @precondition(lambda self: self.some("confirmed", "cancelled"))
    def a_send_is_cancelled(self, data: st.DataObject) -> None:
        gift = data.draw(st.sampled_from(self.some("confirmed", "cancelled")))
        assert gift.send is not None
        if gift.state == "confirmed":
            self.remaining += gift.cost or 0
        ledger = data.draw(self.any_process)
        self.same_gift(ledger.cancelled(gift.send, "person"), self.model.cancel(gift.send))
        self.after(data)

    def teardown(self) -> None:
        try:
            verified = self.processes[0].verify()
            self.same(isinstance(verified, real.Break), False, f"the trail ({verified})")
        finally:
            for ledger in self.processes:
                ledger.close()


class NewUrls:
    """An empty ledger for each run, on one kind of database."""

    @staticmethod
    @contextmanager
    def sqlite() -> Iterator[Callable[[], str]]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            yield lambda: f"sqlite:///{directory}/{secrets.token_hex(8)}.sqlite3"

    @staticmethod
    @contextmanager
    def postgresql(server: PostgresServer) -> Iterator[Callable[[], str]]:
        """A schema of one database: a database each would take far longer to make."""
        uri, made = server.uri(), list[str]()
        with psycopg.connect(uri, autocommit=True) as connection:

            def new() -> str:
                while made:
                    connection.execute(f"DROP SCHEMA {made.pop()} CASCADE".encode())
                made.append(f"run_{secrets.token_hex(8)}")
                connection.execute(f"CREATE SCHEMA {made[-1]}".encode())
                return f"{uri}&options=-csearch_path%3D{made[-1]}"

            yield new


def search(new_url: Callable[[], str], runs: int, steps: int, tally: Tally) -> None:
    class Search(LedgerBesideItsModel):
        def __init__(self) -> None:
            super().__init__(new_url(), tally)

    run_state_machine_as_test(
        Search,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            # The sample is the same each time: what it finds is found where the change was made.
            derandomize=not DEEP,
            # To shrink what was found takes minutes.
            phases=[Phase.generate, Phase.shrink] if DEEP else [Phase.generate],
            database=None,
            print_blob=DEEP,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_does_what_its_model_does(
    postgres_server: PostgresServer, figure: Callable[[str], None]
) -> None:
    sqlite, postgresql = Tally(), Tally()
    try:
        search(lambda: MEMORY, deep(8, 120), deep(50, 100), sqlite)
        with NewUrls.sqlite() as new_url:
            search(new_url, deep(6, 60), deep(40, 100), sqlite)
        with NewUrls.postgresql(postgres_server) as new_url:
            search(new_url, deep(6, 60), deep(40, 100), postgresql)
    finally:
        figure(
            f"ledger against its model: {sqlite.steps:,} steps on SQLite, {postgresql.steps:,} on PostgreSQL,"
            f" {sqlite.orders + postgresql.orders:,} orders,"
            f" {sqlite.decisions + postgresql.decisions:,} decisions outside the chat,"
            f" {sqlite.differences + postgresql.differences} differences,"
            f" {sqlite.duplicates + postgresql.duplicates} duplicates,"
            f" {sqlite.overspends + postgresql.overspends} overspends, {sqlite.lost + postgresql.lost} lost"
        )
