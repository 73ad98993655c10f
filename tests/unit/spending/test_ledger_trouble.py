"""A ledger that cannot be used: it says so, nothing is half done, and what was there stays there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from ledger_kit import Fragile, answer, ask, confirm, order, rows, settle, unavailable, used, wish
from ledgers import ACCOUNT

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.ledger import Break, Ledger, Reserved, State
from sendoso_mcp.spending.ledger import postgres as in_postgres
from sendoso_mcp.spending.ledger import sqlite as in_sqlite


@pytest.fixture
def file(ledger_directory: Path) -> Path:
    return ledger_directory / "ledger.sqlite3"


@pytest.fixture
def in_file(file: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{file}", account=ACCOUNT, patience=())
    yield ledger
    ledger.close()


def test_what_is_no_ledger_is_said_to_be_none_and_left_alone(in_file: Ledger, file: Path) -> None:
    file.write_text("Dear Ann, this is a letter and no database. " * 100)
    before = file.read_bytes()
    assert "its file is not a SQLite database" in unavailable(in_file.position)
    assert file.read_bytes() == before


def test_a_damaged_file_is_said_to_be_damaged(in_file: Ledger, file: Path) -> None:
    ask(in_file, wish())
    in_file.close()
    with file.open("r+b") as opened:
        size = opened.seek(0, 2)
        opened.seek(4096)
        opened.write(b"\xff" * (size - 4096))
    assert "its file is damaged" in unavailable(lambda: ask(in_file, wish()))


@pytest.mark.parametrize("where", ["a directory", "below a file", "nowhere"])
def test_a_path_that_cannot_be_one_is_said_to_be_none(ledger_directory: Path, where: str) -> None:
    (ledger_directory / "file").touch()
    path = {
        "a directory": ledger_directory,
        "below a file": ledger_directory / "file" / "ledger.sqlite3",
        "nowhere": Path("/proc/nowhere/ledger.sqlite3"),
    }[where]
    ledger = Ledger(f"sqlite:///{path}", account=ACCOUNT, patience=())
    assert "its file cannot be opened" in unavailable(ledger.position)
    ledger.close()


@pytest.mark.parametrize("call", ["ask", "reserve", "settle", "cancel"])
def test_a_full_disk_loses_nothing(in_file: Ledger, call: str) -> None:
    intent = order(in_file, wish(key="a"))
    sent = confirm(in_file, order(in_file, wish(key="b")), send_id="send_1")
    question = ask(in_file, wish(key="c"))
    trail = list(in_file.trail())
    connection = in_file._used()._connection  # type: ignore[attr-defined]  # this one is SQLite's
    calls: dict[str, Callable[[], object]] = {
        "ask": lambda: ask(in_file, wish()),
        "reserve": lambda: answer(in_file, wish(key="c"), question),
        "settle": lambda: settle(in_file, intent, State.NOT_SENT),
        "cancel": lambda: in_file.cancelled("send_1", "ann"),
    }

    def full(pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    full(pages)
    # What fits into the pages there are is no trouble: so they are filled first.
    for _ in range(2_000):
        try:
            ask(in_file, wish(principal="eve"))
        except LedgerUnavailable:
            break
        in_file.expire(ask(in_file, wish(principal="eve")).id, "eve", "dismissed")
    assert "the disk is full" in unavailable(lambda: ask(in_file, wish(principal="eve", key="x" * 5_000)))
    length = in_file.position()
    # This one may fit into what is left on the pages that there are.
    with suppress(LedgerUnavailable):
        calls[call]()
        length = in_file.position()
    assert in_file.position() == length
    full(2**30)
    assert list(in_file.trail())[: len(trail)] == trail
    assert not isinstance(in_file.verify(), Break)
    assert in_file.known(sent.id).attempt == sent.attempt
    calls[call]()


def test_a_file_that_may_only_be_read_is_said_to_be_so(in_file: Ledger) -> None:
    ask(in_file, wish())
    in_file._used()._connection.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
    assert "it may only be read" in unavailable(lambda: ask(in_file, wish(key="k")))


@contextmanager
def busy(url: str) -> Iterator[None]:
    """Another process holds the ledger in the middle of a transaction, and does not go on."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
    else:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (in_postgres._WRITE_KEY,))
            yield


def test_a_busy_ledger_is_waited_for_and_then_said_to_be_busy(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (in_sqlite, in_postgres):
        # Not shorter: PostgreSQL ends what idles that long, and a busy machine lets anybody idle for a while.
        monkeypatch.setattr(module, "_BUSY", 1.0)
    ledger = Ledger(shared_url, account=ACCOUNT, patience=())
    question = ask(ledger, wish())
    with busy(shared_url):
        text = unavailable(lambda: answer(ledger, wish(), question))
        assert "other processes keep it busy" in text
    assert ledger.known(question.id) == question
    assert isinstance(answer(ledger, wish(), question), Reserved)
    ledger.close()


@pytest.fixture
def fragile(ledger: Ledger) -> Fragile:
    """The database of `ledger`, which tries everything twice."""
    return Fragile.of(ledger)


LOSSES = pytest.mark.parametrize("lost", ["before", "after"])


@LOSSES
def test_an_order_whose_commit_was_not_answered_is_written_down_once(
    ledger: Ledger, fragile: Fragile, lost: str
) -> None:
    question = ask(ledger, wish(key="k"))
    fragile.lose = [lost]
    reserved = answer(ledger, wish(key="k"), question)
    assert isinstance(reserved, Reserved)
    assert reserved.intent.state is State.DISPATCHING
    assert used(ledger, "sends") == 1
    assert [entry.to_state for entry in ledger.trail()].count(State.DISPATCHING) == 1


@LOSSES
def test_an_order_that_cannot_be_written_down_for_certain_is_not_given(
    ledger: Ledger, fragile: Fragile, lost: str
) -> None:
    question = ask(ledger, wish(key="k"))
    fragile.lose = [lost, lost]
    assert "cannot be reached" in unavailable(lambda: answer(ledger, wish(key="k"), question))
    # If it was written down, it is there for recovery to find; never twice.
    expected = State.DISPATCHING if lost == "after" else State.AWAITING_APPROVAL
    assert ledger.known(question.id).state is expected


@LOSSES
@pytest.mark.parametrize("state", [State.CONFIRMED, State.REJECTED, State.UNKNOWN])
def test_a_settlement_whose_commit_was_not_answered_is_written_once(
    ledger: Ledger, fragile: Fragile, lost: str, state: State
) -> None:
    intent = order(ledger)
    fragile.lose = [lost]
    settled = confirm(ledger, intent) if state is State.CONFIRMED else settle(ledger, intent, state)
    assert settled.state is state
    assert [entry.to_state for entry in ledger.trail()].count(state) == 1


@LOSSES
def test_whatever_is_tried_again_is_there_once(ledger: Ledger, fragile: Fragile, lost: str) -> None:
    fragile.lose = [lost]
    asked = ask(ledger, wish(key="a"))
    assert ask(ledger, wish(key="a")) == asked
    fragile.lose = [lost]
    assert ledger.decline(asked.id, "ann").state is State.DECLINED
    taken_back = ask(ledger, wish(key="b"))
    fragile.lose = [lost]
    assert ledger.expire(taken_back.id, "ann", "dismissed").state is State.EXPIRED
    sent = confirm(ledger, order(ledger, wish(key="c")), send_id="send_1")
    fragile.lose = [lost]
    cancelled = ledger.cancelled("send_1", "ann")
    assert cancelled is not None
    assert cancelled.id == sent.id
    assert used(ledger, "day:2026-11-25") == 0
    assert not isinstance(ledger.verify(), Break)
    assert rows(ledger, "SELECT count(*) FROM intents") == [(3,)]
