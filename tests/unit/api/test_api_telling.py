"""What is told to who waits while a read is tried again."""

from __future__ import annotations

import httpx
import pytest
import respx
from api_kit import WRITES, Operation, failure, operation

from sendoso_mcp.calls import heard_by

pytestmark = pytest.mark.anyio
PERSON = "ann.lee@acme.test"
GET = operation("get_budget").call


class Told(list[tuple[str, str]]):
    def __call__(self, weight: str, text: str) -> None:
        self.append((weight, text))


@pytest.mark.parametrize(
    ("trouble", "weight", "text"),
    [
        (httpx.Response(429, text=PERSON), "warning", "Sendoso limits how often it is asked"),
        (httpx.Response(503, text=PERSON), "notice", "Sendoso had a problem of its own (HTTP 503)"),
        (httpx.ReadError(PERSON), "notice", "Sendoso could not be read"),
        (httpx.ConnectError(PERSON), "notice", "Sendoso could not be read"),
    ],
    ids=["429", "503", "broken", "away"],
)
async def test_each_further_try_of_a_read_is_told_and_nothing_that_sendoso_said(
    respx_mock: respx.MockRouter, trouble: httpx.Response | httpx.RequestError, weight: str, text: str
) -> None:
    told = Told()
    respx_mock.route().mock(side_effect=[trouble] * 3)
    with heard_by(told):
        await failure(GET)
    # Seconds are those of the test's client, which never waits.
    assert told == [(weight, f"{text}; it is asked again in 0.0 s (try {number} of 3).") for number in (2, 3)]


@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_write_is_not_tried_again_and_nobody_is_told_so(
    respx_mock: respx.MockRouter, write: Operation
) -> None:
    told = Told()
    respx_mock.route().mock(side_effect=httpx.ReadError(PERSON))
    with heard_by(told):
        await failure(write.call)
    assert told == []


async def test_where_nobody_listens_a_read_is_tried_as_often(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route().respond(503)
    await failure(GET)
    assert route.call_count == 3
