"""One question, one answer, one gift."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from guard_kit import Held, MemorySendoso, asked, guarding, refused, send, settled, yes_to
from spending_kit import REQUEST, error_of, item, policy, quote

from sendoso_mcp.spending.guard import Guard
from sendoso_mcp.spending.ledger import Intent, Ledger, State
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.settlement import Settlement

pytestmark = pytest.mark.anyio


async def test_one_yes_buys_one_gift_however_often_it_is_given(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    settlements: list[Settlement] = []

    async def answer(guard: Guard, question: Intent) -> None:
        settlements.append(settled(await guard.send(quote(), None, **yes_to(question))))

    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote())
        async with anyio.create_task_group() as replays:
            for _ in range(50):
                replays.start_soon(answer, guard, question)
        await answer(guard, question)
    assert len(sendoso.orders) == 1
    assert len(settlements) == 51
    assert all(settlement == settlements[0] for settlement in settlements)


async def test_a_second_yes_to_a_second_question_buys_a_second_gift(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        first, second = await asked(guard, quote()), await asked(guard, quote())
        assert first == second
        await guard.send(quote(), None, **yes_to(first))
        third = await asked(guard, quote())
        assert third.id != first.id
        await guard.send(quote(), None, **yes_to(third))
    assert len(sendoso.orders) == 2


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_yes_after_a_no_to_the_same_question_orders_nothing(
    memory_ledger: Ledger, key: str | None
) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), key)
        assert await guard.decline(question.id, quote(), key) is None
        told = settled(await guard.send(quote(), key, **yes_to(question)))
        assert told.state is State.DECLINED
        assert (told.declined_at is None) is (key is not None)
    assert not sendoso.orders


async def test_a_no_without_a_key_is_a_no_to_this_wish_and_no_other(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        await guard.decline((await asked(guard, quote())).id, quote(), None)
        assert (await send(guard, quote())).state is State.DECLINED
        other = quote(request=replace(REQUEST, message="other words"))
        assert (await send(guard, other)).state is State.CONFIRMED
        assert (await send(guard, quote(), "k")).state is State.CONFIRMED
    assert len(sendoso.orders) == 2


async def test_a_key_that_was_declined_stays_declined(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        await guard.decline((await asked(guard, quote(), "k")).id, quote(), "k")
        assert await send(guard, quote(), "k") == Settlement(State.DECLINED)
        assert await guard.recall("k", REQUEST) == Settlement(State.DECLINED)
    assert not sendoso.orders


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_no_that_comes_after_the_yes_changes_nothing(memory_ledger: Ledger, key: str | None) -> None:
    async with guarding(MemorySendoso(), memory_ledger) as guard:
        question = await asked(guard, quote(), key)
        sent = await guard.send(quote(), key, **yes_to(question))
        assert await guard.decline(question.id, quote(), key) == sent
        assert await guard.dismiss(question.id, "dismissed") == sent
    assert memory_ledger.known(question.id).state is State.CONFIRMED


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_dismissed_question_is_asked_anew(memory_ledger: Ledger, key: str | None) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), key)
        assert await guard.dismiss(question.id, "dismissed") is None
        assert await guard.send(quote(), key, **yes_to(question)) == Settlement(State.EXPIRED)
        assert not sendoso.orders
        anew = await asked(guard, quote(), key)
        assert anew.id != question.id
        assert (await send(guard, quote(), key)).state is State.CONFIRMED


async def test_an_answer_to_a_question_that_was_never_asked_orders_nothing(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = replace(await asked(guard, quote()), id="made-up")
        assert isinstance(await error_of(guard.send(quote(), None, **yes_to(question))), KeyError)
    assert not sendoso.orders


async def test_an_answer_without_a_question_orders_nothing(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        yes = yes_to(await asked(guard, quote())) | {"question": None}
        refusal = refused(await guard.send(quote(), None, **yes))
        assert refusal.stale
        assert not refused(await guard.send(quote(), None)).stale
    assert not sendoso.orders


async def test_a_yes_to_one_wish_buys_no_other(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    other = quote(request=replace(REQUEST, message="other words"))
    async with guarding(sendoso, memory_ledger) as guard:
        # The other wish's own facts do not help: the question was about this one.
        for digest in (quote().digest, other.digest):
            question = await asked(guard, quote())
            crossed = yes_to(question, quote_digest=digest)
            assert refused(await guard.send(other, None, **crossed)).stale
    assert not sendoso.orders


async def test_another_person_s_question_cannot_be_answered(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with (
        guarding(sendoso, memory_ledger) as ann,
        guarding(sendoso, memory_ledger, principal="bob") as bob,
    ):
        question = await asked(ann, quote())
        assert (await asked(bob, quote())).id != question.id
        assert refused(await bob.send(quote(), None, **yes_to(question))).stale
    assert not sendoso.orders


async def test_a_yes_under_another_policy_orders_nothing(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    changed = policy(limits={"per_day": 500})
    async with (
        guarding(sendoso, memory_ledger) as guard,
        guarding(sendoso, memory_ledger, policy=changed) as then,
    ):
        question = await asked(guard, quote(), "k")
        assert refused(await then.send(quote(), "k", **yes_to(question))).stale
        # Asked again, it is another question, since another policy lets it through.
        assert (await asked(then, quote(), "k")).policy_version == changed.version
    assert not sendoso.orders


async def test_a_form_in_the_chat_is_not_enough_over_the_limit_for_it(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    strict = policy(approval={"outside_chat_above": 10})
    async with guarding(sendoso, memory_ledger, policy=strict) as guard:
        form = await asked(guard, quote(), "a")
        assert refused(await guard.send(quote(), "a", **yes_to(form))).stale
        assert not sendoso.orders
        page = await asked(guard, quote(), "b")
        result = await guard.send(quote(), "b", **yes_to(page, rung="page"))
        assert settled(result).state is State.CONFIRMED


async def test_a_yes_covers_what_was_said_to_need_it_and_nothing_that_came_up_since(
    memory_ledger: Ledger,
) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), None)
        # Meanwhile the same person gets the same gift, with a key: that is a near-duplicate to be told of.
        await send(guard, quote(), "k")
        refusal = refused(await guard.send(quote(), None, **yes_to(question)))
        assert refusal.stale
        assert "near_duplicate" in {reason.code for reason in refusal.verdict.reasons}
    assert len(sendoso.orders) == 1


async def test_calls_with_different_keys_are_asked_about_apart(memory_ledger: Ledger) -> None:
    async with guarding(MemorySendoso(), memory_ledger) as guard:
        assert await asked(guard, quote(), "a") == await asked(guard, quote(), "a")
        ids = {(await asked(guard, quote(), key)).id for key in ("a", "b", None)}
    assert len(ids) == 3


async def test_a_no_that_loses_to_a_yes_on_its_way_waits_to_tell_what_became_of_it(
    memory_ledger: Ledger,
) -> None:
    sendoso, held = MemorySendoso(), Held()
    told: list[Settlement | None] = []
    sendoso.before_order = held
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote())

        async def yes() -> None:
            await guard.send(quote(), None, **yes_to(question))

        async def decline() -> None:
            told.append(await guard.decline(question.id, quote(), None))

        async with anyio.create_task_group() as calls:
            calls.start_soon(yes)
            await held.arrived.wait()
            calls.start_soon(decline)
            await anyio.wait_all_tasks_blocked()
            assert not told
            held.go.set()
    assert [settlement and settlement.state for settlement in told] == [State.CONFIRMED]


async def test_a_no_to_a_question_that_was_renewed_is_still_a_no(memory_ledger: Ledger) -> None:
    sendoso = MemorySendoso()
    async with guarding(sendoso, memory_ledger) as guard:
        question = await asked(guard, quote(), "k")
        dearer = quote(gift=item(price="30"))
        renewed = await asked(guard, dearer, "k")
        assert renewed.id != question.id
        assert await guard.decline(question.id, quote(), "k") is None
        assert await guard.send(dearer, "k", **yes_to(renewed)) == Settlement(State.DECLINED)
    assert not sendoso.orders


@pytest.mark.parametrize("key", [None, "k"])
async def test_what_policy_allows_by_itself_needs_no_question(memory_ledger: Ledger, key: str | None) -> None:
    sendoso = MemorySendoso()
    generous = Policy.model_validate({"approval": {"ask_above": 20}})
    async with guarding(sendoso, memory_ledger, policy=generous) as guard:
        assert (await guard.judge(quote(), key)).effect == "allow"
        assert settled(await guard.send(quote(), key)).state is State.CONFIRMED
        again = await guard.send(quote(), key)
    if key:
        assert settled(again).state is State.CONFIRMED
    else:
        # The second one is a near-duplicate, which somebody has to see.
        assert [reason.code for reason in refused(again).verdict.deciding] == ["near_duplicate"]
    assert len(sendoso.orders) == 1
    assert list(memory_ledger.trail())[1].detail == {"approved_by": "policy"}
