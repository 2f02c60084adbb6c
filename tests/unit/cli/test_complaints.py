"""What the head of a clinic sees of its complaints, a complaint's file, and its receipt and reply to print."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from pypdf import PdfReader

from homecall.contract.envelope import Record
from homecall.contract.events import AnswerBy, ComplaintAnswered, ComplaintStage, ComplaintSubmitted
from homecall.contract.topics import CLINICS
from homecall.documents.letters import as_html as letter_html
from homecall.documents.letters import as_pdf as letter_pdf
from homecall.documents.letters.letters import Letter, NotThere, receipt, reply, stage_of
from homecall.operations.complaint import file_of, text_of
from homecall.operations.complaints import Listed, as_csv, clinic_among, listed, missed_line, print_complaints, summary
from homecall.operations.life import life
from homecall.standard.rules import load_rule_sets
from homecall.texts import letters as letter_words
from homecall.texts.documents import PageLanguage, said
from homecall.texts.language import Text
from services.complaints.domain import ComplaintState
from services.complaints.retention import remains
from tests.unit.complaints.casebook import (
    COMPLAINT,
    DINARA,
    HEAD,
    MARAT,
    SAULE,
    YERZHAN,
    at,
    clinic,
    command,
    incoming,
    submission,
)
from tests.unit.complaints.test_matters import (
    CALL,
    OTHER_IIN,
    SECOND,
    VAULT,
    Office,
    accepted,
    closed,
    complaint,
    deadline,
    second,
    status,
)

LANGUAGES: tuple[PageLanguage, ...] = get_args(PageLanguage)
CLINIC = clinic()
RULES = load_rule_sets()
KAZAKH = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"


def numbered(n: int) -> str:
    return f"{n:08}-0000-4000-8000-000000000000"


async def an_office() -> Office:
    """Complaints in every stand: see ``ORDER``, in which the head sees them on the first of December."""
    office = Office()

    async def came(n: int, when: str, *commands: tuple[str, str], **more: Any) -> None:
        data = {"complaint_id": numbered(n)} | more
        now = at(when) + timedelta(minutes=1)
        await office.hear(incoming("complaint.submitted", submission(when, **data)), now=now)
        for name, moment in commands:
            executor = {"executor": SAULE if name == "assigned" and "12-01" in moment else YERZHAN}
            more_of_it = executor if name == "assigned" else {}
            await office.hear(command(name, moment, complaint_id=numbered(n), **more_of_it), now=at(moment))

    await came(1, "Tue 2026-11-24 09:40", ("assigned", "Tue 2026-11-24 10:00"))
    await came(2, "Wed 2026-11-25 09:40", ("assigned", "Wed 2026-11-25 10:00"), ("answered", "Thu 2026-11-26 10:00"))
    await came(3, "Wed 2026-11-25 11:00")
    await came(4, "Thu 2026-11-26 11:00", ("refused", "Fri 2026-11-27 10:00"))
    await came(5, "Fri 2026-11-27 11:00", ("escalated", "Mon 2026-11-30 10:00"), ("assigned", "Tue 2026-12-01 09:00"))
    await came(6, "Tue 2026-12-01 09:00", text="")
    await office.tick(at("Mon 2026-11-30 20:00"))
    await came(7, "Tue 2026-12-01 20:30")
    return office


ORDER = [1, 3, 5, 7, 4, 2]
FIRST_OF_DECEMBER = at("Tue 2026-12-01 21:00")


async def the_list(office: Office, now: datetime = FIRST_OF_DECEMBER) -> list[Listed]:
    return listed(await office.store.of_clinic("samal-3"), now, CLINIC, RULES)


# ---------------------------------------------------------------- the list


async def test_the_most_urgent_stands_first_and_days_are_the_clinics_working_days() -> None:
    rows = await the_list(await an_office())
    assert [row.complaint_id for row in rows] == [numbered(n) for n in ORDER]
    shown = {
        int(row.complaint_id[:8]): (row.number, row.status, row.overdue, row.age, row.left, row.executor)
        for row in rows
    }
    assert shown == {
        # Six days gone of five: 25 to 28 and 30 November, 1 December. Sundays count for nobody.
        1: ("2026-1", "assigned", True, 6, -1, YERZHAN["full_name"]),
        # Due today, and its day is over.
        3: ("2026-3", "registered", True, 5, 0, ""),
        5: ("2026-6", "assigned", False, 1, 14, SAULE["full_name"]),
        7: ("", "delivered", False, None, None, ""),
        # What is over has an age that no longer grows.
        4: ("2026-4", "refused", False, 1, None, ""),
        2: ("2026-2", "answered", False, 1, None, YERZHAN["full_name"]),
    }
    assert next(row for row in rows if row.number == "2026-6").earlier == ("2026-5",)
    assert summary(rows) == "complaints: 6, about 6 matters; 4 open, 2 overdue"


async def test_days_left_follow_the_clinics_own_days() -> None:
    office = Office()
    await office.hear(complaint())
    states = await office.store.of_clinic("samal-3")
    closed_on = clinic(closed_dates=["2026-11-26"])
    morning = at("Wed 2026-11-25 09:00")
    (here,) = listed(states, morning, CLINIC, RULES)
    (there,) = listed(states, morning, closed_on, RULES)
    assert (here.left, there.left) == (4, 3)
    assert here.due_on == there.due_on, "the term that was told stands"


async def test_one_whose_signature_cannot_be_checked_is_in_the_list() -> None:
    held = {
        "kept": {"cause": "-", "record": {}},
        "try_again_at": "2026-11-24T09:42:00+05:00",
        "tries": 1,
        "stage": "clinic",
        "started_at": "2026-11-24T09:40:00+05:00",
        "approaching_at": None,
        "due_at": "2026-11-30T20:00:00+05:00",
        "limit_seconds": 1,
        "said": "",
    }
    state = ComplaintState(COMPLAINT, "samal-3", "held", channel="portal", held=held)  # type: ignore[arg-type]  # the value is one of its words
    (row,) = listed([state], at("Wed 2026-11-25 09:00"), CLINIC, RULES)
    assert (row.status, row.left, row.open, row.number) == ("held", 4, True, "")


async def test_linked_ones_are_one_matter_and_each_names_the_other() -> None:
    office = Office()
    await office.hear(complaint(), second("Tue 2026-11-24 09:40"))
    await office.hear(incoming("complaint.submitted", submission("Tue 2026-11-24 09:40", complaint_id=numbered(3))))
    rows = await the_list(office)
    assert {row.number: row.linked for row in rows} == {"2026-1": ("2026-2",), "2026-2": ("2026-1",), "2026-3": ()}
    assert summary(rows) == "complaints: 3, about 2 matters; 3 open, 3 overdue"


async def test_csv_is_guarded_and_whole() -> None:
    office = Office()
    await office.hear(complaint(), command("assigned", "Tue 2026-11-24 10:00", executor=MARAT | {"position": "=1+1"}))
    written = as_csv(await the_list(office, at("Wed 2026-12-02 09:00"))).decode()
    assert written.startswith("\ufeffnumber;stage;status;overdue;")
    (row,) = csv.DictReader(io.StringIO(written.removeprefix("\ufeff")), delimiter=";")
    assert row == {
        "number": "2026-1",
        "stage": "clinic",
        "status": "assigned",
        "overdue": "yes",
        "registered_on": "2026-11-24",
        "age_working_days": "7",
        "answer_due_on": "2026-11-30",
        "days_left": "-2",
        "executor": MARAT["full_name"],
        "executor_position": "'=1+1",
        "channel": "in_person",
        "complaint_id": COMPLAINT,
        "request_id": CALL,
        "linked": "",
        "earlier_numbers": "",
    }
    assert as_csv([]).decode().splitlines() == written.splitlines()[:1]


async def test_the_table_breaks_no_line_and_names_no_complainant(capsys: pytest.CaptureFixture[str]) -> None:
    print_complaints(await the_list(await an_office()))
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "number",
        "stage",
        "status",
        "registered",
        "age",
        "due",
        "left",
        "executor",
        "linked",
        "complaint",
    ]
    assert [line.split()[-1] for line in lines] == [numbered(n) for n in ORDER]
    assert "assigned, overdue" in lines[0]
    assert "02.12 08:00" in lines[3], "when it will be registered"
    assert "Динара" not in "".join(lines)


def test_missed_answers_are_told_by_month() -> None:
    assert missed_line({"2026-10": 2, "2026-11": 4}).endswith(": 2026-11: 4, 2026-10: 2")
    assert missed_line({}).endswith(": none")


def test_of_a_clinic_the_newest_that_was_published_holds() -> None:
    def record(value: bytes | None, offset: int, key: bytes = b"samal-3") -> Record:
        names = {"specversion": "1.0", "id": "1", "source": "/t", "type": "kz.homecall.clinic.published"}
        headers = tuple((f"ce_{name}", text.encode()) for name, text in names.items())
        return Record(CLINICS.name, 0, offset, key, value, headers)

    older, newer = (clinic(phone=phone).to_json() for phone in ("+7 727 000 00 01", "+7 727 000 00 02"))
    found = clinic_among([record(newer, 2), record(older, 1), record(b"{", 3)], "samal-3")
    assert found is not None
    assert found.phone == "+7 727 000 00 02"
    assert clinic_among([record(newer, 2), record(None, 3)], "samal-3") is None
    assert clinic_among([record(newer, 2), record(None, 3, b"other")], "samal-3") is not None
    assert clinic_among([], "samal-3") is None


# ---------------------------------------------------------------- the file


async def the_file(office: Office) -> dict[str, Any]:
    kept = (await office.store.complaints.load([COMPLAINT]))[COMPLAINT]
    timeline = (await office.store.timelines([CALL])).get(CALL)
    others = [each for each in await office.store.about(CALL) if each.complaint_id != COMPLAINT]
    return file_of(kept, timeline, others)


async def test_the_file_shows_its_way_its_call_and_its_links_and_no_complainant() -> None:
    office = Office()
    await office.hear_of_call(accepted(), deadline("missed", "answer", "08:10", "08:20"))
    await office.hear(complaint(), second("Tue 2026-11-24 09:40"))
    await office.hear_of_call(closed("11:20"))
    await office.hear(
        command("assigned", "Tue 2026-11-24 10:00"),
        command("assigned", "Tue 2026-11-24 11:00", executor=MARAT),
        command("answered", "Tue 2026-11-24 12:00"),
    )
    file = await the_file(office)
    assert [each["status"] for each in file["statuses"]] == [
        "delivered",
        "registered",
        "assigned",
        "assigned",
        "answered",
    ]
    assert [each["full_name"] for each in file["stages"][0]["executors"]] == [YERZHAN["full_name"], MARAT["full_name"]]
    assert file["linked"] == [{"complaint_id": SECOND, "incoming_number": "2026-2"}]
    assert [each["type"] for each in file["call"]["lines"]] == ["request.accepted", "deadline.missed"]
    assert [each["type"] for each in file["call_since"]] == ["visit.closed"]
    text = text_of(file)
    assert json.loads(json.dumps(file)) == file
    for shown in ("2026-1", "linked with 2026-2", "answered: upheld", "missed", "heard of it since", HEAD["full_name"]):
        assert shown in text
    for hidden in (DINARA["full_name"], DINARA["postal_address"], "обоснована", "через полчаса"):
        assert hidden not in text + json.dumps(file, ensure_ascii=False)


async def test_the_file_says_that_a_call_is_not_the_complainants_and_shows_nothing_of_it() -> None:
    office = Office(by_names=True)
    await office.hear_of_call(accepted(persons=[VAULT.of_call(CALL, OTHER_IIN)]), closed("08:40"))
    await office.hear(complaint())
    await office.hear_of_call(status("completed", "11:20"))
    file = await the_file(office)
    assert (file["call"]["note"], file["call"]["lines"], file["call_since"]) == ("another_person", [], [])
    text = text_of(file)
    assert "not linked: the complainant is neither patient nor applicant of it" in text
    assert "visit.closed" not in text
    assert "nothing had been heard" not in text


async def test_the_file_of_a_refused_one_says_what_to_correct() -> None:
    office = Office()
    await office.hear(complaint(text=""))
    text = text_of(await the_file(office))
    assert "refused as invalid_complaint: text must not be empty" in text


async def test_a_requests_life_shows_the_complaints_about_it() -> None:
    office = Office()
    await office.hear(complaint())
    docs = list(office.database.collection("complaints").docs.values())
    steps = life({}, docs)
    assert [(each["step"], each["status"]) for each in steps] == [
        ("complaint.status-changed", "delivered"),
        ("complaint.status-changed", "registered"),
    ]
    assert (steps[1]["incoming_number"], steps[1]["service"]) == ("2026-1", "complaints")


# ---------------------------------------------------------------- receipt and reply

LONG = "Қаралған шағым бойынша анықталғаны: хабар он минуттан кейін берілді. "
ANSWER = f"{LONG * 60}\n\nПриносим извинения.\u202e <b>{KAZAKH}</b>"


async def a_case(**more: Any) -> tuple[ComplaintState, Office]:
    office = Office()
    await office.hear_of_call(accepted(), status("scheduled", "08:31", on_time=False))
    person = DINARA | {"full_name": f"Сағынтай-{KAZAKH} Динара"}
    await office.hear(complaint(**{"complainant": person, "answer_by": "post"} | more))
    return await office.state(), office


async def an_answer(**more: Any) -> ComplaintState:
    _, office = await a_case()
    await office.hear(
        command("assigned", "Tue 2026-11-24 10:00"),
        command("executed", "Tue 2026-11-24 10:30"),
        command("answered", "Tue 2026-11-24 12:00", **{"text": ANSWER, "sent_by": "post"} | more),
    )
    return await office.state()


async def a_refusal() -> ComplaintState:
    _, office = await a_case()
    await office.hear(command("refused", "Tue 2026-11-24 12:00"))
    return await office.state()


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
    for name in ("office", "received_by"):
        del state.stages[0][name]  # type: ignore[misc]  # as it was stored
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
    state = await office.state()
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
    authority = reply(await office.state(), 1, CLINIC, "ru")
    # The authority signs for itself: the clinic's head has no name there.
    assert authority.signed_by == ""
    assert authority.organisation.startswith("уполномоченный орган")


async def _registered() -> ComplaintState:
    return (await a_case())[0]


async def _of_the_night() -> ComplaintState:
    office = Office()
    await office.hear(complaint("Mon 2026-11-23 20:30"))
    return await office.state()


async def _invalid() -> ComplaintState:
    office = Office()
    await office.hear(complaint(text=""))
    return await office.state()


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
    assert set(letter_words.DECISIONS) == set(get_args(answered["decision"].annotation))


def test_every_text_is_there_in_three_languages_with_the_same_places() -> None:
    for name, value in vars(letter_words).items():
        texts = value.values() if isinstance(value, dict) else [value]
        for text in texts:
            if isinstance(text, Text):
                places = {language: set(re.findall(r"{\w+}", words)) for language, words in text.as_dict().items()}
                assert all(text.as_dict().values()), name
                assert len(set(map(frozenset, places.values()))) == 1, name
