"""A person in a terminal answers what an assistant asked for through a server that still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from processes import COMMAND, KEY, QUICK
from support import EGIFT, SARAH, Chat

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals"),
]
PIN = "correct horse"
PROMPTS = {
    "new": "New PIN (6 to 64 characters): ",
    "again": "The new PIN again: ",
    "pin": "Approver's PIN: ",
}
# Makes the terminal that it was given its own, as a shell does, so that /dev/tty is there too.
_OWN = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


def in_terminal(words: list[str], env: dict[str, str], typed: dict[str, str]) -> tuple[int, str]:
    """Runs the command in a terminal and types an answer at each prompt; its exit status and its screen."""
    import pty

    answers = dict(typed)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _OWN, *COMMAND, *words],
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen = b""
    try:
        while chunk := os.read(ours, 65_536):
            screen += chunk
            for prompt in [prompt for prompt in answers if screen.endswith(prompt.encode())]:
                os.write(ours, f"{answers.pop(prompt)}\n".encode())
    except OSError:  # Linux says so when the other end is closed
        pass
    finally:
        os.close(ours)
        status = process.wait(timeout=60)
    shown = screen.decode()
    assert not answers, f"never asked {list(answers)}: {shown}"
    return status, shown


async def test_a_person_sets_a_pin_and_approves_what_then_is_sent_once_and_a_wrong_pin_sends_nothing(
    sendoso: str, orders: Callable[[], int], tmp_path: Path
) -> None:
    settings = {
        "SENDOSO_API_KEY": KEY,
        "SENDOSO_BASE_URL": sendoso,
        "SENDOSO_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.sqlite3",
        **QUICK,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
    env = clean | settings
    gift = {"recipient_id": SARAH, "item_id": EGIFT, "message": "Thank you", "idempotency_key": "k"}
    before = await anyio.to_thread.run_sync(orders)

    async def terminal(*words: str, **typed: str) -> tuple[int, str]:
        typed = {PROMPTS[name]: text for name, text in typed.items()}
        return await anyio.to_thread.run_sync(in_terminal, ["approvals", *words], env, typed)

    async with Client(StdioServerParameters(command=COMMAND[0], env=settings)) as client:
        chat = Chat(client)
        asked = await chat.call("create_send", **gift)
        assert asked["outcome"] == "approval_required"
        question = asked["question"]
        assert f"sendoso-mcp approvals approve {question}" in asked["reasons"][0]["text"]

        status, screen = await terminal("set-pin", new=PIN, again=PIN)
        assert status == 0, screen
        assert PIN not in screen

        status, screen = await terminal("approve", question, pin=PIN)
        assert status == 0, screen
        assert '"Thank you"' in screen
        assert "Approved. Nothing is ordered yet: the assistant must call create_send again" in screen
        assert PIN not in screen
        assert await anyio.to_thread.run_sync(orders) == before

        assert (await chat.call("create_send", **gift))["outcome"] == "sent"
        assert (await chat.call("create_send", **gift))["outcome"] == "sent"

        another = {**gift, "idempotency_key": "another"}
        question = (await chat.call("create_send", **another))["question"]
        status, screen = await terminal("approve", question, pin="wrong horse")
        assert status == 1, screen
        assert "That PIN is not right. Nothing was approved, and nothing was ordered." in screen
        assert "wrong horse" not in screen
        assert (await chat.call("create_send", **another))["outcome"] == "approval_required"
    assert await anyio.to_thread.run_sync(orders) == before + 1
