from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import httpx
import pytest
import respx
from api_kit import READS, WRITES, Operation, failure, opened, operation

from sendoso_mcp.api import Timing
from sendoso_mcp.errors import (
    ApiError,
    NotConnected,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SendosoError,
    ServerFault,
    Timeout,
    UnreadableAnswer,
)

pytestmark = pytest.mark.anyio

BEFORE_A_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
WHILE_EXCHANGING = (
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.DecodingError,
)
RETRIED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
)
STATUSES = (
    301,
    302,
    307,
    400,
    401,
    402,
    403,
    404,
    405,
    408,
    409,
    418,
    422,
    425,
    429,
    500,
    501,
    502,
    503,
    504,
)

GET = operation("get_budget").call


@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_write_is_one_request_whatever_status_comes_back(
    write: Operation, respx_mock: respx.MockRouter
) -> None:
    headers = {"Retry-After": "0", "Location": "https://sendoso.test/api/v2/sends"}
    async with opened() as sendoso:
        for number, status in enumerate(STATUSES, start=1):
            route = respx_mock.route().respond(status, headers=headers, json={})
            with pytest.raises(ApiError):
                await write.call(sendoso)
            assert route.call_count == number, status


@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_write_is_one_request_however_the_connection_fails(
    write: Operation, respx_mock: respx.MockRouter
) -> None:
    async with opened() as sendoso:
        for number, fault in enumerate([*BEFORE_A_CONNECTION, *WHILE_EXCHANGING], start=1):
            route = respx_mock.route().mock(side_effect=fault)
            with pytest.raises(ApiError):
                await write.call(sendoso)
            assert route.call_count == number, fault


@pytest.mark.parametrize("fault", RETRIED)
async def test_a_read_is_tried_three_times_when_the_connection_breaks(
    fault: type[httpx.RequestError], respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().mock(side_effect=fault)
    await failure(GET)
    assert route.call_count == 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_tried_three_times_when_the_answer_says_later(
    status: int, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(status)
    error = await failure(GET)
    assert route.call_count == 3
    assert isinstance(error, RateLimited if status == 429 else ServerFault)


@pytest.mark.parametrize("status", sorted(set(STATUSES) - {429, 502, 503, 504}))
async def test_a_read_is_not_repeated_for_an_answer_that_stays(
    status: int, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(status)
    await failure(GET)
    assert route.call_count == 1


@pytest.mark.parametrize("fault", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout])
async def test_a_slow_read_is_not_repeated(
    fault: type[httpx.RequestError], respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().mock(side_effect=fault)
    await failure(GET)
    assert route.call_count == 1


@pytest.mark.parametrize("read", READS, ids=str)
async def test_every_read_succeeds_at_its_third_try(read: Operation, respx_mock: respx.MockRouter) -> None:
    answer = httpx.Response(read.status, json=dict(read.answer))
    route = respx_mock.route().mock(side_effect=[httpx.ConnectError, httpx.Response(503), answer])
    async with opened() as sendoso:
        await read.call(sendoso)
    assert route.call_count == 3


@pytest.mark.parametrize("fault", BEFORE_A_CONNECTION)
@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_only_a_connection_that_was_never_made_proves_that_nothing_was_sent(
    write: Operation, fault: type[httpx.RequestError], respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=fault)
    error = await failure(write.call)
    assert isinstance(error, NotConnected)
    assert not isinstance(error, OutcomeUnknown)
    assert "sendoso.test" in str(error)


@pytest.mark.parametrize("fault", WHILE_EXCHANGING)
@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_connection_that_fails_later_proves_nothing(
    write: Operation, fault: type[httpx.RequestError], respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=fault)
    error = await failure(write.call)
    assert isinstance(error, OutcomeUnknown)
    assert not isinstance(error, NotConnected | Refused)
    assert isinstance(error, Timeout) is issubclass(fault, httpx.TimeoutException)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none is waited."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", sleep)
    return asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), (" 3 ", 3.0), ("0", 0.0), ("8", 8.0), ("9", 8.0), ("3600", 8.0), ("9" * 400, 8.0)],
)
async def test_a_retry_after_in_seconds_is_honoured_up_to_a_cap(
    header: str, seconds: float, waits: list[float], respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().respond(429, headers={"Retry-After": header})
    await failure(GET, timing=Timing())
    assert waits == [seconds, seconds]


@pytest.mark.parametrize(
    ("ahead", "least", "most"),
    [(timedelta(seconds=6), 4.0, 6.0), (timedelta(days=2), 8.0, 8.0), (timedelta(days=-2), 0.0, 0.0)],
)
async def test_a_retry_after_as_a_date_is_honoured_up_to_a_cap(
    ahead: timedelta, least: float, most: float, waits: list[float], respx_mock: respx.MockRouter
) -> None:
    header = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
    respx_mock.route().respond(503, headers={"Retry-After": header})
    await failure(GET, timing=Timing())
    assert len(waits) == 2
    assert all(least <= wait <= most for wait in waits)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "٣",
        "Wed, 99 Foo 2026 00:00:00 GMT",
        "Mon, 1 Jan 99999 00:00:00 GMT",
        # An offset that no integer of the C library holds.
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999",
    ],
)
async def test_an_unreadable_retry_after_leaves_the_usual_wait(
    header: str | None, waits: list[float], respx_mock: respx.MockRouter
) -> None:
    headers = [] if header is None else [(b"Retry-After", header.encode())]
    respx_mock.route().mock(return_value=httpx.Response(429, headers=headers))
    error = await failure(GET, timing=Timing(backoff=1))
    first, second = waits
    assert 0.5 <= first <= 1
    assert 1 <= second <= 2
    assert isinstance(error, RateLimited)
    assert error.retry_after is None


async def test_an_unreadable_retry_after_does_not_turn_a_refused_order_into_a_doubtful_one(
    respx_mock: respx.MockRouter,
) -> None:
    headers = {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999"}
    respx_mock.route().respond(429, headers=headers)
    assert isinstance(await failure(operation("place_order").call), RateLimited)


async def test_the_wait_after_a_broken_connection_grows_and_varies(
    waits: list[float], respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=httpx.ConnectError)
    for _ in range(20):
        await failure(GET, timing=Timing(backoff=1))
    firsts, seconds = waits[::2], waits[1::2]
    assert all(0.5 <= wait <= 1 for wait in firsts)
    assert all(1 <= wait <= 2 for wait in seconds)
    assert len(set(firsts)) > 1


async def test_a_429_that_stays_says_how_long_to_wait(respx_mock: respx.MockRouter) -> None:
    respx_mock.route().respond(429, headers={"Retry-After": "17"})
    error = await failure(GET)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 17
    assert "17 seconds" in str(error)


@pytest.mark.parametrize("name", ["get_budget", "place_order", "cancel_send"])
async def test_no_answer_within_the_deadline_is_a_timeout(name: str, respx_mock: respx.MockRouter) -> None:
    received = 0

    async def hang(request: httpx.Request) -> httpx.Response:
        nonlocal received
        received += 1
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    respx_mock.route().mock(side_effect=hang)
    timing = Timing(read_deadline=0.05, write_deadline=0.05)
    error = await failure(operation(name).call, timing=timing)
    assert isinstance(error, Timeout)
    assert "0.05 seconds" in str(error)
    assert received == 1


async def test_the_deadline_holds_for_all_tries_and_waits_together(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route().respond(503, headers={"Retry-After": "5"})
    error = await failure(GET, timing=Timing(read_deadline=0.05))
    # Why it was waiting says more than that it ran out of time.
    assert isinstance(error, ServerFault)
    assert route.call_count == 1


@pytest.mark.parametrize("name", ["get_budget", "place_order"])
async def test_a_caller_that_is_cancelled_is_not_told_of_a_timeout(
    name: str, respx_mock: respx.MockRouter
) -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    respx_mock.route().mock(side_effect=hang)
    async with opened() as sendoso:
        with anyio.move_on_after(0.05) as scope:
            await operation(name).call(sendoso)
        assert scope.cancelled_caught


async def test_after_retries_the_last_error_counts(respx_mock: respx.MockRouter) -> None:
    answers: list[type[Exception] | httpx.Response]
    answers = [httpx.ConnectError, httpx.Response(503), httpx.Response(200, text="<html>")]
    respx_mock.route().mock(side_effect=answers)
    assert isinstance(await failure(GET), UnreadableAnswer)


async def test_a_read_that_was_refused_is_an_error_of_this_project(respx_mock: respx.MockRouter) -> None:
    respx_mock.route().mock(side_effect=httpx.UnsupportedProtocol("x"))
    assert isinstance(await failure(GET), SendosoError)
