"""The approver's PIN: kept as a hash, and each try at it counted before it is looked at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ledger_kit import Fragile, ask, rows, wish
from ledgers import ACCOUNT, Clock

from sendoso_mcp.spending import pin as pins
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.desk import Decision, Ruling
from sendoso_mcp.spending.ledger import Break, Decisions, Door, Ledger, State
from sendoso_mcp.spending.ledger.granting import Try
from sendoso_mcp.spending.pin import check_pin, hash_pin, is_pin

PIN, OTHER = "271-828", "314-159"
HASH = hash_pin(PIN)
SENTENCE = "nobody tries sixty-four letters such as these before they sleep."
QUARTER = 15 * 60.0


@pytest.fixture
def decisions(ledger: Ledger) -> Decisions:
    """What people decide in `ledger`."""
    return Decisions(ledger)


# The hash


@pytest.mark.parametrize(
    "wrong", ["", "271-829", "271828", "271-828 9", "271-82", "x" * 10_000, "\ud800-271-8"]
)
def test_a_hash_is_that_of_its_pin_alone(wrong: str) -> None:
    assert is_pin(PIN, HASH)
    assert not is_pin(wrong, HASH)


def test_a_pin_is_the_same_from_every_keyboard() -> None:
    assert is_pin(" 271-828\n", HASH)
    assert is_pin("\uff12\uff17\uff11-\uff18\uff12\uff18", HASH)
    assert is_pin("cafe\u0301-au-lait", hash_pin("caf\u00e9-au-lait"))


def test_a_hash_has_nothing_of_the_pin_in_it_and_a_salt_of_its_own() -> None:
    again = hash_pin(PIN)
    assert again != HASH
    assert PIN not in HASH
    salt, derived = HASH.split("$")[-2:]
    assert (len(salt), len(derived)) == (32, 64)


@pytest.mark.parametrize(
    "bad",
    [
        *("", "scrypt", "a hash", "$$$$$", "scrypt$x$8$1$00$00", "scrypt$32768$8$1$zz$00"),
        *("scrypt$-1$8$1$00$00", "scrypt$99999999999999$8$1$00$00"),
    ],
)
def test_what_is_no_hash_is_that_of_no_pin(bad: str) -> None:
    assert not is_pin(PIN, bad)


def test_a_hash_of_another_kind_is_that_of_no_pin() -> None:
    assert not is_pin(PIN, HASH.replace("scrypt", "plain"))
    cheaper = HASH.replace(f"${pins._COST}$", f"${pins._COST // 2}$")
    assert not is_pin(PIN, cheaper)


@pytest.mark.parametrize("bad", ["", "12345", " 12345 ", "x" * 65])
def test_a_pin_that_is_too_short_or_too_long_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^A PIN has 6 to 64"):
        check_pin(bad)


@pytest.mark.parametrize(
    "bad",
    [
        *(
            "000000",
            "123456",
            "1,2,3,4,5,6",
            "7 3 9 2",
            "7-3-9-2",
            "84 15 2",
            "9,0,4,1,6",
            "73::92",
            "987654",
            "abcdef",
            "13579135",
            "135791",
            "024680",
            "036925",
            "acegik",
        ),  # steps
        *("678901", "12-34-56", "ABCDEF", "\uff11\uff12\uff13\uff14\uff15\uff16", "!?!?!?!?", "------"),
        *("121212", "123123", "1212121", "27182718", "x2" * 32, "horse horse", "blablab"),  # again and again
        *("112233", "11223344", "aabbccdd", "111222333444", "xxxxxy", "271271", "110110"),  # few
        *(
            "147258",
            "258369",
            "147852",
            "159753",
            "789456",
            "741852963",
            "2580147",
            "369258",
            "123789",
        ),  # keys
        *("qwerty", "qweasd", "asdfgh", "1qaz2wsx", "qazwsx", "abc123", "qwe123", "123qwe", "azerty"),
        *("19901991", "20252026", "1990-2025", "200020012002"),  # years
    ],
)
def test_a_pin_that_anybody_would_try_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^That PIN is the first .* Choose one without a pattern") as caught:
        check_pin(bad)
    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    "good",
    [
        *(PIN, OTHER, "135790", "271828", "p\u00e4sse1", "correct horse battery staple", SENTENCE),
        *("904163", "358201", "19904163", "x1990y", "1234x6", "!?#+=%", "qwertx", "147259"),
    ],
)
def test_a_pin_of_ones_own_is_taken(good: str) -> None:
    check_pin(good)


# The tries


def test_only_the_hash_is_in_the_ledger(ledger: Ledger, decisions: Decisions) -> None:
    assert not decisions.has_pin()
    decisions.set_pin(HASH, "bob")
    assert decisions.has_pin()
    assert rows(ledger, "SELECT id, pin_hash, failures FROM approver") == [(1, HASH, 0)]
    ((actor, what, subject, document),) = rows(ledger, "SELECT actor, what, subject, document FROM deeds")
    assert (actor, what, subject) == ("bob", "pin_set", "")
    # Not even the hash, which a reader of the deeds could guess against.
    assert document not in (PIN, HASH)
    assert not isinstance(ledger.verify(), Break)


def test_without_a_pin_no_try_counts(decisions: Decisions) -> None:
    assert decisions.begin_try() == decisions.begin_try() == Try()


def test_each_wrong_try_makes_the_next_wait_longer(decisions: Decisions, clock: Clock) -> None:
    decisions.set_pin(HASH, "bob")
    waits = []
    for _ in range(14):
        tried = decisions.begin_try()
        assert tried.pin_hash == HASH
        waits.append(tried.wait)
        clock.go(seconds=tried.wait)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, QUARTER, QUARTER, QUARTER, QUARTER]


def test_a_clock_that_ran_ahead_does_not_lock_the_approver_out(decisions: Decisions, clock: Clock) -> None:
    decisions.set_pin(HASH, "bob")
    clock.go(days=30)
    assert decisions.begin_try() == Try(HASH, 1)
    clock.go(days=-30)
    assert decisions.begin_try() == Try(HASH, 2)
    assert decisions.begin_try() == Try(wait=2)


def test_a_thousand_wrong_tries_are_still_counted(ledger: Ledger, decisions: Decisions, clock: Clock) -> None:
    decisions.set_pin(HASH, "bob")
    with ledger._used().write("test") as session:
        session.execute("UPDATE approver SET failures = 1000000000")
    assert decisions.begin_try() == Try(HASH, QUARTER)
    clock.go(seconds=QUARTER)
    assert decisions.begin_try() == Try(HASH, QUARTER)


def test_a_try_is_counted_before_it_is_looked_at(ledger: Ledger, decisions: Decisions, clock: Clock) -> None:
    """Whoever kills the process between the look and the answer has used the try up."""
    decisions.set_pin(HASH, "bob")
    assert decisions.begin_try().pin_hash == HASH
    assert rows(ledger, "SELECT failures FROM approver") == [(1,)]
    assert decisions.begin_try() == Try(wait=1.0)
    clock.go(seconds=0.75)
    assert decisions.begin_try() == Try(wait=0.25)
    # A try that came too soon is not looked at, and makes nobody wait longer.
    assert rows(ledger, "SELECT failures FROM approver") == [(1,)]
    clock.go(seconds=0.25)
    assert decisions.begin_try() == Try(HASH, 2.0)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_try_of_which_the_answer_was_lost_is_not_free(
    ledger: Ledger, decisions: Decisions, lost: str
) -> None:
    decisions.set_pin(HASH, "bob")
    fragile = Fragile.of(ledger)
    fragile.lose = [lost]
    tried = decisions.begin_try()
    assert rows(ledger, "SELECT failures FROM approver") == [(1,)]
    assert (tried.pin_hash == HASH) is (lost == "before")


@contextmanager
def together(url: str, clock: Clock, count: int) -> Iterator[list[Decisions]]:
    """Processes that share a ledger."""
    ledgers = [Ledger(url, account=ACCOUNT, now=clock) for _ in range(count)]
    try:
        for ledger in ledgers:
            ledger.open()
        yield [Decisions(ledger) for ledger in ledgers]
    finally:
        for ledger in ledgers:
            ledger.close()


def test_of_tries_at_the_same_time_one_counts(shared_url: str, clock: Clock) -> None:
    with together(shared_url, clock, 3) as people:
        people[0].set_pin(HASH, "bob")
        for failures in range(3):
            found, start = list[Try](), threading.Barrier(len(people))

            def attempt(one: Decisions, found: list[Try] = found, start: threading.Barrier = start) -> None:
                start.wait(10)
                found.append(one.begin_try())

            threads = [threading.Thread(target=attempt, args=[one]) for one in people]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wait = 2.0**failures
            assert sorted(found, key=lambda one: one.pin_hash) == [Try(wait=wait)] * 2 + [Try(HASH, wait)]
            clock.go(seconds=wait)


@pytest.mark.parametrize("how", ["set", "right"])
def test_a_new_pin_or_the_right_one_ends_the_wait(
    ledger: Ledger, decisions: Decisions, clock: Clock, how: str
) -> None:
    decisions.set_pin(HASH, "bob")
    for _ in range(5):
        clock.go(seconds=decisions.begin_try().wait)
    assert decisions.begin_try() == Try(HASH, 32.0)
    assert decisions.begin_try() == Try(wait=32.0)
    if how == "set":
        decisions.set_pin(HASH, "bob")
    else:
        decisions.end_try()
    assert rows(ledger, "SELECT failures FROM approver") == [(0,)]
    assert decisions.begin_try() == Try(HASH, 1.0)


def test_a_pin_that_is_set_takes_the_place_of_the_one_before(ledger: Ledger, decisions: Decisions) -> None:
    decisions.set_pin("another", "ann")
    decisions.set_pin(HASH, "bob")
    assert rows(ledger, "SELECT pin_hash FROM approver") == [(HASH,)]
    assert rows(ledger, "SELECT actor FROM deeds ORDER BY seq") == [("ann",), ("bob",)]
    assert not isinstance(ledger.verify(), Break)


# At the desk


@pytest.mark.anyio
async def test_a_yes_needs_the_pin_and_ends_the_tries(
    ledger: Ledger, decisions: Decisions, clock: Clock
) -> None:
    desk, question = Approvals(ledger), ask(ledger, wish())

    async def approve(pin: str) -> Decision:
        return await desk.approve(question.id, seal=question.seal, pin=pin, approver="bob")

    assert await approve(PIN) == Decision(Ruling.NO_PIN_SET)
    decisions.set_pin(HASH, "bob")
    assert await approve(OTHER) == Decision(Ruling.WRONG_PIN, 1.0)
    assert await approve(PIN) == Decision(Ruling.TOO_SOON, 1.0)
    clock.go(seconds=1)
    assert await approve(OTHER) == Decision(Ruling.WRONG_PIN, 2.0)
    assert ledger.known(question.id).state is State.AWAITING_APPROVAL
    clock.go(seconds=2)
    assert await approve(PIN) == Decision(Ruling.DONE)
    assert await approve(OTHER) == Decision(Ruling.WRONG_PIN, 1.0)


@pytest.mark.anyio
async def test_the_right_pin_for_what_is_closed_ends_the_tries_too(
    ledger: Ledger, decisions: Decisions
) -> None:
    desk = Approvals(ledger)
    decisions.set_pin(HASH, "bob")
    for _ in range(2):
        told = await desk.approve("nothing", seal="", pin=PIN, approver="bob")
        assert told == Decision(Ruling.UNKNOWN)
    assert rows(ledger, "SELECT failures FROM approver") == [(0,)]


def test_who_only_reaches_the_page_cannot_close_the_terminal(ledger: Ledger) -> None:
    page, terminal = Decisions(ledger), Decisions(ledger, Door.TERMINAL)
    page.set_pin(HASH, "ann")
    assert page.begin_try().pin_hash == HASH
    assert page.begin_try().wait > 0
    assert terminal.begin_try() == Try(HASH, 1.0)
    assert terminal.begin_try().wait > 0
    terminal.end_try()
    assert page.begin_try().wait > 0, "the page's own wait goes on"
    assert terminal.begin_try().pin_hash == HASH


@pytest.mark.anyio
async def test_a_no_needs_no_pin_and_costs_no_try(ledger: Ledger, decisions: Decisions) -> None:
    desk, question = Approvals(ledger), ask(ledger, wish())
    decisions.set_pin(HASH, "bob")
    decisions.begin_try()
    told = await desk.reject(question.id, seal=question.seal, approver="bob")
    assert told == Decision(Ruling.DONE)
    assert rows(ledger, "SELECT failures FROM approver") == [(1,)]


@pytest.mark.anyio
async def test_a_pin_is_made_where_there_is_none(memory_ledger: Ledger) -> None:
    desk = Approvals(memory_ledger)
    for made in (HASH, "another"):
        await desk.have_pin(lambda made=made: made)  # type: ignore[misc]
    assert rows(memory_ledger, "SELECT pin_hash FROM approver") == [(HASH,)]
