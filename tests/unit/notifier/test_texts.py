"""What people are told about a call: whole texts, dates, counted words, and what holds of every text."""

import re
import typing
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.events import Outcome, RefusalCode, RequestStatus, Specialty
from homecall.standard.rules import load_rule_sets
from homecall.texts import language
from homecall.texts.addresses import directory_of, ministry_of
from homecall.texts.language import Text, name
from homecall.texts.statuses import CALL_103_NOW, SPECIALTIES, StatusFacts, oral_answer, status_text

EARLIER = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
STATUSES: tuple[RequestStatus, ...] = typing.get_args(RequestStatus)
CODES: tuple[str, ...] = typing.get_args(RefusalCode)
OUTCOMES: tuple[str, ...] = typing.get_args(Outcome)
REASONS = ("doctor_unavailable", "roster_changed", "no_capacity", "clinic_closed")


def at(local: str) -> datetime:
    return datetime.fromisoformat(f"{local}:00+05:00")


CLINIC: dict[str, typing.Any] = {
    "clinic_name": language.name("№ 5 қалалық емхана", "Городская поликлиника № 5"),
    "clinic_phone": "+7 700 000 00 05",
}
CALL: dict[str, typing.Any] = {"channel": "portal", "register_number": 12}
DUE: dict[str, typing.Any] = {"due_at": at("2026-11-23T09:30"), "minutes": 25}
VISIT: dict[str, typing.Any] = {
    "visit_date": date(2026, 11, 25),
    "arrives_from": at("2026-11-25T10:00"),
    "arrives_to": at("2026-11-25T10:30"),
    "doctor_name": "Сәуле Ахметова",
    "doctor_specialty": "gp",
}
HANDED_ON: dict[str, typing.Any] = {
    "handed_on_to": name("№ 2 емхана", "Поликлиника № 2"),
    "handed_on_to_phone": "+7 700 000 02 02",
}
OPENING: dict[str, typing.Any] = {"opens_at": at("2026-11-24T08:00"), "due_at": at("2026-11-24T08:30")}

KK_CLINIC = "№ 5 қалалық емхана, тел. +7 700 000 00 05."
RU_CLINIC = "Городская поликлиника № 5, тел. +7 700 000 00 05."
EN_CLINIC = "Clinic: Городская поликлиника № 5, tel. +7 700 000 00 05."

STATUS_TEXTS = [
    (
        "registered",
        CALL | DUE,
        "Шақыру тіркелді (журналдағы нөмірі – 12). Дәрігердің қашан келетіні 25 минут ішінде хабарланады "
        "(ең кеші – 09:30). Жауап порталдағы жеке кабинетте көрсетіледі.",
        "Вызов зарегистрирован (номер в журнале – 12). Время прихода врача сообщим в течение 25 минут (до 09:30). "
        "Ответ появится в личном кабинете на портале.",
        "Your call is registered (No. 12). You will be told the time of the doctor's visit within 25 minutes "
        "(by 09:30). The answer will appear in your personal cabinet on the portal.",
    ),
    (
        "registered",
        {"channel": "phone", "register_number": 1, "minutes": 0, "due_at": at("2026-11-23T09:30")},
        "Шақыру тіркелді (журналдағы нөмірі – 1). Дәрігердің қашан келетіні белгіленген бойда хабарланады. "
        "Шақырудың мәртебесін білу үшін: 1414, 8-800-080-7777.",
        "Вызов зарегистрирован (номер в журнале – 1). Время прихода врача сообщим, как только оно будет назначено. "
        "Узнать статус вызова: 1414, 8-800-080-7777.",
        "Your call is registered (No. 1). You will be told the time of the doctor's visit as soon as it is set. "
        "To learn the status of the call: 1414, 8-800-080-7777.",
    ),
    (
        "deferred",
        OPENING,
        "Өтініш шақыруларды қабылдау уақытынан тыс түсті. Емхана оны жұмыс уақыты басталғанда қарайды: "
        "2026 жылғы 24 қараша, сейсенбі, 08:00. Дәрігердің қашан келетіні сол күні хабарланады (ең кеші – 08:30). "
        "Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "Заявка получена вне времени приёма вызовов. Поликлиника рассмотрит её после открытия: "
        "24 ноября 2026 года, вторник, 08:00. Время прихода врача сообщим в тот же день (до 08:30). "
        "В экстренном случае звоните 103.",
        "Your request came outside the hours in which calls are accepted. The clinic takes it up when it opens: "
        "Tuesday 24 November 2026, 08:00. You will be told the time of the doctor's visit that day (by 08:30). "
        "In an emergency call 103.",
    ),
    (
        "deferred",
        OPENING | {"deferred_again": True},
        "Бұрын аталған күні емхана жұмыс істемейді, сондықтан өтінішті қарау кейінге қалдырылды. Емхана оны жұмыс "
        "уақыты басталғанда қарайды: 2026 жылғы 24 қараша, сейсенбі, 08:00. Дәрігердің қашан келетіні сол күні "
        "хабарланады (ең кеші – 08:30). Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "В названный ранее день поликлиника не работает, поэтому рассмотрение заявки перенесено. Поликлиника "
        "рассмотрит её после открытия: 24 ноября 2026 года, вторник, 08:00. Время прихода врача сообщим в тот же день "
        "(до 08:30). В экстренном случае звоните 103.",
        "The clinic is closed on the day named before, so your request has been moved. The clinic takes it up when it "
        "opens: Tuesday 24 November 2026, 08:00. You will be told the time of the doctor's visit that day (by 08:30). "
        "In an emergency call 103.",
    ),
    (
        "deferred",
        OPENING | {"deferred_again": True, "opens_later": True},
        "Бұрын аталған күні емхана кешірек ашылады, сондықтан өтінішті қарау кейінге қалдырылды. Емхана оны жұмыс "
        "уақыты басталғанда қарайды: 2026 жылғы 24 қараша, сейсенбі, 08:00. Дәрігердің қашан келетіні сол күні "
        "хабарланады (ең кеші – 08:30). Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "В названный ранее день поликлиника открывается позже, поэтому рассмотрение заявки перенесено. Поликлиника "
        "рассмотрит её после открытия: 24 ноября 2026 года, вторник, 08:00. Время прихода врача сообщим в тот же день "
        "(до 08:30). В экстренном случае звоните 103.",
        "The clinic opens later on the day named before, so your request has been moved. The clinic takes it up when "
        "it opens: Tuesday 24 November 2026, 08:00. You will be told the time of the doctor's visit that day (by "
        "08:30). In an emergency call 103.",
    ),
    (
        "scheduled",
        CALL | VISIT,
        "Дәрігердің келетін уақыты: 2026 жылғы 25 қараша, сәрсенбі, 10:00–10:30. Дәрігер: Сәуле Ахметова, жалпы "
        "практика дәрігері. Осы уақытта үйде болуыңызды сұраймыз.",
        "Визит врача: 25 ноября 2026 года, среда, 10:00–10:30. Врач: Сәуле Ахметова, врач общей практики. "
        "Просим в это время быть дома.",
        "The doctor's visit: Wednesday 25 November 2026, 10:00–10:30. Doctor: Сәуле Ахметова, general practitioner. "
        "Please be at home at that time.",
    ),
    (
        "rescheduled",
        CALL | VISIT | {"reschedule_reason": "doctor_unavailable", "doctor_specialty": "paediatrician"},
        "Дәрігердің келу уақыты өзгерді. Себебі: бұрын тағайындалған дәрігер келе алмайды. Кешірім сұраймыз. "
        "Жаңа уақыты: 2026 жылғы 25 қараша, сәрсенбі, 10:00–10:30. Дәрігер: Сәуле Ахметова, педиатр. "
        "Осы уақытта үйде болуыңызды сұраймыз.",
        "Визит врача перенесён. Причина: назначенный ранее врач не сможет прийти. Приносим извинения. "
        "Новое время: 25 ноября 2026 года, среда, 10:00–10:30. Врач: Сәуле Ахметова, педиатр. "
        "Просим в это время быть дома.",
        "The doctor's visit has been changed. Reason: the doctor named before cannot come. We apologise. "
        "The new time: Wednesday 25 November 2026, 10:00–10:30. Doctor: Сәуле Ахметова, paediatrician. "
        "Please be at home at that time.",
    ),
    (
        "delayed",
        CALL,
        "Кешірім сұраймыз: дәрігердің келетін уақыты әзірге белгіленген жоқ. Шақыру (журналдағы нөмірі – 12) күшінде, "
        "уақыты белгіленген бойда хабарлаймыз. Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз.",
        "Приносим извинения: время визита врача пока не назначено. Вызов (номер в журнале – 12) остаётся в силе; "
        "время сообщим, как только оно будет назначено. Если пациенту станет хуже, звоните 103.",
        "We apologise: the time of the doctor's visit is not set yet. Your call (No. 12) stands; you will be told "
        "the time as soon as it is set. If the patient gets worse, call 103.",
    ),
    (
        "withdrawn",
        CALL,
        "Шақыру (журналдағы нөмірі – 12) қайтарып алынды, дәрігер келмейді. Дәрігер әлі де қажет болса, "
        "қайта шақырыңыз.",
        "Вызов (номер в журнале – 12) отозван, врач не придёт. Если врач всё ещё нужен, вызовите его снова.",
        "Your call (No. 12) has been withdrawn; no doctor will come. If a doctor is still needed, please call again.",
    ),
    (
        "withdrawn",
        CALL | HANDED_ON,
        "Шақыру (журналдағы нөмірі – 12) басқа емханаға берілді: № 2 емхана, тел. +7 700 000 02 02. Дәрігердің қашан "
        "келетінін сол емхана хабарлайды. Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз.",
        "Вызов (номер в журнале – 12) передан в другую поликлинику: Поликлиника № 2, тел. +7 700 000 02 02. О времени "
        "прихода врача сообщит она. Если пациенту станет хуже, звоните 103.",
        "Your call (No. 12) has been handed on to another clinic: Поликлиника № 2, tel. +7 700 000 02 02. That clinic "
        "will tell you when the doctor comes. If the patient gets worse, call 103.",
    ),
    (
        "completed",
        {"outcome": "served"},
        "Дәрігер пациентті үйде қарады, шақыру аяқталды. Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз. "
        "Қызмет көрсету сапасы туралы сұрақтар: 1414, 8-800-080-7777.",
        "Врач осмотрел пациента на дому, вызов завершён. Если пациенту станет хуже, звоните 103. "
        "По вопросам качества услуги: 1414, 8-800-080-7777.",
        "The doctor has seen the patient at home; the call is closed. If the patient gets worse, call 103. "
        "Questions about the quality of the service: 1414, 8-800-080-7777.",
    ),
    (
        "completed",
        {"outcome": "hospitalised"},
        "Пациент ауруханаға жатқызылды, шақыру аяқталды. Қызмет көрсету сапасы туралы сұрақтар: 1414, 8-800-080-7777.",
        "Пациент госпитализирован, вызов завершён. По вопросам качества услуги: 1414, 8-800-080-7777.",
        "The patient has been admitted to hospital; the call is closed. "
        "Questions about the quality of the service: 1414, 8-800-080-7777.",
    ),
    (
        "not_completed",
        {"outcome": "not_at_home"},
        "Дәрігер келді, бірақ үйде ешкім болмады. Шақыру жабылды. Дәрігер әлі де қажет болса, қайта шақырыңыз.",
        "Врач приходил, но дома никого не было. Вызов закрыт. Если врач всё ещё нужен, вызовите его снова.",
        "The doctor came, but nobody was at home. The call is closed. If a doctor is still needed, please call again.",
    ),
    (
        "not_completed",
        {"outcome": "false_call"},
        "Шақыру көрсетілген мекенжай бойынша расталмады және жабылды. Бұл қате болса, емханаға хабарласыңыз.",
        "По указанному адресу вызов не подтвердился и закрыт. Если это ошибка, сообщите в поликлинику.",
        "The call was not confirmed at the address given and is closed. If this is a mistake, tell the clinic.",
    ),
    (
        "not_completed",
        {"outcome": "declined"},
        "Дәрігердің көмегінен бас тартылғандықтан, шақыру жабылды. Дәрігер әлі де қажет болса, қайта шақырыңыз.",
        "Вызов закрыт: от помощи врача отказались. Если врач всё ещё нужен, вызовите его снова.",
        "The call is closed: the doctor's help was declined. If a doctor is still needed, please call again.",
    ),
]

REFUSAL_TEXTS = [
    (
        "invalid_request",
        {"refusal_fields": ("patient.iin", "address.text")},
        "Өтініш қабылданбады. Көрсетілмеген немесе қате көрсетілген мәліметтер: пациенттің жеке сәйкестендіру нөмірі; "
        "мекенжай. Мәліметтерді түзетіп, өтінішті қайта беріңіз.",
        "Заявка не принята. Не указаны или указаны неверно: ИИН пациента; адрес. Исправьте данные и подайте заявку "
        "снова.",
        "The request was not accepted. Missing or wrong: patient's IIN; address. Please correct the data and apply "
        "again.",
    ),
    (
        "unknown_clinic",
        {},
        "Өтініш қабылданбады: онда көрсетілген емхана жүйеде жоқ. Пациент тіркелген емхананы таңдап, өтінішті қайта "
        "беріңіз. Анықтама: 1414, 8-800-080-7777.",
        "Заявка не принята: указанной в ней поликлиники нет в системе. Выберите поликлинику, к которой прикреплён "
        "пациент, и подайте заявку снова. Справки: 1414, 8-800-080-7777.",
        "The request was not accepted: the clinic it names is not in the system. Choose the clinic the patient is "
        "attached to and apply again. Enquiries: 1414, 8-800-080-7777.",
    ),
    (
        "outside_acceptance_hours",
        {"next_acceptance_at": at("2026-11-24T08:00")},
        "Шақыру қабылданбады: өтініш шақыруларды қабылдау уақытынан тыс түсті. Шақыруларды қабылдау қайта басталатын "
        "уақыт: 2026 жылғы 24 қараша, сейсенбі, 08:00. Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "Вызов не принят: заявка поступила вне времени приёма. Приём вызовов возобновится: 24 ноября 2026 года, "
        "вторник, 08:00. В экстренном случае звоните 103.",
        "The call was not accepted: it came outside the hours in which calls are accepted. The clinic accepts calls "
        "again from: Tuesday 24 November 2026, 08:00. In an emergency call 103.",
    ),
    (
        "identity_not_confirmed",
        {"channel": "desk"},
        "Өтініш қабылданбады: өтініш берушінің немесе пациенттің жеке басы расталмады. Тіркеу бөлімінде жеке басты "
        "куәландыратын құжатты көрсетіп, өтінішті қайта беріңіз.",
        "Заявка не принята: личность заявителя или пациента не подтверждена. Предъявите в регистратуре документ, "
        "удостоверяющий личность, и подайте заявку снова.",
        "The request was not accepted: the identity of the applicant or the patient could not be confirmed. Show an "
        "identity document at the reception desk and apply again.",
    ),
    (
        "identity_not_confirmed",
        {"channel": "phone"},
        "Өтініш қабылданбады: өтініш берушінің немесе пациенттің жеке басы расталмады. ЖСН мен аты-жөнін тексеріп, "
        "қайта қоңырау шалыңыз.",
        "Заявка не принята: личность заявителя или пациента не подтверждена. Проверьте ИИН и ФИО и позвоните снова.",
        "The request was not accepted: the identity of the applicant or the patient could not be confirmed. Please "
        "check the IIN and the full name and call again.",
    ),
    (
        "identity_not_confirmed",
        {"channel": "portal"},
        "Өтініш қабылданбады: өтініш берушінің немесе пациенттің жеке басы расталмады. ЖСН мен аты-жөнін тексеріп, "
        "өтінішті қайта беріңіз.",
        "Заявка не принята: личность заявителя или пациента не подтверждена. Проверьте ИИН и ФИО и подайте заявку "
        "снова.",
        "The request was not accepted: the identity of the applicant or the patient could not be confirmed. Please "
        "check the IIN and the full name and apply again.",
    ),
    (
        "authority_invalid",
        {},
        "Өтініш қабылданбады: өкілдің өкілеттігі расталмады. Жарамды сенімхатты немесе ата-ана не қорғаншы екенін "
        "растайтын құжатты көрсетіп, өтінішті қайта беріңіз. Пациенттің өзі де өтініш бере алады.",
        "Заявка не принята: полномочия представителя не подтверждены. Укажите действующую доверенность либо документ, "
        "подтверждающий, что Вы родитель или опекун, и подайте заявку снова. Пациент может обратиться и сам.",
        "The request was not accepted: the representative's authority could not be confirmed. Give a valid power of "
        "attorney, or proof of being the parent or guardian, and apply again. Patients may also apply themselves.",
    ),
    (
        "signature_invalid",
        {},
        "Өтініш қабылданбады: электрондық цифрлық қолтаңба (ЭЦҚ) расталмады. Өтінішті өз атыңызға берілген жарамды ЭЦҚ "
        "арқылы куәландырып, қайта жіберіңіз немесе емханаға қоңырау шалыңыз.",
        "Заявка не принята: электронная цифровая подпись (ЭЦП) не подтверждена. Подпишите заявку своей действующей ЭЦП "
        "и отправьте её снова или позвоните в поликлинику.",
        "The request was not accepted: the electronic digital signature (EDS) could not be confirmed. Sign it with "
        "your own valid EDS and send it again, or phone the clinic.",
    ),
    (
        "not_attached",
        {},
        "Өтініш қабылданбады: пациент бұл емханаға тіркелмеген. Пациент тіркелген емханаға жүгініңіз немесе egov.kz "
        "порталы арқылы осы емханаға тіркеліңіз.",
        "Заявка не принята: пациент не прикреплён к этой поликлинике. Обратитесь в поликлинику по месту прикрепления "
        "или прикрепитесь к этой через портал egov.kz.",
        "The request was not accepted: the patient is not attached to this clinic. Apply to the clinic the patient is "
        "attached to, or have the patient attached to this one on egov.kz.",
    ),
    (
        "duplicate",
        {"existing_request_id": EARLIER},
        f"Жаңа өтініш қабылданбады: бұл пациентке дәрігер шақырылып қойған; қайта өтініш берудің қажеті "
        f"жоқ. Бұрынғы өтініштің нөмірі: {EARLIER}. Ол шақыру күшінде қалады. Оны өзгерту немесе қайтарып алу үшін "
        "емханаға хабарласыңыз.",
        f"Новая заявка не принята: к этому пациенту врач уже вызван. Номер прежней заявки: {EARLIER}. "
        "Она остаётся в силе, подавать ещё одну не нужно. Чтобы изменить или отозвать её, обратитесь в поликлинику.",
        f"The new request was not accepted: a doctor has already been called for this patient. The earlier request: "
        f"{EARLIER}. It stands, and there is no need for another. To change or withdraw it, contact the clinic.",
    ),
    (
        "a_ground_of_a_later_rule_set",
        {},
        "Өтініш қабылданбады. Себебін емханадан немесе мына нөмірлер арқылы біліңіз: 1414, 8-800-080-7777.",
        "Заявка не принята. Причину уточните в поликлинике или по номерам: 1414, 8-800-080-7777.",
        "The request was not accepted. Ask the clinic for the reason, or call: 1414, 8-800-080-7777.",
    ),
]

ORAL_ANSWERS = [
    (
        "registered",
        CALL | {"minutes": 22},
        "Шақыруыңыз қабылданды (журналдағы нөмірі – 12). Дәрігердің қашан келетінін 22 минуттан кешіктірмей айтамыз.",
        "Ваш вызов принят (номер в журнале – 12). Время прихода врача сообщим не позднее чем через 22 минуты.",
        "Your call is accepted (No. 12). We will tell you the time of the doctor's visit in 22 minutes at the latest.",
    ),
    (
        "registered",
        {"minutes": None},
        "Шақыруыңыз қабылданды. Дәрігердің қашан келетіні белгіленген бойда хабарланады.",
        "Ваш вызов принят. Время прихода врача сообщим, как только оно будет назначено.",
        "Your call is accepted. You will be told the time of the doctor's visit as soon as it is set.",
    ),
    (
        "deferred",
        OPENING,
        "Өтініш шақыруларды қабылдау уақытынан тыс түсті. Емхана оны жұмыс уақыты басталғанда қарайды: "
        "2026 жылғы 24 қараша, сейсенбі, 08:00. Дәрігердің қашан келетіні сол күні хабарланады (ең кеші – 08:30). "
        "Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "Заявка получена вне времени приёма вызовов. Поликлиника рассмотрит её после открытия: "
        "24 ноября 2026 года, вторник, 08:00. Время прихода врача сообщим в тот же день (до 08:30). "
        "В экстренном случае звоните 103.",
        "Your request came outside the hours in which calls are accepted. The clinic takes it up when it opens: "
        "Tuesday 24 November 2026, 08:00. You will be told the time of the doctor's visit that day (by 08:30). "
        "In an emergency call 103.",
    ),
    (
        "scheduled",
        VISIT,
        "Дәрігер 2026 жылғы 25 қараша, сәрсенбі күні, сағат 10:00–10:30 аралығында келеді. "
        "Дәрігер: Сәуле Ахметова, жалпы практика дәрігері.",
        "Врач придёт в среду, 25 ноября 2026 года, с 10:00 до 10:30. Врач: Сәуле Ахметова, врач общей практики.",
        "The doctor will come on Wednesday 25 November 2026 between 10:00 and 10:30. "
        "Doctor: Сәуле Ахметова, general practitioner.",
    ),
    (
        "rescheduled",
        VISIT | {"reschedule_reason": "roster_changed", "doctor_specialty": "therapist"},
        "Дәрігердің келу уақыты өзгерді. Себебі: дәрігерлердің жұмыс кестесі өзгерді. Кешірім сұраймыз. "
        "Дәрігер 2026 жылғы 25 қараша, сәрсенбі күні, сағат 10:00–10:30 аралығында келеді. "
        "Дәрігер: Сәуле Ахметова, терапевт.",
        "Визит врача перенесён. Причина: изменился график работы врачей. Приносим извинения. "
        "Врач придёт в среду, 25 ноября 2026 года, с 10:00 до 10:30. Врач: Сәуле Ахметова, терапевт.",
        "The doctor's visit has been changed. Reason: the doctors' timetable has changed. We apologise. "
        "The doctor will come on Wednesday 25 November 2026 between 10:00 and 10:30. "
        "Doctor: Сәуле Ахметова, physician.",
    ),
    (
        "delayed",
        {},
        "Кешірім сұраймыз: дәрігердің келетін уақыты әзірге белгіленген жоқ. Шақыру күшінде, уақыты белгіленген бойда "
        "хабарлаймыз. Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз.",
        "Приносим извинения: время визита врача пока не назначено. Вызов остаётся в силе; время сообщим, как только "
        "оно будет назначено. Если пациенту станет хуже, звоните 103.",
        "We apologise: the time of the doctor's visit is not set yet. Your call stands; you will be told the time "
        "as soon as it is set. If the patient gets worse, call 103.",
    ),
    (
        "refused",
        {"refusal_code": "outside_acceptance_hours", "next_acceptance_at": at("2026-11-24T08:00")},
        "Өкінішке қарай, қазір шақырулар қабылданбайды. Шақыруларды қабылдау қайта басталатын уақыт: "
        "2026 жылғы 24 қараша, сейсенбі, сағат 08:00. Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
        "К сожалению, сейчас вызовы не принимаются. Приём вызовов начнётся во вторник, 24 ноября 2026 года, в 08:00. "
        "В экстренном случае звоните 103.",
        "We are sorry: calls are not being accepted now. The clinic accepts calls again on Tuesday 24 November 2026 "
        "from 08:00. In an emergency call 103.",
    ),
    (
        "withdrawn",
        CALL,
        "Шақыру (журналдағы нөмірі – 12) қайтарып алынды, дәрігер келмейді. Дәрігер әлі де қажет болса, "
        "қайта шақырыңыз.",
        "Вызов (номер в журнале – 12) отозван, врач не придёт. Если врач всё ещё нужен, вызовите его снова.",
        "Your call (No. 12) has been withdrawn; no doctor will come. If a doctor is still needed, please call again.",
    ),
    (
        "withdrawn",
        CALL | HANDED_ON,
        "Шақыру (журналдағы нөмірі – 12) басқа емханаға берілді: № 2 емхана, тел. +7 700 000 02 02. Дәрігердің қашан "
        "келетінін сол емхана хабарлайды. Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз.",
        "Вызов (номер в журнале – 12) передан в другую поликлинику: Поликлиника № 2, тел. +7 700 000 02 02. О времени "
        "прихода врача сообщит она. Если пациенту станет хуже, звоните 103.",
        "Your call (No. 12) has been handed on to another clinic: Поликлиника № 2, tel. +7 700 000 02 02. That clinic "
        "will tell you when the doctor comes. If the patient gets worse, call 103.",
    ),
    (
        "completed",
        {"outcome": "served"},
        "Дәрігер пациентті үйде қарады, шақыру аяқталды.",
        "Врач осмотрел пациента на дому, вызов завершён.",
        "The doctor has seen the patient at home; the call is closed.",
    ),
    (
        "not_completed",
        {},
        "Шақыру орындалмай жабылды. Дәрігер әлі де қажет болса, қайта шақырыңыз.",
        "Вызов закрыт без исполнения. Если врач всё ещё нужен, вызовите его снова.",
        "The call was closed without being completed. If a doctor is still needed, please call again.",
    ),
]


def test_every_status_stands_in_the_tables() -> None:
    assert {row[0] for row in STATUS_TEXTS} | {"refused"} == set(STATUSES)
    assert {row[0] for row in REFUSAL_TEXTS} >= set(CODES)
    assert {row[0] for row in ORAL_ANSWERS} == set(STATUSES)


RIGHTS = Text(
    "Емхана басшысына немесе Министрлікке шағымдануға және сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
    "Вы вправе подать жалобу руководителю поликлиники или в Министерство и обратиться в суд; справки: 1414, "
    "8-800-080-7777.",
    "You may complain to the head of the clinic or to the Ministry, and go to court; enquiries: 1414, 8-800-080-7777.",
)
"""At the end of every refusal and of every late answer."""


def with_rights(text: Text) -> Text:
    return Text(f"{text.kk} {RIGHTS.kk}", f"{text.ru} {RIGHTS.ru}", f"{text.en} {RIGHTS.en}")


ADDRESSES: dict[str, typing.Any] = {
    "ministry": ministry_of(load_rule_sets().sets[0]),
    "directory": directory_of(load_rule_sets().sets[0]),
}


@pytest.mark.parametrize("code", [*CODES, "a_ground_of_a_later_rule_set"])
def test_c10_7_c11_every_refusal_says_how_to_complain_to_whom_and_where(code: str) -> None:
    """C10.1, C12, C15: the addresses are the rule set's; without them the rest stands."""
    text = status_text("refused", StatusFacts(refusal_code=code, **CLINIC, **ADDRESSES))
    for said, needed in (
        (
            text.kk,
            ("Емхана басшысына", "Орынбор көшесі, 8-үй", "сотқа жүгінуге", "«Мемлекеттік көрсетілетін қызметтер»"),
        ),
        (text.ru, ("руководителю поликлиники", "улица Орынбор, дом 8", "обратиться в суд", "«Государственные услуги»")),
        (text.en, ("head of the clinic", "Orynbor street 8", "go to court", "“State services”")),
    ):
        for each in (*needed, "010000", "1414", "8-800-080-7777", "www.mzsr.gov.kz"):
            assert each in said
    assert status_text("refused", StatusFacts(refusal_code=code)).ru.endswith(RIGHTS.ru)
    assert oral_answer("refused", StatusFacts(refusal_code=code, **ADDRESSES)).ru.endswith(RIGHTS.ru)


def test_one_whose_clinic_closed_for_good_is_sent_to_another() -> None:
    facts = StatusFacts(refusal_code="outside_acceptance_hours", refusal_fields=("clinic_id",))
    assert status_text("refused", facts).ru == (
        "Вызов не принят: поликлиника так и не возобновила работу. Обратитесь в другую поликлинику. "
        f"В экстренном случае звоните 103. {RIGHTS.ru}"
    )


@pytest.mark.parametrize("status", ["scheduled", "rescheduled", "delayed", "completed", "not_completed"])
def test_c10_7_c11_a_late_answer_says_so_too_and_one_in_time_does_not(status: RequestStatus) -> None:
    late = status_text(status, StatusFacts(**CALL, **VISIT, **CLINIC, late=True))
    assert late == with_rights(status_text(status, StatusFacts(**CALL, **VISIT, **CLINIC)))


@pytest.mark.parametrize(("status", "facts", "kk", "ru", "en"), STATUS_TEXTS)
def test_status_text(status: RequestStatus, facts: dict[str, typing.Any], kk: str, ru: str, en: str) -> None:
    text = status_text(status, StatusFacts(**facts, **CLINIC))
    ours = Text(f"{kk} {KK_CLINIC}", f"{ru} {RU_CLINIC}", f"{en} {EN_CLINIC}")
    if "handed_on_to" in facts:
        ours = Text(kk, ru, en)  # one clinic's phone is enough: that of the one that comes
    assert text == (with_rights(ours) if status == "refused" else ours)


@pytest.mark.parametrize(("code", "facts", "kk", "ru", "en"), REFUSAL_TEXTS)
def test_refusal_says_what_was_wrong_and_what_to_do(
    code: str, facts: dict[str, typing.Any], kk: str, ru: str, en: str
) -> None:
    refused = StatusFacts(refusal_code=code, **facts)
    assert status_text("refused", refused) == with_rights(Text(kk, ru, en))
    if code != "outside_acceptance_hours":
        assert oral_answer("refused", refused) == with_rights(Text(kk, ru, en))


@pytest.mark.parametrize(("status", "facts", "kk", "ru", "en"), ORAL_ANSWERS)
def test_oral_answer(status: RequestStatus, facts: dict[str, typing.Any], kk: str, ru: str, en: str) -> None:
    said = Text(kk, ru, en)
    assert oral_answer(status, StatusFacts(**facts, **CLINIC)) == (with_rights(said) if status == "refused" else said)


def test_emergency_says_103_first_and_once() -> None:
    """R13; the milder advice of R3 would weaken it."""
    facts = StatusFacts(emergency=True, refusal_code="outside_acceptance_hours")
    assert status_text("refused", facts) == Text(
        "Дереу 103 нөміріне қоңырау шалыңыз: бұл белгілер өмірге қауіпті болуы мүмкін. "
        f"Шақыру қабылданбады: өтініш шақыруларды қабылдау уақытынан тыс түсті. {RIGHTS.kk}",
        "Немедленно звоните 103: такие симптомы могут угрожать жизни. "
        f"Вызов не принят: заявка поступила вне времени приёма. {RIGHTS.ru}",
        "Call 103 now: these symptoms may be life-threatening. "
        f"The call was not accepted: it came outside the hours in which calls are accepted. {RIGHTS.en}",
    )


@pytest.mark.parametrize("code", REASONS)
def test_reason_of_a_change_is_told(code: str) -> None:
    told = status_text("rescheduled", StatusFacts(reschedule_reason=code))
    assert all(word in text for word, text in zip(("Себебі: ", "Причина: ", "Reason: "), _all(told), strict=True))


def test_free_text_is_not_repeated() -> None:
    plain = status_text("rescheduled", StatusFacts())
    assert status_text("rescheduled", StatusFacts(reschedule_reason="врач заболел")) == plain


def test_every_specialty_has_a_name() -> None:
    assert set(SPECIALTIES) == set(typing.get_args(Specialty))


@pytest.mark.parametrize("moment", [at("2026-11-24T01:30"), datetime(2026, 11, 23, 20, 30, tzinfo=UTC)])
def test_times_are_told_by_the_clinics_clock(moment: datetime) -> None:
    """01:30 in Almaty is the evening of the day before in UTC."""
    facts = StatusFacts(refusal_code="outside_acceptance_hours", next_acceptance_at=moment)
    assert "24 ноября 2026 года, вторник, 01:30" in status_text("refused", facts).ru
    assert "2026 жылғы 24 қараша, сейсенбі, сағат 01:30" in oral_answer("refused", facts).kk


def test_a_time_without_offset_is_refused() -> None:
    naive = at("2026-11-24T08:00").replace(tzinfo=None)
    with pytest.raises(ValueError, match="offset"):
        status_text("deferred", StatusFacts(opens_at=naive))


def test_a_term_on_another_day_is_told_with_its_day() -> None:
    facts = StatusFacts(opens_at=at("2026-11-24T23:50"), due_at=at("2026-11-25T00:20"))
    assert "крайний срок: 25 ноября 2026 года, среда, 00:20." in status_text("deferred", facts).ru


def test_names_come_on_one_line_and_with_one_full_stop() -> None:
    facts = StatusFacts(
        doctor_name=" Ахметова \n С.  Т.", clinic_name=language.name("№ 5\nемхана", " Поликлиника  № 5 ")
    )
    assert status_text("scheduled", facts).ru.endswith(" Врач: Ахметова С. Т. Поликлиника № 5.")


# Fields ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "kk", "ru", "en"),
    [
        (("patient.birth_date",), "пациенттің туған күні", "дата рождения пациента", "patient's date of birth"),
        (("reasons.0", "reasons.1"), "шақыру себебі", "причина вызова", "reason for the call"),
        (("address.lat",), "мекенжай", "адрес", "address"),
        (("extra.deep", "note"), "extra.deep; ескертпе", "extra.deep; примечание", "extra.deep; note"),
        (
            ("clinic_id", "channel", "address", "note", "reasons"),
            "емхана; өтініш беру тәсілі; мекенжай және т.б.",
            "поликлиника; способ подачи; адрес и др.",
            "clinic; way of applying; address and others",
        ),
    ],
)
def test_fields_are_called_as_people_call_them(paths: tuple[str, ...], kk: str, ru: str, en: str) -> None:
    assert language.field_names(paths) == Text(kk, ru, en)


def test_no_fields_no_list() -> None:
    assert language.field_names(()) is None
    assert status_text("refused", StatusFacts(refusal_code="invalid_request")).en == (
        f"The request was not accepted: its data are incomplete or wrong. Please correct the data and apply again. "
        f"{RIGHTS.en}"
    )


# Dates and counted words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "kk", "ru", "en"),
    [
        (
            date(2026, 11, 23),
            "2026 жылғы 23 қараша, дүйсенбі",
            "23 ноября 2026 года, понедельник",
            "Monday 23 November",
        ),
        (date(2026, 3, 3), "2026 жылғы 3 наурыз, сейсенбі", "3 марта 2026 года, вторник", "Tuesday 3 March"),
        (date(2026, 5, 6), "2026 жылғы 6 мамыр, сәрсенбі", "6 мая 2026 года, среда", "Wednesday 6 May"),
        (date(2026, 1, 1), "2026 жылғы 1 қаңтар, бейсенбі", "1 января 2026 года, четверг", "Thursday 1 January"),
        (date(2026, 7, 31), "2026 жылғы 31 шілде, жұма", "31 июля 2026 года, пятница", "Friday 31 July"),
        (date(2026, 9, 12), "2026 жылғы 12 қыркүйек, сенбі", "12 сентября 2026 года, суббота", "Saturday 12 September"),
        (date(2026, 8, 30), "2026 жылғы 30 тамыз, жексенбі", "30 августа 2026 года, воскресенье", "Sunday 30 August"),
    ],
)
def test_day(on: date, kk: str, ru: str, en: str) -> None:
    assert language.day(on) == Text(kk, ru, f"{en} 2026")


@pytest.mark.parametrize(
    ("on", "kk", "ru"),
    [
        (date(2026, 11, 23), "2026 жылғы 23 қараша, дүйсенбі күні", "в понедельник, 23 ноября 2026 года"),
        (date(2026, 11, 24), "2026 жылғы 24 қараша, сейсенбі күні", "во вторник, 24 ноября 2026 года"),
        (date(2026, 11, 25), "2026 жылғы 25 қараша, сәрсенбі күні", "в среду, 25 ноября 2026 года"),
        (date(2026, 11, 26), "2026 жылғы 26 қараша, бейсенбі күні", "в четверг, 26 ноября 2026 года"),
        (date(2026, 11, 27), "2026 жылғы 27 қараша, жұма күні", "в пятницу, 27 ноября 2026 года"),
        (date(2026, 11, 28), "2026 жылғы 28 қараша, сенбі күні", "в субботу, 28 ноября 2026 года"),
        (date(2026, 11, 29), "2026 жылғы 29 қараша, жексенбі күні", "в воскресенье, 29 ноября 2026 года"),
    ],
)
def test_day_within_a_sentence(on: date, kk: str, ru: str) -> None:
    assert language.on_day(on) == Text(kk, ru, f"on {language.day(on).en}")


@pytest.mark.parametrize(
    ("n", "within_ru", "through_ru", "days_ru"),
    [
        (1, "в течение 1 минуты", "не позднее чем через 1 минуту", "1 рабочий день"),
        (2, "в течение 2 минут", "не позднее чем через 2 минуты", "2 рабочих дня"),
        (5, "в течение 5 минут", "не позднее чем через 5 минут", "5 рабочих дней"),
        (11, "в течение 11 минут", "не позднее чем через 11 минут", "11 рабочих дней"),
        (21, "в течение 21 минуты", "не позднее чем через 21 минуту", "21 рабочий день"),
        (22, "в течение 22 минут", "не позднее чем через 22 минуты", "22 рабочих дня"),
        (25, "в течение 25 минут", "не позднее чем через 25 минут", "25 рабочих дней"),
        (30, "в течение 30 минут", "не позднее чем через 30 минут", "30 рабочих дней"),
    ],
)
def test_counted_words(n: int, within_ru: str, through_ru: str, days_ru: str) -> None:
    minutes, days = ("minute", "working day") if n == 1 else ("minutes", "working days")
    assert language.within_minutes(n) == Text(f"{n} минут ішінде", within_ru, f"within {n} {minutes}")
    assert language.minutes_at_latest(n) == Text(
        f"{n} минуттан кешіктірмей", through_ru, f"in {n} {minutes} at the latest"
    )
    assert language.working_days(n) == Text(f"{n} жұмыс күні", days_ru, f"{n} {days}")


# What holds of every text ---------------------------------------------------------------------------------------------


def _all(text: Text) -> tuple[str, str, str]:
    return text.kk, text.ru, text.en


def optional(values: st.SearchStrategy[typing.Any]) -> st.SearchStrategy[typing.Any]:
    return st.none() | values


WORDS = st.sampled_from(["Ахметова Сәуле", "Ли  В.", "\tҰ. Һашим", " "])
MOMENTS = st.datetimes(
    min_value=datetime(2024, 3, 2),  # noqa: DTZ001 -- the strategy takes bounds without a zone and adds its own
    max_value=datetime(2035, 1, 1),  # noqa: DTZ001 -- as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5)), timezone(timedelta(hours=-8))]),
)
FACTS = st.builds(
    StatusFacts,
    emergency=st.booleans(),
    channel=optional(st.sampled_from(["desk", "phone", "portal"])),
    clinic_name=optional(st.builds(language.name, WORDS.filter(str.strip), WORDS.filter(str.strip))),
    clinic_phone=optional(st.sampled_from(["+7 700 000 00 05", " "])),
    register_number=optional(st.integers(1, 9999)),
    due_at=optional(MOMENTS),
    minutes=optional(st.integers(-5, 120)),
    opens_at=optional(MOMENTS),
    deferred_again=st.booleans(),
    opens_later=st.booleans(),
    visit_date=optional(st.dates(date(2024, 3, 2), date(2035, 1, 1))),
    arrives_from=optional(MOMENTS),
    arrives_to=optional(MOMENTS),
    doctor_name=optional(WORDS),
    doctor_specialty=optional(st.sampled_from([*typing.get_args(Specialty), "surgeon"])),
    reschedule_reason=optional(st.sampled_from([*REASONS, "something else"])),
    refusal_code=optional(st.sampled_from([*CODES, "new_code"])),
    refusal_fields=st.lists(st.sampled_from([*language.FIELD_NAMES, "reasons.0", "new.field", " "]), max_size=6),
    next_acceptance_at=optional(MOMENTS),
    existing_request_id=optional(st.just(EARLIER)),
    outcome=optional(st.sampled_from([*OUTCOMES, "new_outcome"])),
    late=st.booleans(),
    ministry=optional(st.just(ADDRESSES["ministry"])),
    directory=optional(st.just(ADDRESSES["directory"])),
)


@given(status=st.sampled_from(STATUSES), facts=FACTS)
def test_every_text_is_whole(status: RequestStatus, facts: StatusFacts) -> None:
    for text in (status_text(status, facts), oral_answer(status, facts)):
        for said, call_103 in zip(_all(text), _all(CALL_103_NOW), strict=True):
            assert said
            assert said == " ".join(said.split())
            assert not re.search(r"None|[{}]|\.\.|,\.| [.,)]|\( ", said)
            assert said.endswith(".")
            assert said.startswith(call_103) == facts.emergency


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", CODES)
def test_texts_are_short(status: RequestStatus, code: str) -> None:
    """About 300 characters with a clinic's name, a doctor and all that the status tells; 103 comes on top, and with a
    refusal where to complain."""
    facts = StatusFacts(
        **CALL | DUE | VISIT | CLINIC,
        opens_at=at("2026-11-23T08:00"),
        next_acceptance_at=at("2026-11-24T08:00"),
        reschedule_reason="doctor_unavailable",
        refusal_code=code,
        refusal_fields=("patient.full_name", "applicant.authority.kind", "address", "reasons"),
        existing_request_id=EARLIER,
        outcome="served",
    )
    rights = len(RIGHTS.ru) + 1 if status == "refused" else 0
    assert max(map(len, _all(status_text(status, facts)))) <= 300 + rights


@pytest.mark.parametrize(
    ("kk", "ru", "said"),
    [
        (
            "№ 1 «Самал» емханасы",
            "Поликлиника № 1 «Самал»",
            ("№ 1 «Самал» емханасы.", "Поликлиника № 1 «Самал».", "Clinic: Поликлиника № 1 «Самал»."),
        ),
        (
            "ҚАЛАЛЫҚ ЕМХАНА № 5",
            "ГОРОДСКАЯ ПОЛИКЛИНИКА № 5",
            ("ҚАЛАЛЫҚ ЕМХАНА № 5.", "ГОРОДСКАЯ ПОЛИКЛИНИКА № 5.", "Clinic: ГОРОДСКАЯ ПОЛИКЛИНИКА № 5."),
        ),
        (
            "«Самал» клиникасы",
            "Клиника «Самал»",
            ("«Самал» клиникасы.", "Клиника «Самал».", "Clinic: Клиника «Самал»."),
        ),
        ("«Самал»", "«Самал»", ("Емхана: «Самал».", "Поликлиника: «Самал».", "Clinic: «Самал».")),
        ("Samal Clinic", "Samal Clinic", ("Емхана: Samal Clinic.", "Поликлиника: Samal Clinic.", "Samal Clinic.")),
    ],
)
@pytest.mark.parametrize("status", ["scheduled", "registered", "delayed"])
def test_a_name_that_says_clinic_is_not_labelled_so_again(
    status: RequestStatus, kk: str, ru: str, said: tuple[str, str, str]
) -> None:
    text = status_text(status, StatusFacts(clinic_name=language.name(kk, ru)))
    for told, expected in zip((text.kk, text.ru, text.en), said, strict=True):
        assert told.endswith(expected)
        assert told.count(expected) == 1
