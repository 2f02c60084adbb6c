"""The register's page: which entries hold, what stands on it, and that PDF, HTML and CSV show it whole (C6.1)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.lib.styles import ParagraphStyle

from homecall.contract.events import Outcome, RefusalCode, Specialty
from homecall.documents.markup import unbroken
from homecall.documents.pdf import BOLD, PLAIN, glyphs, paragraph, register_fonts, width_of
from homecall.documents.register import as_csv, as_html, as_pdf
from homecall.documents.register.page import Cell, Column, PrintedPage, printed
from homecall.documents.register.register import Heard, register_of
from homecall.operations import journal
from homecall.operations.failure import Failure
from homecall.standard.rules import load_rule_sets
from homecall.texts import documents as words
from homecall.texts.documents import PageLanguage
from homecall.texts.language import Text, day
from tests.unit.documents.register_cases import (
    CLINIC,
    DAY,
    KAZAKH,
    LANGUAGES,
    a_day,
    at,
    entry,
    refused,
    registered,
    request_id,
    visit,
)


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, words one space apart."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def all_text(page: PrintedPage) -> str:
    """Every letter that the page shows."""
    said: list[str] = [page.title, page.clinic, page.contacts, page.day, page.as_of]
    for table in (*page.tables, page.totals):
        said += [table.caption, *(column.head for column in table.columns)]
        for row in table.rows:
            said += [row] if isinstance(row, str) else [line for cell in row for line in cell]
    for signature in page.signatures:
        said += [signature.office, signature.full_name, *signature.captions]
    return "\n".join(said)


def rows_of(page: PrintedPage, table: int = 0) -> list[tuple[Cell, ...] | str]:
    return list(page.tables[table].rows)


def read_csv(document: bytes) -> list[list[str]]:
    assert document.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(document.decode("utf-8-sig"), newline=""), delimiter=";", strict=True))


# ---------------------------------------------------------------- which entries hold


def test_the_highest_revision_of_a_request_holds_in_whatever_order_entries_come() -> None:
    lines = [
        Heard(entry(1), at("09:00")),
        Heard(entry(1, 2, **visit()), at("09:02")),
        Heard(entry(1, 2, **visit()), at("09:02")),
        Heard(entry(1, 3, **visit("14:00", doctor=1)), at("10:30")),
    ]
    for order in permutations(lines):
        (call,) = registered(order).accepted
        assert call.entry.revision == 3
        assert (call.entered_at, call.answer_at, call.newest_at) == (at("09:00"), at("09:02"), at("10:30"))


def test_a_register_is_of_one_clinic_and_one_day() -> None:
    tomorrow = DAY + timedelta(days=1)
    others = [entry(2, clinic_id="tumanny-2"), entry(3, register_date=tomorrow)]
    assert [call.entry.request_id for call in registered([entry(1), *others]).accepted] == [request_id(1)]
    assert register_of(CLINIC.clinic_id, CLINIC, DAY, [Heard(each, at("09:00")) for each in others]) is None
    # The day that the highest revision names is the call's day.
    moved = [Heard(entry(1), at("09:00")), Heard(entry(1, 2, register_date=tomorrow), at("09:05"))]
    assert register_of(CLINIC.clinic_id, CLINIC, DAY, moved) is None


@given(st.permutations(range(1, 13)))
def test_accepted_calls_stand_by_number_and_refused_ones_by_time(order: Sequence[int]) -> None:
    made = [Heard(entry(n) if n <= 8 else refused(n), at("09:00") + timedelta(minutes=n)) for n in order]
    register = registered(made)
    assert register.numbers == [*range(1, 9)]
    assert [call.entry.request_id for call in register.refused] == [request_id(n) for n in range(9, 13)]


@pytest.mark.parametrize(
    ("numbers", "gaps", "doubles"),
    [
        ((1, 2, 3), [], []),
        ((1, 3), [(2, 2)], []),
        ((4, 5, 9), [(1, 3), (6, 8)], []),
        ((1, 2, 2, 4), [(3, 3)], [2]),
        ((), [], []),
    ],
)
def test_gaps_and_doubles_of_the_numbers_are_found_and_shown(
    numbers: tuple[int, ...], gaps: list[tuple[int, int]], doubles: list[int]
) -> None:
    entries = [entry(number, request_id=request_id(100 + place)) for place, number in enumerate(numbers)]
    register = registered([*entries, refused(99)])
    assert (register.gaps, register.doubles) == (gaps, doubles)
    assert len(journal.findings(register)) == bool(gaps) + bool(doubles)
    rows = rows_of(printed(register, "ru"))
    notes = {place: row for place, row in enumerate(rows) if isinstance(row, str)}
    if numbers == (4, 5, 9):
        assert notes == {0: "№ 1–3: записи в журнале нет", 3: "№ 6–8: записи в журнале нет"}
    elif not numbers:
        assert notes == {0: "Принятых вызовов за этот день нет"}
    else:
        assert len(notes) == len(gaps)


# ---------------------------------------------------------------- what stands on the page


def test_a_line_says_what_c6_1_asks_for_in_kazakh_and_russian() -> None:
    register = registered(
        [
            Heard(
                entry(
                    17,
                    3,
                    channel="desk",
                    patient_name="Оспанбеков  Сәбит\nНұрланұлы",
                    phone="+7 700 000 01 23",
                    address={
                        "text": "Алматы, Тал көшесі, 27",
                        "entrance": "1",
                        "floor": "4",
                        "flat": "14",
                        "intercom": "14K",
                    },
                    reasons=["fever_above_38", "from_a_later_law"],
                    accepted_at=at("09:14"),
                    answered_at=at("09:16"),
                    registrar={"id": "r-12", "full_name": "Тұрсынова Әсел Маратқызы"},
                    outcome="served",
                    flags=["iin_mismatch", "from_later"],
                    **visit("10:00", DAY + timedelta(days=1)),
                ),
                at("09:15"),
            )
        ]
    )
    row = rows_of(printed(register, "kk"))[-1]
    assert row == (
        ("17",),
        ("09:14",),
        ("тіркеу бөлімі",),
        ("Оспанбеков Сәбит Нұрланұлы",),
        ("Алматы, Тал көшесі, 27, 1-кіреберіс, 4-қабат, 14-пәтер, домофон\u00a014K", "+7 700 000 01 23"),
        ("дене қызуы 38 °C-тан жоғары; from_a_later_law",),
        ("Әбдіхалық Айнұр Сәкенқызы, жалпы практика дәрігері", "24.11.2026, 10:00–10:30"),
        ("Тұрсынова Әсел Маратқызы", "жазылды 09:15, айтылды 09:16"),
        ("қаралды",),
        ("ЖСН туған күніне не жынысына сәйкес емес; from_later",),
    )
    row = rows_of(printed(register, "ru"))[-1]
    assert row[4:9] == (
        ("Алматы, Тал көшесі, 27, подъезд\u00a01, этаж\u00a04, кв.\u00a014, домофон\u00a014K", "+7 700 000 01 23"),
        ("температура тела выше 38 °C; from_a_later_law",),
        ("Әбдіхалық Айнұр Сәкенқызы, врач общей практики", "24.11.2026, 10:00–10:30"),
        ("Тұрсынова Әсел Маратқызы", "записано 09:15, сообщено 09:16"),
        ("осмотрен",),
    )


def test_refused_calls_stand_in_their_own_part_without_number_with_the_reason_in_words() -> None:
    register = registered(
        [entry(1), refused(2, "outside_acceptance_hours", channel="portal"), refused(3, "later_code")]
    )
    page = printed(register, "ru")
    assert [table.caption for table in page.tables] == ["", "Отказы в приёме вызова (без номера)"]
    assert page.tables[0].columns[0].head == "№"
    assert "№" not in [column.head for column in page.tables[1].columns]
    first, second = rows_of(page, 1)
    assert (first[0], first[1], first[5], first[6]) == (
        ("09:01",),
        ("портал",),
        ("вне времени приёма вызовов",),
        ("личный кабинет портала", "записано 09:01"),
    )
    assert second[5] == ("later_code",)
    assert len(printed(registered([entry(1)]), "ru").tables) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ("время не назначено", "не завершён")),
        ({"outcome": "withdrawn"}, ("—", "отозван")),
        ({"outcome": "unheard_of"}, ("—", "unheard_of")),
    ],
)
def test_a_call_without_a_visit_says_so(fields: dict[str, Any], said: tuple[str, str]) -> None:
    row = rows_of(printed(registered([entry(1, **fields)]), "ru"))[0]
    assert (row[6], row[8]) == ((said[0],), (said[1],))


def test_totals_count_each_call_once_by_channel_and_outcome() -> None:
    register = registered(
        [
            entry(1, channel="desk", outcome="served"),
            entry(2, channel="desk"),
            entry(3, channel="portal", outcome="served"),
            entry(4, outcome="withdrawn"),
            refused(5, channel="portal"),
            refused(6, channel="unknown"),
        ]
    )
    totals = printed(register, "ru").totals
    heads = [column.head for column in totals.columns]
    counted = {row[0][0]: dict(zip(heads[1:], (int(cell[0]) for cell in row[1:]), strict=True)) for row in totals.rows}
    assert [*counted] == ["регистратура", "телефон", "портал", "не указан", "всего"]
    for column in heads[1:]:
        assert sum(counts[column] for head, counts in counted.items() if head != "всего") == counted["всего"][column]
    assert counted["регистратура"] == dict.fromkeys(heads[1:], 0) | {
        "осмотрен": 1,
        "не завершён": 1,
        "всего принято": 2,
        "всего": 2,
    }
    assert (counted["всего"]["всего принято"], counted["всего"]["отказано"], counted["всего"]["всего"]) == (4, 2, 6)


def test_the_head_and_a_single_registrar_are_named_where_they_sign() -> None:
    one, other = ({"id": name, "full_name": name} for name in ("Тұрсынова Әсел", "Ким Вера"))
    names = [
        [signature.full_name for signature in printed(registered(entries, clinic), "kk").signatures]
        for entries, clinic in (
            ([entry(1, registrar=one), entry(2, registrar=one), entry(3)], CLINIC),
            ([entry(1, registrar=one), refused(2, registrar=other)], CLINIC),
            ([entry(1)], None),
        )
    ]
    assert names == [["Тұрсынова Әсел", CLINIC.head.full_name], ["", CLINIC.head.full_name], ["", ""]]


def test_a_clinic_that_is_not_published_goes_by_its_id() -> None:
    page = printed(registered([entry(1)], clinic=None), "kk")
    assert (page.clinic, page.contacts) == (CLINIC.clinic_id, "")
    assert printed(registered([entry(1)]), "kk").clinic == CLINIC.name.kk
    assert printed(registered([entry(1)]), "ru").clinic == CLINIC.name.ru


def test_every_code_that_we_know_has_words() -> None:
    rules = load_rule_sets().on(DAY)
    assert {*rules.reasons.codes, *rules.red_flags.codes} <= words.REASON_WORDS.keys()
    assert {*get_args(RefusalCode)} == words.REFUSALS.keys()
    assert {*get_args(Outcome), "withdrawn", "transferred"} == words.OUTCOMES.keys()
    assert {*get_args(Specialty)} == words.SPECIALTIES.keys()


# ---------------------------------------------------------------- PDF


@pytest.fixture(scope="module")
def pdf_pages() -> dict[str, list[str]]:
    register = a_day()
    return {language: page_texts(journal.written(register, "pdf", language)) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_has_its_number_and_the_table_head(language: PageLanguage, pdf_pages: dict[str, list[str]]) -> None:
    texts = pdf_pages[language]
    page = printed(a_day(), language)
    assert len(texts) >= 3
    for number, text in enumerate(texts, start=1):
        assert f"{number} / {len(texts)}" in text
        assert page.title in text
        if number < len(texts):
            assert all(word in text for column in page.tables[0].columns for word in column.head.split())
    for signature in page.signatures:
        assert signature.office in texts[-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_holds_every_call_and_every_letter_of_the_page(
    language: PageLanguage, pdf_pages: dict[str, list[str]]
) -> None:
    text = " ".join(pdf_pages[language])
    for n in range(1, 61):
        assert f"+7 700 000 00 {n:02}" in text
    for n in range(61, 67):
        assert f"+7 700 000 99 {n}" in text
    assert "\ufffd" not in text
    wanted = set(all_text(printed(a_day(), language))) - set(" \n\u00a0")
    assert wanted <= set(text)


def test_each_font_has_every_letter_of_our_words() -> None:
    said = {
        letter
        for value in vars(words).values()
        for text in (value.values() if isinstance(value, dict) else (value,))
        if isinstance(text, Text)
        for letter in text.kk + text.ru + text.en
    }
    alphabet = set("".join(chr(code) for code in range(0x410, 0x450)) + KAZAKH + "Ёё№«»–—·°…’")
    latin = set("ABCXYZabcxyz0123456789ÄÖÜßÇĞİŞçğışƏəŁłŠšŽž")
    for font in (PLAIN, BOLD):
        assert {ord(letter) for letter in said | alphabet | latin} <= glyphs(font)


def test_kazakh_letters_are_whole_in_the_pdf_also_where_they_came_in_pieces() -> None:
    entries = [entry(1, patient_name=KAZAKH), entry(2, patient_name="Сергеи\u0306 Ёлкин".replace("Ё", "Е\u0308"))]
    (text,) = page_texts(journal.written(registered(entries), "pdf", "kk"))
    assert KAZAKH in text.replace(" ", "")
    assert "Сергей Ёлкин" in text


def test_a_letter_that_no_font_has_is_seen_to_be_missing() -> None:
    (text,) = page_texts(journal.written(registered([entry(1, patient_name="Ли 李 Һ")]), "pdf", "kk"))
    assert "Ли \ufffd Һ" in text


def test_the_same_register_is_the_same_pdf() -> None:
    register = a_day(calls=12)
    first = journal.written(register, "pdf", "kk")
    assert journal.written(register, "pdf", "kk") == first
    written = PdfReader(io.BytesIO(first)).metadata
    assert written is not None
    assert written.creation_date == register.as_of.replace(microsecond=0)


def test_a_cell_that_is_longer_than_a_page_goes_on_on_the_next() -> None:
    long = " ".join(f"сөз{n}" for n in range(1500))
    unbroken = "Ж" * 900
    register = registered([entry(1, address={"text": long}), entry(2, patient_name=unbroken), entry(3)])
    texts = page_texts(journal.written(register, "pdf", "kk"))
    text = " ".join(texts)
    assert re.findall(r"сөз\d+", text) == long.split()
    assert text.count("Ж") == 900 + all_text(printed(registered([entry(3)]), "kk")).count("Ж")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_ours_is_broken(language: PageLanguage) -> None:
    ends = [*words.OUTCOMES, None, None]
    every = registered(
        [
            entry(
                n,
                channel=channel,
                reasons=[*words.REASON_WORDS],
                flags=[*words.FLAG_WORDS],
                outcome=end,
                answered_at=at("09:16", DAY + timedelta(days=1)),
                **visit(doctor=n % 3),
            )
            for n, (channel, end) in enumerate(zip([*words.CHANNELS] * 3, ends, strict=False), start=1)
        ]
        + [refused(20 + n, code, channel="desk") for n, code in enumerate(words.REFUSALS)]
    )
    page = printed(every, language)
    drawn = " ".join(page_texts(as_pdf.write(page, at("18:00")))).split()
    # What is drawn whole has blanks that do not break a line, as phone numbers have.
    assert set(drawn) >= set(" ".join(all_text(page).split()).split())


def test_nothing_is_drawn_off_the_page() -> None:
    for page in PdfReader(io.BytesIO(journal.written(a_day(), "pdf", "kk"))).pages:
        places: list[tuple[float, float]] = []

        def seen(text: str, page: Any, line: Any, *_: Any, places: list[tuple[float, float]] = places) -> None:
            if text.strip():
                places.append((page[4] + line[4], page[5] + line[5]))

        page.extract_text(visitor_text=seen)
        assert len(places) > 20
        assert all(20 < x < page.mediabox.width - 20 and 20 < y < page.mediabox.height - 15 for x, y in places)


# ---------------------------------------------------------------- HTML


class _Parsed(HTMLParser):
    """Tags and text as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "</td><script>alert('1')</script><img src=x onerror=\"a()\">&amp;"


def test_html_escapes_whatever_came_from_outside_and_needs_nothing_from_elsewhere() -> None:
    clinic = CLINIC.model_copy(
        update={
            "address": HOSTILE,
            "name": CLINIC.name.model_copy(update={"kk": HOSTILE}),
            "head": CLINIC.head.model_copy(update={"full_name": HOSTILE}),
        }
    )
    person = {"id": "r", "full_name": HOSTILE}
    line = {
        "patient_name": HOSTILE,
        "phone": HOSTILE,
        "channel": HOSTILE,
        "address": {"text": HOSTILE, "flat": HOSTILE},
        "reasons": [HOSTILE],
        "flags": [HOSTILE],
        "registrar": person,
    }
    doctor = visit() | {"doctor": {"doctor_id": "d", "full_name": HOSTILE, "specialty": "gp"}}
    register = registered([entry(1, **line, **doctor, outcome=HOSTILE), refused(2, HOSTILE, **line)], clinic)
    document = journal.written(register, "html", "kk").decode()
    parsed = _Parsed()
    parsed.feed(document)
    found = {tag for tag, _ in parsed.tags}
    assert not found & {"script", "img", "link", "iframe", "a"}
    assert not {name for _, attributes in parsed.tags for name in attributes} & {"src", "href", "onerror"}
    assert parsed.text.count("alert('1')") >= 15
    assert "url(" not in document
    assert "@import" not in document


@pytest.mark.parametrize("language", LANGUAGES)
def test_html_shows_what_the_page_says(language: PageLanguage) -> None:
    page = printed(a_day(), language)
    document = as_html.write(page).decode()
    parsed = _Parsed()
    parsed.feed(document)
    assert ("html", {"lang": language}) in parsed.tags
    for line in all_text(page).splitlines():
        assert unbroken(line) in parsed.text
    assert sum(tag == "tr" for tag, _ in parsed.tags) == 3 + sum(
        len(table.rows) for table in (*page.tables, page.totals)
    )


# ---------------------------------------------------------------- CSV


def test_csv_has_a_row_for_each_call_with_its_head_in_the_language() -> None:
    register = registered(
        [
            entry(
                1,
                patient_name='Ким "Вера", дочь; Ли',
                address={"text": "Алматы, Тал, 27", "flat": "14"},
                answered_at=at("09:16"),
                registrar={"id": "r", "full_name": "Тұрсынова Әсел"},
                **visit(),
            ),
            refused(2),
        ]
    )
    document = journal.written(register, "csv", "ru")
    text = document.decode("utf-8-sig")
    assert text.count("\r\n") == text.count("\n") == 3
    head, first, second = read_csv(document)
    named = dict(zip(head, first, strict=True))
    assert named["ФИО пациента"] == 'Ким "Вера", дочь; Ли'
    assert (named["№"], named["Квартира"], named["Время вызова"]) == ("1", "14", "2026-11-23 09:00:00")
    assert (named["Время визита, с"], named["Время визита, до"]) == ("2026-11-23 11:30:00", "2026-11-23 12:00:00")
    assert (named["Кто сообщил"], named["Время устного ответа"]) == ("Тұрсынова Әсел", "2026-11-23 09:16:00")
    named = dict(zip(head, second, strict=True))
    assert (named["№"], named["Исход"], named["Причина отказа"]) == (
        "",
        "отказано",
        "повторная заявка: врач уже вызван",
    )
    assert named["Идентификатор заявки"] == request_id(2)
    assert read_csv(journal.written(register, "csv", "kk"))[0][3] == "Пациенттің аты-жөні"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+7 700 000 01 23", "-2", "@SUM(A1)", "\t=1+1", "\r\n=1", "\u200b=1+1", "'=1", "= 1", " =HYPERLINK(1)"],
)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    line = {
        "patient_name": text,
        "phone": text,
        "channel": text,
        "address": {"text": text, "flat": text},
        "reasons": [text],
        "flags": [text],
        "registrar": {"id": "r", "full_name": text},
    }
    _, *rows = read_csv(journal.written(registered([entry(1, **line), refused(2, text, **line)]), "csv", "kk"))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r\n")]
    shown = re.sub(r"[\s\u200b]+", " ", text).strip().replace("\u200b", "")
    assert sum(cell == f"'{shown}" for cell in cells) >= 16


# ---------------------------------------------------------------- the command


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_pdf_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Terminal(io.BytesIO()))
    with pytest.raises(Failure, match="-o FILE"):
        journal.journal("samal-3", "2026-11-23", form="pdf", language="kk", output=None)


@pytest.mark.parametrize("text", ["23.11.2026", "2026-02-30", "today", "2026-11-23T00:00:00+05:00", "20261123"])
def test_a_date_that_is_none_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"DATE: must be a date, as in 2026-11-23"):
        journal.journal("samal-3", text, form="csv", language="kk", output=tmp_path / "page")


def test_the_day_is_said_in_the_language_of_the_page() -> None:
    for language in LANGUAGES:
        assert printed(registered([entry(1)]), language).day == day(DAY).as_dict()[language]


# ---- A visit that was moved, and long names


def test_of_a_visit_that_was_moved_the_time_told_before_stands_there_too() -> None:
    told = [entry(1), entry(1, 2, **visit("13:00")), entry(1, 2, **visit("13:00")), entry(1, 3, **visit("15:00"))]
    told += [entry(1, 4, **visit("17:00", doctor=1)), entry(1, 5, outcome="served", **visit("17:00", doctor=1))]
    for order in permutations(range(len(told)), 3):
        # However they came in: it is the revision that orders them.
        heard = [Heard(told[place], at("09:00") + timedelta(minutes=place)) for place in {*order, *range(len(told))}]
        (call,) = registered(heard).accepted
        assert (call.moved_at, call.moved_from) == (at("09:04"), (at("15:00"), at("15:30")))
    ((_, _, _, _, _, _, cell, *_),) = printed(registered(told), "ru").tables[0].rows
    assert cell[1:] == ("23.11.2026, 17:00–17:30", "перенесено 09:04", "прежнее время: 23.11.2026, 15:00–15:30")
    head, row = csv.reader(io.StringIO(as_csv.write(registered(told), "ru").decode("utf-8-sig")), delimiter=";")
    moved = dict(zip(head, row, strict=True))
    assert (moved["Время переноса"], moved["Прежнее время визита"]) == (
        "2026-11-23 09:04:00",
        "23.11.2026, 15:00–15:30",
    )


@pytest.mark.parametrize("later", [{}, {"outcome": "withdrawn"}, {"answered_at": at("09:10")}])
def test_a_visit_that_stands_as_it_was_told_was_not_moved(later: dict[str, Any]) -> None:
    (call,) = registered([entry(1, 1, **visit()), entry(1, 2, **visit(), **later)]).accepted
    assert (call.moved_at, call.moved_from) == (None, None)


def test_a_name_that_is_too_long_is_broken_behind_its_hyphen() -> None:
    register_fonts()
    style = ParagraphStyle("name", fontName=BOLD, fontSize=6.6, leading=8)

    def lines(name: str) -> list[str]:
        drawn = paragraph(name, style, width=85)
        drawn.wrap(85, 1000)
        return [" ".join(line[1]) if isinstance(line, tuple) else _words(line) for line in drawn.blPara.lines]

    name = "Әбдірахманқызы-Нұрмұхамбетова Гүлбаршын"
    assert lines(name) == ["Әбдірахманқызы-", "Нұрмұхамбетова", "Гүлбаршын"]
    assert "".join(lines("-" * 60)) == "-" * 60


def _words(line: Any) -> str:
    return "".join(word.text for word in line.words)


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_column_is_as_wide_as_the_longest_word_of_its_head(language: PageLanguage) -> None:
    page = printed(a_day(), language)
    long = [Column("Дәрігердіңмамандығыұзақ", 1), Column("№", 10), Column("Мекенжайы, телефоны", 90)]
    for columns, room in ((long, 300.0), *((table.columns, 771.0) for table in (*page.tables, page.totals))):
        widths = as_pdf.column_widths(columns, room)
        assert sum(widths) == pytest.approx(room), "the table is as wide as the page"
        for column, width in zip(columns, widths, strict=True):
            assert width >= max(width_of(word, BOLD, 5.8) for word in column.head.split()) + 4.8


def test_no_word_of_a_head_is_divided_in_html() -> None:
    style = as_html.write(printed(a_day(), "kk")).decode()
    (heads,) = re.findall(r"^th \{(.*)\}$", style, re.MULTILINE)
    assert "overflow-wrap: normal" in heads
    assert "hyphens: manual" in heads
