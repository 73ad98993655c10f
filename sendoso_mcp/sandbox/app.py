"""The sandbox over HTTP: routes, the API key, parameters, status codes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sendoso_mcp.models import CrmType, GroupBy, ItemType, SendStatus
from sendoso_mcp.sandbox import wire
from sendoso_mcp.sandbox.faults import Fault, FaultyLine
from sendoso_mcp.sandbox.fields import Fields, read_object
from sendoso_mcp.sandbox.people import PostalAddress
from sendoso_mcp.sandbox.refusals import (
    BadKey,
    BudgetSpent,
    Invalid,
    Malformed,
    Refusal,
    TooLate,
    Unknown,
)
from sendoso_mcp.sandbox.world import World

Operation = Callable[[Request], Awaitable[Response]]

LONGEST_MESSAGE = 500
REJECTED_KEY = "invalid-key"

_STATUS: Mapping[type[Refusal], int] = {
    Malformed: 400,
    BadKey: 401,
    BudgetSpent: 402,
    Unknown: 404,
    TooLate: 409,
    Invalid: 422,
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_COUNTRY = re.compile(r"[A-Z]{2}")


def create_app(world: World, faults: deque[Fault]) -> Starlette:
    """The ASGI app, with the API's paths at its root."""
    api = _Api(world)
    app = Starlette(
        routes=[
            _route("/sends", GET=api.list_sends, POST=api.create_send),
            _route("/sends/{send_id}", GET=api.retrieve_send, DELETE=api.cancel_send),
            _route("/recipients", GET=api.list_recipients, POST=api.create_recipient),
            _route("/recipients/{recipient_id}", GET=api.retrieve_recipient),
            _route("/inventory", GET=api.list_inventory),
            _route("/teams/budget", GET=api.get_budget),
            _route("/reports/sends", GET=api.get_report),
        ],
        middleware=[Middleware(FaultyLine, faults=faults)],
        exception_handlers={HTTPException: _no_such_route},
    )
    app.router.redirect_slashes = False
    return app


class _Api:
    """The ten operations of the contract."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def list_sends(self, request: Request) -> Response:
        query = Fields.of_query(request.query_params)
        page, per_page = _paging(query)
        status = query.choice("status", SendStatus)
        start, end = query.day("start_date"), query.day("end_date")
        query.days_in_order(start, end)
        query.check()
        found, pagination = wire.page_of(self._world.sends(status, start, end), page, per_page)
        sends = [wire.send_json(*send, self._world.team) for send in found]
        return JSONResponse({"sends": sends, "pagination": pagination})

    async def create_send(self, request: Request) -> Response:
        body = await _body(request)
        recipient_id, item_id = body.required_text("recipient_id"), body.required_text("item_id")
        message = body.text("message", longest=LONGEST_MESSAGE)
        scheduled_date = body.day("scheduled_date")
        crm_id, crm_type = body.text("crm_id"), body.choice("crm_type", CrmType)
        body.check()
        send = self._world.place(
            recipient_id=recipient_id,
            item_id=item_id,
            message=message,
            scheduled_date=scheduled_date,
            crm_id=crm_id,
            crm_type=crm_type,
        )
        return JSONResponse(wire.send_json(*send, self._world.team), 201)

    async def retrieve_send(self, request: Request) -> Response:
        send = self._world.send(request.path_params["send_id"])
        return JSONResponse(wire.send_json(*send, self._world.team))

    async def cancel_send(self, request: Request) -> Response:
        send = self._world.cancel(request.path_params["send_id"])
        return JSONResponse(wire.send_json(*send, self._world.team))

    async def list_recipients(self, request: Request) -> Response:
        query = Fields.of_query(request.query_params)
        page, per_page = _paging(query)
        search = query.text("search")
        query.check()
        found, pagination = wire.page_of(self._world.people(search or ""), page, per_page)
        return JSONResponse(
            {"recipients": [wire.person_json(one) for one in found], "pagination": pagination}
        )

    async def create_recipient(self, request: Request) -> Response:
        body = await _body(request)
        first_name, last_name = body.required_text("first_name"), body.required_text("last_name")
        email = body.required_text("email")
        if email and not _EMAIL.fullmatch(email):
            body.complain("email", "is not an email address")
        company, title = body.text("company"), body.text("title")
        address = _address(body)
        body.check()
        person = self._world.add_person(
            first_name=first_name,
            last_name=last_name,
            email=email,
            company=company,
            title=title,
            address=address,
        )
        return JSONResponse(wire.person_json(person), 201)

    async def retrieve_recipient(self, request: Request) -> Response:
        return JSONResponse(wire.person_json(self._world.person(request.path_params["recipient_id"])))

    async def list_inventory(self, request: Request) -> Response:
        query = Fields.of_query(request.query_params)
        page, per_page = _paging(query)
        type_ = query.choice("type", ItemType)
        query.check()
        found, pagination = wire.page_of(self._world.gifts(type_), page, per_page)
        return JSONResponse({"items": [wire.gift_json(gift) for gift in found], "pagination": pagination})

    async def get_budget(self, _request: Request) -> Response:
        return JSONResponse(wire.budget_json(self._world.budget()))

    async def get_report(self, request: Request) -> Response:
        query = Fields.of_query(request.query_params)
        start, end = query.required_day("start_date"), query.required_day("end_date")
        query.days_in_order(start, end)
        # The contract names no default; months suit the ranges people ask about.
        by = query.choice("group_by", GroupBy) or GroupBy.MONTH
        query.check()
        return JSONResponse(wire.report_json(self._world.report(start, end, by)))


def _route(path: str, **operations: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            _check_key(request)
            return await operations[method](request)
        except Refusal as refusal:
            return _refuse(refusal)

    # One route for a path, so that a 405 can name every method it has.
    return Route(path, endpoint, methods=list(operations))


def _check_key(request: Request) -> None:
    if request.headers.get("x-api-key", "").strip() in ("", REJECTED_KEY):
        raise BadKey("Missing or invalid API key")


def _paging(query: Fields) -> tuple[int, int]:
    return query.whole("page", default=1), query.whole("per_page", default=25, highest=100)


async def _body(request: Request) -> Fields:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Malformed("The body must come as application/json")
    return Fields(read_object(await request.body()))


def _address(body: Fields) -> PostalAddress | None:
    fields = body.within("address")
    if fields is None:
        return None
    country = fields.text("country")
    if country is not None and not _COUNTRY.fullmatch(country):
        fields.complain("country", "must be a two-letter country code (ISO 3166-1 alpha-2)")
    return PostalAddress(
        street1=fields.text("street1"),
        street2=fields.text("street2"),
        city=fields.text("city"),
        state=fields.text("state"),
        postal_code=fields.text("postal_code"),
        country=country or "US",
    )


def _refuse(refusal: Refusal) -> Response:
    body: dict[str, Any] = {"error": str(refusal)}
    if isinstance(refusal, Invalid):
        body["errors"] = refusal.errors
    return JSONResponse(body, _STATUS[type(refusal)])


async def _no_such_route(_request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
