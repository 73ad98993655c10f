"""What policy does to a send, through a real client in both protocol eras."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support import EGIFT, ERAS, Person, change, chat, order, sends

from sendoso_mcp.sandbox import Sandbox, create_sandbox
from sendoso_mcp.spending.policy import Policy

pytestmark = pytest.mark.anyio
CHEAP = "item_coffeehouse_egift_card_10"


@pytest.fixture
def sandbox() -> Sandbox:
    return create_sandbox()


def policy(**sections: Any) -> Policy:
    # The person of a test reads in no time.
    sections["approval"] = {"read_seconds": 0, **sections.get("approval", {})}
    return Policy.model_validate(sections)


@ERAS
@pytest.mark.parametrize("person", [Person(), None], ids=["somebody there", "nobody there"])
async def test_a_gift_that_policy_asks_nobody_about_is_sent_without_a_question(
    sandbox: Sandbox, mode: str, person: Person | None
) -> None:
    before = sends(sandbox)
    rules = policy(approval={"ask_above": 25})
    async with chat(sandbox, mode=mode, person=person, policy=rules) as connected:
        seen = await connected.call("preview_send", **order())
        done = await connected.call("create_send", **order())
    assert (seen["verdict"], seen["reasons"]) == ("allow", [])
    assert "approval" not in seen
    assert done["outcome"] == "sent"
    assert not person or not person.asked
    assert sends(sandbox) == before + 1


async def test_the_budget_tells_which_gifts_need_a_yes_and_where(sandbox: Sandbox) -> None:
    rules = policy(approval={"ask_above": 25, "outside_chat_above": 80.5})
    async with chat(sandbox, policy=rules) as connected:
        allowed = (await connected.call("get_budget"))["policy"]
    assert (allowed["ask_above"], allowed["outside_chat_above"]) == (25.0, 80.5)


@ERAS
async def test_a_second_gift_without_a_key_is_asked_about_all_the_same(sandbox: Sandbox, mode: str) -> None:
    before, person = sends(sandbox), Person()
    rules = policy(approval={"ask_above": 25})
    async with chat(sandbox, mode=mode, person=person, policy=rules) as connected:
        first = await connected.call("create_send", **order())
        seen = await connected.call("preview_send", **order())
        again = await connected.call("create_send", **order())
        other = await connected.call("create_send", **order(item_id=CHEAP))
        keyed = await connected.call("create_send", **order(idempotency_key="k"))
    assert [reason["code"] for reason in seen["reasons"]] == ["near_duplicate"]
    assert [each["outcome"] for each in (first, again, other, keyed)] == ["sent"] * 4
    assert len(person.asked) == 2
    assert f"This very gift was ordered for this person on {datetime.now(UTC):%Y}" in person.asked[0]
    assert f"as {first['send_id']}." in person.asked[0]
    assert "Another gift" in person.asked[1]
    assert sends(sandbox) == before + 4


@ERAS
async def test_a_second_gift_without_a_key_is_not_sent_where_nobody_can_be_asked(
    sandbox: Sandbox, mode: str
) -> None:
    before, rules = sends(sandbox), policy(approval={"ask_above": 25})
    async with chat(sandbox, mode=mode, policy=rules) as connected:
        assert (await connected.call("create_send", **order()))["outcome"] == "sent"
        again = await connected.call("create_send", **order())
    assert again["outcome"] == "approval_required"
    assert sends(sandbox) == before + 1


async def test_what_a_person_must_know_of_only_now_is_asked_about_at_the_next_call(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policy asks nobody, and while this call looks everything up another orders the same."""
    before, rules = sends(sandbox), policy(approval={"ask_above": 25})
    async with chat(sandbox, mode="legacy", person=Person(), policy=rules) as connected:
        assert connected.services is not None
        guard = connected.services.guard
        send = guard.send

        async def second(quote: Any, key: str | None, **more: Any) -> Any:
            monkeypatch.setattr(guard, "send", send)
            await send(quote, key)
            return await send(quote, key, **more)

        monkeypatch.setattr(guard, "send", second)
        late = await connected.call("create_send", **order())
        (reason,) = late["reasons"]
        assert (late["outcome"], reason["code"]) == ("approval_required", "near_duplicate")
        assert (
            "Call create_send again to have the person asked. No gift was ordered by this call"
            in reason["text"]
        )
        assert (await connected.call("create_send", **order()))["outcome"] == "sent"
    assert sends(sandbox) == before + 2


@ERAS
async def test_a_gift_that_is_too_dear_for_a_form_is_not_sent_by_one(sandbox: Sandbox, mode: str) -> None:
    before, person = sends(sandbox), Person()
    rules = policy(approval={"outside_chat_above": 24.99})
    async with chat(sandbox, mode=mode, person=person, policy=rules) as connected:
        seen = await connected.call("preview_send", **order())
        done = await connected.call("create_send", **order())
    assert (seen["verdict"], seen["approval"]) == ("ask", "outside_chat")
    assert done["outcome"] == "approval_required"
    assert "No gift was ordered" in done["reasons"][0]["text"]
    assert person.asked == []
    assert sends(sandbox) == before


@ERAS
async def test_a_price_that_rises_over_what_a_form_is_good_for_is_not_paid_by_one(
    sandbox: Sandbox, mode: str
) -> None:
    before, person = sends(sandbox), Person()
    gift = next(gift for gift in sandbox.world.gifts() if gift.id == EGIFT)
    person.before = lambda: change(gift, price=gift.price + 10)
    rules = policy(approval={"outside_chat_above": 30})
    async with chat(sandbox, mode=mode, person=person, policy=rules) as connected:
        done = await connected.call("create_send", **order())
    assert done["outcome"] == "approval_required"
    assert len(person.asked) == 1
    assert sends(sandbox) == before


@ERAS
@pytest.mark.parametrize(
    ("sections", "code", "figures"),
    [
        ({"limits": {"per_send": 24}}, "over_per_send", (24.0, 25.0, 24.0)),
        ({"limits": {"per_day": 10}}, "over_per_day", (10.0, 25.0, 10.0)),
        ({"limits": {"per_recipient_per_year": 10}}, "over_per_recipient_per_year", (10.0, 25.0, 10.0)),
        ({"limits": {"sends_per_hour": 0}}, "over_sends_per_hour", (0.0, 1.0, 0.0)),
        ({"items": {"deny_types": ["egift"]}}, "type_denied", None),
    ],
    ids=["send", "day", "recipient", "hour", "type"],
)
async def test_what_policy_denies_is_said_with_its_figures_and_asked_of_nobody(
    sandbox: Sandbox, mode: str, sections: dict[str, Any], code: str, figures: tuple[float, ...] | None
) -> None:
    before, person = sends(sandbox), Person()
    async with chat(sandbox, mode=mode, person=person, policy=policy(**sections)) as connected:
        seen = await connected.call("preview_send", **order())
        done = await connected.call("create_send", **order())
    assert (seen["verdict"], done["outcome"]) == ("deny", "denied")
    for answer in (seen, done):
        (reason,) = answer["reasons"]
        assert reason["code"] == code
        told = tuple(reason.get(name) for name in ("limit", "value", "headroom"))
        assert told == (figures or (None, None, None))
    assert "No gift was ordered" in done["reasons"][0]["text"]
    assert person.asked == []
    assert sends(sandbox) == before


@ERAS
async def test_what_is_spent_is_seen_in_every_place_that_shows_it(sandbox: Sandbox, mode: str) -> None:
    rules = policy(limits={"per_day": 100, "per_recipient_per_year": 200, "sends_per_hour": 5})
    async with chat(sandbox, mode=mode, person=Person(), policy=rules) as connected:
        await connected.call("create_send", **order())
        budget = await connected.call("get_budget")
        seen = await connected.call("preview_send", **order(idempotency_key="k"))
    standing, this_one = (
        {limit.pop("name"): limit for limit in limits}
        for limits in (budget["policy"]["limits"], seen["limits"])
    )
    for limits in (standing, this_one):
        assert limits["per_day"] == {"limit": 100.0, "used": 28.0, "left": 72.0}
        assert limits["sends_per_hour"] == {"limit": 5.0, "used": 1.0, "left": 4.0}
        assert limits["team_budget"]["left"] == budget["remaining"]
    assert this_one["per_recipient_per_year"] == {"limit": 200.0, "used": 28.0, "left": 172.0}


async def test_a_cost_beyond_the_price_is_said(sandbox: Sandbox) -> None:
    """The sandbox adds 3 USD to a gift of 25: policy counted with 25, and allows no more than 26."""
    async with chat(sandbox, person=Person(), policy=policy(limits={"per_send": 26})) as connected:
        done = await connected.call("create_send", **order())
    assert (done["outcome"], done["cost"]) == ("sent", 28.0)
    (reason,) = done["reasons"]
    assert reason["code"] == "cost_above_held"
    assert "3.00 USD" in reason["text"]


async def test_an_allowance_for_shipping_leaves_no_overrun(sandbox: Sandbox) -> None:
    rules = policy(limits={"cost_allowance_percent": 12})
    async with chat(sandbox, person=Person(), policy=rules) as connected:
        done = await connected.call("create_send", **order())
    assert (done["outcome"], done["cost"]) == ("sent", 28.0)
    assert "reasons" not in done


@pytest.mark.parametrize("url", ["sqlite:////proc/nowhere/ledger.sqlite3"])
async def test_without_a_ledger_nothing_is_ordered(sandbox: Sandbox, url: str) -> None:
    before = sends(sandbox)
    async with chat(sandbox, person=Person(), ledger_url=url) as connected:
        text = await connected.fail("create_send", **order())
        assert "its file cannot be opened" in text
        assert "No gift was ordered" in text
        assert "doctor" in text
        # What needs no ledger works on.
        assert (await connected.call("search_inventory", query="coffee"))["gifts"]
    assert sends(sandbox) == before
