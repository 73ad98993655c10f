"""What the log shows, and what it keeps to itself."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import pytest

from sendoso_mcp.calls import call_id, new_call
from sendoso_mcp.cli.logs import JsonFormatter, TextFormatter

PERSON = "ann.lee@acme.test"


def record(
    message: str, *args: object, name: str = "sendoso_mcp.x", error: BaseException | None = None
) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord(name, logging.WARNING, "x.py", 7, message, args, info)


def failed() -> BaseException:
    try:
        try:
            raise KeyError(PERSON)
        except KeyError as error:
            raise ValueError(f"no gift for {PERSON}") from error
    except ValueError as error:
        return error


@pytest.mark.parametrize("form", [JsonFormatter, TextFormatter])
def test_an_exception_shows_where_it_was_raised_and_not_what_it_says(
    form: type[JsonFormatter] | type[TextFormatter],
) -> None:
    broken = record("it broke", error=failed())
    line = form(whole=False).format(broken)
    assert PERSON not in line
    assert "ValueError in failed (" in line
    assert "from KeyError in failed (" in line
    assert PERSON in form(whole=True).format(broken)


@pytest.mark.parametrize("name", ["mcp.server", "httpx", "uvicorn.error"])
def test_what_a_library_says_is_shown_as_far_as_it_cannot_quote_anybody(name: str) -> None:
    form = TextFormatter(whole=False)
    template = form.format(record("rejected %s", PERSON, name=name))
    assert "rejected %s" in template
    assert PERSON not in template
    if name != "uvicorn.error":
        assert PERSON not in form.format(record(f"rejected {PERSON}", name=name))
    assert PERSON in TextFormatter(whole=True).format(record(f"rejected {PERSON}", name=name))


def test_a_group_shows_what_is_in_it() -> None:
    line = TextFormatter(whole=False).format(
        record("it broke", error=ExceptionGroup("x", [OSError(PERSON), ValueError(PERSON)]))
    )
    assert "ExceptionGroup; from OSError; from ValueError" in line
    assert PERSON not in line


def test_a_line_of_json_is_one_line_with_the_time_in_utc() -> None:
    told = record("two\nlines %s", "ü")
    line = JsonFormatter(whole=False).format(told)
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "two\nlines ü"
    assert (found["level"], found["logger"]) == ("WARNING", "sendoso_mcp.x")
    at = datetime.fromisoformat(found["time"])
    assert abs((at - datetime.fromtimestamp(told.created, UTC)).total_seconds()) < 0.002
    assert set(found) == {"time", "level", "logger", "message"}


def test_lines_of_one_call_have_its_id() -> None:
    ids = []
    for _ in range(2):
        with new_call():
            ids.append(json.loads(JsonFormatter(whole=False).format(record("x")))["request_id"])
            assert f"[{call_id()}]: x" in TextFormatter(whole=False).format(record("x"))
    assert len(set(ids)) == 2
    assert call_id() == ""


def test_an_exception_without_a_traceback_is_named() -> None:
    assert TextFormatter(whole=False).format(record("x", error=OSError())).endswith("\nOSError")
    assert sys.exc_info() == (None, None, None)
