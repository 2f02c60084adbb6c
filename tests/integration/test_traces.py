"""One trace from the publisher's request to the status, over all services, as an OpenTelemetry collector gets it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from homecall.contract.topics import TYPE_PREFIX
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "clinic-1"
TRACE, PUBLISHER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes spans over OTLP and HTTP, as they come from the exporter."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing: standard error is the test's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    {
                        "service": names["service.name"],
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                    }
                    for span in scope.spans
                ]

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.end()


@pytest.fixture(scope="module")
def world(new_world: NewWorld, collector: Collector) -> Iterator[World]:
    settings = {
        "HOMECALL_TRACES": "otlp",
        "HOMECALL_TRACES_SHARE": "0",
        "HOMECALL_LOG_LEVEL": "debug",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with new_world(extra=settings) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("doc")]))
        world.start("intake", "scheduler", "notifier")
        yield world


def send(world: World, request: dict[str, Any], traceparent: str) -> None:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": request["request_id"],
        "ce_source": "/test",
        "ce_type": f"{TYPE_PREFIX}request.submitted",
        "content-type": "application/json",
        "traceparent": traceparent,
    }
    world.send("homecall.requests.v1", json.dumps(request, ensure_ascii=False).encode(), CLINIC, headers)
    world.flush()
    world.wait(lambda: world.statuses(request["request_id"])[-1:] == ["scheduled"], "scheduled")


def test_a_request_is_followed_from_its_publisher_to_its_status(world: World, collector: Collector) -> None:
    request = a_request(CLINIC, 1, MONDAY)
    send(world, request, f"00-{TRACE}-{PUBLISHER}-01")

    def span(service: str, name: str) -> dict[str, Any] | None:
        found = [
            each
            for each in collector.spans
            if (each["service"], each["name"], each["trace"]) == (f"homecall-{service}", f"{service} {name}", TRACE)
        ]
        return found[0] if found else None

    names = [
        ("intake", "request.submitted"),
        ("scheduler", "request.accepted"),
        ("notifier", "request.accepted"),
        ("notifier", "visit.scheduled"),
    ]
    world.wait(lambda: all(span(*each) for each in names), "the spans of every hop")
    taken, placed, entered, told = (span(*each) or {} for each in names)
    assert taken["parent"] == PUBLISHER
    assert placed["parent"] == entered["parent"] == taken["id"]
    # Whichever the notifier heard first: the status says that it comes of the visit.
    assert told["parent"] == placed["id"]
    (last,) = [each for each in world.heard("status.changed") if each.data["status"] == "scheduled"]
    assert last.headers["traceparent"] == f"00-{TRACE}-{told['id']}-01"
    world.wait(
        lambda: {"intake batch", "scheduler batch", "notifier batch"} <= {each["name"] for each in collector.spans},
        "the batches",
    )


def test_the_logs_name_request_batch_and_trace(world: World) -> None:
    request = a_request(CLINIC, 2, MONDAY)
    send(world, request, f"00-{TRACE}-{PUBLISHER}-01")
    for process in world.processes:
        lines = [json.loads(line) for line in process.log.read_text("utf-8").splitlines() if line.startswith("{")]
        about = [line for line in lines if line.get("subject") == request["request_id"]]
        assert about, process.name
        assert {line["trace"] for line in about} == {TRACE}
        assert all(len(line["batch"]) == 8 for line in about)


def test_what_its_publisher_does_not_sample_is_passed_on_and_not_traced(world: World, collector: Collector) -> None:
    request = a_request(CLINIC, 3, MONDAY)
    other = "11111111111111111111111111111111"
    send(world, request, f"00-{other}-{PUBLISHER}-00")
    said = [each for each in world.heard("status.changed") if each.key == request["request_id"]]
    assert {each.headers["traceparent"] for each in said} == {f"00-{other}-{PUBLISHER}-00"}
    assert other not in {each["trace"] for each in collector.spans}


@pytest.mark.usefixtures("world")
def test_no_span_tells_of_a_person(collector: Collector) -> None:
    request = a_request(CLINIC, 1, MONDAY)
    assert collector.raw
    for body in collector.raw:
        for each in (request["patient"]["iin"], "Науқас", "Абай", "fever_above_38"):
            assert each.encode() not in body
