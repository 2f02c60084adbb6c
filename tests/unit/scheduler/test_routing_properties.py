"""What holds on any clinic's day: whatever comes, in whatever order, while the clock moves on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.routing import Booking, Call, Day, Doctor, NoPlace, Roster

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOCTORS = ["a", "b", "c", "d"]
DISTRICTS = ["north", "south"]
SUITABLE = {True: {"paediatrician", "gp"}, False: {"gp", "therapist"}}


def clock(minutes: int) -> datetime:
    return MIDNIGHT + minutes * MINUTE


@st.composite
def doctors(draw: st.DrawFn, doctor_id: str) -> Doctor:
    begin = draw(st.integers(8 * 60, 11 * 60))
    return Doctor(
        doctor_id,
        f"Doctor {doctor_id}",
        draw(st.sampled_from(["gp", "therapist", "paediatrician"])),
        draw(st.frozensets(st.sampled_from(DISTRICTS))),
        clock(begin),
        clock(begin + draw(st.integers(0, 180))),
        draw(st.integers(0, 5)),
        draw(st.booleans()),
    )


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    present = draw(st.lists(st.sampled_from(DOCTORS), unique=True))
    return Roster(
        draw(st.integers(1, 9)),
        tuple(draw(doctors(doctor_id)) for doctor_id in present),
        visit_minutes=draw(st.integers(10, 40)),
        travel_minutes=draw(st.integers(0, 20)),
    )


def calls(request_ids: st.SearchStrategy[int]) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        request_id=request_ids.map("call {}".format),
        is_child=st.booleans(),
        district_id=st.sampled_from([None, *DISTRICTS]),
        urgency=st.sampled_from(["urgent", "same_day"]),
        red_flag=st.booleans(),
        accepted_at=st.just(MIDNIGHT),
    )


@st.composite
def happenings(draw: st.DrawFn) -> list[object]:
    """A day in order: calls, withdrawals (the id), revisions, (doctor, unavailable from), time that passes."""
    few = st.integers(0, 15)
    return draw(
        st.lists(
            st.one_of(
                calls(few),
                calls(few),
                calls(few),
                few.map("call {}".format),
                rosters(),
                st.tuples(st.sampled_from(DOCTORS), st.integers(8 * 60, 14 * 60).map(clock)),
                st.integers(0, 30 * 60).map(lambda seconds: timedelta(seconds=seconds)),
            ),
            min_size=10,
            max_size=60,
        )
    )


class Ledger:
    """Plays a day and keeps its own book of who asked, to hold against what the day says."""

    def __init__(self, roster: Roster | None) -> None:
        self.day = Day(roster)
        self.now = clock(8 * 60)
        self.calls: dict[str, Call] = {}
        self.waiting: dict[str, NoPlace] = {}
        self.unavailable: dict[str, datetime] = {}

    def take(self, happening: object) -> None:
        match happening:
            case Call(request_id=request_id) if request_id not in self.calls:
                self.calls[request_id] = happening
                self.place(happening)
            case Call(request_id=request_id):
                before = self.day.bookings.get(request_id)
                assert before is None or self.day.place(self.calls[request_id], self.now) == before
            case str(request_id):
                had = self.day.bookings.get(request_id)
                assert self.day.free(request_id) == had
                if had is not None:
                    self.place(self.calls[request_id])
                    # A place that was free a moment ago is found again, or a better one: never none, unless it has
                    # begun meanwhile, or does not fit the roster now in force.
                    if had.arrives_from >= round_up(self.now) and length(had) == place_length(self.day):
                        assert request_id in self.day.bookings
                    self.day.free(request_id)
                self.calls.pop(request_id, None)
                self.waiting.pop(request_id, None)
            case Roster():
                self.day.take_roster(happening)
                self.settle()
            case (str(doctor_id), datetime() as since):
                self.unavailable[doctor_id] = since
                self.day.take_unavailable(doctor_id, since)
                self.settle()
            case timedelta():
                self.now += happening
            case _:
                raise AssertionError(happening)

    def settle(self) -> None:
        """Place again what does not hold any more."""
        gone = self.day.displaced(self.now)
        assert all(booking.arrives_to > self.now for booking in gone)
        for booking in gone:
            self.day.free(booking.request_id)
        assert self.day.displaced(self.now) == []
        for booking in gone:
            self.place(self.calls[booking.request_id])

    def place(self, call: Call) -> None:
        others = {other: booking for other, booking in self.day.bookings.items() if other != call.request_id}
        outcome = self.day.place(call, self.now)
        assert {k: v for k, v in self.day.bookings.items() if k != call.request_id} == others
        if isinstance(outcome, NoPlace):
            self.waiting[call.request_id] = outcome
            assert call.request_id not in self.day.bookings
            assert outcome.cause == ("no_roster" if self.day.roster is None else "no_capacity")
            assert next(self.free_places(call), None) is None
        else:
            self.waiting.pop(call.request_id, None)
            assert self.day.bookings[call.request_id] == outcome
            self.check_new(call, outcome)

    def check_new(self, call: Call, booking: Booking) -> None:
        doctor = self.doctor(booking.doctor_id)
        assert doctor is not None
        assert doctor.specialty in SUITABLE[call.is_child]
        assert booking.arrives_from >= round_up(self.now)
        assert length(booking) == place_length(self.day)
        assert (booking.basis == "district") == (call.district_id in doctor.districts)
        if booking.basis == "duty":
            assert doctor.on_duty
        elif booking.basis != "district":
            assert not doctor.on_duty
            assert booking.basis == ("specialty" if call.is_child else "least_loaded")
        # An earlier step had no room, and the doctor had no earlier gap: by trying every minute.
        self.day.free(call.request_id)
        for better, start in self.free_places(call):
            assert step(better, call) >= step(doctor, call)
            assert better != doctor or start >= booking.arrives_from
        self.day.book(booking)

    def free_places(self, call: Call) -> Iterator[tuple[Doctor, datetime]]:
        """Every start of every suitable doctor, by trying each minute of the day: slow, with nothing to get wrong."""
        roster = self.day.roster
        earliest, needed = round_up(self.now), place_length(self.day)
        for doctor in roster.doctors if roster else ():
            theirs = [b for b in self.day.bookings.values() if b.doctor_id == doctor.doctor_id]
            if doctor.specialty not in SUITABLE[call.is_child] or len(theirs) >= doctor.max_visits:
                continue
            until = min(doctor.shift_to, self.unavailable.get(doctor.doctor_id, doctor.shift_to))
            start = max(doctor.shift_from, earliest)
            while start + needed <= until:
                if not any(start < b.arrives_to and b.arrives_from < start + needed for b in theirs):
                    yield doctor, start
                start += MINUTE

    def check(self) -> None:
        """What holds at any moment."""
        assert set(self.day.bookings) | set(self.waiting) == set(self.calls)
        assert not set(self.day.bookings) & set(self.waiting)
        for doctor_id in DOCTORS:
            doctor = self.doctor(doctor_id)
            theirs = sorted(
                (b for b in self.day.bookings.values() if b.doctor_id == doctor_id), key=lambda b: b.arrives_from
            )
            for earlier, later in pairwise(theirs):
                assert earlier.arrives_to <= later.arrives_from
            to_come = [b for b in theirs if b.arrives_from > self.now]
            for booking in to_come:
                assert doctor is not None
                assert doctor.specialty in SUITABLE[self.calls[booking.request_id].is_child]
                assert doctor.shift_from <= booking.arrives_from
                assert booking.arrives_to <= min(doctor.shift_to, self.unavailable.get(doctor_id, doctor.shift_to))
            assert not to_come or (doctor is not None and len(theirs) <= doctor.max_visits)

    def doctor(self, doctor_id: str) -> Doctor | None:
        roster = self.day.roster
        return next((d for d in roster.doctors if d.doctor_id == doctor_id), None) if roster else None


def step(doctor: Doctor, call: Call) -> int:
    return 0 if call.district_id in doctor.districts else 2 if doctor.on_duty else 1


def length(booking: Booking) -> timedelta:
    return booking.arrives_to - booking.arrives_from


def place_length(day: Day) -> timedelta:
    return (day.roster.travel_minutes + day.roster.visit_minutes) * MINUTE if day.roster else timedelta(0)


def round_up(moment: datetime) -> datetime:
    while moment.second or moment.minute % 5:
        moment += timedelta(seconds=1)
    return moment


@settings(max_examples=150, deadline=None)
@given(st.none() | rosters(), happenings())
def test_no_day_breaks_a_rule(roster: Roster | None, day: list[object]) -> None:
    ledger = Ledger(roster)
    for happening in day:
        ledger.take(happening)
        ledger.check()


@settings(max_examples=50, deadline=None)
@given(rosters(), st.lists(calls(st.integers(0, 99)), unique_by=lambda call: call.request_id), st.randoms())
def test_the_same_inputs_give_the_same_places(roster: Roster, asked: list[Call], shuffle: Random) -> None:
    """Also when the roster lists its doctors in another order, and the day is restored from the store halfway."""
    now = clock(9 * 60)
    shuffled = list(roster.doctors)
    shuffle.shuffle(shuffled)
    day = Day(roster)
    again = Day(Roster(roster.revision, tuple(shuffled), roster.visit_minutes, roster.travel_minutes))
    for n, call in enumerate(asked):
        if n == len(asked) // 2:
            stored = list(again.bookings.values())
            shuffle.shuffle(stored)
            again = Day(again.roster, stored)
        assert again.place(call, now) == day.place(call, now)
