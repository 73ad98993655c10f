"""The ledger's side of an approval: what waits for a person, and what they decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import cancelling, granting
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.cancelling import Cancellation, Facts, Stage
from sendoso_mcp.spending.ledger.deeds import ANSWER_IGNORED, CANCELLATION, Deed, all_deeds
from sendoso_mcp.spending.ledger.granting import Door, Granted, Opened, Try
from sendoso_mcp.spending.ledger.ledger import Ledger
from sendoso_mcp.spending.ledger.records import Intent, load_one, to_text

T = TypeVar("T")


class Decisions:
    """Decisions in a ledger. The methods block and raise as the ledger's do."""

    def __init__(self, ledger: Ledger, door: Door = Door.PAGE) -> None:
        self._ledger = ledger
        self._door = door

    def now(self) -> datetime:
        """The current moment."""
        return self._ledger.now()

    def waiting(self, principal: str | None = None) -> list[Intent]:
        """See `granting.waiting`."""
        return self._ledger.read(lambda book: granting.waiting(book, principal))

    def question(self, question_id: str) -> Intent | Cancellation | None:
        """A question about a send, or about cancelling one."""

        def look(book: Book) -> Intent | Cancellation | None:
            return load_one(book.session, question_id) or cancelling.cancellation(book, question_id)

        return self._ledger.read(look)

    def deeds(self) -> list[tuple[Deed, Cancellation | None]]:
        """What people did that is about no intent, oldest first, each with the cancellation that it is about.

        Raises:
            LedgerUnavailable: a row cannot be read.
        """

        def look(book: Book) -> list[tuple[Deed, Cancellation | None]]:
            try:
                return [(deed, self._cancellation_of(book, deed)) for deed in all_deeds(book.session)]
            except (ValueError, TypeError, LookupError) as error:
                # Somebody wrote a row that none of ours could be; where, `verify` says with certainty.
                raise LedgerUnavailable("a deed in it cannot be read") from error

        return self._ledger.read(look)

    @staticmethod
    def _cancellation_of(book: Book, deed: Deed) -> Cancellation | None:
        is_about_one = deed.what == ANSWER_IGNORED or deed.what.startswith(CANCELLATION)
        return cancelling.cancellation(book, deed.subject) if is_about_one else None

    def open_cancellations(self) -> list[Cancellation]:
        """See `cancelling.open_cancellations`."""
        return self._ledger.read(cancelling.open_cancellations)

    def begin_try(self) -> Try:
        """See `granting.begin_try`."""
        return self._ledger.write("pin", lambda book: granting.begin_try(book, self._door))

    def approve(self, question_id: str, seal: str, *, rung: str, approver: str) -> Granted:
        """A person's yes, after their PIN was found right."""

        def change(book: Book) -> Granted:
            granting.end_try(book, self._door)
            granted = granting.grant(book, question_id, seal, rung=rung, approver=approver)
            if granted is Granted.UNKNOWN:
                granted = cancelling.decide(book, question_id, seal, Stage.APPROVED, approver)
            return granted

        return self._once("approve", question_id, approver, change, Granted.DONE)

    def reject(self, question_id: str, seal: str, actor: str) -> Granted:
        """A person's no, or their taking back of a yes that was not used."""

        def change(book: Book) -> Granted:
            granted = granting.reject(book, question_id, seal, actor)
            if granted is Granted.UNKNOWN:
                granted = cancelling.decide(book, question_id, seal, Stage.DECLINED, actor)
            return granted

        return self._once("reject", question_id, actor, change, Granted.DONE)

    def end_try(self) -> None:
        """See `granting.end_try`."""
        self._ledger.write("pin", lambda book: granting.end_try(book, self._door))

    def has_pin(self) -> bool:
        """See `granting.has_pin`."""
        return self._ledger.read(granting.has_pin)

    def set_pin(self, pin_hash: str, actor: str) -> None:
        """See `granting.set_pin`."""
        self._ledger.write("pin", lambda book: granting.set_pin(book, pin_hash, actor))

    def set_first_pin(self, pin_hash: str, actor: str) -> bool:
        """As `set_pin`, unless somebody set one before; whether it was set."""

        def change(book: Book) -> bool:
            if granting.has_pin(book):
                return False
            granting.set_pin(book, pin_hash, actor)
            return True

        return self._ledger.write("pin", change)

    def open_envelope(self, envelope: Envelope) -> None:
        """See `granting.open_envelope`."""
        self._ledger.write("envelope", lambda book: granting.open_envelope(book, envelope))

    def revoke_envelope(self, envelope_id: str, actor: str) -> bool:
        """See `granting.revoke_envelope`."""

        def change(book: Book) -> bool:
            return granting.revoke_envelope(book, envelope_id, actor)

        return self._once("envelope", envelope_id, actor, change, True)

    def recipient_made(self, person: str, actor: str) -> None:
        """See `granting.recipient_made`."""
        self._ledger.write("recipient", lambda book: granting.recipient_made(book, person, actor))

    def opened(self) -> list[Opened]:
        """See `granting.opened`."""
        return self._ledger.read(granting.opened)

    def ask_to_cancel(self, principal: str, send_id: str, facts: Facts, within: timedelta) -> Cancellation:
        """See `cancelling.ask_to_cancel`."""
        return self._ledger.write(
            "cancel", lambda book: cancelling.ask_to_cancel(book, principal, send_id, facts, within)
        )

    def defer_cancellation(self, question: Cancellation) -> None:
        """See `cancelling.defer`."""
        self._ledger.write("cancel", lambda book: cancelling.defer(book, question.id))

    def keep_send(self, principal: str, send_id: str, actor: str) -> bool:
        """See `cancelling.keep`."""

        def change(book: Book) -> bool:
            return cancelling.keep(book, principal, send_id, actor)

        return self._ledger.write("cancel", change)

    def dismiss_cancellation(self, question: Cancellation, actor: str) -> bool:
        """See `cancelling.dismiss`."""
        return self._ledger.write("cancel", lambda book: cancelling.dismiss(book, question.id, actor))

    def answer_cancellation(self, question: Cancellation, *, yes: bool, actor: str) -> bool:
        """An answer in the chat: whether it was a yes that counts, which is used up with it."""

        def change(book: Book) -> bool:
            return cancelling.answer(book, question, yes=yes, actor=actor)

        return self._once("cancel", question.id, actor, change, yes)

    def use_cancellation(self, question: Cancellation, actor: str) -> bool:
        """See `cancelling.use`."""

        def change(book: Book) -> bool:
            return cancelling.use(book, question.id, question.seal, actor)

        return self._once("cancel", question.id, actor, change, True)

    def _once(self, what: str, subject: str, actor: str, change: Callable[[Book], T], done: T) -> T:
        """Decides, and says `done` of a decision whose commit arrived when its answer did not.

        Made again, it would be too late for a question that it closed itself.
        """
        tried: list[tuple[str, int, int]] = []

        def once(book: Book) -> T:
            if any(_written(book, subject, actor, before) for before in tried):
                return done
            ((seq, other),) = book.session.rows("SELECT seq, deeds FROM chain WHERE id = 1")
            tried.append((to_text(book.now), seq, other))
            return change(book)

        return self._ledger.write(what, once)


def _written(book: Book, subject: str, actor: str, before: tuple[str, int, int]) -> bool:
    """Whether, since both chains stood there, somebody did something to this at this very moment."""
    at, seq, other = before
    trail = "SELECT 1 FROM audit WHERE intent_id = ? AND actor = ? AND at = ? AND seq > ?"
    deeds = "SELECT 1 FROM deeds WHERE subject = ? AND actor = ? AND at = ? AND seq > ?"
    return any(
        book.session.rows(sql, subject, actor, at, after) for sql, after in ((trail, seq), (deeds, other))
    )
