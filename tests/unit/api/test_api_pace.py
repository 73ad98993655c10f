"""Whoever limits the rate of requests is asked before every single one."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import httpx
import pytest
import respx
from api_kit import OPERATIONS, READS, WRITES, Operation, failure, opened, operation

from sendoso_mcp.api import Pace, Timing
from sendoso_mcp.errors import NotConnected, RateLimited, SendosoError, ServerFault, Timeout, TooBusy

pytestmark = pytest.mark.anyio

READ, WRITE = operation("get_budget"), operation("place_order")


@pytest.fixture
def events() -> list[str]:
    """Turns and requests, in the order in which they happened."""
    return []


@pytest.fixture
def pace(events: list[str]) -> Pace:
    async def turn() -> None:
        await anyio.lowlevel.checkpoint()
        events.append("turn")

    return turn


def noting(events: list[str], *answers: httpx.Response | type[Exception]) -> Callable[..., httpx.Response]:
    """Answers the requests in turn."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        events.append("request")
        if isinstance(given := left.pop(0), httpx.Response):
            return given
        raise given("broken")

    return answer


def waiting(seconds: float) -> Pace:
    async def turn() -> None:
        await anyio.sleep(seconds)

    return turn


class TurnedAway(SendosoError):
    """What a pace may raise that does not let a request go."""


@pytest.mark.parametrize("called", OPERATIONS, ids=str)
async def test_every_operation_waits_for_its_turn_and_then_asks_once(
    called: Operation, events: list[str], pace: Pace, respx_mock: respx.MockRouter
) -> None:
    answer = httpx.Response(called.status, json=dict(called.answer))
    respx_mock.route().mock(side_effect=noting(events, answer))
    async with opened(pace=pace) as sendoso:
        await called.call(sendoso)
    assert events == ["turn", "request"]


@pytest.mark.parametrize("fault", [httpx.Response(503), httpx.ConnectError])
async def test_every_try_of_a_read_waits_for_a_turn_of_its_own(
    fault: httpx.Response | type[Exception], events: list[str], pace: Pace, respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=noting(events, fault, fault, fault))
    await failure(READ.call, pace=pace)
    assert events == ["turn", "request"] * 3


@pytest.mark.parametrize("fault", [httpx.Response(503), httpx.ConnectError, httpx.ReadError])
@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_write_takes_one_turn_however_it_ends(
    write: Operation,
    fault: httpx.Response | type[Exception],
    events: list[str],
    pace: Pace,
    respx_mock: respx.MockRouter,
) -> None:
    respx_mock.route().mock(side_effect=noting(events, fault))
    await failure(write.call, pace=pace)
    assert events == ["turn", "request"]


@pytest.mark.parametrize("called", OPERATIONS, ids=str)
async def test_who_is_turned_away_has_sent_nothing_and_is_told_why(
    called: Operation, respx_mock: respx.MockRouter
) -> None:
    route, reason = respx_mock.route(), TurnedAway("Too many requests for now.")

    async def turn_away() -> None:
        raise reason

    assert await failure(called.call, pace=turn_away) is reason
    assert not route.called


async def test_a_read_that_is_turned_away_at_its_second_try_is_told_why(
    respx_mock: respx.MockRouter,
) -> None:
    route, turns = respx_mock.route().respond(503), 0

    async def one_only() -> None:
        nonlocal turns
        turns += 1
        if turns > 1:
            raise RateLimited

    assert isinstance(await failure(READ.call, pace=one_only), RateLimited)
    assert route.call_count == 1


@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_write_that_waited_long_for_its_turn_is_not_held_to_be_late(
    write: Operation, respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().respond(write.status, json=dict(write.answer))
    async with opened(pace=waiting(0.2), timing=Timing(write_deadline=0.1)) as sendoso:
        await write.call(sendoso)


async def test_the_deadline_of_a_write_begins_with_its_turn(respx_mock: respx.MockRouter) -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    respx_mock.route().mock(side_effect=hang)
    began = anyio.current_time()
    error = await failure(WRITE.call, pace=waiting(0.2), timing=Timing(write_deadline=0.1))
    assert isinstance(error, Timeout)
    assert "0.1 seconds" in str(error)
    assert anyio.current_time() - began >= 0.3


@pytest.mark.parametrize("read", READS, ids=str)
async def test_a_read_does_not_wait_for_its_turn_past_its_deadline(
    read: Operation, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route()
    error = await failure(read.call, pace=waiting(60), timing=Timing(read_deadline=0.05))
    assert isinstance(error, TooBusy)
    assert "Sendoso was not asked" in str(error)
    assert not route.called


async def test_a_read_whose_second_turn_comes_too_late_is_told_how_its_first_ended(
    respx_mock: respx.MockRouter,
) -> None:
    route, turns = respx_mock.route().respond(502), 0

    async def slower() -> None:
        nonlocal turns
        turns += 1
        await anyio.sleep(60 * (turns - 1))

    error = await failure(READ.call, pace=slower, timing=Timing(backoff=0, read_deadline=0.1))
    assert isinstance(error, ServerFault)
    assert route.call_count == 1


async def test_a_read_that_was_asked_and_then_waits_for_another_turn_was_not_answered(
    respx_mock: respx.MockRouter,
) -> None:
    respx_mock.route().mock(side_effect=httpx.ReadError)
    turns = 0

    async def slower() -> None:
        nonlocal turns
        turns += 1
        await anyio.sleep(60 * (turns - 1))

    error = await failure(READ.call, pace=slower, timing=Timing(backoff=0, read_deadline=0.1))
    assert isinstance(error, Timeout)


@pytest.mark.parametrize("called", [READ, WRITE], ids=str)
async def test_a_caller_who_leaves_while_waiting_has_sent_nothing(
    called: Operation, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route()
    async with opened(pace=waiting(60), timing=Timing()) as sendoso:
        with anyio.move_on_after(0.05) as scope:
            await called.call(sendoso)
        assert scope.cancelled_caught
    assert not route.called


async def test_a_connection_that_was_never_made_took_its_turn(
    events: list[str], pace: Pace, respx_mock: respx.MockRouter
) -> None:
    respx_mock.route().mock(side_effect=noting(events, httpx.ConnectTimeout))
    assert isinstance(await failure(WRITE.call, pace=pace), NotConnected)
    assert events == ["turn", "request"]
