"""What people are told about a complaint, in Kazakh, Russian and English (C10.2 to C10.8, C11).

Pure: a text depends only on the status and the facts. Officials are named in the nominative. A text contains no
personal data of the complainant, and no free text of a complaint, its answer or its refusal.

Long because it is data: the sentences of every status stand together, so that a translator reads them in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal, TypedDict

from homecall.contract.events import ComplaintStage, ComplaintStatus
from homecall.texts.language import CONTACT_CENTRE, NOTHING, Text, day, field_names, plain, sentences, working_days

QUALITY_AUTHORITY_DAYS: Final = 15
"""Working days from registration in which the quality authority considers a complaint (C10.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintFacts:
    """What a text may contain. Missing facts are left out of the text, never guessed.

    ``term_days`` is the term of the stage in working days. ``answer_by`` is how the answer is or was given;
    ``answer_asked`` is the way that was asked for, if that is not possible. ``answer_place`` is shown only for an
    answer handed over: for one sent by post it may be a home address. With ``by_system``, ``received_by`` is the
    officer on duty for complaints that the system accepts. ``linked``: there is another complaint of the same person
    about the same call. ``refusal_code`` `invalid_complaint` comes with ``refusal_fields`` (dotted paths); a refusal to
    consider the complaint has no code, and its grounds are in the event's ``refusal``.
    """

    stage: ComplaintStage = "clinic"
    incoming_number: str | None = None
    registered_on: date | None = None
    received_by: str | None = None
    received_by_position: str | None = None
    by_system: bool = False
    term_days: int | None = None
    answer_due_on: date | None = None
    answer_by: str | None = None
    answer_asked: str | None = None
    answer_place: str | Text | None = None
    executor: str | None = None
    executor_position: str | None = None
    decision: str | None = None
    refusal_code: str | None = None
    refusal_fields: Sequence[str] = ()
    linked: bool = False


class NextStep(TypedDict):
    """Where to go if not satisfied, as `complaint.status-changed` has it."""

    kind: Literal["quality_authority", "court", "contact_centre"]
    text: dict[str, str]


def complaint_text(status: ComplaintStatus, facts: ComplaintFacts) -> Text:
    """The text of `complaint.status-changed` (C10.6)."""
    return sentences(*_STATUS[status](facts))


def next_steps(
    stage: ComplaintStage,
    quality_authority_days: int = QUALITY_AUTHORITY_DAYS,
    contacts: Mapping[str, Text] = MappingProxyType({}),
) -> list[NextStep]:
    """Where to go if not satisfied, nearest first: the quality authority (C10.8), the court (C11), advice (C10.7).

    A complaint that is with the quality authority already is not sent there again. ``contacts`` are the addresses that
    the rule set has: ``quality_authority``, ``ministry`` and ``directory`` (C10.1, C12, C15).
    """
    days = working_days(quality_authority_days)

    def at(name: str, sentence: Text) -> Text | None:
        return sentence.fill(address=contacts[name]) if name in contacts else None

    steps: list[NextStep] = []
    if stage != "quality_authority":
        to = sentences(_TO_QUALITY_AUTHORITY.fill(days=days), at("quality_authority", _ITS_ADDRESS))
        steps.append({"kind": "quality_authority", "text": to.as_dict()})
    steps.append({"kind": "court", "text": _TO_COURT.as_dict()})
    ministry = at("ministry", _MINISTRYS_ADDRESS) if stage == "clinic" else None
    to = sentences(_TO_CONTACT_CENTRE, ministry, at("directory", _DIRECTORY))
    steps.append({"kind": "contact_centre", "text": to.as_dict()})
    return steps


_TO_QUALITY_AUTHORITY: Final = Text(
    "Мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға бірінші жауапты күтпей-ақ "
    "шағымдана аласыз. Қарау мерзімі – тіркелген күннен бастап {days}.",
    "Вы можете подать жалобу в уполномоченный орган по оценке и контролю за качеством оказания государственных услуг, "
    "не дожидаясь первого ответа. Срок рассмотрения – {days} со дня регистрации.",
    "You may complain to the authority that assesses and controls the quality of state services, without waiting for a "
    "first answer. It considers the complaint within {days} of registration.",
)
_ITS_ADDRESS: Final = Text("Мекенжайы: {address}.", "Адрес: {address}.", "Its address: {address}.")
_MINISTRYS_ADDRESS: Final = Text(
    "Министрлік басшысының атына да шағымдануға болады: {address}.",
    "Жалобу можно подать и на имя руководителя Министерства: {address}.",
    "You may also complain to the head of the Ministry: {address}.",
)
_DIRECTORY: Final = Text(
    "Мекенжайлар мен телефондар: {address}.", "Адреса и телефоны: {address}.", "Addresses and phones: {address}."
)
_TO_COURT: Final = Text(
    "Қазақстан Республикасының заңнамасында белгіленген тәртіппен сотқа жүгінуге құқылысыз.",
    "Вы вправе обратиться в суд в порядке, установленном законодательством Республики Казахстан.",
    "You may go to court, as the law of the Republic of Kazakhstan provides.",
)
_TO_CONTACT_CENTRE: Final = Text(
    "Шағымдану тәртібі туралы ақпаратты бірыңғай байланыс орталығы береді: {phones}.",
    "О порядке обжалования расскажет единый контакт-центр: {phones}.",
    "The contact centre tells how to complain: {phones}.",
).fill(phones=CONTACT_CENTRE)

# Sentences said in several places -------------------------------------------------------------------------------------

_ADDRESSEES: Final[Mapping[ComplaintStage, Text]] = {
    "clinic": Text("емхана басшысына", "руководителю поликлиники", "the head of the clinic"),
    "ministry": Text("Министрліктің басшысына", "руководителю Министерства", "the head of the Ministry"),
    "quality_authority": Text(
        "мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға",
        "в уполномоченный орган по оценке и контролю за качеством оказания государственных услуг",
        "the authority that assesses and controls the quality of state services",
    ),
}
"""To whom, in the case that it takes after «жеткізілді», «доставлена», "delivered to"."""

_DUE_ON: Final = Text("Жауап мерзімі: {on}.", "Срок ответа: {on}.", "The answer is due by: {on}.")
_NUMBER_IN_BRACKETS: Final = Text(" (кіріс нөмірі – {number})", " (вх. № {number})", " (incoming No. {number})")


def _number(facts: ComplaintFacts) -> Text:
    """The incoming number in brackets, to follow a word; or nothing."""
    number = plain(facts.incoming_number)
    return _NUMBER_IN_BRACKETS.fill(number=number) if number else NOTHING


def _due_on(facts: ComplaintFacts) -> Text | None:
    return None if facts.answer_due_on is None else _DUE_ON.fill(on=day(facts.answer_due_on))


def _official(sentence: Text, full_name: str | None, position: str | None) -> Text | None:
    """Fill ``{who}`` with name and position, both as they came; None when there is no name."""
    who = ", ".join(part for part in (plain(full_name), plain(position)) if part)
    return sentence.fill(who=who) if plain(full_name) else None


# The complaint's way --------------------------------------------------------------------------------------------------

_DELIVERED: Final = Text(
    "Шағымыңыз {addressee} жеткізілді.",
    "Ваша жалоба доставлена {addressee}.",
    "Your complaint has been delivered to {addressee}.",
)
_REGISTRATION_FOLLOWS: Final = Text(
    "Ол жұмыс уақытында тіркеледі. Содан кейін кіріс нөмірі мен жауап мерзімі хабарланады.",
    "Её зарегистрируют в рабочее время. После этого Вам сообщат входящий номер и срок ответа.",
    "It will be registered in working hours. You will then be told its incoming number and when the answer is due.",
)


def _delivered(facts: ComplaintFacts) -> list[Text | None]:
    return [_DELIVERED.fill(addressee=_ADDRESSEES[facts.stage]), _REGISTRATION_FOLLOWS]


_REGISTERED: Final = Text(
    "Шағымыңыз тіркелді{number}.", "Ваша жалоба зарегистрирована{number}.", "Your complaint is registered{number}."
)
_REGISTERED_ON: Final = Text("Тіркелген күні: {on}.", "Дата регистрации: {on}.", "Date of registration: {on}.")
_RECEIVED_BY: Final = Text("Қабылдаған адам: {who}.", "Жалобу принял(а): {who}.", "Received by: {who}.")
_RECEIVED_BY_SYSTEM: Final = Text(
    "Шағымды жүйе автоматты түрде қабылдады, жауапты кезекші: {who}.",
    "Жалобу автоматически приняла система, ответственный дежурный: {who}.",
    "The system accepted it automatically; officer on duty: {who}.",
)
_TERM: Final = Text("Қарау мерзімі – {days}.", "Срок рассмотрения – {days}.", "Term of consideration: {days}.")
_ANSWER_BY_HAND_AT: Final = Text(
    "Жауап мына жерде қолма-қол беріледі: {place}.",
    "Ответ можно получить на руки по адресу: {place}.",
    "The answer can be collected at: {place}.",
)
_ANSWER_BY: Final[Mapping[str, Text]] = {
    "post": Text(
        "Жауап пошта арқылы жіберіледі.",
        "Ответ будет направлен по почте.",
        "The answer will be sent by post.",
    ),
    "by_hand": Text(
        "Жауап кеңседе қолма-қол беріледі.",
        "Ответ выдаётся на руки в канцелярии.",
        "The answer is handed over at the office.",
    ),
    "portal": Text(
        "Жауап порталдағы жеке кабинетте көрсетіледі.",
        "Ответ появится в личном кабинете на портале.",
        "The answer will appear in your personal cabinet on the portal.",
    ),
}


_AT_OFFICE: Final[Mapping[ComplaintStage, Text]] = {
    "clinic": _ANSWER_BY["by_hand"],
    "ministry": Text(
        "Жауап Министрліктің кеңсесінде қолма-қол беріледі.",
        "Ответ выдаётся на руки в канцелярии Министерства.",
        "The answer is handed over at the office of the Ministry.",
    ),
    "quality_authority": Text(
        "Жауап уәкілетті органның кеңсесінде қолма-қол беріледі.",
        "Ответ выдаётся на руки в канцелярии уполномоченного органа.",
        "The answer is handed over at the authority's office.",
    ),
}
_CANNOT_GO_SO: Final[Mapping[str, Text]] = {
    "post": Text(
        "Пошталық мекенжай көрсетілмегендіктен, жауап пошта арқылы жіберілмейді.",
        "Почтовый адрес не указан, поэтому по почте ответ не направляется.",
        "No postal address was given, so the answer cannot be sent by post.",
    ),
    "portal": Text(
        "Шағым портал арқылы берілмегендіктен, жауап жеке кабинетте көрсетілмейді.",
        "Жалоба подана не через портал, поэтому ответ в личном кабинете не появится.",
        "The complaint did not come through the portal, so the answer cannot appear in a personal cabinet.",
    ),
}
"""Why the answer is given in another way than was asked for."""


def _place(facts: ComplaintFacts) -> Text | None:
    place = facts.answer_place
    if isinstance(place, Text):
        return place.map(plain)
    return Text(*[plain(place)] * 3) if plain(place) else None


def _answer_by(facts: ComplaintFacts) -> Text | None:
    if facts.answer_by != "by_hand":
        return _ANSWER_BY.get(facts.answer_by or "")
    place = _place(facts)
    return _AT_OFFICE[facts.stage] if place is None else _ANSWER_BY_HAND_AT.fill(place=place)


_LINKED: Final = Text(
    "Шағымыңыз осы шақыру бойынша басқа шағымыңызбен біріктірілді, олар бірге қаралады.",
    "Она связана с другой Вашей жалобой на тот же вызов: их рассмотрят вместе.",
    "It is linked with your other complaint about the same call: they are considered together.",
)


def _registered(facts: ComplaintFacts) -> list[Text | None]:
    """As C10.2 requires: number and date, who received it, when and where the answer is given."""
    return [
        _REGISTERED.fill(number=_number(facts)),
        None if facts.registered_on is None else _REGISTERED_ON.fill(on=day(facts.registered_on)),
        _official(
            _RECEIVED_BY_SYSTEM if facts.by_system else _RECEIVED_BY, facts.received_by, facts.received_by_position
        ),
        None if facts.term_days is None else _TERM.fill(days=working_days(facts.term_days)),
        _due_on(facts),
        _CANNOT_GO_SO.get(facts.answer_asked or ""),
        _answer_by(facts),
        _LINKED if facts.linked else None,
    ]


_ASSIGNED: Final = Text(
    "Шағымыңыз{number} жауапты орындаушыға берілді.",
    "Ваша жалоба{number} передана ответственному исполнителю.",
    "Your complaint{number} has been given to the responsible executor.",
)
_EXECUTOR: Final = Text("Жауапты орындаушы: {who}.", "Ответственный исполнитель: {who}.", "Executor: {who}.")


def _assigned(facts: ComplaintFacts) -> list[Text | None]:
    executor = _official(_EXECUTOR, facts.executor, facts.executor_position)
    return [_ASSIGNED.fill(number=_number(facts)), executor, _due_on(facts)]


_EXECUTED: Final = Text(
    "Шағымыңыз{number} бойынша шаралар қабылданды, дәлелді жауап дайындалып жатыр.",
    "По Вашей жалобе{number} приняты меры, готовится мотивированный ответ.",
    "Measures have been taken on your complaint{number}; a reasoned answer is being prepared.",
)


def _executed(facts: ComplaintFacts) -> list[Text | None]:
    return [_EXECUTED.fill(number=_number(facts)), _due_on(facts), _answer_by(facts)]


_ANSWERED: Final = Text(
    "Шағымыңызға{number} дәлелді жауап берілді.",
    "На Вашу жалобу{number} дан мотивированный ответ.",
    "A reasoned answer to your complaint{number} has been given.",
)
DECISIONS: Final[Mapping[str, Text]] = {
    "upheld": Text("Шағым қанағаттандырылды.", "Жалоба удовлетворена.", "The complaint is upheld."),
    "partly_upheld": Text(
        "Шағым ішінара қанағаттандырылды.", "Жалоба удовлетворена частично.", "The complaint is upheld in part."
    ),
    "not_upheld": Text(
        "Шағым қанағаттандырусыз қалдырылды.", "Жалоба оставлена без удовлетворения.", "The complaint is not upheld."
    ),
}
_ANSWER_SENT: Final[Mapping[str, Text]] = {
    "post": Text("Жауап пошта арқылы жіберілді.", "Ответ направлен по почте.", "The answer was sent by post."),
    "by_hand": Text("Жауап қолма-қол беріледі.", "Ответ выдаётся на руки.", "The answer is handed over in person."),
    "portal": Text(
        "Жауап порталдағы жеке кабинетте қолжетімді.",
        "Ответ – в личном кабинете на портале.",
        "The answer is in your personal cabinet on the portal.",
    ),
}
_IF_YOU_DISAGREE: Final = Text(
    "Келіспесеңіз, {addressee} шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: {phones}.",
    "Если Вы не согласны, Вы вправе обратиться {addressee} или в суд; порядок обжалования подскажут: {phones}.",
    "If you disagree, you may complain to {addressee}, or go to court; to ask how: {phones}.",
).fill(addressee=_ADDRESSEES["quality_authority"], phones=CONTACT_CENTRE)
_IF_YOU_STILL_DISAGREE: Final = Text(
    "Келіспесеңіз, сотқа жүгінуге құқылысыз, анықтама: {phones}.",
    "Если Вы не согласны, Вы вправе обратиться в суд; порядок обжалования подскажут: {phones}.",
    "If you disagree, you may go to court; to ask how: {phones}.",
).fill(phones=CONTACT_CENTRE)


def _if_you_disagree(facts: ComplaintFacts) -> Text:
    """Where to complain next, and that one may go to court (C10.7, C10.8, C11)."""
    return _IF_YOU_STILL_DISAGREE if facts.stage == "quality_authority" else _IF_YOU_DISAGREE


def _answered(facts: ComplaintFacts) -> list[Text | None]:
    return [
        _ANSWERED.fill(number=_number(facts)),
        DECISIONS.get(facts.decision or ""),
        _answer_sent(facts),
        _if_you_disagree(facts),
    ]


def _answer_sent(facts: ComplaintFacts) -> Text | None:
    place = _place(facts)
    if facts.answer_by == "by_hand" and place is not None:
        return _ANSWER_BY_HAND_AT.fill(place=place)
    return _ANSWER_SENT.get(facts.answer_by or "")


_WRONG_FIELDS: Final = Text(
    "Шағым қабылданбады. Көрсетілмеген немесе қате көрсетілген мәліметтер: {fields}.",
    "Жалоба не принята. Не указаны или указаны неверно: {fields}.",
    "The complaint was not accepted. Missing or wrong: {fields}.",
)
_WRONG_DATA: Final = Text(
    "Шағым қабылданбады: мәліметтер толық емес немесе қате.",
    "Жалоба не принята: данные неполны или указаны неверно.",
    "The complaint was not accepted: its data are incomplete or wrong.",
)
_CORRECT_AND_REPEAT: Final = Text(
    "Мәліметтерді түзетіп, шағымды қайта беріңіз.",
    "Исправьте данные и подайте жалобу снова.",
    "Please correct the data and complain again.",
)
_REFUSED: Final = Text(
    "Шағымыңызды{number} қараудан бас тартылды, негіздемесі бас тарту туралы жауапта көрсетілген.",
    "В рассмотрении Вашей жалобы{number} отказано, основания указаны в ответе об отказе.",
    "The consideration of your complaint{number} was refused; the refusal states the grounds.",
)


def _refused(facts: ComplaintFacts) -> list[Text | None]:
    if facts.refusal_code != "invalid_complaint":
        return [_REFUSED.fill(number=_number(facts)), _if_you_disagree(facts)]
    fields = field_names(facts.refusal_fields)
    wrong = _WRONG_DATA if fields is None else _WRONG_FIELDS.fill(fields=fields)
    return [wrong, _CORRECT_AND_REPEAT, _if_you_disagree(facts)]


_ESCALATED: Final = Text(
    "Шағымыңыз{number} мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға берілді.",
    "Ваша жалоба{number} передана в уполномоченный орган по оценке и контролю за качеством оказания государственных "
    "услуг.",
    "Your complaint{number} has been passed to the authority that assesses and controls the quality of state services.",
)
_ESCALATED_TERM: Final = Text(
    "Қарау мерзімі – тіркелген күннен бастап {days}.",
    "Срок рассмотрения – {days} со дня регистрации.",
    "It is considered within {days} of registration.",
)


def _escalated(facts: ComplaintFacts) -> list[Text | None]:
    term = QUALITY_AUTHORITY_DAYS if facts.term_days is None else facts.term_days
    return [_ESCALATED.fill(number=_number(facts)), _ESCALATED_TERM.fill(days=working_days(term)), _due_on(facts)]


_OVERDUE_SINCE: Final = Text(
    "Шағымыңызға{number} жауап беру мерзімі өтіп кетті: {on}.",
    "Срок ответа на Вашу жалобу{number} истёк: {on}.",
    "The answer to your complaint{number} is overdue: it was due by {on}.",
)
_OVERDUE: Final = Text(
    "Шағымыңызға{number} жауап беру мерзімі өтіп кетті.",
    "Срок ответа на Вашу жалобу{number} истёк.",
    "The answer to your complaint{number} is overdue.",
)
_STILL_OPEN: Final = Text(
    "Кешірім сұраймыз, шағым әлі қаралуда.",
    "Приносим извинения, жалоба остаётся на рассмотрении.",
    "We apologise; it is still being considered.",
)
_NEED_NOT_WAIT: Final = Text(
    "Жауапты күтпей-ақ {addressee} шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: {phones}.",
    "Вы вправе, не дожидаясь ответа, обратиться {addressee} или в суд; справки: {phones}.",
    "You may complain at once to {addressee}, or go to court; enquiries: {phones}.",
).fill(addressee=_ADDRESSEES["quality_authority"], phones=CONTACT_CENTRE)
_COURT_IS_OPEN: Final = Text(
    "Сотқа жүгінуге құқылысыз, анықтама: {phones}.",
    "Вы вправе обратиться в суд; справки: {phones}.",
    "You may go to court; enquiries: {phones}.",
).fill(phones=CONTACT_CENTRE)


def _overdue(facts: ComplaintFacts) -> list[Text | None]:
    number, due_on = _number(facts), facts.answer_due_on
    return [
        _OVERDUE.fill(number=number) if due_on is None else _OVERDUE_SINCE.fill(number=number, on=day(due_on)),
        _STILL_OPEN,
        _COURT_IS_OPEN if facts.stage == "quality_authority" else _NEED_NOT_WAIT,
    ]


_STATUS: Final[Mapping[ComplaintStatus, Callable[[ComplaintFacts], list[Text | None]]]] = {
    "delivered": _delivered,
    "registered": _registered,
    "assigned": _assigned,
    "executed": _executed,
    "answered": _answered,
    "refused": _refused,
    "escalated": _escalated,
    "overdue": _overdue,
}
