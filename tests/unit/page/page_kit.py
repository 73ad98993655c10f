"""A visitor of the page, who sends what a browser sends, and reads what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import httpx
from desk_kit import MUG, FakeDesk

from sendoso_mcp.page import create_page

HOST = "127.0.0.1:8000"
HERE = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
KEY = b"k" * 32
_VOID = {"input", "meta"}
_INLINE = {"a", "code", "strong", "time"}


class Reading(HTMLParser):
    """A page as a browser would take it apart; an end tag that does not fit is a mistake of ours."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        """Every text, with the tags, or their roles, around it: `html body div main alert p`."""
        self._open: list[str] = []
        self._closes: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in _VOID:
            self._open.append(str(found.get("role") or tag))
            self._closes.append(tag)
            self._space(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._closes.pop() == tag
        self._space(tag)
        self._open.pop()

    def _space(self, tag: str) -> None:
        if tag not in _INLINE:
            self.texts.append((" ".join(self._open), " "))

    def handle_data(self, data: str) -> None:
        self.texts.append((" ".join(self._open), data))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [
            found for name, found in self.tags if name == tag and attributes.items() <= dict(found).items()
        ]

    def one(self, tag: str, **attributes: str) -> dict[str, str | None]:
        (found,) = self.all(tag, **attributes)
        return found

    def within(self, tag: str) -> str:
        """What can be read within such tags, in one line."""
        return " ".join("".join(text for tags, text in self.texts if tag in tags.split()).split())

    @property
    def text(self) -> str:
        """What can be read of the page, in one line."""
        return self.within("body")

    def form(self, form_id: str) -> dict[str, str]:
        """The hidden fields of a form."""
        start = next(
            at for at, (tag, found) in enumerate(self.tags) if tag == "form" and found["id"] == form_id
        )
        fields: dict[str, str] = {}
        for tag, found in self.tags[start + 1 :]:
            if tag == "form":
                break
            if tag == "input" and found["type"] == "hidden":
                fields[str(found["name"])] = str(found["value"])
        return fields


@dataclass
class Visitor:
    """A browser without a window."""

    http: httpx.AsyncClient

    async def see(self, path: str) -> Reading:
        answer = await self.http.get(path)
        return Reading(answer.text)

    async def form(self, decision: str = "approve", question_id: str = MUG.id) -> dict[str, str]:
        page = await self.see(f"/approvals/{question_id}")
        return page.form("yes" if decision == "approve" else "no")

    async def post(
        self, form: dict[str, str] | str, to: str = MUG.id, **headers: str | None
    ) -> httpx.Response:
        """Sends a form; a header given as None is left out, and `sec_fetch_site` is `Sec-Fetch-Site`."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {"content-type": "application/x-www-form-urlencoded"}
        sent = {name: value for name, value in (kind | HERE | changed).items() if value is not None}
        content: dict[str, Any] = {"content": form} if isinstance(form, str) else {"data": form}
        return await self.http.post(f"/approvals/{to}", headers=sent, **content)

    async def decide(
        self, decision: str = "approve", pin: str | None = None, question_id: str = MUG.id
    ) -> Reading:
        """Opens a question, answers it, and reads the page after it."""
        form = await self.form(decision, question_id)
        return await self.after(await self.post(form | ({} if pin is None else {"pin": pin}), question_id))

    async def after(self, answer: httpx.Response) -> Reading:
        """The page that a browser shows after an answer."""
        assert answer.status_code == 303
        assert answer.content == b""
        return await self.see(answer.headers["location"])


@asynccontextmanager
async def visiting(desk: FakeDesk, *, sandbox: bool = False, key: bytes = KEY) -> AsyncIterator[Visitor]:
    app = create_page(desk, allowed_hosts=[HOST], sandbox=sandbox, key=key, now=desk.now)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
        yield Visitor(http)


def client(app: Any, root_path: str = "") -> httpx.AsyncClient:
    """Speaks to an app without a visitor's manners."""
    transport = httpx.ASGITransport(app, root_path=root_path)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")
