"""Spans: whose, under which, the same again on replay, and none where nobody asked for any."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from homecall.contract.envelope import Incoming, Record
from homecall.runtime import tracing as traces
from homecall.runtime.tracing import TracedBatch, Traces

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-2] + "00"


def event(causation_id: str = "cause-1", traceparent: str | None = PARENT) -> Incoming:
    record = Record("homecall.requests.v1", 3, 42, b"clinic-1", b"{}")
    return Incoming(record, causation_id, "request.submitted", "subject-1", "clinic-1", None, traceparent, None)


class Sent:
    """A service's traces, and the spans that it sent."""

    def __init__(self, service: str = "intake", share: float = 0, exporter: InMemorySpanExporter | None = None) -> None:
        self._exporter = exporter or InMemorySpanExporter()
        self.traces = Traces(service, self._exporter, share=share)

    def carry_out(self, *events: Incoming) -> Sequence[Incoming]:
        """Take a batch through its steps; its events as the service sees them."""
        batch = TracedBatch(self.traces, events)
        for step in ("load, decide, store", "publish", "commit"):
            batch.step(step)
        batch.end("batch-1")
        return batch.events

    def spans(self) -> dict[str, ReadableSpan]:
        self.traces._provider.force_flush()
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def sent() -> Iterator[Sent]:
    made = Sent()
    yield made
    made.traces._provider.shutdown()


def test_a_record_has_a_span_below_its_publishers_and_carries_it_on(sent: Sent) -> None:
    (seen,) = sent.carry_out(event())
    span = sent.spans()["intake request.submitted"]
    assert span.parent is not None
    assert span.context is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == tuple(PARENT.split("-")[1:3])
    assert seen.traceparent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
    assert span.attributes is not None
    assert span.attributes["messaging.kafka.offset"] == 42
    assert span.attributes["homecall.subject"] == "subject-1"


def test_a_replay_carries_the_same_span_on_and_another_service_another(sent: Sent) -> None:
    (first,) = sent.carry_out(event())
    (again,) = sent.carry_out(event())
    other = Sent("notifier")
    (elsewhere,) = other.carry_out(event())
    assert first.traceparent == again.traceparent != elsewhere.traceparent
    assert first.traceparent is not None
    assert elsewhere.traceparent is not None
    assert first.traceparent.split("-")[1] == elsewhere.traceparent.split("-")[1]
    other.traces._provider.shutdown()


def test_a_batch_is_linked_to_its_traced_records_and_has_its_steps_below_it(sent: Sent) -> None:
    sent.carry_out(event("cause-1"), event("cause-2", UNSAMPLED), event("cause-3"))
    spans = sent.spans()
    whole = spans["intake batch"]
    assert (len(whole.links), whole.parent) == (2, None)
    assert whole.attributes is not None
    assert whole.attributes["messaging.batch.message_count"] == 3
    for step in ("load, decide, store", "publish", "commit"):
        assert spans[step].parent == whole.context


def test_what_is_not_sampled_passes_as_it_came(sent: Sent) -> None:
    events = [event("cause-1", UNSAMPLED), event("cause-2", None)]
    assert sent.carry_out(*events) == events
    assert sent.spans() == {}


def test_a_share_of_what_comes_without_a_trace_begins_one_the_same_on_replay() -> None:
    sent = Sent(share=0.25)
    events = [event(f"cause-{number}", None) for number in range(400)]
    traced = [each.traceparent for each in sent.carry_out(*events)]
    begun = [each for each in traced if each is not None]
    assert 60 <= len(begun) <= 140
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", each) for each in begun)
    assert traced == [each.traceparent for each in sent.carry_out(*events)]
    assert sent.spans()["intake request.submitted"].parent is None
    sent.traces._provider.shutdown()


class Hanging(InMemorySpanExporter):
    """A collector that takes spans and does not answer until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answers = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.answers.wait(30)
        return super().export(spans)


async def test_the_end_does_not_wait_for_a_collector_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_SHUTDOWN_SECONDS", 0.1)
    collector = Hanging()
    sent = Sent(exporter=collector)
    sent.carry_out(event())
    try:
        await sent.traces.close()
        assert collector.asked.is_set(), "it was asked, at least"
        assert collector.get_finished_spans() == ()
    finally:
        collector.answers.set()
