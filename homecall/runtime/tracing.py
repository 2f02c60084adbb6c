"""OpenTelemetry traces, off by default: from the publisher's span through each service that a request passes.

A record is traced when its ``traceparent`` says so; of those that come without, a settable share begin a trace. Each
traced record has a span from the batch's beginning to its commit, and whatever it causes carries that span on as its
``traceparent``. Ids are derived from the cause: a replay makes the same spans, and the same bytes go out. A batch with
traced records has a span of its own, linked to theirs, with its steps below it.

Spans hold where a record stood and the ids of events and requests; nothing else of what was said.
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
    """What traces a service; None where ``HOMECALL_TRACES`` is off. Raises ``SettingsError`` without the libraries."""
    if settings.traces == "off":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise SettingsError(
            "HOMECALL_TRACES=otlp needs OpenTelemetry's libraries: pip install homecall[traces], or set it to off"
        ) from None
    # Where to, and with which headers, is set by OpenTelemetry's own OTEL_EXPORTER_OTLP_… variables.
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
            """Random ids, but for those that are given beforehand. Spans are made on the event loop alone."""

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
        # What is sampled is decided before a span is made.
        self._provider: TracerProvider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("homecall")

    def batch(self, batch: Sequence[Incoming]) -> TracedBatch:
        """Take up a batch: which of its events are traced, and by which spans."""
        return TracedBatch(self, batch)

    def span_of(self, event: Incoming) -> tuple[str, str | None] | None:
        """The traceparent that an event's own span has, and that of the span before it; None where it is not traced."""
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
        """A span, ``below`` another. ``started`` is in nanoseconds since 1970."""
        from opentelemetry.trace import set_span_in_context

        context = None if below is None else set_span_in_context(below)
        return self._tracer.start_span(name, context=context, kind=kind, start_time=started, **more)

    def start_as(self, own: str, name: str, **more: Any) -> Any:
        """A span whose ids are those of a traceparent."""
        context = _context(own)
        self._ids.trace, self._ids.span = context.trace_id, context.span_id
        try:
            return self.start(name, **more)
        finally:
            self._ids.trace = self._ids.span = None

    async def close(self) -> None:
        """Send what is left, for a moment; the service's end does not wait for a collector that is away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), _SHUTDOWN_SECONDS)


class TracedBatch:
    """A batch while it is handled. Its steps are noted as they end; spans are made once it is committed."""

    def __init__(self, traces: Traces, batch: Sequence[Incoming]) -> None:
        self._traces = traces
        self._started = time.time_ns()
        self._steps: list[tuple[str, int]] = []
        self._records = len(batch)
        self._traced: list[tuple[Incoming, str, str | None]] = []
        self.events: list[Incoming] = []
        """The batch's events; those that are traced carry their own span on."""
        for event in batch:
            found = traces.span_of(event)
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
        if not self._traced:
            return
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind

        ended = time.time_ns()
        links = []
        for event, own, before in self._traced:
            span = self._traces.start_as(
                own,
                f"{self._traces.service} {event.type}",
                started=self._started,
                kind=SpanKind.CONSUMER,
                below=None if before is None else NonRecordingSpan(_context(before)),
                attributes={
                    "messaging.system": "kafka",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": event.record.topic,
                    "messaging.destination.partition.id": str(event.record.partition),
                    "messaging.kafka.offset": event.record.offset,
                    "messaging.consumer.group.name": f"homecall-{self._traces.service}",
                    "homecall.subject": event.subject,
                    "homecall.batch": batch_id,
                },
            )
            links.append(Link(span.get_span_context()))
            span.end(ended)
        whole = self._traces.start(
            f"{self._traces.service} batch",
            started=self._started,
            kind=SpanKind.INTERNAL,
            links=links,
            attributes={"homecall.batch": batch_id, "messaging.batch.message_count": self._records},
        )
        begun = self._started
        for name, at in self._steps:
            self._traces.start(name, started=begun, kind=SpanKind.INTERNAL, below=whole).end(at)
            begun = at
        whole.end(ended)


def trace_id(traceparent: str | None) -> str | None:
    """The trace that a traceparent belongs to, as logs name it."""
    return None if traceparent is None else traceparent.split("-")[1]


def _derived(text: str, size: int) -> str:
    # Never all zeros, which would be no id: the last bit is set.
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:size])
    digest[-1] |= 1
    return digest.hex()


def _context(traceparent: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
