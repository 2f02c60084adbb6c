"""R20: the clinic's zone decides, in every service and in all that is told. Before 2024-03-01 the country had two."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from homecall.contract.errors import field_errors
from homecall.contract.events import ClinicPublished, ComplaintStatusChanged, JournalEntry, RosterPublished
from homecall.contract.types import in_zone
from homecall.documents.register.page import printed
from homecall.documents.register.register import Heard, register_of
from homecall.operations.explain import answers
from homecall.standard.acceptance import Accepted, decide_acceptance
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.clinics import calendar_of
from homecall.standard.rules import load_rule_sets
from services.notifier.domain.messages import Mailing, taken_up
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.state import Call
from services.scheduler.domain.clinic_day import ClinicDay
from services.scheduler.domain.dispatch import dispatch_of
from tests.unit.complaints import casebook
from tests.unit.intake import office
from tests.unit.notifier import calls
from tests.unit.scheduler import office as scheduling

RULES = load_rule_sets()
WEST = "Asia/Aqtobe"
"""An hour behind Almaty until 2024-03-01, and the same since."""
FAR = "Europe/London"
"""Five hours behind in the winter: whatever still goes by Almaty shows at once."""


def explained(kind: str, data: dict[str, Any], zone: str | None) -> dict[str, Any]:
    clinic = {"clinic_id": "samal-3"} | ({} if zone is None else {"zone": zone})
    line = json.dumps({"type": kind, "data": data, "clinic": clinic}).encode()
    (answer,) = answers([(1, line)], RULES)
    return answer


def a_request(submitted_at: str, channel: str = "phone") -> dict[str, Any]:
    data = office.request("Fri 2026-11-20 10:00", channel)
    return data | {"submitted_at": submitted_at}


@pytest.mark.parametrize(
    ("zone", "submitted_at", "decision", "clock"),
    [
        (WEST, "2023-06-01T09:00:00+05:00", "accepted", "2023-06-01T09:00:00+05:00"),
        (None, "2023-06-01T09:00:00+05:00", "accepted", "2023-06-01T10:00:00+06:00"),
        (WEST, "2023-06-01T17:59:59+05:00", "accepted", "2023-06-01T17:59:59+05:00"),
        (None, "2023-06-01T17:59:59+05:00", "refused", None),
        (WEST, "2023-06-01T07:59:59+05:00", "refused", None),
        (None, "2023-06-01T07:59:59+05:00", "accepted", "2023-06-01T08:59:59+06:00"),
        # The same moment, whatever its offset is.
        (WEST, "2023-06-01T04:00:00Z", "accepted", "2023-06-01T09:00:00+05:00"),
        # Since March 2024 both have the same time.
        (WEST, "2026-11-23T09:00:00+05:00", "accepted", "2026-11-23T09:00:00+05:00"),
        (FAR, "2026-11-23T17:59:59+00:00", "accepted", "2026-11-23T17:59:59+00:00"),
        (FAR, "2026-11-23T09:00:00+05:00", "refused", None),
    ],
)
def test_r20_a_request_is_ruled_by_its_clinics_clock(
    zone: str | None, submitted_at: str, decision: str, clock: str | None
) -> None:
    answer = explained("request.submitted", a_request(submitted_at), zone)
    assert (answer["decision"], answer.get("clock_starts_at")) == (decision, clock)
    if clock is not None:
        assert answer["ruling"]["inputs"]["submitted_at"] == clock
        assert answer["due_at"][-6:] == clock[-6:]


def test_r20_a_complaints_term_is_told_by_its_clinics_clock() -> None:
    data = json.loads(json.dumps(casebook.submission("Tue 2026-11-24 10:00"), default=str))
    data["submitted_at"] = "2023-06-01T19:30:00+05:00"
    west = explained("complaint.submitted", data, WEST)
    assert (west["registered_on"], west["answer_due_at"]) == ("2023-06-01", "2023-06-07T20:00:00+05:00")
    # At 20:30 by Almaty's clock the day is over.
    east = explained("complaint.submitted", data, None)
    assert (east["registered_on"], east["answer_due_at"]) == ("2023-06-02", "2023-06-08T20:00:00+06:00")


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "asia/almaty", "+05:00", "localtime", "../etc/passwd", "Alma-Ata", 5])
def test_r20_a_zone_that_is_unknown_is_named_with_the_way_out(zone: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        office.clinic(zone=zone)
    (error,) = field_errors(caught.value)
    assert error.path == "zone"
    if isinstance(zone, str):
        assert "as in Asia/Aqtobe" in error.message
        assert zone not in error.message
        assert explained("request.submitted", a_request("2023-06-01T04:00:00Z"), zone)["error"].startswith(
            "clinic.zone"
        )


@pytest.mark.parametrize("zone", [None, "", " "])
def test_r20_no_zone_is_almatys(zone: Any) -> None:
    assert office.clinic(zone=zone).zone == office.clinic().zone == "Asia/Almaty"


@given(
    st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
    st.datetimes(datetime(2016, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001  # the zone is added
)
def test_r20_any_zone_has_the_standards_hours_by_its_own_clock(zone: str, moment: datetime) -> None:
    calendar = calendar_of(office.clinic(zone=zone), RULES.nearest(None))
    there = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    day = calendar.day_of(there)
    assert day.date == there.date()
    # Where the clock was changed that day, two moments may have one time.
    changed = day.opens_at is None or day.opens_at.utcoffset() != there.utcoffset()
    if not changed:
        assert day.accepts(there) == (day.intervals[0][0] <= there.time() < day.cut_off.time())  # type: ignore[union-attr]  # an open day has one
    verdict = decide_acceptance(channel="portal", submitted_at=there, calendar=calendar, rules=calendar.rules)
    assert verdict.ruling.inputs["submitted_at"] == there.isoformat()
    if isinstance(verdict, Accepted):
        assert in_zone(verdict.due_at) == in_zone(there + timedelta(minutes=30), ZoneInfo(zone)) or changed


# ---------------------------------------------------------------- what each service says


async def test_r20_intake_says_its_times_by_the_clinics_clock() -> None:
    clinics = office.known(office.clinic(zone=FAR))
    late = office.incoming("request.submitted", a_request("2026-11-22T22:30:00+00:00", "portal"))
    decision = office.decide(late, clinics=clinics)
    state = decision.state
    assert state is not None
    # Monday in Almaty, and still Sunday there.
    assert (state.opens_at, state.visit_date) == (datetime(2026, 11, 23, 8, tzinfo=UTC), date(2026, 11, 23))
    engine = office.Office(clinics).engine
    (event,) = engine.say("cause", None, decision.says, datetime(2026, 11, 22, 22, 31, tzinfo=UTC))
    said = json.loads(event.value)
    assert (said["submitted_at"], said["opens_at"]) == ("2026-11-22T22:30:00+00:00", "2026-11-23T08:00:00+00:00")
    assert event.time == "2026-11-22T22:31:00+00:00"


def test_r20_the_age_is_that_of_the_clinics_day() -> None:
    born = {"patient": {"birth_date": "2008-11-24"}}
    event = office.incoming(
        "request.submitted", office.request("Fri 2026-11-20 10:00", **born) | {"submitted_at": "2026-11-23T19:30:00Z"}
    )
    here = office.decide(event, clinics=office.known(office.clinic(hours={})))
    there = office.decide(event, clinics=office.known(office.clinic(hours={}, zone=FAR)))
    assert [office.refusal(each)["patient"]["age_years"] for each in (here, there)] == [18, 17]


def told(zone: str, *events: Any, sms: bool = False) -> tuple[Call, list[Any]]:
    facts = calls.facts_of(office.clinic(zone=zone), ["scheduled", "registered"] if sms else ())
    call, said = None, []
    for event in events:
        decision = calls.NOTIFIER.decide(call, calls.incoming(event), facts, calls.at("09:05:00"))
        call = decision.state or call
        said += [each.data for each in decision.says]
    assert call is not None
    return call, said


def test_r20_people_are_told_by_their_clinics_clock() -> None:
    call, said = told(FAR, calls.accepted(), calls.scheduled(arrives="15:00:00"), sms=True)
    status = said[-2]
    assert "10:00–10:30" in status.text.en
    assert "15:00" not in status.text.en
    assert "10:00-10:30" in call.notices[-1].text
    here = told("Asia/Almaty", calls.accepted(), calls.scheduled(arrives="15:00:00"))[1][-2]
    assert "15:00–15:30" in here.text.en


def test_r20_a_refused_call_stands_in_the_register_of_the_clinics_day() -> None:
    night = calls.refused(submitted_at=calls.at("23 02:00:00"))
    days = [told(zone, night)[0].register_date for zone in ("Asia/Almaty", FAR)]
    assert days == [date(2026, 11, 23), date(2026, 11, 22)]


def test_r20_quiet_hours_are_the_clinics() -> None:
    policy = Policy(frozenset({"registered"}), quiet=(time(22), time(8)))
    went = {}
    for zone in ("Asia/Almaty", FAR):
        call, _ = told(zone, calls.accepted(submitted_at=calls.at("23 00:00:00")), sms=True)
        notice = replace(call.notices[0], at=calls.at("09:05:00"), asked_at=None, needed_by=calls.at("24 14:00:00"))
        (message,) = taken_up(Mailing("r", "samal-3"), [notice], policy).messages
        went[zone] = message.may_go_at.isoformat()
    # 9:05 in Almaty is 4:05 there.
    assert went == {"Asia/Almaty": "2026-11-23T09:05:00+05:00", FAR: "2026-11-23T08:00:00+00:00"}


def test_r20_shifts_and_days_of_the_scheduler_are_the_clinics() -> None:
    published = scheduling.clinic(zone=FAR)
    roster = {
        "clinic_id": "samal-3",
        "date": "2026-11-20",
        "revision": 1,
        "doctors": [
            {
                "doctor_id": "a",
                "full_name": "Дәрігер",
                "specialty": "gp",
                "shift": {"from": "08:00", "to": "20:00"},
                "max_visits": 9,
            }
        ],
    }
    day = ClinicDay(
        "samal-3",
        date(2026, 11, 20),
        roster=RosterPublished.model_validate(roster),
        dispatch=dispatch_of(published),
    )
    assert day.plan.roster is not None
    assert day.plan.roster.doctors[0].shift_from == datetime(2026, 11, 20, 8, tzinfo=UTC)
    event = scheduling.accepted("Fri 2026-11-20 23:00")
    state = scheduling.take(event, datetime(2026, 11, 20, 18, 1, tzinfo=UTC), scheduling.known(published))
    # Until 20:00 there, not until 20:00 in Almaty, which was over.
    assert (state.day, state.due_at) == (date(2026, 11, 20), datetime(2026, 11, 20, 20, tzinfo=UTC))


def test_r20_a_complaint_is_registered_by_its_clinics_day() -> None:
    book = casebook.Casebook(casebook.clinic(zone=FAR))
    book.hear(casebook.incoming("complaint.submitted", casebook.submission(datetime(2026, 12, 31, 19, 30, tzinfo=UTC))))
    status = book.statuses()[-1]
    assert isinstance(status, ComplaintStatusChanged)
    # In Almaty it is 2027 already.
    assert (status.status, status.incoming_number) == ("registered", "2026-1")
    assert "31 December 2026" in status.text.en


def test_r20_the_registers_page_tells_the_clinics_times() -> None:
    entry = JournalEntry.model_validate(
        {
            "clinic_id": "samal-3",
            "register_date": "2023-06-01",
            "register_number": 1,
            "revision": 1,
            "request_id": "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f",
            "channel": "phone",
            "patient_name": "Сынақ Пациент",
            "accepted_at": "2023-06-01T10:15:00+06:00",
            "oral_answer": {"kk": "а", "ru": "б", "en": "c"},
        }
    )
    register = register_of(
        "samal-3",
        ClinicPublished.model_validate(office.clinic(zone=WEST).model_dump(by_alias=True)),
        date(2023, 6, 1),
        [Heard(entry, datetime(2023, 6, 1, 4, 15, tzinfo=UTC))],
    )
    assert register is not None
    page = json.dumps(
        printed(register, "ru"), default=lambda each: getattr(each, "__dict__", str(each)), ensure_ascii=False
    )
    assert "09:15" in page
    assert "10:15" not in page


def test_the_calendars_zone_is_almatys_where_none_is_named() -> None:
    assert ClinicCalendar(RULES.nearest(None)).zone.key == "Asia/Almaty"
