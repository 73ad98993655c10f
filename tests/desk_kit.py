"""A desk in memory, with its PIN, its delay and its clock in the hands of a test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sendoso_mcp.spending.desk import Decision, Question, Ruling, Stand

PIN = "4711"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MUG = Question(
    id="3f2a9c01b2d4",
    stand=Stand.WAITING,
    lines=(
        ("To", "Sarah Johnson <sarah.johnson@acme.example>"),
        ("Company", "Acme"),
        ("Gift", "Stoneware Mug Set (physical)"),
        ("Shipped to", "12 Harbour Street, Portland, ME 04101, US"),
        ("Message", "Thank you for a wonderful first year, Sarah.\nYours, the whole team"),
        ("Team budget", "4,210.00 USD left, 4,176.00 USD after this gift"),
    ),
    why=("Over 25.00 USD a form in the chat is not enough: a person must approve outside the chat.",),
    price=Decimal(34),
    asked_by="local:dana in Claude Desktop",
    asked_at=NOON,
    expires_at=NOON + timedelta(hours=24),
    seal="seal-of-the-mug",
)


@dataclass
class FakeDesk:
    """Rules as a desk must, over questions in a dictionary; `wait` is the delay after the next wrong PIN."""

    questions: dict[str, Question] = field(default_factory=lambda: {MUG.id: MUG})
    pin: str | None = PIN
    wait: float = 0.0
    time: datetime = NOON
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    """Every answer that came this far: what, to which question, from whom."""
    fault: Exception | None = None
    _next_try: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def change(self, question_id: str = MUG.id, **facts: object) -> None:
        self.questions[question_id] = replace(self.questions[question_id], **facts)  # type: ignore[arg-type]

    def stand(self, question_id: str = MUG.id) -> Stand:
        return self.questions[question_id].stand

    async def waiting(self) -> list[Question]:
        self._fail()
        return [one for one in self.questions.values() if one.stand is Stand.WAITING]

    async def question(self, question_id: str) -> Question | None:
        self._fail()
        return self.questions.get(question_id)

    async def approve(self, question_id: str, *, seal: str, pin: str, approver: str) -> Decision:
        self._fail()
        self.heard.append(("approve", question_id, approver))
        question = self.questions.get(question_id)
        if question is None:
            return Decision(Ruling.UNKNOWN)
        if self.pin is None:
            return Decision(Ruling.NO_PIN_SET)
        if self.time < self._next_try:
            return Decision(Ruling.TOO_SOON, (self._next_try - self.time).total_seconds())
        if pin != self.pin:
            self._next_try = self.time + timedelta(seconds=self.wait)
            return Decision(Ruling.WRONG_PIN, self.wait)
        if question.stand is not Stand.WAITING or question.expires_at <= self.time:
            return Decision(Ruling.CLOSED)
        return self._settle(question, seal, Stand.APPROVED, "")

    async def reject(self, question_id: str, *, seal: str, approver: str) -> Decision:
        self._fail()
        self.heard.append(("reject", question_id, approver))
        question = self.questions.get(question_id)
        if question is None:
            return Decision(Ruling.UNKNOWN)
        if question.stand is Stand.CLOSED or question.expires_at <= self.time:
            return Decision(Ruling.CLOSED)
        return self._settle(question, seal, Stand.CLOSED, "declined")

    def _settle(self, question: Question, seal: str, stand: Stand, ended_as: str) -> Decision:
        if seal != question.seal:
            return Decision(Ruling.CHANGED)
        self.questions[question.id] = replace(question, stand=stand, ended_as=ended_as)
        return Decision(Ruling.DONE)

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault
