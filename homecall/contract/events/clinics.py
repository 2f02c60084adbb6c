"""The topic `clinics`: a clinic, its hours, districts and dispatch settings."""

from __future__ import annotations

import itertools
from datetime import time
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, field_validator
from pydantic_core import PydanticCustomError

from homecall.contract.events.shared import ENDS_TOO_EARLY, Weekday
from homecall.contract.types import (
    ZONE,
    ClinicId,
    ClockTime,
    Count,
    Day,
    Event,
    Id,
    Line,
    Name,
    Part,
    Phone,
    ZoneName,
    is_absent,
)


def _or_contact_centre(phone: Any) -> Any:
    # No reason to be without a clinic: where its registry has no phone, the contact centre answers (C14).
    return "1414" if isinstance(phone, str) and is_absent(phone) else phone


class ClinicName(Part):
    """The clinic's name as people know it, in Kazakh and Russian."""

    kk: Name = Field(
        description="The clinic's name in Kazakh. Texts to patients quote it as it is.",
        examples=["№ 3 «Самал» қалалық емханасы"],
    )
    ru: Name = Field(
        description="The clinic's name in Russian. Texts in Russian and English quote it as it is.",
        examples=["Городская поликлиника № 3 «Самал»"],
    )


class Head(Part):
    """The head of the clinic, to whom complaints go (C10.1)."""

    full_name: Name = Field(
        description="Full name of the clinic's head. Complaints to the clinic are addressed to this person (C10.1).",
        examples=["Жұмаділова Гүлнәр Бекқызы"],
    )


class District(Part):
    """A part of the clinic's area: addresses that begin with one of ``addresses`` belong to it."""

    district_id: Id = Field(
        description="The clinic's own id of the district. Rosters and addresses refer to it.", examples=["3-01"]
    )
    kind: Literal["adult", "child", "mixed"] = Field(
        description=(
            "Whom the district serves: adults, children, or both. A child's call goes to a `child` or `mixed` district."
        ),
    )
    addresses: Annotated[list[Line], Field(max_length=10_000), FailFast()] = Field(
        default_factory=list,
        description=(
            "Beginnings of the addresses that belong to the district. An address without `district_id` is matched by "
            "them."
        ),
        examples=[["Алматы, Тал көшесі", "Алматы, улица Тал"]],
    )


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

    date: Day = Field(
        description="A date on which the clinic works although its week says it is closed.", examples=["2027-01-10"]
    )
    hours: Pairs | None = Field(
        default=None,
        description="Working hours of that date, as pairs of opening and closing time. Absent: Saturday's hours.",
        examples=[[["10:00", "13:00"]]],
    )

    @field_validator("hours")
    @classmethod
    def _ordered(cls, hours: list[tuple[time, time]] | None) -> list[tuple[time, time]] | None:
        return _pairs_in_order(hours, "intervals") if hours is not None else None


class DistrictTravel(Part):
    """How long the way takes between two districts; it serves for the way back too, unless that is given."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: Id = Field(
        alias="from",
        description="District where the journey starts: a `district_id` of this clinic.",
        examples=["3-01"],
    )
    to: Id = Field(description="District where the journey ends: a `district_id` of this clinic.", examples=["3-02"])
    minutes: int = Field(
        ge=0,
        le=480,
        description="Travel time in minutes. It also holds for the way back, unless that pair has its own entry.",
        examples=[12],
    )


class Dispatch(Part):
    """How the clinic's visits are dispatched; what is absent is the scheduler's default.

    ``window_minutes`` is the width of a promise, ``lead_minutes`` how long after the answer its window opens at the
    earliest, where the call is not urgent. Travel is the straight line times ``road_factor`` at ``speed_kmh``; or what
    ``travel_table`` has between two districts. The weights are minutes of travel that another doctor must save: than
    the district's own, and than the one who was named.
    """

    window_minutes: int | None = Field(
        default=None,
        ge=15,
        le=480,
        description=(
            "Width in minutes of the arrival window that the patient is promised (`arrives_from` to `arrives_to`)."
        ),
        examples=[120],
    )
    lead_minutes: int | None = Field(
        default=None,
        ge=0,
        le=240,
        description=(
            "Minutes between the answer and the earliest start of the arrival window, for calls that are not urgent."
        ),
        examples=[30],
    )
    urgent_within_minutes: int | None = Field(
        default=None,
        ge=0,
        le=240,
        description="By how many minutes other visits may push an urgent one that is planned. 30 when absent.",
        examples=[60],
    )
    road_factor: float | None = Field(
        default=None,
        ge=1,
        le=5,
        description="Length of the road divided by the straight line; travel times are estimated with it.",
        examples=[1.3],
    )
    speed_kmh: float | None = Field(
        default=None,
        ge=1,
        le=150,
        description="Average speed of a doctor between two visits, in kilometres per hour.",
        examples=[25],
    )
    district_weight_minutes: float | None = Field(
        default=None,
        ge=0,
        le=240,
        description="Minutes of travel that another doctor must save before a visit leaves its district's own doctor.",
        examples=[10],
    )
    continuity_weight_minutes: float | None = Field(
        default=None,
        ge=0,
        le=240,
        description=(
            "Minutes that another doctor must save to be sent instead of the one who visited the patient within the "
            "last 14 days. 2 when absent; 0: any doctor is as good, and nothing is kept to find the last one."
        ),
        examples=[5],
    )
    change_weight_minutes: float | None = Field(
        default=None,
        ge=0,
        le=240,
        description="Minutes of travel that another doctor must save before a promised visit changes its doctor.",
        examples=[15],
    )
    travel_table: Annotated[list[DistrictTravel], Field(max_length=10_000)] = Field(
        default_factory=list,
        description="Known travel times between districts. They replace the estimate from distance and speed.",
    )


class ClinicPublished(Event):
    """A clinic as it is from now on; the newest per ``clinic_id`` holds."""

    TYPE: ClassVar[str] = "clinic.published"
    SUBJECT: ClassVar[str] = "clinic_id"

    clinic_id: ClinicId = Field(
        description=(
            "Id of the clinic, chosen by the region. Key of the record; every other event of this clinic carries it."
        ),
        examples=["samal-3"],
    )
    name: ClinicName = Field(
        description="The clinic's name as patients know it, quoted in statuses, letters and the register."
    )
    region: Line = Field(description="Region or city of the clinic, as printed in its documents.", examples=["Алматы"])
    address: Line = Field(
        description="Postal address of the clinic, where complaints are handed in and answers handed over (C10.5).",
        examples=["Алматы, Тал көшесі, 14"],
    )
    phone: Annotated[Phone, BeforeValidator(_or_contact_centre)] = Field(
        description="Phone number of the registry, quoted in texts to patients.", examples=["+7 727 000 03 03"]
    )
    head: Head = Field(description="The head of the clinic, to whom complaints are addressed (C10.1).")
    hours: dict[Weekday, Pairs] | None = Field(
        default=None,
        description=(
            "Working hours by weekday: pairs of opening and closing time. A weekday that is absent is closed; without "
            "`hours` the standard's week applies (C8.1). Calls are accepted until 2 hours before the last closing "
            "(C4.5)."
        ),
        examples=[{"mon": [["08:00", "20:00"]], "sat": [["09:00", "14:00"]]}],
    )
    closed_dates: Annotated[list[Day], Field(max_length=1000)] = Field(
        default_factory=list,
        description=(
            "Dates on which the clinic is closed although its week says otherwise. Public holidays are known and need "
            "no entry."
        ),
        examples=[["2026-12-31"]],
    )
    working_dates: Annotated[list[WorkingDate], Field(max_length=1000)] = Field(
        default_factory=list,
        description="Dates on which the clinic works although its week or a holiday says it is closed.",
    )
    districts: Annotated[list[District], Field(max_length=1000)] = Field(
        default_factory=list,
        description="The clinic's districts. A visit goes first to a doctor of the patient's district.",
    )
    attachment_required: bool = Field(
        default=False,
        description=(
            "Whether only attached patients are served. Used only where the rule set in force has the refusal "
            "`not_attached`."
        ),
        examples=[False],
    )
    oral_confirmation: bool = Field(
        default=False,
        description=(
            "True: the answer's deadline is met only by `answer.given`, not by the time set by the scheduler (C6.1)."
        ),
        examples=[False],
    )
    zone: ZoneName = Field(
        default=ZONE.key,
        description=(
            "Time zone of the clinic: of its hours and dates, of its doctors' shifts, and of every time in what is "
            "said of it. Before 2024-03-01 the western regions had another one than the rest of the country."
        ),
        examples=["Asia/Aqtobe"],
    )
    revision: Count | None = Field(
        default=None,
        description=(
            "Version of the clinic. A higher one replaces a lower, whenever it was sent. Where one of two records has "
            "none, `ce_time` decides. A record that is older by that is ignored."
        ),
        examples=[1],
    )
    dispatch: Dispatch | None = Field(
        default=None,
        description="Settings of the scheduler for this clinic. What is absent has the scheduler's default.",
    )

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
