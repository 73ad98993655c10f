"""The ledger's side of an approval: what waits for a person, and what they decide."""

from __future__ import annotations

from datetime import datetime, timedelta

from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import cancelling, granting
from sendoso_mcp.spending.ledger.book import Book
from sendoso_mcp.spending.ledger.cancelling import Cancellation, Facts, Stage
from sendoso_mcp.spending.ledger.granting import Granted, Opened, Try
from sendoso_mcp.spending.ledger.ledger import Ledger
from sendoso_mcp.spending.ledger.records import Intent, load_one


class Decisions:
    """Decisions in a ledger. The methods block and raise as the ledger's do."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

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

    def open_cancellations(self) -> list[Cancellation]:
        """See `cancelling.open_cancellations`."""
        return self._ledger.read(cancelling.open_cancellations)

    def begin_try(self) -> Try:
        """See `granting.begin_try`."""
        return self._ledger.write("pin", granting.begin_try)

    def approve(self, question_id: str, seal: str, *, rung: str, approver: str) -> Granted:
        """A person's yes, after their PIN was found right."""

        def change(book: Book) -> Granted:
            granting.end_try(book)
            granted = granting.grant(book, question_id, seal, rung=rung, approver=approver)
            if granted is Granted.UNKNOWN:
                granted = cancelling.decide(book, question_id, seal, Stage.APPROVED, approver)
            return granted

        return self._ledger.write("approve", change)

    def reject(self, question_id: str, seal: str, actor: str) -> Granted:
        """A person's no, or their taking back of a yes that was not used."""

        def change(book: Book) -> Granted:
            granted = granting.reject(book, question_id, seal, actor)
            if granted is Granted.UNKNOWN:
                granted = cancelling.decide(book, question_id, seal, Stage.DECLINED, actor)
            return granted

        return self._ledger.write("reject", change)

    def end_try(self) -> None:
        """See `granting.end_try`."""
        self._ledger.write("pin", granting.end_try)

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
        return self._ledger.write("envelope", lambda book: granting.revoke_envelope(book, envelope_id, actor))

    def opened(self) -> list[Opened]:
        """See `granting.opened`."""
        return self._ledger.read(granting.opened)

    def ask_to_cancel(self, principal: str, send_id: str, facts: Facts, within: timedelta) -> Cancellation:
        """See `cancelling.ask_to_cancel`."""
        return self._ledger.write(
            "cancel", lambda book: cancelling.ask_to_cancel(book, principal, send_id, facts, within)
        )

    def answer_cancellation(self, question: Cancellation, *, yes: bool, actor: str) -> bool:
        """An answer in the chat: whether it was a yes that counts, which is used up with it."""

        def change(book: Book) -> bool:
            stage = Stage.APPROVED if yes else Stage.DECLINED
            given = cancelling.decide(book, question.id, question.seal, stage, actor) is Granted.DONE
            return given and yes and cancelling.use(book, question.id, question.seal, actor)

        return self._ledger.write("cancel", change)

    def use_cancellation(self, question: Cancellation, actor: str) -> bool:
        """See `cancelling.use`."""
        return self._ledger.write(
            "cancel", lambda book: cancelling.use(book, question.id, question.seal, actor)
        )
