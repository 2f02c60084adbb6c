"""The demo's ledger: a day in which nothing is wrong has no finding, and each thing that goes wrong has its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from homecall.contract.envelope import OutgoingRecord, Record, outgoing
from homecall.contract.events import MODELS
from homecall.contract.topics import DEAD_LETTERS, REQUESTS
from homecall.contract.types import ZONE, in_zone
from homecall.demo.acts import Act
from homecall.demo.ledger import Ledger

NINE = datetime(2026, 10, 23, 9, 0, tzinfo=ZONE)
CLINIC = "samal-1"
TEXT = {"kk": "а", "ru": "б", "en": "c"}
FIRST, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


class Played:
    """A ledger, and the services' part spoken by hand."""

    def __init__(self, oral: tuple[str, ...] = ()) -> None:
        self.ledger = Ledger(oral)
        self.now = 0.0

    def submit(self, request_id: str = FIRST, channel: str = "phone", expected: str = "") -> Played:
        return self.send("request.submitted", request_id, channel, expected=expected)

    def send(
        self, event_type: str, subject: str = FIRST, channel: str = "", moment: datetime = NINE, expected: str = ""
    ) -> Played:
        act = Act(moment, "", b"", b"", (), event_type, CLINIC, subject, channel, expected=expected)
        self.ledger.sent(act, self.now)
        return self

    def say(self, event_type: str, request_id: str = FIRST, causation_id: str = "", **fields: Any) -> Played:
        subject = "complaint_id" if event_type.startswith("complaint") else "request_id"
        data = MODELS[event_type].model_validate({subject: request_id, "clinic_id": CLINIC} | fields)
        event = outgoing(data, service="test", causation_id=causation_id or uuid.uuid4().hex, time=in_zone(NINE))
        return self.hear(event)

    def hear(self, event: OutgoingRecord) -> Played:
        self.now += 0.1
        record = Record(event.topic, 0, 0, event.key.encode(), event.value, tuple(event.headers()))
        self.ledger.hear(record, self.now)
        return self

    def accepted(self, request_id: str = FIRST, number: int = 1, **more: Any) -> Played:
        fields = {
            "register_date": "2026-10-23",
            "register_number": number,
            "accepted_at": in_zone(NINE),
            "clock_started_at": in_zone(NINE),
            "due_at": in_zone(NINE + timedelta(minutes=10)),
            "visit_date": "2026-10-23",
        }
        return self.say("request.accepted", request_id, **fields | more)

    def deferred(self) -> Played:
        opens_at = NINE + timedelta(hours=1)
        return self.say(
            "request.deferred", opens_at=in_zone(opens_at), due_at=in_zone(opens_at + timedelta(minutes=30))
        )

    def status(self, status: str, sequence: int, request_id: str = FIRST, **more: Any) -> Played:
        fields = {"channel": "phone", "occurred_at": in_zone(NINE), "text": TEXT, "emergency": False}
        return self.say("status.changed", request_id, status=status, sequence=sequence, **fields | more)

    def entry(self, revision: int, request_id: str = FIRST, number: int | None = 1, **more: Any) -> Played:
        fields = {
            "register_date": "2026-10-23",
            "register_number": number,
            "channel": "phone",
            "patient_name": "",
            "oral_answer": TEXT,
        }
        return self.say("journal.entry", request_id, revision=revision, **fields | more)

    def scheduled(self, request_id: str = FIRST, start: datetime = NINE, revision: int = 1) -> Played:
        fields = {
            "visit_id": request_id,
            "visit_date": "2026-10-23",
            "arrives_from": in_zone(start),
            "arrives_to": in_zone(start + timedelta(minutes=30)),
            "doctor": {"doctor_id": "gp-1", "full_name": "Белов Тимур", "specialty": "gp"},
            "basis": "district",
        }
        return self.say("visit.scheduled", request_id, revision=revision, **fields)

    def answered(self, request_id: str = FIRST, number: int = 1, start: datetime = NINE) -> Played:
        """Accepted, registered, given a place and told."""
        self.accepted(request_id, number).status("registered", 1, request_id).entry(1, request_id, number)
        self.scheduled(request_id, start).status("scheduled", 2, request_id, on_time=True)
        return self.entry(2, request_id, number)

    def refused(self, request_id: str, code: str) -> Played:
        self.say("request.refused", request_id, code=code).status("refused", 1, request_id, on_time=True)
        return self.entry(1, request_id, number=None)

    @property
    def found(self) -> list[str]:
        return [f"{kind}: {what}" for kind, what in self.ledger.findings()]


def test_an_answered_request_leaves_nothing_to_find() -> None:
    played = Played().submit().answered()
    assert played.found == []
    assert played.ledger.complete(NINE)
    summary = played.ledger.summary(1.0)
    assert (summary.requests, summary.accepted, summary.answered, summary.on_time, summary.missed) == (1, 1, 1, 1, 0)


def test_requests_are_accepted_deferred_and_refused_together() -> None:
    third = str(uuid.UUID(int=3))
    played = Played().submit().submit(SECOND).submit(third)
    played.answered(SECOND).say("request.refused", third, code="duplicate").status("refused", 1, third, on_time=True)
    played.entry(1, third, number=None).deferred().status("deferred", 1)
    played.accepted(number=2).status("registered", 2).entry(1, number=2).scheduled(start=NINE + timedelta(hours=2))
    played.status("scheduled", 3, on_time=False).entry(2, number=2)
    summary = played.ledger.summary(2.04)
    assert played.found == []
    assert (summary.requests, summary.accepted, summary.deferred, summary.refused) == (3, 1, 1, 1)
    assert (summary.answered, summary.on_time, summary.missed, summary.seconds) == (3, 2, 1, 2.0)


def _double_numbers(played: Played) -> None:
    played.answered().submit(SECOND).answered(SECOND, number=1, start=NINE + timedelta(hours=1))


def _gap_in_numbers(played: Played) -> None:
    played.answered(number=2)


def _two_numbers(played: Played) -> None:
    played.answered().accepted(number=2)


def _gap_in_statuses(played: Played) -> None:
    played.accepted().entry(1).status("registered", 1).scheduled().status("scheduled", 3, on_time=True)


def _gap_in_entries(played: Played) -> None:
    played.accepted().entry(2).status("registered", 1).scheduled().status("scheduled", 2, on_time=True)


def _same_sequence(played: Played) -> None:
    played.answered().status("delayed", 2)


def _no_answer(played: Played) -> None:
    played.accepted().status("registered", 1).entry(1)


def _not_taken_up(played: Played) -> None:
    played.deferred().status("deferred", 1)


def _more_promises_than_fit(played: Played) -> None:
    played.answered()
    for number in range(2, 5):
        request_id = str(uuid.UUID(int=number))
        played.submit(request_id).answered(request_id, number=number)


def _accepted_and_refused(played: Played) -> None:
    played.answered().say("request.refused", code="duplicate")


def _withdrawal_ignored(played: Played) -> None:
    played.answered().send("request.withdrawn")


def _other_words(played: Played) -> None:
    played.answered().status("completed", 3, causation_id="one", text=TEXT).status(
        "completed", 3, causation_id="one", emergency=True
    )


def _invented(played: Played) -> None:
    played.answered().status("registered", 1, SECOND)


def _complaint_not_registered(played: Played) -> None:
    played.answered().send("complaint.submitted", SECOND)


def _complaint(played: Played, expected: str, *statuses: str) -> None:
    played.answered().send("complaint.submitted", SECOND, expected=expected)
    for sequence, status in enumerate(statuses, 1):
        played.say(
            "complaint.status-changed",
            SECOND,
            sequence=sequence,
            stage="clinic",
            status=status,
            occurred_at=in_zone(NINE),
            answer_by="portal",
            text=TEXT,
        )


def _complaint_turned_away(played: Played) -> None:
    _complaint(played, "registered", "refused")


def _complaint_let_through(played: Played) -> None:
    _complaint(played, "refused", "delivered", "registered")


def _complaint_registered_and_turned_away(played: Played) -> None:
    _complaint(played, "refused", "delivered", "registered", "refused")


def _let_through(played: Played) -> None:
    played.answered().submit(SECOND, "portal", expected="signature_invalid").answered(
        SECOND, number=2, start=NINE + timedelta(hours=1)
    )


def _turned_away(played: Played) -> None:
    played.answered().submit(SECOND, "portal", expected="accepted").refused(SECOND, "signature_invalid")


def _refused_for_another_reason(played: Played) -> None:
    played.answered().submit(SECOND, "portal", expected="signature_invalid").refused(SECOND, "unknown_clinic")


def _other_number_in_the_register(played: Played) -> None:
    played.answered().entry(3, number=7)


def _nothing_came(played: Played) -> None:
    assert played.ledger.heard == 0


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        (_nothing_came, "lost: request * was never decided on"),
        (_double_numbers, "doubled: number 1 of samal-1 on 2026-10-23 was given twice"),
        (_gap_in_numbers, "lost: samal-1 on 2026-10-23 has no number 1"),
        (_two_numbers, "doubled: request * was accepted 2 times, under 2 numbers"),
        (_gap_in_statuses, "lost: request * lacks of its statuses number 2"),
        (_gap_in_entries, "lost: request * lacks of its register entries number 1"),
        (_same_sequence, "doubled: two statuses of * have the sequence 2"),
        (_no_answer, "unanswered: request * has no answer; its status is registered"),
        (_not_taken_up, "unanswered: request * was deferred and not taken up"),
        (_more_promises_than_fit, "doubled: doctor gp-1 has too many visits from 23 October 09:00 on"),
        (_accepted_and_refused, "doubled: request * was refused 1 time, accepted 1 time"),
        (_withdrawal_ignored, "lost: the withdrawal of request *"),
        (_other_words, "doubled: one status.changed of * was said twice in different words"),
        (_invented, "doubled: status.changed of a request that nobody sent: *"),
        (_complaint_not_registered, "lost: complaint * was not registered"),
        (_complaint_turned_away, "lost: complaint * was not registered"),
        (_complaint_let_through, "lost: complaint * was not refused"),
        (_complaint_registered_and_turned_away, "lost: complaint * had to be refused, and was registered before"),
        (_let_through, "lost: request * had to be signature_invalid, and was accepted"),
        (_turned_away, "lost: request * had to be accepted, and was signature_invalid"),
        (_refused_for_another_reason, "lost: request * had to be signature_invalid, and was unknown_clinic"),
        (_other_number_in_the_register, "doubled: request * stands in the register under another number"),
    ],
)
def test_each_wrong_is_found(wrong: Callable[[Played], None], finding: str) -> None:
    played = Played().submit()
    wrong(played)
    before, _, after = finding.partition("*")
    assert any(line.startswith(before) and after in line for line in played.found), played.found


def test_what_becomes_what_it_must_leaves_nothing_to_find() -> None:
    third = str(uuid.UUID(int=3))
    played = Played().submit(expected="accepted").submit(third, "portal", expected="signature_invalid")
    assert not played.ledger.complete(NINE)
    played.refused(third, "signature_invalid")
    _complaint(played, "refused", "refused")
    assert played.found == []
    assert played.ledger.complete(NINE)
    assert played.ledger.summary(1.0).complaints == 0


def test_what_is_delivered_again_is_no_second_event() -> None:
    played = Played().submit().answered()
    data = MODELS["status.changed"].model_validate(
        {
            "request_id": FIRST,
            "clinic_id": CLINIC,
            "channel": "phone",
            "sequence": 3,
            "status": "completed",
            "occurred_at": in_zone(NINE),
            "text": TEXT,
            "emergency": False,
        }
    )
    event = outgoing(data, service="test", causation_id="one", time=in_zone(NINE))
    played.hear(event).hear(event)
    assert played.found == []


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        ({}, ["lost: record 5 of homecall.requests.v1 0 had to become a dead letter (not_json) and did not"]),
        ({("homecall.requests.v1", 0, 5): "not_json"}, []),
        (
            {("homecall.requests.v1", 0, 5): "schema"},
            ["lost: record 5 of homecall.requests.v1 0 is a dead letter by schema, not not_json"],
        ),
        (
            {("homecall.requests.v1", 0, 5): "not_json", ("homecall.requests.v1", 1, 6): "handler_failed"},
            ["lost: record 6 of homecall.requests.v1 1 became a dead letter (handler_failed) and must not"],
        ),
    ],
)
def test_dead_letters_are_those_that_were_meant(outcome: dict[tuple[str, int, int], str], found: list[str]) -> None:
    played = Played()
    broken = Act(NINE, REQUESTS.name, b"", b"{", (), "", dead="not_json")
    played.ledger.sent(broken, 0.0)
    played.ledger.stored(broken, 0, 5)
    for (topic, partition, offset), reason in outcome.items():
        headers = {
            "homecall-dead-reason": reason,
            "homecall-dead-topic": topic,
            "homecall-dead-partition": str(partition),
            "homecall-dead-offset": str(offset),
        }
        encoded = tuple((name, value.encode()) for name, value in headers.items())
        played.ledger.hear(Record(DEAD_LETTERS.name, 0, 0, None, b"{", encoded), 1.0)
    assert played.found == found


def test_where_answers_are_confirmed_only_the_spoken_one_counts() -> None:
    played = Played(oral=(CLINIC,)).submit().answered()
    assert played.found[0].startswith("unanswered")
    played.entry(3, answered_at=in_zone(NINE + timedelta(minutes=2)))
    assert played.found == []
    assert played.ledger.summary(1.0).on_time == 1


def test_a_missed_answer_counts_as_missed_where_no_status_says_so() -> None:
    played = Played(oral=(CLINIC,)).submit().answered().entry(3, answered_at=in_zone(NINE + timedelta(minutes=12)))
    played.say(
        "deadline.missed",
        subject_id=FIRST,
        subject_kind="request",
        deadline="answer",
        channel="phone",
        started_at=in_zone(NINE),
        due_at=in_zone(NINE),
        limit_seconds=600,
        stage="scheduled",
    )
    summary = played.ledger.summary(1.0)
    assert (summary.answered, summary.on_time, summary.missed) == (1, 0, 1)


def test_a_withdrawal_before_the_answer_leaves_nothing_unanswered() -> None:
    played = Played().submit(channel="portal").deferred().status("deferred", 1).send("request.withdrawn")
    assert not played.ledger.quiet(NINE)
    played.say("request.cancelled", at=in_zone(NINE), reason="-").status("withdrawn", 2)
    assert played.found == []
    assert played.ledger.complete(NINE)
    assert played.ledger.summary(1.0).answered == 0


def test_the_clock_may_step_when_all_is_told_and_up_to_what_is_due() -> None:
    played = Played().submit()
    assert not played.ledger.quiet(NINE)
    played.deferred().status("deferred", 1)
    opening = NINE + timedelta(hours=1)
    assert played.ledger.quiet(NINE)
    assert played.ledger.next_due(NINE) == opening
    assert not played.ledger.quiet(opening)
    played.accepted(due_at=in_zone(opening + timedelta(minutes=30))).status("registered", 2).status("delayed", 3)
    assert played.ledger.quiet(opening)
    assert played.ledger.next_due(opening) == opening + timedelta(minutes=30)
    played.send("roster.published", CLINIC, moment=opening)
    assert not played.ledger.quiet(opening)


def test_times_are_from_submission_to_the_first_word_that_says_what_comes_of_it() -> None:
    played = Played()
    for number in range(1, 101):
        request_id = str(uuid.UUID(int=number))
        played.now = 0.0
        played.submit(request_id)
        played.now = number / 1000 - 0.1
        played.status("refused", 1, request_id)
    summary = played.ledger.summary(1.0)
    assert (summary.p50_ms, summary.p99_ms) == (50.0, 99.0)
    assert Ledger().summary(1.0).p50_ms is None
