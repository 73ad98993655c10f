"""What the doctor found: one line a check, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, TextIO

from sendoso_mcp.errors import SendosoError, SettingsError

_COLOURS = {"ok": "\x1b[32m", "info": "\x1b[36m", "FAIL": "\x1b[1;31m"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; `advice` is what to do about it, where there is something to do."""

    level: Literal["ok", "info", "FAIL"]
    text: str
    advice: str = ""


def failed(error: SendosoError) -> Check:
    """The first sentence says what is wrong, the others what to do."""
    text, _, advice = str(error).partition(". ")
    otherwise = (
        "Correct it, and restart the server."
        if isinstance(error, SettingsError)
        else "Check the network and SENDOSO_BASE_URL, and try again in a few minutes."
    )
    return Check("FAIL", f"{text.removesuffix('.')}.", advice or otherwise)


class Report:
    """Writes checks as they come, and counts the failures."""

    def __init__(self, out: TextIO, environ: Mapping[str, str], platform: str) -> None:
        self._out = out
        self._problems = 0
        # Older Windows consoles print the codes as they are.
        plain = environ.get("NO_COLOR") or (platform == "win32" and "WT_SESSION" not in environ)
        self._colour = out.isatty() and not plain
        self._key = environ.get("SENDOSO_API_KEY", "").strip()

    @contextmanager
    def section(
        self, what: str, advice: str = "This is a defect of sendoso-mcp; please report it with this line."
    ) -> Iterator[None]:
        """Makes a failure of what nobody foresaw, so that the next check can run."""
        try:
            yield
        except Exception as error:
            # Only the class: the text of such an error may hold anything, also the key.
            self.add(Check("FAIL", f"{what}: unexpected {type(error).__name__}.", advice))

    def add(self, *checks: Check) -> None:
        """Writes checks."""
        for check in checks:
            self._problems += check.level == "FAIL"
            level = f"{check.level:<4}"
            if self._colour:
                level = f"{_COLOURS[check.level]}{level}\x1b[0m"
            self._line(f"{level}  ", check.text)
            if check.advice:
                self._line("      ", check.advice)

    def end(self) -> int:
        """Writes the summary; returns the exit status."""
        self._line("", "")
        many = "problem" if self._problems == 1 else "problems"
        self._line("", f"{self._problems} {many}." if self._problems else "All good.")
        return 1 if self._problems else 0

    def _line(self, head: str, text: str) -> None:
        # Names and paths come from files that others wrote.
        if len(self._key) >= 8:  # a shorter one is never accepted, and could be a part of any word
            text = text.replace(self._key, "[key]")
        text = "".join(character if character.isprintable() else "?" for character in text)
        encoding = self._out.encoding or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        # Whoever read the lines may have seen enough, as `head` does; the exit status still counts.
        with suppress(BrokenPipeError):
            print(f"{head}{text}".rstrip(), file=self._out, flush=True)
