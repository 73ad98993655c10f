from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.cli_kit import ACCOUNT, Books, run
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import Decisions, Ledger
from sendoso_mcp.spending.pin import hash_pin

Capture = pytest.CaptureFixture[str]
FACTS = (("To", "Ann Lee"), ("Gift", "Mug"), ("Send", "send_9"))
PIN_HASH = hash_pin("482913")


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    """A ledger that the environment names."""
    books = Books(tmp_path / "gifts" / "ledger.sqlite3")
    monkeypatch.setenv("SENDOSO_LEDGER_URL", books.url)
    yield books
    books.ledger.close()


def envelope(until: datetime, **facts: Any) -> Envelope:
    given = {
        "name": "Fair",
        "sends": 10,
        "each": Decimal("25.00"),
        "domains": ("acme.test",),
        "items": ("itm_1",),
        "opened_at": until - timedelta(days=1),
        "opened_by": "approvals by ann",
    }
    return Envelope.model_validate(given | {"until": until} | facts)


@pytest.fixture
def deeds(books: Books) -> dict[str, str]:
    """One of every kind, each a day after the one before; their ids."""
    decisions = Decisions(books.ledger)
    decisions.set_pin(PIN_HASH, "approvals by ann")
    books.now += timedelta(days=1)
    fair = envelope(books.now + timedelta(days=1))
    decisions.open_envelope(fair)
    decisions.revoke_envelope(fair.id, "approvals by bob")
    books.now += timedelta(days=1)
    asked = decisions.ask_to_cancel("local:sam", "send_9", FACTS, timedelta(hours=1))
    decisions.answer_cancellation(asked, yes=True, actor="form in a chat")
    books.now += timedelta(days=1)
    decisions.recipient_made("new@acme.test", "local:sam")
    return {"envelope": fair.id, "cancellation": asked.id}


def test_each_deed_is_a_line_with_who_what_and_which(
    books: Books, deeds: dict[str, str], capsys: Capture
) -> None:
    status, out, err = run(capsys, "audit", "--deeds")
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    fair, asked = deeds["envelope"], deeds["cancellation"]
    what = "Fair: 10 sends of up to 25.00 USD to acme.test; only itm_1; until 2026-11-05T09:00:00Z"
    about = "asked by local:sam; To: Ann Lee; Gift: Mug; Send: send_9"
    assert lines[1:] == [
        "2026-11-03 09:00:00 pin_set approvals by ann",
        f"2026-11-04 09:00:00 envelope_opened approvals by ann {fair} {what}",
        f"2026-11-04 09:00:00 envelope_revoked approvals by bob {fair} {what}",
        f"2026-11-05 09:00:00 cancellation_awaiting local:sam {asked} {about}",
        f"2026-11-05 09:00:00 cancellation_approved form in a chat {asked} {about}",
        f"2026-11-05 09:00:00 cancellation_used form in a chat {asked} {about}",
        "2026-11-06 09:00:00 recipient_made local:sam new@acme.test",
        "",
        f"7 deeds; the ledger of {ACCOUNT}",
    ]


def test_json_has_everything_but_the_pin(books: Books, deeds: dict[str, str], capsys: Capture) -> None:
    status, out, _ = run(capsys, "audit", "--deeds", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["seq"] for row in rows] == list(range(1, 8))
    assert [row["previous"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    nothing = {"subject": None, "envelope": None, "cancellation": None, "recipient": None}
    told = {key: value for key, value in rows[0].items() if key not in ("previous", "hash")}
    who = {"seq": 1, "at": "2026-11-03T09:00:00.000000Z", "deed": "pin_set", "actor": "approvals by ann"}
    assert told == who | nothing
    opened, closed = rows[1], rows[2]
    assert (opened["subject"], opened["envelope"]["each"]) == (deeds["envelope"], 25.0)
    assert opened["envelope"] == closed["envelope"]
    assert rows[3]["cancellation"]["send_id"] == "send_9"
    assert rows[3]["cancellation"]["facts"] == dict(FACTS)
    assert rows[6]["recipient"] == "new@acme.test"
    for secret in (PIN_HASH, *PIN_HASH.split("$")[-2:]):
        assert secret not in out


def test_an_envelope_that_ended_is_still_shown(books: Books, capsys: Capture) -> None:
    decisions = Decisions(books.ledger)
    decisions.open_envelope(envelope(books.now + timedelta(hours=1)))
    books.now += timedelta(days=300)
    assert decisions.opened() == []
    assert "approvals by ann" in run(capsys, "audit", "--deeds")[1]


def test_an_answer_that_did_not_count_is_shown_with_its_cancellation(books: Books, capsys: Capture) -> None:
    decisions = Decisions(books.ledger)
    decisions.defer_cancellation(decisions.ask_to_cancel("local:sam", "send_9", FACTS, timedelta(hours=1)))
    row = json.loads(run(capsys, "audit", "--deeds", "--json")[1].splitlines()[-1])
    assert (row["deed"], row["cancellation"]["send_id"]) == ("answer_ignored", "send_9")


def test_deeds_are_selected_by_day(books: Books, deeds: dict[str, str], capsys: Capture) -> None:
    words = ("audit", "--deeds", "--since", "2026-11-04", "--until", "2026-11-04")
    out = run(capsys, *words)[1]
    assert "envelope_opened" in out
    assert "pin_set" not in out
    assert "cancellation" not in out
    assert "2 of 7 deeds" in out
    assert run(capsys, "audit", "--deeds", "--since", "2027-01-01")[1] == "No deed is of these days.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--verify"],
        ["--register", "-"],
        ["--intent", "a"],
        ["--recipient", "a"],
        ["--outcome", "confirmed"],
    ],
)
def test_what_does_not_go_with_deeds_is_refused(books: Books, capsys: Capture, words: list[str]) -> None:
    status, out, err = run(capsys, "audit", "--deeds", *words)
    assert (status, out) == (2, "")
    assert "--deeds" in err


def test_a_ledger_without_deeds_says_so(books: Books, capsys: Capture) -> None:
    assert "no PIN was set" in run(capsys, "audit", "--deeds")[1]
    status, out, err = run(capsys, "audit", "--deeds", "--json")
    assert (status, out) == (0, "")
    assert "no PIN was set" in err


def test_texts_from_outside_cannot_play_tricks_with_the_terminal(books: Books, capsys: Capture) -> None:
    hostile = "\x1b[2J\u202eEve\x07\r\n[bold]"
    Decisions(books.ledger).ask_to_cancel(hostile, "send_9", (("To", hostile),), timedelta(hours=1))
    out = run(capsys, "audit", "--deeds")[1]
    assert "Eve" in out
    assert len(out.splitlines()) == 4
    assert not set(out) & {"\x1b", "\u202e", "\x07", "\r"}
    assert run(capsys, "audit", "--deeds", "--json")[1].isascii()


@pytest.mark.parametrize("column", ["at", "document"])
def test_a_deed_that_none_of_ours_could_be_is_told_in_a_sentence(
    books: Books, capsys: Capture, column: str
) -> None:
    Decisions(books.ledger).open_envelope(envelope(books.now + timedelta(hours=1)))
    books.ledger.write("test", lambda book: book.session.execute(f"UPDATE deeds SET {column} = '[7]'"))  # noqa: S608 - ours
    status, out, err = run(capsys, "audit", "--deeds")
    assert (status, out) == (2, "")
    assert "cannot be read" in err


def test_deeds_are_shown_from_both_shared_databases(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("SENDOSO_LEDGER_URL", shared_url)
    with closing(Ledger(shared_url, account=ACCOUNT)) as ledger:
        Decisions(ledger).open_envelope(envelope(datetime.now(UTC) + timedelta(days=1)))
        status, out, _ = run(capsys, "audit", "--deeds")
    assert status == 0
    assert "envelope_opened" in out
