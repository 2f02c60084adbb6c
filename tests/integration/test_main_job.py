"""The main job, by real processes on real Kafka: a request goes in, the answer comes out, nothing is lost.

One world for all tests, each test with clinics of its own. Its clock starts at Monday 07:59:50, so that what the portal
sent on Sunday is taken up at the opening, before the eyes of the first test.
"""

from __future__ import annotations

import json
import re
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from homecall.contract.events import MODELS
from homecall.contract.topics import BY_NAME, TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import ZONE
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.reader import Heard
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

OPENING = MONDAY.replace(hour=8)
SUBMITTED = OPENING + timedelta(seconds=5)
SUNDAY_NIGHT = OPENING - timedelta(hours=10)
TODAY = MONDAY.date()
LANGUAGES = ("kk", "ru", "en")


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    with new_world(at=OPENING - timedelta(seconds=10)) as world:
        # Before any service starts: they find it in the topics, before the opening by their clock.
        world.publish("clinic.published", a_clinic("night"))
        world.publish("roster.published", a_roster("night", TODAY, [a_doctor("owl")]))
        world.publish("request.submitted", a_request("night", 1, SUNDAY_NIGHT, "portal"))
        world.start("intake", "scheduler", "notifier", "complaints")
        yield world


@pytest.fixture
def clinic(world: World, request: pytest.FixtureRequest) -> str:
    """The id of a clinic of the test's own, published, with no roster yet."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:30].strip("-")
    clinic_id = f"{name}-{uuid.uuid4().hex[:6]}"
    world.publish("clinic.published", a_clinic(clinic_id))
    return clinic_id


def submit(world: World, clinic_id: str, number: int, channel: str = "phone", **over: Any) -> str:
    """Publish a request made within acceptance hours; its id."""
    request = a_request(clinic_id, number, over.pop("at", SUBMITTED), channel, **over)
    world.publish("request.submitted", request)
    return str(request["request_id"])


def plan(world: World, clinic_id: str, *doctors: dict[str, Any], revision: int = 1) -> None:
    """Publish the clinic's roster of the day, and wait until the scheduler has it."""
    world.publish("roster.published", a_roster(clinic_id, TODAY, doctors, revision))
    world.settle("scheduler")


def withdraw(world: World, clinic_id: str, request_id: str) -> None:
    event = {"request_id": request_id, "clinic_id": clinic_id, "at": SUBMITTED.isoformat(), "reason": "recovered"}
    world.publish("request.withdrawn", event)


def until_statuses(world: World, request_id: str, *expected: str) -> list[dict[str, Any]]:
    """Wait until the request has had these statuses; what was said with each."""
    world.wait(
        lambda: world.statuses(request_id)[: len(expected)] == list(expected),
        f"statuses {expected}, not {world.statuses(request_id)}",
    )
    return statuses(world, request_id)


def until_last(world: World, request_id: str, status: str) -> dict[str, Any]:
    """Wait until this is the request's last status; what was said with it."""
    world.wait(
        lambda: world.statuses(request_id)[-1:] == [status], f"status {status} after {world.statuses(request_id)}"
    )
    return statuses(world, request_id)[-1]


def statuses(world: World, request_id: str) -> list[dict[str, Any]]:
    return about(world, request_id, "status.changed", by="sequence")


def about(world: World, subject: str, *types: str, by: str = "revision") -> list[dict[str, Any]]:
    """The data of the events on a subject, each once, in the order of a field."""
    once = {each.id: each.data for each in world.heard(*types) if each.headers["ce_subject"] == subject}
    return sorted(once.values(), key=lambda data: data.get(by, 0))


def visit(world: World, request_id: str) -> dict[str, Any]:
    """The visit as the scheduler last said it."""
    types = ("visit.scheduled", "visit.rescheduled", "visit.unplaced", "visit.cancelled", "visit.closed")
    return about(world, request_id, *types)[-1]


def entry(world: World, request_id: str) -> dict[str, Any]:
    """The register's line as it last stood."""
    return about(world, request_id, "journal.entry")[-1]


def local(text: str) -> str:
    """HH:MM by the clinic's clock."""
    return datetime.fromisoformat(text).astimezone(ZONE).strftime("%H:%M")


# ---- The portal at night: first, while the world's clock passes the opening ------------------------------------------


def test_a_portal_request_of_the_night_is_deferred_and_taken_up_at_the_opening(world: World) -> None:
    request_id = a_request("night", 1, SUNDAY_NIGHT, "portal")["request_id"]
    answer = until_last(world, request_id, "scheduled")
    deferred, registered = statuses(world, request_id)[:2]

    assert deferred["status"] == "deferred"
    assert deferred["due_at"] == "2026-11-23T08:30:00+05:00"  # R6: 30 minutes from the opening
    assert all("08:00" in deferred["text"][language] for language in LANGUAGES)
    (said,) = about(world, request_id, "request.deferred")
    assert said["opens_at"] == "2026-11-23T08:00:00+05:00"

    (accepted,) = about(world, request_id, "request.accepted")
    assert accepted["accepted_at"] == accepted["clock_started_at"] == "2026-11-23T08:00:00+05:00"
    assert accepted["due_at"] == "2026-11-23T08:30:00+05:00"
    assert (accepted["register_date"], accepted["register_number"]) == ("2026-11-23", 1)
    assert registered["status"] == "registered"
    assert datetime.fromisoformat(registered["occurred_at"]) >= OPENING
    assert answer["on_time"] is True
    assert answer["visit"]["visit_date"] == "2026-11-23"


def test_withdrawn_before_its_opening_a_request_has_no_number(world: World, clinic: str) -> None:
    # Closed on Monday: the opening is Tuesday's, far from this world's clock.
    world.publish("clinic.published", a_clinic(clinic, closed_dates=["2026-11-23"]))
    world.settle("intake")
    request_id = submit(world, clinic, 1, "portal", at=SUNDAY_NIGHT)
    until_statuses(world, request_id, "deferred")
    withdraw(world, clinic, request_id)
    withdrawn = until_statuses(world, request_id, "deferred", "withdrawn")[-1]
    assert "register_number" not in withdrawn
    world.settle()
    assert about(world, request_id, "request.accepted") == []
    assert about(world, request_id, "request.deferred")[0]["opens_at"] == "2026-11-24T08:00:00+05:00"


# ---- From each channel to the answer ---------------------------------------------------------------------------------

AT_THE_DESK = {
    "queued_at": (SUBMITTED - timedelta(minutes=4)).isoformat(),
    "service_started_at": (SUBMITTED - timedelta(minutes=1)).isoformat(),
    "registrar": {"id": "r-1", "full_name": "Тіркеуші Бірінші"},
}


@pytest.mark.parametrize(
    ("channel", "more", "minutes"),
    [("desk", AT_THE_DESK, 10), ("phone", AT_THE_DESK, 10), ("portal", {}, 30)],
    ids=["desk", "phone", "portal"],
)
def test_a_request_goes_in_and_the_answer_comes_out(
    world: World, clinic: str, channel: str, more: dict[str, Any], minutes: int
) -> None:
    plan(world, clinic, a_doctor("doc"))
    request_id = submit(world, clinic, 7, channel, **more)
    registered, scheduled = until_statuses(world, request_id, "registered", "scheduled")
    world.settle()

    due_at = (SUBMITTED + timedelta(minutes=minutes)).isoformat()
    (accepted,) = about(world, request_id, "request.accepted")
    assert (accepted["register_number"], accepted["register_date"]) == (1, "2026-11-23")
    assert (accepted["channel"], accepted["clock_started_at"]) == (channel, SUBMITTED.isoformat())
    assert accepted["due_at"] == due_at
    assert accepted["ruling"]["rule_set"] == "kz-2015"
    assert not {"identity_document", "signature"} & accepted.keys()

    (placed,) = about(world, request_id, "visit.scheduled")
    assert (placed["visit_date"], placed["basis"], placed["revision"]) == ("2026-11-23", "district", 1)
    assert placed["doctor"] == {"doctor_id": "doc", "full_name": "Дәрігер doc", "specialty": "gp"}
    assert datetime.fromisoformat(placed["arrives_from"]) > datetime.fromisoformat(accepted["accepted_at"])

    assert [each["sequence"] for each in statuses(world, request_id)] == [1, 2]
    for each in (registered, scheduled):
        assert (each["channel"], each["register_number"], each["due_at"]) == (channel, 1, due_at)
        assert each["emergency"] is False
        assert len(set(each["text"].values())) == len(LANGUAGES)
    assert "on_time" not in registered
    assert scheduled["on_time"] is True
    assert scheduled["visit"]["doctor_name"] == "Дәрігер doc"
    window = f"{local(placed['arrives_from'])}–{local(placed['arrives_to'])}"
    for language in LANGUAGES:
        assert "1" in registered["text"][language]
        assert window in scheduled["text"][language]
        assert "Дәрігер doc" in scheduled["text"][language]

    line = entry(world, request_id)
    assert (line["register_number"], line["register_date"]) == (1, "2026-11-23")
    assert (line["patient_name"], line["channel"]) == ("Науқас 7", channel)
    assert line["reasons"] == ["fever_above_38"]
    assert (line["arrives_from"], line["doctor"]) == (placed["arrives_from"], placed["doctor"])
    assert line.get("registrar") == more.get("registrar")
    for language in LANGUAGES:
        assert local(placed["arrives_from"]) in line["oral_answer"][language]


def test_a_red_flag_says_first_to_call_103(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("doc"))
    request_id = submit(world, clinic, 1, reasons=["fever_above_38", "chest_pain"])
    for each in until_statuses(world, request_id, "registered", "scheduled"):
        assert each["emergency"] is True
        for language in LANGUAGES:
            assert "103" in each["text"][language].split(":")[0].split(".")[0]
    world.settle()
    assert about(world, request_id, "request.accepted")[0]["urgency"] == "urgent"
    assert all("103" in text for text in entry(world, request_id)["oral_answer"].values())


def test_a_child_goes_to_the_paediatrician(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("gp"), a_doctor("ped", specialty="paediatrician"))
    patient = {"iin": iin(900), "full_name": "Бала", "language": "kk", "birth_date": "2020-05-05"}
    request_id = submit(world, clinic, 1, patient=patient)
    until_statuses(world, request_id, "registered", "scheduled")
    assert visit(world, request_id)["doctor"]["doctor_id"] == "ped"
    assert about(world, request_id, "request.accepted")[0]["patient"]["age_years"] == 6


def test_numbers_run_from_one_in_the_order_of_the_requests(world: World, clinic: str) -> None:
    requests = [a_request(clinic, number, SUBMITTED) for number in range(40)]
    world.publish("request.submitted", *requests)
    world.wait(
        lambda: all(world.statuses(each["request_id"])[:1] == ["registered"] for each in requests), "40 registered"
    )
    world.settle()
    numbers = [about(world, each["request_id"], "request.accepted")[0]["register_number"] for each in requests]
    assert numbers == list(range(1, 41))


# ---- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("submitted_at", "next_at"),
    [
        ("2026-11-21T12:00:00+05:00", "2026-11-23T08:00:00+05:00"),  # Saturday at the cut-off (R2)
        ("2026-11-22T11:00:00+05:00", "2026-11-23T08:00:00+05:00"),  # Sunday
        ("2026-11-23T07:59:59+05:00", "2026-11-23T08:00:00+05:00"),  # a second early (R3)
        ("2026-11-20T19:30:00+05:00", "2026-11-21T09:00:00+05:00"),  # Friday evening: Saturday is a working day (R7)
        ("2026-12-16T10:00:00+05:00", "2026-12-17T08:00:00+05:00"),  # Independence Day
    ],
    ids=["sat-cut-off", "sunday", "early", "friday-evening", "holiday"],
)
def test_outside_acceptance_hours_the_clinic_refuses_and_says_when(
    world: World, clinic: str, submitted_at: str, next_at: str
) -> None:
    request_id = submit(world, clinic, 1, at=datetime.fromisoformat(submitted_at))
    (refused,) = until_statuses(world, request_id, "refused")
    assert refused["refusal"]["code"] == "outside_acceptance_hours"
    assert refused["refusal"]["next_acceptance_at"] == next_at
    assert "register_number" not in refused
    for language in LANGUAGES:
        assert local(next_at) in refused["text"][language]
        assert "103" in refused["text"][language]
    world.settle()
    line = entry(world, request_id)  # a refused call is entered too
    assert line["refusal"] == {"code": "outside_acceptance_hours"}
    assert "register_number" not in line
    assert all("103" in text and local(next_at) in text for text in line["oral_answer"].values())


def test_a_second_request_of_the_patient_is_a_duplicate_that_names_the_first(world: World, clinic: str) -> None:
    first = submit(world, clinic, 1)
    until_statuses(world, first, "registered")
    second = submit(world, clinic, 1, "desk", request_id=str(uuid.uuid4()))
    (refused,) = until_statuses(world, second, "refused")
    assert refused["refusal"]["code"] == "duplicate"
    assert refused["refusal"]["existing_request_id"] == first
    assert all(first in text for text in refused["text"].values())
    # Another clinic does not know of it, and once the first is withdrawn there is nothing to double.
    withdraw(world, clinic, first)
    until_last(world, first, "withdrawn")
    third = submit(world, clinic, 1, request_id=str(uuid.uuid4()))
    until_statuses(world, third, "registered")


def test_the_same_request_again_changes_nothing(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("doc"))
    request_id = submit(world, clinic, 1)
    until_statuses(world, request_id, "registered", "scheduled")
    world.settle()
    before = said_of(world, request_id)
    # The same request_id in another event, with other content.
    submit(world, clinic, 1, reasons=["other"], note="again")
    world.settle()
    assert said_of(world, request_id) == before


def said_of(world: World, request_id: str) -> set[tuple[str, str, bytes]]:
    return {
        (each.topic, each.id, each.value)
        for each in list(world.reader.heard)
        if each.headers.get("ce_subject") == request_id
    }


# ---- Withdrawal ------------------------------------------------------------------------------------------------------


def test_a_withdrawal_frees_the_place_for_the_next_that_waits(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("doc", max_visits=1))
    first = submit(world, clinic, 1)
    place = until_statuses(world, first, "registered", "scheduled")[-1]["visit"]
    second = submit(world, clinic, 2)
    until_statuses(world, second, "registered", "delayed")
    assert visit(world, second)["cause"] == "no_capacity"

    withdraw(world, clinic, first)
    until_statuses(world, first, "registered", "scheduled", "withdrawn")
    assert until_statuses(world, second, "registered", "delayed", "scheduled")[-1]["visit"] == place
    world.settle()
    line = entry(world, first)
    assert (line["register_number"], line["outcome"]) == (1, "withdrawn")
    third = submit(world, clinic, 3)
    until_statuses(world, third, "registered")
    assert about(world, third, "request.accepted")[0]["register_number"] == 3  # the first's number stays


@pytest.mark.parametrize("order", ["at once", "before"])
def test_withdrawn_before_it_was_placed_it_gets_no_place(world: World, clinic: str, order: str) -> None:
    request_id = str(a_request(clinic, 1, SUBMITTED)["request_id"])
    if order == "before":
        withdraw(world, clinic, request_id)
        world.settle("intake")
        submit(world, clinic, 1)
    else:
        submit(world, clinic, 1)
        withdraw(world, clinic, request_id)
    until_last(world, request_id, "withdrawn")
    world.settle()
    assert world.statuses(request_id)[0] == "registered"
    assert visit(world, request_id).get("reason") == "recovered"
    # Its place goes to others: the roster that comes now has one.
    plan(world, clinic, a_doctor("doc", max_visits=1))
    other = submit(world, clinic, 2)
    until_last(world, other, "scheduled")
    assert world.statuses(request_id)[-1] == "withdrawn"


# ---- Rosters ---------------------------------------------------------------------------------------------------------


def test_a_late_roster_places_who_waits_the_urgent_first(world: World, clinic: str) -> None:
    first, second, urgent = (
        submit(world, clinic, 1),
        submit(world, clinic, 2),
        submit(world, clinic, 3, reasons=["passed_on_by_ambulance"]),
    )
    for each in (first, second, urgent):
        until_statuses(world, each, "registered", "delayed")
        assert visit(world, each)["cause"] == "no_roster"
    plan(world, clinic, a_doctor("doc", max_visits=2))
    earliest = until_statuses(world, urgent, "registered", "delayed", "scheduled")[-1]["visit"]
    world.settle()
    placed = [each for each in (first, second) if world.statuses(each)[-1] == "scheduled"]
    (waiting,) = {first, second} - set(placed)
    # The urgent one is promised the earliest window; who waited takes what is left of the day.
    assert statuses(world, placed[0])[-1]["visit"]["arrives_from"] >= earliest["arrives_from"]
    # The next revision has room for all, and the two keep their places.
    plan(world, clinic, a_doctor("doc", max_visits=5), revision=2)
    until_last(world, waiting, "scheduled")
    world.settle()
    assert statuses(world, urgent)[-1]["visit"] == earliest
    assert world.statuses(placed[0]) == ["registered", "delayed", "scheduled"]


def test_a_doctor_who_drops_out_is_replaced_or_the_call_is_delayed(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("a"), a_doctor("b"))
    request_id = submit(world, clinic, 1)
    until_statuses(world, request_id, "registered", "scheduled")
    gone = visit(world, request_id)["doctor"]["doctor_id"]
    (left,) = {"a", "b"} - {gone}

    world.publish("doctor.unavailable", unavailable(clinic, gone))
    told = until_statuses(world, request_id, "registered", "scheduled", "rescheduled")[-1]
    assert told["visit"]["doctor_name"] == f"Дәрігер {left}"
    assert "on_time" not in told
    moved = visit(world, request_id)
    assert (moved["doctor"]["doctor_id"], moved["reason"], moved["revision"]) == (left, "doctor_unavailable", 2)
    world.settle()
    assert entry(world, request_id)["doctor"]["doctor_id"] == left

    world.publish("doctor.unavailable", unavailable(clinic, left))
    until_statuses(world, request_id, "registered", "scheduled", "rescheduled", "delayed")
    world.settle()
    assert visit(world, request_id)["cause"] == "no_capacity"
    assert "arrives_from" not in entry(world, request_id)

    plan(world, clinic, a_doctor("a"), a_doctor("b"), a_doctor("c"), revision=2)
    told = until_last(world, request_id, "rescheduled")
    assert told["visit"]["doctor_name"] == "Дәрігер c"


def unavailable(clinic_id: str, doctor_id: str) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "date": TODAY.isoformat(),
        "doctor_id": doctor_id,
        "from": "08:00",
        "reason": "illness",
    }


def test_a_higher_revision_replaces_the_roster_and_bookings_survive(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("stays", max_visits=1), a_doctor("leaves", max_visits=1), revision=5)
    requests = [submit(world, clinic, number) for number in (1, 2)]
    for each in requests:
        until_statuses(world, each, "registered", "scheduled")
    by_doctor = {visit(world, each)["doctor"]["doctor_id"]: each for each in requests}
    kept = said_of(world, by_doctor["stays"])

    plan(world, clinic, a_doctor("stays", max_visits=1), a_doctor("comes", max_visits=1), revision=6)
    until_statuses(world, by_doctor["leaves"], "registered", "scheduled", "rescheduled")
    moved = visit(world, by_doctor["leaves"])
    assert (moved["doctor"]["doctor_id"], moved["reason"]) == ("comes", "roster_changed")

    # A lower revision that comes late is history.
    plan(world, clinic, a_doctor("nobody"), revision=4)
    world.settle()
    assert visit(world, by_doctor["leaves"]) == moved
    assert said_of(world, by_doctor["stays"]) == kept


# ---- The visit, the oral answer, the complaint -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("served", "completed"), ("not_at_home", "not_completed"), ("declined", "not_completed")],
)
def test_a_reported_visit_closes_the_call(world: World, clinic: str, outcome: str, status: str) -> None:
    plan(world, clinic, a_doctor("doc"))
    request_id = submit(world, clinic, 1)
    until_statuses(world, request_id, "registered", "scheduled")
    world.publish("visit.reported", reported(clinic, request_id, outcome))
    until_statuses(world, request_id, "registered", "scheduled", status)
    world.settle()
    assert visit(world, request_id)["outcome"] == outcome
    assert entry(world, request_id)["outcome"] == outcome
    # R11: once the visit is over, the patient may call again.
    again = submit(world, clinic, 1, request_id=str(uuid.uuid4()))
    until_statuses(world, again, "registered", "scheduled")


def reported(clinic_id: str, request_id: str, outcome: str = "served") -> dict[str, Any]:
    at = (SUBMITTED + timedelta(hours=2)).isoformat()
    return {"request_id": request_id, "clinic_id": clinic_id, "at": at, "outcome": outcome}


def answer(clinic_id: str, request_id: str) -> dict[str, Any]:
    at = (SUBMITTED + timedelta(minutes=3)).isoformat()
    given_by = {"id": "r-1", "full_name": "Тіркеуші Бірінші"}
    return {"request_id": request_id, "clinic_id": clinic_id, "at": at, "given_by": given_by}


def test_the_oral_answer_is_entered_in_the_register(world: World, clinic: str) -> None:
    world.publish("clinic.published", a_clinic(clinic, oral_confirmation=True))
    plan(world, clinic, a_doctor("doc"))
    world.settle("notifier")
    request_id = submit(world, clinic, 1)
    scheduled = until_statuses(world, request_id, "registered", "scheduled")[-1]
    assert "on_time" not in scheduled  # the answer is not there before it is given
    world.settle()
    assert "answered_at" not in entry(world, request_id)
    world.publish("answer.given", answer(clinic, request_id))
    world.wait(lambda: "answered_at" in entry(world, request_id), "answered_at in the register")
    assert entry(world, request_id)["answered_at"] == (SUBMITTED + timedelta(minutes=3)).isoformat()


def a_complaint(clinic_id: str, number: int, **over: Any) -> dict[str, Any]:
    return {
        "complaint_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"complaint {clinic_id} {number}")),
        "addressed_to": "clinic",
        "clinic_id": clinic_id,
        "channel": "in_person",
        "submitted_at": SUBMITTED.isoformat(),
        "complainant": {"full_name": "Шағымданушы", "iin": iin(800 + number), "language": "ru"},
        "text": "Дәрігер кешікті.",
        "received_by": {"full_name": "Қабылдаушы", "position": "Аға тіркеуші"},
        "answer_by": "by_hand",
    } | over


def test_a_complaint_is_delivered_and_registered(world: World, clinic: str) -> None:
    at_night = {"submitted_at": SUNDAY_NIGHT.isoformat(), "channel": "portal", "answer_by": "portal"}
    at_night |= {"signature": {"format": "cms", "value": "AAAA"}, "received_by": None}
    first, second = a_complaint(clinic, 1), a_complaint(clinic, 2, **at_night)
    for each in (first, second):
        world.publish("complaint.submitted", each)
        world.wait(
            lambda each=each: (
                [
                    said["status"]
                    for said in about(world, each["complaint_id"], "complaint.status-changed", by="sequence")
                ]
                == ["delivered", "registered"]
            ),
            "delivered and registered",
        )
    delivered, registered = about(world, first["complaint_id"], "complaint.status-changed", by="sequence")
    assert [delivered["sequence"], registered["sequence"]] == [1, 2]
    assert "incoming_number" not in delivered
    assert registered["incoming_number"] == "2026-1"
    assert registered["received_by"] == first["received_by"]
    # C10.4, R9: five working days of the six-day week; the last ends at closing time.
    assert (registered["answer_due_on"], registered["answer_due_at"]) == ("2026-11-28", "2026-11-28T14:00:00+05:00")
    assert all("2026-1" in text for text in registered["text"].values())
    assert len(set(registered["text"].values())) == len(LANGUAGES)
    assert {step["kind"] for step in registered["next_steps"]} >= {"quality_authority", "court"}
    delivered, registered = about(world, second["complaint_id"], "complaint.status-changed", by="sequence")
    assert delivered["occurred_at"] == SUNDAY_NIGHT.isoformat()  # R9a: delivered at once, registered at the opening
    assert registered["occurred_at"] == OPENING.isoformat()
    assert registered["incoming_number"] == "2026-2"


# ---- Out of order ----------------------------------------------------------------------------------------------------


def test_a_clinic_that_was_published_after_its_request_was_sent_is_known(world: World) -> None:
    clinic_id = f"late-{uuid.uuid4().hex[:6]}"
    (intake,) = (process for process in world.processes if process.name == "intake")
    intake.signal(signal.SIGSTOP)
    try:
        request_id = submit(world, clinic_id, 1)
        world.publish("clinic.published", a_clinic(clinic_id))
    finally:
        intake.signal(signal.SIGCONT)
    assert until_statuses(world, request_id, "registered")[0]["register_number"] == 1


def test_events_that_come_before_their_request_wait_for_it(world: World, clinic: str) -> None:
    plan(world, clinic, a_doctor("doc"))
    request = a_request(clinic, 1, SUBMITTED)
    request_id = str(request["request_id"])
    complaint = a_complaint(clinic, 1)
    complaint_id = complaint["complaint_id"]
    head = {"full_name": "Бас Дәрігер", "position": "Бас дәрігер"}
    assigned = {"complaint_id": complaint_id, "clinic_id": clinic, "at": (SUBMITTED + timedelta(hours=1)).isoformat()}
    assigned |= {"executor": {"full_name": "Орындаушы", "position": "Дәрігер"}, "assigned_by": head}
    world.publish("visit.reported", reported(clinic, request_id))
    world.publish("answer.given", answer(clinic, request_id))
    world.publish("complaint.assigned", assigned)
    world.settle()
    assert world.statuses(request_id) == []
    world.publish("request.submitted", request)
    world.publish("complaint.submitted", complaint)
    until_last(world, request_id, "completed")
    world.settle()
    line = entry(world, request_id)
    assert line["answered_at"] == answer(clinic, request_id)["at"]
    assert line["outcome"] == "served"
    of_complaint = about(world, complaint_id, "complaint.status-changed", by="sequence")
    assert [each["status"] for each in of_complaint] == ["delivered", "registered", "assigned"]
    assert world.dead() == []


# ---- What holds for all that was said: last --------------------------------------------------------------------------


def some_traffic(world: World) -> None:
    """One whole call, so that a test of all that was said has something to look at when it is run alone."""
    clinic_id = f"traffic-{uuid.uuid4().hex[:6]}"
    world.publish("clinic.published", a_clinic(clinic_id))
    plan(world, clinic_id, a_doctor("doc"))
    until_last(world, submit(world, clinic_id, 1), "scheduled")
    world.settle()


def ours(world: World) -> list[Heard]:
    return [each for each in list(world.reader.heard) if each.headers.get("ce_source", "").startswith("/homecall/")]


def test_what_comes_again_is_answered_with_the_same_bytes(world: World) -> None:
    some_traffic(world)
    sent = [each for each in list(world.reader.heard) if each.headers.get("ce_source") == "/test"]
    before = {(each.topic, each.id) for each in ours(world)}
    repeated = count(world, "intake", "repeated")
    for each in sent:
        world.send(each.topic, each.value, each.key, dict(each.original.headers()))
    world.flush()
    world.settle()
    assert count(world, "intake", "repeated") > repeated

    copies: dict[tuple[str, str], set[tuple[str, bytes, tuple[Any, ...]]]] = {}
    for each in ours(world):
        told = (each.key, each.value, tuple(each.original.headers()))
        copies.setdefault((each.topic, each.id), set()).add(told)
    assert {place: len(different) for place, different in copies.items() if len(different) > 1} == {}
    new = {(topic, event_id) for topic, event_id in copies.keys() - before if "deadline" not in topic}
    assert new == set()
    # Not by silence: what was decided is said again, as after a crash it must be.
    assert len(ours(world)) > len(copies)


def count(world: World, service: str, result: str) -> float:
    """How many records a service has counted with this result."""
    (process,) = (each for each in world.processes if each.name == service)
    lines = re.findall(rf'^homecall_events_total{{.*result="{result}".*}} (\S+)$', process.get("/metrics")[1], re.M)
    return sum(float(number) for number in lines)


def test_every_event_of_ours_is_as_the_contract_has_it(world: World) -> None:
    some_traffic(world)
    partitions: dict[tuple[str, str], set[int]] = {}
    for each in ours(world):
        model = MODELS[each.type]
        topic = TOPIC_OF_TYPE[each.type]
        data = model.model_validate_json(each.value)
        assert each.headers["ce_type"] == TYPE_PREFIX + each.type
        assert each.headers["ce_specversion"] == "1.0"
        assert each.headers["content-type"] == "application/json"
        assert each.headers["ce_source"].removeprefix("/homecall/") in topic.writers
        assert each.headers["ce_subject"] == data.subject
        assert str(uuid.UUID(each.id)) == each.id
        assert datetime.fromisoformat(each.headers["ce_time"]).utcoffset() == timedelta(hours=5)
        assert (each.topic, each.key) == (topic.name, each.data[topic.key])
        partitions.setdefault((topic.key, each.key), set()).add(each.partition)
        for moment in re.findall(r'"(\d{4}-\d{2}-\d{2}T[^"]+)"', each.value.decode()):
            assert moment.endswith("+05:00"), (each.type, moment)
    assert {each.type for each in ours(world)} >= {"request.accepted", "visit.scheduled", "status.changed"}
    # One key, one partition, in every topic that has this key.
    assert all(len(found) == 1 for found in partitions.values())


def test_an_iin_stands_nowhere_but_on_topics_that_may_hold_it(world: World) -> None:
    some_traffic(world)
    sent = "".join(each.value.decode() for each in list(world.reader.heard) if BY_NAME[each.topic].personal_ids)
    known = set(re.findall(r'"iin": ?"(\d{12})"', sent))
    assert known
    pattern = re.compile("|".join(sorted(known)))
    for each in list(world.reader.heard):
        envelope = json.dumps([each.key, each.headers], ensure_ascii=False)
        assert not pattern.search(envelope), each.type
        if not BY_NAME[each.topic].personal_ids:
            assert not pattern.search(each.value.decode()), each.type
    seen: Callable[[str], bool] = lambda text: bool(pattern.search(text))  # noqa: E731  # as short as it is, it reads best here
    for process in world.processes:
        assert not seen(process.log.read_text()), process.name
        assert not seen(process.get("/metrics")[1]), process.name
