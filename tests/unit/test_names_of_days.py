"""Names of months and weekdays and plural rules are those of Unicode's locale data, as Babel has them."""

from __future__ import annotations

import pytest
from babel import Locale

from homecall.texts.cldr import MONTHS, PLURAL, WEEKDAYS, Language


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_names_and_plurals_are_those_of_babel(language: Language) -> None:
    locale = Locale.parse(language)
    months, days = locale.months["format"]["wide"], locale.days["format"]["wide"]
    assert MONTHS[language] == tuple(months[number] for number in range(1, 13))
    assert WEEKDAYS[language] == tuple(days[number] for number in range(7))
    numbers = [*range(1_200), 11_111, 1_000_000, 1_000_001]
    assert [PLURAL[language](n) for n in numbers] == [locale.plural_form(n) for n in numbers]
