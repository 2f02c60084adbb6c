"""The patient's age, and what the digits of an IIN hint at (R15). The check digit is the contract's matter."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

ADULT_AGE = 18

Sex = Literal["male", "female"]

# The seventh digit: the century of birth and the sex; odd is male.
_CENTURIES = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


def age_years(birth_date: date, on: date) -> int:
    """Age in whole years on that date; born on 29 February, a year older on 1 March of a common year.

    ``ValueError`` when the birth date is later.
    """
    if birth_date > on:
        raise ValueError("birth_date: is after the date of the application; correct it")
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def is_child(birth_date: date | None, on: date) -> bool:
    """Whether the patient is under 18 on that date; without a birth date, taken as an adult.

    A birth date after ``on`` means a child: ``on`` is probably wrong, as with a sender's clock a day behind.
    """
    return birth_date is not None and (birth_date > on or age_years(birth_date, on) < ADULT_AGE)


@dataclass(frozen=True)
class IinHint:
    """What the first seven digits say: never more than a hint (Government Resolution 853 of 2013)."""

    birth_date: date
    sex: Sex


def iin_hint(iin: str) -> IinHint | None:
    """The birth date and sex that an IIN's digits hint at; none where they name no date or no century."""
    if len(iin) != 12 or not (iin.isascii() and iin.isdigit()) or iin[6] not in _CENTURIES:
        return None
    try:
        born = date(_CENTURIES[iin[6]] + int(iin[:2]), int(iin[2:4]), int(iin[4:6]))
    except ValueError:
        return None
    return IinHint(born, "male" if int(iin[6]) % 2 else "female")


def iin_mismatch(iin: str, *, birth_date: date | None, sex: str | None = None) -> bool:
    """Whether the digits contradict what the event or the register says: the flag ``iin_mismatch``, no refusal.

    What is not stated, or not hinted at, contradicts nothing.
    """
    hint = iin_hint(iin)
    if hint is None:
        return False
    return (birth_date is not None and birth_date != hint.birth_date) or (sex is not None and sex != hint.sex)
