"""A complaint's receipt and reply, to print and hand over (C10.2, C10.5)."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import pytest
from pypdf import PdfReader

from homecall.contract.events import AnswerBy, ComplaintAnswered, ComplaintStage, ComplaintSubmitted
from homecall.documents.letters import as_html as letter_html
from homecall.documents.letters import as_pdf as letter_pdf
from homecall.documents.letters.letters import Letter, NotThere, receipt, reply, stage_of
from homecall.texts import letters as letter_words
from homecall.texts.complaints import DECISIONS
from homecall.texts.documents import PageLanguage, said
from homecall.texts.language import Text
from services.complaints.domain.retention import remains
from services.complaints.domain.state import ComplaintState
from tests.unit.complaints.casebook import (
    DINARA,
    HEAD,
    SAULE,
    YERZHAN,
    command,
)
from tests.unit.complaints.test_matters import (
    CALL,
    an_office,
    complaint,
)
from tests.unit.documents.letter_cases import CLINIC, KAZAKH, LANGUAGES, LONG, a_case, a_refusal, an_answer


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def read_html(letter: Letter) -> str:
    parser = _Text()
    parser.feed(letter_html.write(letter).decode())
    return " ".join(parser.found)


def read_pdf(letter: Letter) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(letter_pdf.write(letter))).pages)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("read", [read_html, read_pdf])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_receipt_tells_all_that_registration_confirms(
    read: Callable[[Letter], str], language: PageLanguage
) -> None:
    state, _ = await a_case()
    shown = squeezed(read(receipt(state, 0, CLINIC, language, ["2026-2"])))
    told = {
        "kk": ("Шағымның тіркелгенін растау", "Кіріс №", "5 жұмыс күні", "дүйсенбі", "сотқа жүгінуге", "М.О."),
        "ru": (
            "Подтверждение регистрации жалобы",
            "Вх. №",
            "5 рабочих дней",
            "понедельник",
            "обратиться в суд",
            "М.П.",
        ),
        "en": ("Registration of a complaint", "Incoming No.", "5 working days", "Monday", "go to court", "Stamp"),
    }[language]
    for each in (
        *told,
        "2026-1",
        "№ 2026-2",
        "24.11.2026, 09:40",
        f"Сағынтай-{KAZAKH} Динара",
        "Тұрсынова Әсел Маратқызы",
        "Аға тіркеуші",
        "20:00",
        "050000, Алматы, улица Тал, 9, кв. 3",
        CALL,
        "1414, 8-800-080-7777",
        CLINIC.name.kk if language == "kk" else CLINIC.name.ru,
    ):
        assert squeezed(each) in shown, each


@pytest.mark.parametrize("read", [read_html, read_pdf])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_reply_gives_decision_reasons_times_and_next_steps(
    read: Callable[[Letter], str], language: PageLanguage
) -> None:
    shown = squeezed(read(reply(await an_answer(), 0, CLINIC, language)))
    told = {
        "kk": ("Құрметті Сағынтай", "Шағым қанағаттандырылды.", "бұзылды", "15 жұмыс күні", "пошта арқылы жіберілді"),
        "ru": ("Уважаемый(ая) Сағынтай", "Жалоба удовлетворена.", "нарушен", "15 рабочих дней", "направлен по почте"),
        "en": ("Dear Сағынтай", "The complaint is upheld.", "missed", "15 working days", "Sent by post"),
    }[language]
    for each in (
        *told,
        "2026-1",
        LONG * 3,
        f"<b>{KAZAKH}</b>",
        "С регистраторами проведена беседа.",
        YERZHAN["full_name"],
        HEAD["full_name"],
        said(letter_words.NEXT, language),
        "24.11.2026 08:31",
    ):
        assert squeezed(each) in shown, each
    assert "\u202e" not in shown, "nothing turns the line round"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refusal_gives_its_grounds(language: PageLanguage) -> None:
    letter = reply(await a_refusal(), 0, CLINIC, language)
    assert letter.title == said(letter_words.REFUSAL, language)
    shown = read_html(letter)
    assert "Жалоба не относится к работе поликлиники." in shown
    assert said(letter_words.DECISION, language) not in shown


async def test_the_pages_are_numbered_and_the_same_letter_is_the_same_bytes() -> None:
    letter = reply(await an_answer(), 0, CLINIC, "kk")
    written = letter_pdf.write(letter)
    assert letter_pdf.write(letter) == written
    pages = PdfReader(io.BytesIO(written)).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page.extract_text()
        width, height = page.mediabox.width, page.mediabox.height
        assert height > width
    assert "\ufffd" not in read_pdf(letter)


async def test_nothing_from_outside_is_taken_for_markup() -> None:
    evil = "<script>alert(1)</script> & <para> {x}"
    state, _ = await a_case(complainant=DINARA | {"full_name": f"Ә {evil}", "postal_address": evil})
    letter = receipt(state, 0, CLINIC, "ru")
    written = letter_html.write(letter).decode()
    assert "<script>" not in written
    assert squeezed(evil) in squeezed(read_html(letter))
    assert squeezed(evil) in squeezed(read_pdf(letter))


@pytest.mark.parametrize("answer_by", get_args(AnswerBy))
async def test_where_the_answer_is_to_be_had(answer_by: str) -> None:
    portal = {"channel": "portal", "received_by": None, "signature": {"format": "cms", "value": "AAAA"}}
    state, _ = await a_case(answer_by=answer_by, **(portal if answer_by == "portal" else {}))
    where = dict(receipt(state, 0, CLINIC, "ru").parts[1].pairs)["Как и где получить ответ"]
    assert (
        where
        == {
            "post": "будет направлен по почте: 050000, Алматы, улица Тал, 9, кв. 3",
            "by_hand": "выдаётся на руки: Алматы, Тал көшесі, 14",
            "portal": "появится в личном кабинете на портале",
        }[answer_by]
    )


async def test_what_came_through_the_portal_was_registered_automatically_and_names_who_is_on_duty() -> None:
    signature = {"format": "cms", "value": "AAAA"}
    state, _ = await a_case(channel="portal", received_by=None, signature=signature)
    letter = receipt(state, 0, CLINIC, "kk")
    who = "Ахметов Бауыржан Нұрланұлы, Руководитель поликлиники"
    assert dict(letter.stamp)["Қабылдады"] == f"{who} (портал арқылы, автоматты түрде тіркелді)"
    assert letter.signed_by == "Ахметов Бауыржан Нұрланұлы"


async def test_a_letter_names_the_office_of_the_addressee() -> None:
    """The Ministry's own address (C10.1), also where the answer is handed over (C10.5)."""
    state, _ = await a_case(addressed_to="ministry", answer_by="by_hand")
    about, answer = (dict(part.pairs) for part in receipt(state, 0, CLINIC, "ru").parts[:2])
    ministry = "010000, город Астана, улица Орынбор, дом 8, Дом министерств, подъезд № 5"
    assert about["Кому адресована"] == f"руководитель Министерства: {ministry}"
    assert answer["Как и где получить ответ"] == f"выдаётся на руки: {ministry}"


async def test_one_that_an_earlier_release_registered_is_printed_as_before() -> None:
    state, _ = await a_case(channel="portal", received_by=None, signature={"format": "cms", "value": "AAAA"})
    # It stored neither of the two.
    state = replace(state, stages=(replace(state.stages[0], office=None, received_by=None),))
    letter = receipt(state, 0, CLINIC, "kk")
    assert dict(letter.stamp)["Қабылдады"].startswith("____")
    assert letter.signed_by == ""


async def test_each_stage_has_a_receipt_and_a_reply_of_its_own() -> None:
    _, office = await a_case()
    await office.hear(
        command("assigned", "Tue 2026-11-24 10:00"),
        command("answered", "Tue 2026-11-24 12:00"),
        command("escalated", "Wed 2026-11-25 10:00"),
    )
    state = office.state()
    assert (stage_of(state, "receipt"), stage_of(state, "reply")) == (1, 0)
    later = receipt(state, 1, CLINIC, "ru")
    assert ("Вх. №", "2026-2") in later.stamp
    # Who took it there no event says: the system did, and a person signs by hand.
    assert "Homecall" in dict(later.stamp)["Принял(а)"]
    assert (later.signed_by, later.office) == ("", "Жалобу принял(а)")
    assert "Тұрсынова" not in read_html(later)
    assert dict(later.parts[1].pairs)["Срок рассмотрения"] == "15 рабочих дней"
    assert not [point for part in later.parts for point in part.points if "уполномоченный орган" in point]
    with pytest.raises(NotThere, match=r"no answer at stage quality_authority yet: it is due on 2026-12-12"):
        reply(state, 1, CLINIC, "ru")
    await office.hear(
        command("assigned", "Wed 2026-11-25 11:00", executor=SAULE), command("answered", "Wed 2026-11-25 12:00")
    )
    authority = reply(office.state(), 1, CLINIC, "ru")
    # The authority signs for itself: the clinic's head has no name there.
    assert authority.signed_by == ""
    assert authority.organisation.startswith("уполномоченный орган")


async def _registered() -> ComplaintState:
    return (await a_case())[0]


async def _of_the_night() -> ComplaintState:
    office = an_office()
    await office.hear(complaint("Mon 2026-11-23 20:30"))
    return office.state()


async def _invalid() -> ComplaintState:
    office = an_office()
    await office.hear(complaint(text=""))
    return office.state()


async def _erased() -> ComplaintState:
    return remains(await an_answer())


@pytest.mark.parametrize(
    ("case", "document", "why"),
    [
        (_of_the_night, "receipt", r"is not registered yet: print it when it is, that is at 2026-11-24T08:00:00"),
        (_of_the_night, "reply", r"is not registered yet"),
        (_registered, "reply", r"no answer at stage clinic yet: it is due on 2026-11-30"),
        (_invalid, "receipt", r"was refused as invalid_complaint"),
        (_invalid, "reply", r"its status says what to correct"),
        (_erased, "receipt", r"personal data was erased"),
        (_erased, "reply", r"personal data was erased"),
    ],
)
async def test_what_is_not_there_is_said_in_one_line(
    case: Callable[[], Awaitable[ComplaintState]], document: str, why: str
) -> None:
    state = await case()
    with pytest.raises(NotThere, match=why) as raised:
        receipt(state, 0, CLINIC, "kk") if document == "receipt" else reply(state, 0, CLINIC, "kk")
    assert "\n" not in str(raised.value)


def test_there_are_words_for_every_code() -> None:
    submitted, answered = ComplaintSubmitted.model_fields, ComplaintAnswered.model_fields
    assert set(letter_words.CHANNELS) == set(get_args(submitted["channel"].annotation))
    assert set(letter_words.ANSWER_BY) == set(letter_words.SENT) == set(get_args(AnswerBy))
    assert set(letter_words.ADDRESSEES) == set(letter_words.HEAD) == set(get_args(ComplaintStage))
    assert set(DECISIONS) == set(get_args(answered["decision"].annotation))


def test_every_text_is_there_in_three_languages_with_the_same_places() -> None:
    for name, value in vars(letter_words).items():
        texts = value.values() if isinstance(value, dict) else [value]
        for text in texts:
            if isinstance(text, Text):
                places = {language: set(re.findall(r"{\w+}", words)) for language, words in text.as_dict().items()}
                assert all(text.as_dict().values()), name
                assert len(set(map(frozenset, places.values()))) == 1, name
