"""By what two complaints are known to be the same person's: however a name is typed, and nobody else's."""

from __future__ import annotations

import unicodedata

import pytest

from homecall.contract.events import ComplaintSubmitted
from services.complaints.domain.matters import person_of
from tests.unit.complaints.casebook import DINARA, submission

NAME = "Ёлкина-Қайырбекова Дінара Сергейқызы"


def name_of(full_name: str) -> str:
    data = submission("Tue 2026-11-24 09:40", complainant=DINARA | {"full_name": full_name})
    return person_of(ComplaintSubmitted.model_validate(data))["name"]


@pytest.mark.parametrize(
    "typed",
    [
        unicodedata.normalize("NFD", NAME),
        NAME.upper(),
        unicodedata.normalize("NFD", NAME.upper()),
        f"  {NAME.replace(' ', '   ')} ",
        NAME.replace(" ", "\u00a0"),
    ],
    ids=["decomposed", "capitals", "decomposed capitals", "spaces", "spaces that do not break"],
)
def test_it_is_the_same_name(typed: str) -> None:
    assert typed != NAME
    assert name_of(typed) == name_of(NAME)


@pytest.mark.parametrize("other", [NAME.replace("Ё", "Е"), NAME.replace("й", "и"), NAME.replace("Қ", "К")])
def test_it_is_another_name(other: str) -> None:
    assert name_of(other) != name_of(NAME)
