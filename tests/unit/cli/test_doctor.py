from __future__ import annotations

import io
import json
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
import respx

from cli.cli_kit import ACCOUNT, Books
from sendoso_mcp.api import Timing
from sendoso_mcp.cli.doctor import check_package, check_python, doctor
from sendoso_mcp.cli.doctor import configs as module
from sendoso_mcp.cli.doctor.api import check_api, check_settings
from sendoso_mcp.cli.doctor.report import Check
from sendoso_mcp.settings import DEFAULT_BASE_URL
from sendoso_mcp.spending.ledger import Ledger, State
from sendoso_mcp.spending.policy_file import read_policy

pytestmark = pytest.mark.anyio

KEY = "sdso_live_0123456789abcdef"
BUDGET = {"team_id": "team_1", "total_budget": 5000, "spent": 3765.5, "remaining": 1234.5}
INVENTORY = {"items": [], "pagination": {"page": 1, "per_page": 1, "total": 1320, "total_pages": 1320}}
QUICK = Timing(connect=0.2, read=0.2, read_deadline=5, backoff=0.001, longest_wait=0.01)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Patient:
    """A person with a home directory, a project and a terminal."""

    def __init__(self, root: Path) -> None:
        self.home, self.cwd = root / "home", root / "shop"
        self.home.mkdir()
        self.cwd.mkdir()
        self.environ: dict[str, str] = {}
        self.platform = "linux"

    async def see_doctor(self) -> tuple[int, str]:
        out = io.StringIO()
        status = await doctor(self.environ, home=self.home, cwd=self.cwd, platform=self.platform, out=out)
        return status, out.getvalue()

    def writes(self, path: str, content: Any) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def configures(self, **entry: Any) -> None:
        """Writes the entry of a server into the config file of Claude Desktop."""
        self.writes(".config/Claude/claude_desktop_config.json", {"mcpServers": {"gifts": entry}})


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / ("sendoso-mcp.exe" if sys.platform == "win32" else "sendoso-mcp")
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def sendoso() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=DEFAULT_BASE_URL, assert_all_called=False) as router:
        router.get("/teams/budget", name="budget").respond(json=BUDGET)
        router.get("/inventory", name="inventory").respond(json=INVENTORY)
        yield router


def failures(output: str) -> list[str]:
    """Each failure with its advice."""
    lines = output.splitlines()
    return [
        f"{line[6:]} {lines[number + 1].strip()}"
        for number, line in enumerate(lines)
        if line.startswith("FAIL  ")
    ]


async def test_without_a_key_the_sandbox_is_used_and_nothing_is_wrong(patient: Patient) -> None:
    status, output = await patient.see_doctor()
    assert status == 0
    assert "info  No SENDOSO_API_KEY: the embedded sandbox is used" in output
    assert output.endswith("\nAll good.\n")
    for client in ("Claude Desktop", "Claude Code", "Cursor", "VS Code"):
        assert f"info  {client}: no config file at ~" in output


async def test_with_a_good_key_everything_is_ok(patient: Patient, sendoso: respx.MockRouter) -> None:
    patient.environ["SENDOSO_API_KEY"] = KEY
    status, output = await patient.see_doctor()
    assert status == 0
    assert f"ok    Python {'.'.join(map(str, sys.version_info[:3]))}\n" in output
    assert f"ok    httpx {httpx.__version__}\n" in output
    assert "ok    SENDOSO_API_KEY is set (26 characters)\n" in output
    assert "ok    The API is at app.sendoso.com\n" in output
    assert "ok    The API answers: the team's budget can be read (1,234.50 USD left)\n" in output
    assert "ok    The API answers: the inventory can be read (1,320 gifts)\n" in output
    assert [call.request.headers["x-api-key"] for call in sendoso.calls] == [KEY, KEY]
    assert dict(sendoso.calls[1].request.url.params) == {"page": "1", "per_page": "1"}
    assert KEY not in output


def test_an_old_python_is_told() -> None:
    assert check_python((3, 11, 0)) == Check("ok", "Python 3.11.0")
    assert check_python((3, 10, 14)).level == "FAIL"


def test_a_package_that_is_missing_or_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package_of_a_test.py").write_text("raise OSError('libssl')")
    monkeypatch.syspath_prepend(tmp_path)
    assert check_package("pydantic").level == "ok"
    missing, broken = check_package("no_such_package"), check_package("broken_package_of_a_test")
    assert missing.text == "no_such_package cannot be imported (ModuleNotFoundError)."
    assert broken.text == "broken_package_of_a_test cannot be imported (OSError)."
    assert missing.level == broken.level == "FAIL"


@pytest.mark.parametrize(
    ("environ", "failure"),
    [
        (
            {"SENDOSO_LOG_LEVEL": "LOUD", "SENDOSO_API_KEY": KEY},
            "SENDOSO_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL. "
            "Correct it, and restart the server.",
        ),
        (
            {"SENDOSO_BASE_URL": "https://example.com"},
            "SENDOSO_BASE_URL is set without SENDOSO_API_KEY. "
            "Set the key as well, or remove both to use the embedded sandbox.",
        ),
        (
            {"SENDOSO_API_KEY": "YOUR_API_KEY"},
            "SENDOSO_API_KEY does not look like an API key (8 to 512 printable characters, no spaces). "
            "Copy it again from Sendoso: Settings > API Keys, and restart the server.",
        ),
        (
            {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": f"https://{KEY}@app.sendoso.com"},
            "SENDOSO_BASE_URL is not the address of an API. "
            "It looks like https://app.sendoso.com/api/v2; correct it and restart the server.",
        ),
        (
            {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": f"http://{KEY}"},
            "SENDOSO_BASE_URL must start with https:// so that the API key stays secret on the way "
            "(http:// is accepted for this machine only). Correct it, and restart the server.",
        ),
    ],
)
async def test_settings_that_cannot_be_used_are_told_and_the_api_is_not_asked(
    patient: Patient, sendoso: respx.MockRouter, environ: dict[str, str], failure: str
) -> None:
    patient.environ = environ
    status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output) == [failure]
    assert "info  API: not checked" in output
    assert "info  Cursor: no config file" in output
    assert output.endswith("\n1 problem.\n")
    assert not sendoso.calls
    assert KEY not in output


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (httpx.Response(401, text=KEY), "Sendoso did not accept the API key (HTTP 401). A person must set"),
        (httpx.Response(403), "Sendoso did not accept the API key (HTTP 403). A person must set"),
        (httpx.Response(404), "There is no such address at Sendoso (HTTP 404). Check SENDOSO_BASE_URL."),
        (httpx.Response(302, headers={"location": "/x"}), "The answer is not one of Sendoso's API (a red"),
        (httpx.Response(500), "Sendoso had a problem of its own (HTTP 500). Check the network"),
        (httpx.Response(429), "Sendoso is limiting requests (HTTP 429). Wait a minute"),
        (httpx.Response(200, html="<p>Sign in</p>"), "The answer is not one of Sendoso's API"),
    ],
)
async def test_a_problem_with_the_api_is_told_once_and_in_its_own_words(
    patient: Patient, sendoso: respx.MockRouter, answer: httpx.Response, failure: str
) -> None:
    sendoso["budget"].mock(return_value=answer)
    sendoso["inventory"].mock(return_value=answer)
    patient.environ["SENDOSO_API_KEY"] = KEY
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert told.startswith(failure)
    assert sendoso["inventory"].called
    assert "info  Cursor: no config file" in output
    assert KEY not in output


async def test_the_inventory_is_checked_after_a_refused_budget(sendoso: respx.MockRouter) -> None:
    sendoso["budget"].respond(403)
    refused, inventory = await check_api(DEFAULT_BASE_URL, KEY)
    assert (refused.level, inventory.level) == ("FAIL", "ok")


async def test_figures_that_sendoso_leaves_out_are_left_out(sendoso: respx.MockRouter) -> None:
    sendoso["budget"].respond(json={})
    sendoso["inventory"].respond(json={"items": []})
    assert await check_api(DEFAULT_BASE_URL, KEY) == [
        Check("ok", "The API answers: the team's budget can be read"),
        Check("ok", "The API answers: the inventory can be read"),
    ]


async def test_an_unreachable_host_is_told_once_and_quickly(patient: Patient) -> None:
    with socket.socket() as taken:
        # Bound but not listening: connections are refused.
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        patient.environ = {"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": f"http://{host}/api/v2"}
        with anyio.fail_after(5):
            status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output) == [
        f"Sendoso could not be reached at {host}. Check the network and SENDOSO_BASE_URL, then try again."
    ]


@asynccontextmanager
async def listening(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """A host that answers each request with what `answer` makes of it, and keeps silent on None."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            body = answer(await stream.receive())
            if body is None:
                await anyio.sleep_forever()
            else:
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                await stream.send(head.encode() + body)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - no Django here
        yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()


async def test_a_silent_host_is_told_once() -> None:
    async with listening(lambda _: None) as base_url:
        (check,) = await check_api(base_url, KEY, timing=QUICK)
    assert check.level == "FAIL"
    assert check.text == "Sendoso did not answer within 0.2 seconds."


async def test_all_calls_share_a_deadline() -> None:
    def answer(request: bytes) -> bytes | None:
        return json.dumps(BUDGET).encode() if b"/teams/budget" in request else None

    async with listening(answer) as base_url:
        budget, late = await check_api(base_url, KEY, timing=Timing(), deadline=0.5)
    assert budget.level == "ok"
    assert late.text == "Sendoso did not answer within 0.5 seconds."


async def test_what_nobody_foresaw_is_a_failure_without_its_text(
    patient: Patient, sendoso: respx.MockRouter
) -> None:
    sendoso["budget"].mock(side_effect=RuntimeError(f"cannot send {KEY}"))
    patient.environ["SENDOSO_API_KEY"] = KEY
    status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output) == [
        "API: unexpected RuntimeError. "
        "Check HTTPS_PROXY, SSL_CERT_FILE and SENDOSO_BASE_URL, if they are set."
    ]
    assert "info  Cursor: no config file" in output


async def test_a_client_check_that_breaks_leaves_the_others_alone(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(file: Any, *, cwd: Path) -> None:
        if file.client == "Claude Code":
            raise KeyError(KEY)

    monkeypatch.setattr(module, "read_servers", read)
    status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output) == [
        "Claude Code: unexpected KeyError. This is a defect of sendoso-mcp; please report it with this line."
    ]
    assert "VS Code: no config file" in output


async def test_a_configured_server_with_an_absolute_command_is_ok(patient: Patient, program: Path) -> None:
    patient.configures(command=str(program), env={"SENDOSO_API_KEY": KEY})
    status, output = await patient.see_doctor()
    assert status == 0
    assert (
        "ok    Claude Desktop: ~/.config/Claude/claude_desktop_config.json, "
        'server "gifts": its command exists\n' in output.replace("\\", "/")
    )
    assert KEY not in output


async def test_a_desktop_client_is_advised_an_absolute_path(patient: Patient, program: Path) -> None:
    patient.configures(command="sendoso-mcp", env={"SENDOSO_API_KEY": KEY})
    patient.writes(".claude.json", {"mcpServers": {"gifts": {"command": "sendoso-mcp"}}})
    patient.environ["PATH"] = str(program.parent)
    status, output = await patient.see_doctor()
    assert status == 0
    assert "but Claude Desktop may not find it.\n" in output
    assert f'Set "command" to {program}' in output
    assert "ok    Claude Code: ~" in output


@pytest.mark.parametrize(
    ("entry", "failure"),
    [
        ({"command": "/gone/sendoso-mcp"}, "/gone/sendoso-mcp is not a program on this machine."),
        ({"command": "uvx", "args": ["sendoso-mcp"]}, "uvx is not a program on this machine. Install it"),
        ({"command": "sendoso-mcp serve"}, "is not a program on this machine. Put only the program into"),
        ({"command": KEY, "args": ["sendoso-mcp"]}, "its command is not a program on this machine."),
        ({"args": ["-m", "sendoso_mcp"]}, 'has no command. Add "command"'),
    ],
)
async def test_a_command_that_does_not_exist_is_a_failure(
    patient: Patient, entry: dict[str, Any], failure: str
) -> None:
    patient.configures(**entry, env={"SENDOSO_API_KEY": KEY})
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert 'server "gifts"' in told
    assert failure in told
    assert KEY not in output


async def test_the_settings_of_a_configured_server_are_checked(patient: Patient, program: Path) -> None:
    patient.configures(command=str(program), env={"SENDOSO_API_KEY": f"{KEY} {KEY}"})
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert 'server "gifts", its env: SENDOSO_API_KEY does not look like an API key' in told
    assert KEY not in output


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, True),
        ({"env": {"SENDOSO_API_KEY": " "}}, True),
        ({"env": {"SENDOSO_API_KEY": "${input:key}"}}, False),
        ({"envFile": ".env"}, False),
    ],
)
async def test_a_configured_server_without_a_key_uses_the_sandbox(
    patient: Patient, program: Path, entry: dict[str, Any], told: bool
) -> None:
    patient.configures(command=str(program), **entry)
    status, output = await patient.see_doctor()
    assert status == 0
    assert ("has no SENDOSO_API_KEY in its env." in output) is told


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"SENDOSO_BASE_URL": "https://gifts.example"}, "SENDOSO_BASE_URL is set without SENDOSO_API_KEY"),
        ({"SENDOSO_LOG_LEVEL": "LOUD"}, "SENDOSO_LOG_LEVEL must be one of"),
        ({"SENDOSO_READ_ONLY": "perhaps"}, "SENDOSO_READ_ONLY must be true or false"),
    ],
)
async def test_a_configured_server_without_a_key_that_would_not_start_is_a_failure(
    patient: Patient, program: Path, env: dict[str, str], told: str
) -> None:
    patient.configures(command=str(program), env=env)
    status, output = await patient.see_doctor()
    assert status == 1
    (failure,) = failures(output)
    assert f'server "gifts", its env: {told}' in failure
    assert "uses the embedded sandbox, unless" not in output


@pytest.mark.parametrize(("key", "fails"), [("a-fine-key", False), ("", True)])
async def test_a_key_of_the_terminal_is_one_of_a_client_that_runs_in_it(
    patient: Patient, program: Path, sendoso: respx.MockRouter, key: str, fails: bool
) -> None:
    patient.environ["SENDOSO_API_KEY"] = key
    entry = {"command": str(program), "env": {"SENDOSO_BASE_URL": "https://gifts.example"}}
    patient.writes(".claude.json", {"mcpServers": {"gifts": entry}})
    _, output = await patient.see_doctor()
    assert ("its env: SENDOSO_BASE_URL is set without" in output) is fails


async def test_a_key_of_a_file_of_variables_is_left_to_the_client(patient: Patient, program: Path) -> None:
    patient.configures(
        command=str(program), env={"SENDOSO_BASE_URL": "https://gifts.example"}, envFile=".env"
    )
    assert (await patient.see_doctor())[0] == 0


async def test_a_command_with_variables_is_left_to_the_client(patient: Patient) -> None:
    patient.configures(command="${userHome}/bin/sendoso-mcp")
    status, output = await patient.see_doctor()
    assert status == 0
    assert "its command has variables in it; not checked\n" in output


async def test_broken_json_is_a_failure_that_says_the_line(patient: Patient, program: Path) -> None:
    patient.writes(".cursor/mcp.json", f'{{\n"mcpServers": {{}},\n"key": "{KEY}"x\n}}')
    patient.configures(command=str(program), env={"SENDOSO_API_KEY": KEY})
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert told.startswith("Cursor: ~")
    assert "is not valid JSON (line 3, " in told
    assert "ok    Claude Desktop" in output
    assert KEY not in output


async def test_comments_are_fine_in_vs_code_and_only_there(patient: Patient) -> None:
    text = '{\n  // gifts\n  "%s": {}\n}'
    patient.writes(".config/Code/User/mcp.json", text % "servers")
    patient.writes(".cursor/mcp.json", text % "mcpServers")
    status, output = await patient.see_doctor()
    assert status == 1
    assert "VS Code: ~/.config/Code/User/mcp.json has no server that runs sendoso-mcp\n" in output.replace(
        "\\", "/"
    )
    (told,) = failures(output)
    assert told.startswith("Cursor: ~")
    assert "(line 2, " in told


async def test_files_of_a_project_are_read_from_the_current_directory(
    patient: Patient, program: Path
) -> None:
    (patient.cwd / ".mcp.json").write_text(json.dumps({"mcpServers": {"gifts": {"command": str(program)}}}))
    _, output = await patient.see_doctor()
    assert "ok    Claude Code: ./.mcp.json, server" in output.replace("\\", "/")
    assert "Claude Code: no config file" not in output


async def test_the_store_app_on_windows_may_read_another_file(patient: Patient, program: Path) -> None:
    patient.platform = "win32"
    (patient.home / "AppData" / "Local" / "Packages" / "Claude_abc").mkdir(parents=True)
    content = {"mcpServers": {"gifts": {"command": str(program)}}}
    patient.writes("AppData/Roaming/Claude/claude_desktop_config.json", content)
    status, output = await patient.see_doctor()
    assert status == 0
    assert "may not be read by the app from the Microsoft Store." in output
    assert "Claude_abc" in output


async def test_names_from_files_cannot_play_tricks_with_the_terminal(patient: Patient) -> None:
    entry = {"command": "sendoso-mcp"}
    patient.writes(".cursor/mcp.json", {"mcpServers": {f"\x1b[2J\n\u202eok {KEY}\ud800": entry}})
    patient.environ["SENDOSO_API_KEY"] = KEY
    patient.environ["SENDOSO_LOG_LEVEL"] = "no"
    status, output = await patient.see_doctor()
    assert status == 1
    assert 'server "?[2J??ok [key]?"' in output
    assert KEY not in output


async def test_output_survives_a_terminal_that_knows_few_letters(patient: Patient) -> None:
    patient.writes(".cursor/mcp.json", {"mcpServers": {"подарки": {"command": "sendoso-mcp"}}})
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    status = await doctor(
        patient.environ, home=patient.home, cwd=patient.cwd, platform=patient.platform, out=out
    )
    assert status == 1
    out.seek(0)
    assert 'server "???????"' in out.read()


async def test_a_reader_that_went_away_changes_nothing(patient: Patient) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    assert await doctor({}, home=patient.home, cwd=patient.cwd, platform="linux", out=Gone()) == 0


@pytest.mark.parametrize(
    ("platform", "environ", "coloured"),
    [
        ("linux", {}, True),
        ("linux", {"NO_COLOR": "1"}, False),
        ("win32", {}, False),
        ("win32", {"WT_SESSION": "1"}, True),
    ],
)
async def test_a_terminal_gets_colour_unless_it_is_unwanted(
    patient: Patient, platform: str, environ: dict[str, str], coloured: bool
) -> None:
    out = Terminal()
    await doctor(environ, home=patient.home, cwd=patient.cwd, platform=platform, out=out)
    assert ("\x1b[32mok  \x1b[0m  Python" in out.getvalue()) is coloured
    assert ("\x1b" in out.getvalue()) is coloured


def test_usable_settings_are_handed_on() -> None:
    settings, checks = check_settings({"SENDOSO_API_KEY": KEY})
    assert settings is not None
    assert settings.api_key == KEY
    assert {check.level for check in checks} == {"ok"}
    assert check_settings({"SENDOSO_API_KEY": "short"})[0] is None


SHORT = """
[limits]
per_send = 50
per_day = 0

[recipients]
do_not_gift = ["ann@acme.test"]
deny_countries = ["CU", "IR", "KP", "SY"]

[[rules]]
name = "staff"
email_domains = ["*.gov"]
per_send = 20
"""


async def test_the_policy_in_force_is_told(patient: Patient) -> None:
    _, output = await patient.see_doctor()
    version = read_policy(None).version
    assert (
        f"ok    Policy: the one that comes with the package (no SENDOSO_POLICY_FILE), version {version}"
        in output
    )
    assert (
        "info  Policy: [limits] per_send 150.00, per_day 1000.00, per_month 10000.00, "
        "per_recipient_per_year 300.00, sends_per_hour 30\n" in output
    )
    assert (
        "info  Policy: [approval] ask_above 0.00, outside_chat_above 500.00, read_seconds 1, "
        "answer_within_hours 24, envelopes True, ask_to_cancel True\n" in output
    )


async def test_a_policy_of_ones_own_is_told_with_its_rules_and_without_peoples_emails(
    patient: Patient,
) -> None:
    patient.writes("policy.toml", SHORT)
    patient.environ["SENDOSO_POLICY_FILE"] = str(patient.home / "policy.toml")
    status, output = await patient.see_doctor()
    assert status == 0
    assert "ok    Policy: SENDOSO_POLICY_FILE, version " in output
    assert "info  Policy: [limits] per_send 50.00, per_day 0.00\n" in output
    assert "info  Policy: [recipients] do_not_gift (1 entries), deny_countries (4 entries)\n" in output
    assert "info  Policy: [[rules]] name staff, email_domains *.gov, per_send 20.00\n" in output


async def test_every_problem_of_a_policy_is_told_with_its_line(patient: Patient) -> None:
    patient.writes("policy.toml", "[limits]\nper_dya = 5\nper_send = -1\n")
    patient.environ["SENDOSO_POLICY_FILE"] = str(patient.home / "policy.toml")
    status, output = await patient.see_doctor()
    assert status == 1
    first, second = failures(output)
    assert "policy.toml, line 2: limits.per_dya" in first
    assert "policy.toml, line 3: limits.per_send" in second
    assert "Mend the file" in first


@pytest.fixture
def books(patient: Patient, sendoso: respx.MockRouter) -> Iterator[Books]:
    """The ledger that the environment names, beside a key and a Sendoso that answers."""
    books = Books(patient.home / "gifts" / "ledger.sqlite3")
    patient.environ |= {"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": books.url}
    yield books
    books.ledger.close()


async def test_without_a_key_the_ledger_ends_with_the_server(patient: Patient) -> None:
    assert "info  Ledger: in memory, so it ends with the server\n" in (await patient.see_doctor())[1]


async def test_a_ledger_in_order_is_told(patient: Patient, books: Books) -> None:
    books.ended(State.CONFIRMED)
    status, output = await patient.see_doctor()
    assert status == 0
    where = f"ok    Ledger: {books.path}"
    assert f"{where} can be read; it holds the sends of Sendoso at app.sendoso.com\n" in output
    assert f"{where} can be written\n" in output
    assert "ok    Ledger: its trail is whole (5 rows)\n" in output
    assert "wait for a person" not in output
    if sys.platform != "win32":
        assert f"{where} is private (mode 600)\n" in output


async def test_orders_that_wait_for_a_person_lead_to_the_review(patient: Patient, books: Books) -> None:
    books.ended(State.NEEDS_REVIEW)
    books.ended(State.UNKNOWN)
    status, output = await patient.see_doctor()
    assert status == 0
    assert (
        "info  Ledger: orders that wait for a person: 1; that are looked for at Sendoso: 1\n"
        "      Their money is held until then. Run `sendoso-mcp review`.\n" in output
    )


async def test_a_ledger_that_others_may_read_is_a_failure(patient: Patient, books: Books) -> None:
    if sys.platform == "win32":
        pytest.skip("no such modes")
    books.path.chmod(0o644)
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert f"may be used by others on this machine (mode 644). chmod 600 {books.path}" in told


async def test_a_ledger_that_may_not_be_written_is_a_failure(
    patient: Patient, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The user of a test may be one whom no mode keeps out.
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != books.path)
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert "may not be written, so no gift can be ordered." in told


async def test_a_ledger_that_was_changed_is_a_failure(patient: Patient, books: Books) -> None:
    intent = books.ended(State.CONFIRMED)
    with closing(sqlite3.connect(books.path)) as connection, connection:
        connection.execute("UPDATE attempts SET cost_cents = 1")
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert told.startswith(f"Ledger: it is not what its trail says, at attempts of {intent.id}: ")


async def test_a_ledger_of_another_account_or_none_at_all_is_a_failure(
    patient: Patient, books: Books
) -> None:
    books.ledger.close()
    del patient.environ["SENDOSO_API_KEY"]
    status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output)[0].startswith("The ledger holds the sends of Sendoso at app.sendoso.com")
    books.path.write_bytes(b"Dear ledger, " * 1000)
    status, output = await patient.see_doctor()
    assert status == 1
    assert failures(output)[0].startswith(
        "Ledger: it cannot be used (its file is not a SQLite database). Check"
    )


async def test_a_ledger_that_is_not_there_yet_is_no_failure_if_it_can_be_made(
    patient: Patient, sendoso: respx.MockRouter
) -> None:
    path = patient.home / "new" / "ledger.sqlite3"
    patient.environ |= {"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": f"sqlite:///{path}"}
    status, output = await patient.see_doctor()
    assert status == 0
    assert f"info  Ledger: {path} is not there yet; a server makes it when it starts\n" in output
    assert not path.parent.exists()
    patient.writes("new", "a file in the place of its directory")
    status, output = await patient.see_doctor()
    assert status == 1
    assert f"Ledger: {path} cannot be made: {path.parent} may not be written." in failures(output)[0]


async def test_a_database_server_is_told_by_its_name_alone(
    patient: Patient, sendoso: respx.MockRouter
) -> None:
    url = f"postgresql://me:{KEY}@127.0.0.1:9/gifts?password=hunter2"
    patient.environ |= {"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": url}
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert told.startswith("Ledger: it cannot be used (its database cannot be reached).")
    assert KEY not in output
    assert "hunter2" not in output


async def test_a_ledger_in_postgresql_is_checked_too(
    patient: Patient, sendoso: respx.MockRouter, shared_url: str
) -> None:
    with closing(Ledger(shared_url, account=ACCOUNT)) as ledger:
        ledger.open()
    patient.environ |= {"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": shared_url}
    status, output = await patient.see_doctor()
    assert status == 0, output
    assert "can be written\n" in output
    assert "ok    Ledger: its trail is whole (0 rows)\n" in output


async def test_settings_that_cannot_be_used_leave_policy_and_ledger_unchecked(patient: Patient) -> None:
    patient.environ["SENDOSO_READ_ONLY"] = "perhaps"
    _, output = await patient.see_doctor()
    assert "info  Policy, ledger: not checked, since the settings cannot be used\n" in output


@pytest.mark.parametrize(
    ("env", "failure"),
    [
        (
            {"SENDOSO_POLICY_FILE": "policy.toml"},
            "SENDOSO_POLICY_FILE is not a whole path. Give the whole path",
        ),
        ({"SENDOSO_POLICY_FILE": "/gone/policy.toml"}, "Policy: /gone/policy.toml does not exist."),
        ({"SENDOSO_POLICY_FILE": f"/{KEY}"}, "Policy: the file in SENDOSO_POLICY_FILE does not exist."),
        ({"SENDOSO_LEDGER_URL": "sqlite:///gifts.sqlite3"}, "names a file without its whole path."),
        ({"SENDOSO_LEDGER_URL": f"mysql://me:{KEY}@db/gifts"}, "SENDOSO_LEDGER_URL is not the address of a"),
        ({"SENDOSO_LEDGER_URL": KEY}, "SENDOSO_LEDGER_URL is not the address of a ledger."),
    ],
)
async def test_a_policy_and_a_ledger_in_a_clients_config_are_checked(
    patient: Patient, program: Path, env: dict[str, str], failure: str
) -> None:
    patient.configures(command=str(program), env={"SENDOSO_API_KEY": "sdso_live_of_the_client"} | env)
    status, output = await patient.see_doctor()
    assert status == 1
    (told,) = failures(output)
    assert 'server "gifts", its env: ' in told
    assert failure in told
    assert KEY not in output


async def test_a_good_policy_and_ledger_in_a_clients_config_are_fine(patient: Patient, program: Path) -> None:
    patient.writes("policy.toml", SHORT)
    env = {
        "SENDOSO_API_KEY": KEY,
        "SENDOSO_POLICY_FILE": str(patient.home / "policy.toml"),
        "SENDOSO_LEDGER_URL": f"sqlite:///{patient.home / 'gifts.sqlite3'}",
    }
    patient.configures(command=str(program), env=env)
    assert (await patient.see_doctor())[0] == 0


async def test_problems_are_counted(patient: Patient) -> None:
    patient.environ["SENDOSO_READ_ONLY"] = "perhaps"
    patient.writes(".claude.json", "{")
    status, output = await patient.see_doctor()
    assert status == 1
    assert output.endswith("\n2 problems.\n")
