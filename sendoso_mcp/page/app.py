"""The app: routes, the headers of every answer, and what happens with an answer of a person."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.hygiene import clean_line
from sendoso_mcp.page.gate import Refused, check_origin, host_is_served, read_form
from sendoso_mcp.page.notes import NOTHING
from sendoso_mcp.page.seals import Form, Kind, Note, Seals
from sendoso_mcp.page.style import STYLE_HASH
from sendoso_mcp.page.views import Views
from sendoso_mcp.spending.desk import Decision, Desk, Ruling

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: with that, browsers hide their Origin from our own form too (`Origin: null`).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS = {
    Ruling.WRONG_PIN: Kind.WRONG_PIN,
    Ruling.NO_PIN_SET: Kind.NO_PIN_SET,
    Ruling.TOO_SOON: Kind.TOO_SOON,
    Ruling.CHANGED: Kind.CHANGED,
    Ruling.CLOSED: Kind.CLOSED,
}


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def create_page(
    desk: Desk,
    *,
    allowed_hosts: Collection[str],
    sandbox: bool,
    key: bytes | None = None,
    now: Callable[[], datetime] = utc_now,
) -> ASGIApp:
    """The approval page: `/approvals` and `/approvals/{id}`.

    Args:
        desk: where questions wait.
        allowed_hosts: values of the Host header that are served; `name:*` allows any port.
        sandbox: says on every page that nothing is really sent.
        key: seals forms; None: one of its own, so that forms end with the process.
        now: the time, with its zone.
    """
    page = _Page(desk, Seals(key or secrets.token_bytes(32), now), sandbox=sandbox, now=now)
    app = Starlette(
        routes=[
            Route("/approvals", page.listing, methods=["GET"]),
            Route("/approvals/{id}", page.question, methods=["GET"]),
            Route("/approvals/{id}", page.answer, methods=["POST"]),
        ],
        exception_handlers={
            HTTPException: page.no_page,
            Refused: page.refused,
            LedgerUnavailable: page.no_ledger,
            Exception: page.defect,
        },
    )
    # Such a redirect names a scheme, which behind a proxy is the wrong one.
    app.router.redirect_slashes = False
    return _guarded(app, frozenset(allowed_hosts))


def beside(app: ASGIApp, page: ASGIApp) -> ASGIApp:
    """One app of two: the page has `/approvals` and what is under it, and the app has all else."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
        await (page if path == "/approvals" or path.startswith("/approvals/") else app)(scope, receive, send)

    return both


def _guarded(app: ASGIApp, allowed_hosts: frozenset[str]) -> ASGIApp:
    """Answers only those who name a host that is served, and gives every answer the same headers."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        wrong_host = PlainTextResponse(f"This server is not known by that name. {NOTHING}\n", status_code=421)
        served = host_is_served(Headers(scope=scope), allowed_hosts)
        await (app if served else wrong_host)(scope, receive, send_with_headers)

    return guarded


class _Page:
    """What the routes do."""

    def __init__(self, desk: Desk, seals: Seals, *, sandbox: bool, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._seals = seals
        self._sandbox = sandbox
        self._now = now

    async def listing(self, request: Request) -> Response:
        """The open questions."""
        return HTMLResponse(self._views(request).listing(await self._desk.waiting()))

    async def question(self, request: Request) -> Response:
        """One question, with a fresh form."""
        question_id = _id(request)
        question = await self._desk.question(question_id)
        if question is None:
            raise _unknown()
        token = self._seals.form(question.id, question.seal)
        note = self._seals.read(request.query_params.get("note", ""), question.id)
        return HTMLResponse(self._views(request).question(question, token=token, note=note))

    async def answer(self, request: Request) -> Response:
        """A person's answer, and then the page of the question, so that loading again sends nothing again."""
        check_origin(request.headers)
        question_id = _id(request)
        form = await read_form(request)
        seal, pin, decision = (form.get(name, "") for name in ("seal", "pin", "decision"))
        if decision not in ("approve", "reject"):
            raise Refused(400, "This answer cannot be read", "Open the question again and use its buttons.")
        # No other call can come between finding the form good and using it up.
        match self._seals.take(form.get("token", ""), question_id, seal):
            case Form.USED:
                return self._shown(request, question_id, Note(Kind.USED))
            case Form.STALE:
                return self._shown(request, question_id, Note(Kind.STALE))
        if decision == "approve" and not pin:
            return self._shown(request, question_id, Note(Kind.NO_PIN))
        approver = (
            f"approval page, from {clean_line(request.client.host if request.client else '?', longest=60)}"
        )
        if decision == "approve":
            ruled = await self._desk.approve(question_id, seal=seal, pin=pin, approver=approver)
        else:
            ruled = await self._desk.reject(question_id, seal=seal, approver=approver)
        return self._ruled(request, question_id, ruled)

    def _ruled(self, request: Request, question_id: str, ruled: Decision) -> Response:
        if ruled.ruling is Ruling.UNKNOWN:
            raise _unknown()
        if ruled.ruling is Ruling.DONE:
            return self._shown(request, question_id, None)
        waits = ruled.ruling in (Ruling.WRONG_PIN, Ruling.TOO_SOON)
        until = math.ceil(self._now().timestamp() + ruled.wait) if waits else 0
        return self._shown(request, question_id, Note(_KINDS[ruled.ruling], until))

    def _shown(self, request: Request, question_id: str, note: Note | None) -> Response:
        url = self._views(request).link(question_id)
        if note is not None:
            url += f"?note={self._seals.note(question_id, note)}"
        return RedirectResponse(url, status_code=303)

    async def no_page(self, request: Request, error: Exception) -> Response:
        """An address or a method that is not served."""
        status, headers = 404, None
        if isinstance(error, HTTPException):
            status, headers = error.status_code, error.headers
        return self._message(
            request, status, "There is no such page", f"Nothing is at this address. {NOTHING}", headers
        )

    async def refused(self, request: Request, error: Exception) -> Response:
        """A request that is not answered."""
        if not isinstance(error, Refused):
            raise error
        return self._message(request, error.status, error.title, f"{error.text} {NOTHING}")

    async def no_ledger(self, request: Request, error: Exception) -> Response:
        """The ledger cannot be used now."""
        return self._message(request, 503, "The ledger cannot be used now", f"{error} {NOTHING}")

    async def defect(self, request: Request, _: Exception) -> Response:
        """A fault of ours; the web server logs it."""
        text = (
            "This server's log has the details. Nothing was ordered by this page. "
            "Whether your answer was written down is not known: look at the question again."
        )
        return self._message(request, 500, "Something went wrong here", text)

    def _message(
        self, request: Request, status: int, title: str, text: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        return HTMLResponse(self._views(request).message(title, text), status_code=status, headers=headers)

    def _views(self, request: Request) -> Views:
        return Views(request.scope.get("root_path", ""), self._sandbox, self._now())


def _id(request: Request) -> str:
    question_id = str(request.path_params["id"])
    if not _ID.fullmatch(question_id):
        raise _unknown()
    return question_id


def _unknown() -> Refused:
    return Refused(
        404, "There is no such question", "It may be of another server, or its address is cut off."
    )
