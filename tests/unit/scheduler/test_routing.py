"""Where a call goes on a clinic's day: the steps, the windows, what a changed roster moves, and who waits first."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.routing import (
    Booking,
    Call,
    Day,
    DistrictKind,
    Doctor,
    NoPlace,
    Roster,
    Urgency,
    district_of,
    order_of_waiting,
)

ALMATY = ZoneInfo("Asia/Almaty")


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
    """Read bookings: ``doctor*N HH:MM`` is N half hours on end, ``request doctor window`` one; ``;`` between them."""
    return [each for line in lines.split(";") if line.strip() for each in _bookings(*line.split())]


def _bookings(first: str, second: str, *more: str) -> list[Booking]:
    if "*" not in first:
        begin, end = more[0].split("-")
        is_child = {"child": True, "adult": False}.get(more[-1])
        return [Booking(first, second, at(begin), at(end), "urgent" in more, "district", is_child)]
    doctor_id, count = first.split("*")
    begins = [at(second) + n * timedelta(minutes=30) for n in range(int(count))]
    return [
        Booking(f"{doctor_id}-{n}", doctor_id, begin, begin + timedelta(minutes=30), False, "district")
        for n, begin in enumerate(begins)
    ]


def day_of(roster: str, booked: str = "", **unavailable: str) -> Day:
    """A day; unavailable doctors by keyword: ``a="10:00"``."""
    return Day(Roster(1, doctors(roster)), bookings(booked), {who: at(since) for who, since in unavailable.items()})


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


def placed(day: Day, what: Call, now: str = "09:00") -> str:
    """The placement in words: ``doctor basis HH:MM-HH:MM``, or the cause."""
    outcome = day.place(what, at(now))
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
            ("the district's doctor, however busy", "a gp; b gp d1", "b*9 08:00", ADULT, "b district 12:30"),
            ("of two of the district, the less loaded", "a gp d1; b gp d1", "a*1 08:00", ADULT, "b district 09:00"),
            ("the district's paediatrician", "a gp d1; b paediatrician d1", "b*5 08:00", CHILD, "b district 10:30"),
            ("the district before the specialty", "a paediatrician; b gp d1", "", CHILD, "b district 09:00"),
            ("no child to the district's therapist", "a therapist d1; b gp", "", CHILD, "b specialty 09:00"),
            ("no adult to its paediatrician", "a paediatrician d1; b therapist", "", ADULT, "b least_loaded 09:00"),
            (
                "a child to a paediatrician before a gp",
                "a gp; b paediatrician",
                "b*5 08:00",
                CHILD,
                "b specialty 10:30",
            ),
            (
                "the less loaded paediatrician",
                "a paediatrician; b paediatrician",
                "a*1 08:00",
                CHILD,
                "b specialty 09:00",
            ),
            ("then a gp", "a gp; b paediatrician max=1", "b*1 08:00", CHILD, "a specialty 09:00"),
            ("a full district overflows", "a gp d1 max=2; b gp", "a*2 08:00", ADULT, "b least_loaded 09:00"),
            ("load is a share", "a gp max=4; b gp max=20", "a*1 08:00; b*3 08:00", ADULT, "b least_loaded 09:30"),
            ("equal shares: fewer", "a gp max=20; b gp max=10", "a*2 08:00; b*1 08:00", ADULT, "b least_loaded 09:00"),
            ("equal loads: the earlier start", "a gp; b gp", "a*1 09:00; b*1 08:00", ADULT, "b least_loaded 09:00"),
            ("all equal: the lower id", "b gp; a gp", "", ADULT, "a least_loaded 09:00"),
            ("a gp is no better than a therapist", "a gp; b therapist", "a*1 08:00", ADULT, "b least_loaded 09:00"),
            ("duty waits for the overflow", "a gp duty; b gp", "b*9 08:00", ADULT, "b least_loaded 12:30"),
            ("duty takes the overflow", "a gp duty; b gp max=1", "b*1 08:00", ADULT, "a duty 09:00"),
            ("duty serves its own district", "a gp d1 duty; b gp", "", ADULT, "a district 09:00"),
            ("a child on duty too", "a gp duty; b paediatrician duty", "b*5 08:00", CHILD, "b duty 10:30"),
            ("no child to a therapist on duty", "a therapist duty", "", CHILD, "no_capacity"),
            ("no adult to a paediatrician on duty", "a paediatrician duty", "", ADULT, "no_capacity"),
            ("no visits to give is no room", "a gp d1 max=0", "", ADULT, "no_capacity"),
            ("a roster of no doctors is a roster", "", "", ADULT, "no_capacity"),
        ]
    ],
)
def test_the_steps(roster: str, booked: str, what: Call, expected: str) -> None:
    assert placed(day_of(roster, booked), what).startswith(expected)


URGENT = call(district="d1", urgency="urgent")
URGENT_CHILD = call(child=True, urgency="urgent")


@pytest.mark.parametrize(
    ("roster", "booked", "what", "expected"),
    [
        pytest.param(roster, booked, what, expected, id=rule)
        for rule, roster, booked, what, expected in [
            ("the earliest start before load", "a gp; b gp", "a*2 08:00; b*1 09:00", URGENT, "a least_loaded 09:00"),
            ("not urgent: load first", "a gp; b gp", "a*2 08:00; b*1 09:00", ADULT, "b least_loaded 09:30"),
            ("of equal starts, by load", "a gp; b gp", "a*2 08:00", URGENT, "b least_loaded 09:00"),
            ("the district stays the first step", "a gp d1; b gp", "a*9 08:00", URGENT, "a district 12:30"),
            ("the paediatrician stays first", "a gp; b paediatrician", "b*9 08:00", URGENT_CHILD, "b specialty 12:30"),
        ]
    ],
)
def test_urgent_calls(roster: str, booked: str, what: Call, expected: str) -> None:
    assert placed(day_of(roster, booked), what).startswith(expected)


@pytest.mark.parametrize(
    ("day", "now", "expected"),
    [
        pytest.param(day, now, expected, id=rule)
        for rule, day, now, expected in [
            ("not before the shift", day_of("a gp 10:00-12:00"), "08:00", "10:00-10:30"),
            ("now, on whole five minutes", day_of("a gp"), "09:05", "09:05-09:35"),
            ("now, rounded up", day_of("a gp"), "09:05:00.000001", "09:10-09:40"),
            ("the last place ends with the shift", day_of("a gp 08:00-12:00"), "11:30", "11:30-12:00"),
            ("none ends after the shift", day_of("a gp 08:00-12:00"), "11:30:01", "no_capacity"),
            ("a shift that is over", day_of("a gp 08:00-12:00"), "15:00", "no_capacity"),
            ("the last place before the doctor leaves", day_of("a gp", a="10:00"), "09:30", "09:30-10:00"),
            ("none once the doctor leaves", day_of("a gp", a="10:00"), "09:31", "no_capacity"),
            ("leaving after the shift", day_of("a gp 08:00-12:00", a="18:00"), "11:31", "no_capacity"),
            ("a gap just enough", day_of("a gp", "x a 09:00-09:20; y a 09:50-11:00"), "09:00", "09:20-09:50"),
            ("a gap too short", day_of("a gp", "x a 09:00-09:21; y a 09:50-11:00"), "09:00", "11:00-11:30"),
            ("a long visit under way", day_of("a gp", "x a 08:00-11:00; y a 08:10-08:20"), "09:00", "11:00-11:30"),
            ("the past leaves now free", day_of("a gp", "x a 08:00-08:30"), "09:00", "09:00-09:30"),
            ("max_visits counts the visits made", day_of("a gp max=2", "a*2 08:00"), "15:00", "no_capacity"),
            ("no roster yet", Day(), "09:00", "no_roster"),
        ]
    ],
)
def test_the_window(day: Day, now: str, expected: str) -> None:
    assert placed(day, call(), now).split()[-1] == expected


def test_the_roster_says_how_long_a_place_is() -> None:
    day = Day(Roster(1, doctors("a gp"), visit_minutes=15, travel_minutes=25))
    assert placed(day, call("one")) == "a least_loaded 09:00-09:40"
    assert placed(day, call("two")) == "a least_loaded 09:40-10:20"


def test_a_call_keeps_its_booking_and_gives_it_back_once() -> None:
    day = day_of("a gp")
    first = day.place(call("one"), at("09:00"))
    assert first == Booking("one", "a", at("09:00"), at("09:30"), urgent=False, basis="least_loaded", is_child=False)
    assert day.place(call("one"), at("12:00")) == first
    assert dict(day.bookings) == {"one": first}
    assert day.free("one") == first
    assert day.free("one") is None
    assert dict(day.bookings) == {}
    assert placed(day, call("two")) == "a least_loaded 09:00-09:30"


def test_a_booking_entered_again_replaces_the_earlier_one() -> None:
    day = day_of("a gp; b gp", "x a 09:00-09:30; x b 09:00-09:30")
    assert list(day.bookings.values()) == bookings("x b 09:00-09:30")
    assert placed(day, call()) == "a least_loaded 09:00-09:30"


def test_a_roster_makes_room() -> None:
    day = Day()
    assert placed(day, call()) == "no_roster"
    day.take_roster(Roster(1, doctors("a therapist max=0")))
    assert placed(day, call()) == "no_capacity"
    day.take_roster(Roster(2, doctors("a therapist")))
    assert placed(day, call()) == "a least_loaded 09:00-09:30"
    assert day.roster is not None
    assert day.roster.revision == 2


def test_windows_are_in_the_zone_of_the_shift_whatever_zone_now_is_in() -> None:
    outcome = day_of("a gp").place(call(), at("09:00").astimezone(UTC))
    assert isinstance(outcome, Booking)
    assert outcome.arrives_from.isoformat() == "2026-11-23T09:00:00+05:00"
    assert outcome.arrives_to.isoformat() == "2026-11-23T09:30:00+05:00"


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="time without an offset"):
        day_of("a gp").place(call(), at("09:00").replace(tzinfo=None))


@pytest.mark.parametrize("minutes", [{"visit_minutes": 0}, {"travel_minutes": -1}])
def test_a_place_that_takes_no_time_is_refused(minutes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="visit_minutes must be 1 or more and travel_minutes 0 or more"):
        Roster(1, doctors("a gp"), **minutes)


# At 09:00 the first is over and the second has begun.
MORNING = "over a 08:00-08:30; begun a 08:50-09:20; next a 09:20-09:50; late a 16:00-16:30"


@pytest.mark.parametrize(
    ("day", "moved"),
    [
        pytest.param(day, moved, id=rule)
        for rule, day, moved in [
            ("all hold", day_of("a gp", MORNING), ""),
            ("doctor gone: all but what is over", day_of("b gp", MORNING), "begun next late"),
            ("shift shorter: what ends after it", day_of("a gp 08:00-16:15", MORNING), "late"),
            ("shift shorter than what has begun: it goes on", day_of("a gp 08:00-09:10", MORNING), "next late"),
            ("shift later: what starts before it", day_of("a gp 09:30-20:00", MORNING), "next"),
            ("unavailable: what ends after", day_of("a gp", MORNING, a="09:49"), "next late"),
            ("unavailable as a window ends: it holds", day_of("a gp", MORNING, a="09:50"), "late"),
            (
                "unavailable amid what has begun: nobody would come",
                day_of("a gp", MORNING, a="09:10"),
                "begun next late",
            ),
            ("unavailable since before: all but what is over", day_of("a gp", MORNING, a="08:00"), "begun next late"),
            ("over as the clock strikes", day_of("b gp", "x a 08:30-09:00"), ""),
            ("begun as the clock strikes", day_of("a gp 08:00-09:10", "x a 09:00-09:30"), ""),
            ("over max_visits: the latest", day_of("a gp max=3", MORNING), "late"),
            ("max_visits below what has begun: that stays", day_of("a gp max=1", MORNING), "next late"),
            ("clash: the later start", day_of("a gp", "y a 10:20-10:50; x a 10:00-10:30"), "y"),
            ("of three that clash, two fit", day_of("a gp", "x a 10:00-10:30; y a 10:20-10:50; z a 10:40-11:10"), "y"),
            ("clash with what has begun", day_of("a gp", "x a 08:00-10:00; y a 09:30-10:00"), "y"),
            ("older lengths hold", day_of("a gp", "x a 10:00-11:10"), ""),
            ("a child's doctor is now a therapist", day_of("a therapist", "x a 10:00-10:30 child"), "x"),
            ("an adult's is now a paediatrician", day_of("a paediatrician", "x a 10:00-10:30 adult"), "x"),
            ("a child's is now a gp", day_of("a gp", "x a 10:00-10:30 child"), ""),
            ("urgent ones first", day_of("b gp", "x a 10:00-10:30; y a 11:00-11:30 urgent"), "y x"),
            ("nothing is judged without a roster", Day(None, bookings(MORNING)), ""),
        ]
    ],
)
def test_what_a_changed_day_moves(day: Day, moved: str) -> None:
    assert [gone.request_id for gone in day.displaced(at("09:00"))] == moved.split()


def test_a_doctor_falls_ill_and_the_call_finds_another() -> None:
    day = day_of("a gp d1; b gp")
    assert placed(day, call("one", district="d1")) == "a district 09:00-09:30"
    day.take_unavailable("a", at("09:10"))
    for gone in day.displaced(at("09:12")):
        day.free(gone.request_id)
    assert placed(day, call("one", district="d1"), "09:12") == "b least_loaded 09:15-09:45"
    assert day.displaced(at("09:12")) == []


def test_who_waits_first() -> None:
    waiting = [
        call("f", accepted="08:00"),
        call("e", accepted="08:00"),
        call("d", accepted="07:00"),
        call("c", urgency="urgent", accepted="10:00"),
        call("b", urgency="urgent", accepted="09:00"),
        call("a", red_flag=True, accepted="11:00"),
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


def test_a_full_day_looks_for_few_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 doctors, 1,500 calls, full to the last place: on average a call has a few doctors' gaps looked for, not 60."""
    looked = 0
    first_free = Day._first_free

    def counted(day: Day, doctor: Doctor, earliest: datetime, length: timedelta) -> datetime | None:
        nonlocal looked
        looked += 1
        return first_free(day, doctor, earliest, length)

    monkeypatch.setattr(Day, "_first_free", counted)
    day = day_of(";".join(f"{n:02} gp d{n} max=25 07:00-20:00 {'duty' if n >= 54 else ''}" for n in range(60)))
    calls = [
        call(f"{n:04}", child=n % 3 == 0, district=f"d{n % 45}", urgency="urgent" if n % 10 == 0 else "same_day")
        for n in range(1500)
    ]
    assert all(isinstance(day.place(each, at("07:00")), Booking) for each in calls)
    assert day.place(call("one more"), at("07:00")) == NoPlace("no_capacity")
    assert looked <= 5 * len(calls)
