"""Who is answered: hosts, origins, bodies, and the headers of every answer."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from desk_kit import MUG, PIN, FakeDesk
from page_kit import HERE, HOST, KEY, Reading, client, visiting
from starlette.types import Receive, Scope, Send

from sendoso_mcp.page import beside, create_page, gate
from sendoso_mcp.page.gate import LONGEST_BODY
from sendoso_mcp.spending.desk import Stand

pytestmark = pytest.mark.anyio
NOTHING = "Nothing was approved, and nothing was ordered."


async def test_every_answer_has_every_header() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form()
        answers = [
            await visitor.http.get("/approvals"),
            await visitor.http.get(f"/approvals/{MUG.id}"),
            await visitor.http.head("/approvals"),
            await visitor.post(form | {"pin": PIN}),
            await visitor.http.get("/approvals/unknown"),
            await visitor.http.get("/nowhere"),
            await visitor.http.put("/approvals"),
            await visitor.post(form, origin="https://evil.example"),
            await visitor.post("{}", content_type="application/json"),
            await visitor.http.get("/approvals", headers={"Host": "evil.example"}),
        ]
        desk.fault = RuntimeError()
        answers.append(await visitor.http.get("/approvals"))
    assert [answer.status_code for answer in answers] == [
        200, 200, 200, 303, 404, 404, 405, 403, 415, 421, 500
    ]  # fmt: skip
    for answer in answers:
        expected = {
            "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        assert expected.items() <= dict(answer.headers).items()
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        policy = answer.headers["content-security-policy"].split("; ")
        assert {
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        } < set(policy)
        assert "unsafe" not in answer.headers["content-security-policy"]
        if answer.content and answer.status_code != 421:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_policy_names_the_one_style_sheet_and_there_is_nothing_else_to_load() -> None:
    async with visiting(FakeDesk(), sandbox=True) as visitor:
        for path in ("/approvals", f"/approvals/{MUG.id}", "/approvals/unknown"):
            answer = await visitor.http.get(path)
            page = Reading(answer.text)
            (sheet,) = [text for tags, text in page.texts if "style" in tags.split() and text.strip()]
            digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}';" in answer.headers["content-security-policy"]
            assert not {tag for tag, _ in page.tags} & set("script link img iframe object svg base".split())
            assert "url(" not in sheet
            assert "@import" not in sheet
            for _, attributes in page.tags:
                assert not {"style", "src", "srcset"} & set(attributes)
                assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "127.0.0.1", "LOCALHOST:1", "[::1]:65535", "exact.example"]
)
async def test_a_host_that_is_allowed_is_served(host: str) -> None:
    assert await status_for(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "127.0.0.1:8000.evil.example",
        "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:123456", "localhost", "exact.example:1", "",
        "*", "127.0.0.1:*", "evil.example, 127.0.0.1",
    ],
)  # fmt: skip
async def test_another_host_is_not_served(host: str) -> None:
    assert await status_for(host) == 421


async def status_for(*hosts: str) -> int:
    allowed = ["127.0.0.1", "127.0.0.1:*", "localhost:*", "[::1]:*", "exact.example"]
    page = create_page(FakeDesk(), allowed_hosts=allowed, sandbox=False)
    scope = {
        "type": "http", "method": "GET", "path": "/approvals", "query_string": b"",
        "headers": [(b"host", host.encode()) for host in hosts],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await page(scope, receive, send)
    return int(sent[0]["status"])


async def test_no_host_and_two_hosts_are_not_served() -> None:
    assert await status_for() == 421
    assert await status_for("127.0.0.1", "127.0.0.1") == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"http://{HOST}", "sec_fetch_site": "same-origin"},
        {"origin": f"http://{HOST}", "sec_fetch_site": None},
        {"origin": f"https://{HOST}", "sec_fetch_site": None},
        {"origin": None, "sec_fetch_site": "same-origin"},
    ],
    ids=["both", "an old browser", "behind a proxy that ends TLS", "an origin that something left out"],
)
async def test_an_answer_from_the_page_itself_counts(headers: dict[str, Any]) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.post(await visitor.form() | {"pin": PIN}, **headers)
    assert answer.status_code == 303
    assert desk.stand() is Stand.APPROVED


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "https://evil.example", "sec_fetch_site": None},
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:9999", "sec_fetch_site": "same-site"},
        {"origin": "http://127.0.0.1:9999", "sec_fetch_site": None},
        {"origin": "http://127.0.0.1", "sec_fetch_site": None},
        {"origin": "http://localhost:8000", "sec_fetch_site": None},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": ""},
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": None},
        {"origin": "null"},
        {"origin": f"http://{HOST}.evil.example", "sec_fetch_site": None},
        {"origin": f"ftp://{HOST}", "sec_fetch_site": None},
        {"origin": HOST, "sec_fetch_site": None},
        {"origin": "", "sec_fetch_site": None},
        {"origin": None, "sec_fetch_site": None},
    ],
    ids=str,
)
async def test_an_answer_from_anywhere_else_does_not_count_even_with_a_good_form(
    headers: dict[str, Any],
) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        answer = await visitor.post(form, **headers)
        assert answer.status_code == 403
        assert desk.heard == []
        page = Reading(answer.text)
        assert "This answer did not come from this page" in page.within("h1")
        assert NOTHING in page.text
        # Nor is the form used up by it.
        await visitor.after(await visitor.post(form))
    assert desk.stand() is Stand.APPROVED


async def test_two_origins_are_one_too_many() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        headers = [*HERE.items(), ("origin", "https://evil.example")]
        answer = await visitor.http.post(
            f"/approvals/{MUG.id}", data=await visitor.form() | {"pin": PIN}, headers=headers
        )
    assert answer.status_code == 403
    assert desk.heard == []


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/plain", "multipart/form-data; boundary=x", "", None, "application/x-www-form"],
)
async def test_only_forms_are_read(kind: str | None) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        body = str(httpx.QueryParams(form))
        answer = await visitor.post(body, content_type=kind)
        assert answer.status_code == 415
        assert NOTHING in Reading(answer.text).text
        assert desk.heard == []
        accepted = await visitor.post(body, content_type="Application/X-WWW-Form-Urlencoded; charset=utf-8")
    assert accepted.status_code == 303


@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_that_is_too_large_is_not_read(stated: bool) -> None:
    desk = FakeDesk()

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            chunks.append(1)
            yield b"x" * 1_000

    chunks: list[int] = []
    async with visiting(desk) as visitor:
        headers = HERE | {"content-type": "application/x-www-form-urlencoded"}
        content = b"pin=" + b"1" * LONGEST_BODY if stated else flood()
        answer = await visitor.http.post(f"/approvals/{MUG.id}", headers=headers, content=content)
    assert answer.status_code == 413
    assert NOTHING in Reading(answer.text).text
    assert len(chunks) <= LONGEST_BODY / 1_000 + 1
    assert desk.heard == []


@pytest.mark.parametrize("body", ["", "pin", "=&=", "decision=send", "decision=", "\x00", "é", "pin=4711"])
async def test_a_body_that_is_no_form_of_ours_does_nothing(body: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.post(body)
    assert answer.status_code == 400
    assert NOTHING in Reading(answer.text).text
    assert desk.heard == []


@pytest.mark.parametrize(
    "more", ["&decision=reject", "&pin=", "&pin", "&", "&x=%ff", "&x=é", "&a=1&b=1&c=1&d=1&e=1"]
)
async def test_a_form_that_could_be_read_in_two_ways_is_not_read(more: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        answer = await visitor.post(str(httpx.QueryParams(form)) + more)
        assert answer.status_code == 400
        assert NOTHING in Reading(answer.text).text
        assert desk.heard == []
        await visitor.post(str(httpx.QueryParams(form)))
    assert desk.stand() is Stand.APPROVED


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_BODY_WITHIN", 0.01)
    desk = FakeDesk()

    async def never() -> AsyncIterator[bytes]:
        yield b"pin="
        await anyio.sleep_forever()

    async with visiting(desk) as visitor:
        headers = HERE | {"content-type": "application/x-www-form-urlencoded"}
        answer = await visitor.http.post(f"/approvals/{MUG.id}", headers=headers, content=never())
    assert answer.status_code == 408
    assert NOTHING in Reading(answer.text).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_not_served(method: str) -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        answer = await visitor.http.request(method, f"/approvals/{MUG.id}", headers=HERE)
    assert answer.status_code == 405
    assert desk.heard == []


async def test_looking_changes_nothing() -> None:
    desk = FakeDesk()
    async with visiting(desk) as visitor:
        form = await visitor.form() | {"pin": PIN}
        await visitor.http.get(f"/approvals/{MUG.id}", params=form)
        await visitor.http.head(f"/approvals/{MUG.id}", params=form)
    assert desk.heard == []


async def test_it_lives_beside_another_app_and_under_another_path() -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the other app"})

    desk = FakeDesk()
    app = beside(other, create_page(desk, allowed_hosts=[HOST], sandbox=False, key=KEY, now=desk.now))
    async with client(app) as http:
        assert "1 question for you" in (await http.get("/approvals")).text
        assert "Send this gift?" in (await http.get(f"/approvals/{MUG.id}")).text
        for path in ("/mcp", "/", "/approvalsx", "/x/approvals"):
            assert (await http.get(path)).text == "the other app"
    async with client(app, root_path="/gifts") as http:
        page = Reading((await http.get(f"/gifts/approvals/{MUG.id}")).text)
        assert page.one("form", id="yes")["action"] == f"/gifts/approvals/{MUG.id}"
        answer = await http.post(
            f"/gifts/approvals/{MUG.id}", data=page.form("yes") | {"pin": PIN}, headers=HERE
        )
        assert answer.headers["location"] == f"/gifts/approvals/{MUG.id}"
    assert desk.stand() is Stand.APPROVED
