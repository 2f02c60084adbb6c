"""A seeded plan of a Monday's requests: what is sent, in which order, and what the ledger is to expect."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.contract.types import ZONE
from tests.faults.ledger import Ledger
from tests.world import a_clinic, a_doctor, a_request, a_roster

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


def make(seed: int, requests: int, clinics: int) -> Plan:
    """A plan: most requests during hours, some portal ones from Sunday (deferred to Monday's opening), some too early
    by phone, some of a patient who has an open one, some withdrawn."""
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
    doctors = [a_doctor(f"doctor-{number}", on_duty=number == 0) for number in range(DOCTORS)]
    return Plan(
        seed,
        [a_clinic(name) for name in names],
        [a_roster(name, OPENING.date(), doctors) for name in names],
        events,
        ledger,
    )


def _send(ledger: Ledger, events: list[tuple[str, dict[str, Any]]], data: dict[str, Any]) -> None:
    ledger.sent[data["request_id"]] = data
    events.append(("request.submitted", data))
