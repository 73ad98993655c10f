"""Each example runs as it is, from another directory; a person answers it, and one gift is sent or none."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import COMMAND

from delivery import ROOT
from interop.clients.job import READS, Person

EXAMPLES = ROOT / "examples"
ENVIRONMENTS = ROOT / ".venv-interop"
RUNNER = str(ROOT / "tests" / "interop" / "clients" / "example.py")
WISH = "Send Sarah Johnson a coffee gift"
RUNS = {
    "with_langchain.py": ("langchain", ["Sarah Johnson", "coffee"]),
    "with_openai_agents.py": ("agents", [WISH]),
    "with_pydantic_ai.py": ("agents", [WISH]),
}
Answers = Callable[[str], str]


def command(name: str) -> list[str]:
    environment, words = RUNS[name]
    python = str(ENVIRONMENTS / environment / "bin" / "python")
    runner = [] if name == "with_langchain.py" else [RUNNER]
    return [python, *runner, str(EXAMPLES / name), *words]


def converse(words: list[str], answers: Answers, directory: Path) -> tuple[str, str]:
    """Runs it, answering each prompt; what it printed, and the log of its server."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
    environ["PATH"] = f"{Path(COMMAND[0]).parent}{os.pathsep}{environ['PATH']}"
    environ["PYTHONPATH"] = str(ROOT / "tests")
    log = directory / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            words,
            cwd=directory,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        screen = ""
        while letter := process.stdout.read(1):
            screen += letter
            if screen.endswith("\n> "):
                process.stdin.write(f"{answers(screen)}\n")
                process.stdin.flush()
    assert process.returncode == 0, screen + log.read_text()
    return screen, log.read_text()


def in_the_chat(says: str) -> Answers:
    def answer(screen: str) -> str:
        assert "Send this gift?" in screen
        time.sleep(READS)  # the time that a person needs to read; a sooner answer does not count
        return says

    return answer


def on_the_page(*, says_yes: bool) -> Answers:
    said = iter(["I have decided.", ""])

    def answer(screen: str) -> str:
        words = next(said)
        if words:
            Person(says_yes=says_yes).decides(re.findall(r"Decide at (\S+)", screen)[-1])
        return words

    return answer


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("agrees", [True, False], ids=["yes", "no"])
def test_an_example_sends_one_gift_with_a_yes_and_none_with_a_no(
    name: str, agrees: bool, tmp_path: Path
) -> None:
    outside = "openai" in name
    answers = on_the_page(says_yes=agrees) if outside else in_the_chat("Send it" if agrees else "no")
    screen, log = converse(command(name), answers, tmp_path)
    assert "create_send" in screen.splitlines()[0]
    assert ("sent" if agrees else "declined") in screen.splitlines()[-2 if outside else -1]
    assert log.count(": confirmed send_") == agrees


def test_every_example_is_run() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(RUNS)
