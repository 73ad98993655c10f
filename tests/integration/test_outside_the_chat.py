"""A person decides outside the chat: the way there, their yes and no, and what the assistant sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitRequestURLParams, ElicitResult, ErrorData
from support import (
    EGIFT,
    ERAS,
    NO,
    SARAH,
    YES,
    Chat,
    Person,
    change,
    chat,
    order,
    quick_policy,
    raise_price,
    sends,
)

from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.outside import SANDBOX_PIN
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.desk import Ruling, Stand
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.pin import hash_pin

pytestmark = pytest.mark.anyio
NOBODY = None
DECLINES = ElicitResult(action="decline")
CLOSES = ElicitResult(action="cancel")


async def page() -> str:
    return "http://127.0.0.1:1/approvals"


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


def desk_of(connected: Chat) -> Approvals:
    assert connected.services is not None
    return connected.services.outside.desk


async def approve(connected: Chat, question_id: str, pin: str = SANDBOX_PIN) -> Ruling:
    """What a person does on the approval page."""
    desk = desk_of(connected)
    question = await desk.question(question_id)
    assert question is not None
    return (await desk.approve(question_id, seal=question.seal, pin=pin, approver="a test")).ruling


async def reject(connected: Chat, question_id: str) -> Ruling:
    desk = desk_of(connected)
    question = await desk.question(question_id)
    assert question is not None
    return (await desk.reject(question_id, seal=question.seal, approver="a test")).ruling


@ERAS
@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}], ids=["no key", "key"])
async def test_with_a_client_that_cannot_ask_a_person_approves_and_the_next_call_sends_once(
    sandbox: Sandbox, mode: str, key: dict[str, str]
) -> None:
    before = sends(sandbox)
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **order(**key))
        assert asked["outcome"] == "approval_required"
        assert asked["url"] == f"http://127.0.0.1:1/approvals/{asked['question']}"
        (reason,) = asked["reasons"]
        assert reason["code"] == "client_cannot_ask"
        for words in (asked["url"], SANDBOX_PIN, "call create_send again", "No gift was ordered"):
            assert words in reason["text"]
        again = await connected.call("create_send", **order(**key))
        assert again["question"] == asked["question"]
        assert sends(sandbox) == before

        assert await approve(connected, asked["question"], "314159") is Ruling.WRONG_PIN
        assert await approve(connected, asked["question"]) is Ruling.TOO_SOON
        assert (await connected.call("create_send", **order(**key)))["outcome"] == "approval_required"
        await waited_for_the_next_try(connected, asked["question"])
        seen = await connected.call("get_send", send_id=asked["question"])
        assert (seen["status"], seen["to"]) == ("approved", "Sarah Johnson")
        assert sends(sandbox) == before

        done = await connected.call("create_send", **order(**key))
        assert done["outcome"] == "sent"
        assert (await connected.call("get_send", send_id=asked["question"]))["status"] == "pending"
        after = await connected.call("create_send", **order(**key))
        assert after["outcome"] == ("sent" if key else "approval_required")
    assert sends(sandbox) == before + 1


async def waited_for_the_next_try(connected: Chat, question_id: str) -> None:
    """Tries the right PIN until it is looked at."""
    for _ in range(100):
        ruling = await approve(connected, question_id)
        if ruling is Ruling.DONE:
            return
        assert ruling is Ruling.TOO_SOON
        await anyio.sleep(0.1)
    raise AssertionError("no try counts any more")


@ERAS
async def test_a_gift_that_is_too_dear_for_a_form_is_approved_outside(sandbox: Sandbox, mode: str) -> None:
    person, before = Person(), sends(sandbox)
    rules = quick_policy(approval={"outside_chat_above": 20})
    async with chat(sandbox, mode=mode, person=person, policy=rules, page=page) as connected:
        asked = await connected.call("create_send", **order())
        assert [reason["code"] for reason in asked["reasons"]] == ["outside_chat_required"]
        assert await approve(connected, asked["question"]) is Ruling.DONE
        assert (await connected.call("create_send", **order()))["outcome"] == "sent"
    assert person.asked == []
    assert sends(sandbox) == before + 1


async def test_the_page_and_the_command_show_the_crm_record_and_its_kind(sandbox: Sandbox) -> None:
    async with chat(sandbox, person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **order(crm_id="003x", crm_type="lead"))
        question = await desk_of(connected).question(asked["question"])
    assert question is not None
    assert {("CRM record", "003x"), ("Kind of CRM record", "lead")} <= {*question.lines}


@ERAS
@pytest.mark.parametrize("taken_back", [False, True], ids=["refused", "a yes that is taken back"])
async def test_a_no_outside_the_chat_stops_it(sandbox: Sandbox, mode: str, taken_back: bool) -> None:
    before, keyed = sends(sandbox), order(idempotency_key="k")
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **keyed)
        if taken_back:
            assert await approve(connected, asked["question"]) is Ruling.DONE
        assert await reject(connected, asked["question"]) is Ruling.DONE
        assert (await connected.call("create_send", **keyed))["outcome"] == "declined"
        assert await approve(connected, asked["question"]) is Ruling.CLOSED
        assert (await connected.call("create_send", **keyed))["outcome"] == "declined"
        assert (await connected.call("get_send", send_id=asked["question"]))["status"] == "declined"
    assert sends(sandbox) == before


@ERAS
@pytest.mark.parametrize("answer", [YES, NO, DECLINES, CLOSES], ids=["yes", "no", "declines", "closes"])
async def test_an_answer_that_nobody_can_have_read_is_none(
    sandbox: Sandbox, mode: str, answer: ElicitResult
) -> None:
    person, before = Person(answer), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person, slow_reader=True, page=page) as connected:
        asked = await connected.call("create_send", **order(idempotency_key="k"))
        assert asked["outcome"] == "approval_required"
        assert [reason["code"] for reason in asked["reasons"]] == ["answered_too_fast"]
        # It is not put to that client again.
        again = await connected.call("create_send", **order(idempotency_key="k"))
        assert again["question"] == asked["question"]
        assert len(person.asked) == 1
        assert sends(sandbox) == before
        assert await approve(connected, asked["question"]) is Ruling.DONE
        assert (await connected.call("create_send", **order(idempotency_key="k")))["outcome"] == "sent"
    assert sends(sandbox) == before + 1


@ERAS
async def test_a_person_who_reads_is_heard(sandbox: Sandbox, mode: str) -> None:
    class Reads(Person):
        async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
            await anyio.sleep(1.1)  # what is tested is that time passes
            answer = await super().__call__(context, params)
            assert isinstance(answer, ElicitResult)
            return answer

    before = sends(sandbox)
    async with chat(sandbox, mode=mode, person=Reads(), slow_reader=True) as connected:
        assert (await connected.call("create_send", **order()))["outcome"] == "sent"
    assert sends(sandbox) == before + 1


@ERAS
async def test_a_yes_outside_is_void_when_the_price_has_changed(sandbox: Sandbox, mode: str) -> None:
    before = sends(sandbox)
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **order(idempotency_key="k"))
        assert await approve(connected, asked["question"]) is Ruling.DONE
        raise_price(sandbox, EGIFT)
        anew = await connected.call("create_send", **order(idempotency_key="k"))
        assert anew["outcome"] == "approval_required"
        assert anew["question"] != asked["question"]
        question = await desk_of(connected).question(asked["question"])
        assert question is not None
        assert (question.stand, question.ended_as) == (Stand.CLOSED, "replaced by a newer question")
    assert sends(sandbox) == before


@ERAS
async def test_a_yes_buys_one_gift_however_many_call_for_it(sandbox: Sandbox, mode: str) -> None:
    before = sends(sandbox)
    outcomes: list[str] = []
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **order())
        assert await approve(connected, asked["question"]) is Ruling.DONE

        async def call() -> None:
            outcomes.append((await connected.call("create_send", **order()))["outcome"])

        async with anyio.create_task_group() as calls:
            for _ in range(20):
                calls.start_soon(call)
    assert sends(sandbox) == before + 1
    assert set(outcomes) <= {"sent", "approval_required"}


async def test_of_much_that_waits_it_is_told_how_much_is_not_shown(sandbox: Sandbox) -> None:
    async with chat(sandbox, mode="legacy", person=NOBODY, page=page) as connected:
        for number in range(20):
            await connected.call("create_send", **order(message=f"Thanks {number}"))
        assert "waiting_total" not in await connected.call("list_sends", limit=1)
        last = await connected.call("create_send", **order(message="Thanks again"))
        listed = await connected.call("list_sends", limit=1)
    assert (len(listed["waiting"]), listed["waiting_total"]) == (20, 21)
    assert listed["waiting"][0]["question"] == last["question"]


@ERAS
async def test_waiting_is_visible_and_can_be_withdrawn(sandbox: Sandbox, mode: str) -> None:
    before = sends(sandbox)
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        assert "waiting" not in await connected.call("list_sends", limit=1)
        asked = await connected.call("create_send", **order())
        listed = await connected.call("list_sends", limit=1)
        assert listed["waiting"] == [
            {
                "question": asked["question"],
                "status": "awaiting_approval",
                "to": "Sarah Johnson",
                "gift": "Coffeehouse eGift Card $25",
                "price": 25.0,
                "until": asked["until"],
            }
        ]
        assert "waiting" not in await connected.call("list_sends", limit=1, status="pending")
        seen = await connected.call("get_send", send_id=asked["question"])
        assert (seen["status"], seen["url"]) == ("awaiting_approval", asked["url"])
        assert await approve(connected, asked["question"]) is Ruling.DONE
        withdrawn = await connected.call("cancel_send", send_id=asked["question"])
        assert withdrawn["outcome"] == "withdrawn"
        assert (await connected.call("create_send", **order()))["outcome"] == "approval_required"
        again = await connected.call("cancel_send", send_id=asked["question"])
        assert again["outcome"] == "too_late"
    assert sends(sandbox) == before


@ERAS
async def test_where_there_is_no_page_and_no_command_it_says_so(sandbox: Sandbox, mode: str) -> None:
    async with chat(sandbox, mode=mode, person=NOBODY) as connected:
        asked = await connected.call("create_send", **order())
    assert "no approval page" in asked["reasons"][0]["text"]
    assert "url" not in asked


# Cancelling


async def pending(connected: Chat) -> str:
    """A send that can still be cancelled, ordered by somebody else."""
    listed = await connected.call("list_sends", status="pending", limit=1)
    return str(listed["sends"][0]["id"])


@ERAS
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(YES, "cancelled"), (NO, "declined"), (DECLINES, "declined"), (CLOSES, "declined")],
)
async def test_a_person_is_asked_before_a_send_is_cancelled(
    sandbox: Sandbox, mode: str, answer: ElicitResult, outcome: str
) -> None:
    person = Person(answer)
    async with chat(sandbox, mode=mode, person=person) as connected:
        send = await pending(connected)
        done = await connected.call("cancel_send", send_id=send)
        assert done["outcome"] == outcome
        status = (await connected.call("get_send", send_id=send))["status"]
    assert (status == "cancelled") == (outcome == "cancelled")
    assert person.asked[0].startswith("Cancel this send?\nTo: ")


@ERAS
@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}], ids=["no key", "key"])
async def test_closing_the_form_takes_back_no_yes_that_was_given_outside(
    sandbox: Sandbox, mode: str, key: dict[str, str]
) -> None:
    before, found = sends(sandbox), list[Chat]()

    async def person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        (question,) = await desk_of(found[0]).waiting()
        assert await approve(found[0], question.id) is Ruling.DONE
        return CLOSES

    async with chat(sandbox, mode=mode, person=person, policy=quick_policy()) as connected:
        found.append(connected)
        await desk_of(connected).have_pin(lambda: hash_pin(SANDBOX_PIN))
        assert (await connected.call("create_send", **order(**key)))["outcome"] == "sent"
    assert sends(sandbox) == before + 1


@ERAS
@pytest.mark.parametrize("fast", [False, True], ids=["cannot be asked", "answers at once"])
async def test_a_cancellation_is_approved_outside_and_done_once(
    sandbox: Sandbox, mode: str, fast: bool
) -> None:
    person = Person(YES) if fast else NOBODY
    async with chat(sandbox, mode=mode, person=person, slow_reader=True, page=page) as connected:
        send = await pending(connected)
        asked = await connected.call("cancel_send", send_id=send)
        assert asked["outcome"] == "approval_required"
        assert "Nothing was cancelled" in asked["reasons"][0]["text"]
        assert (await connected.call("get_send", send_id=send))["status"] == "pending"
        assert await approve(connected, asked["question"]) is Ruling.DONE
        assert (await connected.call("cancel_send", send_id=send))["outcome"] == "cancelled"
        assert (await connected.call("cancel_send", send_id=send))["outcome"] == "already_cancelled"
        assert await approve(connected, asked["question"]) is Ruling.CLOSED


@ERAS
async def test_a_slow_sendoso_makes_no_slow_reader(sandbox: Sandbox, mode: str) -> None:
    """In rounds, everything is looked up again with the answer: that is no time in which a person read."""
    read, served, slow = 0.3, sandbox.app, False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(1.2 * read if slow else 0)
        await served(scope, receive, send)

    line = replace(sandbox, app=app)
    policy = quick_policy(approval={"read_seconds": read})
    async with chat(line, mode=mode, person=Person(YES), policy=policy, page=page) as connected:
        send, before = await pending(connected), sends(sandbox)
        await connected.call("search_inventory", query="")
        slow = True
        asked = await connected.call("create_send", **order())
        kept = await connected.call("cancel_send", send_id=send)
    assert [reason["code"] for reason in asked["reasons"]] == ["answered_too_fast"]
    assert kept["outcome"] == "approval_required"
    assert sends(sandbox) == before


@ERAS
async def test_a_question_that_is_put_anew_as_a_fact_changed_can_be_answered(
    sandbox: Sandbox, mode: str
) -> None:
    class Reader(Person):
        async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> Any:
            await anyio.sleep(0.3)
            if not self.asked:
                raise_price(sandbox, EGIFT)
            return await super().__call__(context, params)

    person, before = Reader(YES), sends(sandbox)
    policy = quick_policy(approval={"read_seconds": 0.2})
    async with chat(sandbox, mode=mode, person=person, policy=policy, page=page) as connected:
        told = await connected.call("create_send", **order())
        if mode == "legacy":  # where a call has one question
            assert [reason["code"] for reason in told["reasons"]] == ["facts_changed"]
            told = await connected.call("create_send", **order())
    assert told["outcome"] == "sent"
    assert len(person.asked) == 2
    assert sends(sandbox) == before + 1


@ERAS
async def test_a_gift_with_a_list_price_of_nothing_is_asked_about(sandbox: Sandbox, mode: str) -> None:
    gift = next(gift for gift in sandbox.world.gifts() if gift.id == EGIFT)
    change(gift, price=Decimal(0))
    person, before = Person(NO), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person, page=page) as connected:
        assert (await connected.call("create_send", **order()))["outcome"] == "declined"
    assert len(person.asked) == 1
    assert sends(sandbox) == before


@ERAS
async def test_a_question_shows_where_an_address_ends(sandbox: Sandbox, mode: str) -> None:
    """What comes first in it, the assistant may have made up to look like somebody else's."""
    person = Person(NO)
    local = "ann.smith@acme.com.mailé." + "internal-relay." * 8
    address = {
        "street2": "deliver to the reception, " * 7,
        "street1": "Acme Corp, 1 Main Street, Springfield; " * 5,
        "city": "Eveville",
        "postal_code": "89001",
        "country": "US",
    }
    async with chat(sandbox, mode=mode, person=person, page=page) as connected:
        made = await connected.call(
            "create_recipient",
            first_name="Ann",
            last_name="Smith",
            email=f"{local}evil.example",
            address=address,
        )
        gift = next(gift.id for gift in sandbox.world.gifts() if gift.available and gift.type == "physical")
        await connected.call("create_send", recipient_id=made["recipient_id"], item_id=gift)
    lines = person.asked[0].splitlines()
    assert lines[1].endswith('evil.example"')
    assert any(line.startswith("Note: ") and "xn--mail-" in line for line in lines)
    assert "Eveville" in next(line for line in lines if line.startswith("Shipped to: "))


@ERAS
async def test_a_gift_can_be_cancelled_by_the_number_of_its_question(sandbox: Sandbox, mode: str) -> None:
    """As get_send takes it: it is the only number that an answer of before the order has."""
    person = Person(YES)
    rules = quick_policy(approval={"outside_chat_above": 20})
    async with chat(sandbox, mode=mode, person=person, policy=rules, page=page) as connected:
        asked = await connected.call("create_send", **order())
        assert await approve(connected, asked["question"]) is Ruling.DONE
        done = await connected.call("create_send", **order())
        cancelled = await connected.call("cancel_send", send_id=asked["question"])
        assert (cancelled["outcome"], cancelled["refund"]) == ("cancelled", done["cost"])
        assert f'Send: "{done["send_id"]}"' in person.asked[0]
        again = await connected.call("cancel_send", send_id=asked["question"])
        assert again["outcome"] == "already_cancelled"


async def test_an_order_of_which_nobody_knows_cannot_be_cancelled_by_its_question(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("POST", "/sends", status=500))
    async with chat(sandbox, mode="legacy", person=NOBODY, page=page) as connected:
        asked = await connected.call("create_send", **order())
        assert await approve(connected, asked["question"]) is Ruling.DONE
        assert (await connected.call("create_send", **order()))["outcome"] == "unknown"
        kept = await connected.call("cancel_send", send_id=asked["question"])
        seen = await connected.call("get_send", send_id=asked["question"])
    assert seen["status"] == "unknown"
    assert "Do not send it again" in seen["hint"]
    assert kept["outcome"] == "too_late"
    assert "get_send" in kept["reasons"][0]["text"]


async def test_a_cancellation_that_is_put_anew_as_a_fact_changed_can_be_answered(sandbox: Sandbox) -> None:
    """In rounds all is looked up again with the answer, and another question takes the place of the first."""
    send = ""

    class Reader(Person):
        async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> Any:
            await anyio.sleep(0.3)
            if not self.asked:
                placed, _ = sandbox.world.send(send)
                change(placed, cost=placed.cost + 1)
            return await super().__call__(context, params)

    person, policy = Reader(YES), quick_policy(approval={"read_seconds": 0.2})
    async with chat(sandbox, mode="auto", person=person, policy=policy, page=page) as connected:
        send = await pending(connected)
        done = await connected.call("cancel_send", send_id=send)
    assert done["outcome"] == "cancelled"
    assert len(person.asked) == 2
    assert f"{done['refund']:.2f} USD" in person.asked[1]


@pytest.mark.parametrize("what", ["cost", "status", "nothing can be read"])
async def test_before_2026_07_28_a_send_is_looked_up_again_after_the_yes_to_cancel_it(what: str) -> None:
    """The call waits while the form is open, and what the person saw may not be so any more."""
    sandbox, send = create_sandbox(seed=11, items=20), ""

    def meanwhile() -> None:
        placed, _ = sandbox.world.send(send)
        if what == "cost":
            change(placed, cost=placed.cost + 1)
        elif what == "status":
            sandbox.world.cancel(send)
        else:
            sandbox.faults.append(Fault("GET", f"/sends/{send}", status=403))

    person = Person(YES, before=meanwhile)
    async with chat(sandbox, mode="legacy", person=person) as connected:
        send = await pending(connected)
        if what == "nothing can be read":
            told = await connected.fail("cancel_send", send_id=send)
            assert "Nothing was cancelled" in told
        else:
            done = await connected.call("cancel_send", send_id=send)
            assert done["outcome"] == ("approval_required" if what == "cost" else "already_cancelled")
        person.before = None
        sandbox.faults.clear()
        if what != "status":
            assert (await connected.call("get_send", send_id=send))["status"] == "pending"
            done = await connected.call("cancel_send", send_id=send)
            assert done["outcome"] == "cancelled"
            assert f"{done['refund']:.2f} USD" in person.asked[1]


async def test_a_cancellation_that_was_answered_too_fast_is_not_put_again(sandbox: Sandbox) -> None:
    person = Person(YES)
    async with chat(sandbox, mode="legacy", person=person, slow_reader=True, page=page) as connected:
        send = await pending(connected)
        for _ in range(3):
            assert (await connected.call("cancel_send", send_id=send))["outcome"] == "approval_required"
    assert len(person.asked) == 1


@ERAS
async def test_a_recipient_that_the_assistant_made_is_asked_about_in_spite_of_an_envelope(
    sandbox: Sandbox, mode: str
) -> None:
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        made = await connected.call(
            "create_recipient", first_name="Mal", last_name="M", email="m@acme.example"
        )
        now = datetime.now(UTC)
        envelope = Envelope(
            name="Q4",
            sends=5,
            each=Decimal(50),
            domains=("acme.example", "northwindrobotics.example"),
            until=now + timedelta(days=1),
            opened_at=now,
            opened_by="a test",
        )
        desk_of(connected).decisions.open_envelope(envelope)
        known = await connected.call("create_send", **order(idempotency_key="a"))
        assert known["outcome"] == "sent"
        asked = await connected.call("create_send", recipient_id=made["recipient_id"], item_id=EGIFT)
        assert asked["outcome"] == "approval_required"


@ERAS
async def test_a_question_tells_that_the_assistant_made_the_recipient(sandbox: Sandbox, mode: str) -> None:
    told = "The assistant added a recipient with this email: check name and address."
    person, before = Person(YES), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person, page=page) as connected:
        made = await connected.call(
            "create_recipient", first_name="Mal", last_name="M", email="m+x@acme.example"
        )
        theirs = {"recipient_id": made["recipient_id"], "item_id": EGIFT, "idempotency_key": "k"}
        seen = await connected.call("preview_send", **theirs)
        assert "recipient_made_by_assistant" in {reason["code"] for reason in seen["reasons"]}
        assert (await connected.call("create_send", **theirs))["outcome"] == "sent"
        await connected.call("create_send", **order(idempotency_key="s"))
    assert [f"Note: {told}" in text.splitlines() for text in person.asked] == [True, False]
    assert sends(sandbox) == before + 2

    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        # Of an earlier life of the server: the ledger knows it, and the person is there still.
        desk_of(connected).decisions.recipient_made("m@acme.example", "an assistant")
        asked = await connected.call("create_send", **theirs)
        question = await desk_of(connected).question(asked["question"])
        assert question is not None
        assert told in question.why
        # Stored with the question, under its seal, and in nobody else's.
        asked = await connected.call("create_send", **order())
        question = await desk_of(connected).question(asked["question"])
        assert question is not None
        assert told not in question.why


@ERAS
async def test_a_recipient_that_the_assistant_made_is_not_asked_about_where_policy_asks_nobody(
    sandbox: Sandbox, mode: str
) -> None:
    rules = quick_policy(approval={"ask_above": 500, "outside_chat_above": 500})
    async with chat(sandbox, mode=mode, person=NOBODY, policy=rules) as connected:
        made = await connected.call(
            "create_recipient", first_name="Mal", last_name="M", email="m@acme.example"
        )
        done = await connected.call("create_send", recipient_id=made["recipient_id"], item_id=EGIFT)
    assert done["outcome"] == "sent"


@ERAS
async def test_a_cancellation_that_is_refused_outside_is_not_done(sandbox: Sandbox, mode: str) -> None:
    async with chat(sandbox, mode=mode, person=NOBODY, page=page) as connected:
        send = await pending(connected)
        asked = await connected.call("cancel_send", send_id=send)
        assert await reject(connected, asked["question"]) is Ruling.DONE
        again = await connected.call("cancel_send", send_id=send)
        assert (again["outcome"], again["reasons"][0]["code"]) == ("declined", "person_declined_before")
        assert (await connected.call("get_send", send_id=send))["status"] == "pending"


@ERAS
async def test_closing_the_form_takes_back_no_yes_to_a_cancellation(sandbox: Sandbox, mode: str) -> None:
    found: list[Chat] = []

    async def person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        (question,) = await desk_of(found[0]).waiting()
        assert await approve(found[0], question.id) is Ruling.DONE
        return CLOSES

    async with chat(sandbox, mode=mode, person=person, policy=quick_policy()) as connected:
        found.append(connected)
        await desk_of(connected).have_pin(lambda: hash_pin(SANDBOX_PIN))
        done = await connected.call("cancel_send", send_id=await pending(connected))
    assert done["outcome"] == "cancelled"


@ERAS
async def test_a_question_about_cancelling_that_was_closed_is_asked_anew(sandbox: Sandbox, mode: str) -> None:
    person = Person(CLOSES)
    async with chat(sandbox, mode=mode, person=person, policy=quick_policy()) as connected:
        send = await pending(connected)
        for _ in range(2):
            done = await connected.call("cancel_send", send_id=send)
            assert (done["outcome"], done["reasons"][0]["code"]) == ("declined", "person_dismissed")
    assert len(person.asked) == 2


@ERAS
async def test_policy_may_let_sends_be_cancelled_without_a_question(sandbox: Sandbox, mode: str) -> None:
    rules = quick_policy(approval={"ask_to_cancel": False})
    async with chat(sandbox, mode=mode, person=NOBODY, policy=rules) as connected:
        done = await connected.call("cancel_send", send_id=await pending(connected))
    assert done["outcome"] == "cancelled"


# The client opens the page (URL elicitation, 2025-11-25)


class Opens:
    """A client that can open addresses, and shows no forms."""

    def __init__(self, connected: Callable[[], Chat], decide: str) -> None:
        self.connected, self.decide = connected, decide
        self.opened: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> Any:
        assert isinstance(params, ElicitRequestURLParams)
        self.opened.append(params.url)
        question = params.url.rpartition("/")[2]
        if self.decide == "fails":
            return ErrorData(code=-32603, message="no browser here")
        if self.decide in ("approve", "approve, and another call sends it"):
            assert await approve(self.connected(), question) is Ruling.DONE
        if self.decide == "approve, and another call sends it":
            assert (await self.connected().call("create_send", **order()))["outcome"] == "sent"
        elif self.decide == "reject":
            assert await reject(self.connected(), question) is Ruling.DONE
        return ElicitResult(action="decline" if self.decide == "stays away" else "accept")


@pytest.mark.parametrize(
    ("decide", "outcome"),
    [
        ("approve", "sent"),
        ("approve, and another call sends it", "sent"),
        ("reject", "declined"),
        ("stays away", "approval_required"),
        ("fails", "approval_required"),
    ],
)
async def test_a_client_that_can_open_a_page_is_asked_to_and_waited_for(
    sandbox: Sandbox, decide: str, outcome: str
) -> None:
    before = sends(sandbox)
    found: list[Chat] = []
    person = Opens(lambda: found[0], decide)
    rules = quick_policy(approval={"outside_chat_above": 20})
    async with chat(sandbox, mode="legacy", person=person, policy=rules, page=page) as connected:
        found.append(connected)
        done = await connected.call("create_send", recipient_id=SARAH, item_id=EGIFT)
    assert done["outcome"] == outcome
    assert person.opened
    assert outcome != "approval_required" or done["url"] == person.opened[0]
    assert sends(sandbox) == before + (outcome == "sent")
    assert isinstance(connected.client, Client)
