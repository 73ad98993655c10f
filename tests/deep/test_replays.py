"""One yes used again and again, at two servers on one ledger: one by one, all at once, after a restart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from depth import DEEP, deep
from mcp_types import InputRequiredResult
from support import YES, Chat, Person, chat, facts, order, sends, text_of

from sendoso_mcp.sandbox import Sandbox, create_sandbox
from sendoso_mcp.server.outside import SANDBOX_PIN
from sendoso_mcp.spending.desk import Ruling

pytestmark = pytest.mark.anyio
ONE_BY_ONE = deep(20, 1_000)
AT_ONCE = deep(8, 100)
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"] if DEEP else ["auto"])
KEYS = pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}], ids=["no key", "key"])
SHARED = b"what servers with one API key have" * 2
_NOT_WORDS = re.compile(r"Traceback|File \"|\b\w+(?:Error|Exception)\b|sqlite|psycopg|0x[0-9a-f]{6}")
"""What no answer has in it: the inside of a program."""


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


async def page() -> str:
    return "http://127.0.0.1:1/approvals"


@asynccontextmanager
async def two_servers(sandbox: Sandbox, url: str, **options: Any) -> AsyncIterator[tuple[Chat, Chat]]:
    async with (
        chat(sandbox, ledger_url=url, state_key=SHARED, **options) as one,
        chat(sandbox, ledger_url=url, state_key=SHARED, **options) as two,
    ):
        yield one, two


@dataclass
class Answers:
    """What every call was told; each is looked at as it comes."""

    kinds: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return ", ".join(f"{times:,} {kind}" for kind, times in sorted(self.kinds.items()))

    async def call(self, by: Chat, wish: dict[str, Any], **answer: Any) -> None:
        """Makes one call, with an answer to a question or without."""
        result = await by.client.session.call_tool("create_send", wish, allow_input_required=True, **answer)
        if isinstance(result, InputRequiredResult):
            self.told("asked anew", result.model_dump_json())
        elif result.is_error:
            self.told("refused", text_of(result))
        else:
            told = facts(result)
            if told["outcome"] == "sent":
                self.sent.add(told["send_id"])
                self.kinds["told of the order"] += 1
            else:
                self.told(told["outcome"], " ".join(reason["text"] for reason in told["reasons"]))

    def told(self, kind: str, why: str) -> None:
        self.kinds[kind] += 1
        assert len(why.split()) >= 4, why
        assert not _NOT_WORDS.search(why), why


@KEYS
async def test_one_accepted_answer_is_one_gift_however_often_it_is_sent(
    sandbox: Sandbox, shared_url: str, key: dict[str, str], figure: Callable[[str], None]
) -> None:
    """In rounds (2026-07-28) the client holds answer and state, and may send them anywhere."""
    before, wish, answers = sends(sandbox), order(**key), Answers()
    async with two_servers(sandbox, shared_url, person=Person()) as (one, two):
        asked = await one.client.session.call_tool("create_send", wish, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        (question,) = asked.input_requests
        answer = {"input_responses": {question: YES}, "request_state": asked.request_state}
        async with anyio.create_task_group() as replays:
            for number in range(AT_ONCE):
                replays.start_soon(lambda by: answers.call(by, wish, **answer), (one, two)[number % 2])
        assert sends(sandbox) == before + 1
        for number in range(ONE_BY_ONE):
            await answers.call((one, two)[number % 2], wish, **answer)
        assert sends(sandbox) == before + 1
    async with two_servers(sandbox, shared_url, person=Person()) as (one, two):
        async with anyio.create_task_group() as replays:
            for number in range(AT_ONCE):
                replays.start_soon(lambda by: answers.call(by, wish, **answer), (one, two)[number % 2])
        for number in range(ONE_BY_ONE):
            await answers.call((one, two)[number % 2], wish, **answer)
    assert sends(sandbox) == before + 1
    assert len(answers.sent) == 1
    assert answers.kinds.total() == 2 * (AT_ONCE + ONE_BY_ONE)
    if key:
        assert answers.kinds.keys() == {"told of the order"}
    figure(f"replays of an answer {_where(shared_url, key)}: {answers}; 1 gift")


@KEYS
@MODES
async def test_one_yes_outside_the_chat_is_one_gift_however_many_call_for_it(
    sandbox: Sandbox, shared_url: str, mode: str, key: dict[str, str], figure: Callable[[str], None]
) -> None:
    """Both servers are new, and know of the yes by the ledger only; later they are restarted."""
    before, wish, answers = sends(sandbox), order(**key), Answers()
    options: dict[str, Any] = {"mode": mode, "person": None, "page": page}
    async with chat(sandbox, ledger_url=shared_url, **options) as first:
        asked = await first.call("create_send", **wish)
        assert await _approve(first, asked["question"]) is Ruling.DONE
    assert sends(sandbox) == before
    async with two_servers(sandbox, shared_url, **options) as (one, two):
        async with anyio.create_task_group() as calls:
            for number in range(AT_ONCE):
                calls.start_soon(answers.call, (one, two)[number % 2], wish)
        assert await _approve(one, asked["question"]) is Ruling.CLOSED
    async with two_servers(sandbox, shared_url, **options) as (one, two):
        for number in range(AT_ONCE):
            await answers.call((one, two)[number % 2], wish)
    assert sends(sandbox) == before + 1
    assert len(answers.sent) == 1
    if key:
        assert answers.kinds == {"told of the order": 2 * AT_ONCE}
    figure(f"calls for a yes outside the chat ({mode}) {_where(shared_url, key)}: {answers}; 1 gift")


async def _approve(connected: Chat, question_id: str) -> Ruling:
    assert connected.services is not None
    desk = connected.services.outside.desk
    question = await desk.question(question_id)
    assert question is not None
    return (await desk.approve(question_id, seal=question.seal, pin=SANDBOX_PIN, approver="a test")).ruling


def _where(url: str, key: dict[str, str]) -> str:
    kind = "PostgreSQL" if url.startswith("postgres") else "SQLite"
    return f"on {kind}, {'with' if key else 'without'} a key"
