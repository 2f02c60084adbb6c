"""A deferred request at its opening (C8.2, R4 to R6, R16)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from homecall.runtime.failures import RetryForever
from homecall.standard.clinics import Clinics
from services.intake.domain.retention import over_on
from tests.unit.intake.office import Office, clinic, known, request_id, said, submitted, withdrawn
from tests.unit.standard.local_times import at

NIGHT = "Fri 2026-11-20 19:00"


async def deferred(clinics: Clinics | None = None) -> Office:
    office = await Office(clinics).prepared()
    (said,) = await office.hear(submitted(NIGHT, "portal"))
    assert (said.type, said.data["opens_at"]) == ("request.deferred", "2026-11-21T09:00:00+05:00")
    return office


async def test_r6_accepted_at_the_opening_and_not_before() -> None:
    office = await deferred()
    assert await office.tick("Sat 2026-11-21 08:59:59") == []
    (accepted,) = await office.tick("Sat 2026-11-21 09:00")
    assert accepted.type == "request.accepted"
    assert accepted.data["clock_started_at"] == "2026-11-21T09:00:00+05:00"
    assert accepted.data["due_at"] == "2026-11-21T09:30:00+05:00"
    assert (accepted.data["register_date"], accepted.data["visit_date"]) == ("2026-11-21", "2026-11-21")
    assert accepted.data["register_number"] == 1
    assert await office.tick("Sat 2026-11-21 09:01") == []


async def test_r12_r17_the_last_ruling_keeps_the_records_time_and_the_trace_goes_on() -> None:
    office = await Office(judge_record_time=True).prepared()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    recorded = at(NIGHT) + timedelta(seconds=2)
    await office.hear(replace(submitted(NIGHT, "portal", recorded=recorded), traceparent=trace))
    due = await office.engine.due(at("Sat 2026-11-21 09:00"))
    (accepted,) = due.events
    assert accepted.traceparent == trace
    inputs = said([accepted])[0].data["ruling"]["inputs"]
    assert (inputs["submitted_at"], inputs["record_time"]) == (at(NIGHT).isoformat(), recorded.isoformat())


async def test_r14_after_an_outage_it_says_what_it_would_have_said() -> None:
    on_time, late = await deferred(), await deferred()
    assert await on_time.tick("Sat 2026-11-21 09:00") == await late.tick("Tue 2026-11-24 16:00")


async def test_r11_r16_until_its_opening_day_is_over_it_holds_the_patient() -> None:
    office = await deferred()
    (refused,) = await office.hear(submitted("Sat 2026-11-21 08:00", "portal", number=2))
    assert refused.data["existing_request_id"] == request_id(1)


async def test_r16_deferred_again_when_the_day_turned_out_closed() -> None:
    office = await deferred()
    office.clinics.take(clinic(closed_dates=["2026-11-21"]))
    (again,) = await office.tick("Sat 2026-11-21 09:00")
    assert (again.type, again.time) == ("request.deferred", "2026-11-21T09:00:00+05:00")
    assert again.data["opens_at"] == "2026-11-23T08:00:00+05:00"
    assert again.data["due_at"] == "2026-11-23T08:30:00+05:00"
    assert "R16" in again.data["ruling"]["clauses"]
    assert (await office.state()).visit_date == date(2026, 11, 23)
    assert await office.tick("Mon 2026-11-23 07:59") == []
    (accepted,) = await office.tick("Mon 2026-11-23 08:00")
    assert (accepted.type, accepted.data["register_date"]) == ("request.accepted", "2026-11-23")


async def test_r16_more_than_once_and_each_is_an_event_of_its_own() -> None:
    office = await deferred()
    office.clinics.take(clinic(closed_dates=["2026-11-21"]))
    (second,) = await office.tick("Sat 2026-11-21 09:00")
    office.clinics.take(clinic(closed_dates=["2026-11-21", "2026-11-23"]))
    (third,) = await office.tick("Mon 2026-11-23 08:00")
    assert third.data["opens_at"] == "2026-11-24T08:00:00+05:00"
    assert second.id != third.id


async def test_r16_the_day_opens_later_than_it_was_to() -> None:
    office = await deferred()
    office.clinics.take(clinic(hours={"sat": [["11:00", "15:00"]]}))
    (again,) = await office.tick("Sat 2026-11-21 09:00")
    assert (again.type, again.data["opens_at"]) == ("request.deferred", "2026-11-21T11:00:00+05:00")


async def test_a_clinic_that_has_no_opening_left_is_looked_at_again() -> None:
    office = await deferred()
    office.clinics.take(clinic(hours={}))
    assert [each.data["deadline"] for each in await office.tick("Sat 2026-11-21 09:00")] == ["running"]
    for minute in (10, 20):
        assert await office.tick(f"Sat 2026-11-21 09:{minute}") == []
    office.clinics.take(clinic(hours={"mon": [["08:00", "20:00"]]}))
    (again,) = await office.tick("Sat 2026-11-21 09:24")
    assert (again.type, again.data["opens_at"]) == ("request.deferred", "2026-11-23T08:00:00+05:00")
    # Taken up there on time, as if nothing had been.
    (accepted,) = await office.tick("Mon 2026-11-23 08:00")
    assert (accepted.type, accepted.data["due_at"]) == ("request.accepted", "2026-11-23T08:30:00+05:00")


async def test_r16_one_whose_clinic_closed_for_good_is_near_missed_and_told_once_each() -> None:
    office = await deferred()
    office.clinics.take(clinic(hours={}))
    said = []
    ticks = ("09:00", "09:10", "09:23:59", "09:24", "09:24:01", "09:29:59", "09:30", "09:30:01", "09:40", "13:00")
    for clock in ticks:
        said += [(each.type, each.time[11:19], each.data) for each in await office.tick(f"Sat 2026-11-21 {clock}")]
        # Another replica on the same database finds nothing more to say.
        other = Office(office.clinics, office.memory.as_database)
        assert await other.tick(f"Sat 2026-11-21 {clock}") == []
    for day in ("Mon 2026-11-23", "Tue 2026-11-24", "Mon 2026-11-30"):
        assert await office.tick(f"{day} 09:00") == []
    assert [(type_, when) for type_, when, _ in said] == [
        ("request.held", "09:00:00"),
        ("deadline.approaching", "09:24:00"),
        ("request.held", "09:24:00"),
        ("deadline.missed", "09:30:00"),
        ("request.held", "09:30:00"),
    ]
    missed = said[3][2]
    assert (missed["deadline"], missed["stage"], missed["limit_seconds"]) == ("answer", "deferred", 1800)
    assert (missed["started_at"], missed["due_at"]) == ("2026-11-21T09:00:00+05:00", "2026-11-21T09:30:00+05:00")
    assert {data["waits_for"] for type_, _, data in said if type_ == "request.held"} == {"opening"}
    # It opens again after all: the new time is told, and what was missed is not counted a second time.
    office.clinics.take(clinic(closed_dates=[f"2026-11-{day}" for day in range(21, 31)]))
    (again,) = await office.tick("Mon 2026-11-30 09:30")
    assert (again.type, again.data["opens_at"]) == ("request.deferred", "2026-12-01T08:00:00+05:00")
    office.clinics.take(clinic(hours={}))
    for clock in ("08:00", "08:24", "08:30", "09:00"):
        assert await office.tick(f"Tue 2026-12-01 {clock}") == []


async def test_one_whose_clinic_never_opens_again_is_refused_with_the_way_out_and_erased() -> None:
    """Its patient would else be kept for ever: only what has ended is erased."""
    office = await deferred()
    office.clinics.take(clinic(hours={}))
    for clock in ("Sat 2026-11-21 09:00", "Sat 2026-11-21 09:30", "Mon 2026-12-21 08:50"):
        assert "request.refused" not in {each.type for each in await office.tick(clock)}
    (refused,) = await office.tick("Mon 2026-12-21 09:00")
    assert (refused.type, refused.data["code"]) == ("request.refused", "outside_acceptance_hours")
    assert [each["path"] for each in refused.data["fields"]] == ["clinic_id"]
    assert "another clinic" in refused.data["fields"][0]["message"]
    assert refused.time == "2026-12-21T09:00:00+05:00"
    assert "next_acceptance_at" not in refused.data
    # It stays so, also when the clinic opens after all.
    office.clinics.take(clinic())
    assert await office.tick("Tue 2026-12-22 09:00") == []
    assert over_on(await office.state()) is not None
    assert (await office.state()).claim is None, "the patient may apply elsewhere, or here again"


async def test_read_thirty_days_late_it_is_looked_at_twice_before_it_is_refused() -> None:
    office = await deferred()
    office.clinics.take(clinic(hours={}))
    late = {each.type for each in await office.tick("Mon 2027-01-04 09:00")}
    assert late == {"deadline.missed", "request.held"}
    assert [each.type for each in await office.tick("Mon 2027-01-04 09:10")] == ["request.refused"]


async def test_withdrawn_before_its_opening_it_is_not_opened() -> None:
    office = await deferred()
    await office.hear(withdrawn("Fri 2026-11-20 20:00"))
    assert await office.tick("Sat 2026-11-21 09:00") == []
    assert office.memory.collection("register_pages").docs == {}


async def test_an_opening_whose_number_a_batch_gives_is_said_by_that_batch() -> None:
    # A crash between the opening and its number, then a withdrawal: no record would bring the opening back.
    office = await deferred(known())
    pages = office.memory.collection("register_pages")

    def crash() -> None:
        pages.before_write = None
        raise ConnectionError

    pages.before_write = crash
    with pytest.raises(RetryForever, match="ConnectionError"):
        await office.engine.due(at("Sat 2026-11-21 09:00"))
    assert (await office.state()).register_number is None
    events = await office.hear(withdrawn("Sat 2026-11-21 09:05"), now="Sat 2026-11-21 09:05")
    assert sorted(each.type for each in events) == ["request.accepted", "request.cancelled"]
    assert {each.data["register_number"] for each in events} == {1}
