"""The ledger: every wish, yes and order, durable before it is acted on, and right across processes.

The rules are in `asking` and `ordering`, the tables in `schema`. Here are transactions: opened when first
needed, made again if the database went away in the middle, which every rule is written to bear.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import asking, audit, ordering, settling
from sendoso_mcp.spending.ledger.book import Book, Wish
from sendoso_mcp.spending.ledger.database import IN_MEMORY, Database, Lost, WouldWait, file_of, opener
from sendoso_mcp.spending.ledger.records import Approval, Intent, load, load_one
from sendoso_mcp.spending.ledger.schema import MIGRATIONS, Migration
from sendoso_mcp.spending.ledger.states import OPEN, UNSETTLED, State
from sendoso_mcp.spending.ledger.usage import used
from sendoso_mcp.spending.ledger.versions import bring_up_to_date, check, make_tables
from sendoso_mcp.spending.limits import Bucket, Usage
from sendoso_mcp.spending.verdict import Verdict

T = TypeVar("T")

_PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 5.0)
"""Seconds to wait before each new try when the database went away; a restart takes a few."""


class Ledger:
    """A ledger at a URL. Its methods block; they may be called from any thread.

    Every method raises `LedgerUnavailable` if the database cannot be used, and `SettingsError` if it is not
    this version's or this account's.

    Args:
        url: see `database.opener`; nothing is opened before the first call.
        account: names the account at Sendoso that the sends are of. A ledger serves one account. None reads
            any.
        read_only: reads what is there: nothing is made, and nothing brought to this version.
        now: the current moment, aware.
        patience: seconds to wait before each new try.

    Raises:
        SettingsError: the URL cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        account: str | None,
        read_only: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: Iterable[float] = _PATIENCE,
        migrations: tuple[Migration, ...] = MIGRATIONS,
    ) -> None:
        if account is None and not read_only:
            raise ValueError("a ledger that is written belongs to an account")
        self._open = opener(url, read_only=read_only)
        self.in_memory = url == IN_MEMORY
        self.file = file_of(url)
        """The file that it is in; None if it is in memory or at a server."""
        self._read_only = read_only
        self._account = account
        self._now = now
        self._patience = tuple(patience)
        self._migrations = migrations
        self._database: Database | None = None
        self._opening = threading.Lock()

    def open(self) -> None:
        """Opens the database and brings its tables to this version. Idempotent; every method does it."""
        self._again(self._used)

    @property
    def account(self) -> str:
        """Whose sends it holds; for one that is only read it may not be known before it is opened."""
        return self._account or ""

    def close(self) -> None:
        """Closes the database. Idempotent."""
        with self._opening:
            if self._database is not None:
                self._database.close()
            self._database = None

    def position(self, *, wait: bool = True) -> int:
        """How far the ledger has come. What is settled later has a higher place."""
        return self.read(lambda book: book.position(), wait=wait)

    def start(
        self, principal: str, key: str | None, digest: str, *, wait: bool = True
    ) -> tuple[Intent | None, int]:
        """What a key stands for already (see `Book.with_key`), and how far the ledger has come: one look."""
        return self.read(lambda book: (book.with_key(principal, key, digest), book.position()), wait=wait)

    def judge(self, wish: Wish) -> Verdict:
        """Policy's verdict with what is used now."""
        return self.read(lambda book: asking.verdict_on(book, wish))

    def consider(
        self, wish: Wish, *, answering: bool = False, in_chat: bool = True
    ) -> tuple[Verdict, Intent | None]:
        """See `asking.consider`."""
        return self.write(
            "ask", lambda book: asking.consider(book, wish, answering=answering, in_chat=in_chat)
        )

    def used(self, buckets: Iterable[Bucket]) -> Usage:
        """What is used of these buckets now."""
        return self.read(lambda book: Usage(used(book.session, buckets)))

    def standing(self, buckets: Callable[[int], Iterable[Bucket]], *, wait: bool = True) -> tuple[int, Usage]:
        """How far the ledger has come, and what is used of the buckets that follow from it: one look."""

        def look(book: Book) -> tuple[int, Usage]:
            position = book.position()
            return position, Usage(used(book.session, buckets(position)))

        return self.read(look, wait=wait)

    def ask(self, wish: Wish, verdict: Verdict, *, answering: bool = False) -> Intent:
        """See `asking.ask`."""
        return self.write("ask", lambda book: asking.ask(book, wish, verdict, answering=answering))

    def deny(self, wish: Wish, verdict: Verdict) -> Intent:
        """See `asking.deny`."""
        return self.write("deny", lambda book: asking.deny(book, wish, verdict))

    def decline(self, intent_id: str | None, actor: str, wish: Wish | None = None) -> Intent:
        """See `asking.decline`."""
        return self.write("decline", lambda book: asking.decline(book, intent_id, actor, wish))

    def expire(self, intent_id: str, actor: str, reason: str, states: frozenset[State] = OPEN) -> Intent:
        """See `asking.expire`."""
        return self.write("expire", lambda book: asking.expire(book, intent_id, actor, reason, states))

    def defer(self, intent_id: str, reason: str) -> Intent:
        """See `asking.defer`."""
        return self.write("defer", lambda book: asking.defer(book, intent_id, reason))

    def reserve(
        self, wish: Wish, dispatch: ordering.Dispatch, *, question: str | None, approval: Approval | None
    ) -> ordering.Reserved | ordering.Past | ordering.Refusal:
        """See `ordering.reserve`."""
        return self.write(
            "reserve",
            lambda book: ordering.reserve(book, wish, dispatch, question=question, approval=approval),
        )

    def settle(self, intent_id: str, outcome: settling.Outcome) -> Intent:
        """See `settling.settle`."""
        return self.write("settle", lambda book: settling.settle(book, intent_id, outcome))

    def settle_order(self, token: str, outcome: settling.Outcome) -> None:
        """As `settle`, for the order with this token; nothing happens if none was written down."""

        def change(book: Book) -> None:
            for intent in load(book.session, "a.token = ?", token):
                settling.settle(book, intent.id, outcome)

        self.write("settle", change)

    def cancelled(self, send_id: str, actor: str) -> Intent | None:
        """See `settling.cancelled`."""
        return self.write("cancel", lambda book: settling.cancelled(book, send_id, actor))

    def intent(self, intent_id: str) -> Intent | None:
        """One intent."""
        return self.read(lambda book: load_one(book.session, intent_id))

    def known(self, intent_id: str) -> Intent:
        """An intent that is known to exist; `KeyError` if it does not."""
        return self.read(lambda book: book.intent(intent_id))

    def with_key(self, principal: str, key: str, digest: str) -> Intent | None:
        """See `Book.with_key`."""
        return self.read(lambda book: book.with_key(principal, key, digest))

    def unsettled(self) -> list[Intent]:
        """The intents whose order has no known end, oldest first."""
        states = ", ".join(f"'{state}'" for state in sorted(UNSETTLED))
        where = f"i.state IN ({states}) ORDER BY a.begun_at, i.id"
        return self.read(lambda book: load(book.session, where))

    def owned(self, send_ids: Iterable[str]) -> frozenset[str]:
        """Which of these sends an intent has."""
        sql, ids = "SELECT send_id FROM attempts WHERE send_id = ?", list(send_ids)
        return self.read(lambda book: frozenset(row[0] for one in ids for row in book.session.rows(sql, one)))

    def orphaned(self, intent: Intent) -> bool:
        """Whether nobody gives this intent's order any more: its process is gone, or its time is up."""
        attempt = intent.attempt
        if intent.state is not State.DISPATCHING or attempt is None:
            return False
        return self._now() > attempt.ended_by or not self._again(
            lambda: self._used().is_alive(attempt.instance)
        )

    def trail(self) -> Iterator[audit.Entry]:
        """The audit trail, oldest first."""
        return iter(self.read(lambda book: list(audit.entries(book.session))))

    def verify(self) -> tuple[int, str] | audit.Break:
        """See `audit.verify`."""

        def look(book: Book) -> tuple[int, str] | audit.Break:
            found = audit.verify(book.session)
            if isinstance(found, audit.Break):
                return found
            altered = self._used().altered(
                book.session, lambda session: make_tables(session, self._migrations)
            )
            if altered:
                return audit.Break("tables", f"{altered} is not as this version makes it")
            damage = self._used().damage(book.session)
            return audit.Break("file", damage) if damage else found

        return self.read(look)

    def writable(self) -> bool:
        """See `Database.writable`."""
        return self.read(lambda book: self._used().writable(book.session))

    def turn(self, per_second: int) -> float:
        """See `Database.turn`. Tried once: whoever waits for a turn has something better to do."""
        try:
            return self._used().turn(per_second)
        except Lost:
            raise LedgerUnavailable("its database cannot be reached") from None

    def turn_at_once(self, per_second: int) -> float | None:
        """See `Database.turn_at_once`: the one method that does not block."""
        database = self._database
        return None if database is None else database.turn_at_once(per_second)

    def now(self) -> datetime:
        """The current moment."""
        return self._now()

    def read(self, look: Callable[[Book], T], *, wait: bool = True) -> T:
        """What `look` finds in one state of the ledger. For this room only.

        Raises:
            WouldWait: `wait` is false, and it could take a while to find out.
        """

        def once() -> T:
            with self._used().read() as session:
                return look(Book(session, self._now()))

        if wait:
            return self._again(once)
        try:
            if self._database is not None:
                with self._database.read_at_once() as session:
                    return look(Book(session, self._now()))
        except (Lost, LedgerUnavailable) as error:
            raise WouldWait from error  # whoever waits tries again, and says what is wrong
        raise WouldWait

    def write(self, what: str, change: Callable[[Book], T]) -> T:
        """Makes a change that bears to be made again; `what` names it to `boundary`. For this room only."""

        def once() -> T:
            database = self._used()
            with database.write(what) as session:
                return change(Book(session, self._now(), database.instance))

        return self._again(once)

    def _again(self, once: Callable[[], T]) -> T:
        for pause in self._patience:
            with suppress(Lost):
                return once()
            time.sleep(pause)
        try:
            return once()
        except Lost:
            raise LedgerUnavailable("its database cannot be reached") from None

    def _used(self) -> Database:
        with self._opening:
            if self._database is None:
                database = self._open()
                try:
                    if self._read_only:
                        self._account = check(database, self._migrations, self._account)
                    else:
                        bring_up_to_date(database, self._migrations, self.account)
                except BaseException:
                    database.close()
                    raise
                self._database = database
            return self._database
