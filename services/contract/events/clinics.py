"""The topic `clinics`: a clinic, its hours, districts and dispatch settings."""

from __future__ import annotations

import itertools
from datetime import time
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, FailFast, Field, field_validator
from pydantic_core import PydanticCustomError

from services.contract.events.shared import ENDS_TOO_EARLY, Weekday
from services.contract.types import ClinicId, ClockTime, Day, Event, Id, Line, Name, Part, Phone


class ClinicName(Part):
    """The clinic's name as people know it, in Kazakh and Russian."""

    kk: Name
    ru: Name


class Head(Part):
    """The head of the clinic, to whom complaints go (C10.1)."""

    full_name: Name


class District(Part):
    """A part of the clinic's area: addresses that begin with one of ``addresses`` belong to it."""

    district_id: Id
    kind: Literal["adult", "child", "mixed"]
    addresses: Annotated[list[Line], Field(max_length=10_000), FailFast()] = Field(default_factory=list)


Pair = tuple[ClockTime, ClockTime]
Pairs = Annotated[list[Pair], Field(max_length=24)]


def _pairs_in_order(pairs: list[tuple[time, time]], where: str) -> list[tuple[time, time]]:
    ordered = sorted(pairs)
    for begins, ends in ordered:
        if begins >= ends:
            raise PydanticCustomError(where, ENDS_TOO_EARLY)
    for (_, ends), (begins, _) in itertools.pairwise(ordered):
        if begins < ends:
            raise PydanticCustomError(where, "must have intervals that do not overlap: join them into one")
    return ordered


class WorkingDate(Part):
    """A date on which the clinic works beside its week; without hours, Saturday's."""

    date: Day
    hours: Pairs | None = None

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: list[tuple[time, time]] | None) -> list[tuple[time, time]] | None:
        return _pairs_in_order(hours, "intervals") if hours is not None else None


class DistrictTravel(Part):
    """How long the way takes between two districts; it serves for the way back too, unless that is given."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: Id = Field(alias="from")
    to: Id
    minutes: int = Field(ge=0, le=480)


class Dispatch(Part):
    """How the clinic's visits are dispatched; what is absent is the scheduler's default.

    ``window_minutes`` is the width of a promise, ``lead_minutes`` how long after the answer its window opens at the
    earliest, where the call is not urgent. Travel is the straight line times ``road_factor`` at ``speed_kmh``; or what
    ``travel_table`` has between two districts. The weights are minutes of travel that another doctor must save: than
    the district's own, and than the one who was named.
    """

    window_minutes: int | None = Field(default=None, ge=15, le=480)
    lead_minutes: int | None = Field(default=None, ge=0, le=240)
    urgent_within_minutes: int | None = Field(default=None, ge=0, le=240)
    road_factor: float | None = Field(default=None, ge=1, le=5)
    speed_kmh: float | None = Field(default=None, ge=1, le=150)
    district_weight_minutes: float | None = Field(default=None, ge=0, le=240)
    change_weight_minutes: float | None = Field(default=None, ge=0, le=240)
    travel_table: Annotated[list[DistrictTravel], Field(max_length=10_000)] = Field(default_factory=list)


class ClinicPublished(Event):
    """A clinic as it is from now on; the newest per ``clinic_id`` holds."""

    TYPE: ClassVar[str] = "clinic.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId
    name: ClinicName
    region: Line
    address: Line
    phone: Phone
    head: Head
    hours: dict[Weekday, Pairs] | None = None
    closed_dates: Annotated[list[Day], Field(max_length=1000)] = Field(default_factory=list)
    working_dates: Annotated[list[WorkingDate], Field(max_length=1000)] = Field(default_factory=list)
    districts: Annotated[list[District], Field(max_length=1000)] = Field(default_factory=list)
    attachment_required: bool = False
    oral_confirmation: bool = False
    dispatch: Dispatch | None = None

    @field_validator("hours", mode="before")
    @classmethod
    def _weekdays(cls, hours: Any) -> Any:
        # Before the values are looked at, so that no path of an error repeats a key that was sent.
        if isinstance(hours, dict) and not hours.keys() <= set(get_args(Weekday)):
            raise PydanticCustomError(
                "weekday", "must have no keys but mon, tue, wed, thu, fri, sat, sun; leave out a day that is closed"
            )
        # A day with null is a day that is left out.
        return {day: pairs for day, pairs in hours.items() if pairs is not None} if isinstance(hours, dict) else hours

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: dict[str, list[tuple[time, time]]] | None) -> dict[str, list[tuple[time, time]]] | None:
        if hours is None:
            return None
        return {weekday: _pairs_in_order(pairs, f"at:{weekday}") for weekday, pairs in hours.items()}
