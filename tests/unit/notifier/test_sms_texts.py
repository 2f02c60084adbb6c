"""Messages by SMS: short in every language, 103 first in an emergency, and nothing of the patient's in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.events import Language, RefusalCode, RequestStatus
from homecall.texts.language import name
from homecall.texts.sms import CALL_103_NOW, parts, sms_text
from homecall.texts.statuses import StatusFacts

LANGUAGES: tuple[Language, ...] = get_args(Language)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}:00+05:00")


PLAIN = StatusFacts(
    channel="phone",
    clinic_name=name("№ 5 қалалық емхана", "Городская поликлиника № 5"),
    clinic_phone="+7 700 000 00 05",
    register_number=117,
    due_at=at("09:30"),
    minutes=29,
    opens_at=at("08:00"),
    visit_date=date(2026, 11, 23),
    arrives_from=at("10:00"),
    arrives_to=at("10:30"),
    doctor_name="Сынақбаева Гүлшат Бауыржанқызы",
    next_acceptance_at=at("08:00"),
)
CASES: list[tuple[RequestStatus, dict[str, Any]]] = [
    *[(status, {}) for status in get_args(RequestStatus)],
    *[("refused", {"refusal_code": code}) for code in get_args(RefusalCode)],
    *[
        ("not_completed", {"outcome": each})
        for each in ("not_at_home", "false_call", "declined", "hospitalised", "something new")
    ],
    ("withdrawn", {"handed_on_to": name("№ 2 емхана" * 9, "Поликлиника № 2" * 9)}),
    ("withdrawn", {"handed_on_to": name("№ 2 емхана", "Поликлиника № 2"), "handed_on_to_phone": "+7 700 000 02 02"}),
]


@pytest.mark.parametrize(("status", "more"), CASES, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_two_parts_at_most_three_with_103(status: RequestStatus, more: dict[str, Any], language: Language) -> None:
    for facts in (replace(PLAIN, **more), replace(PLAIN, **more, doctor_name="Қ" * 300, clinic_phone="7" * 40)):
        low_priority, urgent = (sms_text(status, replace(facts, emergency=each), language) for each in (False, True))
        assert 1 <= parts(low_priority) <= 2
        assert 1 <= parts(urgent) <= 3
        assert urgent.startswith(getattr(CALL_103_NOW, language))
        assert urgent.count("103") == 1, "in an emergency it is said once, and first"
        assert "{" not in low_priority + urgent
        assert "  " not in low_priority + urgent


@pytest.mark.parametrize(("status", "more"), CASES, ids=str)
def test_three_languages_three_texts(status: RequestStatus, more: dict[str, Any]) -> None:
    assert len({sms_text(status, replace(PLAIN, **more), language) for language in LANGUAGES}) == 3


@pytest.mark.parametrize("status", get_args(RequestStatus))
@pytest.mark.parametrize("language", LANGUAGES)
def test_with_no_facts_at_all_there_is_still_a_text(status: RequestStatus, language: Language) -> None:
    text = sms_text(status, StatusFacts(), language)
    assert text
    assert "None" not in text


def test_what_each_says() -> None:
    assert sms_text("scheduled", PLAIN, "ru") == (
        "Врач придёт: 23.11, 10:00-10:30. Врач: Сынақбаева Гүлшат Бауыржанқызы. Будьте дома. "
        "Поликлиника: +7 700 000 00 05."
    )
    assert sms_text("registered", PLAIN, "kk") == (
        "Дәрігерді шақыру № 117 қабылданды. Келу уақыты хабарланады, ең кеші 09:30. Жағдай нашарласа: 103. "
        "Емхана: +7 700 000 00 05."
    )
    refused = replace(PLAIN, refusal_code="outside_acceptance_hours", emergency=True)
    assert sms_text("refused", refused, "en") == (
        "Call 103 now! Calls are not being accepted now. Accepted again from 23.11 08:00. Clinic: +7 700 000 00 05."
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_c10_7_a_refusal_and_a_late_answer_name_the_contact_centre_where_it_fits(language: Language) -> None:
    """Only where it fits: the messages stay as short as they were."""
    named = [
        (status, code, late)
        for status in get_args(RequestStatus)
        for code in (get_args(RefusalCode) if status == "refused" else [""])
        for late in (False, True)
        if "8-800-080-7777" in sms_text(status, replace(PLAIN, refusal_code=code, late=late), language)
    ]
    # Who was visited hears it in any case.
    told = {("scheduled", "", True), ("delayed", "", True), ("completed", "", False), ("completed", "", True)}
    assert {each for each in named if each[0] != "refused"} <= told
    assert {each[0] for each in named} >= {"refused", "completed"}
    assert not any("1414" in sms_text(each, PLAIN, language) for each in ("scheduled", "delayed", "withdrawn"))


def test_what_does_not_fit_is_left_out_and_the_rest_is_kept_whole() -> None:
    long = replace(PLAIN, doctor_name="Қ" * 90)
    assert "Қ" not in sms_text("rescheduled", long, "kk")
    assert "23.11, 10:00-10:30" in sms_text("rescheduled", long, "kk")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("қ" * 70, 1),
        ("қ" * 71, 2),
        ("қ" * 134, 2),
        ("қ" * 135, 3),
        ("a" * 69 + "–", 1),
        ("a" * 70 + "–", 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
    ],
)
def test_parts_are_counted_as_the_network_does(text: str, number: int) -> None:
    assert parts(text) == number


PAIRS = "^{}\\[~]|€"
"""Two septets each in the GSM alphabet: an escape and a letter."""


def plainly_cut(text: str, units: list[int], alone: int, part: int) -> list[str]:
    """The messages of a text, letter by letter."""
    if sum(units) <= alone:
        return [text]
    cut, room = [""], part
    for letter, each in zip(text, units, strict=True):
        if each > room:
            cut.append("")
            room = part
        cut[-1] += letter
        room -= each
    return cut


def cyrillic(text: str) -> int:
    return len(plainly_cut(text, [len(letter.encode("utf-16-le")) // 2 for letter in text], 70, 67))


def latin(text: str) -> int:
    return len(plainly_cut(text, [2 if letter in PAIRS else 1 for letter in text], 160, 153))


@given(st.text(st.sampled_from("жқ😀𝒳"), min_size=1, max_size=300))
def test_parts_in_ucs2_are_those_of_a_plain_cut(text: str) -> None:
    assert parts(text) == cyrillic(text)


@given(st.text(st.sampled_from("az€[]"), min_size=1, max_size=500))
def test_parts_in_the_gsm_alphabet_are_those_of_a_plain_cut(text: str) -> None:
    assert parts(text) == latin(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("ж" * 68 + "😀", 1),
        ("ж" * 69 + "😀", 2),
        ("ж" * 65 + "😀" + "ж" * 67, 2),
        ("ж" * 66 + "😀" + "ж" * 65, 2),
        ("ж" * 66 + "😀" + "ж" * 66, 3),  # 134 units, but the pair leaves the last unit of the first part free
        ("a" * 160, 1),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # likewise with an escape at septet 153
    ],
)
def test_a_letter_of_two_units_is_never_split(text: str, expected: int) -> None:
    assert parts(text) == expected
