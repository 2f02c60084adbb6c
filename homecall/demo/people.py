"""Who falls ill on the demo's day. Nobody in it lives: the IINs are of births in the 1800s. Pure."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any, Final

from homecall.contract.iins import iin_check_digit

_FAMILY: Final = (
    *("Әлімханов", "Бейсенов", "Дәулетов", "Есімов", "Жақыпов", "Қалиев", "Мұқанов", "Нұрғалиев", "Оспанов", "Сейітов"),
    *("Тілеубаев", "Шәріпов", "Белов", "Громов", "Зимин", "Ковров", "Лугов", "Полевой", "Снежин", "Уваров"),
)
_MEN: Final = ("Арман", "Ерлан", "Нұрлан", "Дәурен", "Сәкен", "Тимур", "Андрей", "Павел", "Олег", "Руслан")
_WOMEN: Final = ("Әсел", "Гүлнәр", "Динара", "Жанна", "Сәуле", "Мадина", "Ольга", "Вера", "Нина", "Алия")


class People:
    """Invented persons, each with an IIN of their own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._iins: set[str] = set()

    def patient(self, *, is_child: bool) -> dict[str, Any]:
        """A patient as a request names them; of a child with the date of birth."""
        patient: dict[str, Any] = {
            "iin": self.iin(),
            "full_name": self.name(),
            "phone": f"+7 700 000 {self._chance.randint(0, 99):02} {self._chance.randint(0, 99):02}",
            "language": self._chance.choices(("kk", "ru", "en"), (55, 40, 5))[0],
        }
        if is_child:
            patient["birth_date"] = date(self._chance.randint(2012, 2025), self._chance.randint(1, 12), 15).isoformat()
        return patient

    def name(self) -> str:
        family = self._chance.choice(_FAMILY)
        if self._chance.random() < 0.5:
            return f"{family} {self._chance.choice(_MEN)}"
        ending = "ая" if family.endswith("ой") else "а"
        return f"{family.removesuffix('ой')}{ending} {self._chance.choice(_WOMEN)}"

    def iin(self) -> str:
        """An IIN that nobody else has, with a check digit that is right."""
        while True:
            born = date(1800, 1, 1) + timedelta(days=self._chance.randrange(36_000))
            first = f"{born:%y%m%d}{self._chance.choice('12')}{self._chance.randrange(10_000):04}"
            digit = iin_check_digit(first)
            if digit is not None and first not in self._iins:
                self._iins.add(first)
                return f"{first}{digit}"
