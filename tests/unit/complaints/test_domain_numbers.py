"""Incoming numbers: one sequence per clinic and year for all stages, and nothing said before there is one (C10.2)."""

from typing import Any
from uuid import uuid4

import pytest

from homecall.contract.envelope import Incoming
from homecall.runtime.engine.decision import Decision
from services.complaints.domain.numbers import wanted_numbers
from services.complaints.domain.state import awaits_number
from tests.unit.complaints.casebook import COMPLAINT, SAULE, Casebook, command, incoming, submission

MORNING = "Tue 2026-11-24 09:40"


def _submitted(when: str = MORNING, **more: Any) -> Incoming:
    return incoming("complaint.submitted", submission(when, **more))


def _registered(book: Casebook, when: str, **more: Any) -> str | None:
    complaint_id = str(uuid4())
    book.hear(_submitted(when, complaint_id=complaint_id, **more))
    book.tick(when)
    return book.statuses(complaint_id)[-1].incoming_number


def test_each_clinic_and_each_year_counts_for_itself() -> None:
    book = Casebook()
    assert [
        _registered(book, "Wed 2026-12-30 10:00"),
        _registered(book, "Wed 2026-12-30 10:01", clinic_id="ainabulaq-1"),
        _registered(book, "Wed 2026-12-30 10:02"),
        _registered(book, "Mon 2027-01-04 10:00"),
        _registered(book, "Mon 2027-01-04 10:01", addressed_to="quality_authority"),
        _registered(book, "Mon 2027-01-04 10:02", addressed_to="ministry"),
        _registered(book, "Wed 2026-12-30 19:00"),  # late: it is 2026's
    ] == ["2026-1", "2026-1", "2026-2", "2027-1", "2027-2", "2027-3", "2026-3"]


def test_the_year_is_that_of_the_registration_day_by_the_clinics_clock() -> None:
    book = Casebook()
    complaint_id = str(uuid4())
    book.hear(_submitted("Thu 2026-12-31 21:00", complaint_id=complaint_id))
    book.tick("Tue 2027-01-05 12:00")
    assert book.statuses(complaint_id)[-1].incoming_number == "2027-1"


def test_the_second_stage_has_a_number_of_its_own() -> None:
    book = Casebook()
    book.hear(_submitted())
    assert _registered(book, "Tue 2026-11-24 10:00") == "2026-2"
    book.hear(command("refused", "Tue 2026-11-24 11:00"))
    book.hear(command("escalated", "Tue 2026-11-24 12:00"))
    assert [(each.stage, each.status, each.incoming_number) for each in book.statuses()] == [
        ("clinic", "delivered", None),
        ("clinic", "registered", "2026-1"),
        ("clinic", "refused", "2026-1"),
        ("quality_authority", "escalated", "2026-3"),
        ("quality_authority", "registered", "2026-3"),
    ]
    # The clinic's registrar accepted it there (C10.2), not at the authority: the system did that.
    accepted_by = {each.stage: each.received_by for each in book.statuses() if each.status == "registered"}
    assert accepted_by["clinic"] is not None
    assert accepted_by["quality_authority"] is not None
    assert accepted_by["quality_authority"].full_name == "Homecall"
    assert accepted_by["clinic"].full_name not in book.statuses()[-1].text.ru


def test_what_is_refused_takes_no_number() -> None:
    book = Casebook()
    book.hear(_submitted(text="", complaint_id=str(uuid4())))
    book.hear(_submitted(clinic_id="nowhere-9", complaint_id=str(uuid4())))
    assert _registered(book, MORNING) == "2026-1"


def test_a_whole_life_in_one_batch_waits_for_both_its_numbers() -> None:
    book = Casebook()
    life = [
        _submitted(),
        command("assigned", "Tue 2026-11-24 10:00"),
        command("answered", "Tue 2026-11-24 11:00"),
        command("escalated", "Tue 2026-11-24 12:00"),
        command("assigned", "Tue 2026-11-24 13:00", executor=SAULE),
    ]
    for event in life:
        assert book.hear(event, number=False) == ""
        assert book.said == []
        assert awaits_number(book.state)
        # The batch comes again before there is a number: it is decided already.
        assert book.decide(event) == Decision()
    assert [each.subject for each in wanted_numbers(book.state)] == [f"{COMPLAINT}|1", f"{COMPLAINT}|2"]
    waited = book.give_numbers()
    assert [each.cause for each in waited] == [event.causation_id for event in life]
    assert [(each.sequence, each.status, each.incoming_number) for each in book.statuses()] == [
        (1, "delivered", None),
        (2, "registered", "2026-1"),
        (3, "assigned", "2026-1"),
        (4, "answered", "2026-1"),
        (5, "escalated", "2026-2"),
        (6, "registered", "2026-2"),
        (7, "assigned", "2026-2"),
    ]
    assert not awaits_number(book.state)


def test_numbers_that_were_given_before_a_crash_are_found_again() -> None:
    book = Casebook()
    book.hear(_submitted(), number=False)
    wanted = [(each.page, each.subject) for each in wanted_numbers(book.state)]
    assert wanted == [("samal-3|2026", f"{COMPLAINT}|1")]
    book.pages.allocate_now(wanted)  # and then the process is gone
    other = str(uuid4())
    book.hear(_submitted(complaint_id=other))
    assert {key: book.statuses(key)[-1].incoming_number for key in (COMPLAINT, other)} == {
        COMPLAINT: "2026-1",
        other: "2026-2",
    }


@pytest.mark.parametrize("first", ["timer", "command"])
def test_the_opening_is_passed_by_its_timer_or_by_the_first_command_after_it(first: str) -> None:
    book = Casebook()
    book.hear(_submitted("Mon 2026-11-23 20:30"))
    assigned = command("assigned", "Tue 2026-11-24 08:05")
    if first == "timer":
        book.tick("Tue 2026-11-24 08:00")
    book.hear(assigned, number=False)
    book.give_numbers()
    assert [each.status for each in book.statuses()] == ["delivered", "registered", "assigned"]
    assert {each.incoming_number for each in book.statuses()[1:]} == {"2026-1"}
