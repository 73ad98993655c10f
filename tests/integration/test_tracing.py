"""The spans of a gift, as OpenTelemetry's SDK collects them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from support import EGIFT, ERAS, SARAH, Person, chat, order

from sendoso_mcp import tracing
from sendoso_mcp.sandbox import Fault, create_sandbox

pytestmark = pytest.mark.anyio
STEPS = ["gift quote", "gift approval", "gift dispatch", "gift settle"]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What is collected; the SDK takes one provider for a process, so ours is put where it is used."""
    collected, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(collected))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("sendoso_mcp"))
    yield collected
    provider.shutdown()


def named(found: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in found.get_finished_spans() if span.name == name]


@ERAS
async def test_a_gift_is_four_steps(spans: InMemorySpanExporter, mode: str) -> None:
    async with chat(create_sandbox(), mode=mode, person=Person()) as connected:
        sent = await connected.call("create_send", **order(message="For Ann's birthday"))
    assert sent["outcome"] == "sent"
    found = spans.get_finished_spans()
    assert {span.name for span in found} == set(STEPS)
    (dispatch,), (settle,) = named(spans, "gift dispatch"), named(spans, "gift settle")
    approvals = named(spans, "gift approval")
    assert dispatch.attributes is not None
    assert dispatch.attributes["sendoso.outcome"] == "confirmed"
    ids = {(span.attributes or {})["sendoso.intent"] for span in (dispatch, settle, *approvals)}
    assert len(ids) == 1
    assert {(span.attributes or {})["sendoso.verdict"] for span in approvals} == {"ask"}
    for span in found:
        for value in (span.attributes or {}).values():
            assert "Ann" not in str(value)
            assert "@" not in str(value)


async def test_a_step_that_fails_says_what_it_met_and_not_what_that_said(spans: InMemorySpanExporter) -> None:
    sandbox = create_sandbox()
    for _ in range(3):
        sandbox.faults.append(Fault("GET", f"/recipients/{SARAH}", status=503))
    async with chat(sandbox, person=Person()) as connected:
        result = await connected.client.call_tool("create_send", {"recipient_id": SARAH, "item_id": EGIFT})
    assert result.is_error
    (quote,) = named(spans, "gift quote")
    assert quote.status.status_code is StatusCode.ERROR
    assert quote.status.description is None
    assert quote.events == ()
    assert dict(quote.attributes or {}).keys() == {"error.type"}


async def test_spans_are_children_of_the_requests(spans: InMemorySpanExporter) -> None:
    with tracing._TRACER.start_as_current_span("a request") as outer:
        async with chat(create_sandbox(), person=Person()) as connected:
            await connected.call("create_send", **order())
    assert {span.context.trace_id for span in spans.get_finished_spans() if span.context} == {
        outer.get_span_context().trace_id
    }


async def test_without_an_sdk_a_step_is_nothing() -> None:
    with tracing.span("quote") as facts:
        facts["intent"] = "1"
        assert not trace.get_current_span().is_recording()
