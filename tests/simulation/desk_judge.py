"""What people at the desk did, held against the topics, the desk's own outbox and the other services' stores."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from homecall.contract.events import RequestAccepted, VisitAssignmentRefused, VisitEvent
from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, SCHEDULER
from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.settings import Settings
from services.complaints.store import ComplaintStore
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.store.stores import Stores
from services.intake.register_numbers import look_up
from services.intake.store import IntakeStore
from services.notifier.store import Calls
from services.scheduler.store import SchedulerStore
from tests.infrastructure.reader import Heard
from tests.simulation.desk import Form, place_of

SOURCE: Final = "/homecall/desk"


def done_once(forms: Sequence[Form], heard: Iterable[Heard], actions: Iterable[Mapping[str, Any]]) -> list[str]:
    """What of the forms is lost, doubled, altered, out of order, or comes from nobody.

    A form that the desk took is one action, which was sent, and one event id on its topic, however often it was sent;
    what is said of one subject stands in its topic in the order in which its forms were taken.
    """
    said: dict[tuple[str, str], dict[str, Heard]] = defaultdict(dict)
    first: dict[tuple[str, str], int] = {}
    found: list[str] = []
    for number, each in enumerate(heard):
        if each.dead or each.headers.get("ce_source") != SOURCE:
            continue
        place = place_of(each.type, each.data)
        first.setdefault(place, number)
        if said[place].setdefault(each.id, each).value != each.value:
            found.append(f"{' '.join(place)} was said in two ways under {each.id}")
    for form in forms:
        events = said.pop(form.place, {})
        if not form.done:
            found.append(f"{' '.join(form.place)} was not taken after {form.tries} tries, the last with {form.status}")
        elif not events:
            found.append(f"{' '.join(form.place)} was taken and is lost")
        elif len(events) > 1:
            found.append(f"{' '.join(form.place)} has {len(events)} ids after {form.tries} tries")
        found += [f"{' '.join(form.place)} says {what}" for each in events.values() for what in _altered(form, each)]
    found += [f"{' '.join(place)} was typed by nobody" for place in said]
    return [*found, *_in_order(forms, first), *_acted(forms, actions)]


def _altered(form: Form, event: Heard) -> Iterator[str]:
    """Fields of an event that are not as they were typed."""
    for name in (
        "clinic_id",
        "channel",
        "address",
        "reasons",
        "outcome",
        "measures",
        "text",
        "doctors",
        "from",
        "doctor_id",
    ):
        typed = form.data.get(name)
        if typed is not None and not _holds(event.data.get(name), typed):
            yield f"another {name} than was typed"


def _holds(said: Any, typed: Any) -> bool:
    """Whether all that was typed is said; the desk may say more."""
    if isinstance(typed, Mapping):
        return isinstance(said, Mapping) and all(_holds(said.get(name), each) for name, each in typed.items())
    if isinstance(typed, list):
        return isinstance(said, list) and len(said) == len(typed) and all(map(_holds, said, typed))
    return bool(said == typed)


def _in_order(forms: Sequence[Form], first: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Of one clinic's subject and topic, events that stand before one whose form was taken earlier."""
    last: dict[tuple[str, str, str], tuple[int, str]] = {}
    for form in sorted((each for each in forms if each.place in first), key=lambda each: each.taken):
        topic = form.event_type.partition(".")[0]
        subject = (topic, form.place[1].partition(" ")[0], form.data["clinic_id"])
        at = first[form.place]
        before = last.get(subject)
        if before is not None and at < before[0]:
            yield f"{form.event_type} of {subject[1]} stands before its {before[1]}"
        last[subject] = (at, form.event_type)


def _acted(forms: Sequence[Form], actions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Actions that were not sent in the end, and forms that have another number of them than one."""
    counted: Counter[tuple[str, str]] = Counter()
    for each in actions:
        counted[each["type"], each["subject"]] += 1
        if "unsent" in each:
            yield f"the action {each['type']} of {each['subject']} is not sent"
    taken = Counter(form.event_type for form in forms if form.done)
    for event_type, number in taken.items():
        kept = sum(count for (kind, _), count in counted.items() if kind == event_type)
        if kept != number:
            yield f"{number} forms of {event_type} were taken, and {kept} actions are kept"


async def of_the_view(settings: Settings) -> list[str]:
    """Where what the desk shows in the end is not what the services that decided it have."""
    databases = {
        name: Database(settings.mongo_url, f"{settings.mongo_prefix}_{name}")
        for name in (DESK, INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS)
    }
    shown = Stores(databases[DESK], Vault.from_settings(settings))
    calls = await _all(shown.calls)
    found: list[str] = []
    for service, states, differ in (
        (INTAKE, await _numbered(IntakeStore(databases[INTAKE])), _as_decided),
        (SCHEDULER, await _all(SchedulerStore(databases[SCHEDULER]).calls), _as_placed),
        (NOTIFIER, await _all(Calls(databases[NOTIFIER])), _as_told),
    ):
        for request_id, state in states.items():
            call = calls.get(request_id)
            found += [
                f"{request_id}: {service} has {theirs}, and the desk shows {ours}"
                for theirs, ours in ([(state.status, "nothing")] if call is None else differ(call, state))
                if theirs != ours
            ]
    complaints = await _all(shown.complaints)
    for complaint_id, state in (await _all(ComplaintStore(databases[COMPLAINTS]).complaints)).items():
        complaint = complaints.get(complaint_id)
        if complaint is None or not _as_answered(complaint, state):
            found.append(f"complaint {complaint_id} is {state.status}, and the desk shows another")
    return found


Pairs = Iterator[tuple[Any, Any]]


def _as_decided(call: Call, request: Any) -> Pairs:
    decision = call.decision
    yield request.register_number, decision.register_number if isinstance(decision, RequestAccepted) else None
    yield request.status == "cancelled", "cancelled" in call.kept
    if request.status in {"refused", "accepted"}:
        yield f"request.{request.status}", decision.TYPE if decision else None


def _as_placed(call: Call, kept: Any) -> Pairs:
    said = call.of("visit", VisitEvent)
    if kept.status == "booked":
        place, promise = call.place, kept.booking
        refused = call.of("assignment_refused", VisitAssignmentRefused)
        yield kept.revision, max((each.revision for each in (said, refused) if each), default=None)
        yield promise.arrives_from, place.arrives_from if place else None
        yield promise.arrives_to, place.arrives_to if place else None
        yield promise.doctor.doctor_id, place.doctor.doctor_id if place else None
    yield kept.status == "closed", "closed" in call.kept


def _as_told(call: Call, told: Any) -> Pairs:
    status = call.status
    yield (told.sequence, told.status), (status.sequence, status.status) if status else (0, "")


def _as_answered(complaint: Complaint, state: Any) -> bool:
    status = complaint.status
    return status is not None and (status.sequence, status.status) == (state.sequence, state.status)


async def _all(store: Repository[Any]) -> dict[str, Any]:
    return {each.id: each.state for each in await store.find({}) if each.state is not None}


async def _numbered(store: IntakeStore) -> dict[str, Any]:
    """Requests with their numbers, also where their pages alone have these."""
    found = await store.requests.find({})
    await look_up(store.pages, found)
    return {each.id: each.state for each in found if each.state is not None}
