"""What people are told about a complaint: whole texts, where to go next, and what holds of every text."""

import re
import typing
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract import events
from homecall.contract.events import AnswerBy, ComplaintStage, ComplaintStatus
from homecall.standard.rules import load_rule_sets
from homecall.texts.complaints import ComplaintFacts, complaint_text, next_steps
from homecall.texts.language import FIELD_NAMES, Text
from services.complaints.domain.answer_ways import contacts

STATUSES: tuple[ComplaintStatus, ...] = typing.get_args(ComplaintStatus)
STAGES: tuple[ComplaintStage, ...] = typing.get_args(ComplaintStage)

NUMBER: dict[str, typing.Any] = {"incoming_number": "2026-17"}
DUE: dict[str, typing.Any] = {"answer_due_on": date(2026, 11, 28)}
RECEIVED: dict[str, typing.Any] = {
    "registered_on": date(2026, 11, 23),
    "received_by": "Айгүл Серікова",
    "received_by_position": "архивариус",
    "term_days": 5,
}
BY_HAND: dict[str, typing.Any] = {"answer_by": "by_hand", "answer_place": "Абай даңғылы 1, 2-кабинет"}
EXECUTOR: dict[str, typing.Any] = {"executor": "Марат Оспанов", "executor_position": "терапевт"}

TEXTS = [
    (
        "delivered",
        {"stage": "clinic"},
        "Шағымыңыз емхана басшысына жеткізілді. Ол жұмыс уақытында тіркеледі. Содан кейін кіріс нөмірі мен жауап "
        "мерзімі хабарланады.",
        "Ваша жалоба доставлена руководителю поликлиники. Её зарегистрируют в рабочее время. После этого Вам сообщат "
        "входящий номер и срок ответа.",
        "Your complaint has been delivered to the head of the clinic. It will be registered in working hours. You will "
        "then be told its incoming number and when the answer is due.",
    ),
    (
        "delivered",
        {"stage": "ministry"},
        "Шағымыңыз Министрліктің басшысына жеткізілді. Ол жұмыс уақытында тіркеледі. Содан кейін кіріс нөмірі мен "
        "жауап мерзімі хабарланады.",
        "Ваша жалоба доставлена руководителю Министерства. Её зарегистрируют в рабочее время. После этого Вам сообщат "
        "входящий номер и срок ответа.",
        "Your complaint has been delivered to the head of the Ministry. It will be registered in working hours. You "
        "will then be told its incoming number and when the answer is due.",
    ),
    (
        "delivered",
        {"stage": "quality_authority"},
        "Шағымыңыз мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға жеткізілді. "
        "Ол жұмыс уақытында тіркеледі. Содан кейін кіріс нөмірі мен жауап мерзімі хабарланады.",
        "Ваша жалоба доставлена в уполномоченный орган по оценке и контролю за качеством оказания государственных "
        "услуг. Её зарегистрируют в рабочее время. После этого Вам сообщат входящий номер и срок ответа.",
        "Your complaint has been delivered to the authority that assesses and controls the quality of state services. "
        "It will be registered in working hours. You will then be told its incoming number and when the answer is due.",
    ),
    (
        "registered",
        NUMBER | RECEIVED | DUE | BY_HAND,
        "Шағымыңыз тіркелді (кіріс нөмірі – 2026-17). Тіркелген күні: 2026 жылғы 23 қараша, дүйсенбі. "
        "Қабылдаған адам: Айгүл Серікова, архивариус. Қарау мерзімі – 5 жұмыс күні. "
        "Жауап мерзімі: 2026 жылғы 28 қараша, сенбі. Жауап мына жерде қолма-қол беріледі: Абай даңғылы 1, 2-кабинет.",
        "Ваша жалоба зарегистрирована (вх. № 2026-17). Дата регистрации: 23 ноября 2026 года, понедельник. "
        "Жалобу принял(а): Айгүл Серікова, архивариус. Срок рассмотрения – 5 рабочих дней. "
        "Срок ответа: 28 ноября 2026 года, суббота. Ответ можно получить на руки по адресу: Абай даңғылы 1, 2-кабинет.",
        "Your complaint is registered (incoming No. 2026-17). Date of registration: Monday 23 November 2026. "
        "Received by: Айгүл Серікова, архивариус. Term of consideration: 5 working days. "
        "The answer is due by: Saturday 28 November 2026. The answer can be collected at: Абай даңғылы 1, 2-кабинет.",
    ),
    (
        "registered",
        NUMBER | DUE | {"answer_by": "portal"},
        "Шағымыңыз тіркелді (кіріс нөмірі – 2026-17). Жауап мерзімі: 2026 жылғы 28 қараша, сенбі. "
        "Жауап порталдағы жеке кабинетте көрсетіледі.",
        "Ваша жалоба зарегистрирована (вх. № 2026-17). Срок ответа: 28 ноября 2026 года, суббота. "
        "Ответ появится в личном кабинете на портале.",
        "Your complaint is registered (incoming No. 2026-17). The answer is due by: Saturday 28 November 2026. "
        "The answer will appear in your personal cabinet on the portal.",
    ),
    (
        "assigned",
        NUMBER | EXECUTOR | DUE,
        "Шағымыңыз (кіріс нөмірі – 2026-17) жауапты орындаушыға берілді. Жауапты орындаушы: Марат Оспанов, терапевт. "
        "Жауап мерзімі: 2026 жылғы 28 қараша, сенбі.",
        "Ваша жалоба (вх. № 2026-17) передана ответственному исполнителю. Ответственный исполнитель: Марат Оспанов, "
        "терапевт. Срок ответа: 28 ноября 2026 года, суббота.",
        "Your complaint (incoming No. 2026-17) has been given to the responsible executor. Executor: Марат Оспанов, "
        "терапевт. The answer is due by: Saturday 28 November 2026.",
    ),
    (
        "executed",
        NUMBER | DUE | {"answer_by": "by_hand"},
        "Шағымыңыз (кіріс нөмірі – 2026-17) бойынша шаралар қабылданды, дәлелді жауап дайындалып жатыр. "
        "Жауап мерзімі: 2026 жылғы 28 қараша, сенбі. Жауап кеңседе қолма-қол беріледі.",
        "По Вашей жалобе (вх. № 2026-17) приняты меры, готовится мотивированный ответ. "
        "Срок ответа: 28 ноября 2026 года, суббота. Ответ выдаётся на руки в канцелярии.",
        "Measures have been taken on your complaint (incoming No. 2026-17); a reasoned answer is being prepared. "
        "The answer is due by: Saturday 28 November 2026. The answer is handed over at the office.",
    ),
    (
        "answered",
        NUMBER | {"decision": "upheld", "answer_by": "post"},
        "Шағымыңызға (кіріс нөмірі – 2026-17) дәлелді жауап берілді. Шағым қанағаттандырылды. Жауап пошта арқылы "
        "жіберілді. Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті "
        "органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "На Вашу жалобу (вх. № 2026-17) дан мотивированный ответ. Жалоба удовлетворена. Ответ направлен по почте. "
        "Если Вы не согласны, Вы вправе обратиться в уполномоченный орган по оценке и контролю за качеством оказания "
        "государственных услуг или в суд; порядок обжалования подскажут: 1414, 8-800-080-7777.",
        "A reasoned answer to your complaint (incoming No. 2026-17) has been given. The complaint is upheld. The "
        "answer was sent by post. If you disagree, you may complain to the authority that assesses and controls the "
        "quality of state services, or go to court; to ask how: 1414, 8-800-080-7777.",
    ),
    (
        "answered",
        NUMBER | {"decision": "partly_upheld"} | BY_HAND,
        "Шағымыңызға (кіріс нөмірі – 2026-17) дәлелді жауап берілді. Шағым ішінара қанағаттандырылды. Жауап мына "
        "жерде қолма-қол беріледі: Абай даңғылы 1, 2-кабинет. Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын "
        "бағалау және бақылау жөніндегі уәкілетті органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: "
        "1414, 8-800-080-7777.",
        "На Вашу жалобу (вх. № 2026-17) дан мотивированный ответ. Жалоба удовлетворена частично. Ответ можно "
        "получить на руки по адресу: Абай даңғылы 1, 2-кабинет. Если Вы не согласны, Вы вправе обратиться в "
        "уполномоченный орган по оценке и контролю за качеством оказания государственных услуг или в суд; порядок "
        "обжалования подскажут: 1414, 8-800-080-7777.",
        "A reasoned answer to your complaint (incoming No. 2026-17) has been given. The complaint is upheld in part. "
        "The answer can be collected at: Абай даңғылы 1, 2-кабинет. If you disagree, you may complain to the "
        "authority that assesses and controls the quality of state services, or go to court; to ask how: 1414, "
        "8-800-080-7777.",
    ),
    (
        "answered",
        {"decision": "not_upheld", "answer_by": "portal"},
        "Шағымыңызға дәлелді жауап берілді. Шағым қанағаттандырусыз қалдырылды. Жауап порталдағы жеке кабинетте "
        "қолжетімді. Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті "
        "органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "На Вашу жалобу дан мотивированный ответ. Жалоба оставлена без удовлетворения. Ответ – в личном кабинете на "
        "портале. Если Вы не согласны, Вы вправе обратиться в уполномоченный орган по оценке и контролю за качеством "
        "оказания государственных услуг или в суд; порядок обжалования подскажут: 1414, 8-800-080-7777.",
        "A reasoned answer to your complaint has been given. The complaint is not upheld. The answer is in your "
        "personal cabinet on the portal. If you disagree, you may complain to the authority that assesses and "
        "controls the quality of state services, or go to court; to ask how: 1414, 8-800-080-7777.",
    ),
    (
        "refused",
        NUMBER,
        "Шағымыңызды (кіріс нөмірі – 2026-17) қараудан бас тартылды, негіздемесі бас тарту туралы жауапта "
        "көрсетілген. Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті "
        "органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "В рассмотрении Вашей жалобы (вх. № 2026-17) отказано, основания указаны в ответе об отказе. Если Вы не "
        "согласны, Вы вправе обратиться в уполномоченный орган по оценке и контролю за качеством оказания "
        "государственных услуг или в суд; порядок обжалования подскажут: 1414, 8-800-080-7777.",
        "The consideration of your complaint (incoming No. 2026-17) was refused; the refusal states the grounds. If "
        "you disagree, you may complain to the authority that assesses and controls the quality of state services, "
        "or go to court; to ask how: 1414, 8-800-080-7777.",
    ),
    (
        "refused",
        {"refusal_code": "invalid_complaint", "refusal_fields": ("text", "complainant.full_name")},
        "Шағым қабылданбады. Көрсетілмеген немесе қате көрсетілген мәліметтер: шағымның мәтіні; шағым берушінің "
        "аты-жөні. Мәліметтерді түзетіп, шағымды қайта беріңіз. Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын "
        "бағалау және бақылау жөніндегі уәкілетті органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: "
        "1414, 8-800-080-7777.",
        "Жалоба не принята. Не указаны или указаны неверно: текст жалобы; ФИО лица, подавшего жалобу. Исправьте "
        "данные и подайте жалобу снова. Если Вы не согласны, Вы вправе обратиться в уполномоченный орган по оценке и "
        "контролю за качеством оказания государственных услуг или в суд; порядок обжалования подскажут: 1414, "
        "8-800-080-7777.",
        "The complaint was not accepted. Missing or wrong: text of the complaint; complainant's full name. Please "
        "correct the data and complain again. If you disagree, you may complain to the authority that assesses and "
        "controls the quality of state services, or go to court; to ask how: 1414, 8-800-080-7777.",
    ),
    (
        "refused",
        {"refusal_code": "invalid_complaint"},
        "Шағым қабылданбады: мәліметтер толық емес немесе қате. Мәліметтерді түзетіп, шағымды қайта беріңіз. "
        "Келіспесеңіз, мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға "
        "шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "Жалоба не принята: данные неполны или указаны неверно. Исправьте данные и подайте жалобу снова. Если Вы не "
        "согласны, Вы вправе обратиться в уполномоченный орган по оценке и контролю за качеством оказания "
        "государственных услуг или в суд; порядок обжалования подскажут: 1414, 8-800-080-7777.",
        "The complaint was not accepted: its data are incomplete or wrong. Please correct the data and complain "
        "again. If you disagree, you may complain to the authority that assesses and controls the quality of state "
        "services, or go to court; to ask how: 1414, 8-800-080-7777.",
    ),
    (
        "escalated",
        NUMBER | {"stage": "quality_authority", "answer_due_on": date(2026, 12, 9)},
        "Шағымыңыз (кіріс нөмірі – 2026-17) мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі "
        "уәкілетті органға берілді. Қарау мерзімі – тіркелген күннен бастап 15 жұмыс күні. "
        "Жауап мерзімі: 2026 жылғы 9 желтоқсан, сәрсенбі.",
        "Ваша жалоба (вх. № 2026-17) передана в уполномоченный орган по оценке и контролю за качеством оказания "
        "государственных услуг. Срок рассмотрения – 15 рабочих дней со дня регистрации. "
        "Срок ответа: 9 декабря 2026 года, среда.",
        "Your complaint (incoming No. 2026-17) has been passed to the authority that assesses and controls the quality "
        "of state services. It is considered within 15 working days of registration. "
        "The answer is due by: Wednesday 9 December 2026.",
    ),
    (
        "overdue",
        NUMBER | DUE,
        "Шағымыңызға (кіріс нөмірі – 2026-17) жауап беру мерзімі өтіп кетті: 2026 жылғы 28 қараша, сенбі. Кешірім "
        "сұраймыз, шағым әлі қаралуда. Жауапты күтпей-ақ мемлекеттік қызметтер көрсету сапасын бағалау және бақылау "
        "жөніндегі уәкілетті органға шағымдануға немесе сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "Срок ответа на Вашу жалобу (вх. № 2026-17) истёк: 28 ноября 2026 года, суббота. Приносим извинения, жалоба "
        "остаётся на рассмотрении. Вы вправе, не дожидаясь ответа, обратиться в уполномоченный орган по оценке и "
        "контролю за качеством оказания государственных услуг или в суд; справки: 1414, 8-800-080-7777.",
        "The answer to your complaint (incoming No. 2026-17) is overdue: it was due by Saturday 28 November 2026. We "
        "apologise; it is still being considered. You may complain at once to the authority that assesses and "
        "controls the quality of state services, or go to court; enquiries: 1414, 8-800-080-7777.",
    ),
    (
        "overdue",
        {"stage": "quality_authority"},
        "Шағымыңызға жауап беру мерзімі өтіп кетті. Кешірім сұраймыз, шағым әлі қаралуда. "
        "Сотқа жүгінуге құқылысыз, анықтама: 1414, 8-800-080-7777.",
        "Срок ответа на Вашу жалобу истёк. Приносим извинения, жалоба остаётся на рассмотрении. "
        "Вы вправе обратиться в суд; справки: 1414, 8-800-080-7777.",
        "The answer to your complaint is overdue. We apologise; it is still being considered. "
        "You may go to court; enquiries: 1414, 8-800-080-7777.",
    ),
]


def test_every_status_stands_in_the_table() -> None:
    assert {row[0] for row in TEXTS} == set(STATUSES)


@pytest.mark.parametrize(("status", "facts", "kk", "ru", "en"), TEXTS)
def test_complaint_text(status: ComplaintStatus, facts: dict[str, typing.Any], kk: str, ru: str, en: str) -> None:
    assert complaint_text(status, ComplaintFacts(**facts)) == Text(kk, ru, en)


@pytest.mark.parametrize("status", STATUSES)
def test_the_place_of_an_answer_by_post_is_not_told(status: ComplaintStatus) -> None:
    """It may be somebody's home."""
    text = complaint_text(status, ComplaintFacts(answer_by="post", answer_place="Абай даңғылы 1"))
    assert "Абай" not in text.kk + text.ru + text.en


# Where to go next -----------------------------------------------------------------------------------------------------

QUALITY_AUTHORITY = {
    "kk": "Мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі уәкілетті органға бірінші жауапты "
    "күтпей-ақ шағымдана аласыз. Қарау мерзімі – тіркелген күннен бастап 15 жұмыс күні.",
    "ru": "Вы можете подать жалобу в уполномоченный орган по оценке и контролю за качеством оказания государственных "
    "услуг, не дожидаясь первого ответа. Срок рассмотрения – 15 рабочих дней со дня регистрации.",
    "en": "You may complain to the authority that assesses and controls the quality of state services, without waiting "
    "for a first answer. It considers the complaint within 15 working days of registration.",
}
COURT = {
    "kk": "Қазақстан Республикасының заңнамасында белгіленген тәртіппен сотқа жүгінуге құқылысыз.",
    "ru": "Вы вправе обратиться в суд в порядке, установленном законодательством Республики Казахстан.",
    "en": "You may go to court, as the law of the Republic of Kazakhstan provides.",
}
CONTACT_CENTRE = {
    "kk": "Шағымдану тәртібі туралы ақпаратты бірыңғай байланыс орталығы береді: 1414, 8-800-080-7777.",
    "ru": "О порядке обжалования расскажет единый контакт-центр: 1414, 8-800-080-7777.",
    "en": "The contact centre tells how to complain: 1414, 8-800-080-7777.",
}


@pytest.mark.parametrize("stage", ["clinic", "ministry"])
def test_next_steps_from_the_clinic_and_the_ministry(stage: ComplaintStage) -> None:
    """C10.8, C11, C10.7."""
    assert next_steps(stage) == [
        {"kind": "quality_authority", "text": QUALITY_AUTHORITY},
        {"kind": "court", "text": COURT},
        {"kind": "contact_centre", "text": CONTACT_CENTRE},
    ]


def test_next_steps_from_the_quality_authority() -> None:
    """C11, C10.7: it is not its own appeal."""
    assert next_steps("quality_authority") == [
        {"kind": "court", "text": COURT},
        {"kind": "contact_centre", "text": CONTACT_CENTRE},
    ]


def test_the_term_of_the_quality_authority_is_the_rule_sets() -> None:
    assert next_steps("clinic", 21)[0]["text"]["ru"].endswith("Срок рассмотрения – 21 рабочий день со дня регистрации.")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "facts",
    [
        {"refusal_code": "invalid_complaint", "refusal_fields": ("text",)},
        {"refusal_code": "invalid_complaint"},
        NUMBER,
        {"decision": "not_upheld"},
        NUMBER | DUE,
    ],
)
@pytest.mark.parametrize("status", ["refused", "answered", "overdue"])
def test_c10_7_c11_every_refusal_and_answer_says_how_to_go_on_and_that_the_court_is_open(
    status: ComplaintStatus, facts: dict[str, typing.Any], stage: ComplaintStage
) -> None:
    text = complaint_text(status, ComplaintFacts(stage=stage, **facts))
    for said, court in ((text.kk, "сотқа"), (text.ru, "в суд"), (text.en, "go to court")):
        assert court in said.casefold()
        assert "1414, 8-800-080-7777" in said
        assert said.count("8-800-080-7777") == 1
    assert ("в уполномоченный орган" in text.ru) == (stage != "quality_authority")


@pytest.mark.parametrize("stage", STAGES)
def test_c10_1_c12_c15_the_next_steps_name_the_addresses_of_the_rule_set(stage: ComplaintStage) -> None:
    known = contacts(load_rule_sets().sets[0])
    steps = {each["kind"]: each["text"] for each in next_steps(stage, 15, known)}
    advice = steps["contact_centre"]
    assert "www.mzsr.gov.kz, «Мемлекеттік көрсетілетін қызметтер» бөлімі" in advice["kk"]
    assert "www.mzsr.gov.kz, раздел «Государственные услуги»" in advice["ru"]
    assert "www.mzsr.gov.kz, section “State services”" in advice["en"]
    # One that is with the Ministry already is not sent there again.
    assert ("Орынбор көшесі, 8-үй" in advice["kk"]) == (stage == "clinic")
    authority = Text("Астана, Сынақ көшесі, 1", "Астана, улица Сынак, 1", "Astana, Synaq street 1")
    more = {each["kind"]: each["text"] for each in next_steps(stage, 15, known | {"quality_authority": authority})}
    if stage != "quality_authority":
        assert more["quality_authority"]["ru"].endswith("Адрес: Астана, улица Сынак, 1.")


@pytest.mark.parametrize("stage", STAGES)
def test_next_steps_are_as_the_contract_has_them(stage: ComplaintStage) -> None:
    for step in next_steps(stage):
        assert events.NextStep.model_validate(step).model_dump() == step


# What holds of every text ---------------------------------------------------------------------------------------------


def optional(values: st.SearchStrategy[typing.Any]) -> st.SearchStrategy[typing.Any]:
    return st.none() | values


NAMES = st.sampled_from(["Ахметова Сәуле", "Ли  В. С.", "\tҰ. Һашим", " "])
DAYS = st.dates(date(2024, 3, 2), date(2035, 1, 1))
FACTS = st.builds(
    ComplaintFacts,
    stage=st.sampled_from(STAGES),
    incoming_number=optional(st.sampled_from(["2026-1", " "])),
    registered_on=optional(DAYS),
    received_by=optional(NAMES),
    received_by_position=optional(st.sampled_from(["тіркеуші", "гл.  врач", " "])),
    term_days=optional(st.integers(1, 30)),
    answer_due_on=optional(DAYS),
    answer_by=optional(st.sampled_from([*typing.get_args(AnswerBy), "by_pigeon"])),
    answer_place=optional(st.sampled_from(["Абай даңғылы 1,\n2-кабинет", "каб. 2.", " "])),
    executor=optional(NAMES),
    executor_position=optional(st.sampled_from(["дәрігер", " "])),
    decision=optional(st.sampled_from(["upheld", "partly_upheld", "not_upheld", "new"])),
    refusal_code=optional(st.just("invalid_complaint")),
    refusal_fields=st.lists(st.sampled_from([*FIELD_NAMES, "new.field", " "]), max_size=6),
)


@given(status=st.sampled_from(STATUSES), facts=FACTS)
def test_every_text_is_whole(status: ComplaintStatus, facts: ComplaintFacts) -> None:
    text = complaint_text(status, facts)
    for said in (text.kk, text.ru, text.en):
        assert said
        assert said == " ".join(said.split())
        assert not re.search(r"None|[{}]|\.\.|,\.| [.,)]|\( ", said)
        assert said.endswith(".")
