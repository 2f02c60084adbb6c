"""Which status each event leads to, whatever was said before, and what the status carries (C6.2, C14)."""

import dataclasses

import pytest

from homecall.contract.types import Event
from homecall.texts.statuses import CALL_103_NOW
from tests.unit.notifier.calls import (
    CONFIRMING,
    NOTIFIER,
    Told,
    accepted,
    answer,
    at,
    cancelled,
    closed,
    deferred,
    facts_of,
    incoming,
    refused,
    rescheduled,
    scheduled,
    statuses,
    unplaced,
    visit_cancelled,
)

STATES: dict[str, list[Event]] = {
    "new": [],
    "deferred": [deferred()],
    "registered": [accepted()],
    "delayed": [accepted(), unplaced(1)],
    "scheduled": [accepted(), scheduled(1)],
    "rescheduled": [accepted(), scheduled(1), rescheduled(2)],
    "refused": [refused()],
    "withdrawn": [accepted(), cancelled()],
    "completed": [accepted(), scheduled(1), closed(2)],
}
KEPT = "kept"
"""Until the request is known."""

EVENTS: list[tuple[str, Event, list[str]]] = [
    # What is said in each state, in the order above; "-": nothing, it is history.
    ("accepted", accepted(), ["registered", "registered", *["-"] * 7]),
    ("deferred", deferred(), ["deferred", *["-"] * 8]),
    ("deferred again (R16)", deferred("24 08:00:00", "24 08:30:00"), ["deferred", "deferred", *["-"] * 7]),
    ("refused", refused(), ["refused", "refused", *["-"] * 7]),
    ("cancelled", cancelled(), [*["withdrawn"] * 6, "-", "-", "-"]),
    ("scheduled", scheduled(9), [KEPT, KEPT, *["scheduled"] * 4, "-", "-", "-"]),
    # A visit that nobody was told of before is the answer, whatever the scheduler had planned meanwhile.
    ("rescheduled", rescheduled(9), [KEPT, KEPT, *["scheduled"] * 2, *["rescheduled"] * 2, "-", "-", "-"]),
    ("unplaced", unplaced(9), [KEPT, KEPT, "delayed", "-", "delayed", "delayed", "-", "-", "-"]),
    ("visit cancelled", visit_cancelled(9), [KEPT, KEPT, *["-"] * 7]),
    ("closed, served", closed(9), [KEPT, KEPT, *["completed"] * 4, "-", "completed", "-"]),
    ("closed, declined", closed(9, "declined"), [KEPT, KEPT, *["not_completed"] * 4, "-", *["not_completed"] * 2]),
    ("answer given", answer(), [KEPT, KEPT, *["-"] * 7]),
]


@pytest.mark.parametrize(
    ("history", "event", "expected"),
    [
        pytest.param(history, event, said, id=f"{name} when {state}")
        for name, event, row in EVENTS
        for (state, history), said in zip(STATES.items(), row, strict=True)
    ],
)
def test_status_of_each_event_in_each_state(history: list[Event], event: Event, expected: str) -> None:
    told = Told()
    for each in history:
        told.hear(each)
    said = [each.status for each in statuses(told.hear(event))]
    kept = told.parked or (told.state is not None and told.state.early)
    assert (KEPT if kept else said[0] if said else "-") == expected
    assert len(said) <= 1
    assert not told.dead


@pytest.mark.parametrize("state", [name for name in STATES if name not in {"new", "deferred"}])
@pytest.mark.parametrize("late", [scheduled(1), rescheduled(2), unplaced(1), closed(2)], ids=lambda each: each.TYPE)
def test_a_visit_of_a_lower_or_equal_revision_is_history(state: str, late: Event) -> None:
    told = Told()
    for each in STATES[state]:
        told.hear(each)
    assert told.state is not None
    told.state = dataclasses.replace(told.state, visit_revision=2)
    assert told.hear(late) == []


def test_a_whole_life_is_told_in_order() -> None:
    told = Told()
    for event, clock in [
        (deferred(), "22 22:10:05"),
        (deferred("24 08:00:00", "24 08:30:00"), "08:00:01"),
        (
            accepted(accepted_at=at("24 08:00:01"), clock_started_at=at("24 08:00:00"), due_at=at("24 08:30:00")),
            "24 08:00:02",
        ),
        (unplaced(1), "24 08:00:03"),
        (scheduled(2, "24 11:00:00"), "24 08:10:00"),
        (rescheduled(3, "24 12:00:00"), "24 09:00:00"),
        (closed(4, when="24 12:10:00"), "24 12:15:00"),
    ]:
        told.hear(event, clock)
    assert [(each.sequence, each.status, each.occurred_at) for each in told.statuses] == [
        (1, "deferred", at("22 22:10:05")),
        (2, "deferred", at("08:00:01")),
        (3, "registered", at("24 08:00:02")),
        (4, "delayed", at("24 08:00:03")),
        (5, "scheduled", at("24 08:10:00")),
        (6, "rescheduled", at("24 09:00:00")),
        (7, "completed", at("24 12:15:00")),
    ]
    assert [each.on_time for each in told.statuses] == [None, None, None, None, True, None, None]
    assert {each.channel for each in told.statuses} == {"portal"}
    assert [each.register_number for each in told.statuses] == [None, None, *[17] * 5]
    assert [each.due_at for each in told.statuses] == [at("08:30:00"), *[at("24 08:30:00")] * 6]
    times = {each.status: each.visit.arrives_from for each in told.statuses if each.visit}
    assert times == {
        "scheduled": at("24 11:00:00"),
        "rescheduled": at("24 12:00:00"),
        "completed": at("24 12:00:00"),
    }


def test_what_comes_before_the_acceptance_is_told_after_it() -> None:
    told = Told()
    told.hear(scheduled(1))
    told.hear(deferred(), "08:00:00")
    told.hear(unplaced(2))
    told.hear(answer())
    assert [each.status for each in told.statuses] == ["deferred"]
    told.hear(accepted(), "09:00:10")
    assert [each.status for each in told.statuses] == ["deferred", "registered", "scheduled", "delayed"]
    assert told.entries[-1].answered_at == at("09:05:00")
    assert told.state is not None
    assert told.state.early == []


def test_a_clock_that_goes_back_does_not_take_the_statuses_with_it() -> None:
    told = Told()
    told.hear(accepted(), "09:00:10")
    told.hear(scheduled(), "09:00:04")
    assert [each.occurred_at for each in told.statuses] == [at("09:00:10")] * 2
    assert told.says[-2].time == "2026-11-23T09:00:10+05:00"


def test_siblings_of_one_cause_are_told_apart() -> None:
    told = Told()
    told.hear(deferred(), "08:00:00")
    for event in (scheduled(1), unplaced(2), rescheduled(3), closed(4)):
        told.hear(event)
    said = told.hear(accepted(), "09:40:00")
    assert len({(say.data.TYPE, say.sibling) for say in said}) == len(said) > 8


@pytest.mark.parametrize(
    ("refusal", "carried"),
    [
        (
            refused(next_acceptance_at=at("24 08:00:00")),
            {"code": "outside_acceptance_hours", "fields": [], "next_acceptance_at": at("24 08:00:00")},
        ),
        (
            refused(code="duplicate", existing_request_id="0e9d8c7b-6a59-4483-9271-60f5e4d3c2b1"),
            {"code": "duplicate", "fields": [], "existing_request_id": "0e9d8c7b-6a59-4483-9271-60f5e4d3c2b1"},
        ),
        (
            refused(code="invalid_request", fields=[{"path": "patient.iin", "message": "is required: add it"}]),
            {"code": "invalid_request", "fields": [{"path": "patient.iin", "message": "is required: add it"}]},
        ),
    ],
)
def test_a_refusal_says_what_to_do_next(refusal: Event, carried: dict[str, object]) -> None:
    told = Told()
    told.hear(refusal)
    [status] = told.statuses
    assert status.refusal is not None
    assert status.refusal.model_dump(exclude_none=True) == carried
    assert status.on_time is True


def test_a_refused_request_of_which_little_could_be_read() -> None:
    told = Told()
    bare = {"channel": None, "submitted_at": None, "patient": None, "address": None, "reasons": None, "due_at": None}
    told.hear(refused(code="invalid_request", registrar=None, **bare))
    [status] = told.statuses
    assert (status.channel, status.on_time, status.emergency) == ("unknown", None, False)
    assert told.measures == []
    assert told.deadlines == []


def test_a_red_flag_comes_first_in_every_text() -> None:
    told = Told()
    for event in (accepted(red_flags=["seizures"]), unplaced(1), scheduled(2), rescheduled(3), closed(4)):
        told.hear(event)
    assert len(told.statuses) == 5
    for status in told.statuses:
        assert status.emergency
        assert status.text.en.startswith(CALL_103_NOW.en)
    assert told.entries[-1].oral_answer.kk.startswith(CALL_103_NOW.kk)


def test_the_text_has_the_facts_of_its_status() -> None:
    told = Told()
    told.hear(deferred(), "22 22:10:05")
    told.hear(deferred("24 08:00:00", "24 08:30:00"), "08:00:01")
    told.hear(accepted(due_at=at("09:30:00")), "09:00:30")
    told.hear(scheduled(1), "09:01:00")
    told.hear(rescheduled(2), "09:02:00")
    told.hear(closed(3, "hospitalised"), "11:30:00")
    texts = [each.text.en for each in told.statuses]
    for text, facts in zip(
        texts,
        [
            ["Monday 23 November 2026, 08:00", "(by 08:30)"],
            ["closed on the day named before", "Tuesday 24 November 2026, 08:00"],
            ["No. 17", "within 29 minutes (by 09:30)"],
            ["11:00–11:30", "Дәрігер А, general practitioner"],
            ["cannot come", "12:00–12:30", "Дәрігер Б"],
            ["hospital"],
        ],
        strict=True,
    ):
        assert all(fact in text for fact in facts), text
        assert "Поликлиника № 5, tel. +7 700 000 00 05" in text


def test_an_unknown_clinic_goes_by_its_id() -> None:
    told = Told(clinic=None)
    told.hear(refused(code="unknown_clinic"))
    assert "samal-3" in told.statuses[0].text.kk


def test_an_answer_from_another_clinic_is_no_transition() -> None:
    told = Told()
    told.hear(accepted())
    told.hear(answer(clinic_id="samal-4"))
    assert [each.reason for each in told.dead] == ["invalid_transition"]
    assert "samal" not in told.dead[0].detail
    assert told.entries[-1].answered_at is None


def test_a_decision_leaves_the_state_it_was_given_alone() -> None:
    facts = facts_of()
    asked = incoming(accepted("desk", service_started_at=at("08:59:00")))
    before = NOTIFIER.decide(None, asked, facts, at("09:00:05")).state
    assert before is not None
    copy = dataclasses.asdict(before)
    for decision in (
        NOTIFIER.decide(before, incoming(scheduled()), facts, at("09:00:06")),
        NOTIFIER.due(before, facts, at("09:09:00")),
        NOTIFIER.due(before, facts, at("10:00:00")),
        NOTIFIER.decide(before, incoming(cancelled()), facts_of(CONFIRMING), at("09:00:06")),
    ):
        assert decision.state is not None
        assert dataclasses.asdict(before) == copy


def test_c10_7_c11_what_comes_late_says_how_to_complain_and_what_comes_in_time_does_not() -> None:
    """The answer's time passes, then the answer comes; of another call both come in time."""
    late, in_time = Told(), Told()
    for told, when in ((late, "09:40:00"), (in_time, "09:10:00")):
        told.hear(accepted())
        told.tick("09:31:00" if told is late else "09:09:00")
        told.hear(scheduled(1), when)
        told.hear(rescheduled(2), "09:50:00")
    assert [(each.status, "обратиться в суд" in each.text.ru) for each in late.statuses] == [
        ("registered", False),
        ("delayed", True),
        ("scheduled", True),
        ("rescheduled", False),
    ]
    assert "www.mzsr.gov.kz" in late.statuses[1].text.kk
    assert "Орынбор көшесі" in late.statuses[2].text.kk
    assert not any("обратиться в суд" in each.text.ru for each in in_time.statuses)


def test_a_delay_before_the_answers_time_is_over_is_no_late_answer() -> None:
    told = Told()
    told.hear(accepted())
    told.hear(unplaced(1), "09:05:00")
    assert told.statuses[-1].status == "delayed"
    assert "обратиться в суд" not in told.statuses[-1].text.ru


def test_who_is_answered_by_a_late_visit_is_told_how_to_complain() -> None:
    told = Told()
    told.hear(accepted())
    told.hear(closed(1), "11:20:00")
    assert (told.statuses[-1].status, "обратиться в суд" in told.statuses[-1].text.ru) == ("completed", True)


def test_c10_7_c11_a_refusal_says_how_to_complain_with_the_rule_sets_addresses() -> None:
    told = Told()
    told.hear(refused())
    for each in ("шағымдануға", "сотқа жүгінуге", "Орынбор көшесі", "www.mzsr.gov.kz", "1414"):
        assert each in told.statuses[-1].text.kk
    assert "сотқа жүгінуге" in told.entries[-1].oral_answer.kk
