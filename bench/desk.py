"""The desk under the load of a region: browsers that listen, events that change calls, and pages asked for meanwhile.

The other services do not run: what they would say is published as it stands in their topics. Each event is about
another call, so that a browser that names the call has heard of that event and of no other.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report
from bench.published import produce
from bench.stage import Stage
from services.desk.sessions import COOKIE, Sessions
from tests.factories import MONDAY, a_clinic
from tests.infrastructure import stack
from tests.unit.desk.reception import the_call

_SECRET = "the secret of a benchmark's sessions, long enough"
_PAGES_PER_SECOND = 9
_HEARD = re.compile(r'^homecall_events_total{(?![^}]*clinics)[^}]*result="handled"[^}]*} (\S+)$', re.MULTILINE)
_FILES = 8_192
"""Open files that the desk and the process of the browsers may have."""


@dataclass(frozen=True)
class DeskSize:
    """How much the desk is given: browsers in all, calls on the first clinic's board, events a second, and how long."""

    browsers: int
    calls: int
    per_second: int
    seconds: int

    @property
    def events(self) -> int:
        """Events in all."""
        return self.per_second * self.seconds


@dataclass(frozen=True)
class Layout:
    """Over how many clinics browsers and events are spread."""

    name: str
    clinics: int


LAYOUTS = (Layout("one clinic", 1), Layout("40 clinics", 40))


@dataclass
class Call:
    """A call that was published: its events, and how often its status was said."""

    request_id: str
    clinic_id: str
    events: list[tuple[str, dict[str, Any]]]

    def next_status(self) -> dict[str, Any]:
        """Its status, said once more."""
        data = next(data for kind, data in self.events if kind == "status.changed")
        return data | {"sequence": data["sequence"] + 1}


@dataclass
class Load:
    """What a layout is measured with."""

    stage: Stage
    size: DeskSize
    layout: Layout
    calls: list[Call] = field(default_factory=list)

    def publish_calls(self) -> None:
        """Clinics, the calls of the first one's board, and of each clinic as many as there are events about it."""
        clinics = [f"clinic-{number}" for number in range(self.layout.clinics)]
        producer = self.stage.producer()
        for name in clinics:
            produce(producer, "clinic.published", a_clinic(name))
        wanted = [clinics[number % len(clinics)] for number in range(self.size.events)]
        on_board = [clinics[0]] * max(0, self.size.calls - wanted.count(clinics[0]))
        for number, name in enumerate([*wanted, *on_board]):
            request_id = str(uuid.UUID(int=number + 1, version=4))
            self.calls.append(Call(request_id, name, the_call(request_id, name, number + 1)))
        for call in self.calls:
            for kind, data in call.events:
                produce(producer, kind, data)
            producer.poll(0)
        producer.flush(60)

    def publish_changes(self, published: dict[str, dict[str, float]]) -> None:
        """One event about each of the first calls, at the rate; ``published`` gets their times."""
        producer = self.stage.producer()
        began = time.perf_counter()
        for number, call in enumerate(self.calls[: self.size.events]):
            time.sleep(max(0.0, began + number / self.size.per_second - time.perf_counter()))
            published.setdefault(call.clinic_id, {})[call.request_id] = time.time()
            produce(producer, "status.changed", call.next_status())
            producer.poll(0)
        producer.flush(30)


def measure(stage: Stage, size: DeskSize) -> list[dict[str, Any]]:
    """Each layout by itself, on an empty database."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, most), most))
    return [_measured(stage, size, layout) for layout in LAYOUTS]


def _measured(stage: Stage, size: DeskSize, layout: Layout) -> dict[str, Any]:
    stage.clear()
    load = Load(stage, size, layout)
    sessions = Sessions(_SECRET.encode())
    with contextlib.ExitStack() as closing:
        desk = stage.start("desk", _settings(stage.directory, layout.clinics))
        closing.callback(desk.stop)
        load.publish_calls()
        pages = Pages(desk.port, f"{COOKIE}={sessions.new('user-0', datetime.now(UTC))}", load)
        events = sum(len(call.events) for call in load.calls)
        stack.wait_until(lambda: pages.heard() >= events, "the desk to have heard of all calls", 300)
        assert pages.rows_on_board() >= size.calls, "calls are missing on the board"
        browsers = closing.enter_context(_browsers(stage.directory, desk.port, load, sessions))
        published: dict[str, dict[str, float]] = {f"clinic-{number}": {} for number in range(layout.clinics)}
        cpu, began = desk.cpu, time.perf_counter()
        with pages.asked_meanwhile():
            load.publish_changes(published)
            time.sleep(1.0)  # what was published last is on its way
        share = (desk.cpu - cpu) / (time.perf_counter() - began)
        times = stage.directory / "published.json"
        times.write_text(json.dumps(published))
        heard = _figures_of(browsers, times)
        rss = desk.rss_mib
    found = heard | {"layout": layout.name, "share": share, "rss_mib": rss, "pages": pages.times, "size": vars(size)}
    (line,) = report.desk_lines([found])
    print(line, flush=True)
    return found


def _settings(directory: Path, clinics: int) -> dict[str, str]:
    """A registrar of each clinic, and the secret with which the browsers' sessions are signed."""
    users, secret = directory / "users.json", directory / "secret"
    secret.write_text(_SECRET)
    people = [
        {
            "name": f"user-{number}",
            "full_name": f"Тіркеуші {number}",
            "role": "registrar",
            "clinic_id": f"clinic-{number}",
            "hash": "",
        }
        for number in range(clinics)
    ]
    users.write_text(json.dumps({"users": people}))
    return {"HOMECALL_DESK_USERS_FILE": str(users), "HOMECALL_DESK_SECRET_FILE": str(secret)}


class Pages:
    """One more browser, that asks for pages and keeps how many milliseconds each took to its last byte."""

    def __init__(self, port: int, cookie: str, load: Load) -> None:
        self._port = port
        self._headers = {"Cookie": cookie}
        mine = [call.request_id for call in load.calls if call.clinic_id == "clinic-0"]
        self._paths = {"/board": [f"/board?date={MONDAY.date()}"], "/calls/{request_id}": [f"/calls/{i}" for i in mine]}
        self._paths["/calls/new"] = ["/calls/new"]
        self.times: dict[str, list[float]] = {name: [] for name in self._paths}

    def heard(self) -> int:
        """How many events the desk has taken up, but clinics."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            return sum(int(float(each)) for each in _HEARD.findall(self._get(connection, "/metrics").decode()))

    def rows_on_board(self) -> int:
        """How many calls the board shows."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            return self._get(connection, self._paths["/board"][0]).count(b"data-request-id=")

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}")
        return text

    @contextlib.contextmanager
    def asked_meanwhile(self) -> Iterator[None]:
        """Ask for a page of each kind in turn, at a steady rate, as long as the block runs."""
        ending = threading.Event()
        errors: list[Exception] = []

        def ask() -> None:
            try:
                self._ask_until(ending)
            except Exception as error:
                errors.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            ending.set()
            asking.join()
        if errors:
            raise errors[0]

    def _ask_until(self, ending: threading.Event) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection):
            number = 0
            began = time.perf_counter()
            while not ending.wait(max(0.0, began + number / _PAGES_PER_SECOND - time.perf_counter())):
                name = list(self._paths)[number % len(self._paths)]
                paths = self._paths[name]
                asked = time.perf_counter()
                self._get(connection, paths[number % len(paths)])
                self.times[name].append((time.perf_counter() - asked) * 1000)
                number += 1


@contextlib.contextmanager
def _browsers(directory: Path, port: int, load: Load, sessions: Sessions) -> Iterator[subprocess.Popen[str]]:
    """The process of the browsers, once all of them hear the stream."""
    asked = []
    for number in range(load.size.browsers):
        user = number % load.layout.clinics
        cookie = f"{COOKIE}={sessions.new(f'user-{user}', datetime.now(UTC))}"
        asked.append((cookie, f"clinic-{user}"))
    file = directory / "browsers.json"
    file.write_text(json.dumps(asked))
    command = [sys.executable, "-m", "bench.browsers", str(port), str(file)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(stack.ROOT)},
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the browsers could not connect")
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _figures_of(browsers: subprocess.Popen[str], times: Path) -> dict[str, Any]:
    assert browsers.stdin is not None
    assert browsers.stdout is not None
    browsers.stdin.write(f"{times}\n")
    browsers.stdin.flush()
    found: dict[str, Any] = json.loads(browsers.stdout.readline())
    return found
