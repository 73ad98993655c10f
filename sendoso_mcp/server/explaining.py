"""What a model is told of a call that failed: what happened, what did not, and what to do."""

from __future__ import annotations

import re

from mcp import MCPError
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from sendoso_mcp.errors import ConnectionLost, SendosoError, ServerFault, Timeout, Unsettled
from sendoso_mcp.hygiene import clean, clean_line
from sendoso_mcp.server.answers import with_note
from sendoso_mcp.server.services import Services
from sendoso_mcp.server.tools import ToolSpec

# "Input should be", "String should have": the sentence is about the argument that is named before it.
_PYDANTIC = re.compile(r"^(?:\w+ )?should ")

# Where pydantic's own words are about Python, or leave open what is wanted.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not one of its fields",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "date_parsing": "must be a day, such as 2026-11-25",
    "date_from_datetime_parsing": "must be a day, such as 2026-11-25",
    "date_from_datetime_inexact": "must be a day, such as 2026-11-25",
}


def explained(services: Services, name: str, spec: ToolSpec | None, error: ToolError | MCPError) -> ToolError:
    """The error that the SDK passes on, with one clear text.

    Args:
        services: what the tools work with.
        name: the tool's name, as it was called.
        spec: the tool; None if there is none.
        error: how the call failed.
    """
    text = with_note(_text(services, name, spec, error), sandbox=services.sandbox)
    # The SDK logs a traceback for this class only.
    return UnexpectedToolError(text) if _is_defect(error) else ToolError(text)


def _text(services: Services, name: str, spec: ToolSpec | None, error: ToolError | MCPError) -> str:
    not_done = spec.not_done if spec else ""
    cause = error.__cause__
    match cause:
        case _ if _is_defect(error):
            return _defect(services, name, spec)
        case Unsettled():
            return str(cause)
        case Timeout() | ConnectionLost() | ServerFault(status=500 | 501 | 502 | 503 | 504):
            # Only of a look-up: an order, or a recipient, of which nobody knows is told in other words.
            return f"{cause} {not_done}".rstrip() + " Try again in a minute."
        case SendosoError():
            return f"{cause} {not_done}"
        case ValidationError():
            return f"{_arguments(cause)} {not_done}"
        case ToolError():
            # The SDK's own word for an accepted form whose content does not fit it.
            return f"The answer to the question could not be read. {not_done}"
        case _ if isinstance(error, MCPError):
            return f"The client could not show the question to the person. {not_done}"
        case _:
            return clean_line(str(error), longest=500)


def _is_defect(error: ToolError | MCPError) -> bool:
    """Whether a tool failed with something that is not meant to be told."""
    return isinstance(error, UnexpectedToolError) and not isinstance(error.__cause__, SendosoError)


def _arguments(error: ValidationError) -> str:
    """A validation error as sentences: argument, then what is wrong with it."""
    problems = []
    for problem in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in problem["loc"])
        what = _WORDS.get(problem["type"]) or _PYDANTIC.sub(
            "must ", problem["msg"].removeprefix("Value error, ")
        ).rstrip(".")
        problems.append(f"{clean(where, longest=80)}: {clean(what, longest=300)}")
    return f"Invalid arguments. {'; '.join(dict.fromkeys(problems))}."


def _defect(services: Services, name: str, spec: ToolSpec | None) -> str:
    text = f"Something went wrong inside this server while it ran {name}; its log has the details."
    if spec is not None and not spec.read_only:
        look = services.with_tool("list_sends", "look with list_sends") or "ask a person to look at Sendoso"
        text += f" It is not known how far it came: {look} before trying again."
    return text
