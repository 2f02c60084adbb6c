"""What the head of a clinic sees of its complaints, and a complaint's file."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from homecall.contract.envelope import Record
from homecall.contract.topics import CLINICS
from homecall.operations.complaint import file_of, text_of
from homecall.operations.complaints import Listed, as_csv, clinic_among, listed, missed_line, print_complaints, summary
from homecall.operations.life import Known, life
from homecall.standard.rules import load_rule_sets
from services.complaints.domain.state import ComplaintState, Held, Sealed
from services.complaints.store import ComplaintStore
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
from tests.unit.complaints.office import Office
from tests.unit.complaints.test_matters import (
    CALL,
    OTHER_IIN,
    SECOND,
    VAULT,
    accepted,
    an_office,
    closed,
    complaint,
    deadline,
    second,
    status,
)

CLINIC = clinic()
RULES = load_rule_sets()


def numbered(n: int) -> str:
    return f"{n:08}-0000-4000-8000-000000000000"


async def full_office() -> Office:
    """Complaints in every stand: see ``ORDER``, in which the head sees them on the first of December."""
    office = an_office()

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
    rows = await the_list(await full_office())
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
    office = an_office()
    await office.hear(complaint())
    states = await office.store.of_clinic("samal-3")
    closed_on = clinic(closed_dates=["2026-11-26"])
    morning = at("Wed 2026-11-25 09:00")
    (here,) = listed(states, morning, CLINIC, RULES)
    (there,) = listed(states, morning, closed_on, RULES)
    assert (here.left, there.left) == (4, 3)
    assert here.due_on == there.due_on, "the term that was told stands"


async def test_one_whose_signature_cannot_be_checked_is_in_the_list() -> None:
    held = Held(
        kept=Sealed(cause="-", record={}),
        try_again_at=at("Tue 2026-11-24 09:42"),
        tries=1,
        stage="clinic",
        started_at=at("Tue 2026-11-24 09:40"),
        approaching_at=None,
        due_at=at("Mon 2026-11-30 20:00"),
        limit_seconds=1,
        said="",
    )
    state = ComplaintState(COMPLAINT, "samal-3", "held", channel="portal", held=held)
    (row,) = listed([state], at("Wed 2026-11-25 09:00"), CLINIC, RULES)
    assert (row.status, row.left, row.open, row.number) == ("held", 4, True, "")


async def test_linked_ones_are_one_matter_and_each_names_the_other() -> None:
    office = an_office()
    await office.hear(complaint(), second("Tue 2026-11-24 09:40"))
    await office.hear(incoming("complaint.submitted", submission("Tue 2026-11-24 09:40", complaint_id=numbered(3))))
    rows = await the_list(office)
    assert {row.number: row.linked for row in rows} == {"2026-1": ("2026-2",), "2026-2": ("2026-1",), "2026-3": ()}
    assert summary(rows) == "complaints: 3, about 2 matters; 3 open, 3 overdue"


async def test_csv_is_guarded_and_whole() -> None:
    office = an_office()
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
    print_complaints(await the_list(await full_office()))
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
    office = an_office()
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
    office = an_office(by_names=True)
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
    office = an_office()
    await office.hear(complaint(text=""))
    text = text_of(await the_file(office))
    assert "refused as invalid_complaint: text must not be empty" in text


async def test_a_requests_life_shows_the_complaints_about_it() -> None:
    office = an_office()
    await office.hear(complaint())
    kept = await ComplaintStore(office.database).complaints.find({})
    steps = life(Known(complaints=kept))
    assert [(each["step"], each["status"]) for each in steps] == [
        ("complaint.status-changed", "delivered"),
        ("complaint.status-changed", "registered"),
    ]
    assert (steps[1]["incoming_number"], steps[1]["service"]) == ("2026-1", "complaints")
