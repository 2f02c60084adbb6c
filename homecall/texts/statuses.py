"""What people are told about a call, in Kazakh, Russian and English (C6.1, C6.2, R3, R13).

Pure: a text depends only on the status and the facts. Names, numbers and times are placed where they need no case
ending. A text contains no personal data of the patient: no name, IIN, address or complaint.

Long because it is data: the sentences of every status stand together, so that a translator reads them in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from homecall.contract.events import RequestStatus
from homecall.texts.language import (
    CONTACT_CENTRE,
    NOTHING,
    Text,
    clinic_labelled,
    clock,
    day,
    field_names,
    local,
    minutes_at_latest,
    moment,
    on_day,
    plain,
    sentences,
    window,
    within_minutes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFacts:
    """What a text may contain. Missing facts are left out of the text, never guessed.

    ``clinic_name`` is `language.name(kk, ru)`. Moments have an offset and are written in the clinic's zone. ``minutes``
    are whole minutes until ``due_at``; with none left, no time is promised. ``deferred_again`` is R16: on the day named
    before, the clinic is closed or, with ``opens_later``, opens later. ``refusal_fields`` are dotted paths. ``late``:
    the answer comes after its deadline; then, and with every refusal, the text says how to complain. ``ministry`` and
    ``directory`` are the addresses for that, from the rule set. ``handed_on_to`` and ``handed_on_by`` name the other
    clinic of a call that was handed on (R25), as ``clinic_name`` does its own.

    A ``reschedule_reason``, ``refusal_code``, ``outcome`` or ``doctor_specialty`` without a wording here gives the
    general sentence: free text is never repeated, since it is in one language and may contain personal data.
    """

    emergency: bool = False
    channel: str | None = None
    clinic_name: Text | None = None
    clinic_phone: str | None = None
    register_number: int | None = None
    due_at: datetime | None = None
    minutes: int | None = None
    opens_at: datetime | None = None
    deferred_again: bool = False
    opens_later: bool = False
    visit_date: date | None = None
    arrives_from: datetime | None = None
    arrives_to: datetime | None = None
    doctor_name: str | None = None
    doctor_specialty: str | None = None
    reschedule_reason: str | None = None
    refusal_code: str | None = None
    refusal_fields: Sequence[str] = ()
    next_acceptance_at: datetime | None = None
    existing_request_id: str | None = None
    outcome: str | None = None
    handed_on_to: Text | None = None
    handed_on_to_phone: str | None = None
    handed_on_by: Text | None = None
    late: bool = False
    ministry: Text | None = None
    directory: Text | None = None

    def unless_emergency(self, sentence: Text) -> Text | None:
        """A sentence that is left out in an emergency, where advice on 103 has been given already."""
        return None if self.emergency else sentence


def status_text(status: RequestStatus, facts: StatusFacts) -> Text:
    """The text of `status.changed`, about 300 characters per language, plus where to complain.

    In an emergency it first says to call 103 now (R13). Raises ValueError for a moment that has no offset.
    """
    return sentences(CALL_103_NOW if facts.emergency else None, *_STATUS[status](facts))


def oral_answer(status: RequestStatus, facts: StatusFacts) -> Text:
    """What the registrar says at the desk or on the phone, as the register records it (C6.1).

    In an emergency it first says to call 103 now (R13). Raises ValueError for a moment that has no offset.
    """
    return sentences(CALL_103_NOW if facts.emergency else None, *_ORAL[status](facts))


# Sentences said in several places -------------------------------------------------------------------------------------

CALL_103_NOW: Final = Text(
    "Дереу 103 нөміріне қоңырау шалыңыз: бұл белгілер өмірге қауіпті болуы мүмкін.",
    "Немедленно звоните 103: такие симптомы могут угрожать жизни.",
    "Call 103 now: these symptoms may be life-threatening.",
)
"""First in every text on a call with a red flag (R13)."""

_IN_EMERGENCY: Final = Text(
    "Шұғыл жағдайда 103 нөміріне қоңырау шалыңыз.",
    "В экстренном случае звоните 103.",
    "In an emergency call 103.",
)
_IF_WORSE: Final = Text(
    "Пациенттің жағдайы нашарласа, 103 нөміріне қоңырау шалыңыз.",
    "Если пациенту станет хуже, звоните 103.",
    "If the patient gets worse, call 103.",
)
_STATUS_BY_PHONE: Final = Text(
    "Шақырудың мәртебесін білу үшін: {phones}.",
    "Узнать статус вызова: {phones}.",
    "To learn the status of the call: {phones}.",
).fill(phones=CONTACT_CENTRE)
_STATUS_IN_CABINET: Final = Text(
    "Жауап порталдағы жеке кабинетте көрсетіледі.",
    "Ответ появится в личном кабинете на портале.",
    "The answer will appear in your personal cabinet on the portal.",
)
_QUALITY: Final = Text(
    "Қызмет көрсету сапасы туралы сұрақтар: {phones}.",
    "По вопросам качества услуги: {phones}.",
    "Questions about the quality of the service: {phones}.",
).fill(phones=CONTACT_CENTRE)
_CALL_AGAIN: Final = Text(
    "Дәрігер әлі де қажет болса, қайта шақырыңыз.",
    "Если врач всё ещё нужен, вызовите его снова.",
    "If a doctor is still needed, please call again.",
)
_SORRY: Final = Text("Кешірім сұраймыз.", "Приносим извинения.", "We apologise.")

_CLINIC_AND_PHONE: Final = Text("{name}, тел. {phone}.", "{name}, тел. {phone}.", "{name}, tel. {phone}.")
_CLINIC: Final = Text("{name}.", "{name}.", "{name}.")
_CLINIC_PHONE: Final = Text("Емхананың телефоны: {phone}.", "Телефон поликлиники: {phone}.", "Clinic's phone: {phone}.")


def _clinic(facts: StatusFacts) -> Text | None:
    phone = plain(facts.clinic_phone)
    if facts.clinic_name is None:
        return _CLINIC_PHONE.fill(phone=phone) if phone else None
    name = clinic_labelled(facts.clinic_name)
    return _CLINIC_AND_PHONE.fill(name=name, phone=phone) if phone else _CLINIC.fill(name=name)


_RIGHTS: Final = Text(
    "Емхана басшысына немесе Министрлікке{ministry} шағымдануға және сотқа жүгінуге құқылысыз, анықтама: {phones}.",
    "Вы вправе подать жалобу руководителю поликлиники или в Министерство{ministry} и обратиться в суд; справки: "
    "{phones}.",
    "You may complain to the head of the clinic or to the Ministry{ministry}, and go to court; enquiries: {phones}.",
)
_IN_BRACKETS: Final = Text(" ({address})", " ({address})", " ({address})")
_ADDRESSES: Final = Text(
    "Мекенжайлар мен телефондар: {directory}.", "Адреса и телефоны: {directory}.", "Addresses and phones: {directory}."
)


def _rights(facts: StatusFacts) -> list[Text | None]:
    """How to complain, to whom and where, and that the court is open (C10.1, C10.7, C11, C12, C15)."""
    ministry = NOTHING if facts.ministry is None else _IN_BRACKETS.fill(address=facts.ministry)
    return [
        _RIGHTS.fill(ministry=ministry, phones=CONTACT_CENTRE),
        None if facts.directory is None else _ADDRESSES.fill(directory=facts.directory),
    ]


def _rights_if_late(facts: StatusFacts) -> list[Text | None]:
    return _rights(facts) if facts.late else []


def _rights_aloud(facts: StatusFacts) -> list[Text | None]:
    """The same as it is said at the desk: without addresses."""
    del facts
    return [_RIGHTS.fill(ministry=NOTHING, phones=CONTACT_CENTRE)]


_NUMBER_IN_BRACKETS: Final = Text(" (журналдағы нөмірі – {number})", " (номер в журнале – {number})", " (No. {number})")


def _number(facts: StatusFacts) -> Text:
    """The register number in brackets, to follow a word; or nothing."""
    return NOTHING if facts.register_number is None else _NUMBER_IN_BRACKETS.fill(number=facts.register_number)


# Registered -----------------------------------------------------------------------------------------------------------

_REGISTERED: Final = Text(
    "Шақыру тіркелді{number}.", "Вызов зарегистрирован{number}.", "Your call is registered{number}."
)
_TOLD_WITHIN_BY: Final = Text(
    "Дәрігердің қашан келетіні {within} хабарланады (ең кеші – {by}).",
    "Время прихода врача сообщим {within} (до {by}).",
    "You will be told the time of the doctor's visit {within} (by {by}).",
)
_TOLD_WITHIN: Final = Text(
    "Дәрігердің қашан келетіні {within} хабарланады.",
    "Время прихода врача сообщим {within}.",
    "You will be told the time of the doctor's visit {within}.",
)
_TOLD_BY: Final = Text(
    "Дәрігердің қашан келетіні хабарланады, ең кеш мерзімі: {by}.",
    "Время прихода врача сообщим, крайний срок: {by}.",
    "You will be told the time of the doctor's visit, at the latest by: {by}.",
)
_TOLD_WHEN_SET: Final = Text(
    "Дәрігердің қашан келетіні белгіленген бойда хабарланады.",
    "Время прихода врача сообщим, как только оно будет назначено.",
    "You will be told the time of the doctor's visit as soon as it is set.",
)


def _told_within(facts: StatusFacts) -> Text:
    if facts.minutes is None:
        return _TOLD_WHEN_SET if facts.due_at is None else _TOLD_BY.fill(by=moment(facts.due_at))
    if facts.minutes < 1:
        return _TOLD_WHEN_SET
    if facts.due_at is None:
        return _TOLD_WITHIN.fill(within=within_minutes(facts.minutes))
    return _TOLD_WITHIN_BY.fill(within=within_minutes(facts.minutes), by=clock(facts.due_at))


_HANDED_ON_BY: Final = Text(
    "Шақыруды бізге берген емхана: {name}.",
    "Вызов нам передала поликлиника: {name}.",
    "The clinic that handed your call on to us: {name}.",
)


def _handed_on_by(facts: StatusFacts) -> Text | None:
    return None if facts.handed_on_by is None else _HANDED_ON_BY.fill(name=facts.handed_on_by)


def _registered(facts: StatusFacts) -> list[Text | None]:
    where = _STATUS_IN_CABINET if facts.channel == "portal" else _STATUS_BY_PHONE
    number = _REGISTERED.fill(number=_number(facts))
    return [number, _handed_on_by(facts), _told_within(facts), where, _clinic(facts)]


# Deferred -------------------------------------------------------------------------------------------------------------

_OUT_OF_HOURS: Final = Text(
    "Өтініш шақыруларды қабылдау уақытынан тыс түсті.",
    "Заявка получена вне времени приёма вызовов.",
    "Your request came outside the hours in which calls are accepted.",
)
_CLOSED_AFTER_ALL: Final = Text(
    "Бұрын аталған күні емхана жұмыс істемейді, сондықтан өтінішті қарау кейінге қалдырылды.",
    "В названный ранее день поликлиника не работает, поэтому рассмотрение заявки перенесено.",
    "The clinic is closed on the day named before, so your request has been moved.",
)
_LATER_AFTER_ALL: Final = Text(
    "Бұрын аталған күні емхана кешірек ашылады, сондықтан өтінішті қарау кейінге қалдырылды.",
    "В названный ранее день поликлиника открывается позже, поэтому рассмотрение заявки перенесено.",
    "The clinic opens later on the day named before, so your request has been moved.",
)
_TAKEN_UP_AT: Final = Text(
    "Емхана оны жұмыс уақыты басталғанда қарайды: {opens}.",
    "Поликлиника рассмотрит её после открытия: {opens}.",
    "The clinic takes it up when it opens: {opens}.",
)
_TAKEN_UP: Final = Text(
    "Емхана оны жұмыс уақыты басталғанда қарайды.",
    "Поликлиника рассмотрит её после открытия.",
    "The clinic takes it up when it opens.",
)
_TOLD_THAT_DAY: Final = Text(
    "Дәрігердің қашан келетіні сол күні хабарланады (ең кеші – {by}).",
    "Время прихода врача сообщим в тот же день (до {by}).",
    "You will be told the time of the doctor's visit that day (by {by}).",
)


def _told_after_opening(facts: StatusFacts) -> Text:
    if facts.due_at is None:
        return _TOLD_WHEN_SET
    if facts.opens_at is None or local(facts.opens_at).date() != local(facts.due_at).date():
        return _TOLD_BY.fill(by=moment(facts.due_at))
    return _TOLD_THAT_DAY.fill(by=clock(facts.due_at))


def _deferred_until(facts: StatusFacts) -> list[Text | None]:
    moved = _LATER_AFTER_ALL if facts.opens_later else _CLOSED_AFTER_ALL
    return [
        moved if facts.deferred_again else _handed_on_by(facts) or _OUT_OF_HOURS,
        _TAKEN_UP if facts.opens_at is None else _TAKEN_UP_AT.fill(opens=moment(facts.opens_at)),
        _told_after_opening(facts),
        facts.unless_emergency(_IN_EMERGENCY),
    ]


def _deferred(facts: StatusFacts) -> list[Text | None]:
    return [*_deferred_until(facts), _clinic(facts)]


# Scheduled and rescheduled --------------------------------------------------------------------------------------------

_VISIT_SET: Final = Text("Дәрігердің келетін уақыты: {when}.", "Визит врача: {when}.", "The doctor's visit: {when}.")
_VISIT_SET_NO_TIME: Final = Text(
    "Дәрігердің келетін уақыты белгіленді, оны емханадан біле аласыз.",
    "Время визита врача назначено, его подскажут в поликлинике.",
    "The time of the doctor's visit is set; the clinic will tell you when.",
)
_TIME_CHANGED: Final = Text(
    "Дәрігердің келу уақыты өзгерді.", "Визит врача перенесён.", "The doctor's visit has been changed."
)
_NEW_TIME: Final = Text("Жаңа уақыты: {when}.", "Новое время: {when}.", "The new time: {when}.")
_DOCTOR: Final = Text("Дәрігер: {doctor}.", "Врач: {doctor}.", "Doctor: {doctor}.")
_BE_AT_HOME: Final = Text(
    "Осы уақытта үйде болуыңызды сұраймыз.",
    "Просим в это время быть дома.",
    "Please be at home at that time.",
)

SPECIALTIES: Final[Mapping[str, Text]] = {
    "gp": Text("жалпы практика дәрігері", "врач общей практики", "general practitioner"),
    "therapist": Text("терапевт", "терапевт", "physician"),
    "paediatrician": Text("педиатр", "педиатр", "paediatrician"),
}
"""What people call the doctor of each specialty."""

_RESCHEDULE_REASONS: Final[Mapping[str, Text]] = {
    "doctor_unavailable": Text(
        "Себебі: бұрын тағайындалған дәрігер келе алмайды.",
        "Причина: назначенный ранее врач не сможет прийти.",
        "Reason: the doctor named before cannot come.",
    ),
    "roster_changed": Text(
        "Себебі: дәрігерлердің жұмыс кестесі өзгерді.",
        "Причина: изменился график работы врачей.",
        "Reason: the doctors' timetable has changed.",
    ),
    "no_capacity": Text(
        "Себебі: бұрынғы уақытта бос дәрігер болмады.",
        "Причина: на прежнее время не оказалось свободного врача.",
        "Reason: no doctor was free at the earlier time.",
    ),
    "assigned": Text(
        "Себебі: емхана диспетчері уақытты немесе дәрігерді өзгертті.",
        "Причина: диспетчер поликлиники изменил время или врача.",
        "Reason: the clinic's dispatcher has changed the time or the doctor.",
    ),
    "clinic_closed": Text(
        "Себебі: бұрын белгіленген күні емхана жұмыс істемейді.",
        "Причина: в назначенный ранее день поликлиника не работает.",
        "Reason: the clinic is closed on the day set before.",
    ),
}


def _visit_when(facts: StatusFacts) -> Text | None:
    if facts.visit_date is None:
        return None
    on = day(facts.visit_date)
    if facts.arrives_from is None or facts.arrives_to is None:
        return on
    hours = window(facts.arrives_from, facts.arrives_to)
    return on.map(lambda text: f"{text}, {hours}")


def _doctor(facts: StatusFacts) -> Text | None:
    doctor = plain(facts.doctor_name)
    if not doctor:
        return None
    specialty = SPECIALTIES.get(facts.doctor_specialty or "")
    return _DOCTOR.fill(doctor=doctor if specialty is None else specialty.map(lambda text: f"{doctor}, {text}"))


def _be_at_home(facts: StatusFacts) -> Text | None:
    timed = facts.visit_date is not None and facts.arrives_from is not None and facts.arrives_to is not None
    return _BE_AT_HOME if timed else None


def _scheduled(facts: StatusFacts) -> list[Text | None]:
    when = _visit_when(facts)
    visit = _VISIT_SET_NO_TIME if when is None else _VISIT_SET.fill(when=when)
    return [visit, _doctor(facts), _be_at_home(facts), _clinic(facts), *_rights_if_late(facts)]


def _rescheduled(facts: StatusFacts) -> list[Text | None]:
    when = _visit_when(facts)
    return [
        _TIME_CHANGED,
        _RESCHEDULE_REASONS.get(facts.reschedule_reason or ""),
        _SORRY,
        _VISIT_SET_NO_TIME if when is None else _NEW_TIME.fill(when=when),
        _doctor(facts),
        _be_at_home(facts),
        _clinic(facts),
        *_rights_if_late(facts),
    ]


# Delayed --------------------------------------------------------------------------------------------------------------

_NO_TIME_YET: Final = Text(
    "Кешірім сұраймыз: дәрігердің келетін уақыты әзірге белгіленген жоқ.",
    "Приносим извинения: время визита врача пока не назначено.",
    "We apologise: the time of the doctor's visit is not set yet.",
)
_CALL_STANDS: Final = Text(
    "Шақыру{number} күшінде, уақыты белгіленген бойда хабарлаймыз.",
    "Вызов{number} остаётся в силе; время сообщим, как только оно будет назначено.",
    "Your call{number} stands; you will be told the time as soon as it is set.",
)


def _delayed(facts: StatusFacts) -> list[Text | None]:
    return [*_delayed_so_far(facts), _clinic(facts), *_rights_if_late(facts)]


def _delayed_so_far(facts: StatusFacts) -> list[Text | None]:
    return [_NO_TIME_YET, _CALL_STANDS.fill(number=_number(facts)), facts.unless_emergency(_IF_WORSE)]


def _delayed_aloud(facts: StatusFacts) -> list[Text | None]:
    return [*_delayed_so_far(facts), *(_rights_aloud(facts) if facts.late else [])]


# Refused --------------------------------------------------------------------------------------------------------------

_WRONG_FIELDS: Final = Text(
    "Өтініш қабылданбады. Көрсетілмеген немесе қате көрсетілген мәліметтер: {fields}.",
    "Заявка не принята. Не указаны или указаны неверно: {fields}.",
    "The request was not accepted. Missing or wrong: {fields}.",
)
_WRONG_DATA: Final = Text(
    "Өтініш қабылданбады: мәліметтер толық емес немесе қате.",
    "Заявка не принята: данные неполны или указаны неверно.",
    "The request was not accepted: its data are incomplete or wrong.",
)
_CORRECT_AND_REPEAT: Final = Text(
    "Мәліметтерді түзетіп, өтінішті қайта беріңіз.",
    "Исправьте данные и подайте заявку снова.",
    "Please correct the data and apply again.",
)
_UNKNOWN_CLINIC: Final = Text(
    "Өтініш қабылданбады: онда көрсетілген емхана жүйеде жоқ. Пациент тіркелген емхананы таңдап, өтінішті қайта "
    "беріңіз. Анықтама: {phones}.",
    "Заявка не принята: указанной в ней поликлиники нет в системе. Выберите поликлинику, к которой прикреплён пациент, "
    "и подайте заявку снова. Справки: {phones}.",
    "The request was not accepted: the clinic it names is not in the system. Choose the clinic the patient is attached "
    "to and apply again. Enquiries: {phones}.",
).fill(phones=CONTACT_CENTRE)
_TOO_EARLY_OR_LATE: Final = Text(
    "Шақыру қабылданбады: өтініш шақыруларды қабылдау уақытынан тыс түсті.",
    "Вызов не принят: заявка поступила вне времени приёма.",
    "The call was not accepted: it came outside the hours in which calls are accepted.",
)
_ACCEPTS_NEXT: Final = Text(
    "Шақыруларды қабылдау қайта басталатын уақыт: {at}.",
    "Приём вызовов возобновится: {at}.",
    "The clinic accepts calls again from: {at}.",
)
_IDENTITY: Final = Text(
    "Өтініш қабылданбады: өтініш берушінің немесе пациенттің жеке басы расталмады.",
    "Заявка не принята: личность заявителя или пациента не подтверждена.",
    "The request was not accepted: the identity of the applicant or the patient could not be confirmed.",
)
_IDENTITY_NEXT: Final[Mapping[str, Text]] = {
    "desk": Text(
        "Тіркеу бөлімінде жеке басты куәландыратын құжатты көрсетіп, өтінішті қайта беріңіз.",
        "Предъявите в регистратуре документ, удостоверяющий личность, и подайте заявку снова.",
        "Show an identity document at the reception desk and apply again.",
    ),
    "phone": Text(
        "ЖСН мен аты-жөнін тексеріп, қайта қоңырау шалыңыз.",
        "Проверьте ИИН и ФИО и позвоните снова.",
        "Please check the IIN and the full name and call again.",
    ),
}
_IDENTITY_NEXT_ELSE: Final = Text(
    "ЖСН мен аты-жөнін тексеріп, өтінішті қайта беріңіз.",
    "Проверьте ИИН и ФИО и подайте заявку снова.",
    "Please check the IIN and the full name and apply again.",
)
_AUTHORITY: Final = Text(
    "Өтініш қабылданбады: өкілдің өкілеттігі расталмады. Жарамды сенімхатты немесе ата-ана не қорғаншы екенін "
    "растайтын құжатты көрсетіп, өтінішті қайта беріңіз. Пациенттің өзі де өтініш бере алады.",
    "Заявка не принята: полномочия представителя не подтверждены. Укажите действующую доверенность либо документ, "
    "подтверждающий, что Вы родитель или опекун, и подайте заявку снова. Пациент может обратиться и сам.",
    "The request was not accepted: the representative's authority could not be confirmed. Give a valid power of "
    "attorney, or proof of being the parent or guardian, and apply again. Patients may also apply themselves.",
)
_SIGNATURE: Final = Text(
    "Өтініш қабылданбады: электрондық цифрлық қолтаңба (ЭЦҚ) расталмады. Өтінішті өз атыңызға берілген жарамды ЭЦҚ "
    "арқылы куәландырып, қайта жіберіңіз немесе емханаға қоңырау шалыңыз.",
    "Заявка не принята: электронная цифровая подпись (ЭЦП) не подтверждена. Подпишите заявку своей действующей ЭЦП и "
    "отправьте её снова или позвоните в поликлинику.",
    "The request was not accepted: the electronic digital signature (EDS) could not be confirmed. Sign it with your "
    "own valid EDS and send it again, or phone the clinic.",
)
_NOT_ATTACHED: Final = Text(
    "Өтініш қабылданбады: пациент бұл емханаға тіркелмеген. Пациент тіркелген емханаға жүгініңіз немесе egov.kz "
    "порталы арқылы осы емханаға тіркеліңіз.",
    "Заявка не принята: пациент не прикреплён к этой поликлинике. Обратитесь в поликлинику по месту прикрепления или "
    "прикрепитесь к этой через портал egov.kz.",
    "The request was not accepted: the patient is not attached to this clinic. Apply to the clinic the patient is "
    "attached to, or have the patient attached to this one on egov.kz.",
)
_DUPLICATE: Final = Text(
    "Жаңа өтініш қабылданбады: бұл пациентке дәрігер шақырылып қойған; қайта өтініш берудің қажеті жоқ.",
    "Новая заявка не принята: к этому пациенту врач уже вызван.",
    "The new request was not accepted: a doctor has already been called for this patient.",
)
_DUPLICATE_OF: Final = Text(
    "Бұрынғы өтініштің нөмірі: {request}.", "Номер прежней заявки: {request}.", "The earlier request: {request}."
)
_DUPLICATE_NEXT: Final = Text(
    "Ол шақыру күшінде қалады. Оны өзгерту немесе қайтарып алу үшін емханаға хабарласыңыз.",
    "Она остаётся в силе, подавать ещё одну не нужно. Чтобы изменить или отозвать её, обратитесь в поликлинику.",
    "It stands, and there is no need for another. To change or withdraw it, contact the clinic.",
)
_REFUSED_OTHERWISE: Final = Text(
    "Өтініш қабылданбады. Себебін емханадан немесе мына нөмірлер арқылы біліңіз: {phones}.",
    "Заявка не принята. Причину уточните в поликлинике или по номерам: {phones}.",
    "The request was not accepted. Ask the clinic for the reason, or call: {phones}.",
).fill(phones=CONTACT_CENTRE)


_CLOSED_FOR_GOOD: Final = Text(
    "Шақыру қабылданбады: емхана жұмысын қайта бастаған жоқ. Пациент тіркелген басқа емханаға жүгініңіз.",
    "Вызов не принят: поликлиника так и не возобновила работу. Обратитесь в другую поликлинику.",
    "The call was not accepted: the clinic has not opened again. Apply to another clinic.",
)


def _invalid_request(facts: StatusFacts) -> list[Text | None]:
    fields = field_names(facts.refusal_fields)
    return [_WRONG_DATA if fields is None else _WRONG_FIELDS.fill(fields=fields), _CORRECT_AND_REPEAT]


def _outside_hours(facts: StatusFacts) -> list[Text | None]:
    at = facts.next_acceptance_at
    if at is None and "clinic_id" in facts.refusal_fields:
        return [_CLOSED_FOR_GOOD, facts.unless_emergency(_IN_EMERGENCY)]
    return [
        _TOO_EARLY_OR_LATE,
        None if at is None else _ACCEPTS_NEXT.fill(at=moment(at)),
        facts.unless_emergency(_IN_EMERGENCY),
    ]


def _identity(facts: StatusFacts) -> list[Text | None]:
    return [_IDENTITY, _IDENTITY_NEXT.get(facts.channel or "", _IDENTITY_NEXT_ELSE)]


def _duplicate(facts: StatusFacts) -> list[Text | None]:
    earlier = plain(facts.existing_request_id)
    return [_DUPLICATE, _DUPLICATE_OF.fill(request=earlier) if earlier else None, _DUPLICATE_NEXT]


_REFUSALS: Final[Mapping[str, Callable[[StatusFacts], list[Text | None]]]] = {
    "invalid_request": _invalid_request,
    "unknown_clinic": lambda _: [_UNKNOWN_CLINIC],
    "outside_acceptance_hours": _outside_hours,
    "identity_not_confirmed": _identity,
    "authority_invalid": lambda _: [_AUTHORITY],
    "signature_invalid": lambda _: [_SIGNATURE],
    "not_attached": lambda _: [_NOT_ATTACHED],
    "duplicate": _duplicate,
}


def _refusal(facts: StatusFacts) -> list[Text | None]:
    """What was wrong and what to do next, by the code."""
    say = _REFUSALS.get(facts.refusal_code or "")
    return [_REFUSED_OTHERWISE] if say is None else say(facts)


def _refused(facts: StatusFacts) -> list[Text | None]:
    return [*_refusal(facts), _clinic(facts), *_rights(facts)]


# Withdrawn and closed -------------------------------------------------------------------------------------------------

_WITHDRAWN: Final = Text(
    "Шақыру{number} қайтарып алынды, дәрігер келмейді.",
    "Вызов{number} отозван, врач не придёт.",
    "Your call{number} has been withdrawn; no doctor will come.",
)
_HANDED_ON: Final = Text(
    "Шақыру{number} басқа емханаға берілді: {name}. Дәрігердің қашан келетінін сол емхана хабарлайды.",
    "Вызов{number} передан в другую поликлинику: {name}. О времени прихода врача сообщит она.",
    "Your call{number} has been handed on to another clinic: {name}. That clinic will tell you when the doctor comes.",
)
_WITH_PHONE: Final = Text("{name}, тел. {phone}", "{name}, тел. {phone}", "{name}, tel. {phone}")
_OUTCOMES: Final[Mapping[str, Text]] = {
    "served": Text(
        "Дәрігер пациентті үйде қарады, шақыру аяқталды.",
        "Врач осмотрел пациента на дому, вызов завершён.",
        "The doctor has seen the patient at home; the call is closed.",
    ),
    "hospitalised": Text(
        "Пациент ауруханаға жатқызылды, шақыру аяқталды.",
        "Пациент госпитализирован, вызов завершён.",
        "The patient has been admitted to hospital; the call is closed.",
    ),
    "not_at_home": Text(
        "Дәрігер келді, бірақ үйде ешкім болмады. Шақыру жабылды.",
        "Врач приходил, но дома никого не было. Вызов закрыт.",
        "The doctor came, but nobody was at home. The call is closed.",
    ),
    "false_call": Text(
        "Шақыру көрсетілген мекенжай бойынша расталмады және жабылды. Бұл қате болса, емханаға хабарласыңыз.",
        "По указанному адресу вызов не подтвердился и закрыт. Если это ошибка, сообщите в поликлинику.",
        "The call was not confirmed at the address given and is closed. If this is a mistake, tell the clinic.",
    ),
    "declined": Text(
        "Дәрігердің көмегінен бас тартылғандықтан, шақыру жабылды.",
        "Вызов закрыт: от помощи врача отказались.",
        "The call is closed: the doctor's help was declined.",
    ),
}
_COMPLETED: Final = Text("Шақыру орындалды.", "Вызов выполнен.", "The call has been completed.")
_NOT_COMPLETED: Final = Text(
    "Шақыру орындалмай жабылды.", "Вызов закрыт без исполнения.", "The call was closed without being completed."
)


def _withdrawn_aloud(facts: StatusFacts) -> list[Text | None]:
    if facts.handed_on_to is None:
        return [_WITHDRAWN.fill(number=_number(facts)), _CALL_AGAIN]
    name, phone = facts.handed_on_to, plain(facts.handed_on_to_phone)
    where = _WITH_PHONE.fill(name=name, phone=phone) if phone else name
    return [_HANDED_ON.fill(number=_number(facts), name=where), facts.unless_emergency(_IF_WORSE)]


def _withdrawn(facts: StatusFacts) -> list[Text | None]:
    """Of one that was handed on, the other clinic is named, and not its own: that one has the answer."""
    return [*_withdrawn_aloud(facts), _clinic(facts) if facts.handed_on_to is None else None]


def _completed_aloud(facts: StatusFacts) -> list[Text | None]:
    return [_OUTCOMES.get(facts.outcome or "", _COMPLETED)]


def _completed(facts: StatusFacts) -> list[Text | None]:
    at_home = facts.outcome != "hospitalised"
    return [
        *_completed_aloud(facts),
        facts.unless_emergency(_IF_WORSE) if at_home else None,
        _QUALITY,
        _clinic(facts),
        *_rights_if_late(facts),
    ]


def _not_completed_aloud(facts: StatusFacts) -> list[Text | None]:
    # On a call that was not confirmed, its own sentence says what to do.
    again = None if facts.outcome == "false_call" else _CALL_AGAIN
    return [_OUTCOMES.get(facts.outcome or "", _NOT_COMPLETED), again]


def _not_completed(facts: StatusFacts) -> list[Text | None]:
    return [*_not_completed_aloud(facts), _clinic(facts), *_rights_if_late(facts)]


_STATUS: Final[Mapping[RequestStatus, Callable[[StatusFacts], list[Text | None]]]] = {
    "registered": _registered,
    "deferred": _deferred,
    "scheduled": _scheduled,
    "rescheduled": _rescheduled,
    "delayed": _delayed,
    "refused": _refused,
    "withdrawn": _withdrawn,
    "completed": _completed,
    "not_completed": _not_completed,
}

# Said aloud -----------------------------------------------------------------------------------------------------------

_ACCEPTED_ALOUD: Final = Text(
    "Шақыруыңыз қабылданды{number}.", "Ваш вызов принят{number}.", "Your call is accepted{number}."
)
_TOLD_AT_LATEST: Final = Text(
    "Дәрігердің қашан келетінін {at_latest} айтамыз.",
    "Время прихода врача сообщим {at_latest}.",
    "We will tell you the time of the doctor's visit {at_latest}.",
)
_COMES: Final = Text(
    "Дәрігер {on}, сағат {window} аралығында келеді.",
    "Врач придёт {on}, с {start} до {end}.",
    "The doctor will come {on} between {start} and {end}.",
)
_COMES_THAT_DAY: Final = Text("Дәрігер {on} келеді.", "Врач придёт {on}.", "The doctor will come {on}.")
_NOT_ACCEPTED_NOW: Final = Text(
    "Өкінішке қарай, қазір шақырулар қабылданбайды.",
    "К сожалению, сейчас вызовы не принимаются.",
    "We are sorry: calls are not being accepted now.",
)
_ACCEPTS_NEXT_ALOUD: Final = Text(
    "Шақыруларды қабылдау қайта басталатын уақыт: {day}, сағат {clock}.",
    "Приём вызовов начнётся {on}, в {clock}.",
    "The clinic accepts calls again {on} from {clock}.",
)


def _registered_aloud(facts: StatusFacts) -> list[Text | None]:
    if facts.minutes is None or facts.minutes < 1:
        told = _TOLD_WHEN_SET
    else:
        told = _TOLD_AT_LATEST.fill(at_latest=minutes_at_latest(facts.minutes))
    return [_ACCEPTED_ALOUD.fill(number=_number(facts)), _handed_on_by(facts), told]


def _comes(facts: StatusFacts) -> Text:
    if facts.visit_date is None:
        return _VISIT_SET_NO_TIME
    on = on_day(facts.visit_date)
    if facts.arrives_from is None or facts.arrives_to is None:
        return _COMES_THAT_DAY.fill(on=on)
    start, end = facts.arrives_from, facts.arrives_to
    return _COMES.fill(on=on, window=window(start, end), start=clock(start), end=clock(end))


def _scheduled_aloud(facts: StatusFacts) -> list[Text | None]:
    return [_comes(facts), _doctor(facts), *(_rights_aloud(facts) if facts.late else [])]


def _rescheduled_aloud(facts: StatusFacts) -> list[Text | None]:
    reason = _RESCHEDULE_REASONS.get(facts.reschedule_reason or "")
    return [_TIME_CHANGED, reason, _SORRY, *_scheduled_aloud(facts)]


def _refused_aloud(facts: StatusFacts) -> list[Text | None]:
    if facts.refusal_code != "outside_acceptance_hours":
        return [*_refusal(facts), *_rights_aloud(facts)]
    at = facts.next_acceptance_at
    accepts = None
    if at is not None:
        opens = local(at).date()
        accepts = _ACCEPTS_NEXT_ALOUD.fill(day=day(opens), on=on_day(opens), clock=clock(at))
    return [_NOT_ACCEPTED_NOW, accepts, facts.unless_emergency(_IN_EMERGENCY), *_rights_aloud(facts)]


_ORAL: Final[Mapping[RequestStatus, Callable[[StatusFacts], list[Text | None]]]] = {
    "registered": _registered_aloud,
    "deferred": _deferred_until,
    "scheduled": _scheduled_aloud,
    "rescheduled": _rescheduled_aloud,
    "delayed": _delayed_aloud,
    "refused": _refused_aloud,
    "withdrawn": _withdrawn_aloud,
    "completed": _completed_aloud,
    "not_completed": _not_completed_aloud,
}
