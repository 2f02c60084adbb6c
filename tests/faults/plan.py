"""A seeded plan of a Monday's requests and complaints: what is sent, in which order, what the ledger is to expect."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homecall.contract.types import ZONE
from tests.factories import a_clinic, a_complaint, a_doctor, a_request, a_roster
from tests.faults.ledger import Ledger

OPENING = datetime(2026, 11, 23, 8, 0, tzinfo=ZONE)
DOCTORS = 9


@dataclass
class Plan:
    """Clinics, rosters, and the events in the order in which they are sent."""

    seed: int
    clinics: list[dict[str, Any]]
    rosters: list[dict[str, Any]]
    events: list[tuple[str, dict[str, Any]]]
    ledger: Ledger

    def in_batches(self, size: int) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """The events, so many at a time."""
        for begin in range(0, len(self.events), size):
            yield self.events[begin : begin + size]


def make(seed: int, requests: int, clinics: int, complaints: int = 0) -> Plan:
    """A plan: most requests during hours, some portal ones from Sunday (deferred to Monday's opening), some too early
    by phone, some of a patient who has an open one, some withdrawn. Complaints stand among them, see ``_complain``."""
    rng = random.Random(seed)
    names = [f"clinic-{number:02d}" for number in range(clinics)]
    ledger = Ledger()
    events: list[tuple[str, dict[str, Any]]] = []
    for number in range(requests):
        clinic = rng.choice(names)
        kind = rng.random()
        if kind < 0.10:
            submitted_at = OPENING - timedelta(hours=rng.uniform(2, 20))
            data = a_request(clinic, number, submitted_at, "portal")
        elif kind < 0.14:
            data = a_request(clinic, number, OPENING - timedelta(minutes=rng.uniform(1, 60)), "phone")
        else:
            submitted_at = OPENING + timedelta(seconds=rng.uniform(0, 240))
            data = a_request(clinic, number, submitted_at, rng.choice(["desk", "phone", "portal"]))
        data["patient"]["phone"] = f"+7 7{rng.choice(('01', '47', '77'))} {number % 10_000_000:07}"
        _send(ledger, events, data)
        if kind > 0.97:
            _send(ledger, events, data | {"request_id": str(uuid.UUID(int=rng.getrandbits(128), version=4))})
        if kind < 0.04 or 0.93 < kind < 0.97:
            at = datetime.fromisoformat(data["submitted_at"]) + timedelta(seconds=30)
            reason = {
                "request_id": data["request_id"],
                "clinic_id": clinic,
                "at": at.isoformat(),
                "reason": "recovered",
            }
            ledger.withdrawn.add(data["request_id"])
            events.append(("request.withdrawn", reason))
    if complaints:
        events = _complain(rng, ledger, events, names, complaints)
    doctors = [a_doctor(f"doctor-{number}", on_duty=number == 0) for number in range(DOCTORS)]
    return Plan(
        seed,
        [a_clinic(name) for name in names],
        [a_roster(name, OPENING.date(), doctors) for name in names],
        events,
        ledger,
    )


def _complain(
    rng: random.Random, ledger: Ledger, events: list[tuple[str, dict[str, Any]]], clinics: list[str], complaints: int
) -> list[tuple[str, dict[str, Any]]]:
    """Put complaints among the events, each step of one somewhere behind the step before it.

    A tenth comes on Sunday and is registered at the opening; of the others most are assigned and executed, and answered
    or taken to the quality authority, which gives a second number.
    """
    placed: list[tuple[float, int, tuple[str, dict[str, Any]]]] = [(place, 0, e) for place, e in enumerate(events)]
    official = {"full_name": "Сынақ Орындаушы", "position": "Бөлім меңгерушісі"}
    for number in range(complaints):
        clinic = rng.choice(clinics)
        on_sunday = rng.random() < 0.1
        at = OPENING - timedelta(hours=10) if on_sunday else OPENING + timedelta(seconds=rng.uniform(0, 240))
        data = a_complaint(clinic, number, at)
        steps: list[tuple[str, dict[str, Any]]] = [("complaint.submitted", data)]
        about = {"complaint_id": data["complaint_id"], "clinic_id": clinic}
        expected = ["delivered", "registered"]
        if not on_sunday and rng.random() < 0.8:
            named = {"executor": official, "assigned_by": official}
            last = rng.choice(("answered", "escalated"))
            more: dict[str, dict[str, Any]] = {
                "assigned": named,
                "executed": {"measures": "Сөйлестік."},
                "answered": {"text": "Кешірім сұраймыз.", "decision": "upheld", "sent_by": "by_hand"},
                "escalated": {"grounds": "Келіспеймін."},
            }
            for step, name in enumerate(("assigned", "executed", last), start=1):
                when = (at + timedelta(seconds=30 * step)).isoformat()
                steps.append((f"complaint.{name}", about | {"at": when} | more[name]))
                expected.append(name)
            if last == "escalated":
                expected.append("registered")  # the second stage's own registration
        ledger.complaints[data["complaint_id"]] = (clinic, expected)
        places = sorted(rng.uniform(0, len(events)) for _ in steps)
        placed += [(place, order, step) for order, (place, step) in enumerate(zip(places, steps, strict=True), start=1)]
    return [event for _, _, event in sorted(placed, key=lambda each: each[:2])]


def _send(ledger: Ledger, events: list[tuple[str, dict[str, Any]]], data: dict[str, Any]) -> None:
    ledger.sent[data["request_id"]] = data
    events.append(("request.submitted", data))
