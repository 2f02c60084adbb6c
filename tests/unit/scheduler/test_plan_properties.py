"""What holds on any clinic's day: whatever comes, in whatever order, while the clock moves on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.scheduler.domain import insertion
from services.scheduler.domain.assignment import Impossible, assign, released
from services.scheduler.domain.bookings import Booking, Call, NoPlace
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.forecast import Forecast, Hour, Sparse
from services.scheduler.domain.improvement import FORBIDDEN, apply_if_better, cost, problem_of
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.repair import displaced, repair
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.state import Assignment
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
    length = draw(st.integers(0, 300))
    cuts = sorted(draw(st.just([]) | st.lists(st.integers(0, length), min_size=4, max_size=4)))
    return Doctor(
        doctor_id,
        f"Doctor {doctor_id}",
        draw(st.sampled_from(["gp", "therapist", "paediatrician"])),
        draw(st.frozensets(st.sampled_from(DISTRICTS))),
        clock(begin),
        clock(begin + length),
        draw(st.integers(0, 6)),
        draw(st.booleans()),
        draw(st.sampled_from(PLACES)),
        tuple(
            (clock(begin + one), clock(begin + other))
            for one, other in zip(cuts[::2], cuts[1::2], strict=True)
            if one < other
        ),
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


forecasts = st.none() | st.builds(
    lambda lead, near: Forecast(20, 9, [Hour(hour, lead, near) for hour in range(8, 14)], [Sparse("north", 150)]),
    st.sampled_from([0, 45, 110]),
    st.sampled_from([0, 300, 86_400]),
)
"""What sampled days may say of a day; of some hours nothing."""


@st.composite
def happenings(draw: st.DrawFn) -> list[object]:
    """A day in order: calls, withdrawals (the id), reports, by hand, revisions, (doctor, absent from), plans, time."""
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
                st.tuples(
                    st.just("hand"),
                    few.map("call {}".format),
                    st.sampled_from(DOCTORS),
                    st.none() | st.integers(8 * 60, 15 * 60).map(clock),
                ),
                st.tuples(st.just("release"), few.map("call {}".format)),
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

    def __init__(self, roster: Roster | None, dispatch: Dispatch, forecast: Forecast | None = None) -> None:
        self.day = DayPlan(roster, dispatch=dispatch, forecast=forecast)
        self.now = clock(8 * 60)
        self.calls: dict[str, Call] = {}
        self.waiting: dict[str, NoPlace] = {}
        self.promised: dict[str, Booking] = {}
        self.gone: dict[str, datetime] = {}
        """Who is unavailable since when."""

    def take(self, happening: object) -> None:
        late = self.lateness()
        self.change(happening)
        # What stands is kept where a roster, or a visit that is no more, leaves too little time for the way back.
        # Nothing else may: no new place, none by hand, no other order.
        if isinstance(happening, Call | Random) or (
            isinstance(happening, tuple) and happening[0] in {"hand", "release"}
        ):
            for doctor_id, by in self.lateness().items():
                assert by <= max(timedelta(), late.get(doctor_id, timedelta()))

    def change(self, happening: object) -> None:
        match happening:
            case Call(request_id=request_id) if request_id not in self.calls:
                self.calls[request_id] = happening
                self.place(happening)
            case Call(request_id=request_id):
                before = self.day.bookings.get(request_id)
                assert before is None or insertion.place(self.day, self.calls[request_id], self.now) == before
            case str(request_id):  # withdrawn, or handed on to another clinic
                had = self.day.bookings.get(request_id)
                assert self.day.free(request_id, self.now) == had
                for book in (self.calls, self.waiting, self.promised):
                    book.pop(request_id, None)
                self.settle()  # by flat travel the way past a visit can be shorter than the way without it
            case ("over", str(request_id)):
                self.day.over(request_id, self.now, self.now)
                self.settle()
            case ("hand", str(request_id), str(doctor_id), opens):
                if request_id in self.calls:
                    self.by_hand(self.calls[request_id], doctor_id, opens)
            case ("release", str(request_id)):
                if (freed := released(self.day, request_id)) is not None:
                    self.day.put(freed)
                    assert not freed.by_hand
            case Roster():
                self.restored(happening)
                self.settle()
            case (str(doctor_id), datetime() as since):
                self.gone[doctor_id] = since
                self.restored(self.day.roster)
                self.settle()
            case Random():
                self.plan_again(happening)
            case timedelta():
                self.now += happening
            case _:
                raise AssertionError(happening)

    def restored(self, roster: Roster | None) -> None:
        """The day as it is made from the store, with this roster."""
        kept = self.day
        self.day = DayPlan(roster, kept.bookings.values(), self.gone, kept.dispatch, forecast=kept.forecast)

    def by_hand(self, call: Call, doctor_id: str, opens: datetime | None) -> None:
        """A dispatcher's choice is kept as wanted, or refused and changes nothing."""
        before = dict(self.day.bookings)
        wanted = Assignment(doctor_id, opens, "knows the family", "Dispatcher")
        outcome = assign(self.day, call, wanted, "an assignment", self.now)
        if isinstance(outcome, Impossible):
            assert self.day.bookings == before
            if outcome.nearest is not None:
                assert outcome.nearest.arrives_to >= max(outcome.nearest.arrives_from, self.now)
            return
        self.waiting.pop(call.request_id, None)
        self.promised[call.request_id] = outcome
        doctor = self.day.doctors[doctor_id]
        assert (outcome.doctor_id, outcome.by_hand) == (doctor_id, True)
        assert opens is None or outcome.arrives_from == opens
        assert doctor.specialty in SUITABLE[call.is_child]
        for request_id, was in before.items():
            assert request_id == call.request_id or promise(self.day.bookings[request_id]) == promise(was)

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
            seconds = self.day.travel.seconds
            leave, location = max(route.begins, int(-(-self.now.timestamp() // 1))), route.start
            for number, stop in enumerate(stops):
                if number >= route.begun:
                    leg = seconds(location, stop.location)
                    leave = without_breaks(doctor, max(leave + leg, stop.earliest), leg, stop.service) + stop.service
                else:
                    leave = max(leave, stop.ends)
                location = stop.location
            visit = roster.visit_minutes * 60 if roster else 0
            leg = seconds(location, call.location)
            arrives = without_breaks(doctor, max(leave + leg, -(-leave // 300) * 300), leg, visit)
            ends = min(route.until, int(self.leaves_by(doctor, call.location).timestamp()))
            if arrives + visit <= ends:
                found.append(doctor.doctor_id)
        return found

    def leaves_by(self, doctor: Doctor, location: Location) -> datetime:
        """When the doctor must leave a last visit there, on the full minute, to be back at the shift's end."""
        start = self.day.routes[doctor.doctor_id].start
        way = self.day.travel.seconds(location, start) if start.known else 0
        leaves = doctor.shift_to - timedelta(seconds=way)
        for begins, ends in reversed(doctor.breaks):
            if way and begins < leaves + timedelta(seconds=way) and leaves < ends:
                leaves = begins - timedelta(seconds=way)
        return leaves.replace(second=0)

    def lateness(self) -> dict[str, timedelta]:
        """By how much each doctor's day, as it stands, ends too late for the way back."""
        found = {}
        for doctor in self.day.doctors.values():
            route = self.day.routes[doctor.doctor_id]
            if route.open:
                last = self.day.bookings[route.open[-1].request_id]
                found[doctor.doctor_id] = last.ends_at - self.leaves_by(doctor, route.open[-1].location)
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
            assert not was.by_hand or now.doctor_id == was.doctor_id
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
            for stop in route.open:
                for begins, ends in known[doctor_id].breaks:
                    sets_out = self.day.bookings[stop.request_id].planned_at - timedelta(seconds=stop.leg)
                    assert sets_out >= ends or self.day.bookings[stop.request_id].ends_at <= begins
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


def without_breaks(doctor: Doctor, arrives: int, leg: int, visit: int) -> int:
    """The first arrival from then on at which the doctor is neither on the way nor with the patient in a break."""
    for begins, ends in doctor.breaks:
        if arrives - leg < ends.timestamp() and arrives + visit > begins.timestamp():
            arrives = int(ends.timestamp()) + leg
    return arrives


def promise(booking: Booking) -> tuple[str, datetime, datetime]:
    return booking.doctor_id, booking.arrives_from, booking.arrives_to


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(st.none() | rosters(), clinics(), happenings(), forecasts)
def test_no_day_breaks_a_rule(
    roster: Roster | None, dispatch: Dispatch, day: list[object], forecast: Forecast | None
) -> None:
    ledger = Ledger(roster, dispatch, forecast)
    for happening in day:
        ledger.take(happening)
        ledger.check()


@settings(max_examples=40, deadline=None)
@given(
    rosters(),
    clinics(),
    st.lists(calls(st.integers(0, 99)), unique_by=lambda call: call.request_id),
    st.randoms(),
    forecasts,
)
def test_the_same_inputs_give_the_same_places(
    roster: Roster, dispatch: Dispatch, asked: list[Call], shuffle: Random, forecast: Forecast | None
) -> None:
    """Also when the roster lists its doctors in another order, and the day is restored from the store halfway."""
    now = clock(9 * 60)
    shuffled = list(roster.doctors)
    shuffle.shuffle(shuffled)
    day = DayPlan(roster, dispatch=dispatch, forecast=forecast)
    again = DayPlan(replace(roster, doctors=tuple(shuffled)), dispatch=dispatch, forecast=forecast)
    for n, call in enumerate(asked):
        moment = now + n * 5 * MINUTE
        if n == len(asked) // 2:
            stored = list(again.bookings.values())
            shuffle.shuffle(stored)
            again = DayPlan(again.roster, stored, dispatch=dispatch, forecast=forecast)
        assert insertion.place(again, call, moment) == insertion.place(day, call, moment)
    assert dict(again.bookings) == dict(day.bookings)


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(rosters(), clinics(), happenings(), st.randoms(use_true_random=False))
def test_what_was_promised_before_doctors_had_to_be_back_stays(
    roster: Roster, dispatch: Dispatch, day: list[object], dice: Random
) -> None:
    """A day that was planned without the way back, as a release before it stored the bookings, goes on as it is."""
    homeless = replace(roster, doctors=tuple(replace(each, start=None) for each in roster.doctors))
    before = Ledger(homeless, dispatch)
    for happening in day:
        if not isinstance(happening, Roster):
            before.take(happening)
    stored = dict(before.day.bookings)
    after = Ledger(roster, dispatch)
    after.day = DayPlan(roster, stored.values(), before.gone, dispatch)
    after.calls, after.waiting, after.promised = before.calls, before.waiting, before.promised
    after.now, after.gone = before.now, before.gone
    # Other travel times than before may take a visit from its doctor; the way back may not.
    held = {each.request_id for each in displaced(without_way_back(after.day), after.now)}
    assert {each.request_id for each in displaced(after.day, after.now)} == held
    after.settle()
    assert all(promise(after.day.bookings[each]) == promise(was) for each, was in stored.items() if each not in held)
    after.take(dice)
    after.check()
    for number in range(20, 24):
        call = Call(f"call {number}", False, None, "same_day", False, MIDNIGHT, 43.25, 76.85)
        after.take(call)
        after.check()


def without_way_back(day: DayPlan) -> DayPlan:
    """The same day, with the same travel times, whose doctors need not be back."""
    plan = DayPlan(day.roster, day.bookings.values(), {}, day.dispatch)
    for doctor_id, route in plan.routes.items():
        route.shift = replace(route.shift, until=day.routes[doctor_id].until, back_by=None)
    plan.unavailable = day.unavailable
    return plan
