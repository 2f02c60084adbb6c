"""Complaints as their head has them: services and commands on a real broker and database (C10.2, C10.4, C10.6)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.factories import MONDAY, a_clinic, iin
from tests.infrastructure.forked import homecall as run
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld

CLINIC = "samal-3"
REQUEST = "3b1f8e52-6c4d-4a7e-9b0a-1d2e3f405162"
FIRST, SECOND, OTHER, BROKEN = (f"{n}{n}1f8e52-6c4d-4a7e-9b0a-1d2e3f405162" for n in "abcd")
DINARA = {"full_name": "Сағынтай Динара", "iin": iin(7), "language": "kk", "postal_address": "Алматы, Тал көшесі, 9"}
ASEL = {"full_name": "Тұрсынова Әсел", "position": "Кеңсе маманы"}
YERZHAN = {"full_name": "Нұрпейіс Ержан", "position": "Бас дәрігердің орынбасары"}
STAMPED = (MONDAY + timedelta(minutes=3)).isoformat()


def a_complaint(complaint_id: str, **over: Any) -> dict[str, Any]:
    return {
        "complaint_id": complaint_id,
        "clinic_id": CLINIC,
        "addressed_to": "clinic",
        "channel": "in_person",
        "request_id": REQUEST,
        "submitted_at": STAMPED,
        "complainant": DINARA,
        "text": "Дәрігердің уақытын кеш айтты.",
        "received_by": ASEL,
        "answer_by": "post",
    } | over


def an_accepted_call() -> dict[str, Any]:
    at = MONDAY.isoformat()
    return {
        "request_id": REQUEST,
        "clinic_id": CLINIC,
        "channel": "phone",
        "register_date": MONDAY.date().isoformat(),
        "register_number": 1,
        "submitted_at": at,
        "accepted_at": at,
        "clock_started_at": at,
        "due_at": (MONDAY + timedelta(minutes=10)).isoformat(),
        "visit_date": MONDAY.date().isoformat(),
        "patient": {"full_name": "Сағынтай Динара", "language": "kk"},
    }


def a_missed_answer() -> dict[str, Any]:
    return {
        "subject_kind": "request",
        "subject_id": REQUEST,
        "clinic_id": CLINIC,
        "deadline": "answer",
        "channel": "phone",
        "started_at": MONDAY.isoformat(),
        "due_at": (MONDAY + timedelta(minutes=10)).isoformat(),
        "limit_seconds": 600,
        "stage": "registered",
    }


@pytest.fixture(scope="module")
def world(new_world: NewWorld) -> Iterator[World]:
    """A clinic with a call that was not answered in time, two complaints about it, one about nothing, one broken."""
    with new_world() as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        world.publish("request.accepted", an_accepted_call())
        world.publish("deadline.missed", a_missed_answer())
        world.start("complaints")
        world.settle()
        world.publish(
            "complaint.submitted",
            a_complaint(FIRST),
            a_complaint(SECOND, text="Жауап әлі жоқ.", answer_by="by_hand"),
            a_complaint(OTHER, request_id=None, complainant={"full_name": "Мельник Павел", "language": "ru"}),
            a_complaint(BROKEN, text=""),
        )
        about = {"clinic_id": CLINIC, "at": (MONDAY + timedelta(minutes=4)).isoformat()}
        named = {"executor": YERZHAN, "assigned_by": ASEL}
        world.publish(
            "complaint.assigned",
            *({"complaint_id": each, **about, **named} for each in (FIRST, OTHER)),
        )
        answer = {"text": "Шағым негізді.", "decision": "upheld", "sent_by": "post"}
        world.publish("complaint.answered", {"complaint_id": FIRST, **about, **answer})
        world.settle()
        yield world


def homecall(world: World, *arguments: str) -> tuple[int, bytes, str]:
    """A command as its user runs it: its exit code, its output, and what it said besides."""
    done = run(*arguments, env=world.env)
    return done.returncode, done.stdout, done.stderr.decode()


def rows(world: World, *arguments: str) -> tuple[dict[str, dict[str, str]], str]:
    code, out, said = homecall(world, "complaints", CLINIC, "--format", "csv", *arguments)
    assert code == 0, said
    found = csv.DictReader(io.StringIO(out.decode().removeprefix("\ufeff")), delimiter=";")
    return {each["complaint_id"]: each for each in found}, said


def test_the_list_in_both_formats_and_the_answers_that_were_missed(world: World) -> None:
    found, said = rows(world)
    assert set(found) == {FIRST, SECOND, OTHER}
    assert sorted(each["number"] for each in found.values()) == ["2026-1", "2026-2", "2026-3"]
    assert found[FIRST]["linked"] == found[SECOND]["number"]
    assert found[SECOND]["linked"] == found[FIRST]["number"]
    assert (found[OTHER]["executor"], found[OTHER]["linked"]) == (YERZHAN["full_name"], "")
    assert found[SECOND]["days_left"] == "5"
    assert "complaints: 3, about 2 matters; 2 open, 0 overdue" in said
    assert f"{MONDAY:%Y-%m}: 1" in said

    still_open, _ = rows(world, "--open")
    assert set(still_open) == {SECOND, OTHER}

    code, out, said = homecall(world, "complaints", CLINIC)
    table = out.decode()
    assert (code, said) == (0, "")
    for shown in ("2026-1", "answered", YERZHAN["full_name"], "2 open, 0 overdue", f"{MONDAY:%Y-%m}: 1"):
        assert shown in table
    assert DINARA["full_name"] not in table


def test_the_file_of_a_complaint_with_its_call_and_its_link(world: World) -> None:
    code, out, said = homecall(world, "complaint", FIRST.upper(), "--json")
    assert (code, said) == (0, "")
    file = json.loads(out)
    assert [each["status"] for each in file["statuses"]] == ["delivered", "registered", "assigned", "answered"]
    assert [each["complaint_id"] for each in file["linked"]] == [SECOND]
    assert {each["deadline"]: each["verdict"] for each in file["call"]["deadlines"]} == {
        "answer": "missed",
        "visit": "open",
    }
    told = {each.key: each.data.get("linked_complaints") for each in world.heard("complaint.status-changed")}
    # Each was stored before either was numbered, and of two replicas' two at least one finds the other.
    assert (told[FIRST], told[SECOND]) in (([SECOND], [FIRST]), (None, [FIRST]), ([SECOND], None))
    code, out, _ = homecall(world, "explain", "--request", REQUEST)
    assert code == 0
    assert f"complaint_id {SECOND}" in out.decode()


@pytest.mark.parametrize(
    ("language", "kind", "form", "title"),
    [
        ("kk", "receipt", "pdf", "Шағымның тіркелгенін растау"),
        ("kk", "reply", "html", "Шағымға жауап"),
        ("ru", "receipt", "html", "Подтверждение регистрации жалобы"),
        ("ru", "reply", "pdf", "Ответ на жалобу"),
    ],
)
def test_receipt_and_reply_to_print(
    world: World, tmp_path: Path, language: str, kind: str, form: str, title: str
) -> None:
    file = tmp_path / f"{kind}.{form}"
    arguments = ("--document", kind, "--language", language, "--format", form, "-o", str(file))
    assert homecall(world, "complaint", FIRST, *arguments) == (0, b"", "")
    text = file.read_text() if form == "html" else PdfReader(file).pages[0].extract_text()
    assert title in text
    assert DINARA["full_name"] in text


def test_what_is_not_there_is_said_in_one_line(world: World) -> None:
    for arguments, why in (
        (("complaint", OTHER, "--document", "reply", "--format", "html"), "has no answer at stage clinic yet"),
        (("complaint", BROKEN, "--document", "receipt", "--format", "html"), "was refused as invalid_complaint"),
        (
            ("complaint", FIRST, "--document", "reply", "--format", "html", "--stage", "2"),
            "--stage: the complaint has 1",
        ),
        (("complaint", REQUEST), f"no complaint {REQUEST} is known"),
        (("complaints", "no-such-clinic"), "no-such-clinic has not been published"),
    ):
        code, out, said = homecall(world, *arguments)
        assert (code, out) == (1, b"")
        assert said.startswith("homecall: ")
        assert why in said
        assert said.count("\n") == 1


def test_a_missed_answer_is_in_the_metrics_and_opened_no_complaint(world: World) -> None:
    (process,) = world.processes

    def counted() -> bool:
        return 'homecall_answers_missed_this_month{channel="phone"} 1.0' in process.get("/metrics")[1]

    world.wait(counted, "the gauge of missed answers")
    assert {each.data["complaint_id"] for each in world.heard("complaint.status-changed")} == {
        FIRST,
        SECOND,
        OTHER,
        BROKEN,
    }
