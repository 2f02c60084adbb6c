"""Wordings that a reader of Kazakh and Russian corrected, each where it stands, and values that need no case ending."""

from typing import Any

import pytest

from homecall.contract.events import RequestStatus
from homecall.texts import complaints as complaints
from homecall.texts import documents as words
from homecall.texts import letters as letter_words
from homecall.texts import sms as sms_texts
from homecall.texts import statuses as texts
from homecall.texts.language import FIELD_NAMES, Text
from homecall.texts.statuses import StatusFacts, status_text

_TELLS_WHEN_SET = "как только оно будет назначено"


def _sms(code: str) -> Text:
    facts = StatusFacts(refusal_code=code)
    return Text(
        sms_texts.sms_text("refused", facts, "kk"),
        sms_texts.sms_text("refused", facts, "ru"),
        sms_texts.sms_text("refused", facts, "en"),
    )


def _told(status: RequestStatus, **facts: Any) -> Text:
    return status_text(status, StatusFacts(**facts))


WORDINGS = [
    (_told("delayed"), "kk", "Шақыру күшінде, уақыты белгіленген бойда хабарлаймыз."),
    (_told("delayed", register_number=7), "kk", "Шақыру (журналдағы нөмірі – 7) күшінде, уақыты белгіленген бойда"),
    (
        _told("delayed", register_number=7),
        "ru",
        f"Вызов (номер в журнале – 7) остаётся в силе; время сообщим, {_TELLS_WHEN_SET}",
    ),
    (letter_words.TIMES, "kk", "({at} кезіндегі жағдай бойынша)"),
    (words.ARRIVES_FROM, "kk", "Келу уақытының басы"),
    (words.ARRIVES_TO, "kk", "Келу уақытының соңы"),
    (_sms("identity_not_confirmed"), "kk", "ЖСН-ді тексеріп"),
    (_sms("signature_invalid"), "kk", "Өз ЭЦҚ-ңызбен"),
    (_sms("unknown_clinic"), "kk", "Емхананы таңдап, өтінішті қайта беріңіз."),
    (_sms("duplicate"), "kk", "дәрігер шақырылып қойған; қайта өтініш берудің қажеті жоқ"),
    (sms_texts._IF_WORSE, "kk", "Жағдай нашарласа: 103."),
    (sms_texts._IF_WORSE, "ru", "При ухудшении: 103."),
    (_told("refused", refusal_code="duplicate"), "kk", "дәрігер шақырылып қойған; қайта өтініш берудің қажеті жоқ"),
    (words.REFUSALS["duplicate"], "kk", "дәрігер шақырылып қойған"),
    (complaints._ANSWER_BY_HAND_AT, "kk", "Жауап мына жерде қолма-қол беріледі: {place}."),
    (complaints._ANSWER_BY_HAND_AT, "ru", "Ответ можно получить на руки по адресу: {place}."),
    (complaints._LINKED, "kk", "Шағымыңыз осы шақыру бойынша басқа шағымыңызбен біріктірілді, олар бірге қаралады."),
    (letter_words.SENT["by_hand"], "kk", "Жауап қолма-қол берілген күн: {on}"),
    (letter_words.SENT["by_hand"], "ru", "Ответ выдан на руки: {on}"),
    (FIELD_NAMES["complainant"], "ru", "данные лица, подавшего жалобу"),
    (FIELD_NAMES["complainant.full_name"], "ru", "ФИО лица, подавшего жалобу"),
    (_told("refused", refusal_code="authority_invalid"), "ru", "документ, подтверждающий, что Вы родитель или опекун"),
    (_told("not_completed"), "ru", "закрыт без исполнения"),
    (words.REASON_WORDS["passed_on_by_ambulance"], "kk", "жедел жәрдем қызметі жолдаған шақыру"),
    (words.REASON_WORDS["not_transportable"], "kk", "науқасты көлікпен жеткізуге болмайды"),
    (words.REASON_WORDS["seizures"], "kk", "тырысу ұстамалары"),
]


@pytest.mark.parametrize(
    ("text", "language", "wording"), WORDINGS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_each_stands_where_it_belongs(text: Text, language: str, wording: str) -> None:
    assert wording in text.as_dict()[language]


def _templates() -> list[tuple[str, Text]]:
    """Every template of the texts that are filled with values from outside."""
    found = []
    for module in (texts, sms_texts, complaints, letter_words, words):
        for name, value in vars(module).items():
            each = value.values() if isinstance(value, dict) else [value]
            found += [(f"{module.__name__}.{name}", one) for one in each if isinstance(one, Text)]
    return found


def test_no_kazakh_ending_falls_on_a_value() -> None:
    """An ending goes by the sound of what it follows: none can be right after any number or name."""
    endings = [
        (name, one.kk)
        for name, one in _templates()
        if "}-" in one.kk.replace("}-кіреберіс", "").replace("}-қабат", "").replace("}-пәтер", "")
    ]
    assert endings == []
    assert len(_templates()) > 100
