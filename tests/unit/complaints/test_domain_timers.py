"""What happens to a complaint by itself: the opening, 80 % of its term, the end of it (R9a, C10.4, C10.8)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from homecall.contract.events import DeadlineApproaching, DeadlineMissed
from services.complaints.domain.state import open_since
from services.complaints.domain.timers import due, timer_at
from tests.unit.complaints.casebook import (
    COMPLAINT,
    SAULE,
    Casebook,
    at,
    clinic,
    command,
    incoming,
    submission,
)

MORNING = "Tue 2026-11-24 09:40"
DUE = "Mon 2026-11-30 20:00"
APPROACHING = at("Sat 2026-11-28 13:20")  # 80 % of the clinic's open time (R18)


def _book(when: str = MORNING, **more: Any) -> Casebook:
    book = Casebook()
    book.hear(incoming("complaint.submitted", submission(when, **more)))
    return book


def _assigned(**more: Any) -> Casebook:
    book = _book(**more)
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    return book


def test_each_deadline_event_once_and_at_its_own_time() -> None:
    book = _book()
    assert timer_at(book.state) == APPROACHING
    assert book.tick(APPROACHING - timedelta(microseconds=1)) == ""
    assert book.tick(APPROACHING) == "approaching"
    assert book.tick(at(DUE) - timedelta(microseconds=1)) == ""
    assert book.tick(at(DUE)) == "missed overdue"
    assert timer_at(book.state) is None
    approaching, missed = book.deadlines()
    assert isinstance(approaching, DeadlineApproaching)
    assert isinstance(missed, DeadlineMissed)
    span = at(DUE) - at(MORNING)
    for event in (approaching, missed):
        assert event.model_dump() == {
            "subject_kind": "complaint",
            "subject_id": COMPLAINT,
            "clinic_id": "samal-3",
            "deadline": "complaint",
            "channel": "in_person",
            "started_at": at(MORNING),
            "due_at": at(DUE),
            "limit_seconds": span.total_seconds(),
            "stage": "clinic",
        }
    assert book.outcomes() == ["missed"]
    overdue = book.statuses()[-1]
    assert (overdue.status, overdue.sequence, overdue.occurred_at) == ("overdue", 3, at(DUE))
    assert overdue.incoming_number == "2026-1"


def test_times_come_from_the_item_and_not_from_the_tick() -> None:
    book = _book("Mon 2026-11-23 20:30")
    book.tick("Mon 2026-12-07 11:11")  # nothing ran for two weeks
    assert [(status.status, status.occurred_at) for status in book.statuses()] == [
        ("delivered", at("Mon 2026-11-23 20:30")),
        ("registered", at("Tue 2026-11-24 08:00")),
        ("overdue", at(DUE)),
    ]
    state = _book().state
    decision = due(state, Casebook().facts(), at("Mon 2026-12-07 11:11"))
    assert [datetime.fromisoformat(say.time) for say in decision.says] == [APPROACHING]


@pytest.mark.parametrize("name", ["answered", "refused"])
@pytest.mark.parametrize(
    ("when", "said", "outcomes"),
    [
        ("Tue 2026-11-24 12:00", "{}", ["met"]),
        # "Within": at the very end it is still in time.
        (DUE, "approaching {}", ["met"]),
        ("Mon 2026-11-30 20:00:01", "approaching missed overdue {}", ["missed"]),
    ],
)
def test_the_final_word_meets_or_misses_the_term(name: str, when: str, said: str, outcomes: list[str]) -> None:
    # Heard before any timer came round: the command's own time decides, not when it is heard.
    book = _assigned()
    assert book.hear(command(name, when)) == said.format(name)
    assert book.outcomes() == outcomes
    assert timer_at(book.state) is None
    assert book.tick("Fri 2027-01-15 12:00") == ""


def test_an_answer_that_is_heard_after_the_miss_was_counted_counts_no_second_time() -> None:
    book = _assigned()
    book.tick("Tue 2026-12-01 09:00")
    assert book.hear(command("answered", "Mon 2026-11-30 19:59")) == "answered"
    assert book.outcomes() == ["missed"]


def test_a_stage_that_was_escalated_open_is_neither_met_nor_missed() -> None:
    book = _assigned()
    assert book.hear(command("escalated", "Wed 2026-11-25 10:00")) == "escalated registered"
    assert book.outcomes() == []
    # The second stage has a clock of its own, and the first has none any more.
    assert book.tick("Sat 2026-12-05 12:00") == ""
    assert book.tick("Sat 2026-12-12 14:00") == "approaching missed overdue"
    assert [event.stage for event in book.deadlines()] == ["quality_authority"] * 2
    assert book.outcomes() == ["missed"]


def test_a_stage_that_was_late_when_it_was_escalated_is_missed() -> None:
    book = _assigned()
    assert book.hear(command("escalated", "Tue 2026-12-01 10:00")) == (
        "approaching missed overdue escalated registered"
    )
    assert [(event.stage, event.TYPE) for event in book.deadlines()] == [
        ("clinic", "deadline.approaching"),
        ("clinic", "deadline.missed"),
    ]


def test_both_stages_count_once_each() -> None:
    book = _assigned()
    book.hear(command("answered", "Tue 2026-11-24 12:00"))
    book.hear(command("escalated", "Wed 2026-11-25 10:00"))
    book.hear(command("assigned", "Wed 2026-11-25 11:00", executor=SAULE))
    book.hear(command("answered", "Thu 2026-11-26 11:00"))
    assert [(each.deadline, each.channel, each.outcome) for each in book.measured] == [
        ("complaint", "in_person", "met")
    ] * 2


def test_what_is_escalated_outside_working_hours_is_registered_at_the_opening() -> None:
    book = _assigned()
    assert book.hear(command("escalated", "Sat 2026-11-28 15:00")) == "approaching escalated"
    status = book.statuses()[-1]
    assert (status.stage, status.incoming_number, status.answer_due_on) == ("quality_authority", None, None)
    assert book.tick("Mon 2026-11-30 08:00") == "registered"
    status = book.statuses()[-1]
    assert (status.stage, status.incoming_number) == ("quality_authority", "2026-2")
    assert status.answer_due_at == at("Fri 2026-12-18 20:00")  # 15 working days, 16 December being a holiday


def test_an_opening_that_turned_out_closed_moves_on() -> None:
    book = _book("Mon 2026-11-23 20:30")
    book.clinics.take(clinic(closed_dates=["2026-11-24"]))
    assert book.tick("Tue 2026-11-24 12:00") == ""
    assert timer_at(book.state) == at("Wed 2026-11-25 08:00")
    assert book.tick("Wed 2026-11-25 08:00") == "registered"
    assert book.statuses()[-1].answer_due_on == at("Tue 2026-12-01 20:00").date()


def test_an_opening_is_not_moved_back() -> None:
    book = _book("Mon 2026-11-23 20:30")
    late = {day: [["08:00", "22:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
    book.clinics.take(clinic(hours=late))
    assert book.tick("Tue 2026-11-24 08:00") == "registered"
    assert book.statuses()[-1].occurred_at == at("Tue 2026-11-24 08:00")


def test_a_complaint_that_reaches_us_late_may_be_overdue_on_arrival() -> None:
    # R14: its term counts from its own day.
    book = _book("Mon 2026-11-02 09:40")
    assert book.tick("Tue 2026-11-24 09:41") == "approaching missed overdue"
    assert book.statuses()[-1].occurred_at == at("Sat 2026-11-07 14:00")


def test_the_clock_that_is_shown_as_open() -> None:
    assert open_since(_book("Mon 2026-11-23 20:30").state) is None
    book = _assigned()
    assert open_since(book.state) == at(MORNING)
    book.tick("Tue 2026-12-01 09:00")
    assert open_since(book.state) == at(MORNING)  # overdue, and still not answered
    book.hear(command("answered", "Tue 2026-12-01 10:00"))
    assert open_since(book.state) is None
    book.hear(command("escalated", "Tue 2026-12-01 11:00"))
    assert open_since(book.state) == at("Tue 2026-12-01 11:00")


def test_a_refused_complaint_has_no_timer() -> None:
    book = _book(text="")
    assert book.statuses()[-1].status == "refused"
    assert timer_at(book.state) is None
    assert due(book.state, book.facts(), at(DUE)).state is None


def test_a_warning_that_an_earlier_release_stored_is_said_once_at_its_own_time() -> None:
    """It may fall on a Sunday, as it was then. It is neither lost nor said a second time."""
    book = _book()
    old = at(MORNING) + (at(DUE) - at(MORNING)) * 0.8
    (stage,) = book.state.stages
    book.states[COMPLAINT] = replace(book.state, stages=(replace(stage, approaching_at=old),))
    assert book.tick(old - timedelta(microseconds=1)) == ""
    assert book.tick(old) == "approaching"
    assert book.tick(at(DUE)) == "missed overdue"
    assert len(book.deadlines()) == 2
