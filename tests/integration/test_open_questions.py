"""What happens between a question to a person and their answer: replays, and facts that change."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp_types import (
    CallToolResult,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    InputRequiredResult,
)
from support import (
    EGIFT,
    ERAS,
    NO,
    SARAH,
    YES,
    Person,
    change,
    chat,
    order,
    quick_policy,
    raise_price,
    sends,
)

from sendoso_mcp.sandbox import Sandbox, create_sandbox
from sendoso_mcp.spending.ledger import DECLINED_FOR

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


@ERAS
async def test_a_price_that_rises_while_the_question_is_open_is_not_paid(sandbox: Sandbox, mode: str) -> None:
    person, before = Person(), sends(sandbox)

    def rise() -> None:
        raise_price(sandbox, EGIFT)

    person.before = rise
    async with chat(sandbox, mode=mode, person=person) as connected:
        if mode == "legacy":
            done = await connected.call("create_send", **order())
            assert done["outcome"] == "approval_required"
            assert [reason["code"] for reason in done["reasons"]] == ["facts_changed"]
            assert sends(sandbox) == before
        else:
            # In rounds, the changed question is asked again, with the new price in it.
            person.before = None
            call = partial(
                connected.client.session.call_tool, "create_send", order(), allow_input_required=True
            )
            asked = await call()
            rise()
            assert isinstance(asked, InputRequiredResult)
            assert asked.input_requests is not None
            (key,) = asked.input_requests
            again = await call(input_responses={key: YES}, request_state=asked.request_state)
            assert isinstance(again, InputRequiredResult)
            assert "35.00 USD" in again.model_dump_json()
            assert sends(sandbox) == before


@pytest.mark.parametrize("key", [None, "k"])
async def test_one_answer_sent_again_and_again_buys_one_gift(sandbox: Sandbox, key: str | None) -> None:
    """In rounds the client holds the question's state, and can send it back as often as it likes."""
    before = sends(sandbox)
    wish = order() if key is None else order(idempotency_key=key)
    async with chat(sandbox, person=Person()) as connected:
        call = partial(connected.client.session.call_tool, "create_send", wish, allow_input_required=True)
        asked = await call()
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        (question,) = asked.input_requests
        answer = partial(call, input_responses={question: YES}, request_state=asked.request_state)
        async with anyio.create_task_group() as replays:
            for _ in range(20):
                replays.start_soon(answer)
        for _ in range(20):
            await answer()
        assert sends(sandbox) == before + 1


@pytest.mark.parametrize("refusal", [NO, ElicitResult(action="decline"), ElicitResult(action="cancel")])
async def test_a_yes_sent_after_a_no_to_the_same_question_orders_nothing(
    sandbox: Sandbox, refusal: ElicitResult
) -> None:
    before = sends(sandbox)
    async with chat(sandbox, person=Person()) as connected:
        call = partial(connected.client.session.call_tool, "create_send", order(), allow_input_required=True)
        asked = await call()
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        (question,) = asked.input_requests
        await call(input_responses={question: refusal}, request_state=asked.request_state)
        again = await call(input_responses={question: YES}, request_state=asked.request_state)
    # Who closed the form said nothing, and is asked anew.
    assert isinstance(again, InputRequiredResult if refusal.action == "cancel" else CallToolResult)
    assert sends(sandbox) == before


@ERAS
@pytest.mark.parametrize("no", [NO, ElicitResult(action="decline")], ids=["no", "declines"])
async def test_a_person_who_said_no_is_not_asked_the_same_at_once(
    sandbox: Sandbox, mode: str, no: ElicitResult
) -> None:
    person, before = Person(no), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person) as connected:
        first = await connected.call("create_send", **order())
        assert [reason["code"] for reason in first["reasons"]] == ["person_declined"]
        person.answer = YES
        for _ in range(3):
            again = await connected.call("create_send", **order())
            assert again["outcome"] == "declined"
            (reason,) = again["reasons"]
            assert reason["code"] == "person_declined_before"
            said = re.search(
                r"at (\d\d:\d\d) UTC and is not asked again before (\d\d:\d\d) UTC", reason["text"]
            )
            assert said is not None
            at, until = (datetime.strptime(found, "%H:%M").replace(tzinfo=UTC) for found in said.groups())
            assert (until - at) % timedelta(days=1) == DECLINED_FOR + timedelta(minutes=1)
            assert "No gift was ordered" in reason["text"]
        assert len(person.asked) == 1
        assert sends(sandbox) == before
        other = await connected.call("create_send", **order(message="Other words"))
        changed_their_mind = await connected.call("create_send", **order(idempotency_key="k"))
    assert [other["outcome"], changed_their_mind["outcome"]] == ["sent", "sent"]
    assert len(person.asked) == 3


READ = 0.4
"""Seconds: what policy takes for the time to read a question, below."""


class Forms:
    """Somebody before whom forms stay open until `answers` has one answered with yes, by its place."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.put, self.answers = ([anyio.Event(), anyio.Event()] for _ in range(2))

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        place = len(self.texts)
        self.texts.append(params.message)
        self.put[place].set()
        await self.answers[place].wait()
        return yes_in(params)


def yes_in(params: ElicitRequestFormParams) -> ElicitResult:
    choices = params.requested_schema["properties"]["decision"]["enum"]
    return ElicitResult(action="accept", content={"decision": choices[-1]})


async def told_at_once(
    forms: Forms, call: Callable[..., Awaitable[Any]], order_of_answers: list[int]
) -> list[CallToolResult]:
    """Before 2026-07-28: two calls at the same time, each of which waits for its form."""
    told: dict[int, CallToolResult] = {}
    done = [anyio.Event(), anyio.Event()]

    async def one(place: int) -> None:
        told[place] = await call()
        done[place].set()

    async with anyio.create_task_group() as calls:
        for place in (0, 1):
            calls.start_soon(one, place)
            await forms.put[place].wait()
            await anyio.sleep(0 if place else 1.2 * READ)  # what is tested is that time passes
        for place in order_of_answers:
            forms.answers[place].set()
            await done[place].wait()
    return [told[place] for place in order_of_answers]


async def told_in_rounds(
    forms: Forms, call: Callable[..., Awaitable[Any]], order_of_answers: list[int]
) -> list[CallToolResult | InputRequiredResult]:
    """Since then: the client has both forms, and calls again with the answers."""
    asked: list[InputRequiredResult] = [await call(allow_input_required=True)]
    await anyio.sleep(1.2 * READ)
    asked.append(await call(allow_input_required=True))
    told = []
    for place in order_of_answers:
        ((key, form),) = (asked[place].input_requests or {}).items()
        assert isinstance(form.params, ElicitRequestFormParams)
        forms.texts.append(form.params.message)
        state, yes = asked[place].request_state, {key: yes_in(form.params)}
        told.append(await call(input_responses=yes, request_state=state, allow_input_required=True))
    return told


@ERAS
@pytest.mark.parametrize("tool", ["create_send", "cancel_send"])
@pytest.mark.parametrize("first_answered", [0, 1], ids=["read", "not read"])
async def test_of_a_form_that_is_put_twice_the_one_that_is_answered_must_have_been_read(
    sandbox: Sandbox, mode: str, tool: str, first_answered: int
) -> None:
    """The same call is made again while its form is open. A yes to either counts, and buys one gift."""
    forms, policy = Forms(), quick_policy(approval={"read_seconds": READ})
    async with chat(sandbox, mode=mode, person=forms, policy=policy) as connected:
        pending = await connected.call("list_sends", status="pending", limit=1)
        arguments = order() if tool == "create_send" else {"send_id": pending["sends"][0]["id"]}
        await connected.call("search_inventory", query="")  # so that no form waits for the catalogue
        before = sends(sandbox)
        call = partial(connected.client.session.call_tool, tool, arguments)
        tell = told_at_once if mode == "legacy" else told_in_rounds
        first, _ = await tell(forms, call, [first_answered, 1 - first_answered])
        assert len(forms.texts) == 2
        assert len({*forms.texts}) == 1, "the very same question"
        assert isinstance(first, CallToolResult)
        assert first.structured_content is not None
        if first_answered == 0:
            assert first.structured_content["outcome"] in ("sent", "cancelled")
        else:
            assert "sooner than a person can read it" in first.structured_content["reasons"][0]["text"]
        ordered = tool == "create_send" and first_answered == 0
        assert sends(sandbox) == before + ordered


@ERAS
async def test_two_questions_and_two_yeses_buy_two_gifts(sandbox: Sandbox, mode: str) -> None:
    person, before = Person(), sends(sandbox)
    async with chat(sandbox, mode=mode, person=person) as connected:
        first = await connected.call("create_send", **order())
        second = await connected.call("create_send", **order())
    assert first["send_id"] != second["send_id"]
    assert len(person.asked) == 2
    assert sends(sandbox) == before + 2


async def test_a_yes_counts_while_colleagues_spend(sandbox: Sandbox) -> None:
    """The question shows the budget of the moment it was first put: it does not change under the reader."""
    person, before = Person(), sends(sandbox)

    def colleague_sends() -> None:
        sandbox.world.place(recipient_id=SARAH, item_id="item_coffeehouse_egift_card_10")

    person.before = colleague_sends
    async with chat(sandbox, person=person) as connected:
        done = await connected.call("create_send", **order())
    assert done["outcome"] == "sent"
    assert len(person.asked) == 1
    assert sends(sandbox) == before + 2


@ERAS
async def test_what_a_colleague_leaves_is_the_limit_all_the_same(sandbox: Sandbox, mode: str) -> None:
    person = Person()

    def colleague_spends_nearly_all() -> None:
        left = sandbox.world.budget().remaining
        sandbox.world.team = replace(
            sandbox.world.team, total_budget=sandbox.world.team.total_budget - left + 20
        )

    person.before = colleague_spends_nearly_all
    before = sends(sandbox)
    async with chat(sandbox, mode=mode, person=person) as connected:
        done = await connected.call("create_send", **order())
    assert done["outcome"] == "denied"
    assert [reason["code"] for reason in done["reasons"]] == ["over_team_budget"]
    assert sends(sandbox) == before


@ERAS
async def test_a_gift_that_goes_while_the_question_is_open_is_not_ordered(
    sandbox: Sandbox, mode: str
) -> None:
    person, before = Person(), sends(sandbox)

    def gone() -> None:
        gift = next(gift for gift in sandbox.world.gifts() if gift.id == EGIFT)
        change(gift, available=False)

    person.before = gone
    async with chat(sandbox, mode=mode, person=person) as connected:
        done = await connected.call("create_send", **order())
    assert done["outcome"] == "denied"
    assert sends(sandbox) == before


@ERAS
async def test_a_parcel_goes_where_the_person_saw_or_nowhere(sandbox: Sandbox, mode: str) -> None:
    person, before = Person(), sends(sandbox)

    def moves() -> None:
        sarah = sandbox.world.person(SARAH)
        assert sarah.address is not None
        change(sarah, address=replace(sarah.address, street1="666 Elsewhere"))

    person.before = moves
    async with chat(sandbox, mode=mode, person=person) as connected:
        gift = (await connected.call("search_inventory", type="physical", limit=1))["gifts"][0]
        if mode == "legacy":
            done = await connected.call("create_send", **order(item_id=gift["id"]))
            assert [reason["code"] for reason in done["reasons"]] == ["facts_changed"]
            assert sends(sandbox) == before
        else:
            done = await connected.call("create_send", **order(item_id=gift["id"]))
            assert ["666 Elsewhere" in text for text in person.asked] == [False, True]
    assert "Shipped to:" in person.asked[0]
