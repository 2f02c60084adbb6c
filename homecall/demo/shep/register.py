"""The register of persons behind the stand-in: entries, and their form in an answer. Nobody in it lives."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from homecall.demo.shep.markup import Content

_SURNAMES: Final = ("Үлгі", "Сынақ", "Мысал", "Тәжірибе", "Көрініс")
_MEN: Final = ("Арман", "Ерлан", "Дәурен", "Тимур", "Олег", "Павел")
_WOMEN: Final = ("Әсел", "Динара", "Сәуле", "Мадина", "Ольга", "Нина")
_STREETS: Final = ("Тал", "Терек", "Алма", "Самал", "Қайың")


@dataclass(frozen=True, repr=False)
class Entry:
    """One person of the register. No repr: to the rest of the system it is personal data."""

    iin: str
    surname: str
    name: str
    patronymic: str | None
    birth_date: date | None
    female: bool
    alive: bool = True
    street: str = "Тал"
    building: str = "1"
    flat: str | None = "1"

    def content(self) -> dict[str, Content]:
        """The element ``person``."""
        content: dict[str, Content] = {"iin": self.iin, "surname": self.surname, "name": self.name}
        if self.patronymic is not None:
            content["patronymic"] = self.patronymic
        if self.birth_date is not None:
            content["birthDate"] = self.birth_date.isoformat()
        return content | {
            "gender": _reference(*(("2", "Женский", "Әйел") if self.female else ("1", "Мужской", "Ер"))),
            "lifeStatus": _reference("0", "Нормальный", "Тірі") if self.alive else _reference("1", "Умерший", "Өлген"),
            "citizenship": _reference("398", "КАЗАХСТАН", "ҚАЗАҚСТАН"),
            "regAddress": self._address(),
            "documents": {"document": [self._document("002", "00", 2030), self._document("001", "02", 2019)]},
        }

    def _address(self) -> dict[str, Content]:
        address: dict[str, Content] = {
            "country": _reference("398", "КАЗАХСТАН", "ҚАЗАҚСТАН"),
            "district": _reference("1910", "АЛМАТЫ", "АЛМАТЫ"),
            "region": _reference("1910274", "БОСТАНДЫКСКИЙ РАЙОН", "БОСТАНДЫҚ АУДАНЫ"),
            "street": f"УЛИЦА {self.street}",
            "building": self.building,
        }
        if self.flat is not None:
            address["flat"] = self.flat
        return address | {"arCode": "0201000000000000"}

    def _document(self, kind: str, status: str, until: int) -> dict[str, Content]:
        names = {"001": ("ПАСПОРТ РК", "ҚР ПАСПОРТЫ"), "002": ("УДОСТОВЕРЕНИЕ РК", "ҚР КУӘЛІГІ")}
        says = {"00": ("ДОКУМЕНТ ДЕЙСТВИТЕЛЕН", "ҚҰЖАТ ЖАРАМДЫ"), "02": ("ПРОСРОЧЕН", "МЕРЗІМІ ӨТКЕН")}
        return {
            "type": _reference(kind, *names[kind]),
            "number": f"{int(self.iin) % 1_000_000_000:09}",
            "beginDate": f"{until - 10}-03-02",
            "endDate": f"{until}-03-01",
            "status": _reference(status, *says[status]),
        }


def _reference(code: str, ru: str, kz: str) -> dict[str, Content]:
    return {"code": code, "nameRu": ru, "nameKz": kz, "changeDate": "2008-03-01T10:11:12+06:00"}


def invented(iin: str) -> Entry:
    """Somebody with that IIN, always the same: of its sex, and born on its day.

    Of an IIN of the 1800s, which is nobody's, the register knows no day: the one that an applicant states holds.
    """
    chance = random.Random(f"register {iin}")
    female = iin[6] in "246"
    name = chance.choice(_WOMEN if female else _MEN)
    return Entry(
        iin,
        chance.choice(_SURNAMES),
        name,
        "Үлгіқызы" if female else "Үлгіұлы",
        _born(iin),
        female,
        street=chance.choice(_STREETS),
        building=str(chance.randint(1, 60)),
        flat=str(chance.randint(1, 90)),
    )


def _born(iin: str) -> date | None:
    century = {"3": 1900, "4": 1900, "5": 2000, "6": 2000}.get(iin[6])
    year, month, day = (int(iin[place : place + 2]) for place in (0, 2, 4))
    try:
        return None if century is None else date(century + year, month, day)
    except ValueError:
        return None  # an IIN that no birth has


@dataclass(frozen=True)
class Attached:
    """The clinic to which somebody is attached, from a day on, perhaps until another."""

    clinic: str
    since: date
    until: date | None = None
    territory: str | None = None

    def content(self) -> dict[str, Content]:
        """The element ``attachment`` of the made-up service."""
        until = None if self.until is None else self.until.isoformat()
        organization = {"code": self.clinic, "name": f"Емхана {self.clinic}"}
        return {
            "organization": organization,
            "territory": self.territory,
            "since": self.since.isoformat(),
            "until": until,
        }


class Register:
    """Who is in it: the people named, and invented ones for all other IINs unless ``closed``.

    ``attached``: by IIN, to which clinics; of all others ``otherwise`` holds.
    """

    def __init__(
        self,
        people: Mapping[str, Entry] | None = None,
        *,
        closed: bool = False,
        attached: Mapping[str, Sequence[Attached]] | None = None,
        otherwise: Sequence[Attached] = (),
    ) -> None:
        self.people = dict(people or {})
        self.closed = closed
        self.attached = dict(attached or {})
        self.otherwise = otherwise

    def attachments_of(self, iin: str) -> Sequence[Attached]:
        return self.attached.get(iin, self.otherwise)

    def of(self, iin: str) -> Entry | None:
        return self.people.get(iin) or (None if self.closed else invented(iin))
