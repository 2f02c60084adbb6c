"""SMS to patients in Kazakh, Russian or English: as short as possible. Pure.

A message in Cyrillic has 70 characters, a longer one 67 in each of its parts, and each part costs. So the day, the
hours and what to do come first, and what does not fit into two parts (three with the advice to call 103) is left out.
A text contains no personal data of the patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from homecall.contract.events import Language, RequestStatus
from homecall.texts.language import CONTACT_CENTRE, NOTHING, Text, clock, local, plain, sentences
from homecall.texts.statuses import StatusFacts

PART: Final = 67
"""UTF-16 units in a part of a longer message in Cyrillic."""
_ONE_PART: Final = 70
_LATIN_PART, _ONE_LATIN_PART = 153, 160
_LATIN: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""What has one septet in the GSM alphabet; one letter of neither set, and the whole message is in UCS-2."""
_LATIN_PAIRS: Final = frozenset("^{}\\[~]|€\f")
"""What has two septets there: an escape and a letter."""


def parts(text: str) -> int:
    """How many messages a text takes on the way.

    A letter that takes two units stays whole: where one unit is left in a part, it goes to the next part.
    """
    if set(text) <= _LATIN | _LATIN_PAIRS:
        return _cut([2 if letter in _LATIN_PAIRS else 1 for letter in text], _ONE_LATIN_PART, _LATIN_PART)
    return _cut([2 if letter > "\uffff" else 1 for letter in text], _ONE_PART, PART)


def _cut(units: Sequence[int], alone: int, part: int) -> int:
    """Into how many parts letters of so many units are cut; a single part holds more, since it has no header."""
    if sum(units) <= alone:
        return 1
    count, used = 1, 0
    for each in units:
        if used + each > part:
            count, used = count + 1, 0
        used += each
    return count


def sms_text(status: RequestStatus, facts: StatusFacts, language: Language) -> str:
    """The message about a status, in one language: two parts at most, three in an emergency.

    In an emergency it first says to call 103 now (R13). Raises ValueError for a moment that has no offset.
    """
    said = _STATUS[status](facts)
    needed, extra = said[0], [each for each in said[1:] if each is not None]
    lines = [CALL_103_NOW, needed] if facts.emergency else [needed]
    most = 3 if facts.emergency else 2
    text = " ".join(getattr(each, language) for each in lines if each is not None)
    for each in extra:
        longer = f"{text} {getattr(each, language)}"
        if parts(longer) <= most:
            text = longer
    return text


CALL_103_NOW: Final = Text("Дереу 103 нөміріне қоңырау шалыңыз!", "Немедленно звоните 103!", "Call 103 now!")

_IF_WORSE: Final = Text("Жағдай нашарласа: 103.", "При ухудшении: 103.", "If worse: call 103.")
_BE_AT_HOME: Final = Text("Үйде болыңыз.", "Будьте дома.", "Please be at home.")
_ENQUIRIES: Final = Text("Анықтама: {phones}.", "Справки: {phones}.", "Enquiries: {phones}.").fill(
    phones=CONTACT_CENTRE
)


_COMPLAINTS: Final = Text("Шағым: {phones}.", "Жалобы: {phones}.", "Complaints: {phones}.").fill(phones=CONTACT_CENTRE)


def _complaints_if_late(facts: StatusFacts) -> Text | None:
    """Whom to ask how to complain (C10.7): the last, where it fits."""
    return facts.unless_emergency(_COMPLAINTS) if facts.late else None


def _number(facts: StatusFacts) -> Text:
    number = facts.register_number
    return NOTHING if number is None else Text(f" № {number}", f" № {number}", f" No. {number}")


def _clinic_phone(facts: StatusFacts) -> Text | None:
    phone = plain(facts.clinic_phone)
    return Text("Емхана: {p}.", "Поликлиника: {p}.", "Clinic: {p}.").fill(p=phone) if phone else None


def _day(on: date) -> str:
    return f"{on.day:02}.{on.month:02}"


def _at(moment: datetime) -> str:
    return f"{_day(local(moment).date())} {clock(moment)}"


def _registered(facts: StatusFacts) -> list[Text | None]:
    due = facts.due_at if (facts.minutes or 0) >= 1 else None
    accepted = Text("Дәрігерді шақыру{n} қабылданды.", "Вызов врача{n} принят.", "Doctor's call{n} accepted.")
    told = Text(
        "Келу уақыты хабарланады, ең кеші {by}.", "Время визита сообщим до {by}.", "Visit time will follow by {by}."
    )
    soon = Text("Келу уақыты хабарланады.", "Время визита сообщим.", "Visit time will follow.")
    when = soon if due is None else told.fill(by=clock(due))
    return [sentences(accepted.fill(n=_number(facts)), when), facts.unless_emergency(_IF_WORSE), _clinic_phone(facts)]


def _deferred(facts: StatusFacts) -> list[Text | None]:
    if facts.opens_at is None:
        when = Text(
            "Өтініш емхана ашылғанда қаралады.",
            "Заявку рассмотрят после открытия поликлиники.",
            "Your request will be taken up when the clinic opens.",
        )
    else:
        when = Text(
            "Өтініш емхана ашылғанда қаралады: {at}.",
            "Заявку рассмотрят, когда откроется поликлиника: {at}.",
            "Your request will be taken up when the clinic opens: {at}.",
        ).fill(at=_at(facts.opens_at))
    worse = Text("Шұғыл жағдайда: 103.", "В экстренном случае: 103.", "In an emergency: 103.")
    return [when, facts.unless_emergency(worse), _clinic_phone(facts)]


def _visit(facts: StatusFacts) -> Text | None:
    if facts.visit_date is None:
        return None
    when = _day(facts.visit_date)
    if facts.arrives_from is not None and facts.arrives_to is not None:
        when = f"{when}, {clock(facts.arrives_from)}-{clock(facts.arrives_to)}"
    return Text(when, when, when)


def _doctor(facts: StatusFacts) -> Text | None:
    name = plain(facts.doctor_name)
    return Text("Дәрігер: {d}.", "Врач: {d}.", "Doctor: {d}.").fill(d=name) if name else None


_ASK_THE_CLINIC: Final = Text(
    "Дәрігердің келу уақыты белгіленді, емханадан біліңіз.",
    "Время визита врача назначено, узнайте его в поликлинике.",
    "The time of the doctor's visit is set: ask the clinic.",
)


def _scheduled(facts: StatusFacts) -> list[Text | None]:
    when = _visit(facts)
    comes = Text("Дәрігер келеді: {when}.", "Врач придёт: {when}.", "The doctor comes: {when}.")
    return [
        _ASK_THE_CLINIC if when is None else comes.fill(when=when),
        _doctor(facts),
        None if when is None else _BE_AT_HOME,
        _clinic_phone(facts),
        _complaints_if_late(facts),
    ]


def _rescheduled(facts: StatusFacts) -> list[Text | None]:
    when = _visit(facts)
    moved = Text(
        "Дәрігердің келу уақыты өзгерді: {when}.",
        "Визит врача перенесён: {when}.",
        "The doctor's visit has been moved: {when}.",
    )
    return [
        _ASK_THE_CLINIC if when is None else moved.fill(when=when),
        _doctor(facts),
        None if when is None else _BE_AT_HOME,
        _clinic_phone(facts),
    ]


def _delayed(facts: StatusFacts) -> list[Text | None]:
    delayed = Text(
        "Дәрігердің келу уақыты әзірге белгіленген жоқ, шақыру{n} күшінде. Кешірім сұраймыз.",
        "Время визита врача пока не назначено, вызов{n} в силе. Приносим извинения.",
        "The time of the doctor's visit is not set yet; your call{n} stands. We apologise.",
    )
    return [
        delayed.fill(n=_number(facts)),
        facts.unless_emergency(_IF_WORSE),
        _clinic_phone(facts),
        _complaints_if_late(facts),
    ]


_REFUSALS: Final[Mapping[str, Text]] = {
    "invalid_request": Text(
        "Өтініш қабылданбады: мәліметтер қате. Түзетіп, қайта беріңіз.",
        "Заявка не принята: ошибка в данных. Исправьте и подайте снова.",
        "Not accepted: some data are wrong. Correct them and apply again.",
    ),
    "unknown_clinic": Text(
        "Өтініш қабылданбады: емхана табылмады. Емхананы таңдап, өтінішті қайта беріңіз.",
        "Заявка не принята: поликлиника не найдена. Выберите её и подайте снова.",
        "Not accepted: no such clinic. Choose yours and apply again.",
    ),
    "identity_not_confirmed": Text(
        "Өтініш қабылданбады: жеке басы расталмады. ЖСН-ді тексеріп, қайта беріңіз.",
        "Заявка не принята: личность не подтверждена. Проверьте ИИН и подайте снова.",
        "Not accepted: identity not confirmed. Check the IIN and apply again.",
    ),
    "authority_invalid": Text(
        "Өтініш қабылданбады: өкілдің өкілеттігі расталмады.",
        "Заявка не принята: полномочия представителя не подтверждены.",
        "Not accepted: the representative's authority is not confirmed.",
    ),
    "signature_invalid": Text(
        "Өтініш қабылданбады: ЭЦҚ расталмады. Өз ЭЦҚ-ңызбен қол қойып, қайта жіберіңіз.",
        "Заявка не принята: ЭЦП не подтверждена. Подпишите своей ЭЦП снова.",
        "Not accepted: the EDS is not confirmed. Sign again with your own.",
    ),
    "not_attached": Text(
        "Өтініш қабылданбады: пациент бұл емханаға тіркелмеген.",
        "Заявка не принята: пациент не прикреплён к этой поликлинике.",
        "Not accepted: the patient is not attached to this clinic.",
    ),
    "duplicate": Text(
        "Бұл пациентке дәрігер шақырылып қойған; қайта өтініш берудің қажеті жоқ.",
        "Врач уже вызван, прежний вызов в силе. Новая заявка не нужна.",
        "A doctor has already been called; that call stands. No new one is needed.",
    ),
}
_REFUSED: Final = Text("Өтініш қабылданбады.", "Заявка не принята.", "Your request was not accepted.")
_OUTSIDE_HOURS: Final = Text(
    "Қазір шақыру қабылданбайды.", "Сейчас вызовы не принимаются.", "Calls are not being accepted now."
)
_ACCEPTS_NEXT: Final = Text("Қабылдау басталады: {at}.", "Приём с {at}.", "Accepted again from {at}.")


def _refused(facts: StatusFacts) -> list[Text | None]:
    clinic = _clinic_phone(facts)
    phones = [_ENQUIRIES] if clinic is None else [clinic, facts.unless_emergency(_COMPLAINTS)]
    if facts.refusal_code == "outside_acceptance_hours":
        next_at = facts.next_acceptance_at
        opens = None if next_at is None else _ACCEPTS_NEXT.fill(at=_at(next_at))
        urgent = Text("Шұғыл жағдайда: 103.", "В экстренном случае: 103.", "In an emergency: 103.")
        said = _OUTSIDE_HOURS if opens is None else sentences(_OUTSIDE_HOURS, opens)
        return [said, facts.unless_emergency(urgent), *phones]
    return [_REFUSALS.get(facts.refusal_code or "", _REFUSED), *phones]


_HANDED_ON: Final = Text(
    "Шақыру{n} басқа емханаға берілді, келу уақытын сол жақ айтады.",
    "Вызов врача{n} передан в другую поликлинику, время сообщит она.",
    "Your call{n} was handed on to another clinic, which will tell you the time.",
)
_ITS_PHONE: Final = Text("Тел. {p}.", "Тел. {p}.", "Tel. {p}.")
_ITS_NAME: Final = Text("{name}.", "{name}.", "{name}.")


def _handed_on(facts: StatusFacts, to: Text) -> list[Text | None]:
    phone = plain(facts.handed_on_to_phone)
    its_phone = _ITS_PHONE.fill(p=phone) if phone else None
    said = _HANDED_ON.fill(n=_number(facts))
    return [said, its_phone, _ITS_NAME.fill(name=to), facts.unless_emergency(_IF_WORSE)]


def _withdrawn(facts: StatusFacts) -> list[Text | None]:
    if facts.handed_on_to is not None:
        return _handed_on(facts, facts.handed_on_to)
    withdrawn = Text(
        "Шақыру{n} қайтарып алынды, дәрігер келмейді.",
        "Вызов врача{n} отозван, врач не придёт.",
        "Your call{n} is withdrawn; no doctor will come.",
    )
    again = Text("Қажет болса, қайта шақырыңыз.", "Если нужен врач, вызовите снова.", "If needed, call again.")
    return [withdrawn.fill(n=_number(facts)), again, _clinic_phone(facts)]


def _completed(facts: StatusFacts) -> list[Text | None]:
    done = Text("Дәрігерді шақыру{n} орындалды.", "Вызов врача{n} выполнен.", "Doctor's call{n} completed.")
    return [done.fill(n=_number(facts)), facts.unless_emergency(_IF_WORSE), _ENQUIRIES]


_NOT_COMPLETED: Final[Mapping[str, Text]] = {
    "not_at_home": Text(
        "Дәрігер келді, үйде ешкім болмады. Қажет болса, қайта шақырыңыз.",
        "Врач приходил, дома никого не было. Если нужен врач, вызовите снова.",
        "The doctor came; nobody was at home. If needed, call again.",
    ),
    "false_call": Text(
        "Шақыру расталмады және жабылды. Қате болса, емханаға хабарласыңыз.",
        "Вызов не подтвердился и закрыт. Если это ошибка, сообщите в поликлинику.",
        "The call was not confirmed and is closed. If mistaken, tell the clinic.",
    ),
    "declined": Text(
        "Көмектен бас тартылды, шақыру жабылды.",
        "От помощи врача отказались, вызов закрыт.",
        "Help was declined; the call is closed.",
    ),
    "hospitalised": Text(
        "Пациент ауруханаға жатқызылды, шақыру жабылды.",
        "Пациент госпитализирован, вызов закрыт.",
        "The patient is in hospital; the call is closed.",
    ),
}
_CLOSED: Final = Text(
    "Шақыру орындалмай жабылды.", "Вызов закрыт без исполнения.", "The call was closed without a visit."
)


def _not_completed(facts: StatusFacts) -> list[Text | None]:
    return [_NOT_COMPLETED.get(facts.outcome or "", _CLOSED), _clinic_phone(facts)]


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
