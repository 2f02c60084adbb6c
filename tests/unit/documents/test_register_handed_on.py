"""Calls that were handed on, and those from 103, in the register that is printed and in its CSV."""

from __future__ import annotations

import csv
import io

import pytest

from homecall.documents.register import as_html, as_pdf
from homecall.documents.register.page import printed
from homecall.documents.register.register import Heard, Register, register_of
from homecall.operations import journal
from homecall.texts.documents import PageLanguage
from tests.unit.documents.register_cases import CLINIC, DAY, LANGUAGES, at, entry, request_id

THERE = {"request_id": request_id(9), "clinic_id": "tal-2"}
CARD = {"card_number": "103-118842", "handed_over_at": "2026-11-23T03:55:00+00:00", "category": "4"}
GONE = entry(1, outcome="transferred", transferred_to=THERE)
COME = entry(2, transferred_from=THERE, flags=["iin_mismatch"])
FROM_103 = entry(3, reasons=["passed_on_by_ambulance"], referral=CARD)
PLAIN = entry(4, outcome="served")


def registered(*entries: object) -> Register:
    heard = [Heard(each, at("12:00")) for each in entries]  # type: ignore[arg-type]  # entries, as they are made above
    register = register_of(CLINIC.clinic_id, CLINIC, DAY, heard)
    assert register is not None
    return register


CELLS: list[tuple[PageLanguage, tuple[str, str, str]]] = [
    (
        "kk",
        (
            "басқа емханаға берілді: tal-2",
            "ЖСН туған күніне не жынысына сәйкес емес; басқа емханадан берілді: tal-2",
            "103: 103-118842, санаты\u00a04, берілді 08:55",
        ),
    ),
    (
        "ru",
        (
            "передан в другую поликлинику: tal-2",
            "ИИН не сходится с датой рождения или полом; передан другой поликлиникой: tal-2",
            "103: 103-118842, категория\u00a04, передан 08:55",
        ),
    ),
    (
        "en",
        (
            "handed on to another clinic: tal-2",
            "IIN does not fit the birth date or sex; handed on by another clinic: tal-2",
            "103: 103-118842, category\u00a04, handed over 08:55",
        ),
    ),
]


@pytest.mark.parametrize(("language", "cells"), CELLS, ids=[row[0] for row in CELLS])
def test_the_page_says_where_a_call_went_where_it_came_from_and_its_card(
    language: PageLanguage, cells: tuple[str, str, str]
) -> None:
    rows = printed(registered(GONE, COME, FROM_103), language).tables[0].rows
    gone, come, from_103 = (row for row in rows if not isinstance(row, str))
    # The first keeps its number.
    assert (gone[0], gone[8], come[9], from_103[5][1]) == (("1",), (cells[0],), (cells[1],), cells[2])


def test_totals_have_a_column_for_them_where_there_are_any() -> None:
    with_any, without = (printed(registered(*of), "ru").totals for of in ((GONE, PLAIN), (PLAIN,)))
    head = "передан в другую поликлинику"
    place = [column.head for column in with_any.columns].index(head)
    assert [row[place][0] for row in with_any.rows] == ["0", "1", "0", "1"]
    assert head not in [column.head for column in without.columns]


def test_totals_say_how_many_came_from_103_where_any_did() -> None:
    said = "Из них передано скорой помощью (103): 2"
    some = printed(registered(FROM_103, entry(5, referral=CARD), PLAIN), "ru").totals
    assert some.rows[-1] == said
    assert not any(isinstance(row, str) for row in printed(registered(PLAIN), "ru").totals.rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_forms_of_the_page_can_be_drawn(language: PageLanguage) -> None:
    register = registered(GONE, COME, FROM_103)
    page = printed(register, language)
    assert as_pdf.write(page, register.as_of).startswith(b"%PDF")
    assert "103-118842" in as_html.write(page).decode()


def test_csv_has_a_column_for_each() -> None:
    text = journal.written(registered(GONE, COME, FROM_103), "csv", "ru").decode("utf-8-sig")
    first, second, third = csv.DictReader(io.StringIO(text), delimiter=";")
    assert (first["Исход"], first["Передан в поликлинику"]) == ("передан в другую поликлинику", "tal-2")
    assert (second["Передан из поликлиники"], second["Передан в поликлинику"]) == ("tal-2", "")
    assert (third["Номер карты 103"], third["Категория вызова 103"]) == ("103-118842", "4")
    assert third["Передан из 103"] == "2026-11-23 08:55:00"
