"""Where a call goes on a clinic's day: the steps, the windows, what a changed roster moves, and who waits first."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.routing import (
    Booking,
    Call,
    Day,
    Doctor,
    NoPlace,
    Roster,
    Specialty,
    Urgency,
    district_of,
    order_of_waiting,
)

ALMATY = ZoneInfo("Asia/Almaty")


def at(clock: str) -> datetime:
    """A time of the clinic's day; ``10:00:01`` and ``10:00`` both read."""
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=ALMATY)


def doctor(
    doctor_id: str,
    specialty: Specialty = "gp",
    *districts: str,
    shift: str = "08:00-20:00",
    max_visits: int = 20,
    on_duty: bool = False,
) -> Doctor:
    begin, end = shift.split("-")
    return Doctor(
        doctor_id, f"Doctor {doctor_id}", specialty, frozenset(districts), at(begin), at(end), max_visits, on_duty
    )


def call(
    request_id: str = "call",
    *,
    child: bool = False,
    district: str | None = None,
    urgency: Urgency = "same_day",
    red_flag: bool = False,
    accepted: str = "08:00",
) -> Call:
    return Call(request_id, child, district, urgency, red_flag, at(accepted))


def booking(
    request_id: str, doctor_id: str, window: str, *, urgent: bool = False, is_child: bool | None = None
) -> Booking:
    begin, end = window.split("-")
    return Booking(request_id, doctor_id, at(begin), at(end), urgent, "district", is_child)


def visits(doctor_id: str, count: int, *, first: str = "08:00") -> list[Booking]:
    """Visits back to back, 30 minutes each."""
    begin, half_hour = at(first), timedelta(minutes=30)
    return [
        Booking(f"{doctor_id}-{n}", doctor_id, begin + n * half_hour, begin + (n + 1) * half_hour, False, "district")
        for n in range(count)
    ]


def placed(day: Day, what: Call, now: str = "09:00") -> str:
    """The placement in words: ``doctor basis HH:MM-HH:MM``, or the cause."""
    outcome = day.place(what, at(now))
    if isinstance(outcome, NoPlace):
        return outcome.cause
    return f"{outcome.doctor_id} {outcome.basis} {outcome.arrives_from:%H:%M}-{outcome.arrives_to:%H:%M}"


def day_of(*doctors: Doctor, bookings: list[Booking] | None = None, **unavailable: str) -> Day:
    return Day(Roster(1, doctors), bookings or [], {who: at(since) for who, since in unavailable.items()})


CHILD = call(child=True, district="d1")
ADULT = call(district="d1")


@pytest.mark.parametrize(
    ("rule", "doctors", "bookings", "what", "expected"),
    [
        ("the district's doctor, however busy", [doctor("a"), doctor("b", "gp", "d1")], visits("b", 9), ADULT, "b district 12:30"),
        ("of two of the district, the less loaded", [doctor("a", "gp", "d1"), doctor("b", "gp", "d1")], visits("a", 1), ADULT, "b district 09:00"),
        ("a child of the district to its paediatrician", [doctor("a", "gp", "d1"), doctor("b", "paediatrician", "d1")], visits("b", 5), CHILD, "b district 10:30"),
        ("a child to the district's gp before another's paediatrician", [doctor("a", "paediatrician"), doctor("b", "gp", "d1")], [], CHILD, "b district 09:00"),
        ("no child to the district's therapist", [doctor("a", "therapist", "d1"), doctor("b", "gp")], [], CHILD, "b specialty 09:00"),
        ("no adult to the district's paediatrician", [doctor("a", "paediatrician", "d1"), doctor("b", "therapist")], [], ADULT, "b least_loaded 09:00"),
        ("a child to a paediatrician before a gp", [doctor("a", "gp"), doctor("b", "paediatrician")], visits("b", 5), CHILD, "b specialty 10:30"),
        ("of two paediatricians, the less loaded", [doctor("a", "paediatrician"), doctor("b", "paediatrician")], visits("a", 1), CHILD, "b specialty 09:00"),
        ("a child to a gp once the paediatricians are full", [doctor("a", "gp"), doctor("b", "paediatrician", max_visits=1)], visits("b", 1), CHILD, "a specialty 09:00"),
        ("a full district overflows to the least loaded", [doctor("a", "gp", "d1", max_visits=2), doctor("b")], visits("a", 2), ADULT, "b least_loaded 09:00"),
        ("load is the share of max_visits", [doctor("a", max_visits=4), doctor("b", max_visits=20)], visits("a", 1) + visits("b", 3), ADULT, "b least_loaded 09:30"),
        ("of equal shares, the fewer visits", [doctor("a", max_visits=20), doctor("b", max_visits=10)], visits("a", 2) + visits("b", 1), ADULT, "b least_loaded 09:00"),
        ("of equal loads, the earlier start", [doctor("a"), doctor("b")], visits("a", 1, first="09:00") + visits("b", 1), ADULT, "b least_loaded 09:00"),
        ("of equals, the lower id", [doctor("b"), doctor("a")], [], ADULT, "a least_loaded 09:00"),
        ("duty takes the overflow only", [doctor("a", on_duty=True), doctor("b")], visits("b", 9), ADULT, "b least_loaded 12:30"),
        ("duty when the others are full", [doctor("a", on_duty=True), doctor("b", max_visits=1)], visits("b", 1), ADULT, "a duty 09:00"),
        ("duty serves its own district as any doctor", [doctor("a", "gp", "d1", on_duty=True), doctor("b")], [], ADULT, "a district 09:00"),
        ("a child goes to a paediatrician on duty first", [doctor("a", "gp", on_duty=True), doctor("b", "paediatrician", on_duty=True)], [], CHILD, "b duty 09:00"),
        ("no child to a therapist on duty", [doctor("a", "therapist", on_duty=True)], [], CHILD, "no_capacity"),
        ("no adult to a paediatrician on duty", [doctor("a", "paediatrician", on_duty=True)], [], ADULT, "no_capacity"),
        ("a doctor with no visits to give has no room", [doctor("a", "gp", "d1", max_visits=0)], [], ADULT, "no_capacity"),
        ("a roster of no doctors is a roster", [], [], ADULT, "no_capacity"),
    ],
)  # fmt: skip
def test_the_steps(rule: str, doctors: list[Doctor], bookings: list[Booking], what: Call, expected: str) -> None:
    assert placed(day_of(*doctors, bookings=bookings), what).startswith(expected), rule


@pytest.mark.parametrize(
    ("rule", "doctors", "bookings", "what", "expected"),
    [
        ("earliest start before load", [doctor("a"), doctor("b")], visits("a", 2) + visits("b", 1, first="09:00"), call(urgency="urgent"), "a least_loaded 09:00"),
        ("the same call, not urgent, by load", [doctor("a"), doctor("b")], visits("a", 2) + visits("b", 1, first="09:00"), call(), "b least_loaded 09:30"),
        ("of equal starts, by load", [doctor("a"), doctor("b")], visits("a", 2), call(urgency="urgent"), "b least_loaded 09:00"),
        ("the district stays the first step", [doctor("a", "gp", "d1"), doctor("b")], visits("a", 9), call(district="d1", urgency="urgent"), "a district 12:30"),
        ("a child's paediatrician stays before the gp", [doctor("a"), doctor("b", "paediatrician")], visits("b", 9), call(child=True, urgency="urgent"), "b specialty 12:30"),
    ],
)  # fmt: skip
def test_urgent_calls(rule: str, doctors: list[Doctor], bookings: list[Booking], what: Call, expected: str) -> None:
    assert placed(day_of(*doctors, bookings=bookings), what).startswith(expected), rule


@pytest.mark.parametrize(
    ("rule", "day", "now", "expected"),
    [
        ("not before the shift", day_of(doctor("a", shift="10:00-12:00")), "08:00", "10:00-10:30"),
        ("now, on a whole five minutes", day_of(doctor("a")), "09:05", "09:05-09:35"),
        ("now, rounded up", day_of(doctor("a")), "09:05:00.000001", "09:10-09:40"),
        ("the last place ends with the shift", day_of(doctor("a", shift="08:00-12:00")), "11:30", "11:30-12:00"),
        ("none ends after the shift", day_of(doctor("a", shift="08:00-12:00")), "11:30:01", "no_capacity"),
        ("a shift that is over", day_of(doctor("a", shift="08:00-12:00")), "15:00", "no_capacity"),
        ("the last place before the doctor leaves", day_of(doctor("a"), a="10:00"), "09:30", "09:30-10:00"),
        ("none once the doctor leaves", day_of(doctor("a"), a="10:00"), "09:31", "no_capacity"),
        ("leaving after the shift changes nothing", day_of(doctor("a", shift="08:00-12:00"), a="18:00"), "11:31", "no_capacity"),
        ("a gap that is just enough", day_of(doctor("a"), bookings=[booking("x", "a", "09:00-09:20"), booking("y", "a", "09:50-11:00")]), "09:00", "09:20-09:50"),
        ("a gap too short, of another revision's lengths", day_of(doctor("a"), bookings=[booking("x", "a", "09:00-09:21"), booking("y", "a", "09:50-11:00")]), "09:00", "11:00-11:30"),
        ("a long visit that began before now", day_of(doctor("a"), bookings=[booking("x", "a", "08:00-11:00"), booking("y", "a", "08:10-08:20")]), "09:00", "11:00-11:30"),
        ("a visit of the past leaves now free", day_of(doctor("a"), bookings=[booking("x", "a", "08:00-08:30")]), "09:00", "09:00-09:30"),
        ("max_visits counts the visits made", day_of(doctor("a", max_visits=2), bookings=visits("a", 2)), "15:00", "no_capacity"),
        ("no roster yet", Day(), "09:00", "no_roster"),
    ],
)  # fmt: skip
def test_the_window(rule: str, day: Day, now: str, expected: str) -> None:
    assert placed(day, call(), now).split()[-1] == expected, rule


def test_the_roster_says_how_long_a_place_is() -> None:
    day = Day(Roster(1, (doctor("a"),), visit_minutes=15, travel_minutes=25))
    assert placed(day, call("one")) == "a least_loaded 09:00-09:40"
    assert placed(day, call("two")) == "a least_loaded 09:40-10:20"


def test_a_call_keeps_its_booking_and_gives_it_back_once() -> None:
    day = day_of(doctor("a"))
    first = day.place(call("one"), at("09:00"))
    assert isinstance(first, Booking)
    assert first == Booking("one", "a", at("09:00"), at("09:30"), urgent=False, basis="least_loaded", is_child=False)
    assert day.place(call("one"), at("12:00")) == first
    assert day.free("one") == first
    assert day.free("one") is None
    assert placed(day, call("two")).endswith("09:00-09:30")


def test_a_booking_entered_again_replaces_the_earlier_one() -> None:
    day = day_of(
        doctor("a"), doctor("b"), bookings=[booking("x", "a", "09:00-09:30"), booking("x", "b", "09:00-09:30")]
    )
    assert dict(day.bookings) == {"x": booking("x", "b", "09:00-09:30")}
    assert placed(day, call()) == "a least_loaded 09:00-09:30"


def test_a_place_found_before_the_roster_of_the_call() -> None:
    day = Day()
    assert placed(day, call()) == "no_roster"
    day.take_roster(Roster(1, (doctor("a"),)))
    assert placed(day, call()) == "a least_loaded 09:00-09:30"


def test_windows_are_in_the_zone_of_the_shift_whatever_zone_now_is_in() -> None:
    outcome = day_of(doctor("a")).place(call(), at("09:00").astimezone(UTC))
    assert isinstance(outcome, Booking)
    assert outcome.arrives_from.isoformat() == "2026-11-23T09:00:00+05:00"
    assert outcome.arrives_to.isoformat() == "2026-11-23T09:30:00+05:00"


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="time without an offset"):
        day_of(doctor("a")).place(call(), at("09:00").replace(tzinfo=None))


@pytest.mark.parametrize("minutes", [{"visit_minutes": 0}, {"travel_minutes": -1}])
def test_a_place_that_takes_no_time_is_refused(minutes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="visit_minutes must be 1 or more and travel_minutes 0 or more"):
        Roster(1, (doctor("a"),), **minutes)


MORNING = [booking("over", "a", "08:00-08:30"), booking("begun", "a", "08:50-09:20"), booking("next", "a", "09:20-09:50"), booking("late", "a", "16:00-16:30")]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "day", "moved"),
    [
        ("all hold", day_of(doctor("a"), bookings=MORNING), []),
        ("doctor gone: all but what is over", day_of(doctor("b"), bookings=MORNING), ["begun", "next", "late"]),
        ("shift shorter: what ends after it", day_of(doctor("a", shift="08:00-16:15"), bookings=MORNING), ["late"]),
        ("shift shorter than what has begun: it goes on", day_of(doctor("a", shift="08:00-09:10"), bookings=MORNING), ["next", "late"]),
        ("shift later: what starts before it", day_of(doctor("a", shift="09:30-20:00"), bookings=MORNING), ["next"]),
        ("unavailable: what ends after", day_of(doctor("a"), bookings=MORNING, a="09:49"), ["next", "late"]),
        ("unavailable as the window ends: it holds", day_of(doctor("a"), bookings=MORNING, a="09:50"), ["late"]),
        ("unavailable amid what has begun: nobody would come", day_of(doctor("a"), bookings=MORNING, a="09:10"), ["begun", "next", "late"]),
        ("unavailable before what is over: it is left alone", day_of(doctor("a"), bookings=MORNING, a="08:00"), ["begun", "next", "late"]),
        ("over max_visits: the latest", day_of(doctor("a", max_visits=3), bookings=MORNING), ["late"]),
        ("max_visits below what has begun: that stays", day_of(doctor("a", max_visits=1), bookings=MORNING), ["next", "late"]),
        ("clash: the later start", day_of(doctor("a"), bookings=[booking("y", "a", "10:20-10:50"), booking("x", "a", "10:00-10:30")]), ["y"]),
        ("what clashes with the one that goes may stay", day_of(doctor("a"), bookings=[booking("x", "a", "10:00-10:30"), booking("y", "a", "10:20-10:50"), booking("z", "a", "10:40-11:10")]), ["y"]),
        ("clash with what has begun", day_of(doctor("a"), bookings=[booking("x", "a", "08:00-10:00"), booking("y", "a", "09:30-10:00")]), ["y"]),
        ("older lengths hold", day_of(doctor("a"), bookings=[booking("x", "a", "10:00-11:10")]), []),
        ("a child's doctor became a therapist", day_of(doctor("a", "therapist"), bookings=[booking("x", "a", "10:00-10:30", is_child=True)]), ["x"]),
        ("an adult's became a paediatrician", day_of(doctor("a", "paediatrician"), bookings=[booking("x", "a", "10:00-10:30", is_child=False)]), ["x"]),
        ("a child's became a gp", day_of(doctor("a", "gp"), bookings=[booking("x", "a", "10:00-10:30", is_child=True)]), []),
        ("urgent ones first", day_of(doctor("b"), bookings=[booking("x", "a", "10:00-10:30"), booking("y", "a", "11:00-11:30", urgent=True)]), ["y", "x"]),
        ("nothing is judged without a roster", Day(None, MORNING), []),
    ],
)  # fmt: skip
def test_what_a_changed_day_moves(rule: str, day: Day, moved: list[str]) -> None:
    assert [gone.request_id for gone in day.displaced(at("09:00"))] == moved, rule


def test_a_doctor_falls_ill_and_the_calls_find_another() -> None:
    day = day_of(doctor("a", "gp", "d1"), doctor("b"))
    assert placed(day, call("one", district="d1")) == "a district 09:00-09:30"
    day.take_unavailable("a", at("09:10"))
    for gone in day.displaced(at("09:12")):
        day.free(gone.request_id)
    assert placed(day, call("one", district="d1"), "09:12") == "b least_loaded 09:15-09:45"
    assert day.displaced(at("09:12")) == []


def test_who_waits_first() -> None:
    waiting = [
        call("e", accepted="08:00"),
        call("d", accepted="07:00"),
        call("c", urgency="urgent", accepted="10:00"),
        call("b", urgency="urgent", accepted="09:00"),
        call("a", urgency="urgent", red_flag=True, accepted="11:00"),
        call("f", accepted="08:00"),
    ]
    assert [each.request_id for each in order_of_waiting(waiting)] == ["a", "b", "c", "d", "e", "f"]


DISTRICTS = [
    ("abai", "mixed", ["Abai"]),
    ("abai-1", "mixed", ["Abai 1"]),
    ("abai-12-children", "child", ["Abai 12"]),
    ("abai-12-adults", "adult", ["Abai 12"]),
    ("abai-12-all", "mixed", ["Abai 12"]),
    ("hill", "adult", ["ул. Төле би", ""]),
    ("hill-2", "adult", ["ул. Төле би"]),
    ("dot", "mixed", ["мкр."]),
]


@pytest.mark.parametrize(
    ("address", "child", "expected"),
    [
        ("Abai 1", False, "abai-1"),
        ("Abai 1, flat 4", False, "abai-1"),
        ("Abai 12", False, "abai-12-adults"),
        ("Abai 12", True, "abai-12-children"),
        ("Abai 123", True, "abai"),
        ("Abai 12A", False, "abai"),
        ("  aBAI   12 flat 3", False, "abai-12-adults"),
        ("Abaiev 3", False, None),
        ("Corner of Abai 1", False, None),
        ("УЛ. ТӨЛЕ БИ 7", False, "hill"),
        ("ул. Төле би 7", True, None),
        ("мкр.Самал 2", True, "dot"),
        ("Satpaev 4", False, None),
        ("", False, None),
    ],
)
def test_the_district_of_an_address(address: str, child: bool, expected: str | None) -> None:
    assert district_of(address, DISTRICTS, is_child=child) == expected


def test_a_full_day_reads_few_diaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 doctors, 1,500 calls: a call reads the days of a few doctors, and the whole day is placed in a moment."""
    read = 0
    first_free = Day._first_free

    def counted(day: Day, doctor: Doctor, earliest: datetime, length: timedelta) -> datetime | None:
        nonlocal read
        read += 1
        return first_free(day, doctor, earliest, length)

    monkeypatch.setattr(Day, "_first_free", counted)
    specialties: tuple[Specialty, ...] = ("gp", "therapist", "paediatrician")
    day = day_of(
        *(doctor(f"doctor-{n:02}", specialties[n % 3], f"d{n}", max_visits=25, on_duty=n >= 54) for n in range(60))
    )
    calls = [
        call(f"{n:04}", child=n % 3 == 0, district=f"d{n % 45}", urgency="urgent" if n % 10 == 0 else "same_day")
        for n in range(1500)
    ]
    began = time.process_time()
    outcomes = [day.place(each, at("08:00")) for each in calls]
    spent = time.process_time() - began
    assert sum(isinstance(outcome, Booking) for outcome in outcomes) == 24 * 60 - 0
    assert read <= 10 * len(calls)
    assert spent < 0.001 * len(calls)
