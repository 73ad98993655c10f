from __future__ import annotations

import csv
import io
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.cli_kit import ACCOUNT, TAKES, Books, run
from sendoso_mcp.cli import main
from sendoso_mcp.cli.register import COLUMNS
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import Decisions, Dispatch, Ledger, Reserved, State

Capture = pytest.CaptureFixture[str]
HOSTILE = "\x1b[2J\u202eEve\x07\r\n \u200b[bold]Null[/bold]"


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    """A ledger that the environment names."""
    books = Books(tmp_path / "gifts" / "ledger.sqlite3")
    monkeypatch.setenv("SENDOSO_LEDGER_URL", books.url)
    yield books
    books.ledger.close()


@pytest.fixture
def year(books: Books) -> dict[str, str]:
    """Gifts that ended in every way, a day after one another: their intents by name."""
    intents = {"mug": books.ended(State.CONFIRMED, cost=24.5).id}
    books.now += timedelta(days=1)
    bob = {"id": "rcp_2", "first_name": "Bob", "last_name": "Ng", "email": "bob@other.test"}
    intents["unknown"] = books.ended(
        State.UNKNOWN, books.ordered(books.wish(person=bob)), reason="Timeout"
    ).id
    books.now += timedelta(days=1)
    question = books.asked(books.wish(gift={"id": "itm_2", "name": "Tea"}))
    intents["declined"] = books.ledger.decline(question.id, "local:sam").id
    books.now += timedelta(days=1)
    free = books.wish(person=bob, gift={"id": "itm_3", "name": "Card"}, asks=False, key="k-1")
    intents["cancelled"] = books.ended(State.CONFIRMED, books.ordered(free), id="send_9", cost=5).id
    books.ledger.cancelled("send_9", "local:sam")
    intents["rejected"] = books.ended(State.REJECTED, reason="BudgetExceeded").id
    return intents


def objects(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    status, out, _ = run(capsys, "audit", "--json", *words)
    assert status == 0
    return [json.loads(line) for line in out.splitlines()]


def register(capsys: Capture, *words: str) -> list[dict[str, str]]:
    status, out, _ = run(capsys, "audit", "--register", "-", *words)
    assert status == 0
    return list(csv.DictReader(io.StringIO(out, newline="")))


# The table


def test_each_transition_is_a_line_with_who_what_whom_and_how_much(
    books: Books, year: dict[str, str], capsys: Capture
) -> None:
    status, out, err = run(capsys, "audit")
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    mug = year["mug"]
    who = "local:sam Ann Lee Mug 20.00"
    told = [line for line in lines if mug in line]
    assert told == [
        f"2026-11-03 09:00:00 {mug} new -> proposed {who}",
        f"2026-11-03 09:00:00 {mug} proposed -> awaiting_approval {who} reasons=person_must_approve",
        f"2026-11-03 09:00:00 {mug} awaiting_approval -> reserved {who} "
        "approved_by=Ann's boss rung=chat_form",
        f"2026-11-03 09:00:00 {mug} reserved -> dispatching {who}",
        f"2026-11-03 09:00:00 {mug} dispatching -> confirmed dispatch Ann Lee Mug 24.50 "
        f"cost=24.50 overrun=4.50 send_id=send_{mug}",
    ]
    assert f"{year['unknown']} dispatching -> unknown dispatch Bob Ng Mug 20.00 Timeout" in ("\n".join(lines))
    assert lines[-1] == f"{len(books_rows(books))} rows; the ledger of {ACCOUNT}"


def books_rows(books: Books) -> list[Any]:
    return list(books.ledger.trail())


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--since", "2026-11-05"], {"declined", "cancelled", "rejected"}),
        (["--until", "2026-11-04"], {"mug", "unknown"}),
        (["--since", "2026-11-04", "--until", "2026-11-05"], {"unknown", "declined"}),
        (["--recipient", "BOB@Other"], {"unknown", "cancelled"}),
        (["--recipient", "bob ng"], {"unknown", "cancelled"}),
        (["--recipient", "RCP_2"], {"unknown", "cancelled"}),
        (["--outcome", "unknown"], {"unknown"}),
        (["--outcome", "declined, REJECTED"], {"declined", "rejected"}),
        (["--outcome", "confirmed"], {"mug"}),
        (["--recipient", "bob", "--outcome", "cancelled", "--since", "2026-11-06"], {"cancelled"}),
    ],
)
def test_rows_are_selected_by_day_recipient_and_what_the_intent_is_now(
    year: dict[str, str], capsys: Capture, words: list[str], wanted: set[str]
) -> None:
    found = {row["intent"] for row in objects(capsys, *words)}
    assert found == {year[name] for name in wanted}
    table = run(capsys, "audit", *words)[1]
    assert {name for name, intent in year.items() if intent in table} == wanted


def test_one_intent_is_selected_by_its_id(year: dict[str, str], capsys: Capture) -> None:
    assert {row["to"] for row in objects(capsys, "--intent", year["declined"])} == {
        "proposed",
        "awaiting_approval",
        "declined",
    }


def test_where_no_row_matches_it_says_so(year: dict[str, str], capsys: Capture) -> None:
    assert run(capsys, "audit", "--recipient", "nobody") == (0, "No row matches.\n", "")
    assert run(capsys, "audit", "--json", "--recipient", "nobody") == (0, "", "No row matches.\n")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--since", "2026-11-05", "--until", "2026-11-04"], "--since is after --until"),
        (["--outcome", "sent"], "--outcome: 'sent' is none of approved, awaiting_approval, cancelled,"),
        (["--verify", "--intent", "x"], "--verify looks at the whole ledger"),
        (["--verify", "--register", "-"], "--verify looks at the whole ledger"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    books: Books, capsys: Capture, words: list[str], problem: str
) -> None:
    status, out, err = run(capsys, "audit", *words)
    assert (status, out) == (2, "")
    assert problem in err


@pytest.mark.parametrize(
    "words", [["--since", "20261105"], ["--until", "2026-02-30"], ["--json", "--csv", "-"]]
)
def test_words_that_are_no_days_or_exclude_each_other_are_refused(
    books: Books, capsys: Capture, words: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["audit", *words])
    assert left.value.code == 2


def test_names_from_outside_cannot_play_tricks_with_the_terminal(books: Books, capsys: Capture) -> None:
    eve = {"first_name": HOSTILE, "last_name": None, "email": "\x1b]0;x\x07@evil.test"}
    books.ordered(books.wish(person=eve, gift={"name": f"Mug\u2066{HOSTILE}"}), approver=HOSTILE)
    for words in ([], ["--json"], ["--register", "-"]):
        _, out, err = run(capsys, "audit", *words)
        ours = out.replace("\r\n", "\n") if "--register" in words else out
        assert not re.search(
            "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", ours + err
        )
        assert "[bold]Null[/bold]" in out, "nothing is taken for markup"


# JSON


def test_json_has_everything_under_stable_names(year: dict[str, str], capsys: Capture) -> None:
    rows = objects(capsys, "--intent", year["cancelled"])
    last = rows[-1]
    assert [row["to"] for row in rows] == ["proposed", "reserved", "dispatching", "confirmed", "cancelled"]
    assert last == {
        "seq": last["seq"],
        "at": "2026-11-06T09:00:00.000000Z",
        "intent": year["cancelled"],
        "from": "confirmed",
        "to": "cancelled",
        "actor": "local:sam",
        "reason": "",
        "detail": {},
        "principal": "local:sam",
        "idempotency_key": "k-1",
        "follows": None,
        "recipient": {"id": "rcp_2", "name": "Bob Ng", "email": "bob@other.test"},
        "gift": {"id": "itm_3", "name": "Card"},
        "price": 20.0,
        "policy_version": last["policy_version"],
        "proposed_at": "2026-11-06T09:00:00.000000Z",
        "expires_at": "2026-11-06T09:00:00.000000Z",
        "approval": None,
        "order": {
            "begun_at": "2026-11-06T09:00:00.000000Z",
            "mark": None,
            "held": 20.0,
            "cost": 5.0,
            "send_id": "send_9",
            "send_status": "pending",
            "over_limits": [],
            "settled_at": "2026-11-06T09:00:00.000000Z",
        },
        "holds": last["holds"],
        "previous": rows[-2]["hash"],
        "hash": last["hash"],
    }
    by_bucket = {hold["bucket"]: hold for hold in last["holds"]}
    assert by_bucket["day:2026-11-06"] == {
        "bucket": "day:2026-11-06",
        "kind": "released",
        "amount": 0.0,
        "granted": 20.0,
        "limit": None,
        "used_before": 0.0,
    }
    assert by_bucket["sends"]["granted"] == 1, "sends are counted, and are no dollars"
    assert re.fullmatch("[0-9a-f]{64}", last["hash"])


def test_json_tells_who_approved_and_no_secret_of_an_order(year: dict[str, str], capsys: Capture) -> None:
    row = objects(capsys, "--intent", year["mug"])[-1]
    assert row["approval"] == {
        "approver": "Ann's boss",
        "how": "chat_form",
        "at": "2026-11-03T09:00:00.000000Z",
        "policy_version": row["policy_version"],
    }
    assert "token" not in json.dumps(row)


def test_places_in_an_envelope_are_numbers_of_sends(books: Books, capsys: Capture) -> None:
    envelope = Envelope(
        name="Webinar",
        sends=20,
        each=Decimal(50),
        domains=("acme.test",),
        until=books.now + timedelta(days=1),
        opened_at=books.now,
        opened_by="a test",
    )
    Decisions(books.ledger).open_envelope(envelope)
    wish = books.wish()
    reserved = books.ledger.reserve(wish, Dispatch("token", TAKES), question=None, approval=None)
    assert isinstance(reserved, Reserved)
    holds = {hold["bucket"]: hold for hold in objects(capsys)[-1]["holds"]}
    place = holds[f"envelope:{envelope.id}"]
    assert (place["amount"], place["granted"], place["limit"], place["used_before"]) == (1, 1, 20, 0)


# Where there is nothing to read


def test_an_empty_ledger_says_so(books: Books, capsys: Capture) -> None:
    empty = "The ledger is empty: no gift was ever asked for through it.\n"
    assert run(capsys, "audit") == (0, empty, "")
    assert run(capsys, "audit", "--json") == (0, "", empty)
    assert run(capsys, "audit", "--verify") == (0, "Whole: 0 rows, head none\n", "")


def test_a_ledger_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = tmp_path / "no" / "ledger.sqlite3"
    monkeypatch.setenv("SENDOSO_LEDGER_URL", f"sqlite:///{path}")
    status, out, err = run(capsys, "audit")
    assert (status, out) == (2, "")
    assert f"There is no ledger at {path}." in err
    status, out, _ = run(capsys, "audit", "--verify")
    assert status == 1, "a ledger that is gone is not a whole one"
    assert f"There is no ledger at {path}." in out
    assert not path.parent.exists()


def test_a_file_without_a_ledger_in_it_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = tmp_path / "empty.sqlite3"
    path.touch()
    monkeypatch.setenv("SENDOSO_LEDGER_URL", f"sqlite:///{path}")
    status, _, err = run(capsys, "audit")
    assert status == 2
    assert "has no ledger in it yet" in err
    assert path.stat().st_size == 0
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("empty")] == ["empty.sqlite3"]


def test_the_sandbox_without_a_ledger_is_explained(
    home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    status, out, err = run(capsys, "audit")
    assert (status, out) == (2, "")
    assert "embedded sandbox, which keeps its ledger only while it runs" in err
    assert "SENDOSO_LEDGER_URL=sqlite:///" in err
    monkeypatch.setenv("SENDOSO_LEDGER_URL", "sqlite://")
    assert "in memory, which ends with its server" in run(capsys, "audit")[2]
    assert not home_of_its_own.exists()


def test_a_newer_ledger_is_refused(books: Books, capsys: Capture) -> None:
    change(books, "UPDATE meta SET value = '99' WHERE key = 'schema'")
    status, _, err = run(capsys, "audit")
    assert status == 2
    assert "made by a newer version of sendoso-mcp" in err


def test_reading_leaves_no_trace_while_a_server_uses_the_ledger(
    books: Books, year: dict[str, str], capsys: Capture
) -> None:
    before = {file: file.stat().st_mtime_ns for file in books.path.parent.rglob("*")}
    for words in ([], ["--json"], ["--verify"], ["--register", "-"]):
        assert run(capsys, "audit", *words)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in books.path.parent.rglob("*")} == before
    assert books.ended(State.CONFIRMED).state is State.CONFIRMED, "the server goes on"


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes")
def test_a_ledger_that_may_only_be_read_can_be_read(
    books: Books, year: dict[str, str], capsys: Capture
) -> None:
    books.path.chmod(0o400)
    books.path.parent.chmod(0o500)
    try:
        assert run(capsys, "audit", "--verify")[0] == 0
    finally:
        books.path.parent.chmod(0o700)


def test_what_a_process_that_died_left_half_written_is_taken_back(
    books: Books, year: dict[str, str], capsys: Capture
) -> None:
    books.ledger.close()
    half = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE audit SET actor = 'x' || hex(zeroblob(5000))")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", half, str(books.path)], check=True)
    assert books.path.with_name("ledger.sqlite3-journal").stat().st_size > 0
    assert run(capsys, "audit", "--verify")[0] == 0


# Verifying


def change(books: Books, sql: str, *parameters: object) -> None:
    """Changes the ledger as somebody with the sqlite3 command would."""
    with closing(sqlite3.connect(books.path)) as connection, connection:
        assert connection.execute(sql, parameters).rowcount != 0


TABLES = (
    *("audit", "chain", "intents", "approvals", "attempts", "holds", "buckets", "policies"),
    *("states", "transitions", "meta", "grants", "approver", "cancellations", "deeds"),
)


def test_the_tables_that_are_tampered_with_are_all_there_are(books: Books) -> None:
    with closing(sqlite3.connect(books.path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in rows} == set(TABLES)


def test_a_whole_ledger_verifies(books: Books, year: dict[str, str], capsys: Capture) -> None:
    rows = books_rows(books)
    assert run(capsys, "audit", "--verify") == (0, f"Whole: {len(rows)} rows, head {rows[-1].hash}\n", "")
    (told,) = run(capsys, "audit", "--verify", "--json")[1].splitlines()
    last = rows[-1].hash
    assert json.loads(told) == {"whole": True, "rows": len(rows), "head": last, "trail": last}
    # What people do besides is in the head, and no row of the trail has that one.
    Decisions(books.ledger).set_pin("a hash", "a test")
    told = json.loads(run(capsys, "audit", "--verify", "--json")[1])
    assert told["trail"] == last
    assert told["head"] != last
    assert [row["hash"] for row in objects(capsys)].count(told["trail"]) == 1


def columns(books: Books, table: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(books.path)) as connection:
        return [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]


def flipped(value: object, place: int) -> bytes | int:
    """The value with one byte of it changed; of an empty one, with one more."""
    if isinstance(value, int):
        return value ^ 0x100
    data = bytearray(str(value or "x").encode())
    place = min(place, len(data) - 1)
    data[place] = data[place] ^ 1 if value else 0x78
    return bytes(data)


@pytest.fixture
def decided(books: Books, year: dict[str, str]) -> None:
    """What people decided outside the chat, so that every table has a row."""
    decisions = Decisions(books.ledger)
    decisions.set_pin("a hash of it", "local:sam")
    question = books.asked(books.wish(gift={"id": "itm_4", "name": "Socks"}))
    decisions.approve(question.id, question.seal, rung="outside_chat", approver="local:sam")
    decisions.ask_to_cancel("local:sam", "send_9", (("To", "Ann"),), timedelta(hours=1))


@pytest.mark.parametrize("table", TABLES)
def test_one_changed_byte_of_any_column_is_found(
    books: Books, decided: None, capsys: Capture, table: str
) -> None:
    books.ledger.close()
    whole = books.path.read_bytes()
    assert run(capsys, "audit", "--verify")[0] == 0
    for column, kind in columns(books, table):
        if column.endswith(("failures", "next_try_at")):
            continue  # these only say when the next try at the PIN counts
        with closing(sqlite3.connect(books.path)) as connection:
            # No rule of the database shall stop what is tried here.
            connection.execute("PRAGMA ignore_check_constraints = ON")
            sql = f"SELECT rowid, {column} FROM {table} ORDER BY rowid DESC LIMIT 1"  # noqa: S608 - ours
            row, value = connection.execute(sql).fetchone()
            with connection:
                connection.execute(
                    f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE rowid = ?",  # noqa: S608 - ours
                    (flipped(value, 3), row),
                )
        status, out, err = run(capsys, "audit", "--verify")
        assert (status, err) == (1, ""), f"{table}.{column}: {value!r}"
        assert out.startswith("Broken: "), out
        books.path.write_bytes(whole)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_taken_out_is_found(books: Books, decided: None, capsys: Capture, table: str) -> None:
    books.ledger.close()
    change(books, f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")  # noqa: S608 - ours
    status, out, err = run(capsys, "audit", "--verify")
    assert (status, err) == (1, "")
    assert out.startswith("Broken: ")


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("UPDATE audit SET actor = 'local:eve' WHERE seq = 3", "audit row 3"),
        ("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE seq = 4", "audit row 4"),
        ("UPDATE audit SET record = x'00ff' WHERE seq = 5", "audit row 5"),
        ("DELETE FROM audit WHERE seq = 2", "audit row 3: row 2 is missing"),
        ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", "chain: it does not end at audit row"),
        ("UPDATE attempts SET cost_cents = 1 WHERE intent_id = :mug", "attempts of :mug"),
        ("UPDATE approvals SET approver = 'Eve' WHERE intent_id = :mug", "approvals of :mug"),
        ("UPDATE holds SET amount = 1, kind = 'posted' WHERE intent_id = :mug", "holds of :mug"),
        ("UPDATE intents SET quote = x'ff' WHERE id = :mug", "intent of :mug"),
        ("UPDATE meta SET value = 'me' WHERE key = 'account'", "meta: it does not name the account"),
        ("UPDATE policies SET document = x'ff'", "policy "),
        ("UPDATE buckets SET grants = 7 WHERE key = 'day:2026-11-03'", "bucket day:2026-11-03"),
        ("DELETE FROM buckets WHERE key = 'month:2026-11'", "bucket month:2026-11"),
        ("INSERT INTO states VALUES ('paid')", "state paid"),
        ("INSERT INTO grants VALUES (:mug, 'x', 'outside_chat', 'Eve', '2026')", "grants of :mug"),
        ("INSERT INTO approver VALUES (1, 'x', 0, '2026', 0, '')", "deeds: the approver's PIN"),
        ("INSERT INTO deeds VALUES (1, '', 'Eve', 'envelope_opened', 'x', '{}', '2099', '', '')", "deeds: "),
        (
            "INSERT INTO cancellations VALUES ('c', 'me', 's', '[]', 'approved', '2026', '2099')",
            "deeds: cancellation c",
        ),
        ("DELETE FROM transitions WHERE from_state = 'unknown'", "transition unknown to"),
    ],
)
def test_the_place_that_was_tampered_with_is_named(
    books: Books, year: dict[str, str], capsys: Capture, sql: str, where: str
) -> None:
    mug = year["mug"]
    change(books, sql.replace(":mug", f"'{mug}'"))
    status, out, _ = run(capsys, "audit", "--verify")
    assert status == 1
    assert out.startswith(f"Broken: {where.replace(':mug', mug)}")
    (told,) = run(capsys, "audit", "--verify", "--json")[1].splitlines()
    assert json.loads(told)["whole"] is False


def test_a_damaged_index_is_found_too(books: Books, year: dict[str, str], capsys: Capture) -> None:
    books.ledger.close()
    with closing(sqlite3.connect(books.path)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'holds_by_time'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(books.path.read_bytes())
    page = data[(root - 1) * size : root * size]
    place = page.rindex(b"day:2026-11-06") + 13
    data[(root - 1) * size + place] ^= 1
    books.path.write_bytes(data)
    status, out, _ = run(capsys, "audit", "--verify")
    assert status == 1
    assert out.startswith("Broken: file: ")


@pytest.mark.parametrize("part", ["header", "schema", "middle", "cut", "no database"])
def test_a_file_that_cannot_be_read_any_more_is_told_in_a_sentence(
    books: Books, year: dict[str, str], capsys: Capture, part: str
) -> None:
    books.ledger.close()
    data = bytearray(books.path.read_bytes())
    match part:
        case "header":
            data[:100] = os.urandom(100)
        case "schema":
            data[100:4096] = bytes(3996)
        case "middle":
            data[4096:] = b"\xa5" * (len(data) - 4096)
        case "cut":
            del data[len(data) // 3 :]
        case _:
            data = bytearray(b"Dear ledger, " * 1000)
    books.path.write_bytes(data)
    status, out, err = run(capsys, "audit", "--verify")
    assert (status, err) == (1, "")
    assert out.startswith("Broken: ")
    assert "Traceback" not in out
    for words in ([], ["--json"], ["--register", "-"]):
        status, out, err = run(capsys, "audit", *words)
        assert status in (1, 2), "it may be that only a part cannot be read"
        assert "Traceback" not in out + err
        assert err


@pytest.mark.parametrize(
    "value",
    ["{", "[]", '{"intent": 5}', '{"attempts": [{"begun_at": "yesterday"}]}', '{"attempts": [7]}', "null"],
)
def test_a_row_that_none_of_ours_could_be_is_told_in_a_sentence(
    books: Books, year: dict[str, str], capsys: Capture, value: str
) -> None:
    change(books, "UPDATE audit SET record = ? WHERE seq = 2", value)
    for words in ([], ["--json"], ["--register", "-"]):
        status, _, err = run(capsys, "audit", *words)
        assert status == 2
        assert "audit row 2 cannot be read" in err


@pytest.mark.parametrize(
    ("table", "sql", "where"),
    [
        ("audit", "UPDATE audit SET actor = 'Local:sam' WHERE seq = 3", "audit row 3"),
        (
            "attempts",
            "UPDATE attempts SET cost_cents = cost_cents - 1 WHERE cost_cents = 2450",
            "attempts of ",
        ),
        ("intents", "UPDATE intents SET item_name = 'Mug!' WHERE item_name = 'Mug'", "intent of "),
        ("holds", "UPDATE holds SET amount = amount - 1 WHERE kind = 'posted' AND amount > 1", "holds of "),
    ],
)
def test_the_installed_command_finds_a_changed_byte(
    books: Books, year: dict[str, str], table: str, sql: str, where: str
) -> None:
    command = [sys.executable, "-P", "-m", "sendoso_mcp", "audit", "--verify"]
    environ = os.environ | {"SENDOSO_LEDGER_URL": books.url}
    before = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (before.returncode, before.stderr) == (0, "")
    change(books, sql)
    after = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (after.returncode, after.stderr) == (1, "")
    assert after.stdout.startswith(f"Broken: {where}")


def test_a_reader_that_has_seen_enough_is_no_error(books: Books, year: dict[str, str]) -> None:
    for words in ("--json", ""):
        command = f"{sys.executable} -P -m sendoso_mcp audit {words} | head -c 1"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_audit_works_on_both_shared_databases(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("SENDOSO_LEDGER_URL", shared_url)
    status, _, err = run(capsys, "audit")
    assert status == 2
    assert "no ledger" in err
    ledger = Ledger(shared_url, account=ACCOUNT)
    books = Books(tmp_path / "unused.sqlite3")
    books.ledger.close()
    books.ledger = ledger
    intent = books.ended(State.CONFIRMED)
    assert run(capsys, "audit", "--verify")[0] == 0
    assert {row["intent"] for row in objects(capsys)} == {intent.id}
    ledger.close()


# The register


def test_the_register_has_a_row_for_each_gift_that_was_ordered_or_may_have_been(
    year: dict[str, str], capsys: Capture
) -> None:
    rows = register(capsys)
    assert tuple(rows[0]) == COLUMNS
    assert [row["intent_id"] for row in rows] == [year["mug"], year["unknown"], year["cancelled"]]
    mug, unknown, cancelled = rows
    assert mug == {
        "ordered_at_utc": "2026-11-03T09:00:00.000000Z",
        "asked_by": "local:sam",
        "recipient_name": "Ann Lee",
        "recipient_email": "ann@acme.test",
        "recipient_id": "rcp_1",
        "gift": "Mug",
        "gift_id": "itm_1",
        "list_price": "20.00",
        "held": "20.00",
        "cost": "24.50",
        "currency": "USD",
        "send_id": f"send_{year['mug']}",
        "outcome": "confirmed",
        "approved_by": "Ann's boss",
        "approved_how": "chat_form",
        "approved_at_utc": "2026-11-03T09:00:00.000000Z",
        "policy_version": mug["policy_version"],
        "intent_id": year["mug"],
    }
    assert (unknown["outcome"], unknown["cost"], unknown["send_id"]) == ("unknown", "", "")
    assert (cancelled["outcome"], cancelled["approved_by"], cancelled["approved_how"]) == (
        "cancelled",
        "policy",
        "policy",
    )


def test_the_register_can_be_filtered_and_goes_by_the_day_of_the_order(
    year: dict[str, str], capsys: Capture
) -> None:
    assert [row["gift"] for row in register(capsys, "--recipient", "bob")] == ["Mug", "Card"]
    assert [row["outcome"] for row in register(capsys, "--outcome", "cancelled")] == ["cancelled"]
    assert [row["outcome"] for row in register(capsys, "--until", "2026-11-03")] == ["confirmed"]
    assert register(capsys, "--outcome", "declined") == []


SIGNS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"  # the last four are the first four, full width


@pytest.mark.parametrize("sign", SIGNS)
def test_what_a_spreadsheet_would_run_is_defused(books: Books, capsys: Capture, sign: str) -> None:
    formula = f'{sign}cmd|"/C calc"!A0'
    person = {"first_name": formula, "last_name": None, "email": f"{sign}a@evil.test"}
    books.ordered(books.wish(person=person, gift={"name": f'Mug;{sign}HYPERLINK("x"),{sign}1'}))
    (row,) = register(capsys)
    for cell in row.values():
        assert not re.search(rf"(^|[;,])\s*[{re.escape(SIGNS)}]", cell)
    if sign not in "\t\r":
        assert row["recipient_name"] == f"'{formula}"


def test_a_register_in_a_file_is_private_new_and_utf_8(
    books: Books, year: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    books.ordered(books.wish(person={"first_name": "Zoë", "last_name": 'Å,\n"B"'}))
    target = tmp_path / "register.csv"
    status, out, err = run(capsys, "audit", "--csv", str(target))
    rows = books_rows(books)
    assert (status, out) == (0, "")
    assert err == f"4 gifts. The trail is whole: {len(rows)} rows, head {rows[-1].hash}\n"
    data = target.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == 5
    assert 'Zoë Å, ""B""' in data.decode("utf-8")
    if sys.platform != "win32":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    status, _, err = run(capsys, "audit", "--csv", str(target))
    assert status == 2
    assert "exists already" in err
    assert target.read_bytes() == data


def test_a_register_never_overwrites_the_ledger(books: Books, year: dict[str, str], capsys: Capture) -> None:
    assert run(capsys, "audit", "--register", str(books.path))[0] == 2
    assert run(capsys, "audit", "--verify")[0] == 0


def test_a_register_that_cannot_be_written_is_an_error(
    year: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    status, _, err = run(capsys, "audit", "--register", str(tmp_path / "no" / "register.csv"))
    assert status == 2
    assert "cannot be written" in err


def test_a_register_of_a_broken_ledger_says_so(books: Books, year: dict[str, str], capsys: Capture) -> None:
    change(books, "UPDATE attempts SET cost_cents = 1 WHERE cost_cents = 2450")
    status, out, err = run(capsys, "audit", "--register", "-")
    assert status == 1
    assert len(out.splitlines()) == 4
    assert f"BROKEN at attempts of {year['mug']}" in err


def test_an_empty_register_has_its_head_line(books: Books, capsys: Capture) -> None:
    status, out, err = run(capsys, "audit", "--register", "-")
    assert (status, out) == (0, ",".join(COLUMNS) + "\r\n")
    assert err.startswith("0 gifts.")
