"""The judge sees each kind of defect in a history made up for it, and none in a sound one."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable
from typing import Any

import bson
import pytest

from homecall.contract.events import ClinicPublished, RequestSubmitted, RosterPublished
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.runtime.failpoint import PLACES
from tests.factories import MONDAY, a_request
from tests.faults.harness import desk, kills, replays, scenarios, texts
from tests.faults.harness.feed import AT_ONCE, Plan
from tests.faults.harness.growth import Sample, growth
from tests.faults.harness.history import COUNTED, History, late
from tests.faults.harness.proxy import command_of
from tests.faults.harness.run import Report, summary
from tests.faults.ledger import Ledger
from tests.infrastructure.reader import Heard
from tests.integration import test_transfers

REQUEST = a_request("clinic-1", 1, MONDAY)
OTHER = a_request("clinic-1", 2, MONDAY)
SENT = "5a5a5a5a-0000-4000-8000-000000000001"


def event(event_type: str, data: dict[str, Any], event_id: str | None = None, **more: str) -> Heard:
    """An event as the reader gives it; its id is derived from the content unless given."""
    value = json.dumps(data).encode()
    topic = TOPIC_OF_TYPE[event_type]
    headers = {"ce_type": TYPE_PREFIX + event_type, "ce_id": event_id or str(uuid.uuid5(uuid.NAMESPACE_OID, str(data)))}
    return Heard(topic.name, 0, 0, str(data.get(topic.key, "")), headers | more, value)


def about(request: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"request_id": request["request_id"], "clinic_id": "clinic-1", **more}


def a_day(request: dict[str, Any], number: int = 1) -> list[Heard]:
    """What is heard of a request that goes well."""
    doctor = {"doctor_id": f"doctor-{number}"}
    visit = {"arrives_from": "2026-11-23T10:00:00+05:00", "arrives_to": "2026-11-23T11:00:00+05:00", "doctor": doctor}
    visit["visit_date"] = "2026-11-23"
    sent = SENT if request is REQUEST else str(uuid.uuid5(uuid.NAMESPACE_OID, "other"))
    return [
        event("request.submitted", request, sent),
        event("request.accepted", about(request, register_date="2026-11-23", register_number=number)),
        event("visit.scheduled", about(request, revision=1, **visit)),
        event("status.changed", about(request, sequence=1, status="registered")),
        event("status.changed", about(request, sequence=2, status="scheduled")),
        event("journal.entry", about(request, revision=1, register_date="2026-11-23", register_number=number)),
    ]


def judged(heard: list[Heard], outcome: Any = "ok") -> dict[str, list[str]]:
    history = History()
    history.end(history.begin(SENT, "request.submitted", REQUEST), outcome)
    if any(each.id != SENT and each.type == "request.submitted" for each in heard):
        other = next(each.id for each in heard if each.id != SENT and each.type == "request.submitted")
        history.end(history.begin(other, "request.submitted", OTHER), "ok")
    return history.judge(heard)


def without(event_type: str) -> list[Heard]:
    return [each for each in a_day(REQUEST) if each.type != event_type]


def test_a_sound_history_has_no_findings() -> None:
    assert judged(a_day(REQUEST)) == {}
    assert judged([*a_day(REQUEST), *a_day(OTHER, 2)]) == {}
    assert judged(a_day(REQUEST) * 2) == {}, "what is said again under the same id is one effect"
    assert judged(list(reversed(a_day(REQUEST)))) == {}, "the order of offsets says nothing"


DEFECTS: dict[str, tuple[str, Callable[[], list[Heard]]]] = {
    "said without end": ("endless", lambda: a_day(REQUEST) * 61),
    "acknowledged, and not in its topic": ("lost", lambda: without("request.submitted")),
    "no decision": ("lost", lambda: [a_day(REQUEST)[0]]),
    "no line in the register": ("lost", lambda: without("journal.entry")),
    "no answer": ("unanswered", lambda: a_day(REQUEST)[:4] + a_day(REQUEST)[5:]),
    "a number that is missing": ("gap", lambda: a_day(REQUEST, 2)),
    "a number twice": ("doubled", lambda: [*a_day(REQUEST, 1), *a_day(OTHER, 1)]),
    "one effect under two ids": (
        "doubled",
        lambda: [*a_day(REQUEST), event("status.changed", a_day(REQUEST)[4].data, "another id")],
    ),
    "one id that says two things": (
        "contradiction",
        lambda: [*a_day(REQUEST), event("status.changed", a_day(REQUEST)[4].data | {"x": 1}, a_day(REQUEST)[4].id)],
    ),
    "a status that goes back": (
        "gone_back",
        lambda: [*a_day(REQUEST), event("status.changed", about(REQUEST, sequence=3, status="deferred"))],
    ),
    "a number that is taken from its line": (
        "gone_back",
        lambda: [*a_day(REQUEST), event("journal.entry", about(REQUEST, revision=2))],
    ),
    "what nobody sent": (
        "phantom",
        lambda: [*a_day(REQUEST), event("status.changed", about(OTHER, sequence=1, status="refused"))],
    ),
    "a deadline missed twice": (
        "doubled",
        lambda: [
            *a_day(REQUEST),
            *(
                event("deadline.missed", missed, f"id {number}")
                for number, missed in enumerate([_missed("scheduled"), _missed("unplaced")])
            ),
        ],
    ),
    "a dead letter that nobody meant": (
        "dead",
        lambda: [
            *a_day(REQUEST),
            event(
                "visit.reported",
                about(REQUEST),
                **{
                    "homecall-dead-reason": "schema",
                    "homecall-dead-topic": "homecall.visits.v1",
                    "homecall-dead-service": "scheduler",
                },
            ),
        ],
    ),
}


def _missed(stage: str) -> dict[str, Any]:
    about_it = {"subject_kind": "request", "subject_id": REQUEST["request_id"], "clinic_id": "clinic-1"}
    return about_it | {"deadline": "answer", "due_at": "2026-11-23T09:10:00+05:00", "stage": stage}


@pytest.mark.parametrize(("kind", "heard"), DEFECTS.values(), ids=DEFECTS.keys())
def test_each_defect_is_seen(kind: str, heard: Callable[[], list[Heard]]) -> None:
    assert kind in judged(heard())


def test_what_first_comes_late_is_told_from_what_comes_again() -> None:
    day = a_day(REQUEST)
    for place, each in enumerate(day):
        each.offset = place
    assert late(day) == []
    again = [Heard(each.topic, each.partition, each.offset + 10, each.key, each.headers, each.value) for each in day]
    assert late([*again, *day]) == []
    day[3].offset = 9
    (found,) = late(day)
    assert found == f"status.changed {REQUEST['request_id']} came as [2, 1]"


def promises(*of: str, **roster: Any) -> list[str]:
    """What the ledger says against promises of one doctor from ten to half past ten, and a roster of that day."""
    about_it = {"clinic_id": "clinic-1", "visit_date": "2026-11-23", "revision": 1, "doctor": {"doctor_id": "doctor-1"}}
    window = {"arrives_from": "2026-11-23T10:00:00+05:00", "arrives_to": "2026-11-23T10:30:00+05:00"}
    heard = [event("visit.scheduled", about_it | window | {"request_id": each}) for each in of]
    heard.append(
        event("visit.closed", {"request_id": "d", "clinic_id": "clinic-1", "revision": 2, "outcome": "served"})
    )
    heard.append(event("roster.published", {"clinic_id": "clinic-1", "date": "2026-11-23", "revision": 1, **roster}))
    return Ledger().judge(heard).get("clash", [])


def test_promises_are_held_against_the_time_that_visits_take() -> None:
    assert promises("a", "b", "c"), "three visits of twenty minutes begin within half an hour"
    assert not promises("a", "b", "d"), "one of them has been made"
    assert not promises("a", "b", "c", visit_minutes=10)
    assert promises("a", "b", "c", "e", "f", visit_minutes=10)


def test_an_unknown_operation_is_judged_by_what_its_topic_holds() -> None:
    assert judged(a_day(REQUEST), "unknown") == {}
    assert judged([], "unknown") == {}, "it was not written: nothing is owed"
    assert "lost" in judged([a_day(REQUEST)[0]], "unknown"), "it was written: a decision is owed"
    assert "phantom" in judged(a_day(REQUEST), "failed"), "it was said to have failed, and stands in its topic"


def test_the_same_seed_sends_the_same() -> None:
    first, second = Plan(7), Plan(7)
    events = [first.events(), second.events()]
    assert [[next(each) for _ in range(500)] for each in events[:1]] == [
        [next(each) for _ in range(500)] for each in events[1:]
    ]
    assert next(Plan(8).events()) != next(Plan(7).events())


def test_a_plan_of_any_size_keeps_to_the_contract() -> None:
    plan = Plan(7, clinics=110, minutes=300)
    for model, sent in ((ClinicPublished, plan.clinics), (RosterPublished, plan.rosters)):
        for each in sent:
            model.model_validate_json(json.dumps(each))
    for _, (event_type, data) in zip(range(300), plan.events(), strict=False):
        if event_type == "request.submitted":
            RequestSubmitted.model_validate_json(json.dumps(data))


def test_a_steady_plan_has_few_clinics_at_a_time_and_all_in_the_end() -> None:
    plan = Plan(7, clinics=30, minutes=60, each=20)
    row = [data["clinic_id"] for _, (_, data) in zip(range(800), plan.events(), strict=False) if "clinic_id" in data]
    assert len(set(row)) >= len(plan.opens) - 2
    assert max(len(set(row[place : place + 20])) for place in range(len(row))) <= AT_ONCE + 2
    assert set(row[:40]).isdisjoint(row[-40:])


def test_every_failpoint_is_on_some_services_way() -> None:
    killed_at = {place for places in kills.PLACES_OF.values() for place in places}
    assert killed_at | set(texts.PLACES) | set(desk.PLACES) | set(test_transfers.PLACES) == set(PLACES)


def test_a_control_is_told_from_a_scenario_in_the_summary() -> None:
    scenario = Report("a", 7, requests=10, kills={"intake": 2, "guests": 5}, findings={"gap": ["x"], "stuck": ["y"]})
    caught = Report("b", 7, control=True, defect="doubled", requests=5, findings={"doubled": ["x"]})
    unseen = Report("c", 7, control=True, defect="doubled", findings={"lost": ["x"], "stuck": ["it stood still"]})
    assert summary([scenario, caught, unseen, Report("d", 7, skipped="not here")]) == {
        "scenarios": 1,
        "failed": ["a", "c"],
        "controls": 2,
        "controls_caught": 1,
        "requests": 15,
        "lost": 1,
        "doubled": 0,
        "gone_back": 0,
        "phantom": 0,
        "kills": 2,
    }
    assert set(COUNTED) == {"lost", "doubled", "gone_back", "phantom"}
    assert len(scenarios.CONTROLS) == 6


def test_the_proxy_knows_a_write_from_a_question() -> None:
    for command in ("insert", "update", "find"):
        body = struct.pack("<i", 0) + b"\0" + bson.encode({command: "calls", "$db": "x"})
        assert command_of(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body) == command
    assert command_of(struct.pack("<iiii", 16, 1, 0, 2012)) == ""


def held(seconds: int, memory: Callable[[int], float], files: Callable[[int], float]) -> list[Sample]:
    """Samples every four seconds, in KiB and descriptors, with a peak now and then."""
    return [
        Sample(at, round(memory(at)) + (9_000 if at % 60 == 0 else 0), round(files(at)) + (5 if at % 100 == 0 else 0))
        for at in range(0, seconds, 4)
    ]


@pytest.mark.parametrize("seconds", [120, 900])
def test_the_soak_tells_a_leak_from_a_warm_up_and_from_noise(seconds: int) -> None:
    def warm(at: int) -> float:
        return 100_000 - 20_000 * 0.5 ** (at / 10) + at % 7 * 150

    sound = growth(held(seconds, warm, lambda at: 40 + at % 3))
    assert sound is not None
    assert sound.faults == []
    leak = growth(held(seconds, lambda at: warm(at) + 20_000 * at / seconds, lambda _: 40))
    assert leak is not None
    assert [each.split(" went")[0] for each in leak.faults] == ["resident memory"]
    unclosed = growth(held(seconds, warm, lambda at: 40 + 9 * at / seconds))
    assert unclosed is not None
    assert [each.split(" went")[0] for each in unclosed.faults] == ["open files"]
    assert growth(held(40, warm, lambda _: 40)) is None, "too few to tell"


def test_the_ledger_finds_a_text_that_went_out_after_a_newer_one() -> None:
    assert Ledger.judge_order(["a-1", "b-1", "a-3", "b-2", "a-3"]) == {}
    assert Ledger.judge_order(["a-1", "a-3", "b-1", "a-2"]) == {"stale": ["the gateway took a-2 after a-3"]}


def test_a_decision_by_older_hours_and_a_visit_by_an_older_roster_have_gone_back() -> None:
    opens = {"clinic-1": MONDAY}
    sent = {"early": {"submitted_at": "2026-11-23T08:59:00+05:00"}, "late": {"submitted_at": MONDAY.isoformat()}}

    def old(event_type: str, request_id: str, **more: Any) -> list[str]:
        said = event(event_type, {"request_id": request_id, "clinic_id": "clinic-1", **more})
        return replays.gone_by_the_old([said], sent, opens)

    assert not old("request.refused", "early", code="outside_acceptance_hours")
    assert not old("request.refused", "late", code="open_request")
    assert old("request.refused", "late", code="outside_acceptance_hours")
    assert not old("request.deferred", "early", opens_at=MONDAY.isoformat())
    assert old("request.deferred", "early", opens_at="2026-11-23T20:00:00+05:00")
    assert not old("visit.scheduled", "late", doctor={"doctor_id": "clinic-1-doctor-1"})
    assert old("visit.scheduled", "late", doctor={"doctor_id": f"{replays.FORMER}-1"})


def test_a_forged_record_has_its_letter_and_nothing_else_has_one() -> None:
    def letter(offset: int, reason: str) -> Heard:
        at = {"topic": "homecall.requests.v1", "partition": "0", "offset": str(offset), "reason": reason}
        return event("request.submitted", REQUEST, **{f"homecall-dead-{name}": text for name, text in at.items()})

    due = {("homecall.requests.v1", 0, 7): "unauthorised"}
    assert replays.wrong_letters([letter(7, "unauthorised")] * 2, due) == {}, "after a crash a letter may come twice"
    assert replays.wrong_letters([], due).keys() == {"not answered"}
    assert replays.wrong_letters([letter(7, "schema")], due).keys() == {"dead"}
    assert replays.wrong_letters([letter(7, "unauthorised"), letter(8, "unauthorised")], due).keys() == {"dead"}


def test_the_plan_of_older_records_keeps_to_the_contract() -> None:
    plan = replays.Renewed(7, clinics=16)
    for model, sent in ((ClinicPublished, plan.clinics), (RosterPublished, plan.rosters)):
        for each in sent:
            model.model_validate_json(json.dumps(each))
    last = {each["clinic_id"]: each for each in plan.clinics}
    assert all(plan.time_of(last[each["clinic_id"]]) > plan.time_of(each) for each in plan.clinics[: len(last)])


def test_a_stale_text_counts_as_gone_back() -> None:
    assert Report("a", 7, findings=Ledger.judge_order(["a-3", "a-2"])).count("gone_back") == 1
