"""One question, one answer, one gift."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from spending_kit import REQUEST, MemorySendoso, budget, error_of, guard_of, item, quote, yes

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.approval import ANSWER_WITHIN, RENEWED_AFTER, Approval, Questions
from sendoso_mcp.spending.guard import Guard, State

pytestmark = pytest.mark.anyio


async def test_one_yes_buys_one_gift_however_often_it_is_given() -> None:
    sendoso, settlements = MemorySendoso(), []
    to = quote()

    async def send(guard: Guard, answer: Approval) -> None:
        settlements.append(await guard.send(to, answer))

    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        answer = yes(guard, to)
        async with anyio.create_task_group() as replays:
            for _ in range(50):
                replays.start_soon(send, guard, answer)
        await send(guard, answer)
    assert len(sendoso.orders) == 1
    assert len(settlements) == 51
    assert all(settlement is settlements[0] for settlement in settlements)


async def test_a_second_yes_to_a_second_question_buys_a_second_gift() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        first, second = yes(guard, to), yes(guard, to)
        assert first == second
        await guard.send(to, first)
        third = yes(guard, to)
        assert third != first
        await guard.send(to, third)
    assert len(sendoso.orders) == 2


async def test_a_yes_after_a_no_to_the_same_question_orders_nothing() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        answer = yes(guard, to)
        await guard.decline(guard.question(to, None), None)
        assert isinstance(await error_of(guard.send(to, answer)), BadArgument)
        assert not sendoso.orders
        await guard.send(to, yes(guard, to))
    assert len(sendoso.orders) == 1


async def test_a_key_that_was_declined_stays_declined() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        answer = yes(guard, to, "k")
        await guard.decline(guard.question(to, "k"), "k")
        assert (await guard.send(to, answer, "k")).state is State.DECLINED
        assert (await guard.send(to, yes(guard, to, "k"), "k")).state is State.DECLINED
    assert not sendoso.orders


async def test_a_no_that_comes_after_the_yes_changes_nothing() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        question = guard.question(to, "k")
        sent = await guard.send(to, yes(guard, to, "k"), "k")
        assert await guard.decline(question, "k") is sent
        assert await guard.dismiss(question) is sent
        assert await guard.recall("k", to.request) is sent


async def test_a_dismissed_question_is_asked_anew() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        answer = yes(guard, to, "k")
        await guard.dismiss(guard.question(to, "k"))
        assert isinstance(await error_of(guard.send(to, answer, "k")), BadArgument)
        assert await guard.recall("k", to.request) is None


async def test_an_answer_to_a_question_that_was_never_asked_orders_nothing() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        answer = Approval.of(to, question="made-up", rung="chat_form")
        assert isinstance(await error_of(guard_of(sendoso, tasks).send(to, answer)), BadArgument)
    assert not sendoso.orders


def test_calls_with_different_keys_are_asked_about_apart() -> None:
    questions = Questions()
    assert questions.about(quote(), "a") is questions.about(quote(), "a")
    assert len({questions.about(quote(), key).number for key in ("a", "b", None)}) == 3


def test_a_question_is_put_in_the_same_words_while_colleagues_spend() -> None:
    questions = Questions()
    asked = questions.about(quote(left=budget(500)), None)
    assert questions.about(quote(left=budget(400)), None) is asked


def test_a_question_whose_facts_changed_is_another_question() -> None:
    questions = Questions()
    asked = questions.about(quote(), None)
    dearer = questions.about(quote(gift=item(price="99")), None)
    assert dearer.number != asked.number
    assert not questions.close(asked.number)
    assert questions.close(dearer.number)


async def test_a_yes_to_one_wish_buys_no_other() -> None:
    sendoso, one = MemorySendoso(), quote()
    other = quote(request=replace(REQUEST, message="other words"))
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        number = guard.question(one, None).number
        crossed = Approval.of(other, question=number, rung="chat_form")
        assert isinstance(await error_of(guard.send(other, crossed)), BadArgument)
        assert not sendoso.orders


async def test_a_no_that_loses_to_a_yes_on_its_way_waits_to_tell_what_became_of_it() -> None:
    sendoso, to, told = MemorySendoso(), quote(), []
    asked, may_go = anyio.Event(), anyio.Event()

    async def wait() -> None:
        asked.set()
        await may_go.wait()

    sendoso.before_order = wait
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        question = guard.question(to, None)

        async def decline() -> None:
            told.append(await guard.decline(question, None))

        async with anyio.create_task_group() as calls:
            calls.start_soon(guard.send, to, yes(guard, to))
            await asked.wait()
            calls.start_soon(decline)
            await anyio.lowlevel.checkpoint()
            assert not told
            may_go.set()
    assert [settlement and settlement.state for settlement in told] == [State.CONFIRMED]


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_question_asked_anew_after_a_while_shows_the_budget_of_then() -> None:
    clock = Clock()
    questions = Questions(now=clock)
    asked = questions.about(quote(left=budget(500)), None)
    clock.time = RENEWED_AFTER + 1
    assert questions.about(quote(left=budget(30)), None, answering=True) is asked
    anew = questions.about(quote(left=budget(30)), None)
    assert anew.number != asked.number
    assert anew.quote.budget.remaining == 30
    assert questions.close(asked.number) is None


def test_questions_that_nobody_can_answer_any_more_are_forgotten() -> None:
    clock = Clock()
    questions = Questions(now=clock)
    asked = questions.about(quote(), "old")
    clock.time = ANSWER_WITHIN + 1
    questions.about(quote(), "new")
    assert questions.close(asked.number) is None


async def test_a_no_to_a_question_that_was_renewed_is_still_a_no() -> None:
    sendoso, to = MemorySendoso(), quote()
    async with anyio.create_task_group() as tasks:
        guard = guard_of(sendoso, tasks)
        asked = guard.question(to, "k")
        dearer = quote(gift=item(price="30"))
        answer = yes(guard, dearer, "k")
        assert await guard.decline(asked, "k") is None
        assert (await guard.send(dearer, answer, "k")).state is State.DECLINED
    assert not sendoso.orders
