"""Opening a ledger: a new one, an older one, a newer one, somebody else's, and two at once."""

from __future__ import annotations

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from ledger_kit import ask, confirm, order, rows, transaction, used, wish
from ledgers import ACCOUNT

from sendoso_mcp.errors import LedgerUnavailable, SettingsError
from sendoso_mcp.spending.ledger import Break, Ledger
from sendoso_mcp.spending.ledger.database import Session, opener
from sendoso_mcp.spending.ledger.schema import MIGRATIONS
from sendoso_mcp.spending.limits import day_bucket


def adds_a_table(session: Session) -> None:
    session.execute("CREATE TABLE extra (id TEXT PRIMARY KEY)")
    session.execute("INSERT INTO extra (id) SELECT id FROM intents")


def fails_halfway(session: Session) -> None:
    session.execute("CREATE TABLE half (id TEXT PRIMARY KEY)")
    raise InterruptedError


NEWER = (*MIGRATIONS, adds_a_table)


def opened(url: str, **options: object) -> Ledger:
    ledger = Ledger(url, account=ACCOUNT, patience=(), **options)  # type: ignore[arg-type]
    ledger.open()
    return ledger


def test_nothing_is_made_before_it_is_needed(ledger_directory: Path) -> None:
    Ledger(f"sqlite:///{ledger_directory}/new/ledger.sqlite3", account=ACCOUNT).close()
    Ledger("postgresql://nobody@nowhere.invalid/gifts", account=ACCOUNT).close()
    assert list(ledger_directory.iterdir()) == []


def test_what_was_written_is_there_when_it_is_opened_again(shared_url: str) -> None:
    first = opened(shared_url)
    intent = confirm(first, order(first))
    trail = list(first.trail())
    first.close()
    first.close()
    again = opened(shared_url)
    assert again.known(intent.id) == intent
    assert list(again.trail()) == trail
    again.close()


def test_a_ledger_that_was_closed_opens_again_by_itself(shared_url: str) -> None:
    ledger = opened(shared_url)
    intent = ask(ledger, wish())
    ledger.close()
    assert ledger.known(intent.id) == intent
    ledger.close()


def test_one_in_memory_ends_with_its_process(ledger_directory: Path) -> None:
    ledger = opened("sqlite://")
    assert ledger.in_memory
    ask(ledger, wish())
    assert ledger._used().is_alive(ledger._used().instance)
    assert not ledger._used().is_alive("another")
    ledger.close()
    assert ledger.position() == 0
    ledger.close()


def test_many_that_open_a_new_ledger_at_once_make_one(shared_url: str) -> None:
    ledgers = [Ledger(shared_url, account=ACCOUNT, patience=()) for _ in range(6)]
    ready = Barrier(len(ledgers))

    def use(ledger: Ledger) -> str:
        ready.wait(timeout=10)
        return ask(ledger, wish(principal=str(id(ledger)))).id

    with ThreadPoolExecutor(len(ledgers)) as threads:
        ids = list(threads.map(use, ledgers))
    assert len(set(ids)) == len(ledgers)
    for ledger in ledgers:
        assert all(ledger.intent(id_) is not None for id_ in ids)
        assert not isinstance(ledger.verify(), Break)
        ledger.close()


def test_an_older_ledger_is_brought_up_to_date_and_loses_nothing(shared_url: str) -> None:
    old = opened(shared_url)
    intent = confirm(old, order(old))
    trail = list(old.trail())
    old.close()
    for _ in range(2):
        new = opened(shared_url, migrations=NEWER)
        assert rows(new, "SELECT id FROM extra") == [(intent.id,)]
        assert rows(new, "SELECT value FROM meta WHERE key = 'schema'") == [(str(len(NEWER)),)]
        assert list(new.trail()) == trail
        assert not isinstance(new.verify(), Break)
        new.close()


TO_VERSION_1 = """
DROP TABLE grants;
DROP TABLE approver;
DROP TABLE cancellations;
DROP TABLE deeds;
ALTER TABLE chain DROP COLUMN deeds;
ALTER TABLE chain DROP COLUMN deeds_hash;
DELETE FROM transitions WHERE from_state = 'approved' OR to_state = 'approved' OR from_state = to_state;
DELETE FROM states WHERE state = 'approved';
ALTER TABLE buckets DROP COLUMN total;
DROP INDEX holds_by_time;
CREATE INDEX holds_by_time ON holds (bucket, at);
DROP INDEX holds_by_settling;
CREATE INDEX holds_by_settling ON holds (bucket, settled_seq);
UPDATE meta SET value = '1' WHERE key = 'schema'
"""


def test_a_ledger_of_version_1_keeps_what_was_spent(shared_url: str) -> None:
    old = opened(shared_url)
    confirm(old, order(old), cost=21)
    order(old, wish(key="k"))
    spent = used(old, day_bucket(old.now()).key)
    with transaction(old) as session:
        for statement in TO_VERSION_1.split(";"):
            session.execute(statement)
    old.close()
    new = opened(shared_url)
    assert used(new, day_bucket(new.now()).key) == spent == 4100
    assert not isinstance(new.verify(), Break)
    new.close()


def test_a_newer_ledger_is_refused_and_not_touched(shared_url: str) -> None:
    new = opened(shared_url, migrations=NEWER)
    ask(new, wish())
    new.close()
    file = Ledger(shared_url, account=ACCOUNT).file
    before = file.read_bytes() if file else b""
    old = Ledger(shared_url, account=ACCOUNT, patience=())
    for _ in range(2):
        with pytest.raises(SettingsError, match="newer version"):
            old.position()
    old.close()
    assert not file or file.read_bytes() == before
    again = opened(shared_url, migrations=NEWER)
    assert again.position() == 2
    again.close()


def test_a_step_that_fails_leaves_the_ledger_as_it_was(shared_url: str) -> None:
    old = opened(shared_url)
    intent = ask(old, wish())
    old.close()
    broken = Ledger(shared_url, account=ACCOUNT, patience=(), migrations=(*NEWER, fails_halfway))
    with pytest.raises(InterruptedError):
        broken.open()
    again = opened(shared_url)
    assert again.known(intent.id) == intent
    with again._used().read() as session:
        assert not any(again._used().has_table(session, table) for table in ("half", "extra"))
    again.close()


def test_another_account_s_ledger_is_refused(shared_url: str) -> None:
    opened(shared_url).close()
    other = Ledger(shared_url, account="Sendoso at eu.sendoso.test", patience=())
    with pytest.raises(SettingsError, match=r"holds the sends of test, and this server is for Sendoso at eu"):
        other.open()
    other.close()
    opened(shared_url).close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.sqlite3",
        "/var/lib/ledger.sqlite3",
        "sqlite:ledger",
        "sqlite:///",
        "sqlite://host/path",
        "mysql://ann:secret@host/gifts",
        "http://[secret",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(SettingsError, match="SENDOSO_LEDGER_URL") as caught:
        opener(url)
    assert "secret" not in str(caught.value)


def test_without_its_driver_postgresql_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'sendoso-mcp\[postgres\]'"):
        opener("postgresql://host/gifts")


@pytest.mark.parametrize("name", ["gifts 1.sqlite3", "gïfts.sqlite3", "50%.sqlite3", "a?b#c.sqlite3"])
def test_any_file_name_can_be_written_as_a_url(ledger_directory: Path, name: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in name.encode())
    opened(f"sqlite:///{ledger_directory}/{escaped}").close()
    assert (ledger_directory / name).stat().st_size > 0


def test_a_path_may_be_relative_or_of_the_user_s_home(
    ledger_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ledger_directory)
    monkeypatch.setenv("HOME", str(ledger_directory / "home"))
    opened("sqlite:///sub/ledger.sqlite3").close()
    opened("sqlite:///~/ledger.sqlite3").close()
    assert (ledger_directory / "sub" / "ledger.sqlite3").exists()
    assert (ledger_directory / "home" / "ledger.sqlite3").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_all_files_of_a_ledger_are_the_user_s_alone(ledger_directory: Path) -> None:
    home = ledger_directory / "state" / "gifts"
    home.parent.mkdir()
    before = os.umask(0)
    try:
        ledger = opened(f"sqlite:///{home}/ledger.sqlite3")
        ask(ledger, wish())
        ledger.turn(10)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
    instance = ledger._used().instance
    assert modes.pop("ledger.sqlite3-journal", 0o600) == 0o600
    assert modes == {
        "gifts": 0o700,
        "ledger.sqlite3": 0o600,
        "ledger.sqlite3-alive": 0o700,
        instance: 0o600,
        "ledger.sqlite3-pace": 0o600,
    }
    ledger.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_file_that_others_could_read_becomes_private(ledger_directory: Path) -> None:
    file = ledger_directory / "ledger.sqlite3"
    file.touch(mode=0o644)
    opened(f"sqlite:///{file}").close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_committed_survives_the_machine(ledger_directory: Path) -> None:
    ledger = opened(f"sqlite:///{ledger_directory}/ledger.sqlite3")
    connection = ledger._used()._connection  # type: ignore[attr-defined]  # this one is SQLite's
    told = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert told["journal_mode"] in ("delete", "persist")  # not WAL, which some versions of SQLite lose
    assert told["synchronous"] >= 2  # FULL, or more
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    ledger.close()


def test_a_ledger_that_is_only_read_is_never_made(ledger_directory: Path) -> None:
    ledger = Ledger(f"sqlite:///{ledger_directory}/no.sqlite3", account=None, read_only=True)
    with pytest.raises((SettingsError, LedgerUnavailable)):
        ledger.position()
    ledger.close()
    assert list(ledger_directory.iterdir()) == []
