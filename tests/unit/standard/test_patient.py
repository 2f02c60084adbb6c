"""The patient's age and what an IIN hints at (R15): a warning, never a refusal."""

from datetime import date

import pytest

from homecall.standard.patient import IinHint, age_years, iin_hint, iin_mismatch, is_child


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(2008, 11, 23), date(2026, 11, 22), 17),
        (date(2008, 11, 23), date(2026, 11, 23), 18),
        (date(2026, 11, 23), date(2026, 11, 23), 0),
        (date(2024, 2, 29), date(2025, 2, 28), 0),
        (date(2024, 2, 29), date(2025, 3, 1), 1),
        (date(2024, 2, 29), date(2028, 2, 29), 4),
        (date(1885, 7, 15), date(2026, 11, 23), 141),
    ],
)
def test_age_in_whole_years(born: date, on: date, age: int) -> None:
    assert age_years(born, on) == age


def test_a_birth_after_the_application_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="birth_date"):
        age_years(date(2026, 11, 24), date(2026, 11, 23))


@pytest.mark.parametrize(
    ("born", "child"),
    [(date(2008, 11, 24), True), (date(2008, 11, 23), False), (date(1990, 1, 1), False), (None, False)],
)
def test_r15_a_minor_is_under_18_and_without_a_birth_date_an_adult(born: date | None, child: bool) -> None:
    assert is_child(born, date(2026, 11, 23)) is child


@pytest.mark.parametrize(
    ("iin", "hint"),
    [
        ("850715100000", IinHint(date(1885, 7, 15), "male")),
        ("850715200007", IinHint(date(1885, 7, 15), "female")),
        ("850715300000", IinHint(date(1985, 7, 15), "male")),
        ("850715400000", IinHint(date(1985, 7, 15), "female")),
        ("150715500000", IinHint(date(2015, 7, 15), "male")),
        ("150715600000", IinHint(date(2015, 7, 15), "female")),
        ("850715000000", None),
        ("850715900000", None),
        ("851315100000", None),
        ("850230100000", None),
        ("85071510000", None),
        ("85071510000x", None),
        ("٨٥٠٧١٥١٠٠٠٠٠", None),
    ],
)
def test_what_the_first_seven_digits_hint_at(iin: str, hint: IinHint | None) -> None:
    assert iin_hint(iin) == hint


@pytest.mark.parametrize(
    ("iin", "born", "sex", "mismatch"),
    [
        ("850715100000", date(1885, 7, 15), "male", False),
        ("850715100000", date(1885, 7, 16), "male", True),
        ("850715100000", date(1885, 7, 15), "female", True),
        ("850715200007", None, "female", False),
        ("850715200007", None, None, False),
        ("850715000000", date(1990, 1, 1), "male", False),
    ],
)
def test_a_mismatch_is_only_what_contradicts_what_was_stated(
    iin: str, born: date | None, sex: str | None, mismatch: bool
) -> None:
    assert iin_mismatch(iin, birth_date=born, sex=sex) is mismatch
