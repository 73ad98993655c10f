"""A person's no counts, whatever became of the question, of the facts or of the price while it was open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, InputRequiredResult
from support import EGIFT, ERAS, NO, SARAH, YES, Chat, Person, chat, order, quick_policy, raise_price, sends

from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.spending.envelope import Envelope

pytestmark = pytest.mark.anyio

DECLINES = ElicitResult(action="decline")
KEEP = ElicitResult(action="accept", content={"decision": "Keep it"})
KEYS = pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
NOES = pytest.mark.parametrize("no", [NO, DECLINES], ids=["no", "declines"])


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


def wish(key: str | None) -> dict[str, Any]:
    return order() if key is None else order(idempotency_key=key)


async def asked(
    connected: Chat, tool: str, arguments: dict[str, Any]
) -> Callable[[ElicitResult], Awaitable[dict[str, Any]]]:
    """Has the question put in rounds; what is given back answers it, and gives what is told then."""
    call = partial(connected.client.session.call_tool, tool, arguments, allow_input_required=True)
    put = await call()
    assert isinstance(put, InputRequiredResult)
    ((question, _),) = (put.input_requests or {}).items()

    async def answer(given: ElicitResult) -> dict[str, Any]:
        told = await call(input_responses={question: given}, request_state=put.request_state)
        assert isinstance(told, CallToolResult), "the person is not asked again"
        assert told.structured_content is not None
        return dict(told.structured_content)

    return answer


async def approve_outside(connected: Chat) -> None:
    """Somebody says yes to the one open question, with the PIN."""
    assert connected.services is not None
    desk = connected.services.outside.desk
    (question,) = await desk.waiting()
    yes = partial(desk.decisions.approve, question.id, question.seal, rung="outside_chat", approver="ann")
    await anyio.to_thread.run_sync(yes)


def lower_price(sandbox: Sandbox) -> None:
    gift = next(gift for gift in sandbox.world.gifts() if gift.id == EGIFT)
    object.__setattr__(gift, "price", gift.price - 10)


def code(told: dict[str, Any]) -> str:
    return str(told["reasons"][0]["code"])


@KEYS
@NOES
async def test_a_no_counts_though_policy_would_ask_nobody_any_more(
    sandbox: Sandbox, no: ElicitResult, key: str | None
) -> None:
    before = sends(sandbox)
    async with chat(sandbox, person=Person(), policy=quick_policy(approval={"ask_above": 20})) as connected:
        answer = await asked(connected, "create_send", wish(key))
        lower_price(sandbox)
        told = await answer(no)
    assert code(told) == "person_declined"
    assert sends(sandbox) == before


@KEYS
@NOES
async def test_a_no_counts_though_somebody_said_yes_outside_the_chat(
    sandbox: Sandbox, no: ElicitResult, key: str | None
) -> None:
    before = sends(sandbox)
    async with chat(sandbox, person=Person(), policy=quick_policy()) as connected:
        answer = await asked(connected, "create_send", wish(key))
        await approve_outside(connected)
        told = await answer(no)
        again = await connected.call("create_send", **wish(key))
    assert (code(told), code(again)) == ("person_declined", "person_declined_before")
    assert sends(sandbox) == before


@KEYS
async def test_a_no_counts_though_nothing_can_be_looked_up(sandbox: Sandbox, key: str | None) -> None:
    person = Person(YES)
    async with chat(sandbox, person=person, policy=quick_policy()) as connected:
        answer = await asked(connected, "create_send", wish(key))
        sandbox.faults.append(Fault("GET", "/teams/budget", status=500))
        told = await answer(NO)
        sandbox.faults.clear()
        again = await connected.call("create_send", **wish(key))
    assert code(told) == code(again) == "person_declined_before"
    assert not person.asked


async def test_a_send_is_kept_though_it_cannot_be_looked_up(sandbox: Sandbox) -> None:
    person = Person(YES)
    async with chat(sandbox, person=person, policy=quick_policy()) as connected:
        pending = await connected.call("list_sends", status="pending", limit=1)
        send_id = pending["sends"][0]["id"]
        answer = await asked(connected, "cancel_send", {"send_id": send_id})
        sandbox.faults.append(Fault("GET", f"/sends/{send_id}", status=500))
        told = await answer(KEEP)
        sandbox.faults.clear()
        again = await connected.call("cancel_send", send_id=send_id)
        assert (await connected.call("get_send", send_id=send_id))["status"] == "pending"
    assert (code(told), code(again)) == ("person_declined", "person_declined_before")
    assert not person.asked


@KEYS
async def test_a_no_counts_though_the_price_has_changed(sandbox: Sandbox, key: str | None) -> None:
    person = Person(YES)
    async with chat(sandbox, person=person, policy=quick_policy()) as connected:
        answer = await asked(connected, "create_send", wish(key))
        raise_price(sandbox, EGIFT)
        told = await answer(NO)
        again = await connected.call("create_send", **wish(key))
    assert (code(told), code(again)) == ("person_declined", "person_declined_before")
    assert not person.asked


async def test_a_no_that_was_read_counts_though_another_answer_was_too_fast(sandbox: Sandbox) -> None:
    """The same call was made twice, so there are two forms of one question."""
    policy = quick_policy(approval={"read_seconds": 0.4})
    async with chat(sandbox, person=Person(), policy=policy) as connected:
        read = await asked(connected, "create_send", order())
        await anyio.sleep(0.5)  # what is tested is that time passes
        fast = await asked(connected, "create_send", order())
        assert code(await fast(NO)) == "answered_too_fast"
        assert code(await read(NO)) == "person_declined"
        assert connected.services is not None
        assert not await connected.services.outside.desk.waiting()


async def test_a_send_is_kept_though_somebody_said_yes_outside_the_chat(sandbox: Sandbox) -> None:
    async with chat(sandbox, person=Person(), policy=quick_policy()) as connected:
        pending = await connected.call("list_sends", status="pending", limit=1)
        send_id = pending["sends"][0]["id"]
        answer = await asked(connected, "cancel_send", {"send_id": send_id})
        await approve_outside(connected)
        told = await answer(KEEP)
        assert (told["outcome"], code(told)) == ("declined", "person_declined")
        assert (await connected.call("get_send", send_id=send_id))["status"] == "pending"


@ERAS
async def test_a_person_who_keeps_a_send_is_not_asked_until_they_click_wrongly(
    sandbox: Sandbox, mode: str
) -> None:
    person = Person(KEEP)
    async with chat(sandbox, mode=mode, person=person, policy=quick_policy()) as connected:
        pending = await connected.call("list_sends", status="pending", limit=2)
        one, other = (send["id"] for send in pending["sends"])
        told = [await connected.call("cancel_send", send_id=one) for _ in range(3)]
        assert [each["outcome"] for each in told] == ["declined"] * 3
        assert [code(each) for each in told] == ["person_declined", *["person_declined_before"] * 2]
        assert "keep this send" in told[1]["reasons"][0]["text"]
        assert len(person.asked) == 1
        assert code(await connected.call("cancel_send", send_id=other)) == "person_declined"
        assert (await connected.call("get_send", send_id=one))["status"] == "pending"


@KEYS
async def test_a_no_counts_though_the_assistant_withdrew_the_question(
    sandbox: Sandbox, key: str | None
) -> None:
    """Before 2026-07-28 the form stays open meanwhile."""
    before, texts = sends(sandbox), list[str]()
    put, withdrawn = anyio.Event(), anyio.Event()

    async def person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        texts.append(params.message)
        put.set()
        await withdrawn.wait()
        return NO if len(texts) == 1 else YES

    async with chat(sandbox, mode="legacy", person=person, policy=quick_policy()) as connected:
        assert connected.services is not None
        async with anyio.create_task_group() as calls:
            calls.start_soon(partial(connected.call, "create_send", **wish(key)))
            await put.wait()
            (question,) = await connected.services.outside.desk.waiting()
            assert (await connected.call("cancel_send", send_id=question.id))["outcome"] == "withdrawn"
            withdrawn.set()
        again = await connected.call("create_send", **wish(key))
    assert code(again) == "person_declined_before"
    assert len(texts) == 1
    assert sends(sandbox) == before


@ERAS
async def test_a_no_without_a_key_stands_though_policy_would_ask_nobody_any_more(
    sandbox: Sandbox, mode: str
) -> None:
    before, policy = sends(sandbox), quick_policy(approval={"ask_above": 20})
    async with chat(sandbox, mode=mode, person=Person(NO), policy=policy) as connected:
        await connected.call("create_send", **order())
        lower_price(sandbox)
        again = await connected.call("create_send", **order())
    assert code(again) == "person_declined_before"
    assert sends(sandbox) == before


@ERAS
async def test_an_envelope_buys_nothing_that_a_person_said_no_to_a_moment_ago(
    sandbox: Sandbox, mode: str
) -> None:
    """With a key of its own there is no near-duplicate to ask about, but there is the no."""
    person, before = Person(NO), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person, policy=quick_policy()) as connected:
        await open_envelope(connected, sandbox)
        first = await connected.call("create_send", **order(item_id="item_coffeehouse_egift_card_10"))
        refused = await connected.call("create_send", **order())
        with_key = await connected.call("create_send", **order(idempotency_key="k"))
        other = await connected.call("create_send", **order(message="Other words", idempotency_key="l"))
    assert (first["outcome"], code(refused), code(with_key)) == ("sent", "person_declined", "person_declined")
    assert other["outcome"] == "sent"
    assert len(person.asked) == 2
    assert sends(sandbox) == before + 2


async def open_envelope(connected: Chat, sandbox: Sandbox) -> None:
    """A yes in advance to whatever Sarah gets."""
    assert connected.services is not None
    decisions, email = connected.services.outside.desk.decisions, sandbox.world.person(SARAH).email
    assert email is not None
    now = decisions.now()
    opened = Envelope(
        name="Sarah",
        sends=9,
        each=Decimal(60),
        emails=(email,),
        until=now + timedelta(days=1),
        opened_at=now,
        opened_by="ann",
    )
    await anyio.to_thread.run_sync(decisions.open_envelope, opened)


@KEYS
@NOES
async def test_a_no_needs_no_room_among_the_open_questions(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, no: ElicitResult, key: str | None
) -> None:
    before = sends(sandbox)
    async with chat(sandbox, person=Person(YES), policy=quick_policy()) as connected:
        answer = await asked(connected, "create_send", wish(key))
        assert connected.services is not None
        (question,) = await connected.services.outside.desk.waiting()
        assert (await connected.call("cancel_send", send_id=question.id))["outcome"] == "withdrawn"
        with monkeypatch.context() as full:
            full.setattr("sendoso_mcp.spending.ledger.asking.MOST_OPEN", 0)
            assert code(await answer(no)) == "person_declined"
        assert await connected.services.outside.desk.waiting() == []
        assert code(await connected.call("create_send", **wish(key))) == "person_declined_before"
    assert sends(sandbox) == before
