"""The log: on stderr, as text or as one JSON object a line; above DEBUG without anything about people."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from sendoso_mcp.calls import call_id
from sendoso_mcp.settings import LogFormat

_LIBRARIES = ("mcp", "httpx", "uvicorn")


def set_up(level: str, form: LogFormat = "text") -> None:
    """Sends the log to stderr, since under stdio stdout belongs to the protocol; once a process."""
    handler = logging.StreamHandler(sys.stderr)
    whole = level == "DEBUG"
    handler.setFormatter(JsonFormatter(whole=whole) if form == "json" else TextFormatter(whole=whole))
    logging.basicConfig(level=level, handlers=[handler])
    if not whole:
        # The libraries log requests and tool errors at INFO, with names, emails and addresses in them.
        for library in _LIBRARIES:
            logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))


class _Formatter(logging.Formatter):
    """What both forms have in common: what of a record may be shown.

    With `whole` that is everything. Otherwise a library's own words are left out, and of an exception its
    text: both may quote what a client or Sendoso sent.
    """

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self._whole = whole

    def words(self, record: logging.LogRecord) -> str:
        """The message."""
        if self._whole or record.name.split(".")[0] == "sendoso_mcp":
            return record.getMessage()
        if record.args or record.name.split(".")[0] == "uvicorn":
            # A template, in which nothing is filled in.
            return str(record.msg).strip()
        return f"{record.module}, line {record.lineno}: see SENDOSO_LOG_LEVEL=DEBUG for what it says"

    def error(self, record: logging.LogRecord) -> str:
        """The exception, if the record has one: where it was raised and what it is."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return ""
        if self._whole:
            return "".join(traceback.format_exception(error)).rstrip()
        lines = []
        for each in _chain(error):
            frames = traceback.extract_tb(each.__traceback__)
            where = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames[::-1])
            lines.append(f"{type(each).__qualname__} in {where}" if where else type(each).__qualname__)
        return "; from ".join(lines)


class TextFormatter(_Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """`2026-11-25 09:00:00,000 INFO name [call]: message`, in local time."""
        call = f" [{call_id()}]" if call_id() else ""
        line = f"{self.formatTime(record)} {record.levelname} {record.name}{call}: {self.words(record)}"
        error = self.error(record)
        return f"{line}\n{error}" if error else line


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """`time` (UTC), `level`, `logger`, `message`, and `request_id` and `error` where there are any."""
        at = datetime.fromtimestamp(record.created, UTC)
        found: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.words(record),
        }
        if call_id():
            found["request_id"] = call_id()
        if error := self.error(record):
            found["error"] = error
        return json.dumps(found, ensure_ascii=False)


def _chain(error: BaseException) -> list[BaseException]:
    """An exception, what is in it if it is a group, and what it came from."""
    found: list[BaseException] = []
    rest = [error]
    while rest and len(found) < 20:
        each = rest.pop(0)
        if each in found:
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            rest += each.exceptions
        before = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        rest += [before] if before is not None else []
    return found
