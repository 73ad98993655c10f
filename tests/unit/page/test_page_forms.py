"""A form is good for one answer, to one question, with the facts that were shown, for a short time."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest
from desk_kit import MUG, NOON, PIN, FakeDesk
from page_kit import HERE, HOST, KEY, Reading, client, visiting

from sendoso_mcp.page import create_page
from sendoso_mcp.page.seals import FORM_LIFE, Form, Seals
from sendoso_mcp.spending.desk import Stand

pytestmark = pytest.mark.anyio
NOTHING = "Nothing was approved, and nothing was ordered."


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_a_form_counts_once(decision: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form(decision) | {"pin": PIN}
        await visitor.post(form)
        after_the_first = desk.stand()
        for _ in range(3):
            page = await visitor.after(await visitor.post(form))
            assert "This form was sent before" in page.within("alert")
            assert "By sending it again nothing was approved, and nothing was ordered." in page.text
    assert len(desk.heard) == 1
    assert desk.stand() is after_the_first


async def test_a_form_that_was_sent_is_remembered_after_others_and_forgotten_when_it_is_too_old() -> None:
    now = NOON
    seals = Seals(KEY, lambda: now)
    forms = [seals.form("a", "b") for _ in range(50)]
    assert [seals.take(form, "a", "b") for form in forms] == [Form.GOOD] * 50
    assert [seals.take(form, "a", "b") for form in forms] == [Form.USED] * 50
    now += timedelta(seconds=FORM_LIFE)
    assert [seals.take(form, "a", "b") for form in forms] == [Form.STALE] * 50
    assert seals.take(seals.form("a", "b"), "a", "b") is Form.GOOD
    assert seals.remembered == 1


async def test_one_page_is_good_for_one_answer() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        page = await visitor.see(f"/approvals/{MUG.id}")
        await visitor.post(page.form("yes") | {"pin": PIN})
        await visitor.post(page.form("no"))
    assert [what for what, _, _ in desk.heard] == ["approve"]


async def test_of_a_hundred_copies_at_once_one_counts() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": "0000"}
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(visitor.post, form)
    assert len(desk.heard) == 1


async def test_a_form_that_is_too_old_does_nothing_and_a_fresh_one_is_there() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        desk.time += timedelta(seconds=FORM_LIFE)
        page = await visitor.after(await visitor.post(form))
        assert "This form was too old" in page.within("alert")
        assert NOTHING in page.text
        assert desk.heard == []
        await visitor.post(page.form("yes") | {"pin": PIN})
    assert desk.stand() is Stand.APPROVED


async def test_a_form_is_good_until_it_is_too_old() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        desk.time += timedelta(seconds=FORM_LIFE - 1)
        await visitor.post(form)
    assert desk.stand() is Stand.APPROVED


async def test_a_form_of_another_process_does_nothing() -> None:
    desk = FakeDesk()
    async with visiting(desk, key=b"x" * 32) as before:
        form = await before.form() | {"pin": PIN}
    async with visiting(desk) as visitor:
        page = await visitor.after(await visitor.post(form))
    assert "This form was too old" in page.within("alert")
    assert desk.heard == []


async def test_a_form_is_good_for_its_question_and_its_facts_only() -> None:
    other = FakeDesk().questions[MUG.id]
    desk = FakeDesk({MUG.id: MUG, "other": other})
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        await visitor.post(form, "other")
        await visitor.post(form | {"seal": "another"})
        for token in forged(form["token"]):
            page = await visitor.after(await visitor.post(form | {"token": token}))
            assert "This form was too old" in page.within("alert")
    assert desk.heard == []


def forged(token: str) -> list[str]:
    nonce, expires, mac = token.split(".")
    return [
        "", ".", "..", "...", nonce, f"{nonce}.{expires}.", f"{nonce}.{expires}.{mac[:-1]}",
        f"{nonce}x.{expires}.{mac}", f"{nonce}.{int(expires) + 1}.{mac}", f"{nonce}.٣.{mac}",
        f"{nonce}.{'9' * 500}.{mac}", f"{nonce}.-1.{mac}", f"{nonce}.{expires}.é",
        f"{nonce}.{expires}.\N{ZERO WIDTH SPACE}",
    ]  # fmt: skip


async def test_a_note_cannot_be_written_by_anyone_else() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.post(await visitor.form() | {"pin": "0000"})
        url = str(answer.headers["location"])
        path, note = url.split("?note=")
        desk.questions["other"] = MUG
        assert (await visitor.see(url)).within("alert")
        for bad in (
            f"{path}?note={note[:-1]}",
            f"{path}?note={note.replace('wrong-pin', 'changed')}",
            f"{path}?note=",
            f"{path}?note=<script>",
            f"{path}?note=%ed%a0%80",
            f"{path}?note={(await visitor.form())['token']}",
            f"/approvals/other?note={note}",
        ):
            assert (await visitor.http.get(bad)).status_code == 200
            if "other" not in bad:
                assert (await visitor.see(bad)).within("alert") == ""
        desk.time += timedelta(hours=1)
        assert (await visitor.see(url)).within("alert") == ""


async def test_a_key_is_made_for_each_page_that_is_given_none() -> None:
    desk = FakeDesk()
    pages = [create_page(desk, allowed_hosts=[HOST], sandbox=False, now=desk.now) for _ in range(2)]
    path = f"/approvals/{MUG.id}"
    async with client(pages[0]) as first, client(pages[1]) as second:
        form = Reading((await first.get(path)).text).form("yes") | {"pin": PIN}
        await second.post(path, data=form, headers=HERE)
        assert desk.heard == []
        await first.post(path, data=form, headers=HERE)
    assert desk.stand() is Stand.APPROVED
