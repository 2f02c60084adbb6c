"""The file that a complaint opens with: its call as it was known that day, and the other complaints of its matter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import pytest

from homecall.contract.envelope import Incoming, Record, read
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.gateways.signatures.port import Valid
from homecall.runtime.encryption import KeyRing, Vault
from homecall.runtime.engine.batch import BatchResult
from homecall.runtime.failures import RetryForever
from homecall.runtime.mongo.moments import millis
from homecall.texts.letters import VERDICTS
from services.complaints.domain.call_file import since
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.call_verdicts import verdicts
from services.complaints.domain.retention import remains
from services.complaints.domain.state import ComplaintState, Verdict
from services.complaints.domain.timers import timer_at
from services.complaints.handler import Timelines
from tests.unit.complaints.casebook import COMPLAINT, DINARA, RULES, at, command, incoming, submission
from tests.unit.complaints.office import AWAY, Notary, Office, signed

CALL = "3b1f8e52-6c4d-4a7e-9b0a-1d2e3f405162"
OTHER_CALL = "4c2f8e52-6c4d-4a7e-9b0a-1d2e3f405162"
SECOND = "c8b7d6e5-f4a3-4b2c-9d0e-1f2a3b4c5d6e"
OTHER_IIN = "850715100000"
NOW = at("Tue 2026-11-24 09:41")
VAULT = Vault(KeyRing(b"lookup".ljust(32), {"k": b"k" * 32}, "k"))


def an_office(**more: Any) -> Office:
    return Office(now=NOW, vault=VAULT, **more)


async def since_opened(office: Office) -> list[dict[str, Any]]:
    """What happened to the call since the file was opened."""
    file = office.state().call
    assert file is not None
    return since(file, (await office.store.timelines([CALL])).get(CALL))


def complaint(when: str = "Tue 2026-11-24 09:40", **more: Any) -> Incoming:
    return incoming("complaint.submitted", submission(when, request_id=CALL, **more))


def by(**person: Any) -> dict[str, Any]:
    """The complainant with other details; None takes one out."""
    return {name: value for name, value in (DINARA | person).items() if value is not None}


def heard(event_type: str, when: str, **data: Any) -> Incoming:
    """An event on the call, said at that time of Tuesday, 24 November 2026."""
    time = at(f"Tue 2026-11-24 {when}").isoformat()
    subject = {"subject_kind": "request", "subject_id": CALL} if "deadline" in event_type else {"request_id": CALL}
    value = json.dumps({**subject, "clinic_id": "samal-3", **data}).encode()
    headers = {"specversion": "1.0", "id": f"{event_type} {when}", "source": "/t", "type": TYPE_PREFIX + event_type}
    binary = tuple((f"ce_{name}", text.encode()) for name, text in (headers | {"time": time}).items())
    event = read(Record(TOPIC_OF_TYPE[event_type].name, 0, 0, b"samal-3", value, binary))
    assert event.data is not None, event.errors
    return event


def clock(hm: str) -> str:
    return at(f"Tue 2026-11-24 {hm}").isoformat()


def accepted(when: str = "08:10", channel: str = "phone", **more: Any) -> Incoming:
    minutes = timedelta(minutes=30 if channel == "portal" else 10)
    return heard(
        "request.accepted",
        when,
        channel=channel,
        register_date="2026-11-24",
        register_number=7,
        submitted_at=clock(when),
        accepted_at=clock(when),
        clock_started_at=clock(when),
        due_at=(at(f"Tue 2026-11-24 {when}") + minutes).isoformat(),
        visit_date="2026-11-24",
        patient={"full_name": "Қанарейқа", "phone": "+7 700 000 00 01", "language": "kk"},
        **more,
    )


TEXT = {"kk": "-", "ru": "-", "en": "-"}


def status(word: str, when: str, on_time: bool | None = None, channel: str = "phone") -> Incoming:
    more = {} if on_time is None else {"on_time": on_time}
    data = {"channel": channel, "sequence": 2, "status": word, "occurred_at": clock(when), "text": TEXT, **more}
    return heard("status.changed", when, emergency=False, **data)


def deadline(kind: str, name: str, started: str, due: str, channel: str = "phone") -> Incoming:
    times = {"started_at": clock(started), "due_at": clock(due), "limit_seconds": 600}
    return heard(f"deadline.{kind}", due, deadline=name, channel=channel, stage="registered", **times)


def closed(when: str, outcome: str = "served") -> Incoming:
    return heard("visit.closed", when, visit_id=CALL, revision=3, outcome=outcome, at=clock(when))


def said(handled: BatchResult) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in handled.events]


def judged(state: ComplaintState) -> dict[str, str]:
    assert state.call is not None
    return {each.deadline: each.verdict for each in state.call.deadlines}


# ---------------------------------------------------------------- the call, as it was


async def test_a_complaint_opens_with_its_call_and_a_verdict_on_each_deadline() -> None:
    office = an_office()
    await office.hear_of_call(accepted(), deadline("missed", "answer", "08:10", "08:20"))
    await office.hear_of_call(status("scheduled", "08:31", on_time=False))
    await office.hear(complaint())
    state = office.state()
    assert state.call is not None
    assert [line["type"] for line in state.call.lines] == ["request.accepted", "deadline.missed", "status.changed"]
    assert judged(state) == {"answer": "missed", "visit": "open"}
    answer = state.call.deadlines[0]
    assert (answer.clause, answer.due_at, answer.ended_at) == (
        "C4.1",
        at("Tue 2026-11-24 08:20"),
        at("Tue 2026-11-24 08:31"),
    )
    assert (state.call.as_of, state.call.clinic_id) == (NOW, "samal-3")
    assert "Қанарейқа" not in repr(state.call)


async def test_it_is_kept_as_it_was_and_what_happens_since_stands_beside_it() -> None:
    office = an_office()
    await office.hear_of_call(accepted())
    await office.hear(complaint())
    before = office.state().call
    assert before is not None
    await office.hear_of_call(closed("11:20"), now=NOW + timedelta(hours=2))
    await office.hear(command("assigned", "Tue 2026-11-24 10:00"), now=NOW + timedelta(hours=3))
    await office.tick(NOW + timedelta(hours=3))
    after = office.state().call
    assert after == replace(before, look_again_at=None)
    assert [line["type"] for line in await since_opened(office)] == ["visit.closed"]


async def test_the_same_complaint_again_opens_no_other_file() -> None:
    office = an_office()
    await office.hear_of_call(accepted())
    record = complaint()
    first = await office.hear(record)
    state = office.state()
    await office.hear_of_call(closed("11:20"))
    again = await office.hear(record, now=NOW + timedelta(days=3))
    assert again.events == first.events
    assert office.state() == state


async def test_a_crash_before_the_number_opens_the_file_with_what_is_known_when_it_is_given() -> None:
    office = an_office()
    await office.hear_of_call(accepted())
    record = complaint()

    def crash() -> None:
        raise ConnectionError

    pages = office.database.collection("pages")
    pages.before_write = crash
    with pytest.raises(RetryForever):
        await office.hear(record)
    assert office.state().call is None
    pages.before_write = None
    await office.hear_of_call(status("scheduled", "08:31", on_time=False))
    replayed = await office.hear(record, now=NOW + timedelta(minutes=1))
    state = office.state()
    assert state.call is not None
    assert [line["type"] for line in state.call.lines] == ["request.accepted", "status.changed"]
    assert [each["status"] for each in said(replayed)] == ["delivered", "registered"]
    # A crash after the number was stored: the records come again, and find it as it is.
    again = await office.hear(record, now=NOW + timedelta(hours=1))
    assert (again.events, office.state()) == (replayed.events, state)


async def test_what_was_under_way_when_it_opened_is_added_once() -> None:
    office = an_office()
    await office.hear_of_call(accepted())
    await office.hear(complaint())
    # Said at 08:31 and at 10:05, and both heard after the complaint, which was opened at 09:41.
    await office.hear_of_call(status("scheduled", "08:31", on_time=False), closed("10:05"))
    look = timer_at(office.state())
    assert look == NOW + timedelta(minutes=10)
    await office.tick(NOW + timedelta(minutes=9))
    assert judged(office.state())["answer"] == "unknown"
    assert await office.tick(NOW + timedelta(minutes=40)) == []
    state = office.state()
    assert state.call is not None
    assert [line["type"] for line in state.call.lines] == ["request.accepted", "status.changed"]
    assert judged(state) == {"answer": "missed", "visit": "open"}
    assert [line["type"] for line in await since_opened(office)] == ["visit.closed"]
    assert (state.call.as_of, state.call.look_again_at) == (NOW, None)


async def test_a_call_that_is_heard_of_after_its_complaint_is_kept_then() -> None:
    office = an_office()
    await office.hear(complaint())
    state = office.state()
    assert state.call is not None
    assert (state.call.lines, state.call.deadlines, state.call.clinic_id) == ([], (), None)
    assert state.stages[0].number == "2026-1"
    await office.tick(NOW + timedelta(minutes=11))
    await office.hear_of_call(accepted())
    later = NOW + timedelta(minutes=25)
    await office.tick(later)
    state = office.state()
    assert state.call is not None
    assert [line["type"] for line in state.call.lines] == ["request.accepted"]
    assert state.call.as_of == later


async def test_a_call_that_nobody_ever_heard_of_is_not_looked_for_longer_than_a_day() -> None:
    office = an_office()
    await office.hear(complaint(), command("assigned", "Tue 2026-11-24 09:40"))
    for minutes in range(10, 26 * 60, 10):
        await office.tick(NOW + timedelta(minutes=minutes))
    state = office.state()
    assert state.call is not None
    assert state.call.look_again_at is None
    # What is due next is the complaint's own.
    assert timer_at(state) == state.stages[0].approaching_at


async def test_one_of_the_night_opens_with_what_is_known_at_its_registration() -> None:
    office = an_office()
    await office.hear(complaint("Mon 2026-11-23 20:30"))
    assert office.state().call is None
    await office.hear_of_call(accepted("08:00"))
    await office.tick(at("Tue 2026-11-24 08:00"))
    assert judged(office.state()) == {"answer": "open", "visit": "open"}


async def test_without_a_request_there_is_no_call_to_keep() -> None:
    office = an_office()
    await office.hear(incoming("complaint.submitted", submission("Tue 2026-11-24 09:40")))
    state = office.state()
    assert (state.call, state.matter) == (None, {})


# ---------------------------------------------------------------- the verdicts

DESK = {"queued_at": clock("08:00"), "service_started_at": clock("08:09"), "channel": "desk"}
REFUSED = {"channel": "phone", "submitted_at": clock("08:10"), "code": "outside_acceptance_hours"}
CANCELLED = {"register_date": "2026-11-24", "register_number": 7, "at": clock("08:15"), "reason": "-"}
GIVEN = {"at": clock("08:19"), "given_by": {"id": "r", "full_name": "-"}}


@pytest.mark.parametrize(
    ("events", "as_of", "expected"),
    [
        ([], "09:00", {}),
        ([accepted()], "08:15", {"answer": "open", "visit": "open"}),
        ([accepted()], "09:00", {"answer": "unknown", "visit": "open"}),
        ([accepted(), status("scheduled", "08:11", True)], "09:00", {"answer": "met", "visit": "open"}),
        # A clinic that confirms aloud: the status did not end the clock, the oral answer does.
        ([accepted(), status("scheduled", "08:11")], "08:15", {"answer": "open", "visit": "open"}),
        (
            [accepted(), status("scheduled", "08:11"), heard("answer.given", "08:19", **GIVEN)],
            "09:00",
            {"answer": "met", "visit": "open"},
        ),
        (
            [accepted(), heard("answer.given", "08:31", **GIVEN | {"at": clock("08:31")})],
            "09:00",
            {"answer": "missed", "visit": "open"},
        ),
        (
            [accepted(**DESK), status("scheduled", "08:12", True, "desk"), closed("11:00")],
            "12:00",
            {"queue": "met", "service": "met", "answer": "met", "visit": "met"},
        ),
        (
            [accepted("08:11", **DESK), status("scheduled", "08:20", True, "desk")],
            "12:00",
            {"queue": "missed", "service": "missed", "answer": "met", "visit": "open"},
        ),
        (
            [accepted(**DESK), deadline("missed", "service", "08:09", "08:19", "desk")],
            "08:19",
            {"queue": "met", "service": "missed", "answer": "open", "visit": "open"},
        ),
        (
            [accepted(), status("scheduled", "08:11", True), deadline("missed", "visit", "08:10", "20:00")],
            "21:00",
            {"answer": "met", "visit": "missed"},
        ),
        (
            [accepted(), heard("request.cancelled", "08:15", **CANCELLED)],
            "09:00",
            {"answer": "withdrawn", "visit": "withdrawn"},
        ),
        (
            [accepted(), heard("request.cancelled", "08:15", **CANCELLED | {"outcome": "transferred"})],
            "09:00",
            {"answer": "transferred", "visit": "transferred"},
        ),
        # What was answered in time before it was handed on stays so.
        (
            [
                *(accepted(), status("scheduled", "08:11", True)),
                heard("request.cancelled", "08:15", **CANCELLED | {"outcome": "transferred"}),
            ],
            "09:00",
            {"answer": "met", "visit": "transferred"},
        ),
        (
            [heard("request.refused", "08:10", **REFUSED), status("refused", "08:10", True)],
            "09:00",
            {"answer": "met"},
        ),
        # Who was visited has been answered.
        ([accepted(), closed("08:18")], "09:00", {"answer": "met", "visit": "met"}),
        ([accepted(channel="portal"), closed("08:18")], "08:20", {"answer": "open", "visit": "met"}),
    ],
)
def test_the_verdicts(events: Sequence[Incoming], as_of: str, expected: dict[str, str]) -> None:
    state: CallTimeline | None = None
    for event in events:
        state = Timelines().decide(state, event, None, NOW).state
    rules = RULES.on(NOW.date())
    found = verdicts(state.lines if state else [], at(f"Tue 2026-11-24 {as_of}"), rules)
    assert {each.deadline: each.verdict for each in found} == expected
    assert all(each.due_at for each in found if each.deadline != "visit")
    assert {each.clause for each in found} <= {"C4.1", "C4.2", "C4.3", "C4.4", "R13"}


def test_every_verdict_has_words_for_the_letters() -> None:
    assert {*get_args(Verdict)} == VERDICTS.keys()


def test_a_deferred_one_has_until_half_an_hour_after_its_opening() -> None:
    deferred = {"channel": "portal", "submitted_at": "2026-11-23T19:00:00+05:00", "opens_at": clock("08:00")}
    event = heard("request.deferred", "07:00", **deferred, due_at=clock("08:30"))
    state = Timelines().decide(None, event, None, NOW).state
    assert state is not None
    (answer,) = verdicts(state.lines, at("Tue 2026-11-24 07:30"), RULES.on(NOW.date()))
    assert (answer.verdict, answer.clause, answer.due_at) == ("open", "C4.4", at("Tue 2026-11-24 08:30"))


# ---------------------------------------------------------------- the same matter


def second(when: str = "Wed 2026-11-25 10:00", **more: Any) -> Incoming:
    data = {"complaint_id": SECOND, "request_id": CALL, "text": "Ответа всё нет."}
    return incoming("complaint.submitted", submission(when, **data | more))


LATER = at("Wed 2026-11-25 10:00")


async def test_the_second_is_linked_and_keeps_a_number_and_a_term_of_its_own() -> None:
    office = an_office()
    await office.hear(complaint())
    events = said(await office.hear(second(), now=LATER))
    registered = events[-1]
    assert registered["linked_complaints"] == [COMPLAINT]
    assert (registered["incoming_number"], registered["answer_due_on"]) == ("2026-2", "2026-12-01")
    for language, words in {"kk": "біріктірілді", "ru": "связана", "en": "linked"}.items():
        assert words in registered["text"][language]
    assert "linked_complaints" not in events[0], "it is not registered yet"
    assert office.state(SECOND).linked == (COMPLAINT,)
    # Both ways: by the index the first finds the second, and has kept its own number and term.
    first = office.state()
    assert {each.complaint_id for each in await office.store.of_matters([first.matter])} == {COMPLAINT, SECOND}
    assert (first.stages[0].number, first.stages[0].answer_due_on) == ("2026-1", date(2026, 11, 30))


@pytest.mark.parametrize(
    ("person", "linked"),
    [
        (by(), True),
        (by(full_name="Сағынтай Динара", phone="+7 700 000 99 99"), True),  # the IIN alone decides
        (by(iin=None), True),
        (by(iin=None, full_name="САҒЫНТАЙ  Динара Ерланқызы", phone="8 (700) 000-04-56"), True),
        (by(iin=None, phone="+7 700 000 99 99"), False),
        (by(iin=None, phone=None), False),
        (by(iin=OTHER_IIN), False),  # a namesake with the same telephone
        (by(iin=None, full_name="Сағынтай Айдана Ерланқызы"), False),
    ],
)
async def test_who_is_the_same_person(person: dict[str, Any], linked: bool) -> None:
    office = an_office()
    await office.hear(complaint())
    await office.hear(second(complainant=person), now=LATER)
    assert office.state(SECOND).linked == ((COMPLAINT,) if linked else ())


@pytest.mark.parametrize("request_id", [None, OTHER_CALL])
async def test_another_call_is_another_matter(request_id: str | None) -> None:
    office = an_office()
    await office.hear(complaint())
    await office.hear(second(request_id=request_id), now=LATER)
    assert office.state(SECOND).linked == ()


async def test_two_at_once_find_each_other_and_a_refused_one_is_none() -> None:
    office = an_office()
    third = incoming(
        "complaint.submitted",
        submission("Tue 2026-11-24 09:40", complaint_id=CALL, request_id=CALL, text=""),
    )
    await office.hear(complaint(), second("Tue 2026-11-24 09:40"), third)
    assert office.state().linked == (SECOND,)
    assert office.state(SECOND).linked == (COMPLAINT,)
    assert office.state(CALL).status == "invalid"


async def test_the_iin_is_kept_by_index_alone_and_not_at_all_once_it_is_erased() -> None:
    office = an_office()
    await office.hear(complaint(), command("refused", "Tue 2026-11-24 10:00"))
    state = office.state()
    assert set(state.matter) == {"iin", "name"}
    assert all(len(each) == 64 for each in state.matter.values())
    assert DINARA["iin"] not in str(office.database.collection("complaints").docs)
    left = remains(state)
    assert (left.matter, left.call, left.linked) == ({}, state.call, state.linked)


async def test_a_batch_of_a_hundred_costs_no_more_queries_than_one() -> None:
    async def commands(number: int) -> int:
        office = an_office()
        await office.hear_of_call(accepted())
        before = office.database.commands
        ids = [f"{n:08}-0000-4000-8000-000000000000" for n in range(number)]
        await office.hear(*(second("Tue 2026-11-24 09:40", complaint_id=each) for each in ids))
        return office.database.commands - before

    assert await commands(100) == await commands(1)


# ---------------------------------------------------------------- missed answers


async def test_a_missed_answer_opens_no_complaint_and_is_counted_for_the_head() -> None:
    office = an_office()
    await office.hear_of_call(accepted(), deadline("approaching", "answer", "08:10", "08:18"))
    assert await office.store.answers_missed("samal-3") == {}
    await office.hear_of_call(deadline("missed", "visit", "08:10", "20:00"))
    assert await office.store.answers_missed("samal-3") == {}
    missed = deadline("missed", "answer", "08:10", "08:20")
    await office.hear_of_call(missed)
    await office.hear_of_call(missed, closed("11:00"))
    assert await office.store.answers_missed("samal-3") == {"2026-11": 1}
    assert await office.store.answers_missed("ainabulaq-1") == {}
    assert await office.store.answers_missed_in("2026-11") == {"phone": 1}
    assert await office.store.of_clinic("samal-3") == []


async def test_held_complaints_are_counted_with_the_start_of_the_oldest_term_until_they_are_decided() -> None:
    office = an_office()
    office.engine._verifier = Notary(AWAY)
    assert await office.store.held() == []
    await office.hear(signed(), signed(complaint_id=SECOND))
    registered = at("Tue 2026-11-24 09:40")
    assert await office.store.held() == [("portal", 2, millis(registered))]
    office.engine._verifier = Notary(Valid())
    await office.tick(NOW + timedelta(minutes=1))
    assert await office.store.held() == []


# ---------------------------------------------------------------- whose call it is

PERSON, NEIGHBOUR = DINARA["iin"], OTHER_IIN
CALLED = {"full_name": DINARA["full_name"], "phone": DINARA["phone"], "language": "ru"}


def whose(*iins: str, **more: Any) -> Incoming:
    """An acceptance of a call of these people, as intake says it."""
    return accepted(persons=[VAULT.of_call(CALL, iin) for iin in iins], **more)


@pytest.mark.parametrize(
    ("call", "complainant", "note"),
    [
        (whose(PERSON), DINARA, None),
        (whose(NEIGHBOUR, PERSON), DINARA, None),
        (whose(NEIGHBOUR), DINARA, "another_person"),
        (whose(PERSON), by(iin=OTHER_IIN), "another_person"),
        # Without an IIN name and phone decide; a name alone is anybody's.
        (whose(NEIGHBOUR), by(iin=None), "another_person"),
        (whose(NEIGHBOUR, applicant=CALLED), by(iin=None), None),
        (whose(NEIGHBOUR, applicant=CALLED), by(iin=None, phone="8 (700) 000-04-56"), None),
        (whose(NEIGHBOUR, applicant=CALLED), by(iin=None, phone=None), "another_person"),
        (whose(NEIGHBOUR, applicant=CALLED), by(iin=None, full_name="Мельник Павел"), "another_person"),
        # An IIN that both sides gave decides, whatever the names are.
        (whose(NEIGHBOUR, applicant=CALLED), DINARA, "another_person"),
        # An event of an earlier release names no persons: name and phone do.
        (accepted(applicant=CALLED), DINARA, None),
        (accepted(), DINARA, "another_person"),
    ],
)
async def test_a_call_is_linked_for_its_patient_or_applicant_alone(
    call: Incoming, complainant: dict[str, Any], note: str | None
) -> None:
    office = an_office(by_names=True)
    await office.hear_of_call(call, status("scheduled", "08:31", on_time=False))
    handled = await office.hear(complaint(complainant=complainant))
    state = office.state()
    # It is registered all the same, with nothing of it in what is said.
    assert [each["status"] for each in said(handled)] == ["delivered", "registered"]
    assert state.call is not None
    assert state.call.note == note
    if note is None:
        assert [line["type"] for line in state.call.lines] == ["request.accepted", "status.changed"]
        return
    assert (state.call.lines, state.call.deadlines, state.call.clinic_id) == ([], (), None)
    assert (state.call.look_again_at, await since_opened(office)) == (None, [])


async def test_a_call_of_another_clinic_is_not_linked() -> None:
    office = an_office(by_names=True)
    data = json.loads(whose(PERSON).value) | {"clinic_id": "ainabulaq-1"}
    elsewhere = read(replace(whose(PERSON).record, value=json.dumps(data).encode()))
    await office.hear_of_call(elsewhere)
    await office.hear(complaint())
    state = office.state()
    assert state.call is not None
    assert (state.call.note, state.call.lines, await since_opened(office)) == ("another_clinic", [], [])
    assert "ainabulaq" not in repr(state.call)


async def test_a_call_that_is_heard_of_later_is_held_against_the_person_then() -> None:
    """Its complaint came first; what is said of the call before its acceptance tells nobody whose it is."""
    office = an_office(by_names=True)
    await office.hear_of_call(status("scheduled", "08:31", on_time=False))
    await office.hear(complaint())
    state = office.state()
    assert state.call is not None
    assert (state.call.note, len(state.call.lines)) == ("person_unchecked", 1)
    await office.hear_of_call(whose(NEIGHBOUR))
    await office.tick(NOW + timedelta(minutes=11))
    state = office.state()
    assert state.call is not None
    assert (state.call.note, state.call.lines, state.call.deadlines) == ("another_person", [], ())
    assert await office.tick(NOW + timedelta(minutes=31)) == []


def test_what_stands_for_a_person_tells_nothing_about_other_calls_and_holds_no_digits() -> None:
    one, other = VAULT.of_call(CALL, PERSON), VAULT.of_call(OTHER_CALL, PERSON)
    assert one != other != VAULT.of_call(OTHER_CALL, NEIGHBOUR)
    assert one.isalpha()
    assert len(one) == 64
