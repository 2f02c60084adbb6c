"""An offered window that is asked for at once is the one that the call gets: on many seeded days, all day long."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from homecall.contract.events.shared import PreferredWindow
from homecall.contract.types import ZONE
from services.scheduler.domain.bookings import Booking, Call
from services.scheduler.domain.calls import preferred_of
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.insertion import place
from services.scheduler.domain.offers import MOST, Offer, offers
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.route import Stop

MORNING = datetime(2026, 11, 23, 8, tzinfo=ZONE)
DISTRICTS = ["north", "south", None]


def a_day(dice: Random) -> DayPlan:
    """A clinic with few or many doctors, some of them absent from some time on."""
    doctors = tuple(
        Doctor(
            f"g{number}",
            f"Дәрігер {number}",
            dice.choice(["gp", "therapist", "paediatrician"]),
            frozenset(dice.sample(["north", "south"], dice.randint(0, 2))),
            MORNING + timedelta(minutes=dice.randrange(0, 180)),
            MORNING + timedelta(minutes=dice.randrange(180, 720)),
            dice.randint(1, 12),
            dice.random() < 0.3,
            dice.choice([None, _somewhere(dice)]),
        )
        for number in range(dice.randint(1, 6))
    )
    away = {each.doctor_id: _moment(dice) for each in doctors if dice.random() < 0.15}
    rules = Dispatch(
        window=dice.choice([15, 60, 120, 180]),
        lead=dice.choice([0, 30, 72]),
        buffer=dice.choice([0, 60, 1440]),
        urgent_within=dice.choice([0, 30]),
        zone=ZONE,
    )
    return DayPlan(Roster(1, doctors, dice.randint(5, 40), dice.randint(0, 25)), (), away, rules)


def a_call(dice: Random, number: int, now: datetime) -> Call:
    lat, lon = _somewhere(dice) if dice.random() < 0.7 else (None, None)
    return Call(
        f"call {number}",
        dice.random() < 0.3,
        dice.choice(DISTRICTS),
        dice.choice(["same_day", "same_day", "urgent"]),
        dice.random() < 0.1,
        now,
        lat,
        lon,
    )


def _somewhere(dice: Random) -> tuple[float, float]:
    return 43.2 + dice.random() / 10, 76.8 + dice.random() / 6


def _moment(dice: Random) -> datetime:
    return MORNING + timedelta(minutes=dice.randrange(0, 12 * 60))


def asked_for(call: Call, offer: Offer) -> Call:
    """The call with an offered window as the event has it: by the clinic's clock, in minutes."""
    told = {"from": offer.arrives_from.isoformat(), "to": offer.arrives_to.isoformat()}
    return replace(call, preferred=preferred_of(PreferredWindow.model_validate(told)))


def state_of(plan: DayPlan) -> list[tuple[int, list[Stop], list[int]]]:
    return [(route.begun, deepcopy(route.stops), list(route._latest)) for route in plan.routes.values()]


@pytest.mark.parametrize("seed", range(24))
def test_each_offer_that_is_asked_for_at_once_is_what_the_call_gets(seed: int) -> None:
    dice = Random(seed)
    plan, now = a_day(dice), MORNING
    for number in range(40):
        now += timedelta(seconds=dice.randrange(0, 1500))
        call = a_call(dice, number, now)
        before = state_of(plan)
        found = offers(plan, call, now)
        assert state_of(plan) == before, "to look changes nothing"
        assert len(found) <= MOST
        usual = place(deepcopy(plan), call, now)
        assert bool(found) == isinstance(usual, Booking)
        for offer in found:
            got = place(deepcopy(plan), asked_for(call, offer), now)
            assert isinstance(got, Booking)
            told = (got.arrives_from, got.arrives_to, got.doctor_id)
            assert told == (offer.arrives_from, offer.arrives_to, offer.doctor.doctor_id), (number, offer)
            assert asked_for(call, offer).preferred.holds(got.arrives_from, got.arrives_to)  # type: ignore[union-attr]
        if isinstance(usual, Booking):
            first = (found[0].arrives_from, found[0].arrives_to, found[0].doctor.doctor_id)
            assert first == (usual.arrives_from, usual.arrives_to, usual.doctor_id)
        place(plan, asked_for(call, dice.choice(found)) if found and dice.random() < 0.4 else call, now)
        if plan.bookings and dice.random() < 0.2:
            request_id = dice.choice(sorted(plan.bookings))
            if dice.random() < 0.5:
                plan.free(request_id, now)
            else:
                plan.over(request_id, now, now)
