"""The register's page from a broker alone: what the notifier says goes in, the page that a clinic signs comes out."""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pypdf import PdfReader

from homecall.contract.envelope import outgoing
from homecall.contract.events import ClinicPublished, JournalEntry
from homecall.contract.topics import CLINICS, JOURNAL
from homecall.contract.types import Event
from homecall.operations.kafka import Message, send
from homecall.runtime.settings import load_settings
from tests.contract.goldens import examples
from tests.infrastructure import stack
from tests.infrastructure.forked import homecall as run

CLINIC = ClinicPublished.model_validate(examples("valid", ("clinic.published",))[0].data)
FIRST, AT_THE_DAY_S_END, REFUSED = (
    JournalEntry.model_validate(example.data) for example in examples("valid", ("journal.entry",))
)
DAY = FIRST.register_date.isoformat()


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: bytes
    said: str


def homecall(bootstrap: str, *arguments: str) -> Done:
    """The command, as its user runs it: with the address of a broker, and nothing else."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
    done = run(*arguments, env=env | {"HOMECALL_KAFKA_BOOTSTRAP": bootstrap})
    return Done(done.returncode, done.stdout, done.stderr.decode())


def say(bootstrap: str, events: Iterable[Event]) -> None:
    """Put events on their topics as the notifier and the clinic do."""
    messages = []
    for place, event in enumerate(events):
        out = outgoing(event, service="notifier", causation_id=str(place), time=f"{DAY}T09:{place:02}:00+05:00")
        messages.append(Message(out.topic, out.key.encode(), out.value, tuple(out.headers())))
    sent = asyncio.run(send(load_settings(kafka_bootstrap=bootstrap), messages))
    assert not [place for place in sent if isinstance(place, str)]


@pytest.fixture
def bootstrap(kafka: stack.Server) -> str:
    """A broker with empty topics of clinics and registers."""
    stack.recreate_topics(kafka.address, {topic.name: topic.partitions for topic in (CLINICS, JOURNAL)})
    return kafka.address


def test_the_page_of_a_clinic_s_day_in_every_format(bootstrap: str, tmp_path: Path) -> None:
    elsewhere = FIRST.model_copy(update={"clinic_id": "tumanny-2", "patient_name": "Другой Пациент"})
    late = FIRST.model_copy(update={"patient_name": "Прежнее Имя"})
    # A lower revision that comes late is history.
    say(bootstrap, [CLINIC, FIRST, REFUSED, elsewhere, AT_THE_DAY_S_END, late])

    done = homecall(bootstrap, "journal", CLINIC.clinic_id, DAY, "--format", "csv", "--language", "ru")
    assert (done.code, done.said) == (0, "numbers without an entry: 1-16: print it again once they are there\n")
    head, accepted, refused = csv.reader(io.StringIO(done.out.decode("utf-8-sig"), newline=""), delimiter=";")
    named = dict(zip(head, accepted, strict=True))
    assert (named["№"], named["ФИО пациента"], named["Исход"]) == ("17", FIRST.patient_name, "осмотрен")
    assert (named["Врач"], named["Время записи ответа"]) == ("Левченко Артём Витальевич", f"{DAY} 09:01:00")
    assert dict(zip(head, refused, strict=True))["Причина отказа"] == "вне времени приёма вызовов"

    page = homecall(bootstrap, "journal", CLINIC.clinic_id, DAY, "--format", "html").out.decode()
    assert CLINIC.name.kk in page
    assert "Прежнее Имя" not in page
    assert "Другой Пациент" not in page

    file = tmp_path / "page.pdf"
    done = homecall(bootstrap, "journal", CLINIC.clinic_id, DAY, "-o", str(file))
    assert (done.code, done.out) == (0, b"")
    (sheet,) = PdfReader(file).pages
    assert FIRST.patient_name.split()[0] in sheet.extract_text()
    assert homecall(bootstrap, "journal", CLINIC.clinic_id, DAY).out == file.read_bytes()


def test_a_record_that_is_no_entry_is_counted_and_the_rest_is_written(bootstrap: str) -> None:
    say(bootstrap, [AT_THE_DAY_S_END])
    settings = load_settings(kafka_bootstrap=bootstrap)
    asyncio.run(send(settings, [Message(JOURNAL.name, CLINIC.clinic_id.encode(), b"no json")]))
    done = homecall(bootstrap, "journal", CLINIC.clinic_id, DAY, "--format", "csv")
    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert "1 record of samal-3 could not be read" in done.said


def test_a_day_without_entries_is_one_line(bootstrap: str, tmp_path: Path) -> None:
    say(bootstrap, [FIRST])
    file = tmp_path / "page.pdf"
    for clinic, day in ((CLINIC.clinic_id, "2026-11-24"), ("tumanny-2", DAY)):
        done = homecall(bootstrap, "journal", clinic, day, "-o", str(file))
        assert (done.code, done.out) == (1, b"")
        assert done.said == f"homecall: {clinic} has no entries for {day} in {JOURNAL.name}\n"
    assert not file.exists()


def test_a_broker_that_is_away_is_one_line() -> None:
    done = homecall("127.0.0.1:1", "journal", CLINIC.clinic_id, DAY, "--format", "csv")
    assert (done.code, done.out) == (1, b"")
    assert done.said == "homecall: Kafka at 127.0.0.1:1 (HOMECALL_KAFKA_BOOTSTRAP): KafkaConnectionError\n"
