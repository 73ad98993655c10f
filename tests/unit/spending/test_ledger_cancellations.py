"""Cancelling a send, asked about as a gift is; and the deeds, which have this and the rest people did."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import pytest
from ledger_kit import Fragile, ask, envelope, refused_by_the_database, rows, transaction, wish
from ledgers import ACCOUNT, Clock

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.desk import Stand
from sendoso_mcp.spending.ledger import (
    DECLINED_FOR,
    Break,
    Cancellation,
    Decisions,
    Facts,
    Granted,
    Ledger,
    Stage,
    State,
)
from sendoso_mcp.spending.ledger.asking import MOST_OPEN

FACTS: Facts = (("To", "Ann Lee"), ("Gift", "Mug"), ("Status", "pending"))
SHIPPING: Facts = (("To", "Ann Lee"), ("Gift", "Mug"), ("Status", "processing"))
DAY = timedelta(hours=24)
OUTSIDE = "outside_chat"


@pytest.fixture
def decisions(ledger: Ledger) -> Decisions:
    """What people decide in `ledger`."""
    return Decisions(ledger)


def asked(
    decisions: Decisions, send_id: str = "send_1", facts: Facts = FACTS, who: str = "ann"
) -> Cancellation:
    return decisions.ask_to_cancel(who, send_id, facts, DAY)


def approve(decisions: Decisions, question: Cancellation, seal: str | None = None) -> Granted:
    return decisions.approve(question.id, seal or question.seal, rung=OUTSIDE, approver="bob")


def stage(decisions: Decisions, question: Cancellation) -> Stage:
    found = decisions.question(question.id)
    assert isinstance(found, Cancellation)
    return found.stage


def deeds(ledger: Ledger) -> list[tuple[str, str]]:
    """What was done by whom; the ledger is whole with it."""
    assert not isinstance(ledger.verify(), Break)
    return [
        (str(what), str(actor)) for what, actor in rows(ledger, "SELECT what, actor FROM deeds ORDER BY seq")
    ]


def test_a_yes_to_a_cancellation_is_used_once(ledger: Ledger, decisions: Decisions, clock: Clock) -> None:
    question = asked(decisions)
    assert (question.stage, question.facts, question.expires_at) == (Stage.AWAITING, FACTS, clock.now + DAY)
    assert decisions.use_cancellation(question, "ann") is False
    assert approve(decisions, question) is Granted.DONE
    again = asked(decisions)
    assert (again.id, again.stage) == (question.id, Stage.APPROVED)
    assert decisions.use_cancellation(again, "ann") is True
    assert decisions.use_cancellation(again, "ann") is False
    assert stage(decisions, question) is Stage.USED
    assert approve(decisions, question) is Granted.CLOSED
    assert deeds(ledger) == [
        ("cancellation_awaiting", "ann"),
        ("cancellation_approved", "bob"),
        ("cancellation_used", "ann"),
    ]
    assert asked(decisions).id != question.id


def test_a_question_about_other_facts_is_another_one(ledger: Ledger, decisions: Decisions) -> None:
    question = asked(decisions)
    approve(decisions, question)
    anew = asked(decisions, facts=SHIPPING)
    assert anew.id != question.id
    assert anew.stage is Stage.AWAITING
    assert stage(decisions, question) is Stage.EXPIRED
    assert decisions.use_cancellation(question, "ann") is False
    assert decisions.use_cancellation(anew, "ann") is False
    assert deeds(ledger)[2:] == [("cancellation_expired", "ledger"), ("cancellation_awaiting", "ann")]


def test_a_yes_is_to_the_facts_that_were_shown(decisions: Decisions) -> None:
    question, other = asked(decisions), asked(decisions, "send_2")
    assert approve(decisions, question, other.seal) is Granted.CHANGED
    assert decisions.reject(question.id, other.seal, "bob") is Granted.CHANGED
    assert stage(decisions, question) is Stage.AWAITING


def test_sends_and_people_are_asked_about_apart(decisions: Decisions) -> None:
    questions = [asked(decisions), asked(decisions, "send_2"), asked(decisions, who="ben")]
    assert len({question.id for question in questions}) == len({one.seal for one in questions}) == 3
    approve(decisions, questions[0])
    assert [asked(decisions, who="ben").stage, asked(decisions, "send_2").stage] == [Stage.AWAITING] * 2


def test_nobody_asks_to_cancel_more_than_a_person_would_read(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    first, second, *_ = [asked(decisions, f"send_{number}") for number in range(MOST_OPEN)]
    done = len(deeds(ledger))
    with pytest.raises(BadArgument, match="50 questions about cancelling"):
        asked(decisions, "one more")
    assert len(deeds(ledger)) == done
    assert asked(decisions, "send_0").id == first.id
    # One whose facts have changed takes the place of its own, and gifts are counted apart.
    assert asked(decisions, "send_1", SHIPPING).id != second.id
    assert asked(decisions, "one more", who="ben").stage is Stage.AWAITING
    assert ask(ledger, wish()).state is State.AWAITING_APPROVAL
    approve(decisions, first)
    with pytest.raises(BadArgument, match="50 questions about cancelling"):
        asked(decisions, "one more")
    decisions.reject(first.id, first.seal, "bob")
    assert asked(decisions, "one more").stage is Stage.AWAITING
    clock.now += DAY
    assert asked(decisions, "another day").stage is Stage.AWAITING


def test_a_no_to_a_cancellation_is_the_end_of_it(ledger: Ledger, decisions: Decisions) -> None:
    question = asked(decisions)
    assert decisions.reject(question.id, question.seal, "bob") is Granted.DONE
    assert approve(decisions, question) is Granted.CLOSED
    assert decisions.reject(question.id, question.seal, "bob") is Granted.CLOSED
    assert decisions.use_cancellation(question, "ann") is False
    assert deeds(ledger)[1:] == [("cancellation_declined", "bob")]


@pytest.mark.parametrize("how", ["in the chat", "outside it", "taken back"])
def test_a_no_to_a_cancellation_stands_for_a_while(decisions: Decisions, clock: Clock, how: str) -> None:
    question = asked(decisions)
    clock.go(minutes=3)
    if how == "taken back":
        approve(decisions, question)
    if how == "in the chat":
        decisions.answer_cancellation(question, yes=False, actor="ann in the chat")
    else:
        decisions.reject(question.id, question.seal, "bob")
    said = clock.now
    clock.now += DECLINED_FOR - timedelta(microseconds=1)
    # What has changed since makes it no other send.
    for again in (asked(decisions), asked(decisions, facts=SHIPPING)):
        assert (again.id, again.stage, again.declined_at) == (question.id, Stage.DECLINED, said)
        assert decisions.answer_cancellation(again, yes=True, actor="ann in the chat") is False
    for other in (asked(decisions, "send_2"), asked(decisions, who="eve")):
        assert (other.stage, other.declined_at) == (Stage.AWAITING, None)
    clock.go(microseconds=1)
    assert asked(decisions).stage is Stage.AWAITING


def test_a_no_of_a_clock_that_ran_ahead_keeps_no_send(decisions: Decisions, clock: Clock) -> None:
    clock.go(days=300)
    decisions.answer_cancellation(asked(decisions), yes=False, actor="ann")
    clock.go(days=-300)
    assert asked(decisions).stage is Stage.AWAITING


def test_a_no_to_a_question_whose_facts_changed_is_a_no_to_what_replaced_it(decisions: Decisions) -> None:
    question = asked(decisions)
    anew = asked(decisions, facts=SHIPPING)
    assert decisions.answer_cancellation(question, yes=False, actor="ann") is False
    assert stage(decisions, anew) is Stage.DECLINED


def test_a_no_is_taken_where_somebody_was_asked(decisions: Decisions) -> None:
    assert decisions.keep_send("ann", "send_1", "ann in the chat") is False
    question, other = asked(decisions), asked(decisions, who="eve")
    approve(decisions, question)
    # Twice, as when the database's answer to the first is lost.
    assert [decisions.keep_send("ann", "send_1", "ann in the chat") for _ in range(2)] == [True, True]
    assert stage(decisions, question) is Stage.DECLINED
    assert stage(decisions, other) is Stage.AWAITING


def test_a_question_that_was_closed_is_no_no(decisions: Decisions) -> None:
    question = asked(decisions)
    assert decisions.dismiss_cancellation(question, "ann") is True
    assert stage(decisions, question) is Stage.EXPIRED
    anew = asked(decisions)
    assert (anew.id != question.id, anew.stage) == (True, Stage.AWAITING)
    approve(decisions, anew)
    assert decisions.dismiss_cancellation(anew, "ann") is False
    assert stage(decisions, anew) is Stage.APPROVED


def test_a_yes_to_a_cancellation_can_be_taken_back(decisions: Decisions) -> None:
    question = asked(decisions)
    approve(decisions, question)
    assert approve(decisions, question) is Granted.CLOSED
    assert decisions.reject(question.id, question.seal, "cleo") is Granted.DONE
    assert decisions.use_cancellation(question, "ann") is False
    assert stage(decisions, question) is Stage.DECLINED


@pytest.mark.parametrize("approved", [False, True])
def test_nobody_decides_about_a_cancellation_when_its_time_is_up(
    decisions: Decisions, clock: Clock, approved: bool
) -> None:
    question = asked(decisions)
    clock.go(hours=24, microseconds=-1)
    if approved:
        assert approve(decisions, question) is Granted.DONE
    assert [one.id for one in decisions.open_cancellations()] == [question.id]
    clock.go(microseconds=1)
    assert decisions.open_cancellations() == []
    assert approve(decisions, question) is Granted.CLOSED
    assert decisions.reject(question.id, question.seal, "bob") is Granted.CLOSED
    assert decisions.use_cancellation(question, "ann") is False
    anew = asked(decisions)
    assert anew.id != question.id
    assert stage(decisions, question) is Stage.EXPIRED


@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_in_the_chat_counts_once(ledger: Ledger, decisions: Decisions, yes: bool) -> None:
    question = asked(decisions)
    assert decisions.answer_cancellation(question, yes=yes, actor="ann in the chat") is yes
    assert decisions.answer_cancellation(question, yes=True, actor="ann in the chat") is False
    assert stage(decisions, question) is (Stage.USED if yes else Stage.DECLINED)
    assert {actor for _, actor in deeds(ledger)[1:]} == {"ann in the chat"}


def test_an_answer_that_did_not_count_is_remembered_with_its_question(
    ledger: Ledger, decisions: Decisions
) -> None:
    question, other = asked(decisions), asked(decisions, "send_2")
    assert not asked(decisions).answer_ignored
    for _ in range(2):
        decisions.defer_cancellation(question)
    again = asked(decisions)
    assert (again.id, again.seal, again.stage) == (question.id, question.seal, Stage.AWAITING)
    assert again.answer_ignored
    assert not asked(decisions, "send_2").answer_ignored
    assert deeds(ledger)[2:] == [("answer_ignored", "ledger")]
    # Outside the chat it can be answered still; and once its facts have changed it is another question.
    assert approve(decisions, again) is Granted.DONE
    assert not asked(decisions, facts=SHIPPING).answer_ignored
    assert stage(decisions, other) is Stage.AWAITING


def test_a_no_in_the_chat_takes_a_yes_from_outside_back(decisions: Decisions) -> None:
    question = asked(decisions)
    approve(decisions, question)
    assert decisions.answer_cancellation(question, yes=False, actor="ann") is False
    assert stage(decisions, question) is Stage.DECLINED


def test_the_database_itself_refuses_a_second_open_question(ledger: Ledger, decisions: Decisions) -> None:
    question = asked(decisions)
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute(
            "INSERT INTO cancellations "
            "SELECT 'eve', principal, send_id, facts, 'approved', asked_at, expires_at "
            "FROM cancellations WHERE id = ?",
            question.id,
        )
    with refused_by_the_database(), transaction(ledger) as session:
        session.execute("UPDATE cancellations SET state = 'cancelled' WHERE id = ?", question.id)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_of_the_database_decides_a_cancellation_once(
    ledger: Ledger, decisions: Decisions, lost: str
) -> None:
    fragile = Fragile.of(ledger)
    fragile.lose = [lost]
    question = asked(decisions)
    fragile.lose = [lost]
    assert approve(decisions, question) is Granted.DONE
    fragile.lose = [lost]
    assert decisions.use_cancellation(question, "ann") is True
    assert decisions.use_cancellation(question, "ann") is False
    in_chat = asked(decisions, "send_2")
    fragile.lose = [lost]
    assert decisions.answer_cancellation(in_chat, yes=True, actor="ann") is True
    refused = asked(decisions, "send_3")
    fragile.lose = [lost]
    assert decisions.answer_cancellation(refused, yes=False, actor="ann") is False
    assert len(deeds(ledger)) == 3 + 3 + 2


def test_of_calls_at_the_same_time_one_uses_the_yes(shared_url: str, clock: Clock) -> None:
    callers = 3
    with closing(Ledger(shared_url, account=ACCOUNT, now=clock)) as first:
        question = asked(Decisions(first))
        approve(Decisions(first), question)
        found, start = list[bool](), threading.Barrier(callers)

        def call() -> None:
            with closing(Ledger(shared_url, account=ACCOUNT, now=clock)) as own:
                own.open()
                start.wait(10)
                found.append(Decisions(own).use_cancellation(question, "ann"))

        threads = [threading.Thread(target=call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [False, False, True]
        assert len(deeds(first)) == 3


@pytest.mark.anyio
async def test_both_kinds_of_questions_wait_at_one_desk_the_oldest_first(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    desk = Approvals(ledger)
    first = asked(decisions)
    clock.go(seconds=1)
    second = ask(ledger, wish())
    clock.go(seconds=1)
    third = asked(decisions, "send_2")
    assert [one.id for one in await desk.waiting()] == [first.id, second.id, third.id]
    told = await desk.question(first.id)
    assert told is not None
    assert (told.stand, told.lines, told.price, told.seal) == (Stand.WAITING, FACTS, None, first.seal)
    approve(decisions, first)
    decisions.reject(third.id, third.seal, "bob")
    assert [(one.id, one.stand) for one in await desk.waiting()] == [
        (first.id, Stand.APPROVED),
        (second.id, Stand.WAITING),
    ]
    closed = await desk.question(third.id)
    assert closed is not None
    assert (closed.stand, closed.ended_as) == (Stand.CLOSED, "declined")
    assert await desk.question("nothing") is None


# The deeds: each change behind their back is found, and where it is.


def filled(ledger: Ledger) -> None:
    """Five deeds: a PIN, an envelope opened and revoked, a cancellation asked about and allowed."""
    decisions = Decisions(ledger)
    decisions.set_pin("a hash", "ann")
    opened = envelope(ledger.now())
    decisions.open_envelope(opened)
    decisions.revoke_envelope(opened.id, "bob")
    approve(decisions, asked(decisions))
    assert len(deeds(ledger)) == 5


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE deeds SET at = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET actor = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET what = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET subject = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET document = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET ends_at = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET hash = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET previous = 'other' WHERE seq = 3", "content of row 3"),
        ("UPDATE deeds SET seq = 9 WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM deeds WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM deeds WHERE seq = 5", "does not end at row 4"),
        ("UPDATE chain SET deeds = 4", "does not end at row 5"),
        ("UPDATE chain SET deeds_hash = 'other'", "does not end at row 5"),
        ("UPDATE cancellations SET state = 'used'", "is not what was done to it"),
        ("UPDATE cancellations SET facts = '[]'", "is not what was done to it"),
        ("UPDATE cancellations SET principal = 'eve'", "is not what was done to it"),
        ("UPDATE cancellations SET expires_at = '2099'", "is not what was done to it"),
        ("UPDATE cancellations SET id = 'eve'", "is not what was done to it"),
        ("DELETE FROM cancellations", "is not what was done to it"),
        ("UPDATE approver SET pin_hash = 'eve'", "PIN is not the one"),
        ("DELETE FROM approver", "PIN is not the one"),
    ],
)
def test_a_change_behind_the_deeds_back_is_found(memory_ledger: Ledger, change: str, what: str) -> None:
    filled(memory_ledger)
    with transaction(memory_ledger) as session:
        session.execute(change)
    broken = memory_ledger.verify()
    assert isinstance(broken, Break)
    assert broken.where == "deeds"
    assert what in broken.what


def test_a_deed_with_the_right_hash_for_itself_does_not_follow_the_one_before(memory_ledger: Ledger) -> None:
    filled(memory_ledger)
    other = Ledger("sqlite://", account=ACCOUNT)
    Decisions(other).set_pin("a hash", "eve")
    (row,) = rows(other, "SELECT * FROM deeds")
    other.close()
    with transaction(memory_ledger) as session:
        session.execute("DELETE FROM deeds WHERE seq = 1")
        session.execute("INSERT INTO deeds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
    broken = memory_ledger.verify()
    assert isinstance(broken, Break)
    assert broken.what == "row 2 does not follow the row before it"


def test_a_yes_in_the_chat_counts_no_more_once_another_answer_did_not(decisions: Decisions) -> None:
    """Two forms of one question: it is a person's outside the chat by then, and a no counts all the same."""
    question = asked(decisions)
    decisions.defer_cancellation(question)
    assert decisions.answer_cancellation(question, yes=True, actor="ann") is False
    assert stage(decisions, question) is Stage.AWAITING
    assert decisions.answer_cancellation(question, yes=False, actor="ann") is False
    assert stage(decisions, question) is Stage.DECLINED
