"""What days sampled from a made-up clinic's earlier days say: made as the scheduler makes it, of other days."""

from __future__ import annotations

from bench.clinic_days import ClinicDay, clinic_day
from bench.contenders import dispatch_of, travel_of
from services.scheduler.domain.forecast import Forecast
from services.scheduler.domain.sampling import Question, forecast_of, on_duty, past_call

HISTORY = 14
"""Earlier days of the clinic."""
SAMPLED = 20
_ANOTHER = 10_000
"""Added to a seed for the earlier days: none of them is a day of the contest."""


def forecast_for(day: ClinicDay, history: int = HISTORY, days: int = SAMPLED) -> Forecast | None:
    """The forecast of a day by so many earlier days of the same clinic."""
    seed, unlike = day.series
    earlier = [clinic_day(seed + _ANOTHER, number, day.kind, unlike=unlike) for number in range(history)]
    dispatch = dispatch_of(day)
    return forecast_of(
        Question(
            history=[[past_call(call, dispatch.zone) for call in each.calls] for each in earlier],
            doctors=on_duty(day.roster.doctors, dispatch.zone),
            travel=travel_of(day),
            visit=day.roster.visit_minutes,
            lead=dispatch.lead,
            days=days,
            seed=f"{seed} {day.kind}",
        )
    )
