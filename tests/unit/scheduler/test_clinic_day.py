"""A clinic's day as it is kept: places, rosters, who dropped out, and the write that stores just what changed."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from pymongo import InsertOne, UpdateOne

from homecall.contract.types import in_zone
from services.scheduler.domain.bookings import BookedVisit, Call, call_of
from services.scheduler.domain.clinic_day import Absence, ClinicDay, Mark
from services.scheduler.domain.repair import displaced
from services.scheduler.domain.roster import NamedDoctor
from services.scheduler.store import _operation
from tests.unit.scheduler.office import CLINIC, FRIDAY, doctor, request_id, roster_event
from tests.unit.standard.local_times import at

DAY = date.fromisoformat(FRIDAY)
NOW = at("Fri 2026-11-20 10:00")
ANNE, BOLAT = request_id(1), request_id(2)


def call(request: str = ANNE, **over: Any) -> Call:
    facts: dict[str, Any] = {
        "request_id": request,
        "is_child": False,
        "district_id": "d1",
        "urgency": "same_day",
        "red_flag": False,
        "accepted_at": NOW,
    }
    return Call(**(facts | over))


def a_day(*doctors: dict[str, Any], version: int = 0) -> ClinicDay:
    day = ClinicDay(CLINIC, DAY, version=version)
    day.take_roster(roster_event(*doctors), "cause-1")
    return day


def stored(day: ClinicDay) -> ClinicDay:
    """The day as it stands in the store, at version 3."""
    day.stored()
    day.version = 3
    return day


def change(day: ClinicDay) -> dict[str, Any]:
    """The update that the day asks for, without the load, which follows from the rest."""
    operation: Any = _operation(day, "token")
    assert isinstance(operation, UpdateOne)
    assert operation._filter == {"_id": f"{CLINIC}|{FRIDAY}", "v": day.version}
    asked: dict[str, Any] = dict(operation._doc)
    assert asked.pop("$inc") == {"v": 1}
    assert asked["$set"].pop("w") == "token"
    assert asked["$set"].pop("changed_at") > 0
    counted = {"roster", "unavailable", "bookings"} & {path.split(".")[0] for part in asked.values() for path in part}
    load = asked["$set"].pop("load", None)
    assert load == day.load() if counted else load in (None, day.load())
    return asked


def test_a_place_is_kept_with_what_is_needed_to_place_it_again() -> None:
    day = a_day(doctor())
    place = day.place(call(is_child=True, urgency="urgent", red_flag=True), NOW)
    assert place is not None
    # An urgent call is promised the earliest time; the doctor, there until 12:00, begins the last visit by 11:40.
    assert (place.arrives_from, place.arrives_to) == (NOW, at("Fri 2026-11-20 11:40"))
    assert day.bookings[ANNE].planned_at == NOW + timedelta(minutes=10)
    assert (place.doctor, place.basis) == (
        NamedDoctor("a", "Дәрігер a", "gp"),
        "district",
    )
    assert call_of(ANNE, day.bookings[ANNE]) == call(is_child=True, urgency="urgent", red_flag=True)


def test_asked_again_a_call_keeps_its_place() -> None:
    day = a_day(doctor())
    first = day.place(call(), NOW)
    assert day.place(call(), at("Fri 2026-11-20 11:00")) == first == day.bookings.get(ANNE)
    assert len(day.bookings) == 1


def test_a_day_read_back_gives_the_same_places() -> None:
    day = a_day(doctor())
    first = day.place(call(), NOW)
    again = ClinicDay(CLINIC, DAY, roster=day.roster, bookings=day.bookings)
    assert again.bookings.get(ANNE) == first
    second = again.place(call(BOLAT), NOW)
    assert second == day.place(call(BOLAT), NOW)
    assert again.bookings == day.bookings


def test_a_fixed_slot_of_before_there_were_routes_is_a_visit_like_any_other() -> None:
    """From setting out (10 minutes' travel) to the visit's end; its promise stays as it was told."""
    day = a_day(doctor())
    kept = BookedVisit(
        arrives_from=NOW,
        arrives_to=at("Fri 2026-11-20 10:30"),
        doctor=NamedDoctor("a", "Дәрігер a", "gp"),
        basis="district",
        is_child=False,
        district_id="d1",
        urgency="same_day",
        red_flag=False,
        accepted_at=at("Fri 2026-11-20 09:00"),
    )
    old = ClinicDay(CLINIC, DAY, version=3, roster=day.roster, bookings={BOLAT: kept})
    (booking,) = old.plan.bookings.values()
    assert (booking.planned_at, booking.ends_at) == (at("Fri 2026-11-20 10:10"), at("Fri 2026-11-20 10:30"))
    assert displaced(old.plan, at("Fri 2026-11-20 09:30")) == []
    assert old.place(call(), at("Fri 2026-11-20 09:30")) is not None
    assert displaced(old.plan, at("Fri 2026-11-20 09:30")) == []
    place = old.bookings.get(BOLAT)
    assert place is not None
    assert (place.arrives_from, place.arrives_to) == (NOW, at("Fri 2026-11-20 10:30"))


@pytest.mark.parametrize("doctors", [None, [], [doctor(max_visits=0)]], ids=["no roster", "no doctors", "no visits"])
def test_no_place(doctors: list[dict[str, Any]] | None) -> None:
    day = ClinicDay(CLINIC, DAY) if doctors is None else a_day(*doctors)
    assert day.place(call(), NOW) is None
    assert day.bookings.get(ANNE) is None


def test_a_place_given_back_is_free_for_another() -> None:
    day = a_day(doctor(max_visits=1))
    assert day.place(call(), NOW) is not None
    assert day.place(call(BOLAT), NOW) is None
    assert day.free(ANNE, NOW)
    assert not day.free(ANNE, NOW)
    assert day.place(call(BOLAT), NOW) is not None


# ---- rosters


@pytest.mark.parametrize(("revision", "taken"), [(1, False), (2, False), (3, True)])
def test_a_higher_revision_replaces_and_any_other_is_history(revision: int, taken: bool) -> None:
    day = stored(ClinicDay(CLINIC, DAY))
    day.take_roster(roster_event(doctor("a"), revision=2), "cause-1")
    day = stored(day)
    day.dirty = None
    day.take_roster(roster_event(doctor("b"), revision=revision), "cause-2")
    assert day.roster is not None
    assert day.roster.doctors[0].doctor_id == ("b" if taken else "a")
    assert day.changed is taken
    assert day.dirty == (Mark("cause-2", "roster_changed") if taken else None)


def test_bookings_outlive_a_roster() -> None:
    day = a_day(doctor("a"))
    first = day.place(call(), NOW)
    day.take_roster(roster_event(doctor("b"), revision=2), "cause-2")
    assert day.bookings.get(ANNE) == first
    assert [each.request_id for each in displaced(day.plan, NOW)] == [ANNE]


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        (["11:00", "10:00"], "10:00"),
        (["10:00", "11:00"], "10:00"),
        (["10:00", "10:00"], "10:00"),
    ],
    ids=["earlier later", "later later", "again"],
)
def test_the_earliest_moment_of_dropping_out_holds(said: list[str], holds: str) -> None:
    day = a_day(doctor())
    for number, clock in enumerate(said):
        day.take_unavailable("a", at(f"Fri {FRIDAY} {clock}"), f"cause-{number}")
    assert day.unavailable == [Absence("a", at(f"Fri {FRIDAY} {holds}"))]
    assert day.place(call(), NOW) is None
    assert day.dirty is not None
    assert day.dirty[1] == "doctor_unavailable"


def test_who_dropped_out_is_out_of_the_next_roster_too() -> None:
    day = a_day(doctor())
    day.take_unavailable("a", NOW, "cause-2")
    day.take_roster(roster_event(doctor(), revision=2), "cause-3")
    assert day.place(call(), NOW) is None


# ---- the write


def test_a_new_day_is_inserted_whole() -> None:
    day = a_day(doctor())
    day.place(call(), NOW)
    operation: Any = _operation(day, "token")
    assert isinstance(operation, InsertOne)
    doc = operation._doc
    assert (doc["_id"], doc["v"], doc["w"]) == (f"{CLINIC}|{FRIDAY}", 1, "token")
    assert doc["bookings"].keys() == {ANNE}
    assert doc["dirty"] == ["cause-1", "roster_changed"]


def test_a_large_day_is_changed_by_the_paths_that_changed() -> None:
    day = stored(a_day(doctor()))
    day.place(call(), NOW)
    asked = change(day)
    assert asked["$set"].keys() == {f"bookings.{ANNE}"}
    assert asked["$set"][f"bookings.{ANNE}"]["from"] == in_zone(day.bookings[ANNE].arrives_from)


def test_a_visit_that_moves_is_changed_by_its_times_alone() -> None:
    day = a_day(doctor(shift={"from": "09:00", "to": "18:00"}))
    day.place(call(), NOW)
    day.place(call(BOLAT), NOW)
    day = stored(day)
    assert day.over(ANNE, "served", at("Fri 2026-11-20 10:05"), at("Fri 2026-11-20 10:05"))
    paths = {path.rpartition(".")[2] for path in change(day)["$set"]}
    assert paths <= {"planned_at", "ends_at"}


def test_freed_and_booked_again_is_one_change() -> None:
    day = a_day(doctor())
    day.place(call(), NOW)
    day = stored(day)
    day.free(ANNE, NOW)
    assert change(day) == {"$set": {}, "$unset": {f"bookings.{ANNE}": ""}}
    day.place(call(), NOW)
    # The same place again: nothing is left to be stored.
    assert change(day) == {"$set": {}}


@pytest.mark.parametrize("cleaned_first", [False, True])
def test_marks_set_and_cleared_before_one_write_do_not_clash(cleaned_first: bool) -> None:
    day = stored(a_day(doctor()))
    if cleaned_first:
        day.clean()
        day.tell(ANNE, Mark("cause-2", "room"))
        assert change(day) == {"$set": {"moved": {ANNE: ["cause-2", "room"]}}, "$unset": {"dirty": ""}}
        return
    day.tell(ANNE, Mark("cause-2", "room"))
    day.clean()
    assert change(day) == {"$set": {"moved": {}}, "$unset": {"dirty": ""}}


def test_the_load_counts_places_and_doctors_by_how_full_their_day_is() -> None:
    day = a_day(doctor("a", max_visits=1), doctor("b", max_visits=2), doctor("c", max_visits=4))
    assert day.load() == {"placed": 0, "capacity": 7, "light": 3, "busy": 0, "full": 0}
    for number in range(3):
        day.place(call(request_id(number)), NOW)
    assert Counter(each.doctor.doctor_id for each in day.bookings.values()) == {"a": 1, "b": 1, "c": 1}
    assert day.load() == {"placed": 3, "capacity": 7, "light": 1, "busy": 1, "full": 1}
    day.take_unavailable("b", at("Fri 2026-11-20 11:30"), "cause-2")
    assert day.load() == {"placed": 3, "capacity": 6, "light": 1, "busy": 0, "full": 1}


def test_what_is_stored_is_changed_no_more() -> None:
    day = a_day(doctor())
    assert day.changed
    day.stored()
    assert (day.changed, day.version) == (False, 1)
