"""CSV for a spreadsheet: columns on a double click, no formulas, and every cell read back as it was."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.documents.spreadsheet import guarded, written

ROOT = Path(__file__).parents[3]


def read(document: bytes) -> list[list[str]]:
    assert document.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(document.decode("utf-8-sig"), newline=""), delimiter=";", strict=True))


@pytest.mark.parametrize("sign", [*"=+-@", *"＝＋－＠", *"﹦﹢﹣﹫"])
@pytest.mark.parametrize("before", ["", " ", "  ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u200e ", " \t"])
def test_a_formula_is_guarded_wherever_it_starts(sign: str, before: str) -> None:
    assert guarded(f"{before}{sign}1") == f"'{before}{sign}1"


@pytest.mark.parametrize("text", ["\t1", "\r1", "\n1", "'1", "'"])
def test_what_excel_drops_at_the_start_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "1", "a=1", "Тал, 27", "8 700 000 01 23", "№ 5", "1-2", "2026-1"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text


def test_a_phone_stays_readable_and_a_number_a_number() -> None:
    document = written(["phone", "days"], [["+7 700 000 01 23", -2]])
    assert document.decode("utf-8-sig") == "phone;days\r\n'+7 700 000 01 23;-2\r\n"


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_one_apostrophe_less_gives_each_cell_back(rows: list[list[str]]) -> None:
    head, *found = read(written(["a;b", 'c"d'], rows))
    assert head == ["a;b", 'c"d']
    assert [[cell.removeprefix("'") for cell in row] for row in found] == rows


def test_no_other_file_writes_csv() -> None:
    writers = [
        path.name
        for part in ("homecall", "services")
        for path in (ROOT / part).rglob("*.py")
        if "csv.writer" in path.read_text("utf-8")
    ]
    assert writers == ["spreadsheet.py"]
