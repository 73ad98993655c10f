"""The money rules in plain Python, for the ledger to be compared with: a list of gifts, and sums over it.

Written from the rules as people read them, not from the code that keeps them: no SQL, no transactions, no
buckets. All of it is slow and obvious on purpose. Amounts are whole cents. What a method raises or returns is
what the ledger is expected to say, and what the gifts look like afterwards is what its rows must look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

FREE = {"denied", "expired", "not_sent", "rejected"}
"""No gift, for certain: the key may be used again."""
OPEN = {"dispatching", "unknown", "needs_review"}
"""Ordered, or perhaps ordered, and not known what came of it: the money is held, however long it takes."""
ASKED = {"awaiting_approval", "approved"}
"""A question, and nothing ordered: it waits for an answer, or the yes from outside the chat to be used."""
QUESTION_LASTS = timedelta(hours=24)
QUESTION_IS_RENEWED_AFTER = timedelta(seconds=60)
NO_STANDS = timedelta(minutes=10)
MAY_STILL_BE_GIVEN = timedelta(seconds=30)
"""After a reservation; later its order could outlive the minute in which others count on an answer."""
EARLIER_GIFTS_NAMED = 5


class Conflict(Exception):
    """The key stands for another wish."""


@dataclass(frozen=True)
class Person:
    """A recipient. Two with one mailbox are the same person to the limits."""

    id: str
    email: str
    mailbox: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """A policy; a limit that is None is not applied. A class of people has one a send and one a year."""

    name: str
    per_send: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    per_year: int | None = None
    per_hour: int | None = None
    keep: int = 0
    allowance: int = 0
    ask_above: int = 0
    outside_above: int = 50_000
    classes: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def held_for(self, price: int) -> int:
        """The list price with the allowance on top, rounded up to a cent."""
        return -(-price * (100 + self.allowance) // 100)


@dataclass(frozen=True)
class Reading:
    """What Sendoso said is left, and how many settlements were written down before it was asked."""

    remaining: int
    settlements: int = 0


@dataclass(frozen=True)
class Wish:
    """Somebody's wish for a gift at the price of the moment."""

    who: str
    person: Person
    item: str
    price: int
    words: str = ""
    key: str | None = None

    @property
    def arguments(self) -> tuple[str, str, str]:
        """What makes it the same wish as another."""
        return self.person.id, self.item, self.words

    @property
    def facts(self) -> tuple[object, ...]:
        """What a person says yes to."""
        return *self.arguments, self.price


@dataclass(frozen=True)
class Limit:
    """A limit as it stands: what is used of it, what this send adds, and the most that may be."""

    code: str
    where: str
    used: int
    adds: int
    most: int
    rule: str = ""


@dataclass(frozen=True)
class Reason:
    """Why a send is forbidden or asked about; the figures are the limit, what would be, what is left."""

    effect: str
    code: str
    about: str = ""
    figures: tuple[int, int, int] | None = None


@dataclass(eq=False)
class Gift:
    """A wish that was written down, and all that became of it."""

    number: int
    wish: Wish
    rules: Rules
    state: str
    asks: frozenset[str]
    asked_at: datetime
    ends_at: datetime
    token: str | None = None
    ordered_at: datetime | None = None
    held: int = 0
    limits: tuple[Limit, ...] = ()
    cost: int | None = None
    send: str | None = None
    over: frozenset[str] = frozenset()
    settlement: int | None = None
    declined_at: datetime | None = None

    @property
    def weighs(self) -> int:
        """The money that it takes out of every limit now."""
        if self.state in OPEN:
            return self.held
        return self.cost or 0 if self.state == "confirmed" else 0


@dataclass(frozen=True)
class Told:
    """What an order is answered with: `reserved`, `past` or `refused`."""

    word: str
    gift: Gift | None = None
    reasons: tuple[Reason, ...] = ()
    stale: bool = False


class Model:
    """All gifts, in the order in which they were first written down."""

    def __init__(self) -> None:
        self.gifts: list[Gift] = []
        self.settlements = 0

    # What is used

    def ordered(self) -> Iterable[tuple[Gift, datetime]]:
        for gift in self.gifts:
            if gift.ordered_at is not None:
                yield gift, gift.ordered_at

    def on_day(self, day: date) -> int:
        return sum(gift.weighs for gift, at in self.ordered() if at.date() == day)

    def in_month(self, day: date) -> int:
        return sum(gift.weighs for gift, at in self.ordered() if (at.year, at.month) == (day.year, day.month))

    def in_a_year(self, mailbox: str, now: datetime) -> int:
        year = timedelta(days=365)
        return sum(
            gift.weighs
            for gift, at in self.ordered()
            if gift.wish.person.mailbox == mailbox and at >= now - year
        )

    def in_an_hour(self, now: datetime) -> int:
        counted = OPEN | {"confirmed", "cancelled"}  # a cancelled one was sent in haste all the same
        return sum(gift.state in counted for gift, at in self.ordered() if at >= now - timedelta(minutes=60))

    def unseen(self, settlements: int) -> int:
        """What the team's budget cannot show yet, if it was read after so many settlements."""
        return sum(
            gift.weighs for gift in self.gifts if gift.settlement is None or gift.settlement > settlements
        )

    # May it be sent?

    def limits(self, wish: Wish, rules: Rules, reading: Reading, now: datetime) -> list[Limit]:
        adds, mailbox = rules.held_for(wish.price), wish.person.mailbox
        day, month, year = (
            self.on_day(now.date()),
            self.in_month(now.date()),
            self.in_a_year(mailbox, now),
        )
        found: list[tuple[str, str, int, int, int | None, str]] = [
            ("over_per_send", "send", 0, adds, rules.per_send, ""),
            ("over_per_day", "day", day, adds, rules.per_day, ""),
            ("over_per_month", "month", month, adds, rules.per_month, ""),
            ("over_per_recipient_per_year", "recipient", year, adds, rules.per_year, ""),
            ("over_sends_per_hour", "hour", self.in_an_hour(now), 1, rules.per_hour, ""),
        ]
        for name in wish.person.classes:
            send, a_year = rules.classes.get(name, (None, None))
            rule = f"rules.{name}"
            found += [
                ("rule_per_send", "send", 0, adds, send, f"{rule}.per_send"),
                (
                    "rule_per_recipient_per_year",
                    "recipient",
                    year,
                    adds,
                    a_year,
                    f"{rule}.per_recipient_per_year",
                ),
            ]
        unseen, left = self.unseen(reading.settlements), reading.remaining - rules.keep
        found.append(("over_team_budget", "team", unseen, adds, left, ""))
        return [
            Limit(code, where, used, more, most, rule)
            for code, where, used, more, most, rule in found
            if most is not None
        ]

    def earlier(self, wish: Wish, now: datetime) -> list[Gift]:
        """What this person got, or may be getting: this very gift in a year, any in a day; latest first."""
        found = [
            (at, gift)
            for gift, at in self.ordered()
            if gift.wish.person.mailbox == wish.person.mailbox and gift.state in OPEN | {"confirmed"}
            if (gift.wish.item == wish.item and at >= now - timedelta(days=365))
            or at >= now - timedelta(hours=24)
        ]
        found.sort(key=lambda one: one[0], reverse=True)
        return [gift for _, gift in found[:EARLIER_GIFTS_NAMED]]

    def judge(self, wish: Wish, rules: Rules, reading: Reading, now: datetime) -> tuple[Reason, ...]:
        reasons = [
            Reason(
                "deny",
                limit.code,
                limit.rule,
                (limit.most, limit.used + limit.adds, max(0, limit.most - limit.used)),
            )
            for limit in self.limits(wish, rules, reading, now)
            if limit.used + limit.adds > limit.most
        ]
        cost = rules.held_for(wish.price)
        if cost > rules.ask_above or not rules.ask_above:
            reasons.append(Reason("ask", "person_must_approve"))
        if cost > rules.outside_above or not rules.outside_above:
            reasons.append(Reason("ask", "outside_chat_required"))
        if wish.key is None:
            reasons += [Reason("ask", "near_duplicate", str(gift.number)) for gift in self.earlier(wish, now)]
        return tuple(reasons)

    # What happens

    def under_key(self, wish: Wish) -> Gift | None:
        """The gift that a key stands for.

        Raises:
            Conflict: it stands for another wish.
        """
        if wish.key is None:
            return None
        same = [gift for gift in self.gifts if (gift.wish.who, gift.wish.key) == (wish.who, wish.key)]
        if any(gift.wish.arguments != wish.arguments for gift in same):
            raise Conflict
        return next((gift for gift in same if gift.state not in FREE), same[-1] if same else None)

    def standing(self, wish: Wish) -> Gift | None:
        """What there is of a wish: the gift under its key; without one, its open question."""
        if wish.key is not None:
            return self.under_key(wish)
        return next(
            (
                gift
                for gift in self.gifts
                if gift.state in ASKED and gift.wish.key is None
                if (gift.wish.who, gift.wish.arguments) == (wish.who, wish.arguments)
            ),
            None,
        )

    def ask(
        self, wish: Wish, rules: Rules, reasons: tuple[Reason, ...], now: datetime, *, answering: bool = False
    ) -> Gift:
        self.under_key(wish)
        for gift in self.gifts:
            if gift.state in ASKED and now >= gift.ends_at:
                gift.state = "expired"
        found = self.standing(wish)
        if found is not None and found.state not in FREE:
            if found.state not in ASKED:
                return found
            unchanged = (
                found.wish.facts == wish.facts and found.rules == rules and found.asks == asks_of(reasons)
            )
            # What waits for a person elsewhere is not asked anew while they look at it.
            elsewhere = found.state == "approved" or "outside_chat_required" in {one.code for one in reasons}
            recent = now - found.asked_at <= QUESTION_IS_RENEWED_AFTER
            if unchanged and (answering or elsewhere or recent):
                return found
            found.state = "expired"
        elif found is None and (declined := self.declined(wish, now)) is not None:
            return declined
        return self._write("awaiting_approval", wish, rules, reasons, now, now + QUESTION_LASTS)

    def deny(self, wish: Wish, rules: Rules, reasons: tuple[Reason, ...], now: datetime) -> Gift:
        found = self.standing(wish)
        if found is None or found.state in FREE:
            return self._write("denied", wish, rules, reasons, now, now)
        if found.state in ASKED:
            found.state = "denied"
        return found

    def declined(self, wish: Wish, now: datetime) -> Gift | None:
        """What somebody said no to a moment ago: without a key, they are not asked about it again yet."""
        found = [
            gift
            for gift in self.gifts
            if gift.declined_at is not None and abs(now - gift.declined_at) < NO_STANDS
            if (gift.wish.who, gift.wish.arguments) == (wish.who, wish.arguments)
            if gift.wish.key is None and wish.key is None
        ]
        return max(found, key=lambda gift: gift.declined_at or now, default=None)

    def decline(self, gift: Gift, now: datetime) -> Gift:
        if gift.state == "expired":
            # Whoever says no does not mean the old question only.
            gift = self.standing(gift.wish) or gift
        if gift.state in ASKED:
            gift.state, gift.declined_at = "declined", now
        return gift

    def decide(self, gift: Gift, now: datetime, *, yes: bool) -> bool:
        """A person's yes or no outside the chat, or their taking back of a yes; whether it counts."""
        counts = now < gift.ends_at and gift.state in ({"awaiting_approval"} if yes else ASKED)
        if counts:
            gift.state = "approved" if yes else "declined"
            gift.declined_at = None if yes else now
        return counts

    def dismiss(self, gift: Gift) -> Gift:
        if gift.state in ASKED:
            gift.state = "expired"
        return gift

    def order(
        self,
        token: str,
        wish: Wish,
        rules: Rules,
        reading: Reading,
        now: datetime,
        *,
        question: Gift | None = None,
        yes_to: tuple[object, ...] | None = None,
        in_chat: bool = True,
    ) -> Told:
        """By a process with a token of its own; `yes_to` are the facts that somebody said yes to."""
        for gift in self.gifts:
            if gift.token == token and gift.ordered_at is not None:
                if gift.state == "dispatching" and now - gift.ordered_at <= MAY_STILL_BE_GIVEN:
                    return Told("reserved", gift)
                # Whoever asks again has not given the order yet, and now never will.
                self.settle(gift, "not_sent", now)
                return Told("past", gift)
        found = question
        if question is None:
            found = self.under_key(wish)
            if found is not None and found.state in FREE:
                found = None
        if found is not None and found.state not in ASKED:
            return Told("past", found)
        if found is None and (refused := self.declined(wish, now)) is not None:
            return Told("past", refused)
        if found is not None and found.state == "approved" and yes_to is None:
            yes_to, in_chat = found.wish.facts, False
        reasons = self.judge(wish, rules, reading, now)
        effects = {reason.effect for reason in reasons}
        if "deny" in effects:
            if found is None:
                self.deny(wish, rules, reasons, now)
            else:
                found.state = "denied"
            return Told("refused", None, reasons)
        if yes_to is None and "ask" in effects:
            return Told("refused", None, reasons)
        if yes_to is not None:
            assert found is not None
            fits = (
                now < found.ends_at
                and yes_to == found.wish.facts == wish.facts
                and rules == found.rules
                and wish.who == found.wish.who
                and asks_of(reasons) <= found.asks
                and not (in_chat and any(reason.code == "outside_chat_required" for reason in reasons))
            )
            if not fits:
                found.state = "expired"
                return Told("refused", None, reasons, stale=True)
        if question is None and found is not None and yes_to is None:
            found.state = "expired"
            found = None
        limits = tuple(self.limits(wish, rules, reading, now))
        gift = found or self._write("dispatching", wish, rules, reasons, now, now)
        gift.state, gift.token, gift.ordered_at = "dispatching", token, now
        gift.held, gift.limits = rules.held_for(wish.price), limits
        return Told("reserved", gift)

    def settle(
        self, gift: Gift, state: str, now: datetime, *, send: str | None = None, cost: int | None = None
    ) -> None:
        """What came of an order. Whatever is known for certain already stays as it is."""
        if gift.state not in OPEN:
            return
        if state == "confirmed" and any(other.send == send for other in self.gifts if other is not gift):
            state = "unknown"  # no send can be two gifts
        if state == "unknown":
            if gift.state == "dispatching":
                gift.state = "unknown"
            return
        gift.state = state
        if state != "needs_review":
            self.settlements += 1
            gift.settlement = self.settlements
        if state == "confirmed":
            gift.send, gift.cost = send, cost or gift.held
            gift.over = self.passed(gift, now)

    def cancel(self, send: str) -> Gift | None:
        for gift in self.gifts:
            if gift.send == send:
                if gift.state == "confirmed":
                    self.settlements += 1
                    gift.state, gift.settlement = "cancelled", self.settlements
                return gift
        return None

    def passed(self, gift: Gift, now: datetime) -> frozenset[str]:
        """Of the limits that it was ordered under, those that are passed, if it cost more than was held."""
        assert gift.ordered_at is not None
        day, cost = gift.ordered_at.date(), gift.cost or 0
        if cost <= gift.held:
            return frozenset()
        stands = {
            "send": cost,
            "day": self.on_day(day),
            "month": self.in_month(day),
            "recipient": self.in_a_year(gift.wish.person.mailbox, now),
            "hour": 0,  # counts sends, and these do not cost more
        }
        return frozenset(
            limit.where
            for limit in gift.limits
            if stands.get(limit.where, limit.used + cost) > limit.most  # the team's: as it was seen then
        )

    def _write(
        self,
        state: str,
        wish: Wish,
        rules: Rules,
        reasons: tuple[Reason, ...],
        now: datetime,
        ends_at: datetime,
    ) -> Gift:
        gift = Gift(len(self.gifts), wish, rules, state, asks_of(reasons), now, ends_at)
        self.gifts.append(gift)
        return gift


def asks_of(reasons: Iterable[Reason]) -> frozenset[str]:
    """What a person has to know of before they say yes."""
    return frozenset(f"{reason.code}:{reason.about}" for reason in reasons if reason.effect == "ask")
