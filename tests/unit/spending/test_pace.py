"""Requests to Sendoso wait for their turn, over all that share a ledger."""

from __future__ import annotations

import sqlite3
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import ACCOUNT

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import Ledger, next_turn, sqlite_pace
from sendoso_mcp.spending.ledger.pace import read_turns, write_turns
from sendoso_mcp.spending.ledger.turnstile import turnstile
from sendoso_mcp.spending.pace import Pace

MOMENTS = st.floats(min_value=0, max_value=3, allow_nan=False)


def most_in_a_second(turns: list[float]) -> int:
    """The most turns that any window of one second has (its end not included)."""
    turns = sorted(turns)
    return max((sum(first <= turn < first + 0.999_999 for turn in turns) for first in turns), default=0)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 12), st.lists(MOMENTS, max_size=60))
def test_no_second_has_more_turns_than_it_may(per_second: int, gaps: list[float]) -> None:
    now, turns, given_out = 1_000.0, list[float](), list[float]()
    for gap in gaps:
        # Most come at once, as when a page of gifts is fetched.
        now += gap if gap > 2 else 0
        turn, turns = next_turn(turns, now, per_second)
        assert turn >= now
        given_out.append(turn)
    assert most_in_a_second(given_out) <= per_second
    assert all(one <= other for one, other in pairwise(given_out))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 12), st.lists(MOMENTS, max_size=60))
def test_nobody_waits_while_there_is_room(per_second: int, gaps: list[float]) -> None:
    now, turns, given_out = 1_000.0, list[float](), list[float]()
    for gap in gaps:
        now += gap
        turn, turns = next_turn(turns, now, per_second)
        taken = sum(now - 1 < other for other in given_out)
        assert turn == now or taken >= per_second
        given_out.append(turn)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=40), st.floats(0, 1e9), st.integers(1, 20))
def test_turns_of_a_clock_that_jumped_hold_nobody_up_for_long(
    turns: list[float], now: float, per_second: int
) -> None:
    turn, kept = next_turn(turns, now, per_second)
    assert now <= turn <= now + 121
    assert len(kept) <= len(turns) + 1


@pytest.mark.parametrize("back", [1.5, 30, 100, 119, 121, 5_000])
@pytest.mark.parametrize("many", [5, 12, 30])
def test_a_clock_that_jumped_back_is_not_waited_for(many: int, back: float) -> None:
    turns: list[float] = []
    for _ in range(many):
        _, turns = next_turn(turns, 10_000.0, 10)
    turn, kept = next_turn(turns, 10_000.0 - back, 10)
    assert turn == 10_000.0 - back
    assert kept == [turn]


def test_a_clock_that_is_set_back_by_a_little_lets_nobody_pass() -> None:
    turns: list[float] = []
    for _ in range(30):
        _, turns = next_turn(turns, 10_000.0, 10)
    turn, kept = next_turn(turns, 9_999.5, 10)
    assert (turn, len(kept)) == (10_003.0, 31)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(1e9, 2e9),
    st.lists(st.tuples(st.floats(0, 0.05), st.sampled_from([3, 7, 12])), min_size=40, max_size=200),
)
def test_no_turn_of_a_queue_is_forgotten(now: float, calls: list[tuple[float, int]]) -> None:
    """Nor where those who share a ledger have different rates."""
    turns, given_out = list[float](), list[float]()
    for gap, per_second in calls:
        now += gap
        turn, turns = next_turn(turns, now, per_second)
        given_out.append(turn)
        assert turns[:-1] == sorted(each for each in given_out[:-1] if each > now - 1)


def test_turns_are_read_as_they_were_written() -> None:
    turns = [1_764_000_000.123456, 1_764_000_000.123457, 0.1]
    assert read_turns(write_turns(turns)) == turns
    assert read_turns(write_turns([])) == []


@pytest.mark.parametrize(
    "text", [None, "", "[1, 2]", "zz", "00", "00" * 9, "\x00", struct.pack("<2d", nan, inf).hex()]
)
def test_damaged_turns_are_no_turns(text: str | None) -> None:
    turns = read_turns(text)
    turn, _ = next_turn(turns, 1_000.0, 1)
    assert turn == 1_000.0


def test_all_who_share_a_ledger_keep_the_rate_together(shared_url: str) -> None:
    ledgers = [Ledger(shared_url, account=ACCOUNT) for _ in range(4)]
    ready = Barrier(len(ledgers))

    def use(ledger: Ledger) -> list[tuple[float, float]]:
        ledger.open()
        ready.wait(timeout=20)
        found = []
        for _ in range(15):
            asked = time.time()
            wait = ledger.turn(20)
            found.append((asked + wait, time.time() + wait))
        return found

    with ThreadPoolExecutor(len(ledgers)) as threads:
        turns = [turn for found in threads.map(use, ledgers) for turn in found]
    # The clock was read a little before a turn was given and a little after: each turn lies in between.
    earliest, latest = (sorted(each) for each in zip(*turns, strict=True))
    assert len(turns) == 60
    for first, last in zip(earliest, latest[20:], strict=False):
        assert last - first > 0.999
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes for SQLite's turns."""
    monkeypatch.setattr(sqlite_pace, "time", SimpleNamespace(time=lambda: 1_000.0))


@pytest.mark.usefixtures("stopped_clock")
def test_one_in_memory_keeps_the_rate_by_itself() -> None:
    ledger = Ledger("sqlite://", account=ACCOUNT)
    assert [ledger.turn(10) for _ in range(25)] == [0] * 10 + [1] * 10 + [2] * 5
    ledger.close()


@pytest.fixture
def file(ledger_directory: Path) -> Path:
    return ledger_directory / "ledger.sqlite3"


def damage(file: Path, how: str) -> None:
    pace = file.with_name(f"{file.name}-pace")
    if how == "no database":
        pace.write_bytes(b"no database at all, but long enough to be taken for one " * 40)
    elif how == "cut":
        pace.write_bytes(pace.read_bytes()[:700])
    elif how == "gone":
        pace.unlink()
    else:
        with closing(sqlite3.connect(pace, isolation_level=None)) as connection:
            if how == "another table":
                connection.execute("DROP TABLE pace")
                connection.execute("CREATE TABLE pace (id INTEGER PRIMARY KEY)")
            else:
                connection.execute("UPDATE pace SET turns = '[1, oops'")


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("how", ["no database", "cut", "gone", "another table", "no list"])
def test_a_damaged_pace_file_heals_and_is_shared_again(file: Path, how: str) -> None:
    one, two = (Ledger(f"sqlite:///{file}", account=ACCOUNT) for _ in range(2))
    for ledger in (one, two):
        ledger.turn(10)
    damage(file, how)
    waits = [ledger.turn(10) for _ in range(10) for ledger in (one, two)]
    # One of them began a new file, and the other one uses that too.
    assert waits == [0] * 10 + [1] * 10
    assert one.position() == 0
    for ledger in (one, two):
        ledger.close()


def test_a_pace_file_that_others_keep_busy_is_not_thrown_away(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendoso_mcp.spending.ledger.sqlite_pace.BUSY", 0.01)
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT)
    ledger.turn(10)
    pace = file.with_name(f"{file.name}-pace")
    number = pace.stat().st_ino
    with closing(sqlite3.connect(pace, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable, match="busy"):
            ledger.turn(10)
    assert pace.stat().st_ino == number
    assert ledger.turn(10) == 0
    ledger.close()


@pytest.mark.usefixtures("stopped_clock")
def test_a_turn_at_once_is_a_turn_like_any_other(file: Path) -> None:
    one, two = (Ledger(f"sqlite:///{file}", account=ACCOUNT) for _ in range(2))
    # Nobody waits for a file to be opened or made.
    assert one.turn_at_once(10) is None
    for ledger in (one, two):
        ledger.open()
        assert ledger.turn_at_once(10) is None
    waits: list[float | None] = [one.turn(10), two.turn(10)]
    waits += [ledger.turn_at_once(10) for _ in range(9) for ledger in (one, two)]
    assert waits == [0] * 10 + [1] * 10
    for ledger in (one, two):
        ledger.close()


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("how", ["no database", "cut", "gone", "another table", "no list"])
def test_a_turn_at_once_leaves_a_damaged_file_to_others(file: Path, how: str) -> None:
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT)
    ledger.turn(10)
    damage(file, how)
    assert ledger.turn_at_once(10) in (None, 0)
    assert ledger.turn(10) == 0
    assert ledger.turn_at_once(10) == 0
    ledger.close()


def test_a_turn_at_once_waits_for_nobody(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT)
    ledger.turn(10)
    begun = time.monotonic()
    with closing(sqlite3.connect(file.with_name(f"{file.name}-pace"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert ledger.turn_at_once(10) is None
    with turnstile(file.with_name(f"{file.name}-alive")):
        # Whoever waits for the file came first.
        assert ledger.turn_at_once(10) is None
    assert time.monotonic() - begun < 5
    assert ledger.turn_at_once(10) == 0
    ledger.close()


def test_turns_are_forgotten_when_they_are_over(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT)
    for _ in range(30):
        ledger.turn(1_000)
    with closing(sqlite3.connect(file.with_name(f"{file.name}-pace"))) as connection:
        (turns,) = connection.execute("SELECT turns FROM pace").fetchone()
    assert 0 < len(read_turns(turns)) <= 30
    ledger.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("stopped_clock")
async def test_a_request_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ledger = Ledger("sqlite://", account=ACCOUNT)
    pace = Pace(ledger, 2)
    monkeypatch.setattr(anyio, "sleep", sleep)
    for _ in range(5):
        await pace()
    assert slept == [0, 0, 1, 1, 2]
    ledger.close()


class Broken(Ledger):
    """A ledger that cannot be used for a while."""

    asked = 0
    broken = True

    def turn_at_once(self, per_second: int) -> float | None:
        return None

    def turn(self, per_second: int) -> float:
        self.asked += 1
        if self.broken:
            raise LedgerUnavailable("the disk is full")
        return 7.0


@pytest.mark.anyio
async def test_without_a_ledger_a_process_keeps_the_rate_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ledger: Any = Broken("sqlite://", account=ACCOUNT)
    pace = Pace(ledger, 2)
    monkeypatch.setattr(anyio, "sleep", sleep)
    monkeypatch.setattr("sendoso_mcp.spending.pace.time.monotonic", lambda: clock[0])
    for _ in range(5):
        await pace()
    assert slept == [0, 0, 1, 1, 2]
    # Asked once, as a request has better things to do than to wait for a broken ledger again and again.
    assert ledger.asked == 1
    assert caplog.text.count("not shared") == 1
    ledger.broken = False
    clock[0] += 31
    await pace()
    assert (ledger.asked, slept[-1]) == (2, 7)
    ledger.close()
