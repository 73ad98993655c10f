from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from cli.cli_kit import DAY_ONE, TAKES, Books, Run, run
from sendoso_mcp.settings import DEFAULT_BASE_URL
from sendoso_mcp.spending.ledger import Intent, State
from sendoso_mcp.spending.limits import Bucket

KEY = "sdso_live_0123456789abcdef"
Capture = pytest.CaptureFixture[str]
BOB = {"id": "rcp_2", "first_name": "Bob", "last_name": "Ng", "email": "bob@other.test"}


class World:
    """A ledger, a Sendoso with sends of one's choice, and a person at a terminal who answers questions."""

    def __init__(self, root: Path, router: respx.MockRouter, capsys: Capture) -> None:
        self.books = Books(root / "ledger.sqlite3")
        self.sends: dict[str, dict[str, Any]] = {}
        self.answers: list[str] = []
        self.asked: list[str] = []
        self.down = False
        self.meanwhile: Callable[[], object] = lambda: None
        self._capsys = capsys
        router.get("/sends", name="list").mock(side_effect=self._list)
        router.get(url__regex=rf"{re.escape(DEFAULT_BASE_URL)}/sends/(?P<id>\w+)").mock(side_effect=self._get)

    def review(self, *words: str, says: str | None = None) -> Run:
        """Runs the command; the person says this if they are asked."""
        self.answers = [] if says is None else [says]
        return run(self._capsys, "review", *words)

    def answer(self, question: str) -> str:
        self.asked.append(question)
        self.meanwhile()
        if not self.answers:
            raise EOFError
        return self.answers.pop()

    def send(self, id_: str, **facts: Any) -> None:
        """A send at Sendoso as the order of `Books.ordered` would have made it, save for what is given."""
        at = facts.pop("at", self.books.now + timedelta(seconds=1))
        self.sends[id_] = {
            "id": id_,
            "status": "processing",
            "recipient": {"id": "rcp_1", "first_name": "Ann", "last_name": "Lee"},
            "item": {"id": "itm_1", "name": "Mug"},
            "message": "Thanks!",
            "cost": 24.5,
            "created_at": at.isoformat(),
        } | facts

    def waiting(self, *candidates: str, **options: Any) -> Intent:
        """An order of which recovery found out nothing certain."""
        intent = self.books.ended(State.UNKNOWN, self.books.ordered(**options))
        reason = f"could_be {' '.join(candidates)}" if candidates else "not_found_at_sendoso"
        return self.books.ended(State.NEEDS_REVIEW, intent, reason=reason)

    def intent(self, intent: Intent) -> Intent:
        """As it is now."""
        return self.books.ledger.known(intent.id)

    def held(self) -> int:
        """What stands in the day's bucket, in cents."""
        return self.books.ledger.used([Bucket("day:2026-11-03")]).used["day:2026-11-03"]

    def trail(self, intent: Intent) -> list[tuple[str, str, str]]:
        """Every transition: to where, by whom, why."""
        return [
            (str(entry.to_state), entry.actor, entry.detail.get("reason", ""))
            for entry in self.books.ledger.trail()
            if entry.intent_id == intent.id
        ]

    def _list(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            return httpx.Response(503)
        days = (request.url.params["start_date"], request.url.params["end_date"])
        sends = [send for send in self.sends.values() if days[0] <= str(send["created_at"])[:10] <= days[1]]
        pagination = {"page": 1, "per_page": 100, "total": len(sends), "total_pages": 1}
        return httpx.Response(200, json={"sends": sends, "pagination": pagination})

    def _get(self, request: httpx.Request, id: str) -> httpx.Response:
        found = self.sends.get(id)
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[World]:
    with respx.mock(base_url=DEFAULT_BASE_URL, assert_all_called=False) as router:
        world = World(tmp_path, router, capsys)
        monkeypatch.setenv("SENDOSO_API_KEY", KEY)
        monkeypatch.setenv("SENDOSO_LEDGER_URL", world.books.url)
        monkeypatch.setenv("LOGNAME", "kim")
        monkeypatch.setattr("sendoso_mcp.cli.review.at_terminal", lambda: True)
        monkeypatch.setattr("builtins.input", world.answer)
        yield world
        world.books.ledger.close()


# The list


def test_where_nothing_waits_it_says_so(world: World) -> None:
    world.books.ended(State.CONFIRMED)
    assert world.review() == (0, "No order waits for a person.\n", "")


def test_the_list_says_what_waits_for_whom_how_much_and_which_sends_it_could_be(world: World) -> None:
    intent = world.waiting("send_1", "send_2")
    status, out, err = world.review()
    assert (status, err) == (0, "")
    assert out == (
        "1 order waits for a person.\n"
        "\n"
        f"Intent {intent.id}: waits for a person since 2026-11-03 09:00:00 UTC\n"
        '  Gift:      "Mug" (itm_1)\n'
        '  For:       "Ann Lee" <ann@acme.test> (rcp_1)\n'
        '  Message:   "Thanks!"\n'
        "  Ordered:   2026-11-03 09:00:00 UTC by local:sam\n"
        "  Held:      20.00 USD\n"
        "  Could be:  send_1, send_2\n"
        "\n"
        "To look at one:               sendoso-mcp review INTENT\n"
        "If a send at Sendoso is it:   sendoso-mcp review INTENT --sent SEND_ID\n"
        "If no gift was ordered:       sendoso-mcp review INTENT --not-sent\n"
    )


def test_what_can_be_found_at_sendoso_is_settled_before_a_person_is_shown_anything(world: World) -> None:
    found = world.books.ended(State.UNKNOWN)
    world.send("send_1")
    lost = world.books.ended(State.UNKNOWN, world.books.ordered(world.books.wish(person=BOB)))
    status, out, _ = world.review()
    assert status == 0
    assert out.startswith(
        f"Found at Sendoso just now: Intent {found.id} is confirmed: send_1 for 24.50 USD.\n"
    )
    assert f"Intent {lost.id}: waits for a person since" in out
    assert "Could be" not in out
    assert world.intent(found).state is State.CONFIRMED
    assert world.intent(lost).state is State.NEEDS_REVIEW


def test_what_an_ended_process_left_is_looked_for_too(world: World) -> None:
    intent = world.books.ordered()
    world.send("send_1")
    world.books.ledger.close()
    assert world.review()[1].startswith(f"Found at Sendoso just now: Intent {intent.id} is confirmed: send_1")


def test_while_sendoso_cannot_be_looked_at_the_unknown_stay_unknown(world: World) -> None:
    world.down = True
    intent = world.books.ended(State.UNKNOWN)
    status, out, _ = world.review()
    assert status == 0
    assert re.search(rf"Intent {intent.id}: unknown for \d+ minutes, and may still be found\n", out)
    assert world.intent(intent).state is State.UNKNOWN


def test_an_order_on_its_way_is_counted_and_left_alone(world: World) -> None:
    world.books.now = datetime.now(UTC)
    intent = world.books.ordered()
    assert world.review()[1] == "No order waits for a person. 1 being ordered right now.\n"
    for words in (["--not-sent"], ["--sent", "send_1"], []):
        status, out, _ = world.review(intent.id, *words, says="yes")
        assert status == 1
        assert "is being ordered right now, by a process that still runs. Nothing was changed." in out
    assert not world.asked
    assert world.intent(intent).state is State.DISPATCHING


def test_names_from_outside_cannot_play_tricks_with_the_terminal(world: World) -> None:
    hostile = "\x1b[2J\u202eEve\x07\r\n  Held:      0.00 USD"
    wish = world.books.wish(
        person={"first_name": hostile, "email": hostile}, gift={"name": hostile}, message=hostile
    )
    intent = world.waiting("send_1", wish=wish)
    world.send("send_1", message=hostile, item={"id": "itm_1", "name": hostile}, crm_id=hostile)
    for words in ([], [intent.id], [intent.id, "--sent", "send_1"]):
        _, out, err = world.review(*words)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err)
        assert out.count("\n  Held:  ") == 1


# One intent


def test_one_intent_is_shown_with_the_sends_that_could_be_it_now(world: World) -> None:
    intent = world.waiting()
    world.send("send_1")
    world.send("send_2")
    world.send("send_3", recipient={"id": "rcp_9"})
    status, out, _ = world.review(intent.id)
    assert status == 0
    assert "These sends at Sendoso could be it, and it is not certain whether one is.\nSend send_1:\n" in out
    assert "Send send_2:" in out
    assert "send_3" not in out
    assert "  Cost:      24.50 USD\n" in out
    assert out.endswith(f"If no gift was ordered:       sendoso-mcp review {intent.id} --not-sent\n")
    assert not world.asked


def test_where_no_send_could_be_it_this_is_said(world: World) -> None:
    intent = world.waiting("send_7")
    assert "No send at Sendoso could be this order.\n" in world.review(intent.id)[1]
    world.down = True
    assert "When it last was, it had: send_7." in world.review(intent.id)[1]


def test_a_settled_intent_is_told_and_left_as_it_is(world: World) -> None:
    intent = world.books.ended(State.CONFIRMED, cost=5)
    status, out, _ = world.review(intent.id, "--not-sent", says="yes")
    told = f"Intent {intent.id} is confirmed: send_{intent.id} for 5.00 USD."
    assert (status, out) == (1, f"There is nothing to settle. {told}\n")


# It was sent


def test_a_send_that_is_the_order_is_booked_at_its_real_cost(world: World) -> None:
    intent = world.waiting("send_1", "send_2")
    world.send("send_1")
    assert world.held() == 2000
    status, out, _ = world.review(intent.id, "--sent", "send_1", says="yes")
    assert status == 0
    assert "24.50 USD would be booked for it, in place of the 20.00 USD that are held.\n" in out
    assert out.endswith(f"Intent {intent.id} is confirmed: send_1 for 24.50 USD.\n")
    assert world.asked == ["Is send_1 this order? Type yes: "]
    attempt = world.intent(intent).attempt
    assert attempt is not None
    assert (attempt.send_id, attempt.cost) == ("send_1", Decimal("24.50"))
    assert world.held() == 2450
    assert world.trail(intent)[-1] == ("confirmed", "review by kim", "person_found_it")
    assert world.books.ledger.verify() == (len(list(world.books.ledger.trail())), _head(world))


def _head(world: World) -> str:
    return list(world.books.ledger.trail())[-1].hash


@pytest.mark.parametrize("says", ["y", "no", "", "yes!", None])
def test_nothing_but_a_typed_yes_settles_anything(world: World, says: str | None) -> None:
    intent = world.waiting("send_1")
    before = world.trail(intent)
    world.send("send_1", created_at=None)
    for words in (["--sent", "send_1"], ["--not-sent"]):
        status, out, _ = world.review(intent.id, *words, says=says)
        assert status == 1
        assert out.endswith("Nothing was changed.\n")
    assert len(world.asked) == 2
    assert world.trail(intent) == before


@pytest.mark.parametrize(
    ("facts", "differing"),
    [
        ({"recipient": {"id": "rcp_9"}}, "recipient"),
        ({"item": {"id": "itm_9"}}, "gift"),
        ({"message": "Hi"}, "message"),
        ({"crm_id": "003"}, "CRM id"),
        ({"at": DAY_ONE - timedelta(hours=1)}, "time"),
        ({"recipient": {"id": "rcp_9"}, "item": {"id": "itm_9"}}, "recipient, another gift"),
    ],
)
def test_a_send_that_is_not_what_was_ordered_needs_force(
    world: World, facts: dict[str, Any], differing: str
) -> None:
    intent = world.waiting("send_1")
    world.send("send_1", **facts)
    status, out, _ = world.review(intent.id, "--sent", "send_1", says="yes")
    assert status == 1
    assert f"It is not what was ordered: another {differing}. Nothing was changed. --force settles" in out
    assert not world.asked
    status, out, _ = world.review(intent.id, "--sent", "send_1", "--force", says="yes")
    assert status == 0
    assert f"It is not what was ordered: another {differing}.\n" in out
    reason = world.trail(intent)[-1][2]
    assert reason == f"person_found_it although_other {differing.replace(', another', '')}"


def test_by_a_mark_a_send_is_known_whatever_else_it_says(world: World) -> None:
    intent = world.waiting(mark="gift-1")
    world.send("send_1", message="Cut", crm_id="gift-1")
    world.send("send_2")
    assert world.review(intent.id, "--sent", "send_2", says="yes")[0] == 1
    assert world.review(intent.id, "--sent", "send_1", says="yes")[0] == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_send_of_another_intent_is_never_booked_twice(world: World, force: list[str]) -> None:
    world.books.ended(State.CONFIRMED, id="send_1")
    intent = world.waiting("send_1")
    world.send("send_1")
    status, out, _ = world.review(intent.id, "--sent", "send_1", *force, says="yes")
    assert status == 1
    assert "send_1 is the send of another intent, and one send is one order. Nothing was changed." in out
    assert not world.asked
    assert world.intent(intent).state is State.NEEDS_REVIEW


def test_a_send_that_another_open_order_could_be_is_pointed_out(world: World) -> None:
    intent, other = world.waiting(), world.waiting()
    world.send("send_1")
    _, out, _ = world.review(intent.id, "--sent", "send_1", says="no")
    assert f"It could also be the send of {other.id}, of which it is not known either." in out


def test_a_send_that_was_cancelled_gives_its_money_back(world: World) -> None:
    intent = world.waiting("send_1")
    world.send("send_1", status="cancelled")
    status, out, _ = world.review(intent.id, "--sent", "send_1", says="yes")
    assert status == 0
    assert "It was cancelled, so nothing is booked for it and the 20.00 USD held come back." in out
    assert world.held() == 0
    assert [step[0] for step in world.trail(intent)[-2:]] == ["confirmed", "cancelled"]


def test_a_send_without_a_cost_is_booked_at_what_is_held_and_a_failed_one_is_explained(world: World) -> None:
    intent = world.waiting()
    world.send("send_1", cost=None)
    world.send("send_2", status="failed")
    assert (
        "if Sendoso charged nothing for it, settle the order with --not-sent"
        in (world.review(intent.id, "--sent", "send_2", says="no")[1])
    )
    _, out, _ = world.review(intent.id, "--sent", "send_1", says="yes")
    assert "Sendoso tells no cost: the 20.00 USD that are held would be booked." in out
    assert world.held() == 2000


def test_a_limit_that_is_passed_by_the_real_cost_is_told(world: World) -> None:
    wish = world.books.wish()
    limits = {"per_day": 22}
    policy = wish.policy.model_validate({"limits": limits, "approval": {"ask_above": 0}})
    intent = world.waiting(wish=type(wish)(wish.quote, policy, wish.principal))
    world.send("send_1")
    _, out, _ = world.review(intent.id, "--sent", "send_1", says="yes")
    assert out.endswith("for 24.50 USD. That is over a limit (day).\n")


def test_an_unknown_order_is_taken_over_by_the_person_before_it_is_settled(world: World) -> None:
    world.books.now = datetime.now(UTC) - timedelta(seconds=30)
    intent = world.books.ended(State.UNKNOWN)
    world.send("send_1", message="Thanks, Ann")  # recovery does not find it, and it is too early to give up
    status, _, _ = world.review(intent.id, "--sent", "send_1", "--force", says="yes")
    assert status == 0
    assert world.trail(intent)[-2:] == [
        ("needs_review", "review by kim", "taken_by_person"),
        ("confirmed", "review by kim", "person_found_it although_other message"),
    ]


def test_a_send_that_sendoso_does_not_know_settles_nothing(world: World) -> None:
    intent = world.waiting("send_1")
    status, _, err = world.review(intent.id, "--sent", "send_1", says="yes")
    assert status == 2
    assert "Sendoso does not know send send_1 (HTTP 404)." in err
    assert err.endswith("Nothing was changed.\n")
    assert world.review(intent.id, "--sent", "../budget", says="yes")[0] == 2
    assert not world.asked


@pytest.mark.parametrize("words", [["--sent", "send_1"], ["--not-sent", "--force"]])
def test_what_was_settled_while_the_person_thought_is_told(world: World, words: list[str]) -> None:
    intent = world.waiting("send_1")
    world.send("send_1")
    world.meanwhile = lambda: world.books.ended(State.CONFIRMED, intent, id="send_7", cost=5)
    status, out, _ = world.review(intent.id, *words, says="yes")
    assert status == 1
    told = f"Intent {intent.id} is confirmed: send_7 for 5.00 USD."
    assert out.endswith(f"Meanwhile something else became of it. {told}\n")


# It was not sent


def test_an_order_that_was_not_sent_frees_its_money_and_its_key(world: World) -> None:
    wish = world.books.wish(key="k-1")
    intent = world.waiting(wish=wish)
    status, out, _ = world.review(intent.id, "--not-sent", says="yes")
    assert status == 0
    assert "No send at Sendoso could be this order.\n" in out
    assert "20.00 USD would no longer be held, and the same request could be made again." in out
    assert out.endswith(
        f"Intent {intent.id} is not sent: its money is back, and its idempotency key may be used again.\n"
    )
    assert world.asked == ["Is it certain that no gift was ordered? Type yes: "]
    assert world.held() == 0
    assert world.trail(intent)[-1] == ("not_sent", "review by kim", "person_says_not_sent")
    assert world.books.asked(wish).id != intent.id


def test_it_is_not_said_too_early_that_nothing_was_sent(world: World) -> None:
    world.books.now = datetime.now(UTC) - TAKES
    intent = world.books.ended(State.UNKNOWN)
    status, out, _ = world.review(intent.id, "--not-sent", "--force", says="yes")
    assert status == 1
    assert (
        "It is too early: the send may still appear at Sendoso. Nothing was changed. Look again after" in out
    )
    assert world.intent(intent).state is State.UNKNOWN


def test_against_what_sendoso_says_nothing_is_called_not_sent_without_force(world: World) -> None:
    intent = world.waiting()
    world.send("send_1")
    status, out, _ = world.review(intent.id, "--not-sent", says="yes")
    assert status == 1
    assert "send_1 is this order, by all that Sendoso says of it: see --sent. Nothing was changed." in out
    world.down = True
    status, out, _ = world.review(intent.id, "--not-sent", says="yes")
    assert status == 1
    assert "Sendoso could not be looked at just now, so the gift may be there. Nothing was changed." in out
    assert not world.asked
    assert world.review(intent.id, "--not-sent", "--force", says="yes")[0] == 0


# Who may


@pytest.mark.parametrize("words", [["--not-sent"], ["--sent", "send_1"], ["--not-sent", "--force"]])
def test_without_a_terminal_nothing_is_settled_nor_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("SENDOSO_API_KEY", KEY)
    monkeypatch.setenv("SENDOSO_LEDGER_URL", world.books.url)
    monkeypatch.setattr("builtins.input", world.answer)
    intent = world.waiting("send_1")
    world.send("send_1")
    status, out, err = world.review(intent.id, *words, says="yes")
    assert (status, out) == (2, "")
    assert "Only a person at a terminal can say what became of an order. Nothing was changed." in err
    assert not world.asked
    assert world.review(intent.id)[0] == 0, "everybody may look"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["abc"], "The ledger has no intent abc. Nothing was changed."),
        (["--not-sent"], "Say which intent"),
        (["abc", "--force"], "--force goes with --sent or --not-sent"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, words: list[str], problem: str) -> None:
    status, _, err = world.review(*words)
    assert status == 2
    assert problem in err


def test_without_a_key_there_is_nothing_to_review(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENDOSO_API_KEY")
    status, _, err = world.review()
    assert status == 2
    assert "it needs SENDOSO_API_KEY" in err


def test_a_ledger_that_is_not_there_or_somebody_elses_is_refused_and_not_made(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDOSO_BASE_URL", "https://other.example/v2")
    status, _, err = world.review()
    assert status == 2
    assert "holds the sends of Sendoso at app.sendoso.com, and this server is for Sendoso at other" in err
    missing = tmp_path / "missing.sqlite3"
    monkeypatch.setenv("SENDOSO_LEDGER_URL", f"sqlite:///{missing}")
    status, _, err = world.review()
    assert status == 2
    assert f"There is no ledger at {missing}" in err
    assert not missing.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_person_at_a_real_terminal_settles_an_order(tmp_path: Path) -> None:
    import pty

    books = Books(tmp_path / "ledger.sqlite3", account="Sendoso at 127.0.0.1:9")
    intent = books.ended(State.NEEDS_REVIEW, books.ended(State.UNKNOWN), reason="not_found_at_sendoso")
    environ = os.environ | {
        "SENDOSO_API_KEY": KEY,
        "SENDOSO_BASE_URL": "http://127.0.0.1:9",  # where nothing listens
        "SENDOSO_LEDGER_URL": books.url,
    }
    command = [sys.executable, "-P", "-m", "sendoso_mcp", "review", intent.id, "--not-sent", "--force"]
    master, slave = pty.openpty()
    with subprocess.Popen(command, env=environ, stdin=slave, stdout=slave, stderr=subprocess.PIPE) as process:
        os.close(slave)
        os.write(master, b"yes\n")
        assert process.wait(timeout=60) == 0
        os.close(master)
    assert books.ledger.known(intent.id).state is State.NOT_SENT
    books.ledger.close()
