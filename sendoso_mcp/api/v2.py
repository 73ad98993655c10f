"""Sendoso's Sending Platform API, version 2: its ten operations and their wire shapes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from sendoso_mcp.api.answers import Json
from sendoso_mcp.api.http import HttpClient
from sendoso_mcp.api.port import Ability, Standing
from sendoso_mcp.errors import BadArgument, Conflict, ServerFault, UnreadableAnswer
from sendoso_mcp.fields import check_id
from sendoso_mcp.models import (
    NOT_COMING,
    GroupBy,
    InventoryItem,
    ItemType,
    NewRecipient,
    Noun,
    Order,
    Page,
    Recipient,
    ReportRow,
    ReportTotals,
    Send,
    SendsReport,
    SendStatus,
    TeamBudget,
)

N = TypeVar("N", bound=Noun)


class SendosoV2:
    """The `Sendoso` port in the v2 dialect."""

    abilities = frozenset(Ability)

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def standing(self) -> Standing:
        """See `Sendoso.standing`."""
        return self._http.standing

    async def list_inventory(
        self, *, type: ItemType | None = None, page: int = 1, per_page: int = 100
    ) -> Page[InventoryItem]:
        """GET /inventory."""
        answer = await self._http.get("/inventory", {"type": type, "page": page, "per_page": per_page})
        return _page(InventoryItem, answer, "items", page, per_page)

    async def list_recipients(
        self, *, query: str | None = None, page: int = 1, per_page: int = 25
    ) -> Page[Recipient]:
        """GET /recipients."""
        answer = await self._http.get("/recipients", {"search": query, "page": page, "per_page": per_page})
        return _page(Recipient, answer, "recipients", page, per_page)

    async def get_recipient(self, recipient_id: str) -> Recipient:
        """GET /recipients/{recipient_id}."""
        path = f"/recipients/{_segment('recipient_id', recipient_id)}"
        answer = await self._http.get(path, {}, what=f"recipient {recipient_id}")
        return _same(_noun(Recipient, answer), recipient_id)

    async def create_recipient(self, new: NewRecipient) -> Recipient:
        """POST /recipients."""
        body = {
            "first_name": new.first_name,
            "last_name": new.last_name,
            "email": new.email,
            "company": new.company,
            "title": new.title,
            "address": new.address and new.address.model_dump(exclude_none=True),
        }
        answer = await self._http.write("POST", "/recipients", _given(body))
        person = _noun(Recipient, answer)
        if _denies(answer):
            raise UnreadableAnswer("a new recipient that speaks of an error")
        # Whoever has this id is who the next gift goes to.
        if person.email is not None and person.email.lower() != new.email.lower():
            raise UnreadableAnswer("a new recipient who is somebody else")
        return person

    async def list_sends(
        self,
        *,
        status: SendStatus | None = None,
        start: date | None = None,
        end: date | None = None,
        page: int = 1,
        per_page: int = 25,
    ) -> Page[Send]:
        """GET /sends."""
        params = {
            "status": status,
            "start_date": start and start.isoformat(),
            "end_date": end and end.isoformat(),
            "page": page,
            "per_page": per_page,
        }
        return _page(Send, await self._http.get("/sends", params), "sends", page, per_page)

    async def get_send(self, send_id: str) -> Send:
        """GET /sends/{send_id}."""
        path = f"/sends/{_segment('send_id', send_id)}"
        return _same(_noun(Send, await self._http.get(path, {}, what=f"send {send_id}")), send_id)

    async def place_order(self, order: Order) -> Send:
        """POST /sends."""
        body = {
            "recipient_id": order.recipient.id,
            "item_id": order.item.id,
            "message": order.message,
            "scheduled_date": order.scheduled_date and order.scheduled_date.isoformat(),
            "crm_id": order.crm_id,
            "crm_type": order.crm_type,
        }
        answer = await self._http.write("POST", "/sends", _given(body))
        send = _noun(Send, answer)
        if _denies(answer):
            raise UnreadableAnswer("a new send that speaks of an error")
        if _word(answer.get("status")) in NOT_COMING:
            raise UnreadableAnswer("a new send that is over already")
        recipient_id, item_id = send.recipient and send.recipient.id, send.item and send.item.id
        if recipient_id not in (None, order.recipient.id) or item_id not in (None, order.item.id):
            raise UnreadableAnswer("a new send of another gift, or to somebody else")
        return send

    async def cancel_send(self, send_id: str) -> None:
        """DELETE /sends/{send_id}; the contract promises no body."""
        path = f"/sends/{_segment('send_id', send_id)}"
        try:
            answer = await self._http.write("DELETE", path, what=f"send {send_id}", answered=False)
        except ServerFault as error:
            # No other operation can get it: there it proves nothing, and is not about a send.
            if error.status == 409:
                raise Conflict from error
            raise
        # The money of a cancelled send is spent again, so what there is must not say otherwise.
        if _denies(answer):
            raise UnreadableAnswer("a cancellation that speaks of an error")
        if answer.get("id") not in (None, send_id) or _word(answer.get("status")) in _NOT_CANCELLED:
            raise UnreadableAnswer("a cancellation of another send, or one that is not cancelled")

    async def get_budget(self, *, to_show: bool = False) -> TeamBudget:
        """GET /teams/budget."""
        answer = await self._http.get("/teams/budget", {}, to_show=to_show)
        if answer and not answer.keys() & _BUDGET:
            raise UnreadableAnswer("no usable budget")
        return _noun(TeamBudget, {**answer, "total": answer.get("total_budget")})

    async def get_report(self, start: date, end: date, group_by: GroupBy | None = None) -> SendsReport:
        """GET /reports/sends."""
        params = {"start_date": start.isoformat(), "end_date": end.isoformat(), "group_by": group_by}
        answer = await self._http.get("/reports/sends", params)
        if not isinstance(answer.get("totals"), dict) and not isinstance(answer.get("data"), list):
            raise UnreadableAnswer("a report without totals and data")
        period = _mapping(answer, "period")
        rows = answer.get("data")
        return SendsReport(
            start_date=period.get("start_date"),
            end_date=period.get("end_date"),
            totals=ReportTotals.model_validate(_mapping(answer, "totals")),
            rows=tuple(_readable(ReportRow, rows if isinstance(rows, list) else [])),
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()


def _given(body: Json) -> Json:
    """A request body without what was not given."""
    return {name: value for name, value in body.items() if value is not None}


def _segment(argument: str, value: str) -> str:
    """An id as one segment of a path."""
    try:
        return quote(check_id(value), safe="")
    except ValueError as error:
        raise BadArgument(f"{argument}: {error}.") from error


_BUDGET = (TeamBudget.model_fields.keys() | {"total_budget"}) - {"total"}
# The fields by which the things with an id are told apart; with none of its own it is another thing.
_FIELDS_OF = {
    Send: Send.model_fields.keys() - {"id", "created_at", "team_id"},
    Recipient: Recipient.model_fields.keys() - {"id", "created_at"},
    InventoryItem: InventoryItem.model_fields.keys() - {"id"},
    TeamBudget: _BUDGET - {"team_id"},
}
_NOT_CANCELLED = frozenset(SendStatus) - {SendStatus.CANCELLED}

R = TypeVar("R", Recipient, Send)


def _same(found: R, wanted: str) -> R:
    """What was found, if it is what was asked for."""
    if found.id != wanted:
        raise UnreadableAnswer("something else than was asked for")
    return found


def _noun(noun: type[N], answer: Json) -> N:
    """The thing that was promised. Only its id is, but another thing has one too."""
    others = {field for other, fields in _FIELDS_OF.items() if other is not noun for field in fields}
    if answer.keys() & others and not answer.keys() & _FIELDS_OF[noun]:
        raise UnreadableAnswer(f"no {noun.__name__.lower()} but something else")
    try:
        return noun.model_validate(answer)
    except ValidationError as error:
        raise UnreadableAnswer(f"no usable {noun.__name__.lower()}") from error


def _denies(answer: Json) -> bool:
    """Whether the answer to a write that was accepted says that it was not."""
    return bool(answer.get("error") or answer.get("errors") or _word(answer.get("success")) == "false")


def _word(value: object) -> str:
    return str(value).strip().lower()


def _page(noun: type[N], answer: Json, key: str, page: int, per_page: int) -> Page[N]:
    """A list answer; the contract lets its pagination be missing."""
    entries = answer.get(key)
    if not isinstance(entries, list):
        raise UnreadableAnswer(f"no list of {key}")
    given = _mapping(answer, "pagination")

    def number(name: str) -> int | None:
        value = given.get(name)
        return value if type(value) is int and value >= 0 else None

    return Page[N](
        items=tuple(_readable(noun, entries)),
        page=number("page") or page,
        per_page=number("per_page") or per_page,
        total=number("total"),
        total_pages=number("total_pages"),
    )


def _readable(noun: type[N], entries: list[Any]) -> list[N]:
    """The entries that have a usable id: nothing can be done with the others."""
    found: list[N] = []
    for entry in entries:
        try:
            found.append(noun.model_validate(entry))
        except ValidationError:
            continue
    return found


def _mapping(answer: Json, key: str) -> Mapping[str, Any]:
    value = answer.get(key)
    return value if isinstance(value, dict) else {}
