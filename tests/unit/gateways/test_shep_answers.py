"""What an answer of the register of persons means: each result, and each way of not giving one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from lxml import etree

from homecall.gateways.identity.port import IdentityDocument, NoConsent, NotFound, Person
from homecall.gateways.identity.shep.answers import answer_in, day_in, fault_in, person_in
from homecall.gateways.identity.shep.profile import MeaningsSection
from homecall.gateways.identity.shep.structure import Untrusted
from homecall.gateways.identity.shep.xml import BadXml
from homecall.gateways.retry import NoAnswer
from tests.unit.gateways.shep import IIN, MESSAGE, NOW, SOAP, answer, person, persons

TODAY = date(2026, 11, 23)
OTHER = "850715200007"
MEANINGS = MeaningsSection()
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'


def body(inside: str) -> etree._Element:
    return etree.fromstring(f'<soap:Body xmlns:soap="{SOAP}">{inside}</soap:Body>')


def told(inside: str, meanings: MeaningsSection = MEANINGS) -> Person | NotFound | NoConsent:
    return person_in(answer_in(body(inside), MESSAGE, NOW, timedelta(minutes=5)), IIN, meanings, TODAY)


def found(data: str) -> Person:
    result = told(answer(data))
    assert isinstance(result, Person)
    return result


def changed(before: str, after: str) -> Person:
    text = person()
    assert before in text
    return found(persons(text.replace(before, after)))


# ---------------------------------------------------------------- found


def test_a_person_comes_with_all_that_the_register_tells() -> None:
    assert found(persons(person())) == Person(
        full_name="Сынақ Әлия Болатқызы",
        birth_date=date(1885, 7, 15),
        sex="female",
        address="АЛМАТЫ, АЛМАЛИНСКИЙ РАЙОН, Тал, 27, 14",
        alive=True,
        address_code="0201300089765432",
        document=IdentityDocument("identity_card", "000000017", date(2030, 1, 1)),
    )


@pytest.mark.parametrize("code", ["1", "2", "9"])
def test_whoever_is_not_alive_by_the_register_is_told_so(code: str) -> None:
    assert changed("<lifeStatus><code>0</code>", f"<lifeStatus><code>{code}</code>").alive is False


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ("<lifeStatus><code>0</code></lifeStatus>", "alive"),
        ("<gender><code>2</code><nameRu>женский</nameRu></gender>", "sex"),
        ("<birthDate>1885-07-15</birthDate>", "birth_date"),
        ("<arCode>0201300089765432</arCode>", "address_code"),
    ],
)
@pytest.mark.parametrize("how", ["absent", "nil", "empty"])
def test_a_value_may_be_absent_or_nil(element: str, field: str, how: str) -> None:
    name = element[1 : element.index(">")]
    after = {"absent": "", "nil": f"<{name} {NIL}/>", "empty": f"<{name}/>"}[how]
    assert getattr(changed(element, after), field) is None


@pytest.mark.parametrize("how", ["", f"<regAddress {NIL}/>", "<regAddress/>"])
def test_an_address_may_be_absent(how: str) -> None:
    text = person()
    start, end = text.index("<regAddress>"), text.index("</regAddress>") + len("</regAddress>")
    assert found(persons(text[:start] + how + text[end:])).address is None


def test_a_reference_value_without_a_name_is_left_out_of_the_address() -> None:
    region = f"<region><code>1</code><nameRu {NIL}/><nameKz>АЛМАЛЫ АУДАНЫ</nameKz></region>"
    before = "<region><code>1910274</code><nameRu>АЛМАЛИНСКИЙ РАЙОН</nameRu></region>"
    assert changed(before, region).address == "АЛМАТЫ, АЛМАЛЫ АУДАНЫ, Тал, 27, 14"
    assert changed(before, "<region><code>1</code></region>").address == "АЛМАТЫ, Тал, 27, 14"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<status><code>00</code></status>", "<status><code>03</code></status>"),
        ("<status><code>00</code></status>", ""),
        ("<endDate>2030-01-01</endDate>", "<endDate>2026-11-22</endDate>"),
        ("<type><code>002</code></type>", "<type><code>004</code></type>"),
        ("<number>000000017</number>", f"<number {NIL}/>"),
    ],
)
def test_a_document_that_is_not_valid_is_none(before: str, after: str) -> None:
    assert changed(before, after).document is None


def test_a_document_is_valid_on_its_last_day() -> None:
    assert changed("<endDate>2030-01-01</endDate>", "<endDate>2026-11-23</endDate>").document is not None


def test_of_several_valid_documents_the_newest_counts() -> None:
    newer = (
        "<document><type><code>001</code></type><number>N7</number><beginDate>2024-01-01</beginDate>"
        "<status><code>00</code></status></document></documents>"
    )
    assert changed("</documents>", newer).document == IdentityDocument("passport", "N7")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1885-07-15", date(1885, 7, 15)),
        ("1885-07-15+06:00", date(1885, 7, 15)),
        ("1885-07-15Z", date(1885, 7, 15)),
        ("1885-07-15T00:00:00.000+06:00", date(1885, 7, 15)),
        ("1885-02-30", None),
        ("15.07.1885", None),
        ("1885-07-15x", None),
        (None, None),
    ],
)
def test_days_are_read_as_they_stand(text: str | None, day: date | None) -> None:
    """Without shifting them to another zone: a birth date is a day, not a moment."""
    assert day_in(text) == day


def test_namespaces_of_data_do_not_count() -> None:
    """Services of the field qualify it by different ones."""
    data = persons(person()).replace("<data>", '<q:data xmlns:q="urn:q" xmlns="urn:r">').replace("</data>", "</q:data>")
    assert found(data).full_name == "Сынақ Әлия Болатқызы"


# ---------------------------------------------------------------- several, none


def test_of_several_persons_the_one_who_was_asked_about_counts() -> None:
    other = person(OTHER).replace("Әлия", "Болат")
    assert found(persons(other, person())).full_name == "Сынақ Әлия Болатқызы"


def test_the_same_person_twice_is_one() -> None:
    assert found(persons(person(), person())).alive is True


@pytest.mark.parametrize(
    ("people", "cause"),
    [
        ((person(), person().replace("1885-07-15", "1885-07-16")), "several_persons"),
        ((person(OTHER),), "other_person"),
        ((person().replace(f"<iin>{IIN}</iin>", ""),), "other_person"),
        (
            (person().replace("<surname>Сынақ</surname><name>Әлия</name><patronymic>Болатқызы</patronymic>", ""),),
            "no_person",
        ),
    ],
)
def test_what_names_no_one_person_is_no_answer(people: tuple[str, ...], cause: str) -> None:
    with pytest.raises(BadXml, match=cause):
        told(answer(persons(*people)))


def test_a_register_that_is_done_and_names_nobody_has_found_nobody() -> None:
    assert told(answer(persons())) == NotFound()


# ---------------------------------------------------------------- what the words of a message mean

NOBODY = [
    "Физическое лицо не найдено",
    "По указанному ИИН данные не найдены",
    "Не найдено лицо с указанным ИИН",
    "Запись не найдена",
    "Сведения по ИИН не найдены",
    "Тұлға табылмады",
    "ЖСН бойынша адам табылған жоқ",
    "Person not found",
]
NO_CONSENT = [
    "Согласие субъекта не найдено",
    "Отсутствует согласие на доступ к персональным данным",
    "Недействительный токен КДП",
    "Дербес деректерге келісім жоқ",
    "kdpToken is expired",
]
ERRORS = [
    "Сервис не найден",
    "Данные отправителя не найдены",
    "Маршрут не найден",
    "Внутренняя ошибка сервиса: запись не найдена",
    "Service not found",
    "Превышено время ожидания",
    "Ошибка обращения к ГБД ФЛ",
    "",
]


@pytest.mark.parametrize("message", NOBODY)
def test_words_that_say_that_nobody_was_found(message: str) -> None:
    assert told(answer("", code="SCSE001", message=message)) == NotFound()
    assert told(answer(persons(code="00001", message=message))) == NotFound()


@pytest.mark.parametrize("message", NO_CONSENT)
def test_words_that_say_that_there_is_no_consent(message: str) -> None:
    assert told(answer("", code="SCSE001", message=message)) == NoConsent()
    assert told(answer(persons(code="00002", message=message))) == NoConsent()


@pytest.mark.parametrize("message", ERRORS)
def test_other_words_are_an_error_and_never_nobody(message: str) -> None:
    with pytest.raises(NoAnswer, match="failing"):
        told(answer("", code="SCSE001", message=message))
    with pytest.raises(NoAnswer, match="failing"):
        told(answer(persons(code="00099", message=message)))


def test_an_operator_may_name_the_words() -> None:
    meanings = MeaningsSection(not_found=("^нет в базе$",))
    assert told(answer("", code="SCSE001", message="Нет в базе"), meanings) == NotFound()
    with pytest.raises(NoAnswer):
        told(answer("", code="SCSE001", message=NOBODY[0]), meanings)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("code", "reason", "again", "cause"),
    [
        ("FAULT-015", "failing", True, "fault"),
        ("SBF-VE-8", "failing", True, "sbf"),
        ("SBF-AD-1", "refused", False, "sbf"),
        ("VAL-JSR-001", "refused", False, "val"),
        ("SCSS999", "failing", True, "other"),
    ],
)
@pytest.mark.parametrize("message", ["ошибка", NOBODY[0]])
def test_a_fault_of_the_gateway_is_no_answer_whatever_it_says(
    code: str, reason: str, again: bool, cause: str, message: str
) -> None:
    with pytest.raises(NoAnswer) as caught:
        told(answer("", code=code, message=message))
    assert (str(caught.value), caught.value.again, caught.value.cause) == (reason, again, cause)


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ("<detail><code>FAULT-015</code></detail>", "FAULT-015"),
        ("<faultstring>SBF-AD-1: нет доступа</faultstring>", "SBF-AD-1"),
        ("<detail><a><code>VAL-R-004</code></a></detail>", "VAL-R-004"),
        ("<faultstring>Internal error</faultstring>", "soap_fault"),
    ],
)
def test_soap_faults_are_told_by_their_code(detail: str, code: str) -> None:
    fault = f"<soap:Fault><faultcode>soap:Server</faultcode>{detail}</soap:Fault>"
    assert fault_in(body(fault)) == code


def test_an_answer_has_no_fault() -> None:
    assert fault_in(body(answer(persons(person())))) is None


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda text: text[:0], "no_answer"),
        (lambda text: text * 2, "no_answer"),
        (lambda text: text.replace("SendMessageResponse", "SendMessage"), "no_answer"),
        (lambda text: text.replace("responseInfo>", "info>"), "no_answer"),
        (lambda text: text.replace("status>", "state>"), "no_answer"),
        (lambda text: text.replace("responseData>", "other>"), "no_data"),
        (lambda text: text.replace("messageResult>", "other>"), "failing"),
    ],
)
def test_another_form_is_no_answer(change: Callable[[str], str], cause: str) -> None:
    with pytest.raises((BadXml, NoAnswer), match=cause):
        told(change(answer(persons(person()))))


def test_either_id_may_be_ours() -> None:
    data = persons(person())
    assert isinstance(told(answer(data, message_id=MESSAGE, correlation_id=None)), Person)
    assert isinstance(told(answer(data, message_id="theirs", correlation_id=MESSAGE)), Person)
    with pytest.raises(Untrusted, match="other_message"):
        told(answer(data, message_id="theirs", correlation_id=None))


def test_a_time_without_an_offset_is_the_countrys() -> None:
    text = answer(persons(person())).replace(NOW.isoformat(timespec="milliseconds"), "2026-11-23T09:14:05.123")
    assert isinstance(told(text), Person)
