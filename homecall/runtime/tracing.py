"""OpenTelemetry traces, off by default: from the publisher's span through each service that a request passes.

A record is traced if its ``traceparent`` says so; of records without one, a configurable share starts a trace. Each
traced record has a span from the start of its batch to the commit, and the events it causes carry that span as their
``traceparent``. Ids are derived from the cause, so a replay makes the same spans and bytes. A batch with traced
records has a span of its own, linked to theirs, with its steps as children.

Spans contain topic, partition and offset, and the ids of events and requests; nothing else of an event.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homecall.contract.envelope import Incoming
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_SAMPLED = 0x01
_SHUTDOWN_SECONDS = 2.0


def tracing(settings: Settings, service: str) -> Traces | None:
    """The tracing of a service; None if ``HOMECALL_TRACES`` is off. Raises ``SettingsError`` without the libraries."""
    if settings.traces == "off":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise SettingsError(
            "HOMECALL_TRACES=otlp needs OpenTelemetry's libraries: pip install homecall[traces], or set it to off"
        ) from None
    # The endpoint and the headers are set by OpenTelemetry's own OTEL_EXPORTER_OTLP_… variables.
    return Traces(service, OTLPSpanExporter(timeout=2), share=settings.traces_share)


class Traces:
    """Makes spans for one service and sends them in the background; what cannot be sent is dropped."""

    def __init__(self, service: str, exporter: SpanExporter, *, share: float) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        class Ids(RandomIdGenerator):
            """Random ids, unless they are set beforehand. Spans are made on the event loop only."""

            trace: int | None = None
            span: int | None = None

            def generate_trace_id(self) -> int:
                return super().generate_trace_id() if self.trace is None else self.trace

            def generate_span_id(self) -> int:
                return super().generate_span_id() if self.span is None else self.span

        self.service = service
        self._share = share
        self._ids = Ids()
        resource = Resource.create({"service.name": f"homecall-{service}", "service.namespace": "homecall"})
        # Sampling is decided before a span is made.
        self._provider: TracerProvider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("homecall")

    def span_of(self, event: Incoming) -> tuple[str, str | None] | None:
        """The traceparent of an event's own span, and that of its parent; None if it is not traced."""
        if event.traceparent is not None:
            _, trace, _, flags = event.traceparent.split("-")
            traced = bool(int(flags, 16) & _SAMPLED)
        else:
            trace = _derived(f"trace {event.causation_id}", 16) if self._share else ""
            traced = bool(trace) and int(trace[:16], 16) < self._share * 2**64
        if not traced:
            return None
        return f"00-{trace}-{_derived(f'span {self.service} {event.causation_id}', 8)}-01", event.traceparent

    def start(self, name: str, *, started: int, kind: Any, below: Any = None, **more: Any) -> Any:
        """A span, a child of ``below``. ``started`` is in nanoseconds since 1970."""
        from opentelemetry.trace import set_span_in_context

        context = None if below is None else set_span_in_context(below)
        return self._tracer.start_span(name, context=context, kind=kind, start_time=started, **more)

    def start_as(self, own: str, name: str, **more: Any) -> Any:
        """A span with the ids of a traceparent."""
        context = _context(own)
        self._ids.trace, self._ids.span = context.trace_id, context.span_id
        try:
            return self.start(name, **more)
        finally:
            self._ids.trace = self._ids.span = None

    async def close(self) -> None:
        """Send what is left, for two seconds at most: the service does not wait for an unavailable collector."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), _SHUTDOWN_SECONDS)


class TracedBatch:
    """A batch while it is handled, with ``traces`` or without.

    Its steps are noted as they end; spans are made once it is committed.
    """

    def __init__(self, traces: Traces | None, batch: Sequence[Incoming]) -> None:
        self._traces = traces
        self._started = time.time_ns()
        self._steps: list[tuple[str, int]] = []
        self._traced: list[tuple[Incoming, str, str | None]] = []
        self.events: list[Incoming] = []
        """The batch's events; those that are traced carry their own span on."""
        for event in batch:
            found = None if traces is None else traces.span_of(event)
            if found is None:
                self.events.append(event)
                continue
            own, before = found
            self._traced.append((event, own, before))
            self.events.append(replace(event, traceparent=own))

    def step(self, name: str) -> None:
        """A step has ended just now."""
        if self._traced:
            self._steps.append((name, time.time_ns()))

    def end(self, batch_id: str) -> None:
        """The batch is committed: make the spans."""
        traces = self._traces
        if traces is None or not self._traced:
            return
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind

        ended = time.time_ns()
        links = []
        for event, own, before in self._traced:
            span = traces.start_as(
                own,
                f"{traces.service} {event.type}",
                started=self._started,
                kind=SpanKind.CONSUMER,
                below=None if before is None else NonRecordingSpan(_context(before)),
                attributes=_attributes(traces.service, event, batch_id),
            )
            links.append(Link(span.get_span_context()))
            span.end(ended)
        whole = traces.start(
            f"{traces.service} batch",
            started=self._started,
            kind=SpanKind.INTERNAL,
            links=links,
            attributes={"homecall.batch": batch_id, "messaging.batch.message_count": len(self.events)},
        )
        begun = self._started
        for name, at in self._steps:
            traces.start(name, started=begun, kind=SpanKind.INTERNAL, below=whole).end(at)
            begun = at
        whole.end(ended)


def _attributes(service: str, event: Incoming, batch_id: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": event.record.topic,
        "messaging.destination.partition.id": str(event.record.partition),
        "messaging.kafka.offset": event.record.offset,
        "messaging.consumer.group.name": f"homecall-{service}",
        "homecall.subject": event.subject,
        "homecall.batch": batch_id,
    }


def trace_id(traceparent: str | None) -> str | None:
    """The trace that a traceparent belongs to, as logs name it."""
    return None if traceparent is None else traceparent.split("-")[1]


def _derived(text: str, size: int) -> str:
    # An id must not be all zeros: the last bit is set.
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:size])
    digest[-1] |= 1
    return digest.hex()


def _context(traceparent: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
