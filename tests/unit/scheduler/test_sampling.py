"""What days sampled from a clinic's history say of a day to come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.moments import seconds_of
from services.scheduler.domain.sampling import (
    LEADS,
    OnDuty,
    PastCall,
    Question,
    _Apart,
    _leads,
    _lost,
    _sampled,
    forecast_of,
    packaged_profile,
)
from services.scheduler.domain.travel import Location, Travel

ALMATY = ZoneInfo("Asia/Almaty")
NINE = seconds_of(datetime(2026, 11, 20, 9, tzinfo=ALMATY))
CENTRE = Location("@", 43.25, 76.9)
GP = OnDuty(8 * 60, 20 * 60, "gp", 24, CENTRE)
PAEDIATRICIAN = GP._replace(specialty="paediatrician")


def calls(hours: Sequence[int], number: int, dice: Random, *, side: float = 0.08) -> list[PastCall]:
    """A day of calls in these hours, from a square of so many degrees around the centre."""
    return [
        PastCall(
            dice.choice(hours) * 60 + dice.randrange(60),
            Location("", 43.25 + (dice.random() - 0.5) * side, 76.9 + (dice.random() - 0.5) * side, "near"),
            dice.random() < 0.3,
            False,
        )
        for _ in range(number)
    ]


def question(
    history: Sequence[Sequence[PastCall]], doctors: Sequence[OnDuty] = (GP,) * 6 + (PAEDIATRICIAN,)
) -> Question:
    return Question(history, doctors, Travel(), visit=20, lead=72, days=20, seed="samal-3|2026-11-20")


def forecast(asked: Question) -> Forecast:
    found = forecast_of(asked)
    assert found is not None
    return found


def test_the_same_seed_says_the_same_and_another_another() -> None:
    asked = question([calls(range(8, 18), 80, Random(day)) for day in range(9)])
    assert forecast_of(asked) == forecast_of(asked)
    assert forecast_of(replace(asked, seed="samal-3|2026-11-21")) != forecast_of(asked)


def test_a_morning_waits_longer_for_other_calls_than_an_evening_that_the_shift_ends() -> None:
    asked = question([calls((8, 9, 10, *[16, 17] * 9), 60, Random(day)) for day in range(9)])
    leads = {each.hour: each.lead for each in forecast(asked).hours}
    assert leads[8] == round(72 * LEADS[0])
    assert leads[17] < 72
    assert leads[16] < leads[8]


@pytest.mark.parametrize("seed", range(20))
def test_no_lead_for_the_whole_day_loses_fewer_sampled_visits(seed: int) -> None:
    dice = Random(seed)
    hours = dice.choices(range(8, 19), k=4)
    doctors = [GP._replace(ends=dice.randrange(12, 21) * 60) for _ in range(dice.randrange(1, 6))]
    asked = question([calls(hours, dice.randrange(5, 60), dice) for _ in range(6)], doctors)
    days = _sampled(asked, asked.history, Random(asked.seed))
    apart = dice.choice([120.0, 600.0, 1200.0])
    leads = _leads(days, sorted(set(hours)), asked, _Apart(True, apart, {}, []))
    lost = sum(_lost(day, leads, asked, apart) for day in days)
    for part in LEADS:
        assert lost - sum(map(len, days)) // 200 <= sum(
            _lost(day, dict.fromkeys(leads, round(72 * part)), asked, apart) for day in days
        )


def test_where_calls_are_far_apart_a_longer_detour_is_near() -> None:
    history = []
    for day in range(9):
        dice = Random(day)
        far = [
            call._replace(location=replace(call.location, district_id="far"))
            for call in calls((9, 10), 10, dice, side=1)
        ]
        history.append(calls((9, 10), 40, dice, side=0.04) + far)
    found = forecast(question(history))
    apart = {each.district_id: each.percent for each in found.districts}
    assert apart["far"] == 200
    assert apart["near"] < 100
    near, far = (found.outlook(NINE, ALMATY, Location("", 43.2, 76.9, each), Travel()) for each in ("near", "far"))
    assert near is not None
    assert far is not None
    assert far.near > 2 * near.near


def test_dense_calls_make_less_near_than_sparse_ones() -> None:
    dense, sparse = (
        forecast(question([calls((9,), number, Random(day)) for day in range(9)])).hours[0].near for number in (90, 15)
    )
    assert dense < sparse


def test_a_clinic_without_history_goes_by_the_profile() -> None:
    found = forecast(question([]))
    assert [each.hour for each in found.hours] == sorted(packaged_profile().hours)
    assert (found.days, found.history) == (20, 0)


def test_without_doctors_or_days_nothing_is_said() -> None:
    asked = question([calls((9,), 9, Random(1))])
    assert forecast_of(replace(asked, doctors=[])) is None
    assert forecast_of(replace(asked, days=0)) is None


def test_a_call_that_nobody_may_visit_decides_no_lead() -> None:
    """A clinic with a paediatrician alone: adults have no place at any hour."""
    adults = [[call._replace(is_child=False) for call in calls((9,), 20, Random(day))] for day in range(9)]
    assert forecast(question(adults, [PAEDIATRICIAN])).hours[0].lead == round(72 * LEADS[0])


def test_nobody_waits_longer_for_calls_of_which_it_is_not_known_where_they_are() -> None:
    nowhere = [[call._replace(location=Location("")) for call in calls((9,), 20, Random(day))] for day in range(9)]
    assert {each.lead for each in forecast(question(nowhere)).hours} == {72}
    assert max(each.lead for each in forecast(question([])).hours) == 72


def test_where_nothing_tells_places_apart_nobody_is_near() -> None:
    found = forecast(question([calls((9,), 40, Random(day)) for day in range(9)]))
    known, unknown = (found.outlook(NINE, ALMATY, place, Travel()) for place in (CENTRE, Location("nowhere")))
    assert known is not None
    assert unknown is not None
    assert known.near > 0
    assert unknown == (known.lead, 0)
    assert found.outlook(NINE + 6 * 3600, ALMATY, CENTRE, Travel()) is None
