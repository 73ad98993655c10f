"""Faults that only a real socket has."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from api_kit import KEY, OPERATIONS, ORDER, Operation, failure, opened, operation
from misbehaving import Handler, Server, after_reading, answering, drip, hang, hang_up, reset, say, serving

from sendoso_mcp.api import Timing
from sendoso_mcp.api.http import MAX_BODY
from sendoso_mcp.errors import ApiError, NotConnected, OutcomeUnknown, Timeout, UnreadableAnswer

pytestmark = pytest.mark.anyio

FAST = Timing(backoff=0, longest_wait=0, read=5, read_deadline=5, write_deadline=5)
READ, WRITE = operation("get_budget").call, operation("place_order").call


@pytest.mark.parametrize("call", [READ, WRITE])
async def test_a_refused_connection_proves_that_nothing_was_sent(
    call: Callable[..., Awaitable[object]],
) -> None:
    async with serving(lambda server: hang, listening=False) as server:
        error = await failure(call, base_url=server.url, timing=FAST)
    assert isinstance(error, NotConnected)
    assert server.url.split("/")[2] in str(error)


FAULTS: dict[str, Callable[[Server], Handler]] = {
    "reset before reading": lambda server: reset,
    "reset after reading": after_reading(reset),
    "hung up before reading": lambda server: hang_up,
    "hung up after reading": after_reading(hang_up),
    "no HTTP": after_reading(lambda reader, writer: say(writer, b"SSH-2.0-OpenSSH_9.9\r\n\r\n")),
    "cut in the head": after_reading(lambda reader, writer: say(writer, b"HTTP/1.1 200 OK\r\nCont")),
    "cut in the body": after_reading(answering(body=b'{"remaining": 5}', length=500)),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_broken_connection_leaves_a_write_unknown_and_unrepeated(fault: str) -> None:
    async with serving(FAULTS[fault]) as server:
        error = await failure(WRITE, base_url=server.url, timing=FAST)
    assert isinstance(error, OutcomeUnknown)
    assert server.connections == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_read_is_tried_three_times_over_a_broken_connection(fault: str) -> None:
    async with serving(FAULTS[fault]) as server:
        error = await failure(READ, base_url=server.url, timing=FAST)
    assert isinstance(error, OutcomeUnknown)
    assert server.connections == 3


@pytest.mark.parametrize("call", [READ, WRITE])
async def test_a_server_that_never_answers_is_a_timeout_after_one_request(
    call: Callable[..., Awaitable[object]],
) -> None:
    async with serving(after_reading(hang)) as server:
        error = await failure(call, base_url=server.url, timing=Timing(backoff=0, read=0.05))
    assert isinstance(error, Timeout)
    assert len(server.heads) == 1


@pytest.mark.parametrize("call", [READ, WRITE])
async def test_a_dripping_answer_cannot_outlast_the_deadline(call: Callable[..., Awaitable[object]]) -> None:
    timing = Timing(backoff=0, read=4, read_deadline=0.5, write_deadline=0.5)
    drops = after_reading(
        lambda reader, writer: drip(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" ")
    )
    async with serving(drops) as server:
        error = await failure(call, base_url=server.url, timing=timing)
    assert isinstance(error, Timeout)
    assert "0.5 seconds" in str(error)
    assert len(server.heads) == 1


UNREADABLE = {
    "gzip that is none": answering(head="Content-Encoding: gzip\r\n", body=b"this is not gzip"),
    "gzip that is cut": answering(
        head="Content-Encoding: gzip\r\n", body=gzip.compress(b'{"id": "a"}')[:-12]
    ),
    "a gzip bomb": answering(
        head="Content-Encoding: gzip\r\n", body=gzip.compress(b'{"id": "a"}'.ljust(MAX_BODY + 1))
    ),
    "HTML": answering(head="Content-Type: text/html\r\n", body=b"<html>Sign in</html>"),
    "cut JSON": answering(body=b'{"id": "send_1", "sta'),
    "nothing": answering(body=b""),
}


@pytest.mark.parametrize("call", [READ, WRITE])
@pytest.mark.parametrize("answer", UNREADABLE)
async def test_an_answer_that_is_none_is_unreadable_and_not_asked_for_again(
    answer: str, call: Callable[..., Awaitable[object]]
) -> None:
    async with serving(after_reading(UNREADABLE[answer])) as server:
        error = await failure(call, base_url=server.url, timing=FAST)
    assert isinstance(error, UnreadableAnswer)
    assert len(server.heads) == 1


async def test_an_endless_answer_is_cut_off_at_the_size_limit() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    pours = after_reading(lambda reader, writer: drip(writer, head, b" " * 65_536, every=0))
    async with serving(pours) as server:
        error = await failure(WRITE, base_url=server.url, timing=FAST)
    assert isinstance(error, UnreadableAnswer)
    assert "8 MiB" in str(error)


async def test_an_honest_gzip_answer_is_read() -> None:
    answer = answering(head="Content-Encoding: gzip\r\n", body=gzip.compress(b'{"remaining": 5}'))
    async with serving(after_reading(answer)) as server, opened(base_url=server.url) as sendoso:
        assert (await sendoso.get_budget()).remaining == 5


async def test_what_a_server_says_too_much_is_not_the_answer_to_the_next_request() -> None:
    def handle(server: Server) -> Handler:
        async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await server.request(reader)
                body = b'{"id": "send_%d"}' % len(server.heads)
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
                await say(writer, answer * 2)

        return answer_twice

    async with serving(handle) as server, opened(base_url=server.url, timing=FAST) as sendoso:
        assert (await sendoso.place_order(ORDER)).id == "send_1"
        assert (await sendoso.place_order(ORDER)).id == "send_2"
        assert (await sendoso.place_order(ORDER)).id == "send_3"
    # Nothing else ties an answer to its request.
    assert server.connections == len(server.heads) == 3


def keeping(times: int = 1) -> Callable[[Server], Handler]:
    """Keeps its connections; says each answer so many times. Budgets and sends are numbered by request."""

    def handle(server: Server) -> Handler:
        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while not reader.at_eof():
                await server.request(reader)
                told = b'{"remaining": %d}' if b"budget" in server.heads[-1] else b'{"id": "send_%d"}'
                body = told % len(server.heads)
                await say(
                    writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) * times
                )

        return keep

    return handle


async def test_only_what_is_shown_comes_over_a_connection_that_was_used_before() -> None:
    async with serving(keeping()) as server, opened(base_url=server.url, timing=FAST) as sendoso:
        for call in range(1, 4):
            assert (await sendoso.get_budget(to_show=True)).remaining == call
        assert server.connections == 1
        assert (await sendoso.get_budget()).remaining == 4
        assert (await sendoso.place_order(ORDER)).id == "send_5"
        assert (await sendoso.get_send("send_6")).id == "send_6"
        assert server.connections == 4


@pytest.mark.parametrize("one", [each for each in OPERATIONS if each.name != "get_budget"], ids=str)
async def test_nothing_else_comes_over_the_connection_of_what_is_shown(one: Operation) -> None:
    async with serving(keeping()) as server, opened(base_url=server.url, timing=FAST) as sendoso:
        await sendoso.get_budget(to_show=True)
        with suppress(ApiError):  # what it answers matters to nobody here
            await one.call(sendoso)
        assert server.connections == len(server.heads) == 2


async def test_what_is_said_too_much_where_it_is_only_shown_is_judged_by_nobody() -> None:
    async with serving(keeping(times=2)) as server, opened(base_url=server.url, timing=FAST) as sendoso:
        assert (await sendoso.get_budget(to_show=True)).remaining == 1
        assert (await sendoso.get_budget()).remaining == 2
        assert (await sendoso.place_order(ORDER)).id == "send_3"
        # A server that is as faulty as this can have an earlier answer shown. That is all it can do.
        assert (await sendoso.get_budget(to_show=True)).remaining in (1, 4)
        assert (await sendoso.get_budget()).remaining in (4, 5)
        assert (await sendoso.place_order(ORDER)).id in ("send_5", "send_6")


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    closed = asyncio.Event()

    def handle(server: Server) -> Handler:
        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            await say(writer, b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"remaining": 5}')
            writer.close()
            await writer.wait_closed()
            closed.set()

        return once

    async with serving(handle) as server, opened(base_url=server.url, timing=FAST) as sendoso:
        for _ in range(3):
            assert (await sendoso.get_budget(to_show=True)).remaining == 5
            await closed.wait()
            closed.clear()
    assert server.connections == len(server.heads) == 3


async def test_the_key_is_in_no_log_even_at_the_most_talkative(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(after_reading(answering(body=b"{}"))) as server:
        async with opened(base_url=server.url) as sendoso:
            await sendoso.get_budget()
        await failure(WRITE, base_url=server.url, timing=FAST)
    assert KEY.encode() in server.heads[0]
    assert caplog.records
    assert KEY not in caplog.text


async def test_what_stays_on_this_machine_does_not_go_through_a_proxy() -> None:
    # Plain http is accepted for this machine because the key never leaves it.
    answer = after_reading(answering(body=b'{"remaining": 5}'))
    async with (
        serving(answer) as server,
        serving(answer) as proxy,
        opened(base_url=server.url, http_proxy=proxy.url.removesuffix("/api/v2")) as sendoso,
    ):
        await sendoso.get_budget()
    assert not proxy.heads
    assert len(server.heads) == 1
