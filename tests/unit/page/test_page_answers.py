"""What a person sees and decides: the list, a question, and what comes of each answer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from desk_kit import MUG, NOON, PIN, FakeDesk
from page_kit import Reading, visiting

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.page.views import MOST_LISTED
from sendoso_mcp.spending.desk import Stand

pytestmark = pytest.mark.anyio
NOTHING = "Nothing was approved, and nothing was ordered."


def alarm(page: Reading) -> str:
    """What the alert at the top says; empty if there is none."""
    return page.within("alert")


async def test_the_list_says_for_each_question_whom_what_how_much_and_until_when() -> None:
    other = replace(MUG, id="0123456789ab", price=Decimal("1234.5"), lines=(("To", "Ana Lima"),))
    async with visiting(FakeDesk({MUG.id: MUG, other.id: other})) as visitor:
        page = await visitor.see("/approvals")
    for fact in (
        "2 questions for you",
        "Question 3f2a9c01b2d4 34.00 USD To Sarah Johnson <sarah.johnson@acme.example>",
        "Gift Stoneware Mug Set (physical) Open until 26 November 2026, 12:00 UTC (in 24 hours)",
        "Question 0123456789ab 1,234.50 USD To Ana Lima",
    ):
        assert fact in page.text
    links = [link["href"] for link in page.all("a")]
    assert links == ["/approvals", "/approvals/3f2a9c01b2d4", "/approvals/0123456789ab"]


async def test_an_empty_list_says_so() -> None:
    async with visiting(FakeDesk({})) as visitor:
        assert "No question waits" in (await visitor.see("/approvals")).text


async def test_the_list_leaves_out_what_nobody_can_decide_any_more() -> None:
    answered = replace(MUG, id="answered", stand=Stand.APPROVED)
    expired = replace(MUG, id="expired", expires_at=NOON)
    async with visiting(FakeDesk({one.id: one for one in (answered, expired)})) as visitor:
        assert "No question waits" in (await visitor.see("/approvals")).text


async def test_a_very_long_list_is_cut_and_says_so() -> None:
    questions = {f"q{number}": replace(MUG, id=f"q{number}") for number in range(MOST_LISTED + 7)}
    async with visiting(FakeDesk(questions)) as visitor:
        page = await visitor.see("/approvals")
    assert len(page.all("li")) == MOST_LISTED
    assert "107 questions for you" in page.text
    assert "And 7 more" in page.text


async def test_a_question_shows_every_fact_why_it_is_asked_and_until_when() -> None:
    async with visiting(FakeDesk()) as visitor:
        page = await visitor.see(f"/approvals/{MUG.id}")
    for label, text in MUG.lines:
        assert f"{label} {' '.join(text.split())}" in page.text
    for fact in (
        "Send this gift? 34.00 USD plus shipping and fees as Sendoso sets them",
        "Asked by local:dana in Claude Desktop Asked on 25 November 2026, 12:00 UTC",
        "Open until 26 November 2026, 12:00 UTC (in 24 hours) Question 3f2a9c01b2d4",
        "Why a person is asked Over 25.00 USD a form in the chat is not enough",
    ):
        assert fact in page.text
    assert alarm(page) == ""
    assert page.within("title") == "Send this gift? · Gift approvals"


async def test_the_form_refuses_first_and_asks_for_a_pin_that_the_browser_does_not_keep() -> None:
    async with visiting(FakeDesk()) as visitor:
        page = await visitor.see(f"/approvals/{MUG.id}")
    assert page.within("button") == "Do not send Approve"
    # The first button of the PIN's own form is the one that Enter presses.
    assert [button.get("form") for button in page.all("button")] == ["no", None]
    pin = page.one("input", name="pin")
    assert pin["type"] == "password"
    assert pin["autocomplete"] == "off"
    # A PIN can be any text: a phone must not show its number pad alone.
    assert not {"pattern", "inputmode", "maxlength", "value"} & set(pin)
    assert page.all("label") == [{"for": "pin"}]
    assert page.form("no")["decision"] == "reject"
    assert page.form("yes")["decision"] == "approve"


async def test_a_question_that_is_no_order_is_not_called_a_gift() -> None:
    async with visiting(FakeDesk({MUG.id: replace(MUG, price=None, why=())})) as visitor:
        text = (await visitor.see(f"/approvals/{MUG.id}")).text
    assert "Allow this? To Sarah" in text
    assert "Refuse Approve" in text
    assert "plus shipping" not in text
    assert "Why a person" not in text


async def test_the_right_pin_approves_once_and_nothing_is_ordered_yet() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        page = await visitor.decide("approve", PIN)
    assert desk.stand() is Stand.APPROVED
    assert desk.heard == [("approve", MUG.id, "approval page, from 192.0.2.7")]
    assert "Approved 34.00 USD" in page.text
    assert "The assistant must call again before 26 November 2026, 12:00 UTC" in page.text
    assert "Until it does, nothing is ordered" in page.text
    assert page.all("input", name="pin") == []
    assert page.within("button") == "Take the yes back"


async def test_a_yes_can_be_taken_back_without_a_pin() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        await visitor.decide("approve", PIN)
        page = await visitor.decide("reject")
    assert desk.stand() is Stand.CLOSED
    assert "Closed" in page.text
    assert "What became of it: declined" in page.text
    assert page.all("form") == []


async def test_a_refusal_needs_no_pin() -> None:
    desk = FakeDesk(pin=None)
    async with visiting(desk) as visitor:
        page = await visitor.decide("reject")
    assert desk.heard == [("reject", MUG.id, "approval page, from 192.0.2.7")]
    assert "What became of it: declined. Nothing can be decided any more." in page.text
    assert alarm(page) == ""


async def test_a_wrong_pin_approves_nothing_and_says_how_long_to_wait() -> None:
    desk = FakeDesk(wait=8.0)
    async with visiting(desk) as visitor:
        page = await visitor.decide("approve", "0000")
        assert desk.stand() is Stand.WAITING
        assert f"That PIN is not right. {NOTHING}" in alarm(page)
        assert "The next try counts in 8 seconds, at 12:00:08 UTC; none before it." in alarm(page)
        assert page.within("title").startswith("Nothing was approved: Send")
        assert page.one("input", name="pin")["aria-describedby"] == "pin-wrong pin-hint"
        assert page.one("input", name="pin")["aria-invalid"] == "true"
        assert page.one("p", id="pin-wrong")
        assert page.one("a", href="#pin")
        early = await visitor.decide("approve", PIN)
        assert desk.stand() is Stand.WAITING
        assert f"too soon after a wrong PIN, so the PIN was not looked at. {NOTHING}" in alarm(early)
        desk.time += timedelta(seconds=8)
        await visitor.decide("approve", PIN)
    assert desk.stand() is Stand.APPROVED


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (0.2, "in 1 second, at 12:00:01 UTC"),
        (90.0, "in 1 minute, at 12:01:30 UTC"),
        (86_400.0, "in 24 hours, at 26 November 2026, 12:00 UTC"),
    ],
)
async def test_a_wait_is_said_in_units_that_people_use(wait: float, said: str) -> None:
    async with visiting(FakeDesk(wait=wait)) as visitor:
        assert said in alarm(await visitor.decide("approve", "0000"))


async def test_a_page_that_is_loaded_again_after_the_wait_says_that_it_is_over() -> None:
    desk = FakeDesk(wait=8.0)
    async with visiting(desk) as visitor:
        answer = await visitor.post(await visitor.form() | {"pin": "0000"})
        desk.time += timedelta(seconds=9)
        assert "You can try again now." in alarm(await visitor.after(answer))
        assert len(desk.heard) == 1


async def test_a_note_is_not_repeated_when_the_question_has_moved_on() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.post(await visitor.form() | {"pin": "0000"})
        await visitor.decide("approve", PIN)
        page = await visitor.after(answer)
    assert alarm(page) == ""
    assert "Approved" in page.text


async def test_without_a_pin_the_command_that_sets_one_is_named() -> None:
    desk = FakeDesk(pin=None)
    async with visiting(desk) as visitor:
        page = await visitor.decide("approve", "1234")
    assert f"No approver's PIN is set yet. {NOTHING}" in alarm(page)
    assert "run sendoso-mcp approvals set-pin at a terminal" in alarm(page)
    assert desk.stand() is Stand.WAITING


@pytest.mark.parametrize("form", [{}, {"pin": ""}], ids=["left out", "empty"])
async def test_a_missing_pin_is_no_try(form: dict[str, str]) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        page = await visitor.after(await visitor.post(await visitor.form() | form))
    assert f"Approving needs the approver's PIN. {NOTHING}" in alarm(page)
    assert desk.heard == []


@pytest.mark.parametrize("pin", ["correct horse battery staple", "пароль", " 4711 ", "a+b&c=d%41", "0" * 300])
async def test_any_text_can_be_a_pin_and_arrives_as_it_was_typed(pin: str) -> None:
    desk = FakeDesk(pin=pin)
    async with visiting(desk) as visitor:
        await visitor.decide("approve", pin)
    assert desk.stand() is Stand.APPROVED


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_facts_that_changed_are_shown_anew_and_must_be_answered_anew(decision: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form(decision)
        desk.change(price=Decimal(95), seal="another")
        page = await visitor.after(await visitor.post(form | {"pin": PIN}))
        assert desk.stand() is Stand.WAITING
        assert f"They are not those that you answered. {NOTHING}" in alarm(page)
        assert "95.00 USD" in page.text
        await visitor.decide("approve", PIN)
    assert desk.stand() is Stand.APPROVED


async def test_an_answer_to_a_question_that_was_closed_changes_nothing() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form()
        desk.change(stand=Stand.CLOSED, ended_as="sent")
        page = await visitor.after(await visitor.post(form | {"pin": PIN}))
    assert "Your answer changed nothing" in alarm(page)
    assert "nothing was approved or ordered" in alarm(page)
    assert "What became of it: sent" in page.text
    assert page.all("form") == []


@pytest.mark.parametrize(
    ("stand", "said"),
    [(Stand.WAITING, "It expired."), (Stand.APPROVED, "It expired before it was used.")],
)
async def test_an_expired_question_has_no_form(stand: Stand, said: str) -> None:
    desk = FakeDesk({MUG.id: replace(MUG, stand=stand)}, time=MUG.expires_at)
    async with visiting(desk) as visitor:
        page = await visitor.see(f"/approvals/{MUG.id}")
    assert f"{said} Nothing was ordered, and nothing can be decided any more." in page.text
    assert page.all("form") == []


@pytest.mark.parametrize(
    "question_id", ["0123456789ab", "x" * 65, "%00", "a.b", "<script>", "..%2f..", "%F0%9F%8E%81"]
)
async def test_an_unknown_question_is_not_found_and_not_repeated(question_id: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.http.get(f"/approvals/{question_id}")
    assert answer.status_code == 404
    assert NOTHING in Reading(answer.text).text
    assert question_id not in answer.text


async def test_a_question_that_vanished_meanwhile_is_not_found() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form()
        desk.questions.clear()
        answer = await visitor.post(form | {"pin": PIN})
    assert answer.status_code == 404
    assert NOTHING in Reading(answer.text).text


@pytest.mark.parametrize("path", ["/", "/approvals/", "/approval", "/favicon.ico", "/approvals/a/b"])
async def test_nothing_else_is_served(path: str) -> None:
    async with visiting(FakeDesk()) as visitor:
        answer = await visitor.http.get(path)
    assert answer.status_code == 404
    assert NOTHING in Reading(answer.text).text


async def test_a_ledger_that_cannot_be_used_is_said_with_what_was_not_done() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form()
        desk.fault = LedgerUnavailable("it is locked")
        answers = [
            await visitor.http.get("/approvals"),
            await visitor.http.get(f"/approvals/{MUG.id}"),
            await visitor.post(form | {"pin": PIN}),
        ]
    for answer in answers:
        assert answer.status_code == 503
        assert "(it is locked)" in answer.text
        assert NOTHING in Reading(answer.text).text


async def test_a_defect_is_said_without_its_details() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form()
        desk.fault = RuntimeError("secret detail")
        answer = await visitor.post(form | {"pin": PIN})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Nothing was ordered by this page" in Reading(answer.text).text


async def test_the_sandbox_is_said_on_every_page_and_only_there() -> None:
    for sandbox in (True, False):
        async with visiting(FakeDesk(), sandbox=sandbox) as visitor:
            for path in ("/approvals", f"/approvals/{MUG.id}", "/approvals/unknown"):
                said = "Nothing is really sent or charged" in (await visitor.see(path)).text
                assert said is sandbox


async def test_every_time_is_in_utc_and_says_so() -> None:
    async with visiting(FakeDesk()) as visitor:
        for path in ("/approvals", f"/approvals/{MUG.id}"):
            text = (await visitor.see(path)).text
            assert len(re.findall(r"\d\d:\d\d", text)) == text.count(" UTC") > 0
