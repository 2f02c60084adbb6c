"""A complaint comes in: what its sender is told, when it is registered, and what of it is kept (C10.2, R9a)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from homecall.contract.envelope import Incoming
from services.complaints.domain.state import Complainant, Official
from tests.unit.complaints.casebook import (
    ASEL,
    COMPLAINT,
    IIN,
    YERZHAN,
    Casebook,
    at,
    clinic,
    command,
    incoming,
    submission,
    utc,
)

MORNING = "Tue 2026-11-24 09:40"


def _submitted(when: str = MORNING, **more: Any) -> Incoming:
    return incoming("complaint.submitted", submission(when, **more))


def test_the_registration_says_all_that_C10_2_asks_for() -> None:  # noqa: N802 - the clause's own name
    book = Casebook()
    assert book.hear(_submitted()) == "delivered registered"
    delivered, registered = (json.loads(each.to_json()) for each in book.statuses())
    assert {name: delivered.get(name) for name in ("sequence", "status", "stage", "occurred_at", "clinic_id")} == {
        "sequence": 1,
        "status": "delivered",
        "stage": "clinic",
        "occurred_at": "2026-11-24T09:40:00+05:00",
        "clinic_id": "samal-3",
    }
    assert not {"incoming_number", "received_by", "answer_due_on", "answer_due_at"} & delivered.keys()
    next_steps, text = registered.pop("next_steps"), registered.pop("text")
    assert registered == {
        "complaint_id": COMPLAINT,
        "clinic_id": "samal-3",
        "sequence": 2,
        "stage": "clinic",
        "status": "registered",
        "occurred_at": "2026-11-24T09:40:00+05:00",
        "incoming_number": "2026-1",
        "received_by": ASEL,
        "answer_due_on": "2026-11-30",
        "answer_due_at": "2026-11-30T20:00:00+05:00",
        "answer_by": "by_hand",
        "answer_place": "Алматы, Тал көшесі, 14",
    }
    assert [step["kind"] for step in next_steps] == ["quality_authority", "court", "contact_centre"]
    assert text["ru"] == (
        "Ваша жалоба зарегистрирована (вх. № 2026-1). Дата регистрации: 24 ноября 2026 года, вторник. "
        "Жалобу принял(а): Тұрсынова Әсел Маратқызы, Аға тіркеуші. Срок рассмотрения – 5 рабочих дней. "
        "Срок ответа: 30 ноября 2026 года, понедельник. Ответ можно получить на руки по адресу: Алматы, Тал көшесі, 14."
    )


@pytest.mark.parametrize(
    ("answer_by", "named", "place", "told"),
    [
        ("by_hand", None, "Алматы, Тал көшесі, 14", "Ответ можно получить на руки по адресу: Алматы, Тал көшесі, 14."),
        ("by_hand", "2-кабинет", "2-кабинет", "Ответ можно получить на руки по адресу: 2-кабинет."),
        ("post", None, None, "Ответ будет направлен по почте."),
        ("post", "улица Тал, 9, кв. 3", "улица Тал, 9, кв. 3", "Ответ будет направлен по почте."),
    ],
)
def test_where_the_answer_is_to_be_had(answer_by: str, named: str | None, place: str | None, told: str) -> None:
    book = Casebook()
    book.hear(_submitted(answer_by=answer_by, **({"answer_place": named} if named else {})))
    registered = book.statuses()[-1]
    assert (registered.answer_by, registered.answer_place) == (answer_by, place)
    assert registered.text.ru.endswith(told)


@pytest.mark.parametrize("more", [{}, {"received_by": None}])
def test_what_came_through_the_portal_names_the_system_and_the_head(more: dict[str, Any]) -> None:
    """Nobody received it by hand, whoever is named (C10.2)."""
    book = Casebook()
    signature = {"format": "cms", "value": "MIIB"}
    assert book.hear(_submitted(channel="portal", signature=signature, **more)) == "delivered registered"
    head = {"full_name": "Ахметов Бауыржан Нұрланұлы", "position": "Руководитель поликлиники"}
    assert book.statuses()[-1].received_by.model_dump() == head
    assert (
        "Жалобу автоматически приняла система, ответственный дежурный: Ахметов Бауыржан Нұрланұлы, Руководитель "
        "поликлиники." in book.statuses()[-1].text.ru
    )


@pytest.mark.parametrize(
    ("submitted", "registered", "due"),
    [
        ("Mon 2026-11-23 07:59:59", "Mon 2026-11-23 08:00", "Sat 2026-11-28 14:00"),
        ("Mon 2026-11-23 08:00", "Mon 2026-11-23 08:00", "Sat 2026-11-28 14:00"),
        # Past the cut-off of calls, but within working hours: a complaint knows no cut-off.
        ("Mon 2026-11-23 19:59:59", "Mon 2026-11-23 19:59:59", "Sat 2026-11-28 14:00"),
        ("Mon 2026-11-23 20:00", "Tue 2026-11-24 08:00", "Mon 2026-11-30 20:00"),
        ("Sat 2026-11-28 14:00", "Mon 2026-11-30 08:00", "Sat 2026-12-05 14:00"),
        ("Sun 2026-11-29 12:00", "Mon 2026-11-30 08:00", "Sat 2026-12-05 14:00"),
    ],
)
def test_registered_in_working_hours_or_at_the_next_opening(submitted: str, registered: str, due: str) -> None:
    book = Casebook()
    at_once = submitted == registered
    assert book.hear(_submitted(submitted)) == ("delivered registered" if at_once else "delivered")
    if not at_once:
        assert book.tick(at(registered) - timedelta(microseconds=1)) == ""
        assert book.tick(at(registered)) == "registered"
    status = book.statuses()[-1]
    assert (status.occurred_at, status.answer_due_at) == (at(registered), at(due))
    assert status.answer_due_on == at(due).date()


@pytest.mark.parametrize(
    ("addressed_to", "due", "kinds"),
    [
        ("clinic", "Mon 2026-11-30 20:00", ["quality_authority", "court", "contact_centre"]),
        ("ministry", "Mon 2026-11-30 20:00", ["quality_authority", "court", "contact_centre"]),
        ("quality_authority", "Fri 2026-12-11 20:00", ["court", "contact_centre"]),
    ],
)
def test_the_term_is_the_addressees(addressed_to: str, due: str, kinds: list[str]) -> None:
    book = Casebook()
    book.hear(_submitted(addressed_to=addressed_to))
    status = book.statuses()[-1]
    assert (status.stage, status.answer_due_at) == (addressed_to, at(due))
    assert [step.kind for step in status.next_steps] == kinds


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("broken", "stage", "answer_by", "path"),
    [
        ({"text": ""}, "clinic", "by_hand", "text"),
        ({"text": "", "addressed_to": "ministry"}, "ministry", "by_hand", "text"),
        ({"addressed_to": "mayor"}, "clinic", "by_hand", "addressed_to"),
        ({"addressed_to": ["clinic"]}, "clinic", "by_hand", "addressed_to"),
        ({"answer_by": "pigeon"}, "clinic", None, "answer_by"),
        ({"answer_by": None, "addressed_to": "quality_authority"}, "quality_authority", None, "answer_by"),
        ({"received_by": None}, "clinic", "by_hand", "received_by"),
        ({"channel": "portal"}, "clinic", "by_hand", "signature"),
        ({"channel": {}}, "clinic", "by_hand", "channel"),
        ({"submitted_at": "2026-11-24T09:40:00"}, "clinic", "by_hand", "submitted_at"),
        ({"complainant": None}, "clinic", "by_hand", "complainant"),
    ],
)
def test_a_broken_complaint_is_refused(broken: dict[str, Any], stage: str, answer_by: str | None, path: str) -> None:
    book = Casebook()
    assert book.hear(_submitted(**broken)) == "refused"
    (status,) = book.statuses()
    assert (status.sequence, status.stage, status.answer_by) == (1, stage, answer_by)
    assert (status.refusal.code, [field.path for field in status.refusal.fields]) == ("invalid_complaint", [path])
    assert status.incoming_number is None
    assert status.occurred_at == at("Tue 2026-11-24 09:41")
    assert status.text.ru.startswith("Жалоба не принята. Не указаны или указаны неверно: ")


def test_a_clinic_that_nobody_published_is_refused() -> None:
    book = Casebook()
    assert book.hear(_submitted(clinic_id="nowhere-9", addressed_to="ministry", answer_by="post")) == "refused"
    (status,) = book.statuses()
    assert (status.stage, status.answer_by, status.clinic_id) == ("ministry", "post", "nowhere-9")
    assert [(field.path, field.message.split(":")[0]) for field in status.refusal.fields] == [
        ("clinic_id", "names no clinic that has been published")
    ]


@pytest.mark.parametrize(
    ("when", "wrong"),
    [("Tue 2014-11-25 09:40", "submitted_at"), ("Thu 2101-11-24 09:40", "submitted_at")],
)
def test_a_day_that_no_rules_cover_is_refused(when: str, wrong: str) -> None:
    book = Casebook()
    assert book.hear(_submitted(when)) == "refused"
    (field,) = book.statuses()[-1].refusal.fields
    assert field.path == wrong
    assert field.message.endswith("and send the complaint again under a new complaint_id")


@pytest.mark.parametrize(
    ("ahead_seconds", "occurred"),
    [(-3600, "Tue 2026-11-24 09:40"), (0, "Tue 2026-11-24 09:40"), (120, "Tue 2026-11-24 09:38"), (121, None)],
)
def test_a_publishers_clock_that_is_ahead(ahead_seconds: int, occurred: str | None) -> None:
    # R17: what is up to two minutes ahead of its record is taken as the record's time, what is more is refused.
    book = Casebook()
    record_time = utc(at(MORNING) - timedelta(seconds=ahead_seconds))
    came_of_it = book.hear(_submitted(), record_time=record_time)
    if occurred is None:
        assert came_of_it == "refused"
        assert "set the publisher's clock" in book.statuses()[-1].refusal.fields[0].message
        return
    assert [status.occurred_at for status in book.statuses()] == [at(occurred)] * 2
    assert book.state.stages[0].flags == (("clock_ahead",) if ahead_seconds > 0 else ())


def test_a_command_whose_clock_is_ahead_has_its_records_time() -> None:
    book = Casebook()
    book.hear(_submitted())
    record_time = utc(at("Tue 2026-11-24 10:00"))
    assert book.hear(command("assigned", "Wed 2026-12-30 10:00"), record_time=record_time) == "assigned"
    assert book.statuses()[-1].occurred_at == record_time


# ---------------------------------------------------------------- what is kept


def test_no_iin_is_kept_or_sent() -> None:
    book = Casebook()
    typed = f"ИИН {IIN}, прошу разобраться"
    book.hear(
        _submitted(
            text=typed,
            complainant={"full_name": f"Динара {IIN}", "iin": IIN, "postal_address": typed, "language": "kk"},
            received_by={"full_name": f"Әсел {IIN}", "position": "тіркеуші"},
            answer_place=f"кабинет {IIN}",
        )
    )
    book.hear(command("assigned", MORNING, executor={"full_name": f"Ержан {IIN}", "position": "заңгер"}))
    book.hear(command("executed", "Tue 2026-11-24 10:00", measures=typed))
    book.hear(command("answered", "Tue 2026-11-24 11:00", text=typed))
    book.hear(command("escalated", "Tue 2026-11-24 12:00", grounds=typed))
    book.hear(command("refused", "Tue 2026-11-24 13:00", grounds=typed))
    assert book.statuses()[-1].status == "refused"
    assert IIN not in repr(book.state)
    assert IIN not in b"".join(each.to_json() for each in book.said).decode()
    assert book.state.text == "ИИН ************, прошу разобраться"


def test_what_the_clinic_needs_is_kept() -> None:
    book = Casebook()
    request_id = "0e9d8c7b-6a59-4483-9271-60f5e4d3c2b1"
    book.hear(
        _submitted(
            request_id=request_id,
            complainant={"full_name": "Динара", "phone": "+380671234567", "iin": IIN, "language": "ru"},
        )
    )
    state = book.state
    assert state.complainant == Complainant(full_name="Динара", phone="+380671234567", language="ru")
    assert state.text == "Время прихода врача мне сообщили позже, чем через полчаса."
    assert (state.request_id, state.channel, state.received_by) == (request_id, "in_person", Official(**ASEL))
    ruling = state.stages[0].ruling
    assert ruling["rule_set"] == "kz-2015"
    assert {"C10.2", "C10.4", "R9"} <= set(ruling["clauses"])


def test_an_answer_is_sent_as_it_was_given() -> None:
    book = Casebook()
    book.hear(_submitted())
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    book.hear(command("executed", "Tue 2026-11-24 11:00"))
    book.hear(command("answered", "Tue 2026-11-24 12:00", sent_by="post", decision="partly_upheld"))
    status = book.statuses()[-1]
    assert status.answer.model_dump(mode="json") == {
        "text": "Жалоба обоснованна: график вышел поздно.",
        "decision": "partly_upheld",
        "sent_by": "post",
        "at": "2026-11-24T12:00:00+05:00",
    }
    assert status.executor.model_dump() == YERZHAN
    assert status.text.en == (
        "A reasoned answer to your complaint (incoming No. 2026-1) has been given. The complaint is upheld in part. "
        "The answer was sent by post. If you disagree, you may complain to the authority that assesses and controls "
        "the quality of state services, or go to court; to ask how: 1414, 8-800-080-7777."
    )


def test_a_place_named_for_an_answer_by_post_is_no_place_to_fetch_it() -> None:
    book = Casebook()
    book.hear(_submitted(answer_by="post", answer_place="улица Тал, 9, кв. 3"))
    book.hear(command("assigned", "Tue 2026-11-24 10:00"))
    book.hear(command("answered", "Tue 2026-11-24 12:00", sent_by="by_hand"))
    assert "Ответ можно получить на руки по адресу: Алматы, Тал көшесі, 14." in book.statuses()[-1].text.ru


def test_the_clinic_may_be_closed_for_good() -> None:
    # A complaint is not refused for it: it is delivered, and looked at again until the clinic has hours.
    book = Casebook(clinic(hours={}))
    assert book.hear(_submitted()) == "delivered"
    assert book.tick("Tue 2026-11-24 09:49") == ""
    assert "that is when its clinic publishes hours" in book.hear(command("assigned", "Tue 2026-11-24 09:45"))
    book.clinics.take(clinic())
    assert book.tick("Tue 2026-11-24 09:50") == "registered"
    assert book.statuses()[-1].occurred_at == at(MORNING)
