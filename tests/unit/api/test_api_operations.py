from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
import respx
from api_kit import BASE, KEY, OPERATIONS, Call, Operation, opened

from sendoso_mcp import __version__
from sendoso_mcp.api import Ability, Sendoso
from sendoso_mcp.errors import BadArgument

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_operation_sends_exactly_what_the_contract_names(
    operation: Operation, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(operation.status, json=dict(operation.answer))
    async with opened() as sendoso:
        await operation.call(sendoso)

    assert route.call_count == 1
    request = route.calls.last.request
    assert request.method == operation.method
    assert request.url.copy_with(query=None) == httpx.URL(BASE + operation.path)
    assert dict(request.url.params) == dict(operation.query)
    assert len(request.url.params.multi_items()) == len(operation.query)
    if operation.body is None:
        assert request.content == b""
        assert "content-type" not in request.headers
    else:
        assert json.loads(request.content) == operation.body
        assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_operation_shows_the_key_and_who_asks(
    operation: Operation, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(operation.status, json=dict(operation.answer))
    async with opened() as sendoso:
        await operation.call(sendoso)

    headers = route.calls.last.request.headers
    assert headers["x-api-key"] == KEY
    assert headers["user-agent"] == f"sendoso-mcp/{__version__}"
    assert headers["accept"] == "application/json"
    assert KEY not in str(route.calls.last.request.url)
    assert "authorization" not in headers


def test_the_operations_are_the_ten_of_the_contract() -> None:
    def place(operation: Operation) -> str:
        known = ("inventory", "recipients", "sends", "teams", "budget", "reports", "")
        parts = [part if part in known else "{id}" for part in operation.path.split("/")]
        return f"{operation.method} {'/'.join(parts)}"

    assert {place(operation) for operation in OPERATIONS} == {
        "GET /inventory",
        "GET /recipients",
        "POST /recipients",
        "GET /recipients/{id}",
        "GET /sends",
        "POST /sends",
        "GET /sends/{id}",
        "DELETE /sends/{id}",
        "GET /teams/budget",
        "GET /reports/sends",
    }


BY_ID: dict[str, Callable[[str], Call]] = {
    "recipient_id": lambda value: lambda sendoso: sendoso.get_recipient(value),
    "send_id": lambda value: lambda sendoso: sendoso.get_send(value),
    "send_id to cancel": lambda value: lambda sendoso: sendoso.cancel_send(value),
}


@pytest.mark.parametrize("argument", BY_ID)
@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "../teams/budget",
        "send_1/../../teams/budget",
        "a/b",
        "a?page=2",
        "a#b",
        "a%2fb",
        "a b",
        "a\n",
        "a\r\nX-Api-Key: other",
        "a\0",
        "é",
        "\N{FULLWIDTH LATIN SMALL LETTER S}end",
        "send_\N{ARABIC-INDIC DIGIT ONE}",
        "x" * 129,
    ],
)
async def test_what_is_not_an_id_is_refused_before_anything_is_sent(
    argument: str, value: str, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(200, json={"id": "x"})
    async with opened() as sendoso:
        with pytest.raises(BadArgument, match=rf"^{argument.partition(' ')[0]}: not an id"):
            await BY_ID[argument](value)(sendoso)
    assert not route.called


@pytest.mark.parametrize("value", ["a", "0", "_", "-", "send_9f82abc", "A-Z_0-9", "x" * 128])
async def test_every_id_of_the_right_form_is_one_segment_of_the_path(
    value: str, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{BASE}/sends/{value}").respond(200, json={"id": value})
    async with opened() as sendoso:
        assert (await sendoso.get_send(value)).id == value
    assert route.calls.last.request.url.raw_path.endswith(b"/sends/" + value.encode())


async def test_a_trailing_slash_of_the_address_makes_no_double_slash(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(f"{BASE}/teams/budget").respond(200, json={})
    async with opened(base_url=BASE + "/") as sendoso:
        await sendoso.get_budget()
    assert route.called


async def test_v2_can_do_everything(respx_mock: respx.MockRouter) -> None:
    async with opened() as sendoso:
        assert sendoso.abilities == frozenset(Ability)


async def test_closing_twice_is_closing_once(respx_mock: respx.MockRouter) -> None:
    respx_mock.route().respond(200, json={})
    async with opened() as sendoso:
        await sendoso.aclose()
        await sendoso.get_budget()
        await sendoso.aclose()
        await sendoso.aclose()


async def test_a_client_that_was_closed_opens_again_at_the_next_call(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route().respond(200, json={"remaining": 5})

    async def remaining(sendoso: Sendoso) -> str:
        return str((await sendoso.get_budget()).remaining)

    async with opened() as sendoso:
        assert await remaining(sendoso) == "5.00"
        await sendoso.aclose()
        assert await remaining(sendoso) == "5.00"
    assert route.call_count == 2
