"""Where a call goes on a clinic's day: who is asked, what is promised, what a changed roster moves, who waits first."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homecall.standard.districts import DistrictKind, district_of
from services.scheduler.domain import insertion
from services.scheduler.domain.bookings import Booking, Call, NoPlace, Urgency
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced, repair
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.travel import Location
from services.scheduler.domain.waiting import order_of_waiting

ALMATY = ZoneInfo("Asia/Almaty")
AT_ONCE = Dispatch(lead=0)
"""A clinic whose windows may open with the answer."""


def at(clock: str) -> datetime:
    """A time of the clinic's day; ``10:00:01`` and ``10:00`` both read."""
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=ALMATY)


def doctors(lines: str) -> tuple[Doctor, ...]:
    """Read a roster: ``id specialty``, then any of a district, ``max=N``, ``duty``, a shift; ``;`` between doctors."""
    return tuple(_doctor(*line.split()) for line in lines.split(";") if line.strip())


def _doctor(doctor_id: str, specialty: Any, *more: str) -> Doctor:
    shift = next((word for word in more if "-" in word), "08:00-20:00").split("-")
    limit = next((int(word[4:]) for word in more if word.startswith("max=")), 20)
    districts = frozenset(word for word in more if word.startswith("d") and word != "duty")
    return Doctor(
        doctor_id, f"Doctor {doctor_id}", specialty, districts, at(shift[0]), at(shift[1]), limit, "duty" in more
    )


def bookings(lines: str) -> list[Booking]:
    """Read visits of 20 minutes: ``request doctor HH:MM`` planned then and promised from then for two hours;
    ``request doctor HH:MM-HH:MM`` with that promise. ``doctor*N`` are N visits in half hours from 08:00."""
    return [each for line in lines.split(";") if line.strip() for each in _bookings(*line.split())]


def _bookings(first: str, second: str = "", *more: str) -> list[Booking]:
    if "*" not in first:
        begin, _, end = more[0].partition("-")
        is_child = {"child": True, "adult": False}.get(more[-1])
        closes = at(end) if end else at(begin) + timedelta(hours=2)
        return [_booking(first, second, at(begin), closes, "urgent" in more, is_child)]
    doctor_id, count = first.split("*")
    begins = [at("08:00") + n * timedelta(minutes=30) for n in range(int(count))]
    return [_booking(f"{doctor_id}-{n}", doctor_id, begin, begin, False, None) for n, begin in enumerate(begins)]


def _booking(
    request_id: str, doctor_id: str, begin: datetime, closes: datetime, urgent: bool, child: bool | None
) -> Booking:
    ends = begin + timedelta(minutes=20)
    return Booking(request_id, doctor_id, begin, closes, begin, ends, urgent, "district", child, Location(request_id))


def day_of(roster: str, booked: str = "", dispatch: Dispatch = AT_ONCE, **unavailable: str) -> DayPlan:
    """A day; unavailable doctors by keyword: ``a="10:00"``."""
    absent = {who: at(since) for who, since in unavailable.items()}
    return DayPlan(Roster(1, doctors(roster)), bookings(booked), absent, dispatch)


def call(
    request_id: str = "call",
    *,
    child: bool = False,
    district: str | None = None,
    urgency: Urgency = "same_day",
    red_flag: bool = False,
    accepted: str = "08:00",
    rank: int = 0,
) -> Call:
    return Call(request_id, child, district, urgency, red_flag, at(accepted), rank=rank)


def placed(day: DayPlan, what: Call, now: str = "09:00") -> str:
    """The placement in words: ``doctor basis HH:MM-HH:MM``, or the cause."""
    outcome = insertion.place(day, what, at(now))
    if isinstance(outcome, NoPlace):
        return outcome.cause
    return f"{outcome.doctor_id} {outcome.basis} {outcome.arrives_from:%H:%M}-{outcome.arrives_to:%H:%M}"


CHILD = call(child=True, district="d1")
ADULT = call(district="d1")


@pytest.mark.parametrize(
    ("roster", "booked", "what", "expected"),
    [
        pytest.param(roster, booked, what, expected, id=rule)
        for rule, roster, booked, what, expected in [
            ("the district's doctor", "a gp; b gp d1", "b*2", ADULT, "b district"),
            ("not however long the wait", "a gp; b gp d1", "b*12", ADULT, "a least_loaded"),
            ("of two of the district, the less loaded", "a gp d1; b gp d1", "a*1", ADULT, "b district"),
            ("the district's paediatrician", "a gp d1; b paediatrician d1", "b*3", CHILD, "b district"),
            ("no child to the district's therapist", "a therapist d1; b gp", "", CHILD, "b specialty"),
            ("no adult to its paediatrician", "a paediatrician d1; b therapist", "", ADULT, "b least_loaded"),
            ("a child to a paediatrician before a gp", "a gp; b paediatrician", "b*3", CHILD, "b specialty"),
            ("the less loaded paediatrician", "a paediatrician; b paediatrician", "a*1", CHILD, "b specialty"),
            ("then a gp", "a gp; b paediatrician max=1", "b*1", CHILD, "a specialty"),
            ("a full district overflows", "a gp d1 max=2; b gp", "a*2", ADULT, "b least_loaded"),
            ("load is a share", "a gp max=4; b gp max=20", "a*1; b*2", ADULT, "b least_loaded"),
            ("all equal: the lower id", "b gp; a gp", "", ADULT, "a least_loaded"),
            ("a gp is no better than a therapist", "a gp; b therapist", "a*1", ADULT, "b least_loaded"),
            ("duty waits for the overflow", "a gp duty; b gp", "b*12", ADULT, "b least_loaded"),
            ("duty takes the overflow", "a gp duty; b gp max=1", "b*1", ADULT, "a duty"),
            ("duty serves its own district", "a gp d1 duty; b gp", "", ADULT, "a district"),
            ("a child on duty too", "a gp duty; b paediatrician duty", "", CHILD, "b duty"),
            ("no child to a therapist on duty", "a therapist duty", "", CHILD, "no_capacity"),
            ("no adult to a paediatrician on duty", "a paediatrician duty", "", ADULT, "no_capacity"),
            ("no visits to give is no room", "a gp d1 max=0", "", ADULT, "no_capacity"),
            ("a roster of no doctors is a roster", "", "", ADULT, "no_capacity"),
        ]
    ],
)
def test_who_is_asked(roster: str, booked: str, what: Call, expected: str) -> None:
    assert placed(day_of(roster, booked), what).startswith(expected)


URGENT = call(district="d1", urgency="urgent")


def test_an_urgent_call_gets_the_earliest_arrival_and_pushes_others_within_their_windows() -> None:
    day = day_of("a gp d1", "x a 09:10; y a 09:40")
    urgent = insertion.place(day, URGENT, at("08:55"))
    assert isinstance(urgent, Booking)
    assert (urgent.planned_at, urgent.arrives_from) == (at("09:05"), at("09:05"))
    assert at("09:35") <= day.bookings["x"].planned_at <= day.bookings["x"].arrives_to
    assert day.bookings["y"].planned_at >= day.bookings["x"].ends_at + timedelta(minutes=10)
    assert (day.bookings["x"].arrives_from, day.bookings["x"].arrives_to) == (at("09:10"), at("11:10"))


def test_an_urgent_call_pushes_nobody_out_of_a_window() -> None:
    day = day_of("a gp d1", "x a 09:10-09:15")
    urgent = insertion.place(day, URGENT, at("08:55"))
    assert isinstance(urgent, Booking)
    assert urgent.planned_at == at("09:40")
    assert day.bookings["x"].planned_at == at("09:10")


def test_an_urgent_visit_is_pushed_by_no_more_than_the_clinic_says() -> None:
    day = day_of("a gp d1")
    urgent = insertion.place(day, URGENT, at("09:00"))
    for number in range(8):
        insertion.place(day, call(f"more {number}", district="d1", urgency="urgent"), at("09:00"))
    assert isinstance(urgent, Booking)
    assert day.bookings["call"].planned_at <= urgent.planned_at + timedelta(minutes=AT_ONCE.urgent_within)


@pytest.mark.parametrize(
    ("day", "now", "expected"),
    [
        pytest.param(day, now, expected, id=rule)
        for rule, day, now, expected in [
            ("not before the shift", day_of("a gp 10:00-14:00"), "08:00", "10:00-12:00"),
            ("as wide as the clinic has it", day_of("a gp", dispatch=Dispatch(60, 0)), "09:00", "09:00-10:00"),
            ("not before the lead", day_of("a gp", dispatch=Dispatch(lead=30)), "09:00", "09:30-11:30"),
            ("on whole five minutes, never in the past", day_of("a gp"), "09:01", "09:05-11:05"),
            ("the last arrival leaves time for the visit", day_of("a gp 08:00-12:00"), "11:00", "11:00-11:40"),
            ("at the last moment", day_of("a gp 08:00-12:00"), "11:30", "11:30-11:40"),
            ("none ends after the shift", day_of("a gp 08:00-12:00"), "11:30:01", "no_capacity"),
            ("the lead gives way at the end", day_of("a gp 08:00-12:00", "", Dispatch()), "11:20", "11:20-11:40"),
            ("a shift that is over", day_of("a gp 08:00-12:00"), "15:00", "no_capacity"),
            ("the last place before the doctor leaves", day_of("a gp", a="10:00"), "09:30", "09:30-09:40"),
            ("none once the doctor leaves", day_of("a gp", a="10:00"), "09:31", "no_capacity"),
            ("max_visits counts the visits made", day_of("a gp max=2", "a*2"), "15:00", "no_capacity"),
            ("no roster yet", DayPlan(), "09:00", "no_roster"),
        ]
    ],
)
def test_the_window(day: DayPlan, now: str, expected: str) -> None:
    assert placed(day, call(), now).split()[-1] == expected


def test_the_roster_says_how_long_a_visit_and_the_way_to_it_are() -> None:
    day = DayPlan(Roster(1, doctors("a gp"), visit_minutes=15, travel_minutes=25), dispatch=AT_ONCE)
    for number in range(2):
        insertion.place(day, call(str(number), urgency="urgent"), at("09:00"))
    planned = [(f"{each.planned_at:%H:%M}", f"{each.ends_at:%H:%M}") for each in day.bookings.values()]
    assert planned == [("09:25", "09:40"), ("10:05", "10:20")]


def test_a_call_goes_where_it_lies_on_the_way() -> None:
    """Two doctors drive to the north and to the south: each call goes to whom it costs the least travel."""
    roster = Roster(1, tuple(replace(each, start=(43.25, 76.9)) for each in doctors("a gp; b gp")))
    day = DayPlan(roster, dispatch=Dispatch(load_weight=0))
    near = {"north": 43.29, "south": 43.21, "north too": 43.295, "south too": 43.205}
    for name, lat in near.items():
        insertion.place(day, replace(call(name), lat=lat, lon=76.9), at("09:00"))
    who = {name: day.bookings[name].doctor_id for name in near}
    assert who["north"] == who["north too"]
    assert who["south"] == who["south too"]


def test_a_choice_is_explained_with_what_it_was_chosen_over() -> None:
    day = day_of("a gp; b gp d1; c gp; e gp; f gp", "b*1")
    booking = insertion.place(day, ADULT, at("09:00"))
    assert isinstance(booking, Booking)
    why: Any = booking.why
    assert (why["by"], why["basis"], why["extra_travel_minutes"], why["load"]) == ("least travel", "district", 10, 0.05)
    assert [each["doctor_id"] for each in why["over"]] == ["a", "c", "e"]
    assert all(each["cost_minutes"] >= why["cost_minutes"] for each in why["over"])


def test_a_call_keeps_its_booking_and_gives_it_back_once() -> None:
    day = day_of("a gp")
    first = insertion.place(day, call("one"), at("09:00"))
    assert insertion.place(day, call("one"), at("12:00")) == first
    assert dict(day.bookings) == {"one": first}
    assert day.free("one", at("09:00")) == first
    assert day.free("one", at("09:00")) is None
    assert dict(day.bookings) == {}


def test_a_place_given_back_lets_the_next_come_earlier_but_not_before_its_window() -> None:
    day = day_of("a gp", "x a 09:10; y a 09:40-10:40")
    urgent = insertion.place(day, URGENT, at("08:50"))
    assert isinstance(urgent, Booking)
    assert day.bookings["y"].planned_at >= at("10:00")
    day.free("call", at("08:50"))
    assert day.bookings["y"].planned_at == at("09:40")


def test_a_visit_that_is_over_early_lets_the_next_begin() -> None:
    x, y = bookings("x a 09:10; y a 09:15-10:15")
    later = replace(y, planned_at=at("09:40"), ends_at=at("10:00"))
    day = DayPlan(Roster(1, doctors("a gp")), [x, later], dispatch=AT_ONCE)
    assert day.over("x", at("09:12"), at("09:12"))
    assert day.bookings["x"].ends_at == at("09:12")
    assert day.bookings["y"].planned_at == at("09:22")
    assert not day.over("x", at("09:50"), at("09:50"))  # reports that come late push nobody


def test_a_roster_makes_room() -> None:
    assert placed(DayPlan(), call()) == "no_roster"
    assert placed(DayPlan(Roster(1, doctors("a therapist max=0"))), call()) == "no_capacity"
    assert placed(DayPlan(Roster(2, doctors("a therapist"))), call()).startswith("a least_loaded")


def test_windows_are_in_the_zone_of_the_shift_whatever_zone_now_is_in() -> None:
    outcome = insertion.place(day_of("a gp"), call(), at("09:00").astimezone(UTC))
    assert isinstance(outcome, Booking)
    assert outcome.arrives_from.isoformat() == "2026-11-23T09:00:00+05:00"
    assert outcome.arrives_to.isoformat() == "2026-11-23T11:00:00+05:00"


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="time without an offset"):
        insertion.place(day_of("a gp"), call(), at("09:00").replace(tzinfo=None))


@pytest.mark.parametrize("minutes", [{"visit_minutes": 0}, {"travel_minutes": -1}])
def test_a_visit_that_takes_no_time_is_refused(minutes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="visit_minutes must be 1 or more and travel_minutes 0 or more"):
        Roster(1, doctors("a gp"), **minutes)


# At 09:00 the first is over, for the second the doctor has set out.
MORNING = "over a 08:10; begun a 08:55; next a 09:25; late a 16:00"


@pytest.mark.parametrize(
    ("day", "moved"),
    [
        pytest.param(day, moved, id=rule)
        for rule, day, moved in [
            ("all hold", day_of("a gp", MORNING), ""),
            ("doctor gone: all but what is over", day_of("b gp", MORNING), "begun next late"),
            ("shift shorter: what ends after it", day_of("a gp 08:00-16:15", MORNING), "late"),
            ("shift shorter than what has begun: it goes on", day_of("a gp 08:00-09:10", MORNING), "next late"),
            ("shift later: it is driven later, in its window", day_of("a gp 09:30-20:00", MORNING), ""),
            ("shift too late for a window", day_of("a gp 11:30-20:00", MORNING), "next"),
            ("unavailable: what ends after", day_of("a gp", MORNING, a="09:44"), "next late"),
            ("unavailable as a visit ends: it holds", day_of("a gp", MORNING, a="09:45"), "late"),
            (
                "unavailable amid what has begun: nobody would come",
                day_of("a gp", MORNING, a="09:10"),
                "begun next late",
            ),
            ("unavailable since before: all but what is over", day_of("a gp", MORNING, a="08:00"), "begun next late"),
            ("over max_visits: the latest", day_of("a gp max=3", MORNING), "late"),
            ("max_visits below what has begun: that stays", day_of("a gp max=1", MORNING), "next late"),
            ("two for one time: the later", day_of("a gp", "y a 10:20-10:25; x a 10:10-10:15"), "y"),
            ("a child's doctor is now a therapist", day_of("a therapist", "x a 10:00 child"), "x"),
            ("an adult's is now a paediatrician", day_of("a paediatrician", "x a 10:00 adult"), "x"),
            ("a child's is now a gp", day_of("a gp", "x a 10:00 child"), ""),
            ("urgent ones first", day_of("b gp", "x a 10:00; y a 11:00-13:00 urgent"), "y x"),
            ("nothing is judged without a roster", DayPlan(None, bookings(MORNING)), ""),
        ]
    ],
)
def test_what_a_changed_day_moves(day: DayPlan, moved: str) -> None:
    assert [gone.request_id for gone in displaced(day, at("09:00"))] == moved.split()


def again(day: DayPlan, now: str = "09:00", **over: Any) -> dict[str, str]:
    """Who was placed again, and where: ``doctor HH:MM-HH:MM``, or ``none``."""
    calls = {request_id: call(request_id, **over) for request_id in day.bookings}
    gone = repair(day, calls.__getitem__, at(now))
    assert displaced(day, at(now)) == []
    return {
        each.request_id: f"{now.doctor_id} {now.arrives_from:%H:%M}-{now.arrives_to:%H:%M}"
        if (now := day.bookings.get(each.request_id))  # type: ignore[assignment]  # the walrus reuses a free name
        else "none"
        for each in gone
    }


def test_a_doctor_falls_ill_and_every_window_is_kept() -> None:
    day = day_of("a gp d1; b gp", "x a 10:00; y a 10:30; z b 10:00", a="09:00")
    assert again(day, district="d1") == {"x": "b 10:00-12:00", "y": "b 10:30-12:30"}
    assert day.bookings["z"].arrives_from == at("10:00")


def test_where_not_every_window_can_be_kept_the_change_is_the_least() -> None:
    day = day_of("a gp; b gp", "x a 10:00-10:10; y b 10:00-10:05", a="09:00")
    # b is with y until 10:20 and needs 10 minutes to x: 20 minutes later than was promised.
    assert again(day) == {"x": "b 10:20-12:20"}
    assert day.bookings["y"].arrives_to == at("10:05")
    assert day.bookings["x"].arrives_from <= day.bookings["x"].planned_at <= day.bookings["x"].arrives_to
    assert day.bookings["x"].planned_at >= at("10:30")


def test_who_has_no_place_at_all_is_left_without() -> None:
    assert again(day_of("a gp; b gp max=0", "x a 10:00", a="09:00")) == {"x": "none"}


def test_who_waits_first() -> None:
    waiting = [
        call("f", accepted="08:00", rank=3),
        call("e", accepted="08:00", rank=3),
        call("d", accepted="07:00", rank=3),
        call("c", accepted="10:00", rank=1),
        call("b", accepted="09:00", rank=1),
        call("a", accepted="11:00"),
    ]
    assert [each.request_id for each in order_of_waiting(waiting)] == ["a", "b", "c", "d", "e", "f"]


DISTRICTS: list[tuple[str, DistrictKind, list[str]]] = [
    ("abai", "mixed", ["Abai"]),
    ("abai-1", "mixed", ["Abai 1"]),
    ("abai-12-all", "mixed", ["Abai 12"]),
    ("abai-12-children", "child", ["Abai 12"]),
    ("abai-12-people", "adult", ["Abai 12"]),
    ("abai-12-block", "mixed", ["Abai 12 block 2"]),
    ("hill-2", "adult", ["ул. Төле би"]),
    ("hill-1", "adult", ["ул. Төле би", " "]),
    ("dot", "mixed", ["мкр."]),
]


@pytest.mark.parametrize(
    ("address", "child", "expected"),
    [
        ("Abai 1", False, "abai-1"),
        ("Abai 1, flat 4", False, "abai-1"),
        ("Abai 12", False, "abai-12-people"),
        ("Abai 12", True, "abai-12-children"),
        ("Abai 123", True, "abai"),
        ("Abai 12A", False, "abai"),
        ("  aBAI   12 flat 3", False, "abai-12-people"),
        ("Abai 12 block 2", False, "abai-12-block"),
        ("Abaiev 3", False, None),
        ("Corner of Abai 1", False, None),
        ("УЛ. ТӨЛЕ БИ 7", False, "hill-1"),
        ("ул. Төле би 7", True, None),
        ("мкр.Самал 2", True, "dot"),
        ("Satpaev 4", False, None),
        ("", False, None),
    ],
)
def test_the_district_of_an_address(address: str, child: bool, expected: str | None) -> None:
    assert district_of(address, DISTRICTS, is_child=child) == expected


def test_a_full_day_of_a_large_clinic_is_decided_fast() -> None:
    """60 doctors and 1,500 calls with coordinates: a clinic-day of 150 calls may take 20 ms for each."""
    lines = ";".join(f"{n:02} gp d{n % 45} max=27 07:00-20:00 {'duty' if n >= 54 else ''}" for n in range(60))
    roster = Roster(1, tuple(replace(each, start=(43.25, 76.9)) for each in doctors(lines)), visit_minutes=15)
    day = DayPlan(roster)
    spent: list[float] = []
    for n in range(1500):
        asked = replace(
            call(f"{n:04}", child=n % 3 == 0, district=f"d{n % 45}", urgency="urgent" if n % 10 == 0 else "same_day"),
            lat=43.2 + n * 37 % 100 / 1000,
            lon=76.85 + n * 53 % 100 / 1000,
        )
        started = time.process_time()
        assert isinstance(insertion.place(day, asked, at("08:00") + timedelta(seconds=n * 20)), Booking)
        spent.append(time.process_time() - started)
    assert quantiles(spent, n=100)[98] < 0.1
