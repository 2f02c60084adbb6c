"""The words of a complaint's receipt and reply in Kazakh, Russian and English (C10.2, C10.5, C10.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecall.standard.deadlines import KINDS
from homecall.texts.language import Text

RECEIPT: Final = Text("Шағымның тіркелгенін растау", "Подтверждение регистрации жалобы", "Registration of a complaint")
REPLY: Final = Text("Шағымға жауап", "Ответ на жалобу", "Reply to a complaint")
REFUSAL: Final = Text("Шағымды қараудан бас тарту", "Отказ в рассмотрении жалобы", "Refusal to consider a complaint")

# The stamp ------------------------------------------------------------------------------------------------------------

INCOMING_NUMBER: Final = Text("Кіріс №", "Вх. №", "Incoming No.")
REGISTERED_ON: Final = Text("Тіркелген күні", "Дата регистрации", "Registered on")
RECEIVED_BY: Final = Text("Қабылдады", "Принял(а)", "Accepted by")
BY_THE_PORTAL: Final = Text(
    "портал арқылы, автоматты түрде тіркелді",
    "через портал, зарегистрирована автоматически",
    "by the portal, automatically",
)
BY_THE_SYSTEM: Final = Text(
    "жүйе автоматты түрде тіркеді", "зарегистрирована системой автоматически", "by the system, automatically"
)
PLACE_OF_STAMP: Final = Text("М.О.", "М.П.", "Stamp")

# What a receipt tells -------------------------------------------------------------------------------------------------

THE_COMPLAINT: Final = Text("Шағым туралы", "О жалобе", "The complaint")
FROM: Final = Text("Шағым беруші", "Заявитель", "Complainant")
TO: Final = Text("Кімге жолданды", "Кому адресована", "Addressed to")
CAME: Final = Text("Түскен уақыты", "Поступила", "Came in")
CAME_BY: Final = Text("Берілу тәсілі", "Способ подачи", "Way of submission")
ABOUT: Final = Text("Қай шақыру туралы", "На какой вызов", "About the call")
CALL_NUMBER: Final = Text(
    "журнал бойынша № {number}, {on}", "№ {number} по журналу, {on}", "No. {number} of the register, {on}"
)
CALL_ID: Final = Text("өтініш {id}", "заявка {id}", "request {id}")
LINKED: Final = Text("Байланысты шағымдар", "Связанные жалобы", "Linked complaints")
THE_ANSWER: Final = Text("Жауап туралы", "Об ответе", "The answer")
TERM: Final = Text("Қарау мерзімі", "Срок рассмотрения", "Term")
DUE: Final = Text("Жауап берілетін соңғы күн", "Ответ будет дан не позднее", "Answered at the latest on")
WHERE: Final = Text("Жауапты алу тәсілі мен орны", "Как и где получить ответ", "How and where to get it")

ADDRESSEES: Final[Mapping[str, Text]] = {
    "clinic": Text("емхана басшысы", "руководитель поликлиники", "head of the clinic"),
    "ministry": Text("Министрліктің басшысы", "руководитель Министерства", "head of the Ministry"),
    "quality_authority": Text(
        "мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті орган",
        "уполномоченный орган по оценке и контролю за качеством оказания государственных услуг",
        "the authority that assesses and controls the quality of state services",
    ),
}
CHANNELS: Final[Mapping[str, Text]] = {
    "post": Text("пошта арқылы", "по почте", "by post"),
    "in_person": Text("жеке өзі берді", "лично", "in person"),
    "portal": Text("портал арқылы", "через портал", "through the portal"),
}
ANSWER_BY: Final[Mapping[str, Text]] = {
    "post": Text("пошта арқылы жіберіледі", "будет направлен по почте", "sent by post"),
    "by_hand": Text("қолма-қол беріледі", "выдаётся на руки", "handed over in person"),
    "portal": Text(
        "порталдағы жеке кабинетте көрсетіледі",
        "появится в личном кабинете на портале",
        "in the personal cabinet on the portal",
    ),
}
STATUS_BY_PHONE: Final = Text(
    "Шағымның қаралу барысын порталдағы жеке кабинеттен және бірыңғай байланыс орталығынан білуге болады: {phones}.",
    "О ходе рассмотрения можно узнать в личном кабинете на портале и в едином контакт-центре: {phones}.",
    "How it is getting on can be seen in the personal cabinet on the portal, or asked of the contact centre: {phones}.",
)
WITHOUT_WAITING: Final = Text("Сіздің құқықтарыңыз", "Ваши права", "Your rights")

# What a reply tells ---------------------------------------------------------------------------------------------------

OUTGOING: Final = Text("Шығыс № ____________", "Исх. № ____________", "Outgoing No. ____________")
IN_REPLY_TO: Final = Text("{on} ж. № {number} шағымға", "На № {number} от {on}", "In reply to No. {number} of {on}")
DEAR: Final = Text("Құрметті {name}!", "Уважаемый(ая) {name}!", "Dear {name},")
CONSIDERED: Final = Text(
    "Сіздің {on} күні {number} нөмірімен тіркелген шағымыңыз қаралды.",
    "Ваша жалоба, зарегистрированная {on} под № {number}, рассмотрена.",
    "Your complaint that was registered on {on} as No. {number} has been considered.",
)
NOT_CONSIDERED: Final = Text(
    "Сіздің {on} күні {number} нөмірімен тіркелген шағымыңызды қараудан бас тартылды.",
    "В рассмотрении Вашей жалобы, зарегистрированной {on} под № {number}, отказано.",
    "The consideration of your complaint that was registered on {on} as No. {number} is refused.",
)
DECISION: Final = Text("Шешім", "Решение", "Decision")
REASONS: Final = Text("Негіздеме", "Обоснование", "Reasons")
GROUNDS: Final = Text("Бас тарту негіздемесі", "Основания отказа", "Grounds of the refusal")
MEASURES: Final = Text("Қабылданған шаралар", "Принятые меры", "Measures taken")
TIMES: Final = Text(
    "Шақыру бойынша мерзімдер ({at} кезіндегі жағдай бойынша)",
    "Сроки по вызову (по состоянию на {at})",
    "The call's times (as known at {at})",
)
NEXT: Final = Text("Жауаппен келіспесеңіз", "Если Вы не согласны с ответом", "If you do not agree")
EXECUTOR: Final = Text("Орындаушы: {who}", "Исполнитель: {who}", "Executor: {who}")
SENT: Final[Mapping[str, Text]] = {
    "post": Text("Жауап пошта арқылы жіберілді: {on}.", "Ответ направлен по почте: {on}.", "Sent by post: {on}."),
    "by_hand": Text("Жауап қолма-қол берілген күн: {on}.", "Ответ выдан на руки: {on}.", "Handed over: {on}."),
    "portal": Text(
        "Жауап порталдағы жеке кабинетке жіберілді: {on}.",
        "Ответ направлен в личный кабинет на портале: {on}.",
        "Sent to the personal cabinet on the portal: {on}.",
    ),
}

DEADLINE: Final = Text("Мерзім", "Срок", "Time")
STARTED: Final = Text("Басталды", "Начало", "From")
DUE_AT: Final = Text("Соңғы мерзімі", "Предел", "Until")
ENDED: Final = Text("Аяқталды", "Окончание", "Ended")
VERDICT: Final = Text("Қорытынды", "Вывод", "Verdict")
DEADLINES: Final[Mapping[str, Text]] = {name: Text(*kind.label) for name, kind in KINDS.items()}
VERDICTS: Final[Mapping[str, Text]] = {
    "met": Text("сақталды", "соблюдён", "met"),
    "missed": Text("бұзылды", "нарушен", "missed"),
    "open": Text("жүріп жатыр", "ещё идёт", "still running"),
    "withdrawn": Text("өтініш қайтарып алынды", "заявка отозвана", "request withdrawn"),
    "transferred": Text(
        "шақыру басқа емханаға берілді", "вызов передан в другую поликлинику", "call handed on to another clinic"
    ),
    "unknown": Text("мәлімет жоқ", "нет сведений", "not known"),
}

# Its end --------------------------------------------------------------------------------------------------------------

HEAD: Final[Mapping[str, Text]] = {
    "clinic": Text("Емхана басшысы", "Руководитель поликлиники", "Head of the clinic"),
    "ministry": Text("Министрліктің басшысы", "Руководитель Министерства", "Head of the Ministry"),
    "quality_authority": Text(
        "Уәкілетті органның басшысы", "Руководитель уполномоченного органа", "Head of the authority"
    ),
}
REGISTERED_BY: Final = Text("Шағымды қабылдаған", "Жалобу принял(а)", "Accepted by")
SIGNATURE: Final = Text("қолы", "подпись", "signature")
FULL_NAME: Final = Text("аты-жөні", "ФИО", "full name")
