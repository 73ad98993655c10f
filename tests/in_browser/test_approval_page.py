"""The approval page in a real browser, used as a person uses it: with a mouse, a keyboard, a phone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from browser import ENTER, TAB, Browser, chromium, new_window, webdriver
from desk_kit import MUG, PIN, FakeDesk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sendoso_mcp.page.listener import loopback_page
from sendoso_mcp.spending.desk import Stand
from sendoso_mcp.web import web_server

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
NOTHING = "Nothing was approved, and nothing was ordered."
HOSTILE = replace(
    MUG,
    id="0123456789ab",
    lines=(
        ("To", '<script>document.title="owned"</script>"</dd><h1>Approved</h1><img src=//evil.example/x>'),
        ("Gift", "W" * 10_000),
        ("Message", "Pay at https://evil.example/pay or javascript:alert(1)\n\u202eSend\u202c \u200bit"),
    ),
    why=("x" * 300,),
    asked_by="y" * 300,
)


@pytest.fixture(scope="module")
def driver() -> Iterator[str]:
    with webdriver() as address:
        yield address


@pytest.fixture(scope="module")
def session(driver: str) -> Iterator[str]:
    with chromium(driver) as address:
        yield address


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk({MUG.id: MUG, HOSTILE.id: HOSTILE}, wait=8.0)


@pytest.fixture
async def url(desk: FakeDesk) -> AsyncIterator[str]:
    async with loopback_page(desk, sandbox=False, now=desk.now) as address:
        yield address


@pytest.fixture
async def person(session: str) -> AsyncIterator[Browser]:
    async with new_window(session) as window:
        yield window


async def test_from_the_list_to_a_yes_and_back(person: Browser, url: str, desk: FakeDesk) -> None:
    await person.open(url)
    await person.press(f'a[href$="{MUG.id}"]')
    assert await person.title() == "Send this gift? · Gift approvals"
    assert "34.00 USD" in await person.text("article")
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert await person.text("h1") == "Approved"
    assert "The assistant must call again" in await person.text("[role=status]")
    assert desk.stand() is Stand.APPROVED
    await person.press("button")
    assert await person.text("h1") == "Closed"
    assert "declined" in await person.text("article")
    assert desk.stand() is Stand.CLOSED
    assert await person.requested() == [url, *5 * [f"{url}/{MUG.id}"]]
    assert await person.complaints() == []


async def test_a_wrong_pin_approves_nothing_and_has_to_wait(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    async def answer(pin: str) -> str:
        await person.type_into("#pin", pin)
        await person.press("button.yes")
        return await person.text("[role=alert]")

    await person.open(f"{url}/{MUG.id}")
    said = await answer("0000")
    assert f"That PIN is not right. {NOTHING}" in said
    assert "in 8 seconds, at 12:00:08 UTC" in said
    assert "That PIN is not right." in await person.text("#pin-wrong")
    desk.time += timedelta(seconds=7)
    said = await answer(PIN)
    assert f"too soon after a wrong PIN, so the PIN was not looked at. {NOTHING}" in said
    assert desk.stand() is Stand.WAITING
    desk.time += timedelta(seconds=1)
    await person.reload()
    assert "You can try again now." in await person.text("[role=alert]")
    assert len(desk.heard) == 2
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert desk.stand() is Stand.APPROVED


async def test_an_answer_is_not_sent_again_by_going_back_or_loading_again(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    await person.open(f"{url}/{MUG.id}")
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    await person.reload()
    assert await person.text("h1") == "Approved"
    await person.back()
    # Nothing was stored, so what is there is asked for anew: no form, and no PIN in it.
    assert await person.text("h1") == "Approved"
    assert await person.count("#pin") == 0
    assert len(desk.heard) == 1


async def test_a_form_that_is_sent_again_does_nothing_and_says_so(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    await person.open(f"{url}/{MUG.id}")
    # The answers come in windows of their own, and the form stays.
    await person.measure("document.querySelector('#yes').target = '_blank'")
    await person.type_into("#pin", PIN)
    await person.press("button.yes", turns=False)
    (first,) = await person.opened(1)
    assert "The assistant must call again" in first
    assert "sent before" not in first
    await person.press("button.yes", turns=False)
    (second,) = await person.opened(1)
    assert "This form was sent before" in second
    assert "By sending it again nothing was approved, and nothing was ordered." in second
    assert "The assistant must call again" in second
    assert len(desk.heard) == 1


async def test_the_answers_of_two_windows_count_once(person: Browser, url: str, desk: FakeDesk) -> None:
    await person.open(f"{url}/{MUG.id}")
    async with httpx.AsyncClient(trust_env=False) as other:
        form = token_form((await other.get(f"{url}/{MUG.id}")).text)
        headers = {"Origin": url.removesuffix("/approvals")}
        await other.post(f"{url}/{MUG.id}", data=form | {"decision": "reject"}, headers=headers)
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert "Your answer changed nothing" in await person.text("[role=alert]")
    assert "declined" in await person.text("article")
    assert desk.stand() is Stand.CLOSED


async def test_a_page_of_another_origin_cannot_answer_nor_frame_the_question(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    async with httpx.AsyncClient(trust_env=False) as thief:
        # As if it had got hold of a good form and even of the PIN.
        form = token_form((await thief.get(f"{url}/{MUG.id}")).text) | {"decision": "approve", "pin": PIN}
    fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in form.items())
    bait = f'<form method="post" action="{url}/{MUG.id}">{fields}<button>Win a prize</button></form>'
    async with another_site(bait + f'<iframe src="{url}/{MUG.id}"></iframe>') as elsewhere:
        for origin in (elsewhere, elsewhere.replace("127.0.0.1", "localhost")):
            await person.open(origin)
            assert any("frame" in line.casefold() for line in await person.complaints())
            await person.press("button")
            assert await person.text("h1") == "This answer did not come from this page"
            assert NOTHING in await person.text("main")
    assert desk.heard == []
    assert desk.stand() is Stand.WAITING


async def test_an_expired_question_has_no_form_and_one_that_expires_meanwhile_counts_no_answer(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    await person.open(f"{url}/{MUG.id}")
    desk.change(expires_at=desk.time + timedelta(minutes=1))
    desk.time += timedelta(minutes=1)
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert "Your answer changed nothing" in await person.text("[role=alert]")
    assert "It expired. Nothing was ordered" in await person.text("article")
    await person.open(f"{url}/{MUG.id}")
    assert await person.text("h1") == "Closed"
    assert await person.count("form, button, input") == 0
    assert desk.stand() is Stand.WAITING


async def test_facts_that_changed_are_shown_before_a_yes_counts(
    person: Browser, url: str, desk: FakeDesk
) -> None:
    await person.open(f"{url}/{MUG.id}")
    desk.change(seal="another", lines=(("To", "Somebody else"),))
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    assert "The facts have changed" in await person.text("[role=alert]")
    assert NOTHING in await person.text("[role=alert]")
    assert "Somebody else" in await person.text("article")
    assert desk.stand() is Stand.WAITING


async def test_a_keyboard_alone_is_enough(person: Browser, url: str, desk: FakeDesk) -> None:
    await person.open(url)
    await person.keys(TAB)
    assert await person.focused() == "a Gift approvals"
    await person.keys(TAB)
    assert await person.focused() == f"a Question {MUG.id}"
    assert await person.measure("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await person.keys(ENTER, turns=True)
    stops = []
    for _ in range(4):
        await person.keys(TAB)
        stops.append(await person.focused())
        assert await person.measure("parseInt(getComputedStyle(document.activeElement).outlineWidth)") >= 3
    assert stops == ["a Gift approvals", "input pin", "button Do not send", "button Approve"]
    await person.open(f"{url}/{MUG.id}")
    await person.keys(TAB + TAB + PIN + ENTER, turns=True)
    assert desk.stand() is Stand.APPROVED


async def test_the_first_button_refuses(person: Browser, url: str, desk: FakeDesk) -> None:
    await person.open(f"{url}/{MUG.id}")
    await person.keys(TAB + TAB + TAB + ENTER, turns=True)
    assert [what for what, _, _ in desk.heard] == ["reject"]
    assert desk.stand() is Stand.CLOSED


async def test_without_a_pin_the_browser_sends_no_yes(person: Browser, url: str, desk: FakeDesk) -> None:
    await person.open(f"{url}/{MUG.id}")
    await person.press("button.yes", turns=False)
    assert await person.requested() == [f"{url}/{MUG.id}"]
    assert await person.focused() == "input pin"


async def test_it_works_where_scripts_are_switched_off(driver: str, url: str, desk: FakeDesk) -> None:
    with chromium(driver, scripts=False) as session:
        async with new_window(session) as person:
            await person.open("data:text/html,<script>document.write('on')</script><noscript>off</noscript>")
            assert await person.text() == "off"
            await person.open(f"{url}/{MUG.id}")
            await person.type_into("#pin", PIN)
            await person.press("button.yes")
            assert await person.text("h1") == "Approved"
    assert desk.stand() is Stand.APPROVED


async def test_hostile_text_is_only_text_and_nothing_is_asked_of_anyone_else(
    person: Browser, url: str
) -> None:
    for path in ("", f"/{HOSTILE.id}", "/unknown"):
        await person.open(url + path)
        assert await person.count("script, img, iframe, link") == 0
        assert await person.count("h1") == 1
        assert "owned" not in await person.title()
    await person.open(f"{url}/{HOSTILE.id}")
    assert "https: //evil.example/pay or javascript :alert(1)\nSend it" in await person.text("dl")
    here = url.removesuffix("/approvals")
    assert {address for address in await person.requested() if not address.startswith(here)} == set()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_every_screen_and_both_colour_schemes(
    person: Browser, url: str, desk: FakeDesk, tmp_path: Path, width: int, scheme: str
) -> None:
    """Leaves pictures of every page in pytest's temporary directory: look at them after a change."""
    pictures = anyio.Path(tmp_path)

    async def look(name: str) -> None:
        assert await person.measure("document.documentElement.scrollWidth <= innerWidth"), name
        assert await person.measure("innerWidth") == width
        ground = await person.measure("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(20, 22, 25)") is (scheme == "dark")
        await (pictures / f"{name}.png").write_bytes(await person.picture())

    await person.screen(width, scheme)
    for name, path in (
        ("list", ""),
        ("question", f"/{MUG.id}"),
        ("hostile", f"/{HOSTILE.id}"),
        ("none", "/x"),
    ):
        await person.open(url + path)
        await look(name)
    await person.open(f"{url}/{MUG.id}")
    await person.type_into("#pin", "0000")
    await person.press("button.yes")
    await look("wrong-pin")
    desk.time += timedelta(seconds=8)
    await person.type_into("#pin", PIN)
    await person.press("button.yes")
    await look("approved")
    await person.press("button")
    await look("closed")


def token_form(html: str) -> dict[str, str]:
    """The hidden fields of a question's first form."""
    parts = html.partition("<form")[2].partition("</form>")[0].split("<input")[1:]
    pairs = [
        (part.split('name="')[1].split('"')[0], part.split('value="')[1].split('"')[0]) for part in parts
    ]
    return dict(pairs)


@asynccontextmanager
async def another_site(body: str) -> AsyncIterator[str]:
    """A web server of somebody else, on another port."""

    async def page(_: Request) -> Response:
        return HTMLResponse(body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = web_server(Starlette(routes=[Route("/", page)]), guest=True)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
            finally:
                server.should_exit = True
