"""The demo's clinic day: what goes in is the same for a seed, is what the contract allows, and finds its place."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.events import ComplaintSubmitted, RequestSubmitted, RosterPublished
from homecall.contract.topics import BY_NAME
from homecall.contract.types import ZONE
from homecall.demo.acts import DAY, ENDS_AT, SATURDAY, STARTS_AT, TUESDAY, Act, at
from homecall.demo.applications import Signatures
from homecall.demo.clinic_day import Plan, make_plan
from homecall.demo.clinics import LATE_ROSTER
from homecall.demo.demo import AuthoritySignatures
from homecall.gateways.signatures.dev_authority import DevAuthority
from homecall.gateways.signatures.port import Invalid, Signed
from homecall.gateways.signatures.rsa import RsaChecker
from homecall.standard.clinics import calendar_of
from homecall.standard.patient import iin_hint
from homecall.standard.rules import load_rule_sets
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.insertion import place
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, Roster
from tests.unit.demo.portal import Written
from tests.unit.gateways.signing import der

SIZES = (0, 1, 2, 7, 30, 300, 1500)


def a_plan(requests: int, seed: int, signatures: Signatures | None = None) -> Plan:
    return make_plan(requests, seed, signatures or Written())


def heard(act: Act) -> Incoming:
    return read(Record(act.topic, 0, 0, act.key, act.value, act.headers))


def data_of(act: Act) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(act.value)
    inner: dict[str, Any] = data.get("data", data)
    return inner


def firsts(plan: Plan) -> list[Act]:
    return [act for act in plan.acts if act.type == "request.submitted" and not act.repeats and not act.dead]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert a_plan(120, 7) == a_plan(120, 7)
    assert a_plan(120, 7).acts != a_plan(120, 8).acts


def test_who_makes_the_signatures_changes_nothing_but_the_signatures() -> None:
    def told(plan: Plan) -> list[Any]:
        return [
            (act.at, act.topic, act.key, {**data_of(act), "signature": None}, act.expected)
            for act in plan.acts
            if act.dead not in {"not_json", "not_cloudevent"}
        ]

    one, other = a_plan(120, 7), a_plan(120, 7, Written("another hand"))
    assert one.acts != other.acts
    assert told(one) == told(other)


@pytest.mark.parametrize("size", SIZES)
def test_as_many_requests_as_were_asked_for_each_under_its_own_id(size: int) -> None:
    plan = a_plan(size, 1)
    ids = [act.subject for act in firsts(plan)]
    assert len(ids) == len(set(ids)) == size
    assert set(plan.expected) == set(ids)
    assert plan.withdrawn <= set(ids)


@pytest.mark.parametrize("size", SIZES)
def test_acts_stand_in_order_and_within_the_day(size: int) -> None:
    moments = [act.at for act in a_plan(size, 3).acts]
    assert moments == sorted(moments)
    assert moments[0] >= STARTS_AT
    assert moments[-1] < ENDS_AT


def test_every_part_of_the_day_is_there() -> None:
    plan = a_plan(300, 1)
    outcomes = Counter(plan.expected.values())
    assert outcomes["accepted"] > 200
    assert outcomes["deferred"] >= 30
    assert {"duplicate", "invalid_request", "outside_acceptance_hours", "unknown_clinic"} <= outcomes.keys()
    assert outcomes["signature_invalid"] == 6
    assert {plan.expected[each] for each in plan.withdrawn} == {"accepted", "deferred"}
    assert {act.channel for act in firsts(plan)} == {"desk", "phone", "portal"}
    assert Counter(act.type for act in plan.acts)["complaint.submitted"] == 6
    assert Counter(act.type for act in plan.acts)["doctor.unavailable"] == 2
    assert any(act.repeats for act in plan.acts)


def test_the_second_before_the_cut_off_and_the_cut_off_itself() -> None:
    plan = a_plan(300, 1)
    by_moment = {act.at: plan.expected[act.subject] for act in firsts(plan) if act.channel == "portal"}
    assert by_moment[at(DAY, "17:59:59")] == "accepted"
    assert by_moment[at(DAY, "18:00:00")] == "deferred"


def test_deferred_ones_wait_for_three_openings() -> None:
    plan = a_plan(300, 1)
    rules = load_rule_sets(None).on(DAY)
    openings = {
        calendar_of(plan.clinics[act.clinic_id], rules).next_opening(act.at)
        for act in firsts(plan)
        if plan.expected[act.subject] == "deferred"
    }
    assert openings == {at(DAY, "08:00"), at(SATURDAY, "09:00"), at(TUESDAY, "08:00")}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_not_meant_to_break_is_sound_and_keyed_as_the_contract_says(seed: int) -> None:
    plan = a_plan(200, seed)
    for act in plan.acts:
        if act.dead:
            continue
        event = heard(act)
        if event.data is None:
            assert plan.expected[event.subject] == "invalid_request"
            continue
        assert act.key.decode() == getattr(event.data, BY_NAME[act.topic].key)
        assert event.subject == (act.subject or event.subject)
        if isinstance(event.data, RequestSubmitted) and not act.repeats:
            assert event.data.submitted_at == act.at


def test_the_portals_are_signed_by_who_must_or_refused_each_for_its_own_flaw() -> None:
    """Judged by the check that the services make."""
    authority = DevAuthority.new()
    checker = RsaChecker([der(authority.certificate)], None)
    plan = a_plan(300, 1, AuthoritySignatures(authority))
    flaws: Counter[tuple[str, str]] = Counter()
    representatives = 0
    for act in plan.acts:
        if act.dead or act.channel != "portal" or act.type not in {"request.submitted", "complaint.submitted"}:
            continue
        event = heard(act)
        if event.data is None:
            assert plan.expected[event.subject] == "invalid_request"
            continue
        signer = _must_sign(event)
        assert event.data.signature is not None
        verdict = checker.check(Signed(event.value, event.data.signature.value, signer, act.at))
        found = verdict.check if isinstance(verdict, Invalid) else ""
        refused = not act.repeats and act.expected in {"signature_invalid", "refused"}
        assert bool(found) == refused, f"{act.type} at {act.at}: {verdict}"
        flaws[act.type, found] += 1
        representatives += isinstance(event.data, RequestSubmitted) and signer != event.data.patient.iin and not found
    assert {check for kind, check in flaws if kind == "request.submitted"} == {
        *("", "content", "iin", "individual", "form")
    }
    assert (flaws["complaint.submitted", ""], flaws["complaint.submitted", "iin"]) == (2, 1)
    assert representatives > 10, "parents apply for their children, and sign with their own (R15)"


def _must_sign(event: Incoming) -> str:
    if isinstance(event.data, ComplaintSubmitted):
        assert event.data.complainant.iin is not None
        return event.data.complainant.iin
    assert isinstance(event.data, RequestSubmitted)
    return (event.data.applicant or event.data.patient).iin


@pytest.mark.parametrize("size", [30, 300])
def test_broken_records_break_as_they_say(size: int) -> None:
    dead = [act for act in a_plan(size, 1).acts if act.dead]
    assert Counter(act.dead for act in dead) == {
        "not_json": 2,
        "not_cloudevent": 1,
        "schema": 1,
        "unknown_type": 1,
        "invalid_transition": 2,
    }
    for act in dead:
        if act.dead in {"not_json", "not_cloudevent", "unknown_type"}:
            with pytest.raises(Unreadable) as error:
                heard(act)
            assert error.value.reason == act.dead
        elif act.dead == "schema":
            assert heard(act).data is None


def test_iins_are_of_nobody_and_of_one_person_each() -> None:
    plan = a_plan(300, 1)
    patients: dict[str, list[str]] = {}
    for act in firsts(plan):
        iin = data_of(act)["patient"]["iin"]
        hint = iin_hint(iin)
        assert hint is not None
        assert hint.birth_date.year < 1900
        patients.setdefault(iin, []).append(plan.expected[act.subject])
    for iin, outcomes in patients.items():
        # Only who applies again while the first call is open has two; the wrong IIN is meant to be wrong.
        if len(outcomes) > 1 and iin != "850715100001":
            assert sorted(outcomes) == ["accepted", "duplicate"]


@pytest.mark.parametrize(("size", "seed"), [(1, 1), (30, 2), (100, 3), (300, 1), (300, 4), (2000, 5)])
def test_every_call_finds_a_place_on_its_day(size: int, seed: int) -> None:
    """By the scheduler's own routing, with the doctors that fall ill away from the beginning."""
    plan = a_plan(size, seed)
    days: dict[tuple[str, date], DayPlan] = {}
    ill = {data_of(act)["doctor_id"]: STARTS_AT for act in plan.acts if act.type == "doctor.unavailable"}
    for act in plan.acts:
        if act.type == "roster.published" and data_of(act)["revision"] == 1:
            roster = heard(act).data
            assert isinstance(roster, RosterPublished)
            days[roster.clinic_id, roster.date] = DayPlan(_roster(roster), unavailable=ill)
    rules = load_rule_sets(None).on(DAY)
    for act in firsts(plan):
        outcome = plan.expected[act.subject]
        if outcome not in {"accepted", "deferred"}:
            continue
        moment = (
            act.at if outcome == "accepted" else calendar_of(plan.clinics[act.clinic_id], rules).next_opening(act.at)
        )
        # The clock may run on a little before the call is placed.
        moment += timedelta(minutes=5)
        call = Call(act.subject, "birth_date" in data_of(act)["patient"], None, "same_day", False, moment)
        placed = place(days[act.clinic_id, moment.astimezone(ZONE).date()], call, moment)
        assert isinstance(placed, Booking), f"{act.clinic_id} at {moment}"


def test_the_late_roster_comes_after_its_first_calls_and_before_their_time_is_up() -> None:
    plan = a_plan(300, 1)
    roster_at = min(
        act.at
        for act in plan.acts
        if act.type == "roster.published" and act.clinic_id == LATE_ROSTER and data_of(act)["date"] == DAY.isoformat()
    )
    early = [
        act
        for act in firsts(plan)
        if act.clinic_id == LATE_ROSTER and act.at < roster_at and plan.expected[act.subject] == "accepted"
    ]
    assert early
    assert all(timedelta(0) < roster_at - act.at < timedelta(minutes=8) for act in early)


def _roster(event: RosterPublished) -> Roster:
    def on(clock: Any) -> datetime:
        return datetime.combine(event.date, clock, ZONE)

    doctors = tuple(
        Doctor(
            doctor_id=each.doctor_id,
            full_name=each.full_name,
            specialty=each.specialty,
            districts=frozenset(each.districts),
            shift_from=on(each.shift.frm),
            shift_to=on(each.shift.to),
            max_visits=each.max_visits,
            on_duty=each.on_duty,
        )
        for each in event.doctors
    )
    return Roster(event.revision, doctors, event.visit_minutes, event.travel_minutes)
