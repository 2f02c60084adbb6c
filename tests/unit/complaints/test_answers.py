"""How and where an answer is had, who accepted a complaint, and what counts as a reason (C10.1, C10.2, C10.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.envelope import Incoming
from homecall.contract.events import AnswerBy, ComplaintStatusChanged
from homecall.runtime.settings import Settings, SettingsError, load_settings
from homecall.standard.rules import load_rule_sets
from services.complaints.domain.answer_ways import in_words, is_address, way_of, ways
from services.complaints.domain.state import Official
from tests.unit.complaints.casebook import COMPLAINT, DINARA, Casebook, at, clinic, command, incoming, submission

MORNING = "Tue 2026-11-24 09:40"
MINISTRY = {
    "kk": "010000, Астана қаласы, Орынбор көшесі, 8-үй, Министрліктер үйі, № 5 кіреберіс",
    "ru": "010000, город Астана, улица Орынбор, дом 8, Дом министерств, подъезд № 5",
    "en": "010000, Astana, Orynbor street 8, House of Ministries, entrance 5",
}
PORTAL: dict[str, Any] = {"channel": "portal", "received_by": None, "signature": {"format": "cms", "value": "AAAA"}}
NOWHERE = {name: value for name, value in DINARA.items() if name != "postal_address"}


def submitted(**more: Any) -> Incoming:
    data = submission(MORNING, **more)
    return incoming("complaint.submitted", {name: value for name, value in data.items() if value is not None})


def registered(**more: Any) -> ComplaintStatusChanged:
    book = Casebook()
    assert book.hear(submitted(**more)) == "delivered registered"
    return book.statuses()[-1]


# ---------------------------------------------------------------- where the answer is had


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("named", [None, "Алматы, Тал көшесі, 14", "  алматы,  тал көшесі, 14"])
def test_c10_5_the_ministrys_answer_is_had_at_the_ministry(named: str | None, language: str) -> None:
    """The clinic's address is no place for it, even where the sender names it."""
    told = registered(addressed_to="ministry", answer_place=named, complainant=DINARA | {"language": language})
    assert (told.answer_by, told.answer_place) == ("by_hand", MINISTRY[language])
    text = told.text.model_dump()
    assert all(MINISTRY[each] in text[each] for each in MINISTRY)
    assert not any("Тал көшесі, 14" in each for each in text.values())


def test_a_place_that_is_named_elsewhere_stands() -> None:
    told = registered(addressed_to="ministry", answer_place="Алматы, ЦОН № 2")
    assert told.answer_place == "Алматы, ЦОН № 2"


def test_c10_5_of_the_authority_no_place_is_made_up() -> None:
    """The standard gives no address of it: a rule set may."""
    told = registered(addressed_to="quality_authority")
    assert told.answer_place is None
    assert "Ответ выдаётся на руки в канцелярии уполномоченного органа." in told.text.ru
    assert "Тал көшесі" not in told.text.ru


def test_c10_5_what_goes_on_to_the_authority_is_not_answered_at_the_clinic() -> None:
    book = Casebook()
    book.hear(submitted(answer_place="2-кабинет"))
    book.hear(command("escalated", "Tue 2026-11-24 11:00"))
    clinics, escalated, again = book.statuses()[1], *book.statuses()[2:]
    assert clinics.answer_place == "2-кабинет"
    for each in (escalated, again):
        assert (each.stage, each.answer_place) == ("quality_authority", None)
        assert "2-кабинет" not in each.text.ru
        assert "Тал көшесі" not in each.text.ru


def test_the_offices_are_data_of_the_rule_set() -> None:
    rules = load_rule_sets().sets[0]
    ministry = rules.offices.of("ministry")
    assert ministry is not None
    assert (ministry.address.model_dump(), ministry.clause) == (MINISTRY, "C10.1")
    assert rules.offices.of("quality_authority") is None
    assert rules.offices.of("clinic") is None
    assert rules.directory is not None
    assert (rules.directory.site, rules.directory.clause) == ("www.mzsr.gov.kz", "C12")


# ---------------------------------------------------------------- how it goes


@pytest.mark.parametrize(
    ("more", "by", "told"),
    [
        ({"answer_by": "post"}, "post", "Ответ будет направлен по почте."),
        (
            {"answer_by": "post", "complainant": NOWHERE},
            "by_hand",
            "Почтовый адрес не указан, поэтому по почте ответ не направляется. Ответ можно получить на руки по адресу: "
            "Алматы, Тал көшесі, 14.",
        ),
        (
            {"answer_by": "post", "complainant": NOWHERE | {"postal_address": " - "}},
            "by_hand",
            "Почтовый адрес не указан, поэтому по почте ответ не направляется.",
        ),
        ({"answer_by": "post", "complainant": NOWHERE, "answer_place": "улица Тал, 9, кв. 3"}, "post", "по почте."),
        (
            PORTAL | {"answer_by": "post", "complainant": NOWHERE},
            "portal",
            "Почтовый адрес не указан, поэтому по почте ответ не направляется. Ответ появится в личном кабинете",
        ),
        (PORTAL | {"answer_by": "post"}, "post", "Ответ будет направлен по почте."),
        (PORTAL | {"answer_by": "portal"}, "portal", "Ответ появится в личном кабинете на портале."),
        (
            {"answer_by": "portal"},
            "post",
            "Жалоба подана не через портал, поэтому ответ в личном кабинете не появится.",
        ),
        ({"answer_by": "portal", "complainant": NOWHERE}, "by_hand", "Ответ можно получить на руки по адресу:"),
        (PORTAL | {"answer_by": "by_hand"}, "by_hand", "Ответ можно получить на руки по адресу:"),
    ],
)
def test_c10_5_an_answer_is_promised_in_a_way_that_the_complainant_has(
    more: dict[str, Any], by: AnswerBy, told: str
) -> None:
    """Nobody is refused for a way that cannot be: the complaint is registered, and says how it will be answered."""
    status = registered(**more)
    assert status.answer_by == by
    assert told in status.text.ru


@pytest.mark.parametrize(
    ("more", "sent_by", "wrong"),
    [
        ({}, "post", ""),
        ({}, "by_hand", ""),
        (
            {},
            "portal",
            "sent_by: the complaint did not come through the portal: answer in a way that there is (post, by_hand)",
        ),
        (
            {"complainant": NOWHERE},
            "post",
            "sent_by: the complainant gave no postal address: answer in a way that there is (by_hand)",
        ),
        ({"complainant": NOWHERE, "answer_by": "post", "answer_place": "улица Тал, 9, кв. 3"}, "post", ""),
        (PORTAL | {"answer_by": "portal"}, "portal", ""),
        (PORTAL | {"answer_by": "by_hand"}, "portal", ""),
        (
            PORTAL | {"complainant": NOWHERE, "answer_by": "portal"},
            "post",
            "gave no postal address: answer in a way that there is (portal, by_hand)",
        ),
    ],
)
def test_c10_5_an_answer_is_sent_in_a_way_that_the_complainant_has(
    more: dict[str, Any], sent_by: str, wrong: str
) -> None:
    book = Casebook()
    book.hear(submitted(**more))
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    came = book.hear(command("answered", "Tue 2026-11-24 11:00", sent_by=sent_by))
    assert wrong in came if wrong else came == "answered"
    if wrong:
        assert book.hear(command("answered", "Tue 2026-11-24 11:30", sent_by="by_hand")) == "answered"


def test_what_an_earlier_release_promised_may_be_kept() -> None:
    book = Casebook()
    book.hear(submitted())
    book.states[COMPLAINT] = replace(book.state, answer_by="portal")
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    assert book.hear(command("answered", "Tue 2026-11-24 11:00", sent_by="portal")) == "answered"


@given(st.sampled_from(["post", "by_hand", "portal"]), st.sampled_from(["post", "in_person", "portal"]), st.booleans())
def test_every_complainant_has_a_way(asked: AnswerBy, channel: str, by_post: bool) -> None:
    by, asked_instead = way_of(asked, channel, by_post=by_post)
    possible = ways(channel, by_post=by_post)
    assert by in possible
    assert "by_hand" in possible
    assert (asked_instead is None) == (asked in possible)


# ---------------------------------------------------------------- who accepted it


@pytest.mark.parametrize("addressed_to", ["clinic", "ministry", "quality_authority"])
@pytest.mark.parametrize("channel", ["post", "in_person", "portal"])
def test_c10_2_every_registration_names_who_accepted_it(addressed_to: str, channel: str) -> None:
    book = Casebook()
    book.hear(submitted(addressed_to=addressed_to, **(PORTAL if channel == "portal" else {"channel": channel})))
    if addressed_to != "quality_authority":
        book.hear(command("escalated", "Tue 2026-11-24 11:00"))
    told = [each for each in book.statuses() if each.status == "registered"]
    assert len(told) == (1 if addressed_to == "quality_authority" else 2)
    for each in told:
        assert each.received_by is not None
        assert each.received_by.full_name in each.text.ru
        assert each.received_by.position in each.text.kk


def test_c10_2_the_officer_on_duty_by_setting() -> None:
    settings = load_settings(
        _env_file=None, env="development", duty_officer=" Сынақ  Кезекші , Кеңсе маманы, 2-кабинет"
    )
    officer = settings.officer()
    assert officer == {"full_name": "Сынақ Кезекші", "position": "Кеңсе маманы, 2-кабинет"}
    book = Casebook(officer=Official(**officer))
    book.hear(submitted(**PORTAL))
    book.hear(command("escalated", "Tue 2026-11-24 11:00"))
    assert [each.received_by.model_dump() for each in book.statuses() if each.received_by] == [officer] * 3
    # What somebody received by hand names that person.
    other = Casebook(officer=Official(**officer))
    other.hear(submitted())
    assert other.statuses()[-1].received_by.full_name != officer["full_name"]


@pytest.mark.parametrize("wrong", ["", "Сынақ Кезекші", "Сынақ Кезекші,", ", маман", "1, 2"])
def test_an_officer_without_a_name_or_a_position_stops_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="HOMECALL_DUTY_OFFICER must be a full name, a comma and a position"):
        load_settings(_env_file=None, env="development", duty_officer=wrong)
    assert Settings(_env_file=None, env="development").officer() is None  # type: ignore[call-arg]  # pydantic-settings' own argument


def test_a_registration_at_an_opening_names_the_officer_of_then() -> None:
    book = Casebook()
    book.hear(
        incoming(
            "complaint.submitted",
            {k: v for k, v in submission("Sun 2026-11-22 12:00", **PORTAL).items() if v is not None},
        )
    )
    book.clinics.take(clinic(head={"full_name": "Сынақ Жаңа Басшы"}))
    assert book.tick("Mon 2026-11-23 08:00") == "registered"
    assert book.statuses()[-1].received_by.full_name == "Сынақ Жаңа Басшы"
    assert at("Mon 2026-11-23 08:00") == book.statuses()[-1].occurred_at


# ---------------------------------------------------------------- what counts as a reason

NO_WORDS = [
    "x",
    "а",
    "я.",
    "да",
    "жоқ",
    "нет!",
    "а б в г д е",
    "ааааааа",
    "- 12 / 3 ...",
    "1234567",
    "а1б2в3г4",
    "😀😀😀😀😀",
]
WORDS = [
    "Келіспеймін.",
    "Не согласна с ответом.",
    "Установлен телефон",
    "Дубль жалобы № 3",
    "“Talked to him”",
    "Дәрігер келмеді",
]


@pytest.mark.parametrize("text", NO_WORDS)
@pytest.mark.parametrize("name", ["answered", "executed", "refused", "escalated"])
def test_c10_5_a_letter_is_no_reason(name: str, text: str) -> None:
    field = {"answered": "text", "executed": "measures"}.get(name, "grounds")
    book = Casebook()
    book.hear(submitted())
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    assert book.hear(command(name, "Tue 2026-11-24 12:00", **{field: text})) == (
        f"{field}: gives no reasons: state them in words"
    )


@pytest.mark.parametrize("text", NO_WORDS)
def test_a_complaint_that_says_nothing_is_refused_with_its_way_out(text: str) -> None:
    book = Casebook()
    assert book.hear(submitted(text=text)) == "refused"
    (field,) = book.statuses()[-1].refusal.fields
    assert field.path == "text"
    assert "state in words" in field.message


@pytest.mark.parametrize("text", WORDS)
def test_a_few_words_are_enough(text: str) -> None:
    assert in_words(text)
    book = Casebook()
    assert book.hear(submitted(text=text)) == "delivered registered"
    assert book.hear(command("refused", "Tue 2026-11-24 12:00", grounds=text)) == "refused"


@pytest.mark.parametrize(
    ("text", "is_one"), [(None, False), ("", False), ("- . -", False), ("кв. 3", False), ("Тал, 9", True)]
)
def test_what_a_letter_can_be_sent_to(text: str | None, is_one: bool) -> None:
    assert is_address(text) is is_one
