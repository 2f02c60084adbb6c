"""Times that senders state (R21): held against the record and their neighbours, and what cannot be is never counted."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from prometheus_client import REGISTRY
from pydantic import BaseModel

from homecall.contract.envelope import Incoming, read
from homecall.contract.events import MODELS
from homecall.contract.topics import TOPICS
from homecall.runtime import metrics
from homecall.runtime.engine.decision import Ended, Took
from homecall.standard.clinic_events import ClinicEvents
from homecall.standard.rules import load_rule_sets
from homecall.standard.stated_times import implausible_times, tolerance_by
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.call_verdicts import verdicts
from services.complaints.handler import Timelines
from services.scheduler.domain.calls import reported as visit_reported
from tests.contract.goldens import compact, examples, record
from tests.unit.complaints.casebook import Casebook, command, submission
from tests.unit.complaints.casebook import incoming as complaint_event
from tests.unit.intake.office import Office, decide, submitted
from tests.unit.intake.office import withdrawn as withdrawal
from tests.unit.notifier.calls import CONFIRMING, Told, accepted, answer, closed, deferred, refused, scheduled
from tests.unit.notifier.calls import at as on_monday
from tests.unit.notifier.calls import incoming as notifier_event
from tests.unit.scheduler import office as scheduler
from tests.unit.standard.local_times import at

RULES = load_rule_sets()
NOON = "Fri 2026-11-20 12:00"
QUEUE, SERVICE, ANSWER = "queue_time_implausible", "service_time_implausible", "answer_time_implausible"
DOCS = Path(__file__).parents[2] / "docs" / "standard.md"


# ---------------------------------------------------------------- the table is whole


def _parts(annotation: Any) -> Iterator[Any]:
    """The types in an annotation: through optionals, lists, tuples and dictionaries."""
    if get_origin(annotation) in (None,):
        yield annotation
        return
    if get_origin(annotation) in (Union, types.UnionType, list, tuple, dict) or get_args(annotation):
        for each in get_args(annotation):
            yield from _parts(each)


def _times(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted paths of the fields of a model that hold a time, a date or a time of day."""
    for name, info in model.model_fields.items():
        path = prefix + (info.alias or name)
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _times(part, f"{path}.")
            elif isinstance(part, type) and issubclass(part, datetime | date | time):
                yield path


STATED = sorted(
    {
        (event_type, path)
        for topic in TOPICS
        if not topic.ours
        for event_type in topic.types
        for path in _times(MODELS[event_type])
    }
)


@pytest.mark.parametrize(("event_type", "path"), STATED)
def test_every_time_of_every_incoming_event_has_its_rule(event_type: str, path: str) -> None:
    text = DOCS.read_text("utf-8").partition("## Times that senders state")[2]
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith(f"| `{event_type}` ")]
    named = {each for row in rows for each in re.findall(r"`([a-z_.]+)`", row)}
    top = path.split(".")[0]
    assert path in named or (top == "hours" and top in named) or path.removesuffix(".hours") in named, rows


def test_the_sweep_finds_the_times() -> None:
    assert len(STATED) >= 18
    assert ("request.submitted", "applicant.authority.valid_until") in STATED
    assert ("doctor.unavailable", "from") in STATED


# ---------------------------------------------------------------- the queue and the start of service, intake


def _minutes(minutes: float) -> str:
    return (at(NOON) + timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize(
    ("queued", "service", "flags"),
    [
        (-5, -1, []),
        (0, 0, []),
        (-5, 3, []),
        (-24 * 60, None, []),
        (1 / 60, None, [QUEUE]),
        (600, None, [QUEUE]),
        (-24 * 60 - 1, None, [QUEUE]),
        (-5, -6, [SERVICE]),
        (None, -24 * 60 - 1, [SERVICE]),
        (None, 24 * 60 + 1, [SERVICE]),
        (600, -1, [QUEUE]),
        (600, 1600, [QUEUE, SERVICE]),
    ],
)
@pytest.mark.parametrize("over", [{}, {"reasons": ["boredom"]}, {"patient": {"iin": "850715100001"}}])
def test_r21_a_queue_that_cannot_be_is_flagged_and_not_counted(
    queued: float | None, service: float | None, flags: list[str], over: dict[str, Any]
) -> None:
    times = {"queued_at": queued, "service_started_at": service}
    stated = {name: _minutes(value) for name, value in times.items() if value is not None}
    decision = decide(submitted(NOON, "desk", **stated, **over))
    assert decision.state is not None
    assert [each for each in decision.state.request["flags"] if each.endswith("time_implausible")] == flags
    counted = [each for each in decision.measures if getattr(each, "deadline", "") == "queue"]
    assert bool(counted) == (queued is not None and QUEUE not in flags)
    assert not [each for each in decision.measures if isinstance(each, Took) and each.seconds < 0]
    # Shown as they were sent, and on the event that is said now, where one is.
    assert {name: decision.state.request[name] for name in stated} == stated
    for say in decision.says:
        assert getattr(say.data, "flags", flags)[-len(flags) :] == flags or not flags


@pytest.mark.parametrize(("ahead", "flags"), [(119, []), (120, []), (121, [SERVICE]), (36_000, [SERVICE])])
def test_r21_a_service_that_starts_after_its_record(ahead: int, flags: list[str]) -> None:
    recorded = at(NOON) + timedelta(seconds=1)
    stated = (recorded + timedelta(seconds=ahead)).isoformat()
    event = submitted(NOON, "desk", service_started_at=stated)
    for record_time, expected in ((recorded, flags), (None, [])):  # without a record it is not judged
        state = decide(event, record_time=record_time).state
        assert state is not None
        assert state.request["flags"] == expected
        assert state.status == "accepted"


def test_r21_the_queue_of_a_request_that_comes_from_the_future_is_not_counted() -> None:
    recorded = at(NOON) - timedelta(hours=10)
    decision = decide(submitted(NOON, "desk", queued_at=_minutes(-2)), record_time=recorded)
    assert not [each for each in decision.measures if isinstance(each, Took | Ended)]
    # 2 minutes are R17's: the queue lies between two times of one clock, and is counted.
    decision = decide(submitted(NOON, "desk", queued_at=_minutes(-2)), record_time=at(NOON) - timedelta(minutes=2))
    assert Took("desk", "queue", 120.0) in decision.measures


# ---------------------------------------------------------------- one place for every at: the engine


def stamped(event: Incoming, recorded: datetime) -> Incoming:
    return replace(event, record=replace(event.record, timestamp=int(recorded.timestamp() * 1000)))


@pytest.mark.parametrize(
    ("ahead", "dead"), [(-3600, False), (0, False), (1, False), (120, False), (120.5, True), (36_000, True)]
)
@pytest.mark.parametrize("judged", [True, False])
async def test_r21_an_at_ahead_of_its_record_is_a_dead_letter(ahead: float, dead: bool, judged: bool) -> None:
    office = await Office().prepared()
    await office.hear(submitted(NOON), now="Fri 2026-11-20 12:00:01")
    office.engine.rules = ClinicEvents(tolerance=tolerance_by(RULES) if judged else None)
    stated = at("Fri 2026-11-20 14:00")
    event = stamped(withdrawal("Fri 2026-11-20 14:00"), stated - timedelta(seconds=ahead))
    handled = await office.handle(event, now="Fri 2026-11-20 14:00")
    state = await office.state()
    if dead and judged:
        ((_, letter),) = handled.dead
        assert letter.reason == "invalid_transition"
        assert letter.detail.startswith("at: is ")
        assert "120 s are allowed (R21)" in letter.detail
        assert state.status == "accepted"
        return
    assert (handled.dead, state.status) == ([], "cancelled")
    taken = min(stated, event.record.recorded_at or stated) if judged else stated
    assert datetime.fromisoformat(str(state.cancelled_at)) == taken


@pytest.mark.parametrize(
    "event_type",
    [each for topic in TOPICS if not topic.ours for each in topic.types if "at" in MODELS[each].model_fields],
)
def test_r21_every_such_event_is_held_against_its_record(event_type: str) -> None:
    data = examples("valid", (event_type,))[0].data
    event = read(record(event_type, compact(data)))
    rules = ClinicEvents(tolerance=tolerance_by(RULES))
    stated: Any = event.data
    assert isinstance(rules.admit(None, stamped(event, stated.at - timedelta(minutes=3))), str)
    slightly: Any = rules.admit(None, stamped(event, stated.at - timedelta(minutes=1)))
    assert slightly.data.at == stated.at - timedelta(minutes=1)
    for record_time in (stated.at, stated.at + timedelta(days=3), datetime.fromtimestamp(0, stated.at.tzinfo)):
        admitted: Any = rules.admit(None, stamped(event, record_time))
        assert admitted.data == event.data


# ---------------------------------------------------------------- before the request


@pytest.mark.parametrize(("when", "dead"), [("11:59:59", True), ("12:00:00", False), ("12:00:01", False)])
async def test_r21_no_request_is_withdrawn_before_it_was_made(when: str, dead: bool) -> None:
    office = await Office().prepared()
    await office.hear(submitted(NOON), now="Fri 2026-11-20 12:00:01")
    handled = await office.handle(withdrawal(f"Fri 2026-11-20 {when}"))
    assert [letter.detail.split(" (R21)")[0] for _, letter in handled.dead] == (
        ["at: lies before the request, which was made at 2026-11-20T12:00:00+05:00"] if dead else []
    )
    assert (await office.state()).status == ("accepted" if dead else "cancelled")


@pytest.mark.parametrize(
    ("when", "dead"), [("Thu 2026-10-29 12:00", True), ("Fri 2026-11-20 09:59:59", True), (NOON, False)]
)
def test_r21_no_visit_is_made_before_its_request(when: str, dead: bool) -> None:
    taken = scheduler.take(scheduler.accepted("Fri 2026-11-20 10:00"), "Fri 2026-11-20 14:00")
    decision = visit_reported(replace(taken, pending=[]), scheduler.reported(when))
    assert (decision.dead is not None) == dead
    if dead:
        assert "before the request" in str(decision.dead)
        assert (decision.state, list(decision.measures)) == (None, [])
    # A call that an earlier release stored has no such time: it is closed as ever.
    assert visit_reported(replace(taken, asked_at=None), scheduler.reported(when)).dead is None


@pytest.mark.parametrize(
    ("when", "dead"), [("02 09:05:00", True), ("08:59:59", True), ("09:00:00", False), ("09:05:00", False)]
)
@pytest.mark.parametrize("clinic", [CONFIRMING])
def test_r21_no_answer_is_given_before_its_request(when: str, dead: bool, clinic: Any) -> None:
    told = Told(clinic)
    told.hear(accepted("phone"))
    told.hear(answer(when), "09:06:00")
    assert told.state is not None
    if dead:
        assert [each.reason for each in told.dead] == ["invalid_transition"]
        assert (told.ended, told.spoken, told.state.answered_at) == ([], {}, None)
        told.tick("09:10:00")
        assert told.ended == [("answer", "missed")]
        return
    assert (told.dead, told.ended) == ([], [("answer", "met")])


def test_r21_an_answer_that_waited_for_its_request_is_flagged_in_the_register() -> None:
    told = Told(CONFIRMING)
    told.hear(deferred(opens="08:00:00", due="08:30:00", submitted_at=None))
    told.hear(answer("02 09:05:00"), "08:00:01")
    told.hear(accepted("phone"), "08:00:02")
    assert told.state is not None
    assert (told.state.answered_at, told.ended) == (None, [])
    assert ANSWER in told.entries[-1].flags


# ---------------------------------------------------------------- the service, notifier


@pytest.mark.parametrize(
    ("started", "flags", "counted"),
    [
        ("08:59:00", [], True),
        ("09:00:01", [], True),
        ("09:03:00", [], False),
        ("19:00:00", [], False),
        ("21 08:59:00", [], False),
        ("08:59:00", [SERVICE], False),
    ],
)
@pytest.mark.parametrize("make", [accepted, refused])
def test_r21_a_service_that_cannot_be_is_not_counted(started: str, flags: list[str], counted: bool, make: Any) -> None:
    told = Told()
    told.hear(make("phone", service_started_at=on_monday(started), flags=flags))
    told.hear(scheduled())
    assert ("service" in told.took) == (("service", "met") in told.ended) == counted
    assert all(each.seconds >= 0 for each in told.measures if isinstance(each, Took))
    assert ("answer", "met") in told.ended


def test_r21_an_answer_before_the_service_counts_for_the_answer_alone() -> None:
    told = Told(CONFIRMING)
    told.hear(accepted("phone", service_started_at=on_monday("09:01:30")), "09:01:40")
    told.hear(scheduled(), "09:01:41")
    told.hear(answer("09:01:00"), "09:05:00")
    assert (told.ended, told.took.get("answer")) == ([("answer", "met")], 60.0)
    assert SERVICE in told.entries[-1].flags


def test_r21_who_is_visited_before_the_opening_took_no_time_of_the_answer() -> None:
    told = Told()
    told.hear(deferred())
    told.hear(accepted(submitted_at=on_monday("22 22:10:00"), clock_started_at=on_monday("08:00:00")), "08:00:01")
    told.hear(closed(when="07:50:00"), "08:00:02")
    assert (told.took["answer"], told.ended) == (0.0, [("answer", "met")])


# ---------------------------------------------------------------- complaints


def _line(data: Any, heard: str = "09:00:02") -> Incoming:
    return replace(notifier_event(data), time=on_monday(heard).isoformat())


def _judged(*events: Incoming) -> dict[str, tuple[str, datetime | None]]:
    state: CallTimeline | None = None
    for event in events:
        decision = Timelines().decide(state, event, None, on_monday("12:00:00"))
        state = decision.state or state
    assert state is not None
    found = verdicts(state.lines, on_monday("24 12:00:00"), RULES.on(on_monday("09:00:00").date()))
    return {each.deadline: (each.verdict, each.ended_at) for each in found}


@pytest.mark.parametrize(
    ("times", "absent"),
    [
        ({"queued_at": "08:55:00", "service_started_at": "08:59:00"}, []),
        ({"queued_at": "19:00:00", "service_started_at": "08:59:00"}, ["queue"]),
        ({"queued_at": "21 08:55:00", "service_started_at": "08:59:00"}, ["queue"]),
        ({"queued_at": "08:55:00", "service_started_at": "19:00:00"}, ["service"]),
    ],
)
def test_r21_a_complaints_file_judges_no_time_that_cannot_be(times: dict[str, str], absent: list[str]) -> None:
    asked = accepted("phone", **{name: on_monday(each) for name, each in times.items()})
    judged = _judged(_line(asked), _line(answer("09:05:00"), "09:05:01"))
    assert [name for name in ("queue", "service") if name not in judged] == absent


@pytest.mark.parametrize("first", [True, False])
def test_r21_a_complaints_file_takes_no_answer_from_before_the_request(first: bool) -> None:
    known = _line(scheduled(), "09:00:03")  # a line of ours that does not say when the request was made
    events = [known, _line(answer("02 09:05:00"), "09:00:04"), _line(accepted("phone"))]
    verdict, ended_at = _judged(*(events if first else [events[0], events[2], events[1]]))["answer"]
    assert (verdict, ended_at) == ("unknown", None)


MADE = "Tue 2026-11-24 09:40"


@pytest.mark.parametrize(
    ("name", "when", "wrong"),
    [
        ("assigned", "Tue 2026-11-24 09:39", "before the registration"),
        ("executed", "Tue 2026-11-24 10:59", "before what it follows"),
        ("executed", "Tue 2026-11-24 11:00", ""),
        ("answered", "Tue 2026-11-24 11:59", "before what it follows"),
        ("answered", "Tue 2026-11-24 12:00", ""),
        ("refused", "Tue 2026-11-24 10:30", "before what it follows"),
        ("refused", "Tue 2026-11-24 12:01", ""),
        ("escalated", "Tue 2026-11-24 10:30", ""),
    ],
)
def test_r21_a_complaints_commands_are_held_against_one_another(name: str, when: str, wrong: str) -> None:
    book = Casebook()
    book.hear(complaint_event("complaint.submitted", submission(MADE)))
    book.hear(command("assigned", "Tue 2026-11-24 11:00"))
    book.hear(command("executed", "Tue 2026-11-24 12:00", measures="Дәрігермен сөйлестік"))
    more = {"measures": "Тағы бір шара қолданылды"} if name == "executed" else {}
    said = book.hear(command(name, when, **more))
    assert wrong in said if wrong else said.startswith(name)


# ---------------------------------------------------------------- the last guard


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [(-36_000.0, 0), (-121.0, 0), (float("nan"), 0), (float("inf"), 0), (-0.2, 1), (0.0, 1), (12.5, 1)],
)
def test_no_negative_duration_enters_a_histogram(seconds: float, counted: int) -> None:
    def read(name: str) -> float:
        labels = {"channel": "phone", "stage": "queue"}
        return REGISTRY.get_sample_value(f"homecall_processing_seconds_{name}", labels) or 0.0

    before, total = read("count"), read("sum")
    metrics.record([Took("phone", "queue", seconds)])
    assert read("count") - before == counted
    assert read("sum") - total == pytest.approx(max(0.0, seconds) if counted else 0.0)


def test_r21_the_tolerance_is_the_rule_sets() -> None:
    assert tolerance_by(RULES)(at(NOON)) == timedelta(seconds=RULES.nearest(None).clock_tolerance.seconds)
    assert (
        implausible_times(
            queued_at=None, service_started_at=None, submitted_at=at(NOON), known_by=None, tolerance=timedelta()
        )
        == []
    )
