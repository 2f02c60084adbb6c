"""What holds on any clinic's day: whatever comes, in whatever order, while the clock moves on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.scheduler.domain import insertion
from services.scheduler.domain.bookings import Booking, Call, NoPlace
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import FORBIDDEN, apply_if_better, cost, problem_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced, repair
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.travel import Location

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOCTORS = ["a", "b", "c", "d"]
DISTRICTS = ["north", "south"]
SUITABLE = {True: {"paediatrician", "gp"}, False: {"gp", "therapist"}}
PLACES = [None, (43.2, 76.8), (43.2, 76.9), (43.25, 76.85), (43.3, 76.95)]


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
        clock(begin + draw(st.integers(0, 300))),
        draw(st.integers(0, 6)),
        draw(st.booleans()),
        draw(st.sampled_from(PLACES)),
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
        lambda place, **facts: Call(lat=place and place[0], lon=place and place[1], **facts),
        st.sampled_from(PLACES),
        request_id=request_ids.map("call {}".format),
        is_child=st.booleans(),
        district_id=st.sampled_from([None, *DISTRICTS]),
        urgency=st.sampled_from(["urgent", "same_day"]),
        red_flag=st.booleans(),
        accepted_at=st.just(MIDNIGHT),
        rank=st.integers(0, 3),
    )


@st.composite
def clinics(draw: st.DrawFn) -> Dispatch:
    return Dispatch(
        window=draw(st.sampled_from([15, 60, 120])),
        lead=draw(st.sampled_from([0, 30, 75])),
        buffer=draw(st.sampled_from([0, 30, 1440])),
        urgent_within=draw(st.sampled_from([0, 30])),
    )


@st.composite
def happenings(draw: st.DrawFn) -> list[object]:
    """A day in order: calls, withdrawals (the id), reports, revisions, (doctor, unavailable from), plans, time."""
    few = st.integers(0, 15)
    return draw(
        st.lists(
            st.one_of(
                calls(few),
                calls(few),
                calls(few),
                few.map("call {}".format),
                st.tuples(st.just("over"), few.map("call {}".format)),
                rosters(),
                st.tuples(st.sampled_from(DOCTORS), st.integers(8 * 60, 14 * 60).map(clock)),
                st.randoms(use_true_random=False),
                st.integers(0, 30 * 60).map(lambda seconds: timedelta(seconds=seconds)),
                st.integers(0, 60 * 60).map(lambda seconds: timedelta(seconds=seconds)),
            ),
            min_size=10,
            max_size=50,
        )
    )


class Ledger:
    """Plays a day and keeps its own book of who asked and what was promised, to hold against what the day does."""

    def __init__(self, roster: Roster | None, dispatch: Dispatch) -> None:
        self.day = DayPlan(roster, dispatch=dispatch)
        self.now = clock(8 * 60)
        self.calls: dict[str, Call] = {}
        self.waiting: dict[str, NoPlace] = {}
        self.promised: dict[str, Booking] = {}
        self.gone: dict[str, datetime] = {}
        """Who is unavailable since when."""

    def take(self, happening: object) -> None:
        match happening:
            case Call(request_id=request_id) if request_id not in self.calls:
                self.calls[request_id] = happening
                self.place(happening)
            case Call(request_id=request_id):
                before = self.day.bookings.get(request_id)
                assert before is None or insertion.place(self.day, self.calls[request_id], self.now) == before
            case str(request_id):
                had = self.day.bookings.get(request_id)
                assert self.day.free(request_id, self.now) == had
                for book in (self.calls, self.waiting, self.promised):
                    book.pop(request_id, None)
                self.settle()  # by flat travel the way past a visit can be shorter than the way without it
            case ("over", str(request_id)):
                self.day.over(request_id, self.now, self.now)
                self.settle()
            case Roster():
                self.day = DayPlan(happening, self.day.bookings.values(), self.gone, self.day.dispatch)
                self.settle()
            case (str(doctor_id), datetime() as since):
                self.gone[doctor_id] = since
                self.day = DayPlan(self.day.roster, self.day.bookings.values(), self.gone, self.day.dispatch)
                self.settle()
            case Random():
                self.plan_again(happening)
            case timedelta():
                self.now += happening
            case _:
                raise AssertionError(happening)

    def place(self, call: Call) -> None:
        outcome = insertion.place(self.day, call, self.now)
        if isinstance(outcome, NoPlace):
            assert outcome.cause == ("no_roster" if self.day.roster is None else "no_capacity")
            self.waiting[call.request_id] = outcome
            assert not any(self.room(call))
            return
        self.waiting.pop(call.request_id, None)
        self.promised[call.request_id] = outcome
        self.check_promise(outcome, call)
        if outcome.basis == "duty":
            assert not any(self.room(call, duty=False))

    def check_promise(self, booking: Booking, call: Call) -> None:
        doctor = self.day.doctors[booking.doctor_id]
        assert doctor.specialty in SUITABLE[call.is_child]
        assert booking.arrives_from >= self.now
        assert booking.arrives_from <= booking.arrives_to
        assert booking.arrives_to - booking.arrives_from <= self.day.dispatch.window * MINUTE
        assert (booking.basis == "district") == (call.district_id in doctor.districts)

    def room(self, call: Call, *, duty: bool = True) -> list[str]:
        """Suitable doctors who could still drive there at the end of their route, by the simplest calculation."""
        roster = self.day.roster
        found = []
        for doctor in roster.doctors if roster else ():
            stops = self.day.routes[doctor.doctor_id].stops
            if doctor.specialty not in SUITABLE[call.is_child] or len(stops) >= doctor.max_visits:
                continue
            if not duty and doctor.on_duty and call.district_id not in doctor.districts:
                continue
            route = self.day.routes[doctor.doctor_id]
            leave, location = max(route.begins, int(-(-self.now.timestamp() // 1))), route.start
            for number, stop in enumerate(stops):
                if number >= route.begun:
                    arrives = max(leave + self.day.travel.seconds(location, stop.location), stop.earliest)
                    leave = arrives + stop.service
                else:
                    leave = max(leave, stop.ends)
                location = stop.location
            visit = roster.visit_minutes * 60 if roster else 0
            arrives = max(leave + self.day.travel.seconds(location, call.location), -(-leave // 300) * 300)
            if arrives + visit <= route.until:
                found.append(doctor.doctor_id)
        return found

    def settle(self) -> None:
        """Place again what does not hold any more: each changed promise is said, and no other is changed."""
        before = dict(self.day.bookings)
        gone = {booking.request_id for booking in repair(self.day, self.calls.__getitem__, self.now)}
        assert displaced(self.day, self.now) == []
        for request_id, was in before.items():
            now = self.day.bookings.get(request_id)
            if request_id not in gone:
                assert now is not None
                assert promise(now) == promise(was)
            elif now is None:
                self.waiting[request_id] = NoPlace("no_capacity")
                del self.promised[request_id]
            else:
                if (now.arrives_from, now.arrives_to) != (was.arrives_from, was.arrives_to):
                    assert now.arrives_from >= self.now
                self.promised[request_id] = now

    def plan_again(self, dice: Random) -> None:
        """A solver that answers anything at all: what it breaks is not taken, and what is taken keeps every window."""
        problem = problem_of(self.day, self.now)
        if problem is None:
            return
        visits = list(range(len(problem.visits)))
        dice.shuffle(visits)
        routes: list[list[int]] = [[] for _ in problem.doctors]
        if dice.random() < 0.5:
            for visit in visits:
                routes[dice.randrange(len(routes))].append(visit)
        else:
            routes = [
                sorted(route, key=lambda visit: (problem.earliest[visit], dice.random())) for route in problem.routes
            ]
        before = dict(self.day.bookings)
        changed = apply_if_better(self.day, problem, routes, self.now)
        for request_id, was in before.items():
            now = self.day.bookings[request_id]
            assert (now.arrives_from, now.arrives_to) == (was.arrives_from, was.arrives_to)
            assert (now.doctor_id != was.doctor_id) == (request_id in (changed or []))
            self.promised[request_id] = now
        if changed is not None:
            assert cost(problem, routes) < min(cost(problem, problem.routes), FORBIDDEN)
            assert displaced(self.day, self.now) == []

    def check(self) -> None:
        """What holds at any moment."""
        assert set(self.day.bookings) | set(self.waiting) == set(self.calls)
        assert not set(self.day.bookings) & set(self.waiting)
        for request_id, booking in self.day.bookings.items():
            assert promise(booking) == promise(self.promised[request_id])
        roster = self.day.roster
        known = {doctor.doctor_id: doctor for doctor in roster.doctors} if roster else {}
        for doctor_id, route in self.day.routes.items():
            route.advance(int(-(-self.now.timestamp() // 1)))
            stops = route.stops
            assert {s.request_id for s in stops} == {
                b.request_id for b in self.day.bookings.values() if b.doctor_id == doctor_id
            }
            self.check_drive([self.day.bookings[stop.request_id] for stop in stops])
            to_come = [self.day.bookings[stop.request_id] for stop in route.open]
            doctor = known.get(doctor_id)
            for booking in to_come:
                assert doctor is not None
                assert doctor.specialty in SUITABLE[self.calls[booking.request_id].is_child]
                assert booking.arrives_from <= booking.planned_at <= booking.arrives_to
                assert doctor.shift_from <= booking.planned_at
                assert booking.ends_at <= min(doctor.shift_to, self.gone.get(doctor_id, doctor.shift_to))
            assert not to_come or (doctor is not None and len(stops) <= doctor.max_visits)

    def check_drive(self, route: Sequence[Booking]) -> None:
        """One after the other, with the way between them: for what is still to come."""
        before: Booking | None = None
        for booking in route:
            location = booking.location or Location(booking.request_id)
            if before is not None and booking.planned_at > self.now:
                way = self.day.travel.seconds(before.location or Location(before.request_id), location)
                left = max(before.ends_at, min(self.now, booking.planned_at))
                if booking.planned_at - timedelta(seconds=way) > self.now:
                    assert before.ends_at + timedelta(seconds=way) <= booking.planned_at
                assert before.ends_at <= booking.ends_at
                assert left <= booking.planned_at
            before = booking


def promise(booking: Booking) -> tuple[str, datetime, datetime]:
    return booking.doctor_id, booking.arrives_from, booking.arrives_to


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(st.none() | rosters(), clinics(), happenings())
def test_no_day_breaks_a_rule(roster: Roster | None, dispatch: Dispatch, day: list[object]) -> None:
    ledger = Ledger(roster, dispatch)
    for happening in day:
        ledger.take(happening)
        ledger.check()


@settings(max_examples=40, deadline=None)
@given(rosters(), clinics(), st.lists(calls(st.integers(0, 99)), unique_by=lambda call: call.request_id), st.randoms())
def test_the_same_inputs_give_the_same_places(
    roster: Roster, dispatch: Dispatch, asked: list[Call], shuffle: Random
) -> None:
    """Also when the roster lists its doctors in another order, and the day is restored from the store halfway."""
    now = clock(9 * 60)
    shuffled = list(roster.doctors)
    shuffle.shuffle(shuffled)
    day = DayPlan(roster, dispatch=dispatch)
    again = DayPlan(replace(roster, doctors=tuple(shuffled)), dispatch=dispatch)
    for n, call in enumerate(asked):
        moment = now + n * 5 * MINUTE
        if n == len(asked) // 2:
            stored = list(again.bookings.values())
            shuffle.shuffle(stored)
            again = DayPlan(again.roster, stored, dispatch=dispatch)
        assert insertion.place(again, call, moment) == insertion.place(day, call, moment)
    assert dict(again.bookings) == dict(day.bookings)
