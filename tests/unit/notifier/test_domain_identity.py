"""What the register of persons says later: on the register's line, and nowhere else (C9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from homecall.contract.types import Event
from tests.unit.notifier.calls import Told, accepted, cancelled, closed, deferred, refused, scheduled
from tests.unit.notifier.test_domain_held import held, identity_checked

UNCONFIRMED = {"flags": ["iin_mismatch", "identity_unconfirmed"]}


@pytest.mark.parametrize(
    ("outcome", "flags"), [("not_found", ["iin_mismatch", "identity_not_found"]), ("confirmed", ["iin_mismatch"])]
)
@pytest.mark.parametrize("before", [[], [scheduled()], [scheduled(), closed(2)]], ids=["open", "scheduled", "closed"])
def test_c9_3_the_line_is_entered_anew_and_no_status_changes(
    outcome: str, flags: list[str], before: list[Event]
) -> None:
    told = Told()
    told.hear(accepted(**UNCONFIRMED))
    for event in before:
        told.hear(event)
    last, statuses = told.entries[-1], len(told.statuses)
    assert last.flags == UNCONFIRMED["flags"]
    (say,) = told.hear(identity_checked(outcome), "09:45:00")
    entry: Any = say.data
    assert (entry.TYPE, entry.flags, entry.revision) == ("journal.entry", flags, last.revision + 1)
    same = {"flags", "revision"}
    assert entry.model_dump(exclude=same) == last.model_dump(exclude=same)
    assert len(told.statuses) == statuses


def test_flags_that_the_register_adds_are_entered() -> None:
    told = Told()
    told.hear(accepted(**UNCONFIRMED))
    told.hear(identity_checked("confirmed", added_flags=["patient_registered_dead"]))
    assert told.entries[-1].flags == ["iin_mismatch", "patient_registered_dead"]


def test_it_is_entered_once() -> None:
    told = Told()
    told.hear(accepted(**UNCONFIRMED))
    told.hear(identity_checked())
    entries = len(told.entries)
    told.hear(identity_checked())
    assert len(told.entries) == entries


def test_nothing_is_entered_where_nothing_changes() -> None:
    told = Told()
    told.hear(accepted(flags=[]))
    assert told.hear(identity_checked("confirmed")) == []


def test_the_flag_stays_on_the_lines_that_follow() -> None:
    told = Told()
    told.hear(accepted(**UNCONFIRMED))
    told.hear(identity_checked())
    told.hear(scheduled())
    told.hear(closed(2))
    assert {tuple(each.flags) for each in told.entries[1:]} == {("iin_mismatch", "identity_not_found")}


@pytest.mark.parametrize("first", [deferred(**UNCONFIRMED), held()], ids=["deferred", "held"])
def test_said_before_the_acceptance_it_waits_for_the_line(first: Event) -> None:
    told = Told()
    told.hear(first, "07:00:00")
    assert told.hear(identity_checked(), "07:10:00") == []
    told.hear(accepted(**UNCONFIRMED))
    assert [each.flags for each in told.entries] == [UNCONFIRMED["flags"], ["iin_mismatch", "identity_not_found"]]


def test_heard_before_its_request_it_waits_too() -> None:
    told = Told()
    assert told.hear(identity_checked()) == []
    assert told.parked
    told.hear(accepted(**UNCONFIRMED))
    assert told.entries[-1].flags == ["iin_mismatch", "identity_not_found"]


@pytest.mark.parametrize("end", [cancelled(), refused()], ids=["withdrawn", "refused"])
def test_after_the_end_it_changes_no_status(end: Event) -> None:
    told = Told()
    if end.TYPE == "request.cancelled":
        told.hear(accepted(**UNCONFIRMED))
    told.hear(end)
    statuses = len(told.statuses)
    told.hear(identity_checked(), "12:00:00")
    told.tick("18:00:00")
    assert len(told.statuses) == statuses
