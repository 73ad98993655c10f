from __future__ import annotations

import getpass
import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cli.cli_kit import Books, Run, run
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import Cancellation, Decisions, Door, Intent, State
from sendoso_mcp.spending.pin import hash_pin, is_pin

KEY = "sdso_live_0123456789abcdef"
PIN, NEW_PIN = "271-828", "314-159"
HASH = hash_pin(PIN)
SET_PIN = "sendoso-mcp approvals set-pin"
NOTHING = "Nothing was approved, and nothing was ordered.\n"
Capture = pytest.CaptureFixture[str]


class Desk:
    """A ledger that is open while the command runs in it, and a person at a terminal who types."""

    def __init__(self, url: str, capsys: Capture) -> None:
        self.books = Books(Path(), now=datetime.now(UTC).replace(microsecond=0), address=url)
        self.decisions = Decisions(self.books.ledger, Door.TERMINAL)
        self.typed: list[str] = []
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self._capsys = capsys

    def run(self, *words: str, types: tuple[str, ...] = ()) -> Run:
        """Runs the command; the person types these one after the other, and then ends their input."""
        self.typed, self.asked = list(types), []
        return run(self._capsys, "approvals", *words)

    def answer(self, question: str) -> str:
        self.asked.append(question)
        self.meanwhile()
        if not self.typed:
            raise EOFError
        return self.typed.pop(0)

    def set_pin(self) -> None:
        self.decisions.set_pin(HASH, "test")

    def has_pin(self, pin: str) -> bool:
        self.decisions.end_try()
        found = is_pin(pin, self.decisions.begin_try().pin_hash)
        self.decisions.end_try()
        return found

    def cancellation(self) -> Cancellation:
        facts = (("To", "Ann Lee"), ("Gift", "Mug"), ("Send", "send_1"))
        return self.decisions.ask_to_cancel("local:sam", "send_1", facts, timedelta(hours=24))

    def envelope(self, **facts: object) -> Envelope:
        allowed = {
            "name": "Leads",
            "sends": 20,
            "each": Decimal(50),
            "domains": ("*.acme.test",),
            "until": self.books.now + timedelta(days=2),
            "opened_at": self.books.now,
            "opened_by": "test",
        } | facts
        envelope = Envelope.model_validate(allowed)
        self.decisions.open_envelope(envelope)
        return envelope

    def state(self, intent: Intent) -> State:
        return self.books.ledger.known(intent.id).state

    def actors(self, intent: Intent) -> list[tuple[str, str, str]]:
        return [
            (str(entry.to_state), entry.actor, entry.detail.get("reason", ""))
            for entry in self.books.ledger.trail()
            if entry.intent_id == intent.id
        ]


@pytest.fixture
def desk(shared_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Desk]:
    yield from desk_at(shared_url, monkeypatch, capsys)


@pytest.fixture
def file_desk(ledger_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Desk]:
    """For what is no matter of the database."""
    yield from desk_at(f"sqlite:///{ledger_directory}/ledger.sqlite3", monkeypatch, capsys)


def desk_at(url: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Desk]:
    desk = Desk(url, capsys)
    monkeypatch.setenv("SENDOSO_API_KEY", KEY)
    monkeypatch.setenv("SENDOSO_LEDGER_URL", url)
    monkeypatch.setenv("LOGNAME", "kim")
    monkeypatch.setattr("sendoso_mcp.cli.approvals.at_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", desk.answer)
    monkeypatch.setattr("getpass.getpass", desk.answer)
    yield desk
    desk.books.ledger.close()


def until(intent: Intent | Cancellation) -> str:
    return f"{intent.expires_at:%Y-%m-%d %H:%M:%S} UTC"


# Looking


def test_where_nothing_is_open_it_says_so(desk: Desk) -> None:
    desk.books.ended(State.CONFIRMED)
    assert desk.run() == (0, "No question is open.\n", "")


def test_the_list_has_questions_by_age_and_then_envelopes(desk: Desk) -> None:
    first = desk.books.asked()
    desk.books.now += timedelta(seconds=1)
    cancel = desk.cancellation()
    desk.books.now += timedelta(seconds=1)
    last = desk.books.asked(desk.books.wish(person={"id": "rcp_2", "email": "bob@acme.test"}, key="k"))
    desk.decisions.approve(last.id, last.seal, rung="outside_chat", approver="test")
    envelope = desk.envelope()
    status, out, err = desk.run("list")
    assert (status, err) == (0, "")
    assert out == desk.run()[1]
    assert out.startswith(
        "3 questions are open.\n"
        "\n"
        f"Question {first.id}: waits for an answer until {until(first)}\n"
        "  Price:  20.00 USD plus shipping and fees as Sendoso sets them\n"
        '  To:     "Ann Lee"\n'
        '  Email:  "ann@acme.test"\n'
        '  Gift:   "Mug"\n'
        "\n"
        f"Question {cancel.id}: waits for an answer until {until(cancel)}\n"
        "  Price:  none: it is about cancelling a send\n"
    )
    assert f"Question {last.id}: approved, to be used until {until(last)}\n" in out
    assert f"Envelope {envelope.id}: 0 of 20 used, 20 left\n" in out
    assert "everybody at any domain below acme.test (not at acme.test itself)\n" in out
    assert out.index(first.id) < out.index(cancel.id) < out.index(last.id) < out.index(envelope.id)


@pytest.mark.parametrize("words", [["--json"], ["list", "--json"], ["--json", "list"]])
def test_as_json_the_list_is_one_object_a_line(file_desk: Desk, words: list[str]) -> None:
    question, cancel, envelope = file_desk.books.asked(), file_desk.cancellation(), file_desk.envelope()
    found = {one["id"]: one for one in map(json.loads, file_desk.run(*words)[1].splitlines())}
    assert set(found) == {question.id, cancel.id, envelope.id}
    asked = found[question.id]
    assert (asked["kind"], asked["asks"], asked["stand"]) == ("question", "send", "waiting")
    assert (asked["price"], asked["facts"]["Email"]) == (20.0, "ann@acme.test")
    assert asked["expires_at"] == f"{question.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    assert (found[cancel.id]["asks"], found[cancel.id]["price"]) == ("cancel", None)
    allowed = found[envelope.id]
    assert (allowed["kind"], allowed["left"], allowed["each"]) == ("envelope", 20, 50.0)
    assert allowed["to"] == ["*.acme.test"]


def test_a_question_is_shown_with_its_facts_its_reason_and_what_became_of_it(file_desk: Desk) -> None:
    intent = file_desk.books.asked()
    status, out, _ = file_desk.run("show", intent.id)
    assert status == 0
    for line in ("to send this gift", '"Thanks!"', '"local:sam"', "20.00 USD", "Why a person is asked:"):
        assert line in out
    assert "  A person must say yes to this gift at this price.\n" in out
    file_desk.decisions.reject(intent.id, intent.seal, "test")
    out = file_desk.run("show", intent.id)[1]
    assert out.startswith(f"Question {intent.id}: closed\n")
    assert out.endswith("It is closed: refused.\n")
    other = file_desk.books.ordered(file_desk.books.wish(message="Other words"))
    sent = file_desk.books.ended(State.CONFIRMED, other, id="send_9")
    assert file_desk.run("show", sent.id)[1].endswith("It is closed: confirmed as send_9.\n")
    envelope = file_desk.envelope()
    assert f"Envelope {envelope.id}: 0 of 20 used" in file_desk.run("show", envelope.id)[1]


@pytest.mark.parametrize("words", [("--json", "show"), ("show", "--json")])
def test_what_is_shown_can_be_had_as_json(file_desk: Desk, words: tuple[str, str]) -> None:
    question, envelope = file_desk.books.asked(), file_desk.envelope()
    listed = {one["id"]: one for one in map(json.loads, file_desk.run("--json")[1].splitlines())}
    for id_ in (question.id, envelope.id):
        status, out, _ = file_desk.run(*words, id_)
        assert (status, json.loads(out)) == (0, listed[id_])
    assert listed[question.id]["ended_as"] is None
    file_desk.decisions.reject(question.id, question.seal, "test")
    closed = json.loads(file_desk.run(*words, question.id)[1])
    assert (closed["stand"], closed["ended_as"]) == ("closed", "refused")
    status, out, err = file_desk.run(*words, "abc")
    assert (status, out) == (1, "")
    assert "no question and no open envelope" in err


@pytest.mark.parametrize("id_", ["abc", "\x1b[31mabc", "\udcff"])
def test_what_the_ledger_does_not_have_is_said(file_desk: Desk, id_: str) -> None:
    file_desk.set_pin()
    status, out, _ = file_desk.run("show", id_)
    assert (status, "no question and no open envelope" in out, "\x1b" in out) == (1, True, False)
    status, out, _ = file_desk.run("approve", id_)
    assert (status, out.endswith(NOTHING)) == (1, True)
    for action in ("reject", "revoke"):
        status, out, _ = file_desk.run(action, id_)
        assert (status, out.endswith("Nothing was decided.\n")) == (1, True)
    assert not file_desk.asked


def test_text_from_outside_plays_no_tricks(file_desk: Desk) -> None:
    long_name = "N" * 700 + "END"
    wish = file_desk.books.wish(
        person={"first_name": long_name}, message='"\nPrice: 1 USD\x1b[2J\u202e https://evil.test'
    )
    intent = file_desk.books.asked(wish)
    file_desk.envelope(name='"\x1b[2J\nLeads')
    for words in (["list"], ["show", intent.id], ["--json"]):
        out = file_desk.run(*words)[1]
        assert not {"\x1b", "\u202e"} & set(out)
        assert "\nPrice" not in out
    out = file_desk.run("show", intent.id)[1]
    assert "https://" not in out
    assert 'END Lee" (cut in the middle' in " ".join(out.split())


@pytest.mark.parametrize("text", ["Approved. Price: 0.00 USD ", "\u8d60\u7269 "], ids=["ascii", "wide"])
def test_no_text_from_outside_reaches_the_left_edge_of_the_terminal(file_desk: Desk, text: str) -> None:
    person = {"first_name": text * 30, "email": text * 30, "company_name": text * 30}
    wish = file_desk.books.wish(person=person, gift={"name": text * 30}, message=text * 15)
    intent = file_desk.books.asked(wish)
    file_desk.envelope(name=(text * 8)[:80])
    for words in (["list"], ["show", intent.id]):
        out = file_desk.run(*words)[1]
        for line in out.splitlines():
            assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) <= 79
            assert text.strip() not in line or re.match(r"  [A-Z][a-z ]*: +\"|  {8,}\S", line), line


# Yes


def test_a_yes_needs_the_pin_and_orders_nothing(desk: Desk) -> None:
    desk.set_pin()
    intent = desk.books.asked()
    status, out, err = desk.run("approve", intent.id, types=(PIN,))
    assert (status, err) == (0, "")
    assert '"Thanks!"' in out
    assert out.endswith(
        "Approved. Nothing is ordered yet: the assistant must call create_send again before "
        f"{until(intent)}.\n"
    )
    assert PIN not in out
    assert desk.asked == ["Approver's PIN: "]
    assert desk.actors(intent)[-1] == ("approved", "approvals by kim", "")
    status, out, _ = desk.run("approve", intent.id, types=(PIN,))
    assert status == 1
    assert "It is approved already. Nothing is ordered yet" in out
    assert not desk.asked


def test_a_yes_to_a_cancellation_says_what_has_to_follow(desk: Desk) -> None:
    desk.set_pin()
    cancel = desk.cancellation()
    status, out, _ = desk.run("approve", cancel.id, types=(PIN,))
    assert status == 0
    assert "to cancel this send" in out
    assert "Nothing is cancelled yet: the assistant must call cancel_send again before" in out
    assert desk.decisions.use_cancellation(cancel, "test")


def test_after_a_wrong_pin_no_try_counts_for_a_while(desk: Desk) -> None:
    desk.set_pin()
    intent = desk.books.asked()
    desk.books.now -= timedelta(hours=3)
    desk.decisions.end_try()
    for _ in range(8):
        desk.decisions.begin_try()
        desk.books.now += timedelta(minutes=15)
    status, out, _ = desk.run("approve", intent.id, types=("000-001",))
    assert status == 1
    assert f"\nThat PIN is not right. {NOTHING[:-1]} The next try counts in 5 minutes, at 20" in out
    assert "000-001" not in out
    status, out, _ = desk.run("approve", intent.id, types=(PIN,))
    assert status == 1
    assert f"the PIN was not looked at. {NOTHING[:-1]} The next try counts in " in out
    assert out.endswith(" UTC; none before it.\n")
    assert desk.state(intent) is State.AWAITING_APPROVAL


def test_a_right_pin_forgets_the_wrong_ones(file_desk: Desk) -> None:
    file_desk.set_pin()
    first, second = file_desk.books.asked(), file_desk.books.asked(file_desk.books.wish(key="k"))
    assert file_desk.run("approve", first.id, types=(PIN,))[0] == 0
    assert file_desk.run("approve", second.id, types=(PIN,))[0] == 0


def test_without_a_pin_nothing_can_be_approved(file_desk: Desk) -> None:
    intent = file_desk.books.asked()
    status, out, _ = file_desk.run("approve", intent.id, types=(PIN,))
    assert status == 1
    assert out.endswith(
        f"No approver's PIN is set. {NOTHING[:-1]} Set one first: sendoso-mcp approvals set-pin\n"
    )
    assert not file_desk.asked


@pytest.mark.parametrize("typed", [(), ("",)])
def test_no_pin_typed_is_no_try(file_desk: Desk, typed: tuple[str, ...]) -> None:
    file_desk.set_pin()
    intent = file_desk.books.asked()
    status, out, _ = file_desk.run("approve", intent.id, types=typed)
    assert (status, out.endswith(f"No PIN was typed. {NOTHING}")) == (1, True)
    assert file_desk.decisions.begin_try().wait == 1.0


def test_a_terminal_that_would_show_the_pin_is_not_asked(
    file_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return file_desk.answer(prompt)

    monkeypatch.setattr("getpass.getpass", careless)
    file_desk.set_pin()
    intent = file_desk.books.asked()
    status, _, err = file_desk.run("approve", intent.id, types=(PIN,))
    assert status == 2
    assert f"would show the PIN, so it was not asked for. {NOTHING[:-1]}" in err
    assert not file_desk.asked


def test_what_was_answered_before_or_expired_cannot_be_approved(file_desk: Desk) -> None:
    file_desk.set_pin()
    refused = file_desk.books.asked(file_desk.books.wish(key="refused"))
    sent = file_desk.books.ended(State.CONFIRMED, id="send_9")
    file_desk.decisions.reject(refused.id, refused.seal, "test")
    file_desk.books.now -= timedelta(hours=25)
    expired = file_desk.books.asked(file_desk.books.wish(key="old"))
    unused = file_desk.books.asked(file_desk.books.wish(key="unused"))
    file_desk.decisions.approve(unused.id, unused.seal, rung="outside_chat", approver="test")
    for intent, became in (
        (refused, "It is closed: refused."),
        (sent, "It is closed: confirmed as send_9."),
        (expired, f"It expired at {until(expired)}."),
        (unused, f"It expired at {until(unused)}, before the yes was used."),
    ):
        status, out, _ = file_desk.run("approve", intent.id, types=(PIN,))
        assert status == 1
        assert out.endswith(f"{became} By this, nothing was approved, and nothing was ordered.\n")
        assert not file_desk.asked
        assert file_desk.run("reject", intent.id, types=("yes",))[0] == 1
        assert not file_desk.asked


def test_what_changed_while_the_person_typed_is_not_approved(desk: Desk) -> None:
    desk.set_pin()
    intent = desk.books.asked()
    dearer = desk.books.wish(gift={"price": 30})
    desk.meanwhile = lambda: desk.books.asked(dearer)
    status, out, _ = desk.run("approve", intent.id, types=(PIN,))
    assert status == 1
    assert desk.state(intent) is not State.APPROVED
    assert all(one.state is State.AWAITING_APPROVAL for one in desk.decisions.waiting())
    assert out.endswith("nothing was approved, and nothing was ordered.\n")


@pytest.mark.parametrize(("action", "typed"), [("approve", PIN), ("reject", "yes")])
def test_another_seal_than_that_which_was_shown_decides_nothing(
    file_desk: Desk, monkeypatch: pytest.MonkeyPatch, action: str, typed: str
) -> None:
    file_desk.set_pin()
    intent = file_desk.books.asked()

    def other_rules() -> None:
        monkeypatch.setattr(Intent, "seal", property(lambda intent: f"another {intent.id}"))

    file_desk.meanwhile = other_rules
    status, out, _ = file_desk.run(action, intent.id, types=(typed,))
    assert status == 1
    assert "The facts are not those that were shown any more. Nothing was" in out
    assert out.endswith(f"Look again: sendoso-mcp approvals show {intent.id}\n")
    assert file_desk.state(intent) is State.AWAITING_APPROVAL


# No


def test_a_typed_yes_refuses_a_question(desk: Desk) -> None:
    intent, cancel = desk.books.asked(), desk.cancellation()
    for id_, what in ((intent.id, "ordered"), (cancel.id, "cancelled")):
        status, out, _ = desk.run("reject", id_, types=("yes",))
        assert status == 0
        assert desk.asked == ["\nRefuse this? Type yes: "]
        assert out.endswith(f"Refused. Nothing is {what} on this question.\n")
    assert desk.actors(intent)[-1] == ("declined", "approvals by kim", "person_declined")
    assert desk.run() == (0, "No question is open.\n", "")


@pytest.mark.parametrize("action", ["reject", "revoke"])
def test_a_yes_that_was_not_used_is_taken_back(desk: Desk, action: str) -> None:
    intent = desk.books.asked()
    desk.decisions.approve(intent.id, intent.seal, rung="outside_chat", approver="test")
    status, out, _ = desk.run(action, intent.id, types=("yes",))
    assert (status, desk.asked) == (0, ["\nTake the yes back? Type yes: "])
    assert out.endswith("The yes is taken back. Nothing is ordered on this question.\n")
    assert desk.actors(intent)[-1] == ("declined", "approvals by kim", "yes_taken_back")


def test_there_is_nothing_to_take_back_before_the_yes(file_desk: Desk) -> None:
    intent = file_desk.books.asked()
    status, out, _ = file_desk.run("revoke", intent.id, types=("yes",))
    assert (status, file_desk.asked) == (1, [])
    assert f"To say no: sendoso-mcp approvals reject {intent.id}" in out
    assert file_desk.state(intent) is State.AWAITING_APPROVAL


@pytest.mark.parametrize("typed", [(), ("y",), ("no",), ("",)])
def test_nothing_but_a_typed_yes_decides(file_desk: Desk, typed: tuple[str, ...]) -> None:
    intent, envelope = file_desk.books.asked(), file_desk.envelope()
    for words in (("reject", intent.id), ("revoke", envelope.id)):
        status, out, _ = file_desk.run(*words, types=typed)
        assert (status, len(file_desk.asked)) == (1, 1)
        assert out.endswith("Nothing was decided.\n")
    assert file_desk.state(intent) is State.AWAITING_APPROVAL
    assert len(file_desk.decisions.opened()) == 1


def test_what_was_decided_while_the_person_thought_is_told(file_desk: Desk) -> None:
    intent, envelope = file_desk.books.asked(), file_desk.envelope()
    file_desk.meanwhile = lambda: file_desk.decisions.reject(intent.id, intent.seal, "another")
    status, out, _ = file_desk.run("reject", intent.id, types=("yes",))
    assert status == 1
    assert "Meanwhile something else became of it. It is closed: refused." in out
    file_desk.meanwhile = lambda: file_desk.decisions.revoke_envelope(envelope.id, "another")
    status, out, _ = file_desk.run("revoke", envelope.id, types=("yes",))
    assert status == 1
    assert out.endswith("Meanwhile it had ended or was closed. Nothing more was changed.\n")


# The PIN


def test_a_pin_is_set_once_it_was_typed_twice_and_changed_with_the_old_one(desk: Desk) -> None:
    desk.books.asked()
    status, out, _ = desk.run("set-pin", types=(PIN, PIN))
    assert (status, out.endswith("The PIN is set.\n")) == (0, True)
    assert len(desk.asked) == 2
    assert desk.has_pin(PIN)
    status, out, _ = desk.run("set-pin", types=(PIN, NEW_PIN, NEW_PIN))
    assert (status, out.endswith("The PIN is changed.\n")) == (0, True)
    assert desk.asked[0] == "The PIN that is set now: "
    assert desk.has_pin(NEW_PIN)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("12345",), "A PIN has 6 to 64 characters. No PIN was set."),
        (
            ("123456",),
            "That PIN is the first that anybody would try. Choose one without a pattern: digits as dice "
            "fall, or a few words that do not belong together. No PIN was set.",
        ),
        ((), "A PIN has 6 to 64 characters. No PIN was set."),
        ((PIN, NEW_PIN), "These were two different PINs. No PIN was set."),
        ((PIN,), "These were two different PINs. No PIN was set."),
    ],
)
def test_what_can_be_no_pin_is_refused(file_desk: Desk, typed: tuple[str, ...], why: str) -> None:
    status, out, _ = file_desk.run("set-pin", types=typed)
    assert (status, out.splitlines()[-1]) == (1, why)
    assert not file_desk.decisions.has_pin()


def test_a_wrong_old_pin_changes_nothing_and_delays_the_next_try(file_desk: Desk) -> None:
    file_desk.set_pin()
    status, out, _ = file_desk.run("set-pin", types=("000-001", NEW_PIN, NEW_PIN))
    assert (status, len(file_desk.asked)) == (1, 1)
    assert "That PIN is not right. The PIN was not changed. The next try counts in 1 second, at" in out
    assert file_desk.decisions.begin_try().wait > 0
    assert file_desk.has_pin(PIN)


def test_a_pin_that_somebody_set_meanwhile_stays(file_desk: Desk) -> None:
    file_desk.meanwhile = file_desk.set_pin
    status, out, _ = file_desk.run("set-pin", types=(NEW_PIN, NEW_PIN))
    assert (status, "Yours was not set." in out) == (1, True)
    assert file_desk.has_pin(PIN)


def test_a_right_old_pin_is_no_failed_try_if_the_new_one_is_refused(file_desk: Desk) -> None:
    file_desk.set_pin()
    assert file_desk.run("set-pin", types=(PIN, "1"))[0] == 1
    file_desk.books.now = datetime.now(UTC)
    assert file_desk.decisions.begin_try().wait == 1.0


# Envelopes


def wanted(*more: str, **options: str) -> list[str]:
    given = {
        "name": "Leads",
        "sends": "20",
        "each": "49.90",
        "until": f"{datetime.now(UTC):%Y-%m-%d}",
    } | options
    return ["envelope", *(word for name, text in given.items() for word in (f"--{name}", text)), *more]


def test_an_envelope_is_shown_and_opened_with_the_pin_and_revoked(desk: Desk) -> None:
    desk.set_pin()
    day = datetime.now(UTC).date() + timedelta(days=9)
    words = wanted("--to", "Ann+1@Acme.test", "--to", "*.acme.test", "--item", "itm_1", until=str(day))
    status, out, err = desk.run(*words, types=(PIN,))
    assert (status, err, desk.asked) == (0, "", ["Approver's PIN: "])
    for line in (
        '  Name:    "Leads"\n',
        "  Sends:   20 in all, without asking a person about each of them\n",
        "  Each:    at most 49.90 USD, with what policy allows for shipping\n",
        "  Total:   at most 998.00 USD, counted in the same way\n",
        "  To:      ann@acme.test\n"
        "           everybody at any domain below acme.test (not at acme.test itself)\n",
        "  Gifts:   itm_1\n",
        f"  Until:   the end of {day} (UTC)\n",
    ):
        assert line in out
    (opened,) = desk.decisions.opened()
    envelope = opened.envelope
    assert out.endswith(
        f"Envelope {envelope.id} is open. To close it: sendoso-mcp approvals revoke {envelope.id}\n"
    )
    assert envelope.until == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert (envelope.sends, envelope.each, envelope.items) == (20, Decimal("49.90"), ("itm_1",))
    assert (envelope.emails, envelope.domains) == (("ann@acme.test",), ("*.acme.test",))
    assert envelope.opened_by == "approvals by kim"
    assert desk.run(*words, types=(PIN,))[0] == 0, "a right PIN delays nothing"
    status, out, _ = desk.run("revoke", envelope.id, types=("yes",))
    assert (status, desk.asked) == (0, ["\nClose this envelope? Type yes: "])
    assert envelope.id not in [one.envelope.id for one in desk.decisions.opened()]


@pytest.mark.parametrize("typed", [(), ("000-001",)])
def test_without_the_right_pin_no_envelope_is_opened(file_desk: Desk, typed: tuple[str, ...]) -> None:
    file_desk.set_pin()
    status, out, _ = file_desk.run(*wanted("--to", "acme.test"), types=typed)
    assert (status, "No envelope was opened." in out) == (1, True)
    assert file_desk.decisions.opened() == []


def test_without_a_pin_no_envelope_is_opened(file_desk: Desk) -> None:
    file_desk.books.asked()
    status, out, _ = file_desk.run(*wanted("--to", "acme.test"), types=(PIN,))
    assert (status, file_desk.asked) == (1, [])
    assert "No approver's PIN is set. No envelope was opened." in out


def test_policy_may_allow_no_envelopes(
    file_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[approval]\nenvelopes = false\n")
    monkeypatch.setenv("SENDOSO_POLICY_FILE", str(policy))
    file_desk.set_pin()
    status, out, _ = file_desk.run(*wanted("--to", "acme.test"), types=(PIN,))
    assert (status, file_desk.asked) == (1, [])
    assert "Policy allows no envelopes" in out
    assert file_desk.decisions.opened() == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (wanted("--to", "*@acme.test"), '--to: "·@acme.test" is not an email address'),
        (wanted("--to", "acme"), '--to: "acme" is no domain of emails'),
        (wanted("--to", "acme.test", name=" "), "--name must have 1 to 80 characters."),
        (wanted("--to", "acme.test", name="x" * 81), "--name must have 1 to 80 characters."),
        (wanted("--to", "acme.test", "--item", "a b"), '--item: "a b" is no id of a gift.'),
        (wanted("--to", "acme.test", until="2020-01-01"), "--until must be from"),
        (wanted("--to", "acme.test", until="9999-12-31"), "--until must be from"),
    ],
)
def test_an_envelope_that_cannot_be_meant_is_refused(file_desk: Desk, words: list[str], problem: str) -> None:
    file_desk.set_pin()
    status, _, err = file_desk.run(*words, types=(PIN,))
    assert (status, file_desk.asked) == (2, [])
    assert problem in err
    assert err.endswith("No envelope was opened.\n")


@pytest.mark.parametrize("days", [0, 366, 367])
def test_an_envelope_lasts_a_year_at_most(file_desk: Desk, days: int) -> None:
    file_desk.set_pin()
    last = datetime.now(UTC).date() + timedelta(days=days)
    assert file_desk.run(*wanted("--to", "acme.test", until=str(last)), types=(PIN,))[0] == (days > 366) * 2


@pytest.mark.parametrize(
    "words",
    [
        wanted(),
        wanted("--to", "a.test", sends="0"),
        wanted("--to", "a.test", sends="10001"),
        wanted("--to", "a.test", each="0"),
        wanted("--to", "a.test", each="1.234"),
        wanted("--to", "a.test", each="1e3"),
        wanted("--to", "a.test", until="soon"),
        ["approve"],
        ["fly"],
    ],
)
def test_misuse_is_told_by_the_parser(file_desk: Desk, words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        file_desk.run(*words)
    assert left.value.code == 2


# Who may, and where


@pytest.mark.parametrize(
    "words",
    [["approve", "x"], ["reject", "x"], ["revoke", "x"], ["set-pin"], wanted("--to", "acme.test")],
    ids=lambda words: words[0],
)
def test_without_a_terminal_nothing_is_decided_nor_asked(
    file_desk: Desk, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr("sendoso_mcp.cli.approvals.at_terminal", lambda: False)
    intent = file_desk.books.asked()
    words = [intent.id if word == "x" else word for word in words]
    status, out, err = file_desk.run(*words, types=(PIN, PIN))
    assert (status, out, file_desk.asked) == (2, "", [])
    assert "Only a person at a terminal can decide. Nothing was decided." in err
    assert file_desk.run("show", intent.id)[0] == 0, "everybody may look"


def test_the_sandbox_is_answered_on_its_page(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sendoso_mcp.cli.approvals.at_terminal", lambda: True)
    for words in ([], ["approve", "abc"], ["set-pin"]):
        status, out, err = run(capsys, "approvals", *words)
        assert (status, out) == (2, "")
        assert "questions are answered on its approval page" in err
    monkeypatch.setenv("SENDOSO_LEDGER_URL", "sqlite://")
    assert run(capsys, "approvals")[0] == 2


def test_whoever_approves_needs_no_key_to_sendoso(file_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENDOSO_API_KEY")
    file_desk.set_pin()
    intent = file_desk.books.asked()
    assert file_desk.run("approve", intent.id, types=(PIN,))[0] == 0
    assert file_desk.state(intent) is State.APPROVED


@pytest.mark.parametrize("words", [["list"], ["set-pin"]])
def test_a_ledger_that_is_not_there_or_somebody_elses_is_refused_and_not_made(
    file_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    file_desk.books.asked()
    monkeypatch.setenv("SENDOSO_BASE_URL", "https://other.example/v2")
    status, _, err = file_desk.run(*words, types=(PIN, PIN))
    assert (status, file_desk.asked) == (2, [])
    assert "holds the sends of Sendoso at app.sendoso.com, and this server is for Sendoso at other" in err
    missing = tmp_path / "missing.sqlite3"
    monkeypatch.setenv("SENDOSO_LEDGER_URL", f"sqlite:///{missing}")
    status, _, err = file_desk.run(*words, types=(PIN, PIN))
    assert (status, file_desk.asked) == (2, [])
    assert f"There is no ledger at {missing}" in err
    assert not missing.exists()
