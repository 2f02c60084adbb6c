"""Search and order as people expect them in Kazakh and Russian (desk 11)."""

from __future__ import annotations

import pytest

from services.desk.domain.search import finds, folded, phone_digits, sort_key


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("ОСПАН", "Оспанбеков Сәбит", True),
        ("сәб осп", "Оспанбеков Сәбит", True),
        ("семён", "Семен Иванов", True),
        ("Семен", "семён иванов", True),
        ("ӘБДІХАЛЫҚ", "Әбдіхалық Айнұр", True),
        ("абдихалык", "Әбдіхалық Айнұр", False),
        ("панбеков", "Оспанбеков Сәбит", False),
        ("тал 27", "Алматы, Тал көшесі, 27", True),
        ("", "кто угодно", True),
    ],
)
def test_words_are_found_by_their_beginnings_in_any_case(query: str, text: str, found: bool) -> None:
    assert finds(query, text) is found


def test_the_order_is_that_of_the_kazakh_alphabet() -> None:
    names = ["Ыбырай", "Ұлан", "Үміт", "Бақыт", "Әсел", "Асан", "Қайрат", "Кенже", "Ғани", "Гүлнар", "Ёлкин", "Ерлан"]
    assert [folded(name)[0] for name in sorted(names, key=sort_key)] == list("аәбгғеекқұүы")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+7 700 000 01 23", "7000000123"),
        ("8 (700) 000-01-23", "7000000123"),
        ("77000000123", "7000000123"),
        ("123", ""),
    ],
)
def test_a_phone_is_found_however_it_is_written(text: str, digits: str) -> None:
    assert phone_digits(text) == digits
