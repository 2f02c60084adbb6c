"""What dispatchers chose by hand, held against what the scheduler answered, said later, and keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from homecall.contract.ids import cause_id, event_id
from homecall.contract.topics import SCHEDULER
from homecall.runtime.mongo.client import Database
from homecall.runtime.settings import Settings
from services.scheduler.domain.bookings import BY_HAND
from services.scheduler.store import SchedulerStore
from tests.infrastructure.reader import Heard

_PLACED: Final = ("visit.scheduled", "visit.rescheduled")
_ANSWERS: Final = (*_PLACED, "visit.assignment-refused")


@dataclass
class ByHand:
    """What was heard of one request whose visit was placed by hand."""

    request_id: str
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By causation id, what a dispatcher wanted."""
    released: bool = False
    said: dict[str, Heard] = field(default_factory=dict)
    """By id, what the scheduler said of the visit."""

    def in_order(self) -> list[Heard]:
        """What the scheduler said, by revision."""
        return sorted(self.said.values(), key=lambda each: int(each.data["revision"]))

    def answers(self, causation_id: str) -> list[Heard]:
        """What the scheduler said because of one choice: ids are derived from their cause."""
        return [
            each
            for each in self.in_order()
            if each.id == event_id(causation_id, each.type, self.request_id, str(each.data["revision"]))
        ]


def chosen(heard: Sequence[Heard]) -> list[ByHand]:
    """The requests of which something was chosen by hand, and what was heard of them."""
    found: dict[str, ByHand] = {}
    for each in heard:
        if each.type == "visit.assigned" and not each.dead:
            kept = found.setdefault(each.data["request_id"], ByHand(each.data["request_id"]))
            kept.choices[cause_id(each.headers["ce_source"], each.id, each.type)] = each.data
    for each in heard:
        if each.dead or each.type not in {*_ANSWERS, "visit.released"}:
            continue
        of = found.get(each.data["request_id"])
        if of is not None and each.type == "visit.released":
            of.released = True
        elif of is not None:
            of.said.setdefault(each.id, each)
    return [*found.values()]


def answered_once(placed: Iterable[ByHand]) -> list[str]:
    """Choices with two answers, or with none though more than fixing a visit where it stands was wanted."""
    found = []
    for each in placed:
        for causation_id, wanted in each.choices.items():
            answers = each.answers(causation_id)
            if len(answers) > 1:
                told = ", ".join(f"{one.type} {one.data['revision']}" for one in answers)
                found.append(f"the choice {causation_id} of {each.request_id} was answered by {told}")
            elif not answers and not any(_stands(one.data, wanted) for one in each.in_order()):
                found.append(f"the choice {causation_id} of {each.request_id} was never answered")
    return found


def _stands(visit: Any, wanted: Any) -> bool:
    """Whether a visit was said to be where it is wanted."""
    if "doctor" not in visit or visit["doctor"]["doctor_id"] != wanted["doctor_id"]:
        return False
    opens = wanted.get("arrives_from")
    return opens is None or datetime.fromisoformat(opens) == datetime.fromisoformat(visit["arrives_from"])


def planned_away(placed: Iterable[ByHand], heard: Iterable[Heard]) -> list[str]:
    """Visits that went from a dispatcher's doctor to another, whom nobody chose, while that doctor was there."""
    gone = {
        (each.data["clinic_id"], each.data["doctor_id"])
        for each in heard
        if each.type == "doctor.unavailable" and not each.dead
    }
    found = []
    for each in placed:
        held: str | None = None
        for visit in [] if each.released else [one.data for one in each.in_order() if one.type in _PLACED]:
            doctor = visit["doctor"]["doctor_id"]
            if visit["basis"] == BY_HAND:
                held = doctor
            elif held is not None and (visit["clinic_id"], held) not in gone:
                found.append(
                    f"{each.request_id} was given to {held} by hand, and by revision {visit['revision']} to {doctor}, "
                    f"as {visit.get('reason')}"
                )
    return found


async def as_kept(settings: Settings, placed: Iterable[ByHand], days: Iterable[str]) -> list[str]:
    """Visits that are no longer marked as placed by hand though nobody let them go, and doctors booked twice at a time.

    ``days`` are the keys of the scheduler's days.
    """
    store = SchedulerStore(Database(settings.mongo_url, f"{settings.mongo_prefix}_{SCHEDULER}"))
    loaded = await store.load_days([*days])
    calls = await store.calls.load([each.request_id for each in placed])
    found = []
    for each in placed:
        call = calls[each.request_id].state if each.request_id in calls else None
        last = [one.data for one in each.in_order() if one.type in _PLACED][-1:]
        if each.released or call is None or call.status != "booked" or call.booking is None or not last:
            continue
        only_fixed = len(each.choices) == 1 and not each.answers(next(iter(each.choices)))
        wanted = next(iter(each.choices.values()))["doctor_id"] if only_fixed else last[0]["doctor"]["doctor_id"]
        if not only_fixed and last[0]["basis"] != BY_HAND:
            continue
        kept = [day.bookings[each.request_id].basis for day in loaded.values() if each.request_id in day.bookings]
        if call.booking.doctor.doctor_id == wanted and kept != [BY_HAND]:
            found.append(f"{each.request_id} was placed by hand, and its day has it as {kept}")
    for key, day in loaded.items():
        found += [f"{key}: {what}" for what in _twice(day.bookings.items())]
    return found


def _twice(bookings: Iterable[tuple[str, Any]]) -> Iterator[str]:
    of_doctors: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for request_id, visit in bookings:
        if visit.planned_at is not None and visit.ends_at is not None:
            of_doctors[visit.doctor.doctor_id].append((visit.planned_at, visit.ends_at, request_id))
    for doctor, visits in of_doctors.items():
        for (_, ends, one), (begins, _, other) in pairwise(sorted(visits)):
            if begins < ends:
                yield f"{doctor} is at {one} until {ends:%H:%M}, and at {other} from {begins:%H:%M}"
