"""``GET /offers``: windows that a call could have, asked inside the cluster while it is typed. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homecall.runtime.clock import Clock
from homecall.runtime.failures import Transient
from homecall.runtime.http import inside
from homecall.standard.calendar import NeverOpenError
from homecall.standard.places import located
from homecall.standard.rules import NotCoveredError
from services.scheduler.domain.bookings import Call
from services.scheduler.domain.calls import Facts, first_day_left
from services.scheduler.domain.state import day_key
from services.scheduler.store import SchedulerStore

_FLAGS: Final = {"": False, "0": False, "false": False, "1": True, "true": True}


class WrongQuestion(ValueError):
    """A parameter that cannot be read: its name, the rule, and the way out."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


@dataclass(frozen=True)
class Offering:
    """Answers what a call could have, on any replica, whoever holds the clinic's day: with one query."""

    store: SchedulerStore
    facts: Facts
    clock: Clock

    @property
    def route(self) -> Route:
        """The address, for the service's HTTP port."""
        return Route("/offers", inside(self.answer), methods=["GET"])

    async def answer(self, request: Request) -> Response:
        """200 with ``offers``; 422 with ``fields``, 503 without a database: ask again, or do without.

        The parameters are ``clinic_id``, ``district_id``, ``lat``, ``lon``, ``child`` and ``urgent``.
        """
        try:
            found = await self.offers(request.query_params, self.clock.now())
        except WrongQuestion as error:
            return JSONResponse({"fields": [{"path": error.name, "message": error.message}]}, 422)
        except Transient:
            return JSONResponse({"error": "the database does not answer: ask again later, or do without"}, 503)
        return JSONResponse({"offers": found}, headers={"Cache-Control": "no-store"})

    async def offers(self, asked: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
        """The offers as the answer has them. Raises ``WrongQuestion``, and ``Transient`` without a database."""
        clinic_id = asked.get("clinic_id", "")
        if self.facts.clinics.get(clinic_id) is None:
            raise WrongQuestion("clinic_id", "must be a clinic that was published")
        call = _call(asked, now)
        rules = self.facts.rule_sets.on(now.astimezone(self.facts.clinics.zone(clinic_id)).date())
        calendar = self.facts.clinics.calendar(clinic_id, rules)
        if calendar is None:
            return []
        try:
            on = first_day_left(calendar, now.astimezone(calendar.zone).date(), now)
        except (NeverOpenError, NotCoveredError):
            return []
        day = await self.store.look_at_day(day_key(clinic_id, on))
        return [
            {
                "arrives_from": each.arrives_from.isoformat(),
                "arrives_to": each.arrives_to.isoformat(),
                "doctor": asdict(each.doctor),
                "extra_travel_minutes": each.extra_travel_minutes,
            }
            for each in day.offers(call, now)
        ]


def _call(asked: Mapping[str, str], now: datetime) -> Call:
    lat, lon = _degrees(asked, "lat"), _degrees(asked, "lon")
    spot = located(lat, lon)
    return Call(
        request_id=str(uuid4()),
        is_child=_flag(asked, "child"),
        district_id=asked.get("district_id") or None,
        urgency="urgent" if _flag(asked, "urgent") else "same_day",
        red_flag=False,
        accepted_at=now,
        lat=None if spot is None else spot[0],
        lon=None if spot is None else spot[1],
    )


def _degrees(asked: Mapping[str, str], name: str) -> float | None:
    text = asked.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise WrongQuestion(name, "must be a number of degrees") from None


def _flag(asked: Mapping[str, str], name: str) -> bool:
    text = asked.get(name, "").lower()
    if text not in _FLAGS:
        raise WrongQuestion(name, "must be true or false")
    return _FLAGS[text]
