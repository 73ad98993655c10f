"""The installed command as real processes, on loopback ports that the system chooses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

COMMAND = [str(Path(sys.executable).parent / "sendoso-mcp")]
KEY = "e2e-test-key"
QUICK = {"SENDOSO_POLICY_FILE": str(Path(__file__).parent / "quick_reader.toml")}
"""For a server whose person answers at once."""


class Process:
    """A running command whose log is read as it comes."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SENDOSO_")}
        self.popen = subprocess.Popen(
            [*COMMAND, *words],
            env=clean | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._lines = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            with self._lines:
                self.log.append(line)
                self._lines.notify_all()

    def logged(self, pattern: str) -> re.Match[str]:
        """Waits until a line of the log matches."""

        def match() -> re.Match[str] | None:
            return next((found for line in self.log if (found := re.search(pattern, line))), None)

        with self._lines:
            self._lines.wait_for(lambda: match() is not None, timeout=30)
            found = match()
        assert found is not None, f"never logged {pattern}: {''.join(self.log)}"
        return found

    def url(self) -> str:
        """Where it listens."""
        return self.logged(r"listening on (\S+)")[1]

    def end(self, signal: int | None = None) -> int:
        """Ends it by a signal, or by the end of its input, and gives its exit status."""
        assert self.popen.stdin is not None
        if signal is None:
            self.popen.stdin.close()
        else:
            self.popen.send_signal(signal)
        status = self.popen.wait(timeout=20)
        self._close()
        return status

    def kill(self) -> None:
        """Ends it whatever it does; nothing happens if it has ended."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self._close()

    def _close(self) -> None:
        self._reader.join()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()


Start = Callable[..., Process]


@contextmanager
def starter() -> Iterator[Start]:
    started: list[Process] = []

    def start(*words: str, **env: str) -> Process:
        process = Process(list(words), env)
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()


def count(url: str) -> int:
    """How many gifts a served sandbox was ever asked to send."""
    answer = httpx.get(f"{url}/sends", headers={"X-Api-Key": KEY}).json()
    return int(answer["pagination"]["total"])
