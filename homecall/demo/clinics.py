"""The seven clinics of the demo's day: their hours, districts, doctors and shifts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from homecall.contract.events import ClinicPublished
from homecall.demo.acts import at
from homecall.demo.people import People
from homecall.standard.clinics import calendar_of
from homecall.standard.rules import RuleSet

LATE_ROSTER: Final = "juldyz-4"
"""The clinic whose roster comes after its first calls: they wait for a place, and their clocks run."""
UNKNOWN: Final = "nobody-knows-9"
_PLACE_MINUTES: Final = 30
"""A visit and the way to it, as the rosters' defaults have it."""
_ROOM: Final = 2.5
"""So many places for each call that is expected: late calls must find room in what is left of the day."""


@dataclass(frozen=True)
class _Clinic:
    clinic_id: str
    kk: str
    ru: str
    streets: tuple[str, ...]
    hours: dict[str, list[list[str]]] | None = None
    oral_confirmation: bool = False
    by_districts: bool = True


def _week(hours: list[list[str]], saturday: list[list[str]] | None) -> dict[str, list[list[str]]]:
    return dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours) | ({"sat": saturday} if saturday else {})


_CLINICS: Final = (
    _Clinic("samal-1", "№ 1 «Самал» қалалық емханасы", "Городская поликлиника № 1 «Самал»", ("Тал", "Емен")),
    _Clinic("baiterek-2", "№ 2 «Бәйтерек» емханасы", "Поликлиника № 2 «Байтерек»", ("Шыршалы", "Қайыңды")),
    _Clinic(
        "qarlygash-3",
        "№ 3 «Қарлығаш» емханасы",
        "Поликлиника № 3 «Карлыгаш»",
        ("Теректі", "Жиде"),
        oral_confirmation=True,
    ),
    _Clinic(LATE_ROSTER, "№ 4 «Жұлдыз» емханасы", "Поликлиника № 4 «Жулдыз»", ("Долана", "Арша")),
    _Clinic(
        "aqqu-5",
        "№ 5 «Аққу» отбасылық емханасы",
        "Семейная поликлиника № 5 «Акку»",
        ("Үйеңкі", "Шетен"),
        hours=_week([["08:00", "20:00"]], None),
    ),
    _Clinic("shagala-6", "№ 6 «Шағала» емханасы", "Поликлиника № 6 «Шагала»", ("Мойыл", "Итмұрын"), by_districts=False),
    _Clinic(
        "tumar-7",
        "«Тұмар» дәрігерлік амбулаториясы",
        "Врачебная амбулатория «Тумар»",
        ("Жусан", "Бетеге"),
        hours=_week([["08:00", "13:00"], ["14:00", "18:00"]], [["09:00", "14:00"]]),
    ),
)


class Clinics:
    """The clinics as they are published, with their calendars and their staff."""

    def __init__(self, people: People, rules: RuleSet) -> None:
        self._people = people
        self.published = {each.clinic_id: self._published(each) for each in _CLINICS}
        self.calendars = {key: calendar_of(each, rules) for key, each in self.published.items()}
        self.streets = {each.clinic_id: each.streets for each in _CLINICS}

    def open_at(self, moment: datetime) -> list[str]:
        return [key for key in self.calendars if self.accepts(key, moment)]

    def accepts(self, clinic_id: str, moment: datetime) -> bool:
        return self.calendars[clinic_id].day_of(moment).accepts(moment)

    def _published(self, clinic: _Clinic) -> ClinicPublished:
        number = clinic.clinic_id[-1]
        data: dict[str, Any] = {
            "clinic_id": clinic.clinic_id,
            "name": {"kk": clinic.kk, "ru": clinic.ru},
            "region": "Алматы",
            "address": f"Алматы, {clinic.streets[0]} көшесі, {number}",
            "phone": f"+7 727 000 0{number} 0{number}",
            "head": {"full_name": self._people.name()},
            "oral_confirmation": clinic.oral_confirmation,
        }
        if clinic.hours is not None:
            data["hours"] = clinic.hours
        if clinic.by_districts:
            streets = [[f"Алматы, {name} көшесі", f"Алматы, улица {name}"] for name in clinic.streets]
            data["districts"] = [
                {"district_id": f"{number}-01", "kind": "adult", "addresses": streets[0]},
                {"district_id": f"{number}-02", "kind": "adult", "addresses": streets[1]},
                {"district_id": f"{number}-11", "kind": "child", "addresses": [*streets[0], *streets[1]]},
            ]
        return ClinicPublished.model_validate(data)

    def staff(self, clinic_id: str, calls: Mapping[date, int]) -> list[dict[str, Any]]:
        """The clinic's doctors: enough for its fullest day."""
        needed = max(
            (math.ceil(_ROOM * number / self._places(clinic_id, day)) for day, number in calls.items()), default=0
        )
        districts = [district.district_id for district in self.published[clinic_id].districts]
        specialties = ("gp", "paediatrician", "therapist", "gp")
        staff = []
        for number in range(max(len(specialties), needed + 2)):
            specialty = specialties[number % len(specialties)]
            own = [each for each in districts if (each.endswith("11") if specialty == "paediatrician" else True)]
            if own and specialty != "paediatrician":
                own = [own[number // 2 % 2]]
            staff.append(self.doctor(clinic_id, number + 1, specialty, own))
        staff[-1]["on_duty"] = True
        return staff

    def doctor(self, clinic_id: str, number: int, specialty: str, districts: Sequence[str]) -> dict[str, Any]:
        """A doctor as a roster names them, without the shift."""
        return {
            "doctor_id": f"{clinic_id}-{specialty}-{number:02}",
            "full_name": self._people.name(),
            "specialty": specialty,
            "districts": list(districts),
        }

    def _places(self, clinic_id: str, day: date) -> int:
        begins, ends = self._shift(clinic_id, day)
        return int((ends - begins) / timedelta(minutes=_PLACE_MINUTES))

    def _shift(self, clinic_id: str, day: date) -> tuple[datetime, datetime]:
        """From the opening to an hour before the clinic closes: by then the last visits have been reported."""
        hours = self.calendars[clinic_id].day(day)
        if hours.opens_at is None or hours.closes_at is None:
            return at(day, "08:00"), at(day, "09:00")
        return hours.opens_at, hours.closes_at - timedelta(hours=1)

    def roster(
        self, clinic_id: str, day: date, doctors: Sequence[dict[str, Any]], revision: int
    ) -> dict[str, Any] | None:
        """The data of a roster; None on a day on which the clinic is closed."""
        if not self.calendars[clinic_id].day(day).is_open:
            return None
        begins, ends = self._shift(clinic_id, day)
        shift = {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}"}
        return {
            "clinic_id": clinic_id,
            "date": day.isoformat(),
            "revision": revision,
            "doctors": [each | {"shift": shift, "max_visits": self._places(clinic_id, day)} for each in doctors],
        }
