"""Two servers on one ledger: two chat windows, or two machines that share a budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult
from support import ERAS, YES, Chat, Person, chat, facts, order, quick_policy, sends

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.sandbox import Fault, Sandbox, create_sandbox
from sendoso_mcp.server.services import open_services
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.policy import Policy

pytestmark = pytest.mark.anyio
PEOPLE = 8


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


@asynccontextmanager
async def two_chats(
    sandbox: Sandbox, url: str, *, mode: str = "auto", policy: Policy | None = None
) -> AsyncIterator[tuple[Chat, Chat]]:
    """Two servers at one Sendoso and one ledger, each with a client of its own and somebody who says yes."""
    async with (
        chat(sandbox, mode=mode, person=Person(), policy=policy, ledger_url=url) as one,
        chat(sandbox, mode=mode, person=Person(), policy=policy, ledger_url=url) as two,
    ):
        yield one, two


async def at_once(*calls: tuple[Chat, dict[str, Any]]) -> list[dict[str, Any]]:
    """What `create_send` answers to calls that are made at the same time."""
    answers: list[dict[str, Any]] = []

    async def call(by: Chat, wish: dict[str, Any]) -> None:
        answers.append(await by.call("create_send", **wish))

    async with anyio.create_task_group() as tasks:
        for by, wish in calls:
            tasks.start_soon(call, by, wish)
    return answers


@ERAS
async def test_one_key_at_two_servers_at_once_buys_one_gift(
    sandbox: Sandbox, shared_url: str, mode: str
) -> None:
    before = sends(sandbox)
    async with two_chats(sandbox, shared_url, mode=mode) as (one, two):
        wish = order(idempotency_key="k")
        answers = await at_once((one, wish), (two, wish), (one, wish), (two, wish))
        answers.append(await two.call("create_send", **wish))
    assert {answer["outcome"] for answer in answers} == {"sent"}
    assert len({answer["send_id"] for answer in answers}) == 1
    assert sends(sandbox) == before + 1


async def test_two_servers_cannot_together_pass_a_limit(sandbox: Sandbox, shared_url: str) -> None:
    """Each sends to people of its own; the sandbox adds nothing that was not held for."""
    rules = Policy.model_validate(
        {"limits": {"per_day": 100, "cost_allowance_percent": 12}, "approval": {"read_seconds": 0}}
    )
    before = sends(sandbox)
    people = [person.id for person in sandbox.world.people()][:PEOPLE]
    async with two_chats(sandbox, shared_url, policy=rules) as (one, two):
        calls = [
            ((one, two)[number % 2], order(recipient_id=person, idempotency_key=f"k{number}"))
            for number, person in enumerate(people)
        ]
        answers = await at_once(*calls)
        budget = await one.call("get_budget")
    sent = [answer for answer in answers if answer["outcome"] == "sent"]
    assert len(sent) == 3
    assert {answer["outcome"] for answer in answers if answer not in sent} <= {"denied", "approval_required"}
    assert sends(sandbox) == before + 3
    used = {limit["name"]: limit["used"] for limit in budget["policy"]["limits"]}
    assert used["per_day"] == sum(answer["cost"] for answer in sent) <= 100


async def test_what_one_server_sent_the_other_one_cancels_and_counts(
    sandbox: Sandbox, shared_url: str
) -> None:
    async with two_chats(sandbox, shared_url) as (one, two):
        sent = await one.call("create_send", **order())
        done = await two.call("cancel_send", send_id=sent["send_id"])
        budget = await one.call("get_budget")
        again = await one.call("cancel_send", send_id=sent["send_id"])
    assert (done["outcome"], again["outcome"]) == ("cancelled", "already_cancelled")
    used = {limit["name"]: limit["used"] for limit in budget["policy"]["limits"]}
    assert (used["per_day"], used["sends_per_hour"]) == (0.0, 1.0)


async def test_a_gift_whose_answer_was_lost_is_found_by_the_next_server(
    sandbox: Sandbox, shared_url: str
) -> None:
    """The first server cannot look for it either, and ends; the second one finds it as it starts."""
    before = sends(sandbox)
    wish = order(idempotency_key="k")
    sandbox.faults.append(Fault("POST", "/sends", status=500, acts=True))
    for _ in range(9):
        sandbox.faults.append(Fault("GET", "/sends", status=401))
    async with chat(sandbox, person=Person(), ledger_url=shared_url) as first:
        assert (await first.call("create_send", **wish))["outcome"] == "unknown"
    sandbox.faults.clear()
    async with chat(sandbox, person=None, ledger_url=shared_url) as second:
        done = await second.call("create_send", **wish)
    assert done["outcome"] == "sent"
    assert sends(sandbox) == before + 1


async def test_a_ledger_of_another_sendoso_is_refused_in_every_answer(
    sandbox: Sandbox, shared_url: str
) -> None:
    async with chat(sandbox, person=Person(), ledger_url=shared_url) as connected:
        await connected.call("create_send", **order())
    account = Settings(api_key="a-fine-key", base_url="http://127.0.0.1:1", ledger_url=shared_url)
    async with open_services(account) as services:
        with pytest.raises(SettingsError, match="holds the sends of the embedded sandbox"):
            await services.guard.waiting()


@ERAS
async def test_a_cancellation_that_was_answered_too_fast_is_not_put_again_after_a_restart(
    sandbox: Sandbox, shared_url: str, mode: str
) -> None:
    person, told = Person(YES), []
    for _ in range(2):
        async with chat(
            sandbox, mode=mode, person=person, ledger_url=shared_url, slow_reader=True
        ) as connected:
            pending = await connected.call("list_sends", status="pending", limit=1)
            told.append(await connected.call("cancel_send", send_id=pending["sends"][0]["id"]))
    assert [one["outcome"] for one in told] == ["approval_required"] * 2
    assert told[0]["question"] == told[1]["question"]
    assert "sooner than a person can read it" in told[0]["reasons"][0]["text"]
    assert "that answer did not count" in told[1]["reasons"][0]["text"]
    assert len(person.asked) == 1


@pytest.mark.parametrize(("slow", "outcome"), [(False, "sent"), (True, "approval_required")])
async def test_a_question_of_one_server_is_answered_at_another(
    sandbox: Sandbox, shared_url: str, slow: bool, outcome: str
) -> None:
    """As behind a load balancer, or after a restart; what nobody can have read is unanswered there, too."""
    before, key = sends(sandbox), b"k" * 32
    async with (
        chat(sandbox, person=Person(), ledger_url=shared_url, state_key=key, slow_reader=slow) as one,
        chat(sandbox, person=Person(), ledger_url=shared_url, state_key=key, slow_reader=slow) as two,
    ):
        ask = partial(one.client.session.call_tool, "create_send", order(), allow_input_required=True)
        asked = await ask()
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        (question,) = asked.input_requests
        answer = partial(two.client.session.call_tool, "create_send", order(), allow_input_required=True)
        told = await answer(input_responses={question: YES}, request_state=asked.request_state)
    assert isinstance(told, CallToolResult)
    assert facts(told)["outcome"] == outcome
    assert not slow or [reason["code"] for reason in facts(told)["reasons"]] == ["answered_elsewhere"]
    assert sends(sandbox) == before + (outcome == "sent")


async def test_a_cancellation_that_another_server_asked_about_says_why_its_answer_does_not_count(
    sandbox: Sandbox, shared_url: str
) -> None:
    key = b"k" * 32
    async with (
        chat(sandbox, person=Person(), ledger_url=shared_url, state_key=key, slow_reader=True) as one,
        chat(sandbox, person=Person(), ledger_url=shared_url, state_key=key, slow_reader=True) as two,
    ):
        listed = await one.call("list_sends", status="pending", limit=1)
        wish = {"send_id": listed["sends"][0]["id"]}
        asked = await one.client.session.call_tool("cancel_send", wish, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        (question,) = asked.input_requests
        told = await two.client.session.call_tool(
            "cancel_send",
            wish,
            allow_input_required=True,
            input_responses={question: ElicitResult(action="accept", content={"decision": "Cancel it"})},
            request_state=asked.request_state,
        )
    assert isinstance(told, CallToolResult)
    assert facts(told)["outcome"] == "approval_required"
    assert "put by another server" in facts(told)["reasons"][0]["text"]


async def test_servers_of_one_account_and_person_seal_alike_and_others_do_not(sandbox: Sandbox) -> None:
    async def state_key(key: str | None, principal: str) -> bytes:
        settings = Settings() if key is None else keyed(key)
        async with open_services(settings, sandbox=sandbox.app, principal=principal) as services:
            assert repr(services.state_key) not in repr(services)
            return services.state_key

    def keyed(key: str) -> Settings:
        return Settings(api_key=key, base_url="http://127.0.0.1:9", ledger_url="sqlite:////nowhere/ledger")

    ann = await state_key("a-test-key-1", "local:ann")
    assert ann == await state_key("a-test-key-1", "local:ann")
    others = [("a-test-key-1", "local:bob"), ("a-test-key-2", "local:ann"), (None, "local:ann")]
    keys = {ann, *[await state_key(*other) for other in others], await state_key(None, "local:ann")}
    assert len(keys) == 5
    assert b"a-test-key-1" not in ann


@pytest.mark.parametrize("tool", ["create_send", "cancel_send"])
async def test_a_form_of_another_server_was_not_read_because_this_one_put_the_same_question_before(
    sandbox: Sandbox, shared_url: str, tool: str
) -> None:
    """The two share what seals states; the client takes the answer to the other server."""
    before, policy = sends(sandbox), quick_policy(approval={"read_seconds": 0.2})
    same = partial(chat, sandbox, person=Person(), policy=policy, ledger_url=shared_url, state_key=b"k" * 32)
    async with same() as one, same() as two:
        pending = await one.call("list_sends", status="pending", limit=1)
        arguments = order() if tool == "create_send" else {"send_id": pending["sends"][0]["id"]}
        ask_one, ask_two = (
            partial(by.client.session.call_tool, tool, arguments, allow_input_required=True)
            for by in (one, two)
        )
        assert isinstance(await ask_one(), InputRequiredResult)
        await anyio.sleep(0.3)  # what is tested is that time passes
        put = await ask_two()
        assert isinstance(put, InputRequiredResult)
        ((key, _),) = (put.input_requests or {}).items()
        yes = (
            YES if tool == "create_send" else ElicitResult(action="accept", content={"decision": "Cancel it"})
        )
        told = await ask_one(input_responses={key: yes}, request_state=put.request_state)
    assert isinstance(told, CallToolResult)
    assert told.structured_content is not None
    assert told.structured_content["outcome"] == "approval_required"
    assert "put by another server" in told.structured_content["reasons"][0]["text"]
    assert sends(sandbox) == before
