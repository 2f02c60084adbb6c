"""What texts need of Unicode's locale data (CLDR): names of months and weekdays, and plural rules. Data; pure.

Babel reads the same from files that take 7 MiB of each service for as long as it runs; a test holds this to Babel's.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

Language = Literal["kk", "ru", "en"]
Plural = Literal["one", "few", "many", "other"]

MONTHS: Final[Mapping[Language, tuple[str, ...]]] = {
    "kk": (
        "қаңтар",
        "ақпан",
        "наурыз",
        "сәуір",
        "мамыр",
        "маусым",
        "шілде",
        "тамыз",
        "қыркүйек",
        "қазан",
        "қараша",
        "желтоқсан",
    ),
    "ru": (
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
"""January first, in the form that stands after a day's number."""
WEEKDAYS: Final[Mapping[Language, tuple[str, ...]]] = {
    "kk": ("дүйсенбі", "сейсенбі", "сәрсенбі", "бейсенбі", "жұма", "сенбі", "жексенбі"),
    "ru": ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
"""Monday first, in the nominative."""


def _one_or_other(n: int) -> Plural:
    return "one" if n == 1 else "other"


def _russian(n: int) -> Plural:
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    return "few" if n % 10 in {2, 3, 4} and n % 100 not in {12, 13, 14} else "many"


PLURAL: Final[Mapping[Language, Callable[[int], Plural]]] = {
    "kk": _one_or_other,
    "ru": _russian,
    "en": _one_or_other,
}
"""The form in which a word stands after a whole number that is not negative."""
