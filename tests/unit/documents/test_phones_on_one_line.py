"""Phone numbers stay on one line in what a clinic prints, and nothing else is held together."""

from __future__ import annotations

import pytest

from homecall.documents.markup import marked_up, unbroken, whole_words
from homecall.documents.pdf import BOLD, PLAIN, drawable
from homecall.texts.language import CONTACT_CENTRE


@pytest.mark.parametrize(
    "phone", ["+7 700 000 01 23", "8 (727) 000-03-03", "+7 (700) 000 01 23", "8 700 0000123", "+77000000123"]
)
def test_a_phone_has_no_place_to_break(phone: str) -> None:
    whole = phone.replace(" ", "\u00a0")
    assert unbroken(f"тел. {phone}, үй 5") == f"тел. {whole}, үй 5"
    assert marked_up(f"тел. {phone} & 5") == f'тел. <span class="whole">{whole}</span> &amp; 5'
    assert all(" " not in drawable(phone, font) for font in (PLAIN, BOLD))


@pytest.mark.parametrize(
    "text", ["Тал көшесі, 27, 14-пәтер", "23.11.2026, 09:30–10:00", "№ 2026-12", "050000, Алматы", "1414", "38 °C", ""]
)
def test_what_is_no_phone_may_break(text: str) -> None:
    assert unbroken(text) == text
    assert "<span" not in marked_up(text)


def test_the_contact_centres_numbers_are_two() -> None:
    assert marked_up(CONTACT_CENTRE) == '1414, <span class="whole">8-800-080-7777</span>'


def test_a_word_with_a_hyphen_is_not_divided() -> None:
    assert whole_words("Пациенттің аты-жөні <b>") == 'Пациенттің <span class="whole">аты-жөні</span> &lt;b&gt;'
