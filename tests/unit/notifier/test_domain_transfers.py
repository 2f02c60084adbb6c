"""A call that is handed on to another clinic, as its patient and both registers are told (R25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from homecall.contract.events import RequestCancelled, RequestDeferred
from services.notifier import retention
from services.notifier.domain.facts import Facts
from tests.unit.intake import office
from tests.unit.notifier.calls import CLINIC, RULES, Told, accepted, answer, at, cancelled, closed, request, scheduled

THERE = {"request_id": "9d0e1f2a-3b4c-4d5e-8f60-718293a4b5c6", "clinic_id": "tal-2"}
FIRST = {"request_id": "0e9d8c7b-6a59-4483-9271-60f5e4d3c2b1", "clinic_id": "tal-2"}
TAL = office.clinic("tal-2", name={"kk": "№ 2 емхана", "ru": "Поликлиника № 2"}, phone="+7 700 000 02 02")
REFERRAL = {"card_number": "103-118842", "handed_over_at": at("08:55:00"), "category": "4"}


@dataclass
class BothKnown(Told):
    """A call of a notifier that knows the other clinic as well."""

    @property
    def facts(self) -> Facts:
        return Facts(office.known(CLINIC, TAL), RULES, self.sms_statuses)


def handed_on(**more: Any) -> RequestCancelled:
    by = {"id": "d-2", "full_name": "Диспетчер"}
    return cancelled(outcome="transferred", transferred_to=THERE, transferred_by=by, **more)


def test_the_patient_is_told_who_comes_instead() -> None:
    call = BothKnown()
    call.hear(accepted("phone"))
    call.hear(scheduled())
    call.hear(handed_on(), "09:20:00")
    told, line = call.statuses[-1], call.entries[-1]
    assert (told.status, told.transferred_to) == ("withdrawn", handed_on().transferred_to)
    assert "№ 2 емхана, тел. +7 700 000 02 02" in told.text.kk
    assert "Поликлиника № 2, тел. +7 700 000 02 02" in told.text.ru
    assert "handed on to another clinic" in told.text.en
    # The line keeps its number, and says how the call ended here.
    assert (line.outcome, line.register_number, line.transferred_to) == ("transferred", 17, told.transferred_to)
    assert "№ 2 емхана" in line.oral_answer.kk


def test_an_unknown_clinic_is_named_by_its_id() -> None:
    call = Told()
    call.hear(accepted("phone"))
    call.hear(handed_on())
    assert "tal-2" in call.statuses[-1].text.ru


def test_the_first_clocks_end_as_neither_met_nor_missed() -> None:
    call = BothKnown()
    call.hear(accepted("phone", service_started_at=at("08:58:00")))
    call.hear(handed_on())
    call.tick("23:00:00")
    assert (call.ended, call.deadlines) == ([], [])


def test_an_answer_that_was_given_stays_counted() -> None:
    call = BothKnown()
    call.hear(accepted("phone"))
    call.hear(scheduled())
    call.hear(handed_on())
    assert call.ended == [("answer", "met")]


def test_the_successor_says_who_handed_it_on() -> None:
    call = BothKnown()
    call.hear(accepted("phone", transferred_from=FIRST, referral=REFERRAL))
    told, line = call.statuses[0], call.entries[0]
    assert told.status == "registered"
    assert "Вызов нам передала поликлиника: Поликлиника № 2." in told.text.ru
    assert "№ 2 емхана" in line.oral_answer.kk
    assert line.transferred_from is not None
    assert (told.transferred_from, line.transferred_from.request_id) == (line.transferred_from, FIRST["request_id"])
    assert line.referral is not None
    assert (line.referral.card_number, line.referral.category) == ("103-118842", "4")


def test_the_senders_word_alone_is_not_told() -> None:
    call = BothKnown()
    call.hear(accepted("phone", transferred_from=FIRST, flags=["transfer_unconfirmed"]))
    assert (call.statuses[0].transferred_from, call.entries[0].transferred_from) == (None, None)
    assert call.entries[0].flags == ["transfer_unconfirmed"]


OVER = [
    # heard, on the answer, what is counted
    ("09:05:00", True, "met"),
    # The time was over before the call came: missed on arrival, and said once (R14).
    ("11:00:00", False, "missed"),
]


@pytest.mark.parametrize(("heard", "on_time", "outcome"), OVER)
def test_the_successors_answer_is_due_by_the_first_clock(heard: str, on_time: bool, outcome: str) -> None:
    call = BothKnown()
    call.hear(accepted("phone", transferred_from=FIRST, accepted_at=at(heard)), heard)
    call.hear(scheduled(), heard)
    call.tick("23:00:00")
    assert (call.statuses[-1].status, call.statuses[-1].on_time) == ("scheduled", on_time)
    assert call.ended == [("answer", outcome)]
    assert len(call.deadlines) == (outcome == "missed")


def test_a_deferred_successor_says_so_instead_of_the_hours() -> None:
    call = BothKnown()
    times = {"opens_at": at("24 08:00:00"), "due_at": at("24 08:30:00")}
    call.hear(RequestDeferred.model_validate(request() | {"transferred_from": FIRST} | times))
    told = call.statuses[0]
    assert told.status == "deferred"
    assert "Поликлиника № 2" in told.text.ru
    assert "вне времени приёма" not in told.text.ru


def test_a_visit_that_was_made_is_told_after_all() -> None:
    call = BothKnown()
    call.hear(accepted("phone"))
    call.hear(scheduled())
    call.hear(answer())
    call.hear(handed_on())
    call.hear(closed())
    assert (call.statuses[-1].status, call.entries[-1].outcome) == ("completed", "served")


def test_what_remains_names_both_ends_and_no_card() -> None:
    call = BothKnown()
    call.hear(accepted("phone", transferred_from=FIRST, referral=REFERRAL))
    assert call.state is not None
    left = retention.remains(call.state)
    assert (left.person.referral, left.transferred_from) == (None, call.state.transferred_from)
    line = retention.said("journal.entry", call.entries[0].model_dump(mode="json"))
    assert line["transferred_from"] == FIRST
    assert "referral" not in line
