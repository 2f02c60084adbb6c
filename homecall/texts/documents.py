"""The words of the register's page in Kazakh, Russian and English: headings, codes, and the parts of an address. Pure.

A code without words here is printed as it is: a rule set may add new ones (R12).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from homecall.texts.language import Text, plain

PageLanguage = Literal["kk", "ru", "en"]


def said(text: Text, language: PageLanguage) -> str:
    """The text in one language."""
    return text.as_dict()[language]


def coded(words: Mapping[str, Text], code: str, language: PageLanguage) -> str:
    """A code in words; one that has none as it is."""
    known = words.get(code)
    return plain(code) if known is None else said(known, language)


TITLE: Final = Text(
    "Дәрігерді үйге шақыруды тіркеу журналы",
    "Журнал регистрации вызовов врача на дом",
    "Register of calls for a doctor's home visit",
)
CLINIC: Final = Text("Емхана", "Поликлиника", "Clinic")
NOTHING_ACCEPTED: Final = Text(
    "Бұл күні қабылданған шақыру жоқ", "Принятых вызовов за этот день нет", "No calls were accepted on this day"
)
REFUSED_PART: Final = Text(
    "Қабылданбаған шақырулар (нөмір берілмейді)", "Отказы в приёме вызова (без номера)", "Refused calls (no number)"
)
NO_ENTRY: Final = Text(
    "№ {numbers}: журналда жазба жоқ", "№ {numbers}: записи в журнале нет", "No. {numbers}: no entry"
)
AS_OF: Final = Text("Соңғы жазба: {at}", "Последняя запись: {at}", "Last entry: {at}")

# Columns --------------------------------------------------------------------------------------------------------------

NUMBER: Final = Text("№", "№", "No.")
CALLED: Final = Text("Шақыру уақыты", "Время вызова", "Time of call")
CHANNEL: Final = Text("Өтініш беру тәсілі", "Способ подачи", "Channel")
PATIENT: Final = Text("Пациенттің аты-жөні", "ФИО пациента", "Patient")
WHERE: Final = Text("Мекенжайы, телефоны", "Адрес, телефон", "Address, phone")
REASONS: Final = Text("Шақыру себебі", "Причина вызова", "Reason for the call")
VISIT: Final = Text(
    "Дәрігер, келетін күні мен уақыты", "Врач, назначенные день и время", "Doctor, day and time of the visit"
)
TOLD: Final = Text("Кім және қашан хабарлады", "Кто и когда сообщил", "Told by whom and when")
OUTCOME: Final = Text("Нәтижесі", "Исход", "Outcome")
FLAGS: Final = Text("Ескертпелер", "Отметки", "Notes")
REFUSAL: Final = Text("Қабылданбау себебі", "Причина отказа", "Reason for refusal")
ADDRESS: Final = Text("Мекенжайы", "Адрес", "Address")
ENTRANCE: Final = Text("Кіреберіс", "Подъезд", "Entrance")
FLOOR: Final = Text("Қабат", "Этаж", "Floor")
FLAT: Final = Text("Пәтер", "Квартира", "Flat")
INTERCOM: Final = Text("Домофон", "Домофон", "Intercom")
PHONE: Final = Text("Телефон", "Телефон", "Phone")
DOCTOR: Final = Text("Дәрігер", "Врач", "Doctor")
SPECIALTY: Final = Text("Дәрігердің мамандығы", "Специальность врача", "Doctor's specialty")
ARRIVES_FROM: Final = Text("Келу уақытының басы", "Время визита, с", "Arrives from")
ARRIVES_TO: Final = Text("Келу уақытының соңы", "Время визита, до", "Arrives to")
TOLD_BY: Final = Text("Хабарлаған", "Кто сообщил", "Told by")
TOLD_AT: Final = Text("Ауызша хабарланған уақыты", "Время устного ответа", "Told at")
SET_AT: Final = Text("Жауап жазылған уақыты", "Время записи ответа", "Answer entered at")
MOVED_AT: Final = Text("Ауыстырылған уақыты", "Время переноса", "Moved at")
MOVED_FROM: Final = Text("Бұрынғы келетін уақыты", "Прежнее время визита", "Former time of the visit")
REQUEST_ID: Final = Text("Өтініштің идентификаторы", "Идентификатор заявки", "Request id")

HANDED_ON_TO: Final = Text("Қай емханаға берілді", "Передан в поликлинику", "Handed on to clinic")
HANDED_ON_BY: Final = Text("Қай емханадан берілді", "Передан из поликлиники", "Handed on by clinic")
AMBULANCE_CARD: Final = Text("103 картасының нөмірі", "Номер карты 103", "Card of 103")
AMBULANCE_CATEGORY: Final = Text("103 шақыру санаты", "Категория вызова 103", "Category of 103")
AMBULANCE_AT: Final = Text("103 берген уақыты", "Передан из 103", "Handed over by 103 at")

# What stands in them --------------------------------------------------------------------------------------------------

# A label stands on one line with its number.
AT_ENTRANCE: Final = Text("{label}-кіреберіс", "подъезд\u00a0{label}", "entrance\u00a0{label}")
ON_FLOOR: Final = Text("{label}-қабат", "этаж\u00a0{label}", "floor\u00a0{label}")
IN_FLAT: Final = Text("{label}-пәтер", "кв.\u00a0{label}", "flat\u00a0{label}")
BY_INTERCOM: Final = Text("домофон\u00a0{label}", "домофон\u00a0{label}", "intercom\u00a0{label}")
TOLD_ALOUD: Final = Text("айтылды {at}", "сообщено {at}", "told {at}")
ENTERED: Final = Text("жазылды {at}", "записано {at}", "entered {at}")
MOVED: Final = Text("ауыстырылды {at}", "перенесено {at}", "moved {at}")
BEFORE: Final = Text("бұрынғы уақыты: {window}", "прежнее время: {window}", "before: {window}")
GONE_TO: Final = Text("{what}: {clinic}", "{what}: {clinic}", "{what}: {clinic}")
COME_FROM: Final = Text(
    "басқа емханадан берілді: {clinic}",
    "передан другой поликлиникой: {clinic}",
    "handed on by another clinic: {clinic}",
)
FROM_103: Final = Text(
    "103: {card}, санаты\u00a0{category}, берілді {at}",
    "103: {card}, категория\u00a0{category}, передан {at}",
    "103: {card}, category\u00a0{category}, handed over {at}",
)
IN_CABINET: Final = Text("порталдағы жеке кабинет", "личный кабинет портала", "the portal's cabinet")
NO_VISIT_YET: Final = Text("уақыты белгіленбеген", "время не назначено", "no time set")
OPEN: Final = Text("аяқталмаған", "не завершён", "open")
REFUSED: Final = Text("қабылданбады", "отказано", "refused")

CHANNELS: Final[Mapping[str, Text]] = {
    "desk": Text("тіркеу бөлімі", "регистратура", "desk"),
    "phone": Text("телефон", "телефон", "phone"),
    "portal": Text("портал", "портал", "portal"),
    "unknown": Text("көрсетілмеген", "не указан", "not given"),
}
SPECIALTIES: Final[Mapping[str, Text]] = {
    "gp": Text("жалпы практика дәрігері", "врач общей практики", "general practitioner"),
    "therapist": Text("терапевт", "терапевт", "therapist"),
    "paediatrician": Text("педиатр", "педиатр", "paediatrician"),
}
REASON_WORDS: Final[Mapping[str, Text]] = {
    "fever_above_38": Text(
        "дене қызуы 38\u00a0°C-тан жоғары", "температура тела выше 38\u00a0°C", "fever above 38\u00a0°C"
    ),
    "high_blood_pressure_with_malaise": Text(
        "қан қысымының көтерілуі, жалпы жағдайдың нашарлауы",
        "повышение давления с ухудшением самочувствия",
        "high blood pressure with malaise",
    ),
    "repeated_loose_stool": Text("қайталанған сұйық нәжіс", "многократный жидкий стул", "repeated loose stool"),
    "acute_back_or_joint_pain": Text(
        "арқаның немесе буынның жедел ауыруы", "острая боль в спине или суставах", "acute back or joint pain"
    ),
    "dizziness_nausea_vomiting": Text(
        "бас айналу, жүрек айну, құсу", "головокружение, тошнота, рвота", "dizziness, nausea, vomiting"
    ),
    "chronic_illness_cannot_travel": Text(
        "созылмалы ауру, емханаға келе алмайды",
        "хроническое заболевание, не может прийти в поликлинику",
        "chronic illness, cannot come to the clinic",
    ),
    "dangerous_infection_suspected": Text(
        "қауіпті инфекцияға күдік", "подозрение на опасную инфекцию", "suspected dangerous infection"
    ),
    "not_transportable": Text("науқасты көлікпен жеткізуге болмайды", "нетранспортабелен", "cannot be moved"),
    "passed_on_by_ambulance": Text(
        "жедел жәрдем қызметі жолдаған шақыру", "вызов передан скорой помощью", "passed on by the ambulance service"
    ),
    "other": Text("басқа себеп", "другая причина", "other reason"),
    "chest_pain": Text("кеуденің ауыруы", "боль в груди", "chest pain"),
    "loss_of_consciousness": Text("естен тану", "потеря сознания", "loss of consciousness"),
    "severe_breathlessness": Text("қатты ентігу", "сильная одышка", "severe breathlessness"),
    "heavy_bleeding": Text("қатты қан кету", "сильное кровотечение", "heavy bleeding"),
    "seizures": Text("тырысу ұстамалары", "судороги", "seizures"),
    "stroke_signs": Text("инсульт белгілері", "признаки инсульта", "signs of a stroke"),
    "severe_injury": Text("ауыр жарақат", "тяжёлая травма", "severe injury"),
}
OUTCOMES: Final[Mapping[str, Text]] = {
    "served": Text("қаралды", "осмотрен", "served"),
    "hospitalised": Text("ауруханаға жатқызылды", "госпитализирован", "hospitalised"),
    "not_at_home": Text("үйде болмады", "не застали дома", "not at home"),
    "false_call": Text("жалған шақыру", "ложный вызов", "false call"),
    "declined": Text("көмектен бас тартты", "отказ от помощи", "declined"),
    "withdrawn": Text("қайтарып алынды", "отозван", "withdrawn"),
    "transferred": Text("басқа емханаға берілді", "передан в другую поликлинику", "handed on to another clinic"),
}
FLAG_WORDS: Final[Mapping[str, Text]] = {
    "clock_ahead": Text("жіберушінің сағаты алда", "часы отправителя спешат", "sender's clock is ahead"),
    "identity_unconfirmed": Text("жеке басы расталмаған", "личность не подтверждена", "identity not confirmed"),
    "identity_not_found": Text(
        "жеке тұлғалар тіркелімінде жоқ", "нет в регистре физических лиц", "not in the register of persons"
    ),
    "patient_registered_dead": Text(
        "жеке тұлғалар тіркелімі бойынша қайтыс болған: қайта тексеріңіз",
        "по регистру физических лиц умер: проверьте ещё раз",
        "dead by the register of persons: check again",
    ),
    "iin_mismatch": Text(
        "ЖСН туған күніне не жынысына сәйкес емес",
        "ИИН не сходится с датой рождения или полом",
        "IIN does not fit the birth date or sex",
    ),
    "location_implausible": Text(
        "координаттар шындыққа сай емес", "координаты недостоверны", "coordinates cannot be true"
    ),
    "queue_time_implausible": Text(
        "кезекке тұрған уақыт шындыққа сай емес", "время постановки в очередь недостоверно", "queue time cannot be true"
    ),
    "service_time_implausible": Text(
        "қызмет көрсетудің басталған уақыты шындыққа сай емес",
        "время начала обслуживания недостоверно",
        "start of service cannot be true",
    ),
    "answer_time_implausible": Text(
        "жауап берілген уақыт шындыққа сай емес", "время ответа недостоверно", "time of the answer cannot be true"
    ),
    "preferred_window_not_kept": Text(
        "қалаған уақыты сақталмады", "желаемое время не удалось дать", "the preferred time could not be kept"
    ),
    "transfer_unconfirmed": Text(
        "басқа емханадан берілгені расталмады",
        "передача из другой поликлиники не подтверждена",
        "handing on by another clinic not confirmed",
    ),
    "phone_unreadable": Text("телефон нөмірі оқылмайды", "номер телефона не читается", "phone number is unreadable"),
}
REFUSALS: Final[Mapping[str, Text]] = {
    "invalid_request": Text(
        "мәліметтер толық емес немесе қате", "данные неполны или указаны неверно", "data incomplete or wrong"
    ),
    "unknown_clinic": Text("емхана жүйеде жоқ", "поликлиники нет в системе", "clinic not in the system"),
    "outside_acceptance_hours": Text(
        "шақыруларды қабылдау уақытынан тыс", "вне времени приёма вызовов", "outside acceptance hours"
    ),
    "identity_not_confirmed": Text("жеке басы расталмады", "личность не подтверждена", "identity not confirmed"),
    "authority_invalid": Text(
        "өкілдің өкілеттігі расталмады",
        "полномочия представителя не подтверждены",
        "representative's authority not confirmed",
    ),
    "signature_invalid": Text(
        "электрондық цифрлық қолтаңба расталмады",
        "электронная цифровая подпись не подтверждена",
        "electronic digital signature not confirmed",
    ),
    "not_attached": Text(
        "пациент емханаға тіркелмеген", "пациент не прикреплён к поликлинике", "patient not attached to the clinic"
    ),
    "duplicate": Text(
        "қайталама өтініш: дәрігер шақырылып қойған", "повторная заявка: врач уже вызван", "duplicate: already called"
    ),
}

# The end of the page --------------------------------------------------------------------------------------------------

TOTALS: Final = Text("Қорытынды", "Итоги", "Totals")
FROM_103_TOTAL: Final = Text(
    "Оның ішінде жедел жәрдем (103) жолдағаны: {count}",
    "Из них передано скорой помощью (103): {count}",
    "Of these passed on by the ambulance service (103): {count}",
)
ACCEPTED_TOTAL: Final = Text("қабылданғаны", "всего принято", "accepted")
TOTAL: Final = Text("барлығы", "всего", "total")
REGISTRAR: Final = Text("Тіркеуші", "Регистратор", "Registrar")
HEAD: Final = Text("Емхана басшысы", "Руководитель поликлиники", "Head of the clinic")
SIGNATURE: Final = Text("қолы", "подпись", "signature")
FULL_NAME: Final = Text("аты-жөні", "ФИО", "full name")
DATE: Final = Text("күні", "дата", "date")
