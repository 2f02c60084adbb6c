"""People as a state machine: what clinics, patients, doctors and complainants do in turn, played as one short history.

Hypothesis draws who does what, and what goes wrong meanwhile; a failing example is made shorter by it.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from homecall.contract.topics import SERVICES
from tests.factories import a_clinic, a_complaint, a_doctor, a_request, a_roster
from tests.faults.ledger import Ledger
from tests.faults.plan import DOCTORS, OPENING, Plan
from tests.infrastructure.reader import Heard
from tests.simulation.crowd import Crowd, Event
from tests.simulation.faults import Fault
from tests.simulation.history import History

CLINICS = ("clinic-00", "clinic-01", "clinic-02")
OFFICIAL = {"full_name": "Сынақ Орындаушы", "position": "Бөлім меңгерушісі"}
STEPS: dict[str, dict[str, Any]] = {
    "assigned": {"executor": OFFICIAL, "assigned_by": OFFICIAL},
    "executed": {"measures": "Сөйлестік."},
    "answered": {"text": "Кешірім сұраймыз.", "decision": "upheld", "sent_by": "by_hand"},
    "escalated": {"grounds": "Келіспеймін."},
}
clinics, number = st.sampled_from(CLINICS), st.integers(0, 10**6)


class Played(Crowd):
    """The people of one example: what each does once a visit is told was drawn as well."""

    def __init__(self, plan: Plan, after_visit: dict[str, str]) -> None:
        super().__init__(plan.seed, 0, plan)
        self._after_visit = after_visit

    def answers(self, heard: Heard, now: datetime) -> Iterator[tuple[float, Event]]:
        if heard.type != "status.changed" or heard.dead or heard.data["status"] != "scheduled":
            return
        does = self._after_visit.pop(heard.data["request_id"], None)
        about = {"request_id": heard.data["request_id"], "clinic_id": heard.data["clinic_id"], "at": now.isoformat()}
        if does == "answer":
            yield 0, ("answer.given", about | {"given_by": {"id": "registrar-1", "full_name": "Тіркеуші"}})
        elif does is not None:
            yield 0, ("visit.reported", about | {"outcome": does})


class People(RuleBasedStateMachine):
    """Each rule is something that somebody does, a little later than what was done before."""

    def __init__(self) -> None:
        super().__init__()
        self.now = OPENING - timedelta(seconds=40)
        self.events: list[Event] = []
        self.ledger = Ledger()
        self.faults: list[Fault] = []
        self.after_visit: dict[str, str] = {}
        self.open: list[dict[str, Any]] = []
        self.steps: dict[str, list[str]] = {}
        self.away = 0
        self.seed = 0

    @initialize(seed=number)
    def morning(self, seed: int) -> None:
        """The seed of whatever nobody decides: in which order things happen at once."""
        self.seed = seed

    def _send(self, event_type: str, data: dict[str, Any]) -> None:
        self.now += timedelta(seconds=7)
        self.events.append((event_type, data))

    @rule(
        clinic=clinics,
        channel=st.sampled_from(("phone", "desk", "portal")),
        then=st.sampled_from((None, "answer", "served", "not_at_home")),
    )
    def patient_asks(self, clinic: str, channel: str, then: str | None) -> None:
        """For a visit; by phone and at the desk perhaps before the clinic opens, when nobody may take it."""
        data = a_request(clinic, 1000 * self.seed + len(self.ledger.sent), self.now, channel)
        self.ledger.sent[data["request_id"]] = data
        self.open.append(data)
        if then is not None:
            self.after_visit[data["request_id"]] = then
        self._send("request.submitted", data)

    @precondition(lambda self: self.open)
    @rule(which=number)
    def patient_asks_once_more(self, which: int) -> None:
        """Under another id, while the first request may be open (R11)."""
        first = self.open[which % len(self.open)]
        again = str(uuid.uuid5(uuid.NAMESPACE_OID, f"again {first['request_id']} {len(self.events)}"))
        data = copy.deepcopy(first) | {"request_id": again, "submitted_at": self.now.isoformat()}
        self.ledger.sent[again] = data
        self._send("request.submitted", data)

    @precondition(lambda self: self.open)
    @rule(which=number)
    def patient_recovers(self, which: int) -> None:
        """And withdraws the request, whatever has become of it."""
        data = self.open.pop(which % len(self.open))
        self.after_visit.pop(data["request_id"], None)
        self.ledger.withdrawn.add(data["request_id"])
        about = {"request_id": data["request_id"], "clinic_id": data["clinic_id"], "at": self.now.isoformat()}
        self._send("request.withdrawn", about | {"reason": "recovered"})

    @precondition(lambda self: self.away < 3)
    @rule(clinic=clinics)
    def doctor_drops_out(self, clinic: str) -> None:
        """Others of the clinic take over the visits."""
        self.away += 1
        start = f"{self.now:%H:%M}"
        data = {"clinic_id": clinic, "date": OPENING.date().isoformat(), "doctor_id": f"doctor-{self.away}"}
        self._send("doctor.unavailable", data | {"from": start, "reason": "sick leave", "at": self.now.isoformat()})

    @precondition(lambda self: self.now >= OPENING)
    @rule(clinic=clinics)
    def complainant_writes(self, clinic: str) -> None:
        """To the clinic, which registers it."""
        data = a_complaint(clinic, 1000 * self.seed + len(self.steps), self.now)
        self.steps[data["complaint_id"]] = []
        self.ledger.complaints[data["complaint_id"]] = (clinic, ["delivered", "registered"])
        self._send("complaint.submitted", data)

    @precondition(lambda self: any(len(each) < 3 for each in self.steps.values()))
    @rule(which=number, escalates=st.booleans())
    def officer_goes_on(self, which: int, escalates: bool) -> None:
        """With a complaint: assigned, executed, and then answered or taken to the quality authority."""
        waiting = sorted(each for each, steps in self.steps.items() if len(steps) < 3)
        complaint_id = waiting[which % len(waiting)]
        steps = self.steps[complaint_id]
        step = ("assigned", "executed", "escalated" if escalates else "answered")[len(steps)]
        steps.append(step)
        clinic, statuses = self.ledger.complaints[complaint_id]
        statuses += [step, "registered"] if step == "escalated" else [step]
        about = {"complaint_id": complaint_id, "clinic_id": clinic, "at": self.now.isoformat()}
        self._send(f"complaint.{step}", about | STEPS[step])

    @rule(
        kind=st.sampled_from(("kill", "kill_group", "stand_still", "away", "restart")),
        service=st.sampled_from(SERVICES),
        amount=st.integers(0, 60),
    )
    def something_goes_wrong(self, kind: str, service: str, amount: int) -> None:
        """With a process, a service, or a server."""
        who = {"kill_group": service, "away": ("kafka", "mongo")[amount % 2]}.get(kind, f"{service}-1")
        at = 1 + (self.now - OPENING + timedelta(seconds=60)).total_seconds() / 30
        self.faults.append(Fault(at, kind, who, amount if kind == "kill" else amount / 20))

    def teardown(self) -> None:
        """Play what was done, and judge it."""
        if not self.events:
            return
        doctors = [a_doctor(f"doctor-{each}", on_duty=each == 0) for each in range(DOCTORS)]
        rosters = [a_roster(each, OPENING.date(), doctors) for each in CLINICS]
        plan = Plan(self.seed, [a_clinic(each) for each in CLINICS], rosters, self.events, self.ledger)
        crowd = Played(plan, dict(self.after_visit))
        history = History(self.seed, 0, faults=self.faults, crowd=crowd, until=1.0)
        assert history.play().findings == {}


TestPeople = People.TestCase
TestPeople.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
