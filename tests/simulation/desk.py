"""People at the desk: what a clinic's people type instead of a system of theirs sending it, until the desk has it.

They use the desk's own application, in the simulated process that it runs in. Whose answer is lost, late or an outage
sends the same form again, to another replica perhaps; some send it twice from the beginning.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from homecall.contract.topics import DESK
from homecall.runtime.http import application
from services.desk.sessions import COOKIE, Sessions
from tests.simulation.crowd import Crowd, Event, subject_of
from tests.simulation.loop import Node
from tests.simulation.world import DESK_SECRET, DESK_USERS, Process, World

_CLINICS: Final = frozenset(each["clinic_id"] for each in json.loads(DESK_USERS.read_text("utf-8"))["users"])
_REASONS: Final = {"fever_above_38"}
_PATIENCE: Final = 2.5
"""Seconds of the loop after which a person, or a browser, no longer waits for an answer."""
_STEPS: Final = {"complaint.assigned": "assign", "complaint.executed": "executed", "complaint.answered": "answer"}
_PAGES: Final = {
    "registrar": ("/board", "/find?q=1"),
    "dispatcher": ("/board", "/routes/2026-11-23", "/rosters/2026-11-23"),
    "officer": ("/complaints", "/board"),
}


@dataclass(eq=False)
class Form:
    """A form, which is sent until the desk has it. ``status`` is that of the last answer; 0 while there was none."""

    user: str
    path: str
    fields: Mapping[str, Any]
    event_type: str
    data: Mapping[str, Any]
    """What its event must say, as far as the person decides it."""
    status: int = 0
    tries: int = 0
    taken: float = 0.0
    """When the desk said that it has it, in seconds of the loop."""

    @property
    def place(self) -> tuple[str, str]:
        """What tells its event from those of other forms."""
        return place_of(self.event_type, self.data)

    @property
    def done(self) -> bool:
        """Whether the desk has said that it has it, or that it will not take it."""
        return self.status in {303, 409, 422}


def place_of(event_type: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """The type and subject of an event, and what else tells it from others: one form makes one."""
    if event_type == "roster.published":
        return event_type, f"{data['clinic_id']} {data['date']} {data['revision']}"
    more = {"doctor.unavailable": "from", "visit.assigned": "reason"}.get(event_type)
    return event_type, subject_of(data) + (f" {data[more]}" if more else "")


class Desk:
    """The people of all clinics: what of the crowd's events they type, and what became of it."""

    def __init__(self, world: World, seed: int, crowd: Crowd) -> None:
        self.forms: list[Form] = []
        self.failed: list[str] = []
        """Pages that the desk could not draw, or forms that it does not know as its own."""
        self._world = world
        self._seed = seed
        self._crowd = crowd
        self._rng = rng = random.Random(f"desk {seed}")
        self._lost = rng.choice((0.0, 0.05, 0.25))
        """The share of answers that get lost."""
        self._escalated = {each["complaint_id"] for kind, each in crowd.events if kind == "complaint.escalated"}
        self._known: dict[tuple[str, str], Form] = {}
        self._working: dict[str, list[asyncio.Task[None]]] = {}
        """By subject, the tasks of its forms: each begins when those before it are over."""
        self._apps: dict[Node, Any] = {}
        self._sessions = Sessions(DESK_SECRET.read_text("utf-8").strip().encode())
        self._cookies: dict[str, str] = {}

    @property
    def busy(self) -> bool:
        """Whether a form is still to be taken."""
        return any(not task.done() for tasks in self._working.values() for task in tasks)

    def takes(self, event: Event) -> bool:
        """Whether an event of the crowd is typed at the desk: drawn by its subject, so that its steps stay together."""
        kind, data = event
        if data["clinic_id"] not in _CLINICS:
            return False
        subject = subject_of(data)
        lot = random.Random(f"desk {self._seed} {subject}").random()
        match kind:
            case "request.submitted":
                # The form of a reason that the standard does not know is refused at once.
                return data["channel"] != "portal" and data["reasons"][0] in _REASONS and lot < 0.5
            case "request.withdrawn" | "answer.given" | "visit.reported":
                return lot < 0.7
            case "complaint.submitted":
                return subject not in self._escalated and lot < 0.6
            case "complaint.assigned" | "complaint.executed" | "complaint.answered":
                return subject not in self._escalated and lot < 0.8
            case "visit.assigned" | "visit.released":
                return lot < 0.6
            case "doctor.unavailable":
                return lot < 0.8
        return False

    def do(self, event: Event) -> None:
        """Have somebody type it. What is there already is sent once more, as by a second click."""
        kind, data = event
        form = self._known.get(place_of(kind, data))
        if form is None:
            form = self._known[place_of(kind, data)] = _typed(kind, data)
            self.forms.append(form)
        self._start(subject_of(data), form, again=self._rng.random() < 0.1)

    def publish_rosters(self) -> None:
        """The dispatchers of some clinics change the day's roster."""
        for roster in self._crowd.plan.rosters:
            if self._rng.random() < 0.5:
                task = self._world.loop.create_task(self._change(roster, self._rng.uniform(3.0, 12.0)))
                self._working.setdefault(f"roster {roster['clinic_id']}", []).append(task)

    # ------------------------------------------------------------ what a person does

    def _start(self, subject: str, form: Form, *, again: bool) -> None:
        earlier = self._working.setdefault(subject, [])
        same = [self._see_through(form, [*earlier]) for _ in range(2 if again else 1)]
        earlier += [self._world.loop.create_task(each) for each in same]

    async def _see_through(self, form: Form, earlier: Sequence[asyncio.Task[None]]) -> None:
        if earlier:
            await asyncio.wait(earlier)
        while not form.done:
            form.tries += 1
            answer = await self._ask(form.user, "POST", form.path, {**form.fields})
            if answer is not None and not form.done:
                self._take(form, answer)
            if not form.done:
                await asyncio.sleep(self._rng.uniform(0.1, 1.5))
        user, page = form.user, form.path.rpartition("/")[0]
        if self._rng.random() < 0.2:
            await self._look(user, self._rng.choice(_PAGES.get(user.partition("-")[0], (page,))))

    def _take(self, form: Form, answer: Answer) -> None:
        form.status = answer.status
        form.taken = self._world.loop.time()
        if answer.status == 404 and form.event_type == "visit.reported":
            # The visit was another doctor's by then.
            form.user = f"dispatcher-{form.data['clinic_id']}"
        elif answer.status not in {303, 404, 409, 503}:
            self.failed.append(f"{form.path} of {form.user}: {answer.status}")

    async def _change(self, roster: Mapping[str, Any], after: float) -> None:
        """As drawn from the page, with less time between the visits."""
        await asyncio.sleep(after)
        user, path = f"dispatcher-{roster['clinic_id']}", f"/rosters/{roster['date']}"
        revision = None
        while revision is None:
            page = await self._look(user, path)
            drawn = page.partition('name="revision" value="')[2].partition('"')[0]
            # An empty page was drawn before the desk had heard of the roster.
            revision = int(drawn) if drawn.isdigit() else None
            await asyncio.sleep(0.3)
        data = {**roster, "revision": revision + 1, "travel_minutes": 8, "visit_minutes": 20}
        form = Form(user, path, _roster_fields(data, revision), "roster.published", data)
        self.forms.append(form)
        await self._see_through(form, ())

    async def _look(self, user: str, path: str) -> str:
        """A page; empty where there is none now."""
        answer = await self._ask(user, "GET", path)
        if answer is not None and answer.status >= 500 and answer.status != 503:
            self.failed.append(f"{path} of {user}: {answer.status}")
        return answer.text if answer is not None and answer.status == 200 else ""

    # ------------------------------------------------------------ the way to the desk

    async def _ask(self, user: str, method: str, path: str, fields: Mapping[str, Any] | None = None) -> Answer | None:
        """One request to a replica that runs; None where no answer comes."""
        running = [each for each in self._world.processes if each.service == DESK and each.alive and each.running]
        if not running:
            return None
        process = self._rng.choice(running)
        node, service = process.alive, process.running
        assert node is not None
        if node not in self._apps:
            self._apps[node] = application([service])
        answer: asyncio.Future[Answer] = self._world.loop.create_future()
        request = self._request(user, method, path, fields)
        work = functools.partial(self._serve, self._apps[node], request, answer)
        self._later(self._start_in, process, node, work)
        try:
            return await asyncio.wait_for(answer, _PATIENCE)
        except TimeoutError:
            return None

    def _later(self, call: Any, *args: Any) -> None:
        self._world.loop.call_later(self._rng.uniform(0.001, 0.02), call, *args, context=Context())

    @staticmethod
    def _start_in(process: Process, node: Node, work: Any) -> None:
        if process.alive is node:
            process.do(node, work())

    async def _serve(self, app: Any, request: Request, answer: asyncio.Future[Answer]) -> None:
        """In the process: answer one request. The answer is lost where the process ends, or on its way."""
        found = await request.answered(app)
        if self._rng.random() >= self._lost:
            self._later(_give, answer, found)

    def _request(self, user: str, method: str, path: str, fields: Mapping[str, Any] | None) -> Request:
        if user not in self._cookies:
            self._cookies[user] = self._sessions.new(user, self._world.clock.now())
        cookie = self._cookies[user]
        body = b""
        if fields is not None:
            session = self._sessions.read(cookie, self._world.clock.now() + timedelta(seconds=1))
            assert session is not None
            body = urlencode({"csrf": self._sessions.form_token(session), **fields}, doseq=True).encode()
        return Request(method, path, cookie, body)


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    text: str = ""


@dataclass
class Request:
    """A browser's request, as an ASGI server gives it to the application."""

    method: str
    path: str
    cookie: str
    body: bytes
    _given: bool = field(default=False)

    async def answered(self, app: Any) -> Answer:
        """Have the application answer it."""
        path, _, query = self.path.partition("?")
        headers = [(b"host", b"desk.test"), (b"cookie", f"{COOKIE}={self.cookie}".encode())]
        if self.method == "POST":
            headers.append((b"content-type", b"application/x-www-form-urlencoded"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "server": ("desk.test", 443),
            "client": ("127.0.0.1", 1),
        }
        answer = Answer()
        parts: list[bytes] = []

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await app(scope, self._receive, send)
        answer.text = b"".join(parts).decode("utf-8", "replace")
        return answer

    async def _receive(self) -> dict[str, Any]:
        if self._given:
            return {"type": "http.disconnect"}
        self._given = True
        return {"type": "http.request", "body": self.body, "more_body": False}


def _give(answer: asyncio.Future[Answer], found: Answer) -> None:
    if not answer.done():
        answer.set_result(found)


# ------------------------------------------------------------ from an event of the crowd to a form


def _typed(kind: str, data: Mapping[str, Any]) -> Form:
    clinic = data["clinic_id"]
    registrar, dispatcher, officer = (f"{role}-{clinic}" for role in ("registrar", "dispatcher", "officer"))
    match kind:
        case "request.submitted":
            return Form(registrar, "/calls/new", _call_fields(data), kind, data)
        case "answer.given":
            return Form(registrar, f"/calls/{data['request_id']}/answered", {}, kind, data)
        case "request.withdrawn":
            return Form(registrar, f"/calls/{data['request_id']}/withdraw", {"reason": data["reason"]}, kind, data)
        case "visit.reported":
            fields = {"outcome": data["outcome"]}
            return Form(f"doctor-1-{clinic}", f"/calls/{data['request_id']}/visit", fields, kind, data)
        case "visit.assigned":
            fields = {name: data[name] for name in ("doctor_id", "arrives_from", "reason") if name in data}
            return Form(
                dispatcher, f"/calls/{data['request_id']}/assign", fields | {"action": data["reason"]}, kind, data
            )
        case "visit.released":
            return Form(dispatcher, f"/calls/{data['request_id']}/release", {"held": "1"}, kind, data)
        case "doctor.unavailable":
            fields = {name: data[name] for name in ("doctor_id", "from", "reason")}
            fields["revision"] = 1
            return Form(dispatcher, f"/rosters/{data['date']}/unavailable", fields, kind, data)
        case "complaint.submitted":
            return Form(officer, "/complaints/new", _complaint_fields(data), kind, data)
    step = _STEPS[kind]
    fields = {name: data[name] for name in ("measures", "text", "decision", "sent_by") if name in data}
    if step == "assign":
        fields = {f"executor_{name}": value for name, value in data["executor"].items()}
    return Form(officer, f"/complaints/{data['complaint_id']}/{step}", {**fields, "action": "1"}, kind, data)


def _call_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    patient, address = data["patient"], data["address"]
    fields = {
        "request_id": data["request_id"],
        "channel": data["channel"],
        **{name: patient[name] for name in ("iin", "full_name", "language", "phone") if name in patient},
        "address": address["text"],
        "district_id": address["district_id"],
        "reasons": data["reasons"],
    }
    for name, value in data.get("identity_document", {}).items():
        fields[f"document_{name}"] = value
    applicant = data.get("applicant", {})
    fields |= {f"applicant_{name}": applicant[name] for name in ("iin", "full_name") if name in applicant}
    for name, value in applicant.get("authority", {}).items():
        fields[f"applicant_authority_{name}"] = value
    return fields


def _complaint_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: data[name] for name in ("complaint_id", "addressed_to", "channel", "text", "answer_by")},
        **{name: data["complainant"][name] for name in ("full_name", "language")},
    }


def _roster_fields(data: Mapping[str, Any], drawn_from: int) -> dict[str, Any]:
    doctors = data["doctors"]
    return {
        "revision": drawn_from,
        "visit_minutes": data["visit_minutes"],
        "travel_minutes": data["travel_minutes"],
        **{name: [each[name] for each in doctors] for name in ("doctor_id", "full_name", "specialty", "max_visits")},
        "districts": [" ".join(each["districts"]) for each in doctors],
        "shift_from": [each["shift"]["from"] for each in doctors],
        "shift_to": [each["shift"]["to"] for each in doctors],
        "on_duty": [each["doctor_id"] for each in doctors if each.get("on_duty")],
    }
