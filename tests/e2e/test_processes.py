"""The command as a process: what it prints, how it stops, what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from processes import COMMAND, KEY, QUICK, Process, Start
from support import EGIFT, ERAS, SARAH, Person

pytestmark = [pytest.mark.e2e]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def say(process: Process, message: object) -> None:
    stdin = process.popen.stdin
    assert stdin is not None
    stdin.write(message if isinstance(message, str) else json.dumps(message) + "\n")
    stdin.flush()


def hear(process: Process) -> dict[str, object]:
    stdout = process.popen.stdout
    assert stdout is not None
    message = json.loads(stdout.readline())
    assert isinstance(message, dict)
    return message


ENDS = {
    "end of input": None,
    "Ctrl-C": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "a closed terminal": signal.SIGHUP,
}


@pytest.mark.parametrize("how", ENDS.values(), ids=ENDS)
def test_over_stdio_only_protocol_is_printed_and_every_end_is_clean(start: Start, how: int | None) -> None:
    process = start(SENDOSO_LOG_LEVEL="DEBUG")
    say(process, "this is not JSON\n")
    say(process, HELLO)
    answer = hear(process)
    while answer.get("id") != 1:
        answer = hear(process)
    assert answer["jsonrpc"] == "2.0"
    say(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    say(process, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "get_budget"}})
    assert hear(process)["id"] == 2
    assert process.end(how) == 0
    assert "Traceback" not in "".join(process.log)


@pytest.mark.parametrize("words", [["--transport", "sse"], ["--transport", "streamable-http"], ["sandbox"]])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_over_http_every_end_is_clean(start: Start, words: list[str], how: int) -> None:
    process = start(*words, "--port", "0")
    process.url()
    assert process.end(how) == 0
    assert "Traceback" not in "".join(process.log)


@pytest.mark.parametrize("transport", ["sse", "streamable-http"])
@ERAS
def test_over_http_a_connected_client_does_not_keep_the_server(
    start: Start, transport: str, mode: str
) -> None:
    process = start("--transport", transport, "--port", "0")
    url = process.url()

    async def use() -> None:
        target: Any = sse_client(f"{url}/sse") if transport == "sse" else f"{url}/mcp"
        async with Client(target, mode=mode) as client:
            await client.call_tool("get_budget", {})
            process.popen.send_signal(signal.SIGINT)
            await anyio.to_thread.run_sync(process.popen.wait, 20)

    # The client may be told in its own way that the server is gone.
    with suppress(Exception):
        anyio.run(use)
    assert process.popen.wait(timeout=20) == 0
    process.kill()
    assert "Traceback" not in "".join(process.log)


def test_a_forged_host_leaves_no_traceback(start: Start) -> None:
    process = start("--transport", "sse", "--port", "0")
    assert httpx.get(process.url() + "/sse", headers={"Host": "evil.example"}).status_code == 421
    assert process.end(signal.SIGINT) == 0
    assert "Traceback" not in "".join(process.log)


def test_an_order_on_its_way_is_finished_before_the_process_ends(start: Start) -> None:
    """Sendoso takes its time; meanwhile the client goes away and the process is told to stop."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        upstream = _SlowSendoso(listener)
        env = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": f"http://{host}:{port}", **QUICK}
        with upstream:
            process = start("--transport", "streamable-http", "--port", "0", **env)
            url = process.url()
            anyio.run(_give_up_in_mid_order, url, upstream)
            process.popen.send_signal(signal.SIGTERM)
            process.logged("stopping")
            assert process.popen.poll() is None
            upstream.answer.set()
            assert process.popen.wait(timeout=20) == 0
    assert upstream.ordered == 1
    assert any(re.search(r"dispatch of \w+: confirmed", line) for line in process.log)


class _SlowSendoso:
    """The embedded sandbox on a listener of the test's, whose orders wait until the test lets them."""

    def __init__(self, listener: socket.socket) -> None:
        import threading

        import uvicorn

        from sendoso_mcp.sandbox import create_sandbox

        self.arrived, self.answer = threading.Event(), threading.Event()
        self.ordered = 0
        sandbox = create_sandbox()

        async def app(scope, receive, send):  # type: ignore[no-untyped-def]  # plain ASGI
            if scope["type"] == "http" and scope["method"] == "POST":
                self.arrived.set()
                await anyio.to_thread.run_sync(self.answer.wait)
                self.ordered += 1
            await sandbox.app(scope, receive, send)

        config = uvicorn.Config(app, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.answer.set()
        self._server.should_exit = True
        self._thread.join()


async def _give_up_in_mid_order(url: str, upstream: _SlowSendoso) -> None:
    order = {"recipient_id": SARAH, "item_id": EGIFT}
    async with (
        Client(f"{url}/mcp", elicitation_callback=Person()) as client,
        anyio.create_task_group() as calls,
    ):
        calls.start_soon(client.call_tool, "create_send", order)
        await anyio.to_thread.run_sync(upstream.arrived.wait)
        calls.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("words", "env", "says"),
    [
        (["--tools", "buy_everything"], {}, "buy_everything"),
        (["--tools", "create_send", "--read-only"], {}, "No tool is left"),
        ([], {"SENDOSO_LOG_LEVEL": "LOUD"}, "SENDOSO_LOG_LEVEL"),
        ([], {"SENDOSO_READ_ONLY": "perhaps"}, "SENDOSO_READ_ONLY"),
        ([], {"SENDOSO_BASE_URL": "https://x.example"}, "SENDOSO_API_KEY"),
        ([], {"SENDOSO_POLICY_FILE": "policy.toml"}, "SENDOSO_POLICY_FILE"),
        (["--transport", "pigeon"], {}, "pigeon"),
        (["--transport", "sse", "--port", "99999"], {}, "port"),
        (["fly"], {}, "fly"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    start: Start, words: list[str], env: dict[str, str], says: str
) -> None:
    process = start(*words, **env)
    assert process.end() == 2
    assert says in "".join(process.log)
    assert "Traceback" not in "".join(process.log)


def test_a_port_that_is_taken_is_said(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--transport", "sse", "--port", str(taken.getsockname()[1]))
        assert process.end() == 2
    assert "Choose another --host or --port" in "".join(process.log)
    assert "Traceback" not in "".join(process.log)


def test_the_demo_does_the_whole_job_without_a_terminal() -> None:
    done = subprocess.run(
        [*COMMAND, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for words in (
        "search_inventory(",
        "search_recipients(",
        "preview_send(",
        "create_send(",
        "get_send(",
        "cancel_send(",
        "get_budget(",
        "sends_report(",
        "The person sees",
        "There is no terminal",
        "Outcome: sent",
        "Outcome: cancelled",
    ):
        assert words in done.stdout
    assert "\x1b[" not in done.stdout


READS = 1.2
"""Seconds that a person takes to read a question: a sooner answer does not count."""


def screen_of(demo: list[str], typed: bytes) -> tuple[int, str]:
    """Runs the demo in a terminal, types at its question, and gives its exit status and its screen."""
    import pty

    child, ours = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120")
        os.execv(demo[0], demo)  # noqa: S606 - no shell is what is wanted
    screen = b""
    try:
        while chunk := os.read(ours, 65_536):
            screen += chunk
            if screen.endswith(b"[y/N] "):
                time.sleep(READS)
                os.write(ours, typed)
    except OSError:  # Linux says so when the other end is closed
        pass
    finally:
        os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()


@pytest.mark.parametrize(
    ("typed", "outcome"),
    [
        (b"y\n", "sent"),
        (b"n\n", "declined"),
        (b"\n", "declined"),
        (b"\x04", "declined"),
    ],
    ids=["yes", "no", "just Enter", "Ctrl-D"],
)
def test_in_a_terminal_the_person_answers(typed: bytes, outcome: str) -> None:
    status, screen = screen_of([*COMMAND, "demo"], typed)
    assert status == 0
    assert f"Outcome: {outcome}" in screen
    assert "\x1b[" in screen
    assert "Traceback" not in screen


def test_ctrl_c_at_the_demos_question_ends_it() -> None:
    status, screen = screen_of([*COMMAND, "demo"], b"\x03")
    assert status == 130
    assert "Outcome" not in screen
    assert "Traceback" not in screen


def test_the_demo_does_not_mind_a_reader_that_leaves() -> None:
    demo = subprocess.Popen(
        [*COMMAND, "demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert demo.stdout is not None
    demo.stdout.readline()
    demo.stdout.close()
    assert demo.stderr is not None
    with demo.stderr:
        assert demo.stderr.read() == b""
    assert demo.wait(timeout=30) in (0, 1)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_demo_runs_on_a_console_without_unicode(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "sendoso_mcp").mkdir()  # nor does it mind what lies around
    (tmp_path / "mcp.py").write_text("raise SystemExit('not ours')")
    done = subprocess.run(
        [*COMMAND, "demo"],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Outcome: cancelled" in done.stdout


def test_the_wheel_brings_everything(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    place = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)],
        check=True,
        capture_output=True,
    )
    assert sorted(path.name for path in (place / "sendoso_mcp" / "prompts").iterdir()) == sorted(
        path.name for path in (root / "prompts").iterdir()
    )

    async def use() -> None:
        where = {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        code = "import sendoso_mcp, sys; print(sendoso_mcp.__file__)"
        shown = await anyio.run_process(
            [sys.executable, "-c", code], env={**os.environ, **where}, cwd=tmp_path
        )
        assert Path(shown.stdout.decode().strip()).is_relative_to(place)
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "sendoso_mcp"], env=where, cwd=tmp_path
        )
        async with Client(server) as client:
            assert len((await client.list_tools()).tools) == 11
            assert len((await client.list_prompts()).prompts) == 5
            assert not (await client.call_tool("get_budget", {})).is_error

    anyio.run(use)


def test_doctor_is_content_with_the_sandbox_and_not_with_a_bad_key(sendoso: str, tmp_path: Path) -> None:
    def doctor(**env: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
        return subprocess.run(
            [*COMMAND, "doctor"],
            env=clean | {"HOME": str(tmp_path)} | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert doctor().returncode == 0
    assert doctor(SENDOSO_API_KEY=KEY, SENDOSO_BASE_URL=sendoso).returncode == 0
    wrong = doctor(SENDOSO_API_KEY="invalid-key", SENDOSO_BASE_URL=sendoso)
    assert wrong.returncode == 1
    assert "401" in wrong.stdout
    assert "invalid-key" not in wrong.stdout + wrong.stderr
    away = doctor(SENDOSO_API_KEY=KEY, SENDOSO_BASE_URL="http://127.0.0.1:1")
    assert away.returncode == 1
    assert "Traceback" not in away.stdout + away.stderr


def test_two_servers_may_share_one_sendoso(start: Start, sendoso: str, orders: Callable[[], int]) -> None:
    before = orders()

    async def use() -> None:
        env = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": sendoso, **QUICK}
        server = StdioServerParameters(command=COMMAND[0], env=env)
        async with (
            Client(server, elicitation_callback=Person()) as one,
            Client(server, elicitation_callback=Person()) as two,
        ):
            for client in (one, two):
                await client.call_tool("create_send", {"recipient_id": SARAH, "item_id": EGIFT})

    anyio.run(use)
    assert orders() == before + 2


def test_a_served_sandbox_wants_a_key(sendoso: str) -> None:
    assert httpx.get(f"{sendoso}/sends").status_code == 401
