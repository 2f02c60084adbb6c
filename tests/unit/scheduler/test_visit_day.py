"""On which day a call is placed (R13, R14), and until when its visit is due."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from homecall.standard.clinics import Clinics
from homecall.standard.rules import PACKAGED, load_rule_sets
from services.scheduler.domain.calls import accepted as take_call
from services.scheduler.domain.calls import due
from services.scheduler.domain.state import timer_at
from tests.unit.scheduler.office import accepted, clinic, facts_of, known, moment, take, tick
from tests.unit.standard.local_times import at

TEN = "Fri 2026-11-20 10:00"


@pytest.mark.parametrize(
    ("now", "day", "due"),
    [
        ("Fri 2026-11-20 10:00", "2026-11-20", "Fri 2026-11-20 20:00"),
        ("Fri 2026-11-20 19:59:59", "2026-11-20", "Fri 2026-11-20 20:00"),
        ("Fri 2026-11-20 20:00", "2026-11-21", "Sat 2026-11-21 14:00"),
        ("Sat 2026-11-21 13:59", "2026-11-21", "Sat 2026-11-21 14:00"),
        ("Sat 2026-11-21 14:00", "2026-11-23", "Mon 2026-11-23 20:00"),
        ("Wed 2026-11-25 12:00", "2026-11-25", "Wed 2026-11-25 20:00"),
    ],
    ids=["in time", "at the last moment", "day over", "the next day runs", "Sunday is none", "days late"],
)
def test_r14_the_day_of_acceptance_or_the_first_that_is_left(now: str, day: str, due: str) -> None:
    state = take(accepted(TEN), now)
    assert (state.status, state.day.isoformat()) == ("waiting", day)
    assert state.due_at == state.day_over_at == at(due)
    assert [each.errand for each in state.pending] == ["place"]


@pytest.mark.parametrize(
    ("clinics", "day"),
    [
        (known(clinic(closed_dates=["2026-11-20"])), "2026-11-21"),
        (known(clinic(closed_dates=["2026-11-20", "2026-11-21"])), "2026-11-23"),
        (known(clinic(hours={"fri": [["08:00", "12:00"]]})), "2026-11-20"),
    ],
    ids=["closed that day", "closed for two", "shorter hours"],
)
def test_r14_a_day_that_the_clinic_has_closed_since(clinics: Clinics, day: str) -> None:
    assert take(accepted(TEN), TEN, clinics).day.isoformat() == day


@pytest.mark.parametrize("clinics", [Clinics(), known(clinic(hours={}))], ids=["unknown", "closed for good"])
def test_a_clinic_without_days_keeps_the_call_waiting(clinics: Clinics) -> None:
    state = take(accepted(TEN), TEN, clinics)
    assert (state.status, state.day, state.due_at) == ("waiting", date(2026, 11, 20), None)
    assert timer_at(state) is None


@pytest.mark.parametrize(
    ("address", "district"),
    [
        ({"text": "Шыршалы, 5", "district_id": "d7"}, "d7"),
        ({"text": "Тал көшесі, 27"}, "d1"),
        ({"text": "Шыршалы, 5"}, None),
        (None, None),
    ],
)
def test_the_district_is_as_stated_or_found_by_the_address(
    address: dict[str, str] | None, district: str | None
) -> None:
    state = take(accepted(TEN, address=address), TEN)
    assert state.call.district_id == district


@pytest.mark.parametrize(("age", "child"), [(0, True), (17, True), (18, False), (None, False)])
def test_under_18_is_a_child_and_without_a_birth_date_an_adult(age: int | None, child: bool) -> None:
    patient = {"full_name": "Сынақ", "language": "kk"} | ({"age_years": age} if age is not None else {})
    assert take(accepted(TEN, patient=patient), TEN).call.is_child is child


def test_urgency_and_red_flags_are_kept() -> None:
    call = take(accepted(TEN, urgency="urgent", red_flags=["seizures"]), TEN).call
    assert (call.urgency, call.red_flag) == ("urgent", True)


def test_an_acceptance_that_comes_again_changes_nothing() -> None:
    state = take(accepted(TEN), TEN)
    again = take_call(state, accepted(TEN), facts_of(), at(TEN))
    assert again.state is None


# ---- a waiting call whose day is over


def test_r14_a_waiting_call_goes_to_the_next_working_day() -> None:
    state = take(accepted("Sat 2026-11-21 10:00"), "Sat 2026-11-21 10:00")
    moved = tick(replace(state, pending=[]), "Sat 2026-11-21 14:00").state
    assert moved is not None
    assert (moved.day, moved.status) == (date(2026, 11, 23), "waiting")
    assert moved.day_over_at == at("Mon 2026-11-23 20:00")
    assert [each.errand for each in moved.pending] == ["place"]
    assert moved.due_at == at("Sat 2026-11-21 14:00")


@pytest.mark.parametrize("clinics", [Clinics(), known(clinic(hours={}))], ids=["unknown", "closed for good"])
def test_without_a_next_day_it_is_looked_at_again(clinics: Clinics) -> None:
    state = take(accepted(TEN), TEN)
    later = tick(state, "Fri 2026-11-20 20:00", clinics).state
    assert later is not None
    assert later.day == date(2026, 11, 20)
    assert timer_at(later) == at("Fri 2026-11-20 20:10")


def test_a_day_that_was_made_longer_is_waited_for() -> None:
    state = take(accepted(TEN), TEN)
    longer = known(clinic(hours={"fri": [["08:00", "22:00"]]}))
    later = tick(state, "Fri 2026-11-20 20:00", longer).state
    assert later is not None
    assert later.day == date(2026, 11, 20)
    timer = timer_at(later)
    assert timer is not None
    assert timer > moment("2026-11-20T20:00:00+05:00")


def test_r12_the_rules_are_those_of_the_date_of_the_application(tmp_path: Path) -> None:
    """Deferred over the first day of a new law, a call is still the old one's: also when its day is over in turn."""
    shutil.copy(PACKAGED / "kz-2015.toml", tmp_path)
    later = (PACKAGED / "kz-2015.toml").read_text(encoding="utf-8")
    for old, new in (('"kz-2015"', '"kz-next"'), ("2015-01-01", "2026-12-01"), ('"20:00"', '"17:00"')):
        assert old in later
        later = later.replace(old, new)
    (tmp_path / "kz-next.toml").write_text(later, encoding="utf-8")
    both = load_rule_sets(tmp_path)
    first_day = "Tue 2026-12-01 08:00"
    deferred = accepted(first_day, submitted_at=at("Mon 2026-11-30 19:00").isoformat())
    for event, closes in ((deferred, "20:00"), (accepted(first_day), "17:00")):
        decision = take_call(None, event, facts_of(rule_sets=both), at("Tue 2026-12-01 09:00"))
        assert decision.state is not None
        assert decision.state.due_at == at(f"Tue 2026-12-01 {closes}")
        unplaced = replace(decision.state, pending=[])
        over = due(unplaced, facts_of(rule_sets=both), at("Tue 2026-12-01 20:00")).state
        assert over is not None
        assert (over.day, over.day_over_at) == (date(2026, 12, 2), at(f"Wed 2026-12-02 {closes}"))
