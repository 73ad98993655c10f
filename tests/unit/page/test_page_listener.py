"""The page on loopback, in a process that has other work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import httpx
import pytest
from desk_kit import MUG, PIN, FakeDesk
from page_kit import Reading

from sendoso_mcp.page.listener import loopback_page, page_when_needed
from sendoso_mcp.spending.desk import Decision, Stand

pytestmark = pytest.mark.anyio


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(url)


def is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


async def test_it_serves_the_page_on_loopback_until_it_is_left() -> None:
    desk = FakeDesk()
    async with loopback_page(desk, sandbox=True, now=desk.now) as url:
        assert url.startswith("http://127.0.0.1:")
        assert "1 question for you" in (await get(url)).text
        assert "Send this gift?" in (await get(f"{url}/{MUG.id}")).text
        assert (await get(url.replace("127.0.0.1", "localhost"))).status_code == 200
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(url, headers={"Host": "evil.example"})).status_code == 421
            # A proxy may say who asks, but none stands before this one.
            page = Reading((await http.get(f"{url}/{MUG.id}")).text)
            headers = {"Origin": url.removesuffix("/approvals"), "X-Forwarded-For": "203.0.113.9"}
            await http.post(f"{url}/{MUG.id}", data=page.form("yes") | {"pin": PIN}, headers=headers)
    assert desk.heard == [("approve", MUG.id, "approval page, from 127.0.0.1")]
    assert not is_open(url)


async def test_two_of_them_do_not_get_in_each_others_way() -> None:
    desk = FakeDesk()
    async with loopback_page(desk, sandbox=True) as one, loopback_page(desk, sandbox=True) as other:
        assert one != other
        assert (await get(one)).status_code == (await get(other)).status_code == 200


async def test_it_leaves_signals_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with loopback_page(FakeDesk(), sandbox=True) as url:
        await get(url)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_an_answer_that_is_on_its_way_is_finished_when_it_is_stopped() -> None:
    arrived, go_on = anyio.Event(), anyio.Event()

    class SlowDesk(FakeDesk):
        async def approve(self, question_id: str, *, seal: str, pin: str, approver: str) -> Decision:
            arrived.set()
            await go_on.wait()
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            return await super().approve(question_id, seal=seal, pin=pin, approver=approver)

    desk, answers = SlowDesk(), list[httpx.Response]()

    async def answer(url: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            page = Reading((await http.get(f"{url}/{MUG.id}")).text)
            headers = {"Origin": url.removesuffix("/approvals")}
            form = page.form("yes") | {"pin": PIN}
            answers.append(await http.post(f"{url}/{MUG.id}", data=form, headers=headers))

    async with anyio.create_task_group() as visitors:
        with anyio.CancelScope() as process:
            async with loopback_page(desk, sandbox=True, now=desk.now) as url:
                visitors.start_soon(answer, url)
                await arrived.wait()
                process.cancel()
                go_on.set()
        assert desk.stand() is Stand.APPROVED
        assert not is_open(url)
    assert [one.status_code for one in answers] == [303]


async def test_nothing_is_started_until_somebody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, addresses = FakeDesk(), list[str | None]()
    opened = count_listeners(monkeypatch)

    async def need(address: Callable[[], Awaitable[str | None]]) -> None:
        addresses.append(await address())

    async with page_when_needed(desk, sandbox=True, now=desk.now):
        pass
    assert opened == []
    async with page_when_needed(desk, sandbox=True, now=desk.now) as address:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(need, address)
        assert len(opened) == len(set(addresses)) == 1
        url = str(addresses[0])
        assert (await get(url)).status_code == 200
    assert not is_open(url)


async def test_a_caller_that_goes_away_does_not_take_the_page_with_it() -> None:
    async with page_when_needed(FakeDesk(), sandbox=True) as address:
        with anyio.CancelScope() as caller:
            caller.cancel()
            await address()
        url = await address()
        assert url is not None
        assert (await get(url)).status_code == 200


async def test_where_it_cannot_listen_there_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(1, "not permitted")

    async with page_when_needed(FakeDesk(), sandbox=True) as address:
        with monkeypatch.context() as no_network:
            no_network.setattr(socket, "create_server", refuse)
            assert await address() is None
        assert await address() is not None


def count_listeners(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    opened: list[int] = []
    real = socket.create_server

    def counted(address: tuple[str, int], **options: Any) -> socket.socket:
        opened.append(address[1])
        return real(address, **options)

    monkeypatch.setattr(socket, "create_server", counted)
    return opened


PROCESS = """
import logging, signal, anyio, httpx
from desk_kit import FakeDesk
from sendoso_mcp.page.listener import loopback_page

async def main():
    async with loopback_page(FakeDesk(), sandbox=True) as url, httpx.AsyncClient(trust_env=False) as http:
        assert "uvicorn.error" in logging.root.manager.loggerDict
        for path in ("", "/unknown", "/<script>"):
            await http.get(url + path)
        await http.post(url, content=b"x")

logging.basicConfig(level="DEBUG")
anyio.run(main)
"""


def test_nothing_goes_to_standard_output() -> None:
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROCESS],
        env=os.environ | {"PYTHONPATH": str(tests)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert "approval page on http://127.0.0.1:" in done.stderr
