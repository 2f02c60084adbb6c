"""The desk: two processes at which people work, killed, and cut off from the broker and the database."""

from __future__ import annotations

import random
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from homecall.contract.topics import DESK
from homecall.demo.embedded import until
from homecall.runtime.failpoint import PLACES as ALL_PLACES
from tests.faults.desk_ledger import DeskLedger, Done
from tests.faults.harness.arena import SERVICES, Arena, Slot, arena
from tests.faults.harness.feed import DAY, Event, Plan
from tests.faults.harness.run import Options, Report
from tests.infrastructure.desk import Person, a_call, users_and_secret
from tests.infrastructure.reader import Heard

PLACES = ("desk.stored", "desk.sent", "desk.marked")
"""What a process of the desk comes by when a person does something, beside the steps of a batch."""
_STEPS = [*PLACES, "publish.queued", *(each for each in ALL_PLACES if each.startswith("batch."))]
_NOT_THERE = {"batch.published", "batch.followed"}
"""Steps of a batch that has events of its own: the desk's have none."""
_MORNING = DAY.replace(hour=9)
CLINICS = 6
PEOPLE = 6
_AGAIN_SECONDS = 0.3
_ANSWER_SECONDS = 12.0


class DeskPlan(Plan):
    """The clinics and rosters, and what the portal sends; what follows the calls of the desk is done at the desk."""

    def __init__(self, seed: int, ledger: DeskLedger) -> None:
        super().__init__(seed, CLINICS, minutes=1)
        self._ledger = ledger

    def follow_up(self, heard: Heard) -> Any:
        """As the plan, but for what was typed at the desk."""
        mine = heard.type == "status.changed" and ("request.submitted", heard.key) in self._ledger.begun
        return iter(()) if mine else super().follow_up(heard)

    def events(self) -> Any:
        """The plan's, without changes of rosters: a revision of theirs is the dispatcher's at the desk."""
        found: Any = super().events()
        return (each for each in found if _is_about_a_call(each))


def _is_about_a_call(event: Event) -> bool:
    return event[0].startswith("request.")


class Worker(threading.Thread):
    """A head of a clinic at work, by the seed: takes calls, withdraws some, says answers and reports visits.

    Each form is sent until it is answered with 303, now to one process and now to the other, at times to both.
    """

    def __init__(self, system: Arena, ledger: DeskLedger, number: int, pause: float) -> None:
        super().__init__(name=f"person {number}", daemon=True)
        self._system = system
        self._ledger = ledger
        self._rng = random.Random(f"person {number} of {system.seed}")
        self._clinic = list(system.plan.opens)[number % CLINICS]
        self._person = Person(f"head-{self._clinic}")
        self._person.client.timeout = httpx.Timeout(_ANSWER_SECONDS)
        self._number = (1 + number) * 100_000  # patients of a year of birth of their own
        self._pause = pause
        self._read = 0
        self._scheduled: list[str] = []
        self._mine: set[str] = set()
        self._ended: set[str] = set()
        self.ending = threading.Event()
        self.wrong: list[str] = []
        """Answers that are neither 303 nor those of an outage."""

    def run(self) -> None:
        while not self.ending.wait(self._rng.uniform(0.2, 1.0) * self._pause):
            self._look()
            lot = self._rng.random()
            if lot < 0.2 and self._scheduled:
                self._do("answer.given", self._scheduled.pop(0), "answered", {})
            elif lot < 0.3 and (open_calls := [each for each in self._scheduled if each not in self._ended]):
                self._end_of(open_calls[0], "visit.reported", "visit", {"outcome": "served"})
            else:
                self._take()
        self._person.close()

    def _look(self) -> None:
        """What was decided meanwhile."""
        heard = self._system.world.reader.heard
        while self._read < len(heard):
            each = heard[self._read]
            self._read += 1
            if each.type == "visit.scheduled" and each.data["request_id"] in self._mine:
                self._scheduled.append(each.data["request_id"])

    def _take(self) -> None:
        self._number += 1
        request_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        form = a_call(self._number, request_id, note=f"қоңырау {request_id[:8]}")
        self._mine.add(request_id)
        action = Done("request.submitted", request_id, self._clinic, form["full_name"])
        self._send(action, "/calls/new", form)
        if self._rng.random() < 0.25:
            # At once, at the other process perhaps: it may not go out before its call.
            self._end_of(request_id, "request.withdrawn", "withdraw", {"reason": "recovered"})

    def _end_of(self, request_id: str, kind: str, path: str, fields: Mapping[str, str]) -> None:
        self._ended.add(request_id)
        self._do(kind, request_id, path, fields)

    def _do(self, kind: str, request_id: str, path: str, fields: Mapping[str, str]) -> None:
        word = next(iter(fields.values()), "")
        self._send(Done(kind, request_id, self._clinic, word), f"/calls/{request_id}/{path}", fields)

    def _send(self, action: Done, path: str, form: Mapping[str, Any]) -> None:
        self._ledger.begin(action)
        desks = [slot for slot in self._system.slots if slot.service == DESK]
        self._rng.shuffle(desks)
        twice = self._rng.random() < 0.1
        tried = 0
        while not self._post(desks[tried % len(desks)], path, form):
            tried += 1
            self._system.tick(_AGAIN_SECONDS)
        self._ledger.end(action)
        if twice:  # Enter held down, or a second tab
            self._post(desks[(tried + 1) % len(desks)], path, form)

    def _post(self, slot: Slot, path: str, form: Mapping[str, Any]) -> bool:
        if slot.process is None:
            return False
        try:
            answer = self._person.post(slot.process.port, path, form)
        except httpx.HTTPError:
            return False
        if answer.status_code == 303:
            return "/login" not in answer.headers["location"]
        if answer.status_code < 500:
            self.wrong.append(f"{path.rpartition('/')[2]} was answered with {answer.status_code}")
            return True
        return False


class Office:
    """An arena with two processes of the desk, the people who work there, and the ledger of what they did."""

    def __init__(self, system: Arena, services: tuple[str, ...] = SERVICES) -> None:
        self.system = system
        self.ledger = DeskLedger()
        system.slots = [*(Slot(service, 0) for service in services), Slot(DESK, 0), Slot(DESK, 1)]
        self.desks = system.slots[-2:]
        self.people: list[Worker] = []

    def open(self, *, rate: float = 3.0, pause: float = 1.0) -> None:
        """Start the services and let people come to work."""
        self.system.start(rate=rate, plan=DeskPlan(self.system.seed, self.ledger))
        self.people = [Worker(self.system, self.ledger, number, pause) for number in range(PEOPLE)]
        for each in self.people:
            each.start()

    def close(self, patience: float = 120) -> None:
        """Let people finish what they have in hand, and wait until all of it was sent."""
        for each in self.people:
            each.ending.set()
        for each in self.people:
            each.join(patience)
            if each.is_alive():
                self.system.find("stuck", f"{each.name} gets no answer to a form")
            for wrong in each.wrong:
                self.system.find("refused", wrong)
        self.system.expect(lambda: self.unsent() == 0, "all that people did to be sent", patience)
        for operation in self.ledger.operations():
            self.system.history.operations.setdefault(operation.event_id, operation)

    def judge(self) -> None:
        """Find what does not add up between the ledger and the topics, and hand over to the history what was done."""
        heard = list(self.system.world.reader.heard)
        for kind, entries in self.ledger.judge(heard).items():
            for each in entries:
                self.system.find(kind, each)
        self.ledger.into(self.system.history, heard)

    def unsent(self) -> int:
        """How many actions are stored and not known to be sent; -1 while nobody can say."""
        return self._count("actions", {"$or": [{"unsent": {"$exists": True}}, {"refused": {"$exists": True}}]})

    def _count(self, collection: str, query: Mapping[str, Any]) -> int:
        try:
            with MongoClient[dict[str, Any]](self.system.database.address, serverSelectionTimeoutMS=2000) as client:
                return client[f"{self.system.world.prefix}_{DESK}"][collection].count_documents(query)
        except PyMongoError:
            return -1

    def look_at_the_view(self) -> None:
        """Find calls whose page does not show the newest status that was said, or no status at all."""
        newest: dict[str, tuple[int, str]] = {}
        for each in self.system.world.reader.heard:
            if each.type == "status.changed":
                newest[each.key] = max(newest.get(each.key, (0, "")), (each.data["sequence"], each.data["status"]))
        with MongoClient[dict[str, Any]](self.system.database.address, serverSelectionTimeoutMS=2000) as client:
            docs = client[f"{self.system.world.prefix}_{DESK}"]["calls"].find({}, {"s.kept": 1})
            shown = {doc["_id"]: doc["s"]["kept"].get("status", {}).get("data", {}).get("status") for doc in docs}
        for request_id, (_, status) in newest.items():
            if shown.get(request_id) != status:
                self.system.find("view", f"{request_id} is {status}, and the desk shows {shown.get(request_id)}")


def _arm(office: Office, rng: random.Random, steps: list[str]) -> int:
    """Let the processes of the desk be killed at these steps, one after the other; how many."""
    order = list(steps)
    rng.shuffle(order)
    for number, slot in enumerate(office.desks):
        slot.to_come = [f"{place}:kill@{rng.randint(1, 4)}" for place in order[number::2]]
        slot.failpoint = slot.to_come.pop(0)
    return len(order)


def _killed_at_all(office: Office, patience: float) -> None:
    if not until(lambda: not any(slot.failpoint for slot in office.desks), patience):
        for slot in office.desks:
            if slot.failpoint:
                office.system.find("not reached", f"{slot.name} was not killed at {[slot.failpoint, *slot.to_come]}")
                slot.to_come = []


def at_work(options: Options, report: Report) -> None:
    """People at two processes: killed at every step and at random; broker and database away, answers lost."""
    with (
        tempfile.TemporaryDirectory(prefix="homecall-desk-") as directory,
        arena(
            seed=options.seed, proxied=True, at=DAY.replace(hour=9), speed=2, extra=_people(Path(directory))
        ) as system,
    ):
        office = Office(system)
        armed = _arm(office, system.rng, [each for each in _STEPS if each not in _NOT_THERE])
        office.open()
        _killed_at_all(office, 240)
        report.notes.append(f"{system.kills.total()} of {armed} failpoints")
        for _ in range(max(2, round(8 * options.scale))):
            system.tick(system.rng.uniform(0.3, 2.0))
            system.kill(system.rng.choice(office.desks))
        _without_broker(system, 12 * options.scale)
        _without_database(system, 12 * options.scale)
        system.tick(5)
        office.close()
        system.settle()
        office.look_at_the_view()
        office.judge()
        report.notes.append(f"{len(office.ledger.done)} actions at the desk")
        report.take(system)


def _without_broker(system: Arena, seconds: float) -> None:
    """It is killed, and a process of the desk too while it is away."""
    system.kill_broker(0)
    system.tick(seconds / 2)
    system.kill(system.of(DESK, 1))
    system.tick(seconds / 2)
    system.start_brokers([0])


def _without_database(system: Arena, seconds: float) -> None:
    """It stands still; then one write in eight is carried out, and its connection cut before the answer."""
    assert system.proxy is not None
    system.database.pause()
    system.kills["pauses"] += 1
    try:
        system.tick(seconds)
    finally:
        system.database.resume()
    system.proxy.cut_share = 0.125
    system.tick(seconds)
    system.proxy.cut_share = 0.0
    system.kills["lost answers"] += system.proxy.cut.total()


def short(options: Options, report: Report) -> None:
    """The short form: the two processes alone, killed where an action is stored, sent and marked."""
    with _desks_alone(options.seed) as office:
        _arm(office, office.system.rng, list(PLACES))
        _alone(office, report, lambda: _killed_at_all(office, 60))


def marks_first(options: Options, report: Report) -> None:
    """An action is marked as sent before it is sent."""
    report.defect = "lost"
    with _desks_alone(options.seed) as office:
        for slot in office.desks:
            slot.command = ("tests.faults.broken", "mark_first")
            slot.failpoint = "desk.marked:kill@3"
        _alone(office, report, lambda: _killed_at_all(office, 60))


@contextmanager
def _desks_alone(seed: int) -> Iterator[Office]:
    with (
        tempfile.TemporaryDirectory(prefix="homecall-desk-") as directory,
        arena(seed=seed, at=_MORNING, speed=1, extra=_people(Path(directory))) as system,
    ):
        yield Office(system, services=())


def _alone(office: Office, report: Report, doing: Callable[[], None]) -> None:
    """Let people work at the desk with nobody behind it, and judge what they did."""
    system = office.system
    office.open(rate=0, pause=0.15)
    system.phase("started")
    doing()
    system.phase("killed")
    office.close(60)
    system.phase("settled")
    system.end()
    office.judge()
    report.notes.append(f"{len(office.ledger.done)} actions at the desk")
    system.history.operations.clear()  # nobody has answered them
    report.take(system)


def _people(directory: Path) -> dict[str, str]:
    """A head of each clinic, who may do everything there; the settings of the desk."""
    names = [f"clinic-{number:02d}" for number in range(CLINICS)]
    return users_and_secret(directory, [{"name": f"head-{each}", "role": "head", "clinic_id": each} for each in names])
