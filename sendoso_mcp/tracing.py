"""Spans of OpenTelemetry for the steps of a gift. Without its SDK they are nothing, and cost next to nothing.

The MCP SDK makes a span of every request and takes a client's trace context up; these are inside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from sendoso_mcp import __version__

_TRACER = trace.get_tracer("sendoso_mcp", __version__)


@contextmanager
def span(step: str) -> Iterator[dict[str, str]]:
    """One step; what is put into the dictionary becomes the span's attributes, below `sendoso.`.

    Nothing about people goes there, and of an exception only what it is: its words may quote anybody.
    """
    facts: dict[str, str] = {}
    with _TRACER.start_as_current_span(
        f"gift {step}", record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield facts
        except BaseException as error:
            current.set_status(StatusCode.ERROR)
            current.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            current.set_attributes(_below_our_name(facts))


def _below_our_name(facts: Mapping[str, str]) -> dict[str, str]:
    return {f"sendoso.{name}": value for name, value in facts.items()}
