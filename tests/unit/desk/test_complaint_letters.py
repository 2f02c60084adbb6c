"""A complaint at the desk: the call's times with the verdict on each term, the draft, and the letters (desk 10)."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from tests.factories import MONDAY
from tests.unit.desk.attempts import a_complaint
from tests.unit.desk.reception import HERE, Reception, the_call

CALL, COMPLAINT = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "7f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
PERSON = {"full_name": "Науқас 1", "language": "ru", "postal_address": "Алматы, Абай, 27"}
NEXT = {
    "kind": "court",
    "text": {"kk": "Сотқа жүгінуге болады.", "ru": "Можно обратиться в суд.", "en": "You may go to court."},
}


def at(**later: int) -> str:
    return (MONDAY + timedelta(**later)).isoformat()


def told(minutes: int, on_time: bool) -> tuple[str, dict[str, Any]]:
    """The status that says the answer, so long after the call came in."""
    (_, _, (kind, status), _) = the_call(CALL)
    return kind, status | {"occurred_at": at(minutes=minutes), "on_time": on_time}


def closed(hours: int, minutes: int = 0) -> tuple[str, dict[str, Any]]:
    return "visit.closed", {
        "request_id": CALL,
        "clinic_id": HERE,
        "revision": 2,
        "outcome": "served",
        "at": MONDAY.replace(hour=hours, minute=minutes).isoformat(),
    }


def missed(deadline: str, minutes: int, limit: int = 10) -> tuple[str, dict[str, Any]]:
    return "deadline.missed", {
        "subject_kind": "request",
        "subject_id": CALL,
        "clinic_id": HERE,
        "deadline": deadline,
        "channel": "phone",
        "started_at": at(),
        "due_at": at(minutes=minutes),
        "limit_seconds": limit * 60,
        "stage": "registered",
    }


def complained(language: str = "ru", status: str = "registered", **over: Any) -> list[tuple[str, dict[str, Any]]]:
    (submitted, data), (kind, registered) = a_complaint(
        COMPLAINT, HERE, CALL, complainant=PERSON | {"language": language}, answer_by="post"
    )
    registered |= {"next_steps": [NEXT], "answer_by": "post"}
    events = [(submitted, data), (kind, registered)]
    if status != "registered":
        events.append((kind, registered | {"sequence": 3, "status": status, "occurred_at": at(days=1)} | over))
    return events


ANSWER = {"answer": {"text": "Біз тексердік.", "decision": "upheld", "sent_by": "post", "at": at(days=1)}}


async def a_desk(*events: tuple[str, dict[str, Any]], language: str = "ru", visited: bool = True) -> Reception:
    reception = Reception()
    accepted, visit, _, line = the_call(CALL)
    heard = [accepted, visit, line, *(events or (told(7, True),)), *([closed(12)] if visited else [])]
    await reception.hear(*heard, *complained(language))
    reception.clock.at = MONDAY + timedelta(days=1)
    return reception


async def page(reception: Reception, path: str = "", role: str = "head", language: str = "ru") -> str:
    browser = reception.browser(role)
    browser.client.cookies.set("homecall_language", language, domain="desk.test")
    answer = await browser.get(f"/complaints/{COMPLAINT}{path}")
    assert answer.status_code == 200
    return answer.text


async def printed(reception: Reception, name: str, role: str = "head") -> str:
    answer = await reception.browser(role).get(f"/complaints/{COMPLAINT}/{name}.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    text = "\n".join(each.extract_text() for each in PdfReader(io.BytesIO(answer.content)).pages)
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("events", "says", "mark"),
    [
        ((told(7, True),), "Ответ на заявку (C4.1): 7 мин при сроке 10 мин – срок соблюдён", "met"),
        ((told(14, False),), "Ответ на заявку (C4.1): 14 мин при сроке 10 мин – срок нарушен на 4 мин", "missed"),
        (
            (missed("answer", 10), told(75, False)),
            "Ответ на заявку (C4.1): 1 ч 15 мин при сроке 10 мин – срок нарушен на 1 ч 5 мин",
            "missed",
        ),
    ],
)
async def test_the_page_opens_with_the_verdict_on_each_term(events: Any, says: str, mark: str) -> None:
    """Each term with its clause, kept or missed by how much, before what may be done about the complaint."""
    text = await page(await a_desk(*events))
    assert says in text
    assert f'data-verdict="{mark}"' in text
    assert text.index(says) < text.index('action="/complaints/') > text.index("визит завершён")


async def test_a_term_that_was_missed_without_an_end_is_said_so() -> None:
    text = await page(await a_desk(missed("answer", 10), visited=False))
    assert "срок истёк 23.11.2026" in text
    assert 'data-verdict="missed"' in text


@pytest.mark.parametrize(("hour", "says"), [(12, "в обещанное время"), (15, "на 2 ч позже")])
async def test_a_visit_is_held_against_the_time_that_was_promised(hour: int, says: str) -> None:
    """C6.3: in its window of 11 to 13, or after it."""
    reception = Reception()
    accepted, visit, _, line = the_call(CALL)
    await reception.hear(accepted, visit, line, told(7, True), closed(hour), *complained())
    assert says in await page(reception)


async def test_a_later_status_takes_nothing_from_the_first_verdict() -> None:
    kind, status = told(14, False)
    later = (kind, {name: each for name, each in status.items() if name != "on_time"} | {"sequence": 5})
    assert "срок нарушен на 4 мин" in await page(await a_desk((kind, status), later))


def drafted(text: str) -> str:
    """The answer that the page proposes."""
    return text.partition('id="answer_text"')[2].partition("</textarea>")[0]


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            "ru",
            ["Уважаемый(ая) Науқас 1!", "№ 2026-77", "В жалобе указано: «Дәрігер келмеді»", "14 мин при сроке 10 мин"],
        ),
        ("kk", ["Құрметті Науқас 1!", "2026-77", "Шағымда былай делінген", "14 мин, мерзімі 10 мин", "Сотқа жүгінуге"]),
        ("en", ["Dear Науқас 1,", "No. 2026-77", "You complained:", "late by 4 min", "You may go to court."]),
    ],
)
async def test_the_draft_of_the_answer_is_in_the_complainants_language(language: str, says: list[str]) -> None:
    """Number, date, what was complained of, the call's times, each term, the measures, where to appeal."""
    reception = await a_desk(told(14, False), language=language)
    text = await page(reception, language="en")
    draft = drafted(text)
    for each in (*says, "23.11.2026", "C4.1", "C6.3", NEXT["text"][language]):  # type: ignore[index]
        assert each in draft, each
    assert "Дәрігермен сөйлесті" not in draft
    command = {"complaint_id": COMPLAINT, "clinic_id": HERE, "at": at(hours=5), "measures": "Дәрігермен сөйлесті."}
    await reception.hear(("complaint.executed", command))
    assert (
        "Дәрігермен сөйлесті." in (await page(reception)).partition('id="answer_text"')[2].partition("</textarea>")[0]
    )


async def test_another_persons_call_goes_into_no_draft_and_no_letter() -> None:
    """Whoever names somebody else's call learns nothing of it."""
    reception = Reception()
    accepted, visit, _, line = the_call(CALL)
    await reception.hear(accepted, visit, line, told(14, False), closed(12))
    (submitted, data), *statuses = complained(status="answered", **ANSWER)
    await reception.hear((submitted, data | {"complainant": PERSON | {"full_name": "Басқа Адам"}}), *statuses)
    assert "оформлен на другого человека" in await page(reception)
    assert "14 мин" not in await printed(reception, "reply")


async def test_the_receipt_bears_number_date_name_and_day_of_the_answer() -> None:
    """C10.2, in the complainant's language whatever the officer reads; a registrar prints it too."""
    reception = await a_desk(language="kk")
    for role in ("complaints_officer", "registrar", "head"):
        text = await printed(reception, "receipt", role)
        for each in ("Шағымның тіркелгенін растау", "2026-77", "23.11.2026", "Сәуле Б.", "28", "Алматы, Абай, 27"):
            assert each in text, each
    assert (await reception.browser("dispatcher").get(f"/complaints/{COMPLAINT}/receipt.pdf")).status_code == 403


async def test_the_reply_bears_the_decision_the_reasons_and_the_calls_times() -> None:
    reception = await a_desk(told(14, False))
    await reception.hear(*complained(status="answered", **ANSWER))
    text = await printed(reception, "reply")
    for each in ("Ответ на жалобу", "2026-77", "обоснован", "Біз тексердік.", "нарушен", "Науқас 1"):
        assert each.lower() in text.lower(), each
    assert "/reply.pdf" in await page(reception)


async def test_a_reply_that_was_drafted_as_a_whole_letter_is_not_said_twice() -> None:
    reception = await a_desk(told(14, False))
    draft = "Уважаемый(ая) Науқас 1!\n\nВаша жалоба рассмотрена.\n\nМожно обратиться в суд."
    await reception.hear(*complained(status="answered", answer=ANSWER["answer"] | {"text": draft}))
    text = await printed(reception, "reply")
    assert text.count("Уважаемый(ая)") == 1
    assert text.count("Можно обратиться в суд") == 1


async def test_a_refusal_bears_its_grounds() -> None:
    reception = await a_desk()
    await reception.hear(*complained(status="refused", refusal={"grounds": "Басқа емхана туралы."}))
    text = await printed(reception, "reply")
    assert "Отказ в рассмотрении жалобы" in text
    assert "Басқа емхана туралы." in text


@pytest.mark.parametrize("name", ["receipt", "reply"])
async def test_a_letter_that_cannot_be_yet_says_when(name: str) -> None:
    reception = Reception()
    (submitted, data), _ = a_complaint(COMPLAINT, HERE, None)
    await reception.hear((submitted, data))
    answer = await reception.browser("head").get(f"/complaints/{COMPLAINT}/{name}.pdf")
    assert answer.status_code == 404
    assert "ещё" in answer.text.lower()


async def test_who_takes_a_complaint_in_is_led_to_its_number() -> None:
    """A registrar sees no complaints, but tells the complainant the number and prints the receipt (C10.2)."""
    reception = Reception()
    registrar = reception.browser("registrar")
    fields = {
        "complaint_id": COMPLAINT,
        "full_name": "Науқас 1",
        "text": "Дәрігер келмеді",
        "channel": "in_person",
        "answer_by": "by_hand",
        "language": "kk",
    }
    answer = await registrar.post("/complaints/new", fields)
    assert answer.headers["location"] == f"/complaints/{COMPLAINT}/taken"
    assert 'data-status="unsent"' in (await registrar.get(answer.headers["location"])).text
    await reception.hear(*complained())
    text = (await registrar.get(answer.headers["location"])).text
    assert "2026-77" in text
    assert f"/complaints/{COMPLAINT}/receipt.pdf" in text
    assert (await registrar.get(f"/complaints/{COMPLAINT}")).status_code == 403
    other = await registrar.post("/complaints/new", fields | {"full_name": "Басқа Адам"})
    assert other.status_code == 409, "another complaint under the same form is not the same one"
    assert "Басқа Адам" in other.text
    assert f'value="{COMPLAINT}"' not in other.text


async def test_an_answer_that_cannot_be_stored_is_kept_on_the_page() -> None:
    """Nothing typed is lost: the page that says so has the form, to be sent again."""
    reception = await a_desk()
    browser = reception.browser("head")
    token = await browser.token()

    def away() -> None:
        from homecall.runtime.failures import Transient

        raise Transient("database", ConnectionError(), "127.0.0.1:27017")

    fields = {"text": "Ұзақ жауап <b>", "decision": "upheld", "sent_by": "post", "action": "abc"}
    reception.database.collection("actions").before_write = away
    answer = await browser.post(f"/complaints/{COMPLAINT}/answer", fields, csrf=token)
    assert answer.status_code == 503
    assert "Ұзақ жауап &lt;b&gt;" in answer.text
    assert 'name="action" value="abc"' in answer.text
