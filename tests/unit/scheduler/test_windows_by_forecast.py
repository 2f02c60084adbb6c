"""Windows chosen by sampled days: at once with a doctor who is near by, else after the hour's lead."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.domain.bookings import Booking, Call, Urgency
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast, Hour
from services.scheduler.domain.insertion import place
from services.scheduler.domain.offers import offers
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, Roster

ALMATY = ZoneInfo("Asia/Almaty")
NINE = datetime(2026, 11, 20, 9, tzinfo=ALMATY)
CENTRE = (43.25, 76.90)
FORECAST = Forecast(20, 9, [Hour(9, 105, 300)])
"""From 9 to 10: windows open after 105 minutes, or at once for five minutes of extra travel."""
FAR, NEAR = 43.35, 43.251


def gp(doctor_id: str, *, on_duty: bool = False) -> Doctor:
    begins, ends = NINE.replace(hour=8), NINE.replace(hour=20)
    return Doctor(
        doctor_id,
        f"Doctor {doctor_id}",
        "gp",
        frozenset({"d1"} if not on_duty else ()),
        begins,
        ends,
        20,
        on_duty,
        CENTRE,
    )


def call(number: int, lat: float, urgency: Urgency = "same_day", at: datetime = NINE) -> Call:
    return Call(f"call {number}", False, "d1", urgency, False, at, lat, CENTRE[1])


def day(forecast: Forecast | None = FORECAST, *doctors: Doctor) -> DayPlan:
    return DayPlan(Roster(1, doctors or (gp("a"),)), dispatch=Dispatch(), forecast=forecast)


def booked(plan: DayPlan, asked: Call, now: datetime = NINE) -> Booking:
    found = place(plan, asked, now)
    assert isinstance(found, Booking)
    return found


def after(booking: Booking, now: datetime = NINE) -> float:
    return (booking.arrives_from - now) / timedelta(minutes=1)


def test_a_doctor_who_is_near_by_comes_at_once() -> None:
    booking = booked(day(), call(1, NEAR))
    assert after(booking) == 0
    assert booking.why is not None
    assert booking.why["by"] == "sampled days"
    assert booking.why["sampled"] == {"days": 20, "near_minutes": 5.0, "lead_minutes": 0}


def test_a_far_call_waits_for_the_lead_of_its_hour() -> None:
    booking = booked(day(), call(1, FAR))
    assert after(booking) == 105
    assert booking.arrives_to - booking.arrives_from == timedelta(minutes=120)
    assert booking.why is not None
    assert booking.why["sampled"]["lead_minutes"] == 105


def test_near_is_what_a_call_adds_to_a_route_not_where_it_is() -> None:
    """As far away as the first, but beside it: the doctor who goes there at once has both on the way."""
    plan = day()
    booked(plan, call(1, FAR))
    assert after(booked(plan, call(2, FAR + 0.0001))) == 0


def test_a_doctor_who_is_an_hour_away_is_not_near() -> None:
    plan = day()
    for number in range(3):
        booked(plan, call(number, FAR, "urgent"))  # an hour and more of visits
    assert after(booked(plan, call(9, FAR + 0.0001))) == 105


@pytest.mark.parametrize("lat", [NEAR, FAR])
def test_without_a_forecast_for_the_hour_the_clinic_s_own_lead_holds(lat: float) -> None:
    ten = NINE.replace(hour=10)
    expected = booked(day(None), call(1, lat, at=ten), ten)
    assert booked(day(), call(1, lat, at=ten), ten) == expected
    assert after(expected, ten) == 75  # 72 minutes, on the grid


def test_an_urgent_call_is_reached_as_early_as_without() -> None:
    assert booked(day(), call(1, FAR, "urgent")) == booked(day(None), call(1, FAR, "urgent"))


def test_a_call_whose_place_is_not_known_waits_for_the_clinic_s_own_lead() -> None:
    unknown = Call("call 1", False, None, "same_day", False, NINE)
    booking = booked(day(), unknown)
    assert after(booking) == 75  # the clinic's own 72 minutes, on the grid
    assert booking.why is not None
    assert booking.why["sampled"]["lead_minutes"] == 72


def test_a_doctor_on_duty_who_is_near_leaves_the_call_to_the_others() -> None:
    plan = day(FORECAST, gp("a"), gp("duty", on_duty=True))
    place(plan, call(1, FAR, "urgent"), NINE)
    place(plan, call(2, FAR, "urgent"), NINE)
    asked = Call("call 3", False, "d1", "same_day", False, NINE, NEAR, CENTRE[1])
    assert booked(plan, asked).basis == "district"


def test_what_is_offered_is_what_a_call_gets() -> None:
    for lat in (NEAR, FAR):
        plan = day()
        offered = {(each.arrives_from, each.arrives_to) for each in offers(plan, call(1, lat), NINE)}
        booking = booked(plan, call(1, lat))
        assert (booking.arrives_from, booking.arrives_to) in offered


def test_a_place_that_the_lead_leaves_none_for_is_taken_at_once() -> None:
    """The day ends before the lead does."""
    evening = NINE.replace(hour=18, minute=10)
    plan = day(Forecast(20, 9, [Hour(18, 105, 0)]))
    booking = booked(plan, call(1, FAR, at=evening), evening)
    assert booking.arrives_from >= evening
    assert booking.planned_at + timedelta(minutes=20) <= NINE.replace(hour=20)
