"""The register of calls: which events write a line, and what stands in it (C6.1)."""

from typing import Any

import pytest

from homecall.contract.types import Event
from tests.unit.notifier.calls import (
    REQUEST,
    Told,
    accepted,
    answer,
    at,
    cancelled,
    closed,
    deferred,
    entries,
    refused,
    rescheduled,
    scheduled,
    unplaced,
    visit_cancelled,
)

TOLD_BY = {"id": "r-12", "full_name": "Сынақ Тіркеуші"}


def test_a_line_of_the_register_from_the_call_to_its_end() -> None:
    told = Told()
    told.hear(accepted("desk"), "09:00:05")
    told.hear(scheduled(1), "09:00:06")
    told.hear(answer("09:04:00"), "09:04:01")
    told.hear(rescheduled(2), "10:00:00")
    told.hear(closed(3), "12:20:00")
    lines = [each.model_dump(mode="json", exclude_none=True, exclude={"oral_answer"}) for each in told.entries]
    always = {
        "clinic_id": "samal-3",
        "register_date": "2026-11-23",
        "register_number": 17,
        "request_id": REQUEST,
        "channel": "desk",
        "patient_name": "Сынақ Пациент",
        "phone": "+7 700 000 01 23",
        "address": {"text": "Алматы, Тал көшесі, 27", "floor": "4"},
        "reasons": ["fever_above_38"],
        "accepted_at": "2026-11-23T09:00:02+05:00",
        "flags": ["iin_mismatch"],
        "registrar": {"id": "r-12", "full_name": "Сынақ Тіркеуші"},
    }
    first = {
        "doctor": {"doctor_id": "gp-А", "full_name": "Дәрігер А", "specialty": "gp"},
        "arrives_from": "2026-11-23T11:00:00+05:00",
        "arrives_to": "2026-11-23T11:30:00+05:00",
    }
    second = {
        "doctor": {"doctor_id": "gp-Б", "full_name": "Дәрігер Б", "specialty": "gp"},
        "arrives_from": "2026-11-23T12:00:00+05:00",
        "arrives_to": "2026-11-23T12:30:00+05:00",
        "answered_at": "2026-11-23T09:04:00+05:00",
        "answered_by": TOLD_BY,
    }
    assert lines == [
        {**always, "revision": 1},
        {**always, **first, "revision": 2},
        {**always, **first, "revision": 3, "answered_at": "2026-11-23T09:04:00+05:00", "answered_by": TOLD_BY},
        {**always, **second, "revision": 4},
        {**always, **second, "revision": 5, "outcome": "served"},
    ]
    assert [each.oral_answer.en.split(":")[0].split(".")[0] for each in told.entries] == [
        "Your call is accepted (No",
        "The doctor will come on Monday 23 November 2026 between 11",
        "The doctor will come on Monday 23 November 2026 between 11",
        "The doctor's visit has been changed",
        "The doctor has seen the patient at home; the call is closed",
    ]


ACCEPTED: list[Event] = [accepted()]
SCHEDULED: list[Event] = [accepted(), scheduled(1)]


@pytest.mark.parametrize(
    ("history", "event", "written"),
    [
        pytest.param([], deferred(), False, id="a deferred request is not entered yet"),
        pytest.param([deferred()], cancelled(), False, id="nor when it is withdrawn before its opening"),
        pytest.param([deferred(), cancelled()], answer(), False, id="nor when somebody is told of that"),
        pytest.param([deferred()], accepted(), True, id="taken up"),
        pytest.param([], refused(), True, id="a refused call is entered too"),
        pytest.param([refused()], answer(), True, id="and so is when its caller was told"),
        pytest.param(ACCEPTED, unplaced(1), False, id="no place yet changes nothing of the line"),
        pytest.param(SCHEDULED, unplaced(2), True, id="a place that is taken away does"),
        pytest.param(SCHEDULED, cancelled(), True, id="withdrawn"),
        pytest.param([*SCHEDULED, cancelled()], visit_cancelled(2), False, id="the visit's end is the withdrawal's"),
        pytest.param([*SCHEDULED, cancelled()], closed(3), True, id="visited after all"),
        pytest.param([*SCHEDULED, answer()], answer("09:20:00"), False, id="the first answer counts"),
    ],
)
def test_what_is_written(history: list[Event], event: Event, written: bool) -> None:
    told = Told()
    for each in history:
        told.hear(each)
    assert bool(entries(told.hear(event))) is written
    assert [each.revision for each in told.entries] == list(range(1, len(told.entries) + 1))


def test_a_place_that_is_taken_away_leaves_neither_doctor_nor_time() -> None:
    told = Told()
    for each in (accepted(), scheduled(1), unplaced(2)):
        told.hear(each)
    assert told.entries[-2].doctor is not None
    last = told.entries[-1]
    assert (last.doctor, last.arrives_from, last.arrives_to) == (None, None, None)


def test_a_withdrawn_call_keeps_its_number_and_what_was_told() -> None:
    told = Told()
    for each in (accepted(), scheduled(1), cancelled()):
        told.hear(each)
    last = told.entries[-1]
    assert (last.outcome, last.register_number, last.arrives_from) == ("withdrawn", 17, at("11:00:00"))
    assert told.statuses[-1].visit is None


def test_a_withdrawal_that_is_heard_before_its_acceptance_writes_the_line_of_its_number() -> None:
    told = Told()
    withdrawal = cancelled(register_date=at("09:00:00").date(), register_number=17)
    for each in (withdrawal, accepted()):
        told.hear(each)
    assert [(each.outcome, each.register_number, each.patient_name) for each in told.entries] == [
        ("withdrawn", 17, "Сынақ Пациент")
    ]
    assert [each.status for each in told.statuses] == ["withdrawn"], "what comes late is history"


@pytest.mark.parametrize(
    ("submitted_at", "heard", "day"),
    [
        (at("22 23:59:59"), "00:00:01", "2026-11-22"),
        (at("22 23:59:59").astimezone(), "00:00:01", "2026-11-22"),
        (None, "00:00:01", "2026-11-23"),
        # A refused request may name any day, also one that no rules cover.
        (at("09:00:00").replace(year=2012), "09:00:01", "2012-11-23"),
        (at("09:00:00").replace(year=2149), "09:00:01", "2149-11-23"),
    ],
)
def test_a_refused_call_stands_under_the_day_it_was_made(submitted_at: object, heard: str, day: str) -> None:
    told = Told()
    told.hear(refused(submitted_at=submitted_at, due_at=None, service_started_at=submitted_at), heard)
    [line] = told.entries
    assert str(line.register_date) == day
    assert (line.register_number, line.accepted_at, line.revision) == (None, None, 1)
    assert line.refusal is not None
    assert line.refusal.code == "outside_acceptance_hours"


def test_what_could_not_be_read_of_a_refused_call_is_left_out() -> None:
    told = Told()
    nothing: dict[str, Any] = dict.fromkeys(["submitted_at", "patient", "address", "reasons", "registrar", "due_at"])
    told.hear(refused(None, flags=[], **nothing))
    [line] = told.entries
    assert line.model_dump(mode="json", exclude_none=True, exclude={"oral_answer"}) == {
        "clinic_id": "samal-3",
        "register_date": "2026-11-23",
        "revision": 1,
        "request_id": REQUEST,
        "channel": "unknown",
        "patient_name": "",
        "flags": [],
        "refusal": {"code": "outside_acceptance_hours"},
    }


def test_the_applicants_phone_stands_in_for_the_patients() -> None:
    told = Told()
    told.hear(
        accepted(
            patient={"full_name": "Сынақ Бала"},
            applicant={"full_name": "Сынақ Ана", "phone": "+7 700 000 04 56", "authority": {"kind": "parent"}},
        )
    )
    assert told.entries[0].phone == "+7 700 000 04 56"
