"""A Sendoso that misbehaves at the socket: every fault, on every operation, means what it proves.

The faults and what they prove are in `socket_faults`. Here each is tried on each operation, with a client and
a server of its own, and what the client made of it is held against the table.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from api_kit import KEY, Operation, operation
from depth import DEEP
from misbehaving import Handler, Server, hang, serving

from deep.socket_faults import CANARY, FAULTS, READS, WRITES, Door, Fault, Talk, fault
from sendoso_mcp.api import Sendoso, Timing, connect
from sendoso_mcp.api.http import HttpClient
from sendoso_mcp.errors import ConnectionLost, NotConnected, OutcomeUnknown, SendosoError, ServerFault

pytestmark = pytest.mark.anyio

OPERATIONS = (*WRITES, *(READS if DEEP else ("get_budget",)))

# What an answer ends has all the time that a busy machine needs; what only a time-out ends must be short.
QUICK = Timing(backoff=0, longest_wait=0, read=20, write=20, read_deadline=30, write_deadline=30)
SLOW = Timing(backoff=0, longest_wait=0, read=1, write=1, read_deadline=2, write_deadline=2)
# Three tries of a read fit into its deadline.
UNMADE = Timing(backoff=0, longest_wait=0, connect=0.4, read_deadline=3, write_deadline=3)
SLACK = 2.0
QUICK_AT_ONCE, SLOW_AT_ONCE = 16, 80


@dataclass
class Case:
    """One fault on one operation, and what came of it."""

    fault: Fault
    operation: Operation
    talks: list[Talk] = field(default_factory=list)
    error: Exception | None = None
    result: object = None
    mark: str = ""
    """In the answer to the request that the case is about, and in no other."""
    seconds: float = 0
    connections: int = 0
    requests: int = 0
    untold: bool = True
    """Whether no later request held a word of the faulty answer."""
    after: str = ""
    """What is wrong with the client when all is well again."""

    def __str__(self) -> str:
        return f"{self.operation.name}, {self.fault.name}"

    @property
    def write(self) -> bool:
        return self.operation.method != "GET"

    @property
    def timing(self) -> Timing:
        if not self.fault.slow:
            return QUICK
        return SLOW if self.fault.door is Door.OPEN else UNMADE

    @property
    def misclassified(self) -> str:
        """Against the table: what the fault proves, or that the answer is not the request's own."""
        proof = self.fault.proof(self.operation.name)
        got = "done" if self.error is None else type(self.error).__name__
        if proof is not None:
            return "" if isinstance(self.error, proof) else f"{got} instead of {proof.__name__}"
        if self.error is not None:
            return f"{got} instead of done"
        told = self.operation.name == "cancel_send" or self.mark in repr(self.result)
        return "" if told else "the answer to another request"

    @property
    def repeated(self) -> str:
        """A write may reach Sendoso once, over one connection, whatever happens; a read three times."""
        most = 1 if self.write else 3
        met = max(self.connections, self.requests) > most
        return f"{self.connections} connections, {self.requests} requests" if met else ""

    @property
    def untried(self) -> str:
        """A fault that never happened shows nothing."""
        met = self.fault.door in (Door.SHUT, Door.UNANSWERED) or self.connections > 0
        return "" if met else "no connection reached the server"

    @property
    def leaked(self) -> str:
        if not self.untold:
            return "words of an answer in a later request"
        if self.error is None:
            return ""
        told = f"{self.error} {self.error!r} {self.error.args!r} {vars(self.error)!r}"
        return f"in an error: {told}" if private(told) else ""

    @property
    def deadline(self) -> float:
        return self.timing.write_deadline if self.write else self.timing.read_deadline

    @property
    def late(self) -> str:
        return f"took {self.seconds:.1f} seconds" if self.seconds > self.deadline + SLACK else ""

    @property
    def wrong(self) -> list[str]:
        found = (self.misclassified, self.repeated, self.untried, self.leaked, self.late, self.after)
        return [f"{self}: {text}" for text in found if text]


def private(text: str) -> bool:
    return CANARY.partition(" ")[0].lower() in text.lower() or KEY in text


async def tried(case: Case) -> None:
    """Does what the case says."""
    door, mended = case.fault.door, False
    start = f"{case.operation.method} /api/v2{case.operation.path} HTTP/1.1".encode()

    def handle(server: Server) -> Handler:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = Talk(server, reader, writer, start, lambda: mended, number=len(case.talks) + 1)
            case.talks.append(talk)
            while not writer.is_closing():
                await (talk.request() if mended else case.fault.script(talk))

        return connection

    listening, scheme = door in (Door.OPEN, Door.NO_TLS), "https" if door is Door.NO_TLS else "http"
    async with serving(handle, listening=listening, scheme=scheme) as server:
        sendoso = connect(base_url=server.url, api_key=KEY, timing=case.timing)
        try:
            if case.fault.primed:
                await sendoso.get_budget()
            with crowd(server.door) if door is Door.UNANSWERED else ExitStack():
                await ask(case, sendoso, server)
            mended, asked = True, len(server.heads)
            if not listening:
                await server.listen(handle)
            # A server without TLS is never well for a client that speaks it.
            if door is not Door.NO_TLS:
                await ask_again(case, sendoso, server)
            asked_later = len(server.heads) - asked
        finally:
            await sendoso.aclose()
    # All that came over a connection is only known when it is over.
    case.requests = server.requests - case.fault.primed - asked_later
    case.untold = not any(private(head.replace(KEY.encode(), b"").decode("latin-1")) for head in server.heads)


async def ask(case: Case, sendoso: Sendoso, server: Server) -> None:
    """Makes the request that the case is about."""
    connections, began = server.connections, time.monotonic()
    try:
        with anyio.fail_after(case.deadline + 2 * SLACK):
            case.result = await case.operation.call(sendoso)
    except Exception as error:
        case.error = error
    case.seconds = time.monotonic() - began
    case.connections = server.connections - connections
    case.mark = case.talks[-1].mark if case.talks else ""


async def ask_again(case: Case, sendoso: Sendoso, server: Server) -> None:
    """Makes the same request with the same client, of a server that is well: one request, its own answer."""
    requests = len(server.heads)
    # Whose answer it is that a cancellation gets cannot be seen.
    again = operation("get_send") if case.operation.name == "cancel_send" else case.operation
    try:
        answer = await again.call(sendoso)
    except Exception as error:
        case.after = f"the next request ended in {error!r}"
        return
    if case.talks[-1].mark not in repr(answer):
        case.after = "the next request got the answer to another"
    elif len(server.heads) != requests + 1:
        case.after = f"the next request was {len(server.heads) - requests} requests"


def crowd(door: socket.socket) -> ExitStack:
    """Lets so many wait at the door that the system answers nobody else, as a firewall would."""
    waiting = ExitStack()
    door.listen(0)
    for _ in range(50):
        one = waiting.enter_context(socket.socket())
        one.settimeout(0.05)
        try:
            one.connect(door.getsockname())
        except TimeoutError:
            return waiting
    raise AssertionError("this system answers every connection")


async def tried_all(cases: Sequence[Case]) -> None:
    """Tries many at once: what hangs costs its time only once."""

    async def one(case: Case, limit: anyio.CapacityLimiter) -> None:
        async with limit:
            await tried(case)

    for slow, at_once in ((True, SLOW_AT_ONCE), (False, QUICK_AT_ONCE)):
        limit = anyio.CapacityLimiter(at_once)
        async with anyio.create_task_group() as tasks:
            for case in cases:
                if case.fault.slow is slow:
                    tasks.start_soon(one, case, limit)


@pytest.fixture(autouse=True)
def cheap_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies, and no certificates: reading them for every client takes longer than all the rest."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    shared = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda **options: shared)


class Log(logging.Handler):
    """Keeps what no log may hold: the key at any level, Sendoso's words wherever the product logs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        text = self.format(record)
        # The libraries write down what came over the wire, but only for a person who asks for DEBUG.
        ours = record.levelno >= logging.WARNING or record.name.startswith("sendoso_mcp")
        if KEY in text or (ours and private(text)):
            self.found.append(f"{record.name}: {text}")


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore", "sendoso_mcp", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        # pytest would keep every line for its reports.
        logger.propagate = False
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


async def test_every_fault_on_every_operation_means_what_it_proves(
    log: Log, figure: Callable[[str], None]
) -> None:
    cases = [Case(fault, operation(name)) for fault in FAULTS for name in OPERATIONS]
    await tried_all(cases)
    misclassified = sum(bool(case.misclassified) for case in cases)
    repeated = sum(bool(case.repeated) for case in cases if case.write)
    figure(
        f"misbehaving Sendoso: {len(FAULTS)} faults x {len(OPERATIONS)} operations = {len(cases):,} cases,"
        f" {misclassified} misclassified, {repeated} repeated writes"
    )
    wrong = [text for case in cases for text in case.wrong]
    assert not wrong, "\n".join(wrong)
    assert not log.found, "\n".join(log.found)
    assert log.count > len(cases)


async def test_a_write_for_which_no_connection_is_free_was_provably_not_sent() -> None:
    timing, full = Timing(pool=0.3, read=1.5, read_deadline=3), asyncio.Event()

    def handle(server: Server) -> Handler:
        if server.connections == 20:
            full.set()
        return hang

    async with serving(handle) as server:
        sendoso = connect(base_url=server.url, api_key=KEY, timing=timing)

        async def read() -> None:
            with pytest.raises(OutcomeUnknown):
                await sendoso.get_budget()

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(read)
            await full.wait()
            with pytest.raises(NotConnected):
                await operation("place_order").call(sendoso)
        await sendoso.aclose()
    assert server.requests == server.connections == 20


async def found(name: str, called: str = "place_order") -> Case:
    case = Case(fault(name), operation(called))
    await tried(case)
    return case


async def test_the_search_sees_a_write_that_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    once = HttpClient.write

    async def twice(self: HttpClient, *args: Any, **options: Any) -> Any:
        try:
            return await once(self, *args, **options)
        except ConnectionLost:
            return await once(self, *args, **options)

    monkeypatch.setattr(HttpClient, "write", twice)
    assert (await found("resets before reading")).repeated
    assert (await found("closes in the head", "cancel_send")).repeated
    assert not (await found("status 500")).wrong


async def test_the_search_sees_a_doubt_that_is_taken_for_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(self: HttpClient, error: Exception) -> None:
        raise NotConnected("127.0.0.1")

    monkeypatch.setattr(HttpClient, "_raise_transport", prove)
    assert (await found("resets after reading")).misclassified == "NotConnected instead of ConnectionLost"
    assert not (await found("refuses the connection")).wrong


async def test_the_search_sees_sendosos_words_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(self: ServerFault, status: int) -> None:
        SendosoError.__init__(self, f"Sendoso said {CANARY}.")

    monkeypatch.setattr(ServerFault, "__init__", tell)
    assert (await found("status 503")).leaked
    assert not (await found("status 422")).wrong
